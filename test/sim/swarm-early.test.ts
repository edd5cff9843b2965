import { suite } from '../harness.ts'
import { findsEach } from './swarm-mutants.ts'

/** Known bugs that the random storms find within their first six seeds. */
const test = suite('sim: swarm, early')

findsEach(test, {
  proposeEpochUnsynced: 1,
  ackTxnBeforeEpochMark: 1,
  epochAtUpToDate: 1,
  truncOneTooMany: 1,
  commitOldEpochByCount: 1,
  snapInMemoryOnly: 1,
  snapUnsynced: 1,
  applyDuringTruncSync: 1,
  applyBeyondDurable: 1,
  surviveFsyncError: 1,
  snapshotUncommitted: 1,
  holeInServingCache: 1,
  snapSkipsOutstanding: 1,
  informUncommitted: 1,
})

test.run()
