import { suite } from '../harness.ts'
import { findsEach } from './swarm-mutants.ts'

/** Known bugs that the random storms find within their first eight seeds. */
const test = suite('sim: swarm, early')

findsEach(test, 'whole', {
  ackNewLeaderEarly: 1,
  applyBeyondDurable: 1,
  closeIgnoresOutstanding: 1,
  commitNeedsPostNewleaderProposal: 1,
  epochAtUpToDate: 1,
  epochBeforeHistory: 2,
  forwardToAckedOnly: 1,
  holeInServingCache: 1,
  informUncommitted: 4,
  observersCount: 4,
  proposeEpochUnsynced: 1,
  rejectEarlyAck: 1,
  replayTwice: 1,
  serveBeforeApply: 4,
  snapInMemoryOnly: 2,
  snapshotUncommitted: 1,
  snapSkipsOutstanding: 4,
  snapUnsynced: 2,
  surviveFsyncError: 2,
  syncsLoseTxns: 1,
  trustEmptyDisk: 2,
  unboundedSync: 2,
  voteFromTree: 1,
  wrongPasswordTouches: 1,
})

findsEach(test, 'brief', {
  ackTxnBeforeEpochMark: 4,
  applyDuringTruncSync: 3,
  damagedVotes: 8,
  diffWithoutTrunc: 3,
  fuzzySnapshot: 4,
  movesForgotten: 6,
  neverRaises: 6,
  truncOneTooMany: 3,
})

test.run()
