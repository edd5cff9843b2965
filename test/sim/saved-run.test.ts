import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { drawRun } from '../../lib/testing/sim/reduction.ts'
import type { Run } from '../../lib/testing/sim/reduction.ts'
import { play } from '../../lib/testing/sim/run.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'
import { assert, suite } from '../harness.ts'
import { readRun, saveRun } from './saved-run.ts'

const test = suite('sim: saved runs')
const FOUND = new URL('found/', import.meta.url).pathname
const codec = makeTxnCodec()

test('a run that is kept and read is the same', (t) => {
  const run = drawRun(3)
  const path = join(t.tempFolder(), 'run.json')
  const saved = { what: 'nothing', check: 'P1', commit: '0', run }
  saveRun(path, saved)
  assert.equal(readRun(path), saved)
})

function withoutBug({ plan, faults }: Run): Run {
  const { mutant: _, ...world } = plan.world
  return { plan: { ...plan, world }, faults }
}

for (const name of readdirSync(FOUND)) {
  test(`${name}: the bug is seen, and nothing without it`, () => {
    const { check, run } = readRun(join(FOUND, name))
    assert.is(play(run, codec).failure?.check, check)
    assert.is(play(withoutBug(run), codec).failure, null)
  }, { timeoutMs: 120_000 })
}

test.run()
