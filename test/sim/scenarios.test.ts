/**
 * Known bugs of ZooKeeper as hand-written schedules (correctness plan, D): each holds on the real core and is seen by
 * the checkers when the bug is switched on.
 */
import { assert, suite } from '../harness.ts'
import { Violation } from '../../lib/testing/sim/violation.ts'
import { SCENARIOS } from './scenarios/all.ts'
import type { Mutant, Scenario } from './scenarios/scenario.ts'

const test = suite('sim: scenarios')

function isSeen(scenario: Scenario, { mutant, ignore, seenBy }: Mutant): void {
  try {
    scenario.run({ mutant, ...(ignore === undefined ? {} : { ignore }) })
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    assert.ok(seenBy.includes(error.check), error.message)
    return
  }
  assert.unreachable('the mutant was not seen')
}

for (const scenario of SCENARIOS) {
  test(`${scenario.name} holds`, () => {
    assert.ok(scenario.run({}).leader > 0)
  })
  for (const mutant of scenario.mutants) {
    const without = mutant.ignore === undefined ? '' : ` without ${mutant.ignore.join()}`
    test(`${scenario.name}: ${mutant.mutant}${without} is seen by ${mutant.seenBy.join(' or ')}`, () => {
      isSeen(scenario, mutant)
    })
  }
}

test.run()
