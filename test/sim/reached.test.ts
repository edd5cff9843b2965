import { readFileSync } from 'node:fs'
import { assert, suite } from '../harness.ts'
import { LOOKS, REACHED_BY_CASES, REACHED_BY_FULL, REACHED_BY_SLICE, REASONS } from '../../lib/testing/sim/reached.ts'
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

test('the live line and the table say how many there are, and how many of them were reached', () => {
  const all = REACHED_BY_FULL.length
  const totals = totalsOf({ 'sync: equal': 3, 'sync: empty': 1, 'sync: nothing in common': 1, [LOOKS]: 9 })
  assert.match(totals.line(1_000, 1), `1 elections, 2/${all} states, `)
  const again = totalsOf({ 'sync: equal': 3 })
  assert.match(again.line(1_000, 1), `, 1/${all} states, `)
  const row = again.table().find((line) => line.includes('states of those that are asked for'))
  assert.ok(row?.endsWith(` 1/${all}`), row ?? 'no such row')
})

const OUT = 'core/out-of-place.test.ts'

/** The case by which each of what no storm comes to is reached. */
const CASES: Readonly<Record<string, string>> = {
  'sync: nothing in common': 'core/log.test.ts: each row of the decision table',
  'sync: hashes differ': 'core/log.test.ts: each row of the decision table',
  'sync: diverged below its snapshot': 'core/log.test.ts: each row of the decision table',
  'resigned: its own storage does not count':
    `${OUT}: who was elected as a founder and hears of a history before it has chosen an epoch resigns`,
  'left: an epoch below the promise':
    `${OUT}: a learner leaves who proposes an epoch below what it has promised, or proposes one twice`,
  'left: a synchronization out of place':
    `${OUT}: a learner leaves who synchronizes it before it has promised, or twice`,
  'left: a diff from elsewhere': `${OUT}: a learner leaves who sends the difference to another log than it has`,
  'left: a snapshot chunk out of place':
    `${OUT}: a learner leaves who sends pieces of a snapshot that do not fit together, or say nothing`,
  'left: a snapshot chunk that cannot be read':
    `${OUT}: a learner leaves who sends pieces of a snapshot that do not fit together, or say nothing`,
  'left: a snapshot of another zxid':
    `${OUT}: a learner leaves who sends the snapshot of another zxid than it has announced`,
  'left: a proposal out of place':
    `${OUT}: a learner leaves who sends proposals before it synchronizes, within a snapshot, or of another epoch`,
  'left: a proposal that does not continue the log':
    `${OUT}: a learner leaves who sends a proposal with a gap, or one that does not continue its log`,
  'left: NEWLEADER out of place':
    `${OUT}: a learner leaves who says NEWLEADER too early, twice, within a snapshot, or of another epoch`,
  'dropped: an epoch ack out of place':
    `${OUT}: a leader drops who promises an epoch that it does not propose, or twice`,
  'dropped: an ack out of place': 'core/leading.test.ts: an ack of what was not sent ends the association',
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

/** Said where a known bug is switched on, and nowhere else. */
const BY_MUTANTS = ['a commit without its proposal', 'an ack before the ack of NEWLEADER']
/** No way in which a role ends, and what has another one of these behind it. */
const NO_ENDS = ['started', 'resigned: 7', 'the leader refused: 7']

const TEXT = String.raw`(['\`])((?:(?!\1).)+)\1`

/** Every text with which the core ends a role, refuses somebody or drops him, read from its source. */
function endings(): string[] {
  const found: string[] = []
  /** `others`: so many places of that kind have no text of their own, such as where it is declared. */
  const read = (file: string, place: string, others: number, prefix: string): void => {
    const source = readFileSync(new URL(`../../lib/core/${file}`, import.meta.url), 'utf8')
    const texts = Array.from(source.matchAll(new RegExp(place + TEXT, 'g')), (match) => match[2]!)
    const places = Array.from(source.matchAll(new RegExp(place, 'g'))).length
    assert.is(places - texts.length, others, `${file}: ${place} without a text`)
    assert.ok(texts.length > 0, `${file}: ${place}`)
    for (const text of texts) found.push(prefix + text.replaceAll(/\$\{[^}]*\}/g, '7'))
  }
  const refused = 'the leader refused: '
  read('zab/leader.ts', String.raw`#resign\(`, 1, 'resigned: ')
  read('zab/leader.ts', String.raw`#refuse\(peer, info\.join, '\w+', `, 1, refused)
  read('zab/leader.ts', 'const reason = ', 0, refused)
  read('zab/leader.ts', String.raw`#remove\((?=\w+, ')\w+, `, 0, 'peer 7 is dropped: ')
  read('zab/learner.ts', String.raw`#abandon\(`, 1, '')
  read('zab/learner.ts', String.raw`fatal\('StorageDamaged', `, 0, '')
  read('zab/early-joins.ts', 'reason: ', 0, refused)
  read('replica.ts', String.raw`#look\(`, 2, '')
  return found
}

test('each way in which a role ends has a name, and each name is asked of storms or of a case', () => {
  const texts = endings().filter((text) =>
    !NO_ENDS.includes(text) && BY_MUTANTS.every((one) => !text.endsWith(one)))
  for (const text of texts) {
    const names = REASONS.filter(([pattern]) => pattern.test(text)).map(([, name]) => name)
    assert.is(names.length, 1, `"${text}" is ${names.join(' and ') || 'nothing that is counted'}`)
  }
  for (const [, name] of REASONS) {
    const lists = [REACHED_BY_FULL, REACHED_BY_CASES].filter((list) => list.includes(name))
    assert.is(lists.length, 1, `${name} is in ${lists.length} lists`)
  }
})

test.run()
