import { assert, suite } from '../harness.ts'
import type { Replica } from '../../lib/core/replica.ts'
import { create, led, reasons } from './cluster.ts'
import type { World } from './cluster.ts'

const test = suite('catching up')

const NODES = 300
/** Applied in a turn, where several may be. */
const WORK = 3
/** A turn takes so long: to apply all of them takes longer than anybody is silent, and longer than learners may. */
const TURN_MS = 100

function fill(world: World, peer: number): void {
  world.connect(peer, 1, { timeoutMs: 40_000 })
  for (let i = 1; i <= NODES; i++) world.request(peer, 1, i, create(`/n${i}`))
  assert.ok(world.leader?.tree.has(`/n${NODES}`))
}

/** One turn of each peer. */
function turn(world: World): void {
  world.ms += TURN_MS
  for (const id of world.nodes.keys()) world.input(id, { kind: 'tick' })
  world.settle()
}

/** Nodes of the filling that a replica has. */
function applied(replica: Replica): number {
  return Array.from({ length: NODES }, (_, i) => `/n${i + 1}`).filter((path) => replica.tree.has(path)).length
}

test('a peer alone applies its log in many turns, each of which is due at once, and serves after the last', () => {
  const world = led({ voters: 1, catchUpWork: WORK })
  fill(world, 1)
  world.crash(1)
  world.up(1)
  world.connect(1, 2, { timeoutMs: 40_000 })
  const replica = world.replica(1)
  let turns = 0
  for (let before = applied(replica); !replica.serving; turns++) {
    // It is its own promises that are waited for, until there is something to apply.
    if (before > 0) assert.is(replica.deadline(), world.ms, 'the next turn is due')
    world.input(1, { kind: 'tick' })
    assert.ok(applied(replica) <= before + WORK)
    world.settle()
    assert.is(replica.serving, applied(replica) === NODES)
    assert.is(world.effectsOf(1, 'connected').filter(({ conn }) => conn === 2).length > 0, replica.serving)
    before = applied(replica)
  }
  assert.ok(turns > 10 && replica.deadline() > world.ms)
})

test('whose history takes longer to apply than learners may to join leads all the same', () => {
  const world = led({ voters: 3, catchUpWork: 1 })
  fill(world, 3)
  world.crash(1, 2, 3)
  const before = [1, 2, 3].map((id) => reasons(world, id).length)
  world.up(1, 2, 3)
  const startMs = world.ms
  while (world.leader === undefined && world.ms < startMs + 60_000) turn(world)
  const { leader } = world
  assert.ok(leader !== undefined && applied(leader) === NODES)
  const { initMs } = leader.config.timing
  assert.ok(world.ms - startMs > initMs, 'longer than that')
  for (const [at, id] of [1, 2, 3].entries()) {
    assert.not.match(reasons(world, id).slice(before[at]), /resigned|silent|not lead/)
  }
})

test('who is brought up and has much to apply is heard by its leader meanwhile, and serves nobody', () => {
  const world = led({ voters: 3, catchUpWork: 1 })
  world.crash(1)
  fill(world, 3)
  world.up(1)
  const learner = world.replica(1)
  while (learner.learner?.stage !== 'upToDate') turn(world)
  const startMs = world.ms
  const joins = world.sent(1, 'followerInfo').length
  assert.ok(applied(learner) < NODES / 2)
  while (!learner.serving) turn(world)
  assert.is(applied(learner), NODES)
  assert.ok(world.ms - startMs > learner.config.timing.syncMs, 'longer than a silence is borne')
  assert.is(world.sent(1, 'followerInfo').length, joins)
})

test('a leader that loses its quorum while it applies goes on to apply, and leads with the next one', () => {
  const world = led({ voters: 3, catchUpWork: 1 })
  fill(world, 3)
  world.crash(1, 2, 3)
  world.up(2, 3)
  const replica = world.replica(3)
  while (applied(replica) === 0) turn(world)
  assert.is(replica.leader?.active, false)
  world.crash(2)
  assert.ok(applied(replica) < NODES)
  while (applied(replica) < NODES) turn(world)
  assert.is(replica.serving, false, 'without a quorum')
  world.up(1)
  while (world.leader === undefined) turn(world)
  assert.is(world.leader.config.peerId, 3)
})

test.run()
