import { suite } from '../harness.ts'
import { findsEach } from './swarm-mutants.ts'

/** The random storms find known bugs of ZooKeeper by themselves, once they are switched on. */
const test = suite('sim: swarm')

findsEach(test, {
  commitOldEpochByCount: 19,
  duplicateIsGap: 20,
  endlessSync: 1_275,
  fixedInitLimit: 51,
  gapIsWarning: 31,
  ignoresLastSeen: 25,
  localSync: 94,
  neverRaises: 27,
  refuseEpochMismatch: 32,
  uncappedResend: 271,
  wipedRejoinsAnyLeader: 99,
})

test.run()
