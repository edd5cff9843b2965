import { assert, suite } from '../harness.ts'
import { seenBySeed } from '../sim/named-seed.ts'
import { runScenario } from './harness.ts'
import { COMMITS_AGAIN, MUTANTS } from './mutants.ts'

const test = suite('known faults of recipes in virtual time')

/** So many seeds are enough to find another one for each of them. */
const SEEDS = Array.from({ length: 40 }, (_, at) => at + 1)

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
      await seenBySeed(known, SEEDS, async (seed) => {
        const { check, failure } = await runScenario(recipe, seed, mutant)
        if (failure?.startsWith('Violation') === false) throw new Error(`seed ${seed}: ${check}: ${failure}`)
        return failure !== null
      })
    }, { timeoutMs: 60_000 })
  }
}

test.run()
