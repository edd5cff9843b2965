import type { Suite } from '../harness.ts'
import type { StormLength } from '../../lib/testing/sim/plan.ts'
import { drawRun } from '../../lib/testing/sim/reduction.ts'
import { play } from '../../lib/testing/sim/run.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'
import { seenBySeed } from './named-seed.ts'
import { stormsFor } from './storms-for.ts'

/** So many seeds are enough to find another one for each of them. */
const SEEDS = 400

/** Known bugs by the seed whose storm is known to find them. */
export type Found = Readonly<Record<string, number>>

/** One case for each mutant: the storm of that seed sees it. */
export function findsEach(test: Suite, storm: StormLength, mutants: Found): void {
  for (const [mutant, known] of Object.entries(mutants)) {
    test(`${mutant}, by a ${storm} storm`, async () => {
      const codec = makeTxnCodec()
      await seenBySeed(known, stormsFor(mutant, storm === 'brief' ? 4 * SEEDS : SEEDS),
        (seed) => play(drawRun(seed, mutant, { storm }), codec).failure !== null)
    }, { timeoutMs: 900_000 })
  }
}
