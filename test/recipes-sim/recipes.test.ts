import { assert, suite } from '../harness.ts'
import { recipes, runScenario } from './harness.ts'

/** A slice of what `npm run recipes:sim` goes through, as the gate does with more seeds. */
const test = suite('recipes in virtual time')

const all = recipes()

for (const recipe of all) {
  test(`${recipe}: a seed`, async () => {
    const { failure } = await runScenario(recipe, 1)
    if (failure !== null) throw new Error(`replay with: npm run recipes:sim -- --only ${recipe} --seed 1\n${failure}`)
  }, { timeoutMs: 60_000 })
}

test('a seed of a recipe is the same run every time', async () => {
  const [one, other] = [await runScenario('lock', 3), await runScenario('lock', 3)]
  assert.equal([other.fingerprint, other.events], [one.fingerprint, one.events])
}, { timeoutMs: 60_000 })

test.run()
