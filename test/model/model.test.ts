/** A slice of bounded model checking, and that it sees the known bugs of the phases it searches. */
import { assert, suite } from '../harness.ts'
import { exposedCore } from './exposed-core.ts'
import { Search } from './search.ts'

const test = suite('model')
const core = await exposedCore()

test('one txn, from the end of an election: every order of deliveries and writes', () => {
  const search = new Search(core, 3, { txns: 1, crashes: 0, losses: 0, timeouts: 0 })
  const result = search.run({ established: false, states: 1_000_000, depth: 1_000, ms: 100_000 })
  assert.is(result.violation, null)
  assert.is(result.frontier, 0, 'complete')
  assert.ok(result.states > 3_000, `${result.states} states`)
}, { timeoutMs: 120_000 })

test('one txn, one crash, one lost link: the first ten thousand states', () => {
  const search = new Search(core, 3, { txns: 1, crashes: 1, losses: 1, timeouts: 0 })
  const result = search.run({ established: true, states: 10_000, depth: 1_000, ms: 100_000 })
  assert.is(result.violation, null)
  assert.ok(result.states >= 10_000)
}, { timeoutMs: 120_000 })

test('two txns, two crashes, two lost links: random walks', () => {
  const search = new Search(core, 3, { txns: 2, crashes: 2, losses: 2, timeouts: 1 })
  const result = search.walk({ established: false, states: 5_000, depth: 300, ms: 100_000 }, 1)
  assert.is(result.violation, null)
  assert.ok(result.states >= 5_000)
}, { timeoutMs: 120_000 })

/** Found breadth first: on a shortest path. */
const SHALLOW: Readonly<Record<string, readonly string[]>> = {
  ackNewLeaderEarly: ['D2'], epochAtUpToDate: ['D2'], proposeEpochUnsynced: ['D2'], snapshotUncommitted: ['P16'],
  readTailBeforeDrain: ['D2', 'D5'],
}

/** Found by random walks. */
const DEEP: Readonly<Record<string, readonly string[]>> = {
  epochBeforeHistory: ['P15', 'P12'], ackTxnBeforeEpochMark: ['D2'], applyBeyondDurable: ['P16'],
  holeInServingCache: ['A2', 'L1'], truncOneTooMany: ['A1', 'P13', 'P15'], diffWithoutTrunc: ['P15', 'A1', 'D4'],
  voteFromTree: ['L1', 'P12', 'D4', 'A2'], commitNeedsPostNewleaderProposal: ['A2'], rejectEarlyAck: ['A2', 'L1'],
  forwardToAckedOnly: ['A2'], applyDuringTruncSync: ['D5', 'D4', 'P16'], refuseEpochMismatch: ['A1'],
  commitOldEpochByCount: ['D3', 'P12', 'P2'],
}

for (const [mutants, isDeep] of [[SHALLOW, false], [DEEP, true]] as const) {
  for (const [mutant, seenBy] of Object.entries(mutants)) {
    test(`${mutant} is found ${isDeep ? 'by random walks' : 'breadth first'}`, () => {
      const bounds = isDeep ? { txns: 2, crashes: 2, losses: 2, timeouts: 0 }
        : { txns: 1, crashes: 1, losses: 1, timeouts: 0 }
      const search = new Search(core, 3, bounds, mutant)
      const limits = { established: false, states: 100_000, depth: 200, ms: 100_000 }
      const { violation } = isDeep ? search.walk(limits, 1) : search.run(limits)
      assert.ok(violation !== null, 'nothing was seen')
      assert.ok(seenBy.includes(violation.check), violation.message)
    }, { timeoutMs: 120_000 })
  }
}

test.run()
