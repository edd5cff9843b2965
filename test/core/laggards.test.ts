import { OPEN_ACL } from '../../lib/core/tree/request.ts'
import type { CreateRequest } from '../../lib/core/tree/request.ts'
import { assert, suite } from '../harness.ts'
import type { Association } from '../../lib/core/zab/association.ts'
import { create, led } from './cluster.ts'
import type { World } from './cluster.ts'

const test = suite('learners far behind')

/** Less is held for a learner than is kept of the log. */
const LIMITS = { linkQueueBytes: 20_000, snapshotTxns: 10_000, snapshotBytes: 10_000_000, retainedTxns: 10_000 }

function large(path: string): CreateRequest {
  return { op: 1, path, data: new Uint8Array(1_000), acl: OPEN_ACL, flags: 0, ttlMs: -1 }
}

function fill(world: World, leader: number): void {
  world.connect(leader, 9)
  for (let each = 1; each <= 40; each++) world.request(leader, 9, each, large(`/n${each}`))
  const { log } = world.replica(leader).journal
  assert.ok(log.floor === 0 && log.bytes > 2 * LIMITS.linkQueueBytes, 'all of it is kept')
}

/** The leader brings it up at once, by a snapshot. */
function isBroughtUp(world: World, leader: number, back: number): void {
  world.advance(3_000)
  const told = world.effectsOf(leader, 'log').map(({ text }) => text)
  assert.equal(told.filter((text) => text.includes('too far behind')), [])
  assert.is(world.sent(leader, 'snap').length, 1)
  assert.equal(told.filter((text) => text.includes('cannot be')), [])
  assert.ok(world.replica(back).serving)
  assert.equal(world.replica(back).tree.digest(), world.replica(leader).tree.digest())
}

test('one for which more would be held than a leader does gets a snapshot, although the log goes back so far', () => {
  const world = led({ voters: 3, limits: LIMITS })
  world.crash(1)
  fill(world, 3)
  world.up(1)
  isBroughtUp(world, 3, 1)
})

test('likewise one that would have to truncate', () => {
  const world = led({ voters: 3, limits: LIMITS })
  world.connect(3, 1)
  world.isolate(3)
  world.input(3, { kind: 'request', conn: 1, xid: 1, request: create('/lost') })
  world.advance(3_000)
  assert.is(world.leader?.config.peerId, 2)
  fill(world, 2)
  world.heal()
  isBroughtUp(world, 2, 3)
  assert.is(world.replica(3).tree.has('/lost'), false)
})

test('an observer whose disk stands still gives up its clients, and comes back with its disk', () => {
  const world = led({ voters: 3, observers: 1 })
  world.connect(4, 1)
  world.node(4).held = true
  world.request(4, 1, 1, create('/asked'))
  const joins = world.sent(4, 'followerInfo').length
  world.advance(1_500)
  assert.ok(world.replica(3).tree.has('/asked'), 'nobody waits for an observer')
  assert.equal(world.effectsOf(4, 'closeConn').map(({ conn, code }) => [conn, code]), [[1, 'ConnectionLoss']])
  world.advance(10_000)
  assert.is(world.replica(4).serving, false)
  assert.is(world.sent(4, 'followerInfo').length, joins, 'it would be dropped again and again')
  world.node(4).held = false
  world.advance(1_000)
  assert.ok(world.replica(4).serving && world.replica(4).tree.has('/asked'))
})

test('an observer that writes slowly, and gets on, is kept', () => {
  const world = led({ voters: 3, observers: 1 })
  world.connect(3, 1)
  world.node(4).held = true
  for (let each = 1; each <= 8; each++) {
    world.request(3, 1, each, create(`/n${each}`))
    world.advance(700)
    world.complete(4)
    world.settle()
  }
  assert.is(world.replica(4).serving, true)
})

test('a voter whose disk stands still is not kept by the progress of another learner', () => {
  const world = led({ voters: 3, observers: 1, limits: { syncChunkBytes: 2_000, syncChunksInFlight: 1 } })
  world.crash(1, 4)
  fill(world, 3)
  for (const id of [1, 4]) {
    world.node(id).held = true
    world.up(id)
    world.settle()
  }
  const learner = (id: number): Association | undefined => world.replica(3).leader?.learners.get(id)
  for (const [id, stage] of [[1, 'live'], [4, 'syncing']] as const) {
    for (let i = 0; learner(id)?.stage !== stage; i++) {
      assert.ok(i < 100 && world.complete(id), `peer ${id} is brought up`)
      world.settle()
    }
  }
  // The last thing it has to write is the epoch.
  while (world.node(1).writes.length > 1) {
    world.complete(1)
    world.settle()
  }
  const stuck = learner(1)
  assert.is(stuck?.newLeaderAcked, false)
  for (let i = 0; i < 5; i++) {
    world.advance(700)
    world.complete(4)
    world.settle()
  }
  assert.is(learner(4)?.stage, 'syncing', 'the other one gets on all the time')
  assert.ok(learner(1) !== stuck, 'the voter is dropped')
})

test.run()
