import { suite } from '../harness.ts'
import { findsEach } from './swarm-mutants.ts'

/** The random storms find known bugs of ZooKeeper by themselves, once they are switched on. */
const test = suite('sim: swarm')

findsEach(test, {
  damagedVotes: 9,
  duplicateIsGap: 49,
  gapIsWarning: 36,
  ignoresLastSeen: 73,
  readTailBeforeDrain: 30,
  refuseEpochMismatch: 32,
  trustEmptyDisk: 35,
})

test.run()
