import { suite } from '../harness.ts'
import { findsEach } from './swarm-mutants.ts'

/** The random storms find known bugs of ZooKeeper by themselves, once they are switched on. */
const test = suite('sim: swarm')

findsEach(test, {
  commitOldEpochByCount: 19,
  duplicateIsGap: 18,
  earlierLivesCount: 274,
  emptyLeads: 2_277,
  endlessSync: 1_275,
  fixedInitLimit: 615,
  foundsForLife: 2_277,
  gapIsWarning: 90,
  ignoresLastSeen: 25,
  localSync: 200,
  observersKeepPromises: 274,
  uncappedResend: 1_378,
  wipedRejoinsAnyLeader: 99,
})

test.run()
