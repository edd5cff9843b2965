/** One process of the simulator: runs the seeds it is sent, one at a time. */
import { runSeed } from '../../lib/testing/sim/run.ts'
import type { SeedResult } from '../../lib/testing/sim/run.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'
import { TWICE } from './twice.ts'

const codec = makeTxnCodec()
const mutant = process.argv[2]

function run(seed: number): SeedResult {
  const result = runSeed(seed, codec, mutant)
  if (seed % TWICE !== 0 || runSeed(seed, codec, mutant).fingerprint === result.fingerprint) return result
  return { ...result, failure: { check: 'F.7', message: 'the same seed ran differently', trace: [] } }
}

process.on('message', (seed: number) => process.send!(run(seed)))
process.on('disconnect', () => process.exit(0))
