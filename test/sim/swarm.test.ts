import { suite } from '../harness.ts'
import { findsEach } from './swarm-mutants.ts'

/** The random storms find known bugs of ZooKeeper by themselves, once they are switched on. */
const test = suite('sim: swarm')

findsEach(test, {
  applyDuringTruncSync: 14,
  diffWithoutTrunc: 14,
  duplicateIsGap: 20,
  gapIsWarning: 31,
  ignoresLastSeen: 25,
  readTailBeforeDrain: 31,
  refuseEpochMismatch: 32,
  surviveFsyncError: 11,
  truncOneTooMany: 14,
})

test.run()
