/** Very many syncs at once. */
import type { Connection } from '../../lib/core/session/connection.ts'
import { SyncQueue } from '../../lib/core/zab/sync-queue.ts'
import { ZXID_ZERO } from '../../lib/core/zxid.ts'
import { assert, suite } from '../harness.ts'
import { create, led } from './cluster.ts'
import type { World } from './cluster.ts'

const test = suite('syncs')

/** What the peer keeps of a connection that writes. */
function connectionOf(world: World, conn: number): Connection {
  const { clients } = world.replica(1)
  const claim = clients.claim.bind(clients)
  let found: Connection | null = null
  clients.claim = (txn) => {
    const claimed = claim(txn)
    if (claimed !== 'later') found = claimed
    return claimed
  }
  world.request(1, conn, 1, create('/claimed'))
  clients.claim = claim
  assert.ok(found)
  return found
}

test('each is found at once, however many wait behind a write', () => {
  const world = led({ voters: 1 })
  world.connect(1, 1)
  const connection = connectionOf(world, 1)
  let looks = 0
  const queue = new Proxy(connection.queue, {
    get: (target, key) => {
      looks++
      return Reflect.get(target, key) as unknown
    },
  })
  Reflect.set(connection, 'queue', queue)
  const count = 1_000
  world.replica(1).step(world.now, { kind: 'request', conn: 1, xid: 2, request: create('/a') })
  for (let at = 0; at < count; at++) {
    world.replica(1).step(world.now, { kind: 'request', conn: 1, xid: 3 + at, request: { op: 9, path: '/' } })
  }
  world.input(1, { kind: 'tick' })
  world.settle()
  const xids = world.effectsOf(1, 'reply').map(({ xid }) => xid)
  assert.equal(xids, Array.from({ length: count + 2 }, (_, at) => 1 + at))
  assert.ok(looks < 50 * count, `${looks} looks`)
})

test('a million of one ping are confirmed', () => {
  const queue = new SyncQueue()
  const count = 1_000_000
  for (let tag = 0; tag < count; tag++) queue.add({ peer: 1, tag, zxid: ZXID_ZERO })
  queue.pinged(1)
  assert.is(queue.confirmed(() => true).length, count)
  assert.ok(queue.empty)
})

test.run()
