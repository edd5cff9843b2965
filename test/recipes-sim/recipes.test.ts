import { assert, suite } from '../harness.ts'
import { recipes, runScenario } from './harness.ts'

const test = suite('recipes in virtual time')

/** A slice of what `npm run recipes:sim` goes through, as the gate does with more of them. */
const SEEDS = 1

const all = recipes()

for (const recipe of all) {
  test(`${recipe}: some seeds`, async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { failure } = await runScenario(recipe, seed)
      const replay = `npm run recipes:sim -- --only ${recipe} --seed ${seed}`
      if (failure !== null) throw new Error(`replay with: ${replay}\n${failure}`)
    }
  }, { timeoutMs: 60_000 })
}

test('a seed of a recipe is the same run every time', async () => {
  const [one, other] = [await runScenario('lock', 3), await runScenario('lock', 3)]
  assert.equal([other.fingerprint, other.events], [one.fingerprint, one.events])
}, { timeoutMs: 60_000 })

test.run()
