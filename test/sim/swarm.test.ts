import { suite } from '../harness.ts'
import { findsEach } from './swarm-mutants.ts'

/** The random storms find known bugs of ZooKeeper by themselves, once they are switched on. */
const test = suite('sim: swarm')

findsEach(test, {
  commitOldEpochByCount: 19,
  dropsBeforeActive: 1_041_896,
  duplicateIsGap: 18,
  earlierLivesCount: 67,
  emptyLeads: 1_000_754,
  endlessSync: 1_275,
  fixedInitLimit: 615,
  foundsForLife: 1_034_584,
  gapIsWarning: 90,
  ignoresLastSeen: 18,
  localSync: 240,
  observersKeepPromises: 274,
  readTailBeforeDrain: 10,
  refuseEpochMismatch: 28,
  uncappedResend: 271,
  wipedRejoinsAnyLeader: 99,
})

test.run()
