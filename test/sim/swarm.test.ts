import { suite } from '../harness.ts'
import { findsEach } from './swarm-mutants.ts'

/** The random storms find known bugs of ZooKeeper by themselves, once they are switched on. */
const test = suite('sim: swarm')

findsEach(test, {
  epochBeforeHistory: 1, ackNewLeaderEarly: 1, voteFromTree: 1, diffWithoutTrunc: 1, readTailBeforeDrain: 1,
  commitNeedsPostNewleaderProposal: 1, rejectEarlyAck: 1, serveBeforeApply: 1,
})

test.run()
