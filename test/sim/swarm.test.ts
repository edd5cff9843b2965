import { suite } from '../harness.ts'
import { findsEach } from './swarm-mutants.ts'

/** The random storms find known bugs of ZooKeeper by themselves, once they are switched on. */
const test = suite('sim: swarm')

findsEach(test, 'whole', {
  duplicateIsGap: 18,
  endlessSync: 1_275,
  refuseEpochMismatch: 48,
})

findsEach(test, 'brief', {
  commitOldEpochByCount: 21,
  fixedInitLimit: 615,
  gapIsWarning: 90,
  hungLeads: 88,
  ignoresLastSeen: 258,
  localSync: 258,
  observersKeepPromises: 274,
  readTailBeforeDrain: 15,
  stalledStands: 768,
  wipedRejoinsAnyLeader: 53,
})

test.run()
