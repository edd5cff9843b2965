import { OPEN_ACL } from '../../lib/core/tree/request.ts'
import type { CreateRequest } from '../../lib/core/tree/request.ts'
import { assert, suite } from '../harness.ts'
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

test.run()
