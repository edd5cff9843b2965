import { assert, suite } from '../harness.ts'
import { runSeed } from '../../lib/testing/sim/run.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'

/** The random storms find every known bug of ZooKeeper by themselves, once it is switched on. */
const test = suite('sim: swarm')

const SEEDS = 100
const MUTANTS = [
  'epochBeforeHistory', 'ackNewLeaderEarly', 'voteFromTree', 'diffWithoutTrunc', 'readTailBeforeDrain',
  'commitNeedsPostNewleaderProposal', 'rejectEarlyAck', 'serveBeforeApply',
]

for (const mutant of MUTANTS) {
  test(mutant, () => {
    const codec = makeTxnCodec()
    for (let seed = 1; seed <= SEEDS; seed++) if (runSeed(seed, codec, mutant).failure !== null) return
    assert.unreachable(`no check saw it in ${SEEDS} seeds`)
  }, { timeoutMs: 600_000 })
}

test.run()
