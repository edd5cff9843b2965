import { suite } from '../harness.ts'
import { findsEach } from './swarm-mutants.ts'

/** Known bugs that the random storms find within their first eight seeds. */
const test = suite('sim: swarm, early')

findsEach(test, {
  ackNewLeaderEarly: 1,
  ackTxnBeforeEpochMark: 2,
  applyBeyondDurable: 1,
  closeIgnoresOutstanding: 1,
  commitNeedsPostNewleaderProposal: 1,
  commitOldEpochByCount: 4,
  damagedVotes: 8,
  epochAtUpToDate: 1,
  epochBeforeHistory: 2,
  forwardToAckedOnly: 1,
  holeInServingCache: 1,
  informUncommitted: 1,
  proposeEpochUnsynced: 1,
  rejectEarlyAck: 1,
  serveBeforeApply: 7,
  snapInMemoryOnly: 2,
  snapSkipsOutstanding: 2,
  snapUnsynced: 2,
  snapshotUncommitted: 1,
  trustEmptyDisk: 7,
  unboundedSync: 2,
  voteFromTree: 1,
})

test.run()
