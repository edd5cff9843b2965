import { assert, suite } from '../harness.ts'
import { SCENARIOS } from './scenarios/all.ts'
import { Violation } from '../../lib/testing/sim/violation.ts'
import { shortRun } from './scenarios/short-run.ts'
import { SWEPT, sweep } from './sweep.ts'

/** A slice of the crash-point sweep: some boundaries of each scenario, with every server and every image. */
const test = suite('sim: sweep')

const STRIDE = 199

test('a crash at any point of a scenario loses nothing, and the others go on', () => {
  let cuts = 0
  for (const [at, scenario] of SWEPT.entries()) {
    const result = sweep(scenario, STRIDE, (at * 37) % STRIDE)
    assert.equal(result.failures, [], scenario.name)
    cuts += result.cuts
  }
  assert.ok(cuts > 100, `${cuts} cuts`)
}, { timeoutMs: 120_000 })

test('where a disk was lost or damaged the others wait for whoever crashed, and lose nothing', () => {
  for (const [at, name] of ['S-rot-middle', 'S-half-open', 'S-261'].entries()) {
    const scenario = SCENARIOS.find((one) => one.name.startsWith(name))!
    const { cuts, failures } = sweep(scenario, 97, (37 * at) % 97)
    assert.equal(failures, [], scenario.name)
    assert.ok(cuts > 5, `${cuts} cuts`)
  }
}, { timeoutMs: 120_000 })

test('a voter that starts when others lead already is not asked to serve while one is away', () => {
  const scenario = SCENARIOS.find(({ name }) => name.startsWith('S-1419'))!
  const { cuts, failures } = sweep(scenario, 10_000, 499)
  assert.equal(failures, [])
  assert.ok(cuts > 2, `${cuts} cuts`)
})

test('where a disk was lost before most had a history nobody is asked to go on', () => {
  const scenario = SCENARIOS.find(({ name }) => name.startsWith('S-founder-by-its-vote'))!
  const { cuts, failures } = sweep(scenario, 10_000, 136)
  assert.equal(failures, [])
  assert.ok(cuts > 2, `${cuts} cuts`)
})

test('a crash at any point of a short run of random acts loses nothing, and the others go on', () => {
  let cuts = 0
  for (let seed = 0; seed < 6; seed++) {
    const result = sweep(shortRun(seed), 2 * STRIDE, (seed * 37) % STRIDE)
    assert.equal(result.failures, [], `short run ${seed}`)
    cuts += result.cuts
  }
  assert.ok(cuts > 20, `${cuts} cuts`)
}, { timeoutMs: 120_000 })

test('the acts of short runs are such that bugs are seen', () => {
  for (const [mutant, check] of [['epochBeforeHistory', /^P15/], ['truncOneTooMany', /^(A1|P13)/]] as const) {
    const messages: string[] = []
    for (let seed = 0; seed < 40 && messages.length === 0; seed++) {
      try {
        shortRun(seed).run({ mutant })
      } catch (error) {
        if (!(error instanceof Violation)) throw error
        messages.push(error.message)
      }
    }
    assert.match(messages.join(), check)
  }
})

test('the sweep sees a bug that the scenario alone would not', () => {
  const scenario = SWEPT.find(({ name }) => name.startsWith('S-4925'))!
  const mutant = 'truncOneTooMany'
  assert.ok(scenario.run({ mutant }).leader > 0, 'nothing is truncated in it')
  assert.match(sweep(scenario, 5, 0, { mutant }).failures[0]?.message ?? '', /^P13/)
}, { timeoutMs: 120_000 })

test.run()
