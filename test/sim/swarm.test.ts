import { suite } from '../harness.ts'
import { findsEach } from './swarm-mutants.ts'

/** The random storms find known bugs of ZooKeeper by themselves, once they are switched on. */
const test = suite('sim: swarm')

findsEach(test, {
  commitOldEpochByCount: 19,
  duplicateIsGap: 18,
  endlessSync: 1_275,
  fixedInitLimit: 615,
  gapIsWarning: 90,
  hungLeads: 36,
  ignoresLastSeen: 59,
  localSync: 57,
  observersKeepPromises: 274,
  readTailBeforeDrain: 15,
  refuseEpochMismatch: 48,
  stalledStands: 64,
  wipedRejoinsAnyLeader: 99,
})

test.run()
