import { assert } from '../harness.ts'
import type { Suite } from '../harness.ts'
import { runSeed } from '../../lib/testing/sim/run.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'

const SEEDS = 100

/** One case for each mutant: some seed among the first hundred sees it. */
export function findsEach(test: Suite, mutants: readonly string[]): void {
  for (const mutant of mutants) {
    test(mutant, () => {
      const codec = makeTxnCodec()
      for (let seed = 1; seed <= SEEDS; seed++) if (runSeed(seed, codec, mutant).failure !== null) return
      assert.unreachable(`no check saw it in ${SEEDS} seeds`)
    }, { timeoutMs: 600_000 })
  }
}
