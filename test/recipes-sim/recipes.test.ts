import { suite } from '../harness.ts'
import { recipes, runScenario } from './harness.ts'

const test = suite('recipes in virtual time')

/** A slice of what `npm run recipes:sim` goes through; each recipe has this much time for as many seeds as fit. */
const SLICE_MS = 1_500
const LEAST_SEEDS = 2

for (const recipe of recipes()) {
  test(`${recipe}: some seeds`, async () => {
    const endMs = performance.now() + SLICE_MS
    for (let seed = 1; seed <= LEAST_SEEDS || performance.now() < endMs; seed++) {
      const { failure } = await runScenario(recipe, seed)
      const replay = `npm run recipes:sim -- --only ${recipe} --seed ${seed}`
      if (failure !== null) throw new Error(`replay with: ${replay}\n${failure}`)
    }
  }, { timeoutMs: 60_000 })
}

test.run()
