import { assert, suite } from '../harness.ts'
import { Replica } from '../../lib/core/replica.ts'
import type { CreateRequest, Request } from '../../lib/core/tree/request.ts'
import { makeZxid } from '../../lib/core/zxid.ts'
import { create, led, reasons } from './cluster.ts'
import type { Disk, World } from './cluster.ts'

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

/** Peer 1 was away for the filling, and has just been told that it may serve once it has applied it, a txn a turn. */
function broughtUp(): { readonly world: World, readonly learner: Replica } {
  const world = led({ voters: 3, catchUpWork: 1 })
  world.crash(1)
  fill(world, 3)
  world.up(1)
  const learner = world.replica(1)
  while (learner.learner?.stage !== 'upToDate') turn(world)
  return { world, learner }
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
  const { world, learner } = broughtUp()
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

/** The disk of peer 1, which says by itself that all of its log is committed. */
function knowing(world: World): Disk {
  const { disk } = world.node(1)
  disk.meta = { ...disk.meta!, commitHint: disk.entries.at(-1)!.zxid }
  return disk
}

/** Peer 1 starts, and knows by itself that all of its log is committed. */
function started(world: World): Replica {
  const disk = knowing(world)
  return new Replica(world.config(1), disk.recover(), world.now)
}

test('what a peer knows to be committed when it starts is applied in turns as well, although nobody leads yet', () => {
  const world = led({ voters: 3, catchUpWork: WORK })
  fill(world, 3)
  world.crash(1, 2, 3)
  const replica = started(world)
  assert.is(replica.tree.zxid, makeZxid(1, WORK))
  replica.take()
  for (let before = applied(replica); before < NODES; before = applied(replica)) {
    assert.is(replica.deadline(), world.ms)
    replica.take()
    assert.ok(applied(replica) > before)
  }
})

test('a multi counts as many as it has parts, and without being told otherwise some 8,000 are a turn', () => {
  const world = led({ voters: 1 })
  world.connect(1, 1, { timeoutMs: 40_000 })
  const parts = 1_000
  for (let i = 0; i < 10; i++) {
    const ops = Array.from({ length: parts }, (_, at) => create(`/m${i}-${at}`) as CreateRequest & { op: 1 })
    world.request(1, 1, i, { op: 14, ops } as Request)
  }
  world.crash(1)
  const { nodeCount } = started(world).tree
  assert.ok(nodeCount > 8_000 && nodeCount < 8_000 + 2 * parts, `${nodeCount} nodes`)
})

test('who begins to serve before all is applied that was committed meanwhile goes on at once', () => {
  const { world, learner } = broughtUp()
  for (let i = 1; i <= 50; i++) world.request(3, 1, NODES + i, create(`/later${i}`))
  let steps = 0
  for (; !learner.serving; steps++) world.input(1, { kind: 'tick' })
  assert.not(learner.tree.has('/later50'))
  assert.is(learner.deadline(), world.ms)
  world.input(1, { kind: 'tick' })
  assert.ok(steps > 0 && learner.tree.has('/later50'))
})

test('told to truncate what is committed and not applied yet, a peer stops', () => {
  const world = led({ voters: 3, catchUpWork: 1 })
  fill(world, 3)
  world.crash(1, 3)
  const disk = knowing(world)
  world.up(1)
  while (world.complete(1)) assert.is(world.replica(1).learner, null)
  // It has promised an epoch and cannot write that: it is not synchronized before the test says so.
  world.node(1).held = true
  while (world.replica(1).learner?.stage !== 'promised') world.advance(1)
  const { learner, tree } = world.replica(1)
  const { zxid: toZxid, hash1, hash2 } = disk.entries.at(-2)!
  assert.ok(tree.zxid < toZxid)
  world.inject(2, 1, { kind: 'trunc', join: learner!.join, toZxid, hash1, hash2 })
  assert.equal(world.effectsOf(1, 'fatal').map(({ code }) => code), ['StorageDamaged'])
})

test.run()
