/** One process of the simulator: runs the seeds it is sent, one at a time. */
import { Coverage } from '../../lib/testing/sim/coverage.ts'
import type { Covered } from '../../lib/testing/sim/coverage.ts'
import { drawRun } from '../../lib/testing/sim/reduction.ts'
import { play } from '../../lib/testing/sim/run.ts'
import type { SeedResult } from '../../lib/testing/sim/run.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'
import type { Job } from './breeder.ts'
import { TWICE } from './twice.ts'

/** What a run came to, and what it reached of all that this process has not told of yet. */
export interface Done {
  readonly job: Job
  readonly result: SeedResult
  readonly covered: Covered
}

const codec = makeTxnCodec()
const [mutant] = process.argv.slice(2).filter((word) => !word.startsWith('--'))
const breeds = process.argv.includes('--breed')
const coded = process.argv.includes('--codec-all') ? { codedEvery: 1 } : {}
const told = { paths: new Set<number>(), states: new Set<number>() }

function onlyNew(known: Set<number>, found: readonly number[]): readonly number[] {
  const fresh = found.filter((one) => !known.has(one))
  for (const one of fresh) known.add(one)
  return fresh
}

function run(job: Job): Done {
  const { seed, ...reduction } = job
  const coverage = breeds ? new Coverage() : null
  const drawn = drawRun(seed, mutant, reduction)
  // Another salt is no other seed.
  let result: SeedResult = { ...play(drawn, codec, coverage === null ? coded : { ...coded, coverage }), seed }
  const { paths, states } = coverage?.covered ?? { paths: [], states: [] }
  const covered = { paths: onlyNew(told.paths, paths), states: onlyNew(told.states, states) }
  const isAgain = seed % TWICE === 0 && job.bred === undefined
  if (isAgain && play(drawRun(seed, mutant, reduction), codec).fingerprint !== result.fingerprint) {
    result = { ...result, failure: { check: 'F.7', message: 'the same seed ran differently', trace: [] } }
  }
  return { job, result, covered }
}

process.on('message', (job: Job) => process.send!(run(job)))
process.on('disconnect', () => process.exit(0))
// Who asks for an end asks the whole group: it is for the parent to say what that means.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined)
