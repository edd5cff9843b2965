import { suite } from '../harness.ts'
import { findsEach } from './swarm-mutants.ts'

/** Known bugs that the random storms find within their first eight seeds. */
const test = suite('sim: swarm, early')

findsEach(test, {
  ackNewLeaderEarly: 1,
  ackTxnBeforeEpochMark: 7,
  applyBeyondDurable: 1,
  applyDuringTruncSync: 8,
  closeIgnoresOutstanding: 1,
  commitNeedsPostNewleaderProposal: 1,
  commitOldEpochByCount: 1,
  diffWithoutTrunc: 8,
  epochAtUpToDate: 1,
  epochBeforeHistory: 7,
  forwardToAckedOnly: 1,
  holeInServingCache: 1,
  informUncommitted: 7,
  proposeEpochUnsynced: 1,
  rejectEarlyAck: 1,
  serveBeforeApply: 1,
  snapInMemoryOnly: 1,
  snapSkipsOutstanding: 1,
  snapUnsynced: 1,
  snapshotUncommitted: 1,
  surviveFsyncError: 4,
  truncOneTooMany: 8,
  unboundedSync: 1,
  voteFromTree: 1,
})

test.run()
