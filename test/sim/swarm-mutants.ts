import { assert } from '../harness.ts'
import type { Suite } from '../harness.ts'
import { runSeed } from '../../lib/testing/sim/run.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'
import { stormsFor } from './storms-for.ts'

/** So many seeds are enough to find each of them again, should the one that is named here have become another run. */
const SEEDS = 400

/** Known bugs by the seed whose storm is known to find them. */
export type Found = Readonly<Record<string, number>>

/** One case for each mutant: the storm of that seed sees it, or that of some other. */
export function findsEach(test: Suite, mutants: Found): void {
  for (const [mutant, known] of Object.entries(mutants)) {
    test(mutant, () => {
      const codec = makeTxnCodec()
      if (runSeed(known, codec, mutant).failure !== null) return
      for (const seed of stormsFor(mutant, SEEDS)) if (runSeed(seed, codec, mutant).failure !== null) return
      assert.unreachable(`no check saw it in ${SEEDS} seeds`)
    }, { timeoutMs: 900_000 })
  }
}
