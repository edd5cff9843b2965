import { assert, suite } from '../harness.ts'
import { ZXID_ZERO } from '../../lib/core/zxid.ts'
import { World, create } from './cluster.ts'

/** One case per row of the gate table: what must be durable before which message. */
const test = suite('gates: durable before promised')

function held(voters: number, ...ids: number[]): World {
  const world = new World({ voters })
  for (const id of ids) world.node(id).held = true
  world.up(...world.nodes.keys())
  world.settle()
  return world
}

test('LEADERINFO waits for the leader\'s own acceptedEpoch', () => {
  const world = held(3, 3)
  assert.is(world.replica(3).role, 'leading')
  assert.is(world.sent(3, 'leaderInfo').length, 0)
  world.complete(3)
  world.settle()
  assert.ok(world.sent(3, 'leaderInfo').length >= 1)
})

test('FOLLOWERINFO waits for the acceptedEpoch that it states', () => {
  const world = held(3, 1)
  const before = world.sent(1, 'followerInfo').length
  world.cut(1, 3)
  world.heal()
  world.advance(500)
  assert.is(world.replica(1).journal.meta.acceptedEpoch, 1)
  assert.is(world.node(1).disk.meta?.acceptedEpoch ?? 0, 0, 'the promise is on its way to disk')
  assert.is(world.sent(1, 'followerInfo').length, before)
  while (world.complete(1));
  world.settle()
  assert.ok(world.sent(1, 'followerInfo').length > before)
})

test('FOLLOWERINFO that waits still when its voter has left is sent no more', () => {
  const world = held(3, 1)
  world.cut(1, 3)
  world.heal()
  world.advance(500)
  const before = world.sent(1, 'followerInfo').length
  const vote = { leader: 3, zxid: ZXID_ZERO, peerEpoch: 1 }
  world.inject(3, 1, {
    kind: 'notify', state: 'looking', round: 1_000, vote, health: 'ok', epoch: 1, joins: 0, isWide: true,
  })
  assert.is(world.replica(1).role, 'looking')
  world.advance(1_000)
  assert.is(world.replica(1).role, 'following', 'it has asked again')
  assert.is(world.sent(1, 'followerInfo').length, before)
  while (world.complete(1));
  world.settle()
  assert.is(world.sent(1, 'followerInfo').length, before + 1)
})

test('ACKEPOCH waits for the follower\'s acceptedEpoch', () => {
  const world = held(3, 1, 2)
  assert.ok(world.sent(3, 'leaderInfo').length === 2)
  assert.is(world.sent(1, 'ackEpoch').length, 0)
  world.complete(1)
  assert.is(world.sent(1, 'ackEpoch').length, 1)
  assert.is(world.node(1).disk.meta?.acceptedEpoch, 1)
})

test('ACK(NEWLEADER) waits for history and currentEpoch', () => {
  const world = held(3, 1)
  world.complete(1)
  world.settle()
  assert.ok(world.sent(3, 'newLeader').length >= 1)
  while (world.node(1).disk.meta?.currentEpoch !== 1) {
    assert.is(world.sent(1, 'ack').length, 0)
    assert.ok(world.complete(1), 'currentEpoch is on its way to disk')
  }
  assert.is(world.sent(1, 'ack').filter((ack) => ack.newLeader).length, 1)
})

test('the leader counts itself only once its own history and currentEpoch are durable', () => {
  const world = held(3, 3)
  world.complete(3)
  world.settle()
  assert.is(world.sent(1, 'ack').filter((ack) => ack.newLeader).length, 1, 'followers have acked NEWLEADER')
  assert.is(world.leader, undefined)
  world.complete(3)
  world.settle()
  assert.is(world.leader?.config.peerId, 3)
})

test('ACK(txn) waits for the txn, and for currentEpoch before it', () => {
  const world = held(3)
  world.connect(3, 1)
  world.node(1).held = true
  world.request(3, 1, 1, create('/a'))
  const zxid = world.replica(3).tree.zxid
  assert.ok(world.sent(1, 'ack').every((ack) => ack.zxid < zxid))
  while (world.complete(1)) continue
  assert.is(world.sent(1, 'ack').at(-1)?.zxid, zxid)
})

test('a txn of an epoch is not acked before the epoch is marked', () => {
  const world = held(5, 1)
  world.connect(5, 1)
  world.request(5, 1, 1, create('/a'))
  assert.is(world.node(1).disk.meta, null, 'it comes late')
  while (world.node(1).disk.entries.length === 0) {
    assert.ok(world.complete(1), 'the history arrives')
    world.settle()
  }
  if (world.node(1).disk.meta?.currentEpoch === 0) assert.is(world.sent(1, 'ack').length, 0)
  world.node(1).held = false
  world.settle()
  const first = world.sent(1, 'ack')[0]
  assert.is(first?.newLeader, true, 'the first ack is the one that follows the epoch mark')
})

test('COMMIT and the reply wait for a quorum of disks', () => {
  const world = held(3)
  world.connect(3, 1)
  for (const id of [1, 2]) world.node(id).held = true
  const before = world.sent(3, 'commit').length
  world.request(3, 1, 1, create('/a'))
  assert.is(world.effectsOf(3, 'reply').length, 0)
  assert.is(world.sent(3, 'commit').length, before)
  world.node(1).held = false
  world.settle()
  assert.is(world.effectsOf(3, 'reply').length, 1)
})

test('the leader does not count itself for a txn that is not on its own disk, and applies nothing ahead of it', () => {
  const world = held(3)
  world.connect(1, 1)
  world.node(3).held = true
  world.request(1, 1, 1, create('/a'))
  assert.ok(world.replica(1).tree.has('/a'), 'two followers are a quorum')
  assert.is(world.replica(3).tree.has('/a'), false)
  world.node(2).held = true
  world.request(1, 1, 2, create('/b'))
  assert.is(world.replica(1).tree.has('/b'), false, 'one follower and a leader without disk are none')
})

test('a snapshot from the leader is acked only once it is installed on disk', () => {
  const world = new World({ voters: 3, limits: { snapshotTxns: 10, retainedTxns: 2 } })
  world.up(1, 2, 3)
  world.advance(1_000)
  world.connect(3, 1)
  world.crash(1)
  for (let i = 0; i < 40; i++) world.request(3, 1, i + 1, create(`/n${i}`))
  world.node(1).held = true
  world.node(1).effects.length = 0
  world.up(1)
  for (let i = 0; i < 50 && world.sent(3, 'snap').length === 0; i++) {
    world.advance(20)
    world.complete(1)
  }
  assert.is(world.sent(3, 'snap').length, 1)
  world.settle()
  assert.is(world.sent(1, 'ack').length, 0)
  world.node(1).held = false
  world.settle()
  assert.ok(world.node(1).disk.base !== null)
  assert.ok(world.sent(1, 'ack').length > 0)
})

test('UPTODATE is not service: what it names must be applied first', () => {
  const world = held(3)
  world.connect(3, 1)
  world.request(3, 1, 1, create('/a'))
  world.crash(1)
  world.request(3, 1, 2, create('/b'))
  world.up(1)
  world.advance(1_000)
  const serving = world.effectsOf(1, 'role').filter((effect) => effect.serving)
  assert.ok(serving.length >= 1)
  assert.ok(world.replica(1).tree.has('/b'))
})

test.run()
