import { assert, suite } from '../harness.ts'
import { runScenario } from './harness.ts'
import { COMMITS_AGAIN, MUTANTS } from './mutants.ts'

const test = suite('known faults of recipes in virtual time')

/** Each fault shows within so many seeds, should the one that is named here have become another run. */
const SEEDS = 40

/** Faults of each recipe by the seed that is known to show them. */
const FAULTS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  lock: { 'no deadline': 1, 'unguarded write': 17, 'deletes another on retry': 6, 'creates again on retry': 3 },
  election: { 'no deadline': 1, 'unguarded write': 4, 'deletes another on retry': 23, 'creates again on retry': 10 },
  members: { deaf: 4, stays: 1 }, queue: { [COMMITS_AGAIN]: 25 }, latch: { [COMMITS_AGAIN]: 37 },
  barrier: { [COMMITS_AGAIN]: 16 }, 'double-barrier': { 'unguarded write': 33 },
}

test('every fault of locks is among them', () => {
  for (const recipe of ['lock', 'election']) assert.equal(Object.keys(FAULTS[recipe]!).sort(), [...MUTANTS].sort())
})

for (const [recipe, mutants] of Object.entries(FAULTS)) {
  for (const [mutant, known] of Object.entries(mutants)) {
    test(`${recipe}: ${mutant}`, async () => {
      for (let seed = 0; seed <= SEEDS; seed++) {
        const { check, failure } = await runScenario(recipe, seed === 0 ? known : seed, mutant)
        if (failure === null) continue
        if (!failure.startsWith('Violation')) throw new Error(`seed ${seed === 0 ? known : seed}: ${check}: ${failure}`)
        return
      }
      throw new Error(`${SEEDS} seeds do not show it`)
    }, { timeoutMs: 60_000 })
  }
}

test.run()
