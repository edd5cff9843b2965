import { suite } from '../harness.ts'
import { runScenario } from './harness.ts'
import { COMMITS_AGAIN, MUTANTS } from './mutants.ts'

const test = suite('known faults of recipes in virtual time')

/** Each fault shows within so many seeds. */
const SEEDS = 40

const FAULTS: Readonly<Record<string, readonly string[]>> = {
  lock: MUTANTS, election: MUTANTS, members: ['deaf', 'stays'],
  queue: [COMMITS_AGAIN], latch: [COMMITS_AGAIN], barrier: [COMMITS_AGAIN], 'double-barrier': ['unguarded write'],
}

for (const [recipe, mutants] of Object.entries(FAULTS)) {
  for (const mutant of mutants) {
    test(`${recipe}: ${mutant}`, async () => {
      for (let seed = 1; seed <= SEEDS; seed++) {
        const { check, failure } = await runScenario(recipe, seed, mutant)
        if (failure === null) continue
        if (!failure.startsWith('Violation')) throw new Error(`seed ${seed}: ${check}: ${failure}`)
        return
      }
      throw new Error(`${SEEDS} seeds do not show it`)
    }, { timeoutMs: 60_000 })
  }
}

test.run()
