import { join } from 'node:path'
import type { Acl } from '../../lib/core/tree/request.ts'
import type { Peer } from '../../lib/peer/peer.ts'
import { level } from '../../storage/level.ts'
import { memory, MemoryNetwork } from '../../transports/memory.ts'
import { assert, suite } from '../harness.ts'
import { codeOf, connect, startPeer } from './fixture.ts'

const test = suite('long access-control lists')

const NODES = 12
const MEMBERS = { 1: 'memory://1', 2: 'memory://2', 3: 'memory://3' }
/** Fewer of the lists than there are nodes fit a frame. */
const LIMITS = {
  frameBytes: 7 * 1024 * 1024, snapshotTxns: 5, retainedTxns: 1, retainedBytes: 1, sessionEphemeralBytes: 1_000,
}

test('a tree whose nodes share one goes through frames and files', async (t) => {
  const folder = t.tempFolder()
  const network = new MemoryNetwork()
  const start = (id: number, place = `${id}`): Promise<Peer> => startPeer(t, {
    id, ensemble: { name: 'test', members: MEMBERS }, transports: [memory(network)],
    storage: level(join(folder, place)), bootstrap: true, limits: LIMITS,
  })
  const peers = await Promise.all([1, 2, 3].map((id) => start(id)))
  await Promise.all(peers.map((peer) => peer.ready()))
  const last = peers.find((peer) => peer.status().role === 'following')!
  const others = peers.filter((peer) => peer !== last)
  await last.stop()

  const acl: Acl[] = [
    { perms: 31, scheme: 'world', id: 'anyone' }, { perms: 1, scheme: 'digest', id: `u:${'x'.repeat(1_000_000)}` },
  ]
  const session = await connect(others[0]!)
  for (let i = 0; i < NODES; i++) {
    assert.is(codeOf(await session.call({ op: 1, path: `/n${i}`, data: null, acl, flags: 0, ttlMs: -1 })), 'Ok')
  }

  // With a new disk, by a snapshot.
  const back = await start(last.id, 'new')
  await back.ready()
  assert.is(back.tree.children('/')?.length, NODES + 1)

  await Promise.all([...others, back].map((peer) => peer.stop()))
  const again = await Promise.all([...others.map(({ id }) => start(id)), start(last.id, 'new')])
  await Promise.all(again.map((peer) => peer.ready()))
  for (const peer of again) assert.is(peer.tree.children('/')?.length, NODES + 1)
})

test.run()
