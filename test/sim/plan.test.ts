/** What the seeds of the standard mix draw. */
import { assert, suite } from '../harness.ts'
import { drawFaults } from '../../lib/testing/sim/faults.ts'
import type { FaultKind } from '../../lib/testing/sim/faults.ts'
import { observersOutside } from '../../lib/testing/sim/freeze.ts'
import { drawPlan } from '../../lib/testing/sim/plan.ts'
import type { Plan } from '../../lib/testing/sim/plan.ts'

const test = suite('sim: plan')

const SEEDS = 4_000

/** Percent of all seeds that have a kind of fault (correctness plan, B). */
const SHARES: Readonly<Partial<Record<FaultKind, number>>> = {
  crash: 80, partition: 60, slow: 50, stop: 50, pause: 40, wall: 40, fail: 10, full: 10, rot: 10, wipe: 3,
  clients: 30, cramped: 10, hang: 10,
}
/** One standard deviation of a share is below 0.8 points. */
const SLACK = 2.5

const plans: readonly Plan[] = Array.from({ length: SEEDS }, (_, at) => drawPlan(at + 1))

function percent(holds: (plan: Plan) => boolean): number {
  return 100 * plans.filter(holds).length / SEEDS
}

for (const [kind, share] of Object.entries(SHARES) as [FaultKind, number][]) {
  test(`${kind} is a fault of at least ${share} % of all seeds`, () => {
    const seen = percent(({ faults }) => faults[kind] < Infinity)
    assert.ok(seen >= share - SLACK && seen <= share + 3 * SLACK, `${seen} %`)
  })
}

test('every seed in which anything goes wrong has a kind of fault', () => {
  const calm = plans.filter(({ faults, ending }) =>
    ending !== 'no faults' && Object.values(faults).every((meanMs) => meanMs === Infinity))
  assert.is(calm.length, 0)
})

test('storms of one phase and of several, with and without a calm before them', () => {
  const early = percent(({ calms }) => calms[0]?.fromMs === 0)
  assert.ok(early > 40 && early < 60, `${early} % begin with a calm`)
  for (const phases of [0, 1, 2]) {
    const seen = percent(({ calms }) => calms.filter(({ fromMs }) => fromMs > 0).length === phases)
    assert.ok(seen > 25 && seen < 45, `${seen} % have ${phases} calms in between`)
  }
})

test('lists, timeouts at their bounds, and what is large', () => {
  const shares: readonly (readonly [share: number, (plan: Plan) => boolean])[] = [
    [100 / 3, ({ world: { clientPlan: { workload } } }) => workload.lists],
    [100 / 6, ({ world: { clientPlan } }) => clientPlan.areExtreme],
    [100 / 90, ({ world: { clientPlan: { workload: { large } } } }) => large.owned >= 1_000],
    [100 / 45, ({ world: { clientPlan: { workload: { large } } } }) => large.bytes === 1_000_000],
    [100 / 45, ({ world: { clientPlan: { workload: { large } } } }) => large.parts === 1_000],
    [100 / 45, ({ world: { clientPlan: { workload: { large } } } }) => large.watches >= 200],
  ]
  for (const [share, holds] of shares) {
    const seen = percent(holds)
    assert.ok(seen > share * 0.7 && seen < share * 1.3, `${seen} %, due are ${share}`)
  }
})

test('notifications have no order in a quarter of the seeds, and have one where there are no faults', () => {
  const seen = percent(({ world: { network: { scatterMs } } }) => scatterMs !== undefined)
  assert.ok(seen > 25 - SLACK && seen < 25 + SLACK, `${seen} %`)
  const calm = plans.filter(({ ending }) => ending === 'no faults')
  assert.ok(calm.length > SEEDS / 64, `${calm.length} without faults`)
  assert.is(calm.find(({ world: { network } }) => network.scatterMs !== undefined), undefined)
})

test('some of the seeds with observers leave one or more of them outside the healed core', () => {
  const outside = plans.map((plan) => observersOutside(plan))
  const [any, several] = [1, 2].map((count) => 100 * outside.filter(({ length }) => length >= count).length / SEEDS)
  assert.ok(any! > 5 && any! < 10, `${any} %`)
  assert.ok(several! > 1 && several! < any! / 2, `${several} % more than one`)
  for (const [at, { ending, world: { voters, observers } }] of plans.entries()) {
    if (ending === 'no faults') assert.is(outside[at]!.length, 0)
    for (const id of outside[at]!) assert.ok(id > voters && id <= voters + observers, `${id} is an observer`)
  }
})

test('no fault happens in a calm, and as many happen as without calms', () => {
  for (const { world: { seed }, faults, stormMs, calms } of plans.slice(0, 400)) {
    const drawn = drawFaults(seed, faults, stormMs, calms)
    const calmMs = calms.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0)
    assert.is(drawn.length, drawFaults(seed, faults, stormMs - calmMs).length)
    assert.is(drawn.find(({ atMs }) => atMs >= stormMs), undefined)
    for (const { fromMs, toMs } of calms) {
      assert.ok(toMs <= stormMs)
      assert.is(drawn.find(({ atMs }) => atMs >= fromMs && atMs < toMs), undefined)
    }
  }
})

test.run()
