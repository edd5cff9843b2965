import { join } from 'node:path'
import { assert, suite } from '../harness.ts'
import { noFaults } from '../../lib/testing/sim/faults.ts'
import type { SeedResult } from '../../lib/testing/sim/run.ts'
import { Account } from './ledger/account.ts'
import { coreHash } from './ledger/core-hash.ts'
import { changeLedger, readLedger } from './ledger/file.ts'
import { Ledger } from './ledger/ledger.ts'
import type { Entry } from './ledger/ledger.ts'
import { countOf, holds, joined, overlap, rangesOf } from './ledger/ranges.ts'
import type { Range } from './ledger/ranges.ts'

const test = suite('sim: ledger')

function entry(core: string, date: string, seeds: readonly Range[]): Entry {
  const count = countOf(seeds)
  return {
    core, date, commit: 'c', seeds, failing: [], simulatedS: 100 * count, wallS: count, steps: 10 * count,
    commits: count, elections: count, faults: count, diff: count, trunc: count, snap: count,
  }
}

function resultOf(seed: number, check?: string): SeedResult {
  return {
    seed, simulatedMs: 2_500, endedMs: 2_500, steps: 7, asked: 1, commits: 3, elections: 2, acked: 1, expired: 0,
    faults: { ...noFaults(), crash: 2, pause: 3 }, syncs: { diff: 1, trunc: 0, snap: 4 }, reached: {}, freeze: null,
    fingerprint: 0,
    failure: check === undefined ? null : { check, message: check, trace: [] },
  }
}

test('ranges hold what was put into them, and no more', () => {
  const ranges = rangesOf([7, 3, 1, 2, 9, 8])
  assert.equal(ranges, [[1, 3], [7, 9]])
  assert.equal([0, 1, 3, 4, 6, 7, 9, 10].filter((seed) => holds(ranges, seed)), [1, 3, 7, 9])
  assert.is(countOf(ranges), 6)
  assert.equal(joined([[5, 9], [1, 20], [22, 23], [21, 21]]), [[1, 23]])
  assert.is(overlap(ranges, [[4, 6], [10, 12]]), false)
  assert.is(overlap(ranges, [[4, 7]]), true)
  assert.is(overlap([[1, 100]], [[50, 50]]), true)
})

test('a seed counts once for a state of the core', () => {
  const ledger = new Ledger()
  assert.is(ledger.add(entry('a', '1', [[1, 10]])), true)
  assert.is(ledger.add(entry('a', '2', [[10, 12]])), false, 'one of them was there')
  assert.is(ledger.add(entry('a', '2', [[11, 12]])), true)
  assert.is(ledger.add(entry('b', '3', [[1, 10]])), true, 'another core')
  assert.is(ledger.balance('a').seeds, 12)
  assert.is(ledger.balance('a').simulatedS, 1_200)
  assert.is(ledger.balance('a').runs, 2)
  assert.is(ledger.balance().seeds, 22)
  assert.is(ledger.balance('c').seeds, 0)
  assert.is(ledger.next, 13)
  assert.equal(ledger.cores, ['a', 'b'])
})

test('what a run adds piece by piece is one entry, and comes back from the file', () => {
  const ledger = new Ledger()
  ledger.add(entry('a', '1', [[1, 10]]))
  ledger.add({ ...entry('a', '1', [[11, 20]]), failing: [{ seed: 15, check: 'P1' }] })
  assert.is(ledger.balance('a').runs, 1)
  assert.equal(ledger.counted('a'), [[1, 20]])
  const again = Ledger.parse(ledger.text)
  assert.equal(again.balance('a'), ledger.balance('a'))
  assert.equal(again.balance('a').failing, [{ seed: 15, check: 'P1' }])
  assert.is(again.add(entry('a', '2', [[20, 20]])), false)
  assert.is(ledger.balance('a').busyS, 0, 'it is not known')
  for (const [from, quietS] of [[30, 40], [31, 7]] as const) {
    ledger.add({ ...entry('a', '3', [[from, from]]), quietS })
  }
  assert.equal([ledger.balance('a').busyS, ledger.balance('a').simulatedS], [153, 2_200])
  assert.is(Ledger.parse(ledger.text).balance('a').busyS, 153)
  ledger.add(entry('a', '3', [[32, 32]]))
  assert.is(ledger.balance('a').busyS, 0)
  assert.throws(() => Ledger.parse(ledger.text.replace('"steps":200', '"steps":null')), /spoiled/)
})

test('an account leaves out what was counted, before it began or meanwhile', (t) => {
  const path = join(t.tempFolder(), 'ledger.json')
  changeLedger(path, (ledger) => ledger.add(entry('a', '1', [[1, 2]])))
  const begun = { path, core: 'a', commit: 'c', date: new Date(1_000) }
  const account = new Account(begun, 0)
  const other = new Account({ ...begun, date: new Date(2_000) }, 0)
  for (const seed of [1, 2, 3, 4, 4]) account.add(resultOf(seed, seed === 4 ? 'P2' : undefined))
  account.save(60_000)
  let { seeds, simulatedS, wallS, faults, snap, failing } = readLedger(path).balance('a')
  assert.equal([seeds, simulatedS, wallS, faults, snap], [4, 205, 62, 12, 10])
  assert.equal(failing, [{ seed: 4, check: 'P2' }])
  for (const seed of [4, 5]) other.add(resultOf(seed))
  other.save(60_000)
  assert.is(readLedger(path).balance('a').seeds, 4, '4 is in it already')
  for (const seed of [4, 6]) other.add(resultOf(seed))
  other.save(120_000)
  account.save(120_000);
  ({ seeds, simulatedS, wallS, faults, snap, failing } = readLedger(path).balance('a'))
  assert.equal([seeds, simulatedS, wallS], [5, 207.5, 122])
  assert.equal(readLedger(path).counted('a'), [[1, 4], [6, 6]])
  assert.match(account.line, /2 seeds added for core a, 3 were there already/)
  assert.match(other.line, /1 seeds added for core a, 1 were there already, 2 were left out/)
})

test('an account tells how much of the time was quiet', (t) => {
  const path = join(t.tempFolder(), 'ledger.json')
  const account = new Account({ path, core: 'a', commit: 'c', date: new Date(1_000) }, 0)
  const freeze = { leaderTicks: null, writeTicks: 1, sent: 0, answered: 0, quietMs: 700, idleMs: 0 }
  for (const seed of [1, 2]) account.add({ ...resultOf(seed), freeze })
  account.add(resultOf(3))
  account.save(60_000)
  account.add({ ...resultOf(4), freeze })
  account.save(61_000)
  const { simulatedS, busyS } = readLedger(path).balance('a')
  assert.equal([simulatedS, busyS], [10, 7.9])
})

test('a state of the core is its code, with what it imports, and nothing else', () => {
  const files: Record<string, string> = {
    'lib/core/a.ts': "import { b } from '../other/b.ts'\nimport type { C } from './c.ts'\nexport const a: C = b + 1",
    'lib/other/b.ts': 'export const b = 1',
  }
  const hash = (changed: Record<string, string> = {}): string => coreHash({
    paths: ['lib/core/a.ts'], read: (path) => ({ ...files, ...changed })[path]!,
  })
  const text = files['lib/core/a.ts']!
  assert.is(hash({ 'lib/core/a.ts': `/** Why. */\n${text.replace(' + ', '  +  ').replace(': C', '')}` }), hash())
  assert.is.not(hash({ 'lib/core/a.ts': text.replace('1', '2') }), hash())
  assert.is.not(hash({ 'lib/other/b.ts': 'export const b = 2' }), hash())
  assert.match(coreHash(), /^[0-9a-f]{12}$/)
})

test.run()
