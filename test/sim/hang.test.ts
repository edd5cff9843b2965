/** Disks that stand still: what the storm does to them, and what is left of that when it is over. */
import { assert, suite } from '../harness.ts'
import { DEFAULT_LIMITS } from '../../lib/core/limits.ts'
import { makeRandom } from '../../lib/core/random.ts'
import type { Fault } from '../../lib/testing/sim/faults.ts'
import { banish } from '../../lib/testing/sim/outsider.ts'
import { drawPlan } from '../../lib/testing/sim/plan.ts'
import type { Plan } from '../../lib/testing/sim/plan.ts'
import { Storm } from '../../lib/testing/sim/storm.ts'
import { SimWorld } from '../../lib/testing/sim/world.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'

const test = suite('sim: hang')

const codec = makeTxnCodec()
/** Everybody serves by then. */
const CALM_MS = 5_000

function planOf(seed: number): Plan {
  // Its timing is the short one.
  const plan = drawPlan(1)
  assert.is(plan.world.timing.tickMs, 200)
  const { clientPlan } = plan.world
  return {
    ...plan, finalSilenceMs: 0, world: {
      ...plan.world, seed, voters: 3, observers: 0, drift: 0, diskMs: 1, priorities: null, spoils: null,
      limits: DEFAULT_LIMITS,
      network: { latencyMs: 1, tailMs: 1, loss: 0, duplication: 0, replay: 0, bytesPerMs: Infinity },
      clientPlan: { ...clientPlan, opsPerSecond: 30 },
    },
  }
}

function calmWorld({ world: plan }: Plan): SimWorld {
  const world = new SimWorld(plan, codec)
  world.events.runUntil(CALM_MS)
  assert.ok(world.leader !== null)
  return world
}

function pass(world: SimWorld, ms: number): void {
  world.events.runUntil(world.events.nowMs + ms)
}

function hungOf(world: SimWorld): number[] {
  return Array.from(world.servers.values()).filter(({ hung }) => hung).map(({ id }) => id)
}

test('a disk that stands still ends no write, of no process, until it is well again', () => {
  const world = calmWorld(planOf(1))
  const server = world.servers.get(1)!
  world.hang(1, true)
  const { written } = server
  pass(world, 2_000)
  assert.ok(server.writing && server.writes.length > 1)
  assert.is(server.written, written)
  world.stop(1)
  assert.ok(world.isUp(1), 'a clean end waits for its writes')
  world.slow(1, 20)
  world.slow(1, 1)
  world.crash(1)
  world.start(1)
  pass(world, 2_000)
  assert.ok(server.writing)
  assert.is(server.written, written)
  world.hang(1, false)
  pass(world, 2_000)
  assert.ok(server.written > written)
  assert.ok(server.replica?.serving)
})

test('a leader whose disk stands still gives way, and the others go on', () => {
  const plan = planOf(1)
  const world = calmWorld(plan)
  const old = world.leader!.config.peerId
  world.hang(old, true)
  pass(world, 2 * plan.world.timing.syncMs)
  assert.is(world.reached.counts['resigned: its own disk is too slow'], 1)
  assert.is.not(world.leader?.config.peerId, old)
  const { commits } = world.ghost
  pass(world, 2_000)
  assert.ok(world.ghost.commits > commits)
})

test('a storm stops one disk at a time, the leader\'s most often, for a while, and at its end none', () => {
  let leaders = 0
  let lasting = 0
  for (let dice = 1; dice <= 24; dice++) {
    const plan = planOf(dice)
    const world = new SimWorld(plan.world, codec)
    const faults: Fault[] = [0, 1, 2].map((more) => ({ atMs: CALM_MS + 1 + more, kind: 'hang', dice: dice + more }))
    const storm = new Storm(world, plan, faults)
    world.events.runUntil(CALM_MS)
    const leader = world.leader?.config.peerId
    pass(world, 10)
    const [hung, ...others] = hungOf(world)
    assert.equal(others, [])
    assert.is(storm.counts.hang, 3)
    if (hung === leader) leaders++
    pass(world, 3 * plan.world.timing.syncMs - 20)
    assert.equal(hungOf(world), [hung], 'no less than three times syncMs')
    if (dice % 2 === 0) {
      storm.end(new Set(), makeRandom(dice))
      assert.equal(hungOf(world), [])
      continue
    }
    pass(world, 3 * plan.world.timing.syncMs)
    if (hungOf(world).length > 0) lasting++
    pass(world, 4 * plan.world.timing.syncMs + 20)
    assert.equal(hungOf(world), [], 'no more than ten')
  }
  assert.ok(leaders > 12, `${leaders} leaders of 24`)
  assert.ok(lasting > 0 && lasting < 12, `${lasting} of 12 last longer than six times syncMs`)
}, { timeoutMs: 60_000 })

test('one outside the core has such a disk for ever only where disks stood still before', () => {
  const plan = planOf(1)
  for (const meanMs of [Infinity, 5_000]) {
    const world = calmWorld(plan)
    for (let dice = 1; dice <= 30; dice++) {
      world.hang(1, false)
      banish(world, { ...plan, faults: { ...plan.faults, hang: meanMs } }, 1, makeRandom(dice))
      const hung = hungOf(world)
      assert.equal(hung.length > 0 ? hung : [1], [1])
    }
    const { counts } = world.reached
    assert.ok(counts['freeze: one is down']! > 0)
    assert.is((counts['freeze: one is hung'] ?? 0) > 0, meanMs < Infinity)
  }
})

test.run()
