/** Seeds that are bred for what they reach (correctness plan, F.1). */
import { assert, suite } from '../harness.ts'
import { bred } from '../../lib/testing/sim/breed.ts'
import type { Change } from '../../lib/testing/sim/breed.ts'
import { Coverage } from '../../lib/testing/sim/coverage.ts'
import type { Covered } from '../../lib/testing/sim/coverage.ts'
import { drawRun } from '../../lib/testing/sim/reduction.ts'
import type { Reduction } from '../../lib/testing/sim/reduction.ts'
import { play } from '../../lib/testing/sim/run.ts'
import { shrink } from '../../lib/testing/sim/shrink.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'
import { Breeder } from './breeder.ts'
import type { Job } from './breeder.ts'

const test = suite('sim: breeder')
const codec = makeTxnCodec()
const LIMIT = { limitMs: 15_000 }

test('each kind of change makes another run, the same each time, also out of its JSON', () => {
  const changes: readonly Change[] = [
    { of: 'dice', at: 0, dice: 77 }, { of: 'moment', at: 0, atMs: 1_234 }, { of: 'kind', at: 0, kind: 'crash' },
    { of: 'fault', atMs: 5_000, kind: 'crash', dice: 5 }, { of: 'part', part: 'disk', seed: 8 },
    { of: 'part', part: 'network', seed: 8 }, { of: 'part', part: 'limits', seed: 11 },
    { of: 'part', part: 'clients', seed: 8 }, { of: 'salt', salt: 9 },
  ]
  const seed = 3
  const plain = drawRun(seed)
  assert.ok(plain.faults[0]!.atMs < LIMIT.limitMs && plain.faults[0]!.kind !== 'crash')
  const prints = new Set([play(plain, codec, LIMIT).fingerprint])
  for (const change of changes) {
    const only = JSON.parse(JSON.stringify({ bred: [change] })) as Reduction
    const [one, again] = [0, 1].map(() => play(drawRun(seed, undefined, only), codec, LIMIT).fingerprint)
    assert.is(one, again)
    assert.not(prints.has(one!), JSON.stringify(change))
    prints.add(one!)
  }
})

test('changes happen one after the other, and what they name may be gone', () => {
  const { plan, faults } = drawRun(3)
  const added = { atMs: 1, kind: 'crash', dice: 5 } as const
  const changes: readonly Change[] = [
    { of: 'fault', ...added }, { of: 'dice', at: faults.length, dice: 6 }, { of: 'dice', at: 10_000, dice: 7 },
    { of: 'salt', salt: 3 }, { of: 'salt', salt: 5 },
  ]
  const made = bred(plan, faults, changes)
  assert.equal(made.faults[0], { ...added, dice: 6 })
  assert.equal(made.faults.slice(1), faults)
  assert.is(made.salt, 6)
})

test('coverage changes nothing, and tells phases, messages and verdicts apart', () => {
  const coverage = new Coverage()
  assert.is(play(drawRun(3), codec, { ...LIMIT, coverage }).fingerprint, play(drawRun(3), codec, LIMIT).fingerprint)
  const { paths, states } = coverage.covered
  const other = new Coverage()
  play(drawRun(4), codec, { ...LIMIT, coverage: other })
  const alone = other.covered.paths.filter((path) => !paths.includes(path))
  assert.ok(paths.length > 50 && states.length > 10, `${paths.length} paths, ${states.length} states`)
  assert.ok(alone.length > 0 && alone.length < other.covered.paths.length, `${alone.length} of the other alone`)
})

/** A run that has climbed so many steps: each takes one change of the right kind after all others. */
function climbed({ bred: changes = [] }: Job): Covered {
  let steps = 0
  for (const { of } of changes) if (of === (steps % 2 === 0 ? 'salt' : 'dice')) steps++
  return { paths: Array.from({ length: steps + 1 }, (_, step) => step), states: [] }
}

test('what no seed reaches is reached by changing one draw after the other', () => {
  const breeder = new Breeder(1)
  let [runs, fresh] = [0, 0]
  for (; breeder.paths < 7 && runs < 5_000; runs++) {
    const job = breeder.next()
    if (job.bred === undefined) fresh++
    breeder.learn(job, climbed(job))
  }
  assert.is(breeder.paths, 7, `after ${runs} runs`)
  assert.ok(fresh > runs / 8, 'new seeds come all the same')
  assert.ok(breeder.line.includes('7 paths'))
  assert.equal([breeder.counts['bred: seeds kept'], breeder.counts['bred: paths found by changed seeds']], [7, 6])
})

test('only what reached something new is bred from', () => {
  const breeder = new Breeder(1)
  const first = breeder.next()
  assert.equal(first, { seed: 1 })
  assert.ok(breeder.learn(first, { paths: [1, 2], states: [5] }))
  assert.not(breeder.learn({ seed: 2 }, { paths: [2, 1], states: [5] }))
  assert.ok(breeder.learn({ seed: 2 }, { paths: [3], states: [] }))
  const calm = Array.from({ length: 500 }, (_, seed) => seed).find((seed) => drawRun(seed).plan.ending === 'no faults')!
  assert.not(breeder.learn({ seed: calm }, { paths: [4], states: [] }), 'where there are no faults there must be none')
})

test('a failing seed that was bred is reduced as any other', () => {
  const change: Change = { of: 'salt', salt: 4_711 }
  const shrunk = shrink(12, 'damagedVotes', codec, 12, { bred: [change] })
  if (shrunk === null) throw new Error('the bug is not seen')
  assert.equal(shrunk.reduction.bred, [change])
  const again = play(drawRun(12, 'damagedVotes', shrunk.reduction), codec)
  assert.is(again.failure?.check, shrunk.result.failure?.check)
}, { timeoutMs: 120_000 })

test.run()
