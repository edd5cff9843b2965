import { suite } from '../harness.ts'
import { findsEach } from './swarm-mutants.ts'

/** The random storms find known bugs of ZooKeeper by themselves, once they are switched on. */
const test = suite('sim: swarm')

findsEach(test, [
  'epochBeforeHistory', 'ackNewLeaderEarly', 'voteFromTree', 'diffWithoutTrunc', 'readTailBeforeDrain',
  'commitNeedsPostNewleaderProposal', 'rejectEarlyAck', 'serveBeforeApply',
])

test.run()
