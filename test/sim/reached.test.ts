import { assert, suite } from '../harness.ts'
import { REACHED_BY_FULL, REACHED_BY_SLICE } from '../../lib/testing/sim/reached.ts'
import type { SeedResult } from '../../lib/testing/sim/run.ts'
import { Totals } from './totals.ts'

/** What a run of many seeds must have come to: whatever is left out of it is named. */
const test = suite('sim: reached')

function totalsOf(reached: Readonly<Record<string, number>>): Totals {
  const totals = new Totals()
  totals.add({
    seed: 1, simulatedMs: 1, endedMs: 1, steps: 1, asked: 1, commits: 1, elections: 1, acked: 1, expired: 0,
    faults: {} as SeedResult['faults'], syncs: { diff: 0, trunc: 0, snap: 0 }, fingerprint: 0, failure: null,
    freeze: null, reached,
  })
  return totals
}

test('every row of the gate table that a message or an act waits for is asked of 200 seeds, or of 5,000', () => {
  const rows = REACHED_BY_FULL.filter((what) => what.startsWith('gate: '))
  assert.is(rows.length, 13)
  assert.is(rows.filter((what) => !REACHED_BY_SLICE.includes(what)).join(), 'gate: followerInfo waits')
  assert.is(new Set(REACHED_BY_FULL).size, REACHED_BY_FULL.length)
})

test('what was never reached is named', () => {
  const all = Object.fromEntries(REACHED_BY_FULL.map((what) => [what, 1]))
  assert.equal(totalsOf(all).unreached(REACHED_BY_FULL), [])
  const { 'sync: diverged': _, ...rest } = all
  assert.equal(totalsOf(rest).unreached(REACHED_BY_FULL), ['sync: diverged'])
})

test.run()
