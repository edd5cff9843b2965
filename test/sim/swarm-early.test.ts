import { suite } from '../harness.ts'
import { findsEach } from './swarm-mutants.ts'

/** Known bugs that the random storms find within their first six seeds. */
const test = suite('sim: swarm, early')

findsEach(test, [
  'proposeEpochUnsynced', 'ackTxnBeforeEpochMark', 'epochAtUpToDate', 'truncOneTooMany', 'commitOldEpochByCount',
  'snapInMemoryOnly', 'snapUnsynced', 'applyDuringTruncSync', 'applyBeyondDurable', 'surviveFsyncError',
  'snapshotUncommitted', 'holeInServingCache', 'snapSkipsOutstanding', 'informUncommitted',
])

test.run()
