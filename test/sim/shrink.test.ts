import { assert, suite } from '../harness.ts'
import type { Lanes } from '../../lib/testing/sim/lanes.ts'
import { drawRun } from '../../lib/testing/sim/reduction.ts'
import type { Reduction } from '../../lib/testing/sim/reduction.ts'
import { play } from '../../lib/testing/sim/run.ts'
import type { SeedResult } from '../../lib/testing/sim/run.ts'
import { shrink } from '../../lib/testing/sim/shrink.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'

const test = suite('sim: shrink')

/** Requests. */
const LARGE = 200

test('a failing seed is reduced to a few faults and requests that fail by the same check', () => {
  const codec = makeTxnCodec()
  const mutant = 'surviveFsyncError'
  // What is left of seed 6 has six clients.
  let seed = 11
  // One that fails after many requests has something to lose.
  const isLarge = ({ failure, asked }: SeedResult): boolean => failure !== null && asked >= LARGE
  while (!isLarge(play(drawRun(seed, mutant), codec))) assert.ok(++seed < 60, 'no seed sees the bug')
  const whole = drawRun(seed, mutant)
  const shrunk = shrink(seed, mutant, codec, 150)
  assert.ok(shrunk !== null)
  const { reduction, result } = shrunk
  const before = play(whole, codec)
  assert.is(result.failure?.check, before.failure?.check)
  const run = drawRun(seed, mutant, JSON.parse(JSON.stringify(reduction)))
  assert.ok(run.faults.length * 3 <= whole.faults.length, `${run.faults.length} of ${whole.faults.length} faults`)
  assert.ok(result.asked * 3 <= before.asked, `${result.asked} of ${before.asked} requests`)
  assert.ok(result.endedMs < before.endedMs, `${result.endedMs} of ${before.endedMs} ms`)
  assert.ok(run.plan.world.clients <= 3, `${run.plan.world.clients} clients`)
  assert.ok(run.faults.every(({ share = 1 }) => share < 1), 'each of them was made shorter')
  const again = play(run, codec)
  assert.is(again.failure?.message, result.failure?.message, 'what is printed replays it')
  assert.is(again.fingerprint, result.fingerprint)
  assert.is(play(drawRun(seed, undefined, reduction), codec).failure, null, 'without the bug nothing is wrong')
}, { timeoutMs: 300_000 })

test('a fault that is made shorter lasts as much shorter, and begins when it did', () => {
  let seed = 1
  let at = -1
  for (; at < 0; seed++) at = drawRun(seed).faults.findIndex(({ kind }) => kind === 'pause')
  seed--
  const pauseOf = (brief: Reduction['brief']): [atMs: number, forMs: number] => {
    let found: Lanes | null = null
    const run = drawRun(seed, undefined, { faults: [at], ...(brief === undefined ? {} : { brief }) })
    play(run, makeTxnCodec(), { read: (lanes) => { found = lanes }, limitMs: run.faults[0]!.atMs + 1 })
    const line = (found as Lanes | null)?.lines(1_000).map((text) => / pause \d+ for (\d+)/.exec(text)).find(Boolean)
    assert.ok(line, 'it pauses')
    return [run.faults[0]!.atMs, Number(line[1])]
  }
  const [atMs, forMs] = pauseOf(undefined)
  const [briefAtMs, briefForMs] = pauseOf({ [at]: 0.1 })
  assert.is(briefAtMs, atMs)
  assert.ok(Math.abs(briefForMs - forMs / 10) <= 1, `${briefForMs} of ${forMs}`)
}, { timeoutMs: 60_000 })

test('a seed that does not fail is not reduced', () => {
  assert.is(shrink(38), null)
}, { timeoutMs: 60_000 })

test.run()
