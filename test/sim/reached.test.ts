import { readFileSync } from 'node:fs'
import { assert, suite } from '../harness.ts'
import { REACHED_BY_CASES, REACHED_BY_FULL, REACHED_BY_SLICE } from '../../lib/testing/sim/reached.ts'
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

/** The case by which each of what no storm comes to is reached. */
const CASES: Readonly<Record<string, string>> = {
  'sync: nothing in common': 'core/log.test.ts: each row of the decision table',
  'sync: hashes differ': 'core/log.test.ts: each row of the decision table',
  'sync: diverged below its snapshot': 'core/log.test.ts: each row of the decision table',
  'refused: another role': 'core/leading.test.ts: a member that calls itself something else is refused for good',
  'refused: the last epoch': 'core/leading.test.ts: a promise of the last epoch is damage, and is not raised to',
  'fatal: a truncation below what is applied':
    'core/leading.test.ts: told to truncate what it has applied, or sent a snapshot from before that, a peer stops',
  'fatal: a snapshot from before what is applied':
    'core/leading.test.ts: told to truncate what it has applied, or sent a snapshot from before that, a peer stops',
}

test('what no storm comes to has a case of its own', () => {
  assert.equal(Object.keys(CASES), REACHED_BY_CASES)
  for (const [what, named] of Object.entries(CASES)) {
    const [file, title] = named.split(': ') as [string, string]
    const text = readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')
    assert.ok(text.includes(`test('${title}'`), `${what}: ${file} has no case "${title}"`)
    assert.not.ok(REACHED_BY_FULL.includes(what), `${what} is in two lists`)
  }
})

test.run()
