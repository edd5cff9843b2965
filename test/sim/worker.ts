/** One process of the simulator: runs the seeds it is sent, one at a time. */
import { runSeed } from '../../lib/testing/sim/run.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'

const codec = makeTxnCodec()
const mutant = process.argv[2]

process.on('message', (seed: number) => process.send!(runSeed(seed, codec, mutant)))
process.on('disconnect', () => process.exit(0))
