import { connect as dial } from 'node:net'
import { join } from 'node:path'
import { WebSocket } from 'ws'
import { makeRandom } from '../../lib/core/random.ts'
import { Peer } from '../../lib/peer/peer.ts'
import type { PeerOptions } from '../../lib/peer/options.ts'
import { level } from '../../storage/level.ts'
import { memory } from '../../storage/memory.ts'
import { tcp } from '../../transports/tcp.ts'
import { websocket } from '../../transports/websocket.ts'
import type { WebSocketClass } from '../../transports/websocket.ts'
import { websocketServer } from '../../transports/websocket-server.ts'
import { assert, rejects, suite } from '../harness.ts'
import { freePorts } from '../ports.ts'
import { connect, startPeer } from './fixture.ts'

const test = suite('peers on a network')

const ready = (peers: readonly Peer[]): Promise<unknown> => Promise.all(peers.map((peer) => peer.ready()))

/** Sends bytes to a port and waits until the other side has ended the connection. */
function throwAt(port: number, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const socket = dial(port, '127.0.0.1', () => socket.end(bytes))
    socket.on('error', () => resolve())
    socket.on('close', () => resolve())
    socket.resume()
  })
}

test('noise on every listener harms nobody', async (t) => {
  const ports = await freePorts(3)
  const members = Object.fromEntries(ports.map((port, index) => [index + 1, `tcp://127.0.0.1:${port}`]))
  const peers = await Promise.all([1, 2, 3].map((id) => startPeer(t, {
    id, ensemble: { name: 'noise', members }, transports: [tcp()], storage: memory(), bootstrap: true,
  })))
  await ready(peers)
  const session = await connect(peers[0]!)
  assert.is(await session.create('/a'), 'Ok')
  const roles = peers.map((peer) => peer.status().role)
  const random = makeRandom(4)
  const noise = Array.from({ length: 90 }, (_, round) => {
    const bytes = Uint8Array.from({ length: 1 + random.below(3_000) }, () => random.below(256))
    if (round % 3 === 0) bytes.set([0, 0, 0, bytes.length % 200])
    return throwAt(ports[round % 3]!, bytes)
  })
  const writes = Array.from({ length: 300 }, (_, round) => session.set('/a', `${round}`))
  await Promise.all(noise)
  assert.ok((await Promise.all(writes)).every((code) => code === 'Ok'))
  assert.equal(peers.map((peer) => peer.status().role), roles)
  assert.ok(peers.every((peer) => peer.status().links.every((link) => link.connected)))
})

test('a mixed ensemble: two peers listen on TCP and WebSocket, one only dials WebSocket, and any one may die',
  async (t) => {
  const [tcp1 = 0, ws1 = 0, tcp2 = 0, ws2 = 0] = await freePorts(4)
  const members = {
    1: [`tcp://127.0.0.1:${tcp1}`, `ws://127.0.0.1:${ws1}`], 2: [`tcp://127.0.0.1:${tcp2}`,
      `ws://127.0.0.1:${ws2}`], 3: [],
  }
  const storages = [memory(), memory(), memory()]
  const options = (id: number): PeerOptions => ({
    id, ensemble: { name: 'mixed', members }, storage: storages[id - 1]!, bootstrap: true, secret: 'mixed',
    transports: id === 3 ? [websocket({ WebSocket: WebSocket as unknown as WebSocketClass })] : [tcp(),
      websocketServer()],
  })
  const peers = await Promise.all([1, 2, 3].map((id) => startPeer(t, options(id))))
  await ready(peers)
  assert.equal(peers.map((peer) => peer.status().addresses.length), [2, 2, 0])
  assert.is(await (await connect(peers[2]!)).create('/a', 'x'.repeat(100_000)), 'Ok')
  for (let id = 1; id <= 3; id++) {
    await peers[id - 1]!.stop()
    const alive = peers.filter((peer) => peer.id !== id)
    await ready(alive)
    assert.is(await (await connect(alive[1]!)).set('/a', `${id}`), 'Ok')
    peers[id - 1] = await startPeer(t, options(id))
    await peers[id - 1]!.ready()
    const session = await connect(peers[id - 1]!)
    assert.is(await session.set('/a', `back ${id}`), 'Ok')
  }
  await rejects(Peer.start({
    ...options(3), storage: memory(), ensemble: { name: 'mixed', members: { ...members, 2: members[2].slice(0, 1) } },
  }), 'AddressInvalid')
}, { timeoutMs: 30_000 })

test('peers on disk come back with everything that was acknowledged', async (t) => {
  const ports = await freePorts(3)
  const folder = t.tempFolder()
  const members = Object.fromEntries(ports.map((port, index) => [index + 1, `tcp://127.0.0.1:${port}`]))
  const options = (id: number): PeerOptions => ({
    id, ensemble: { name: 'disk', members }, transports: [tcp()], storage: level(join(folder, `${id}`)),
      bootstrap: true,
    limits: { snapshotTxns: 200, retainedTxns: 50 },
  })
  let ensembleId = ''
  for (let round = 0; round < 3; round++) {
    const peers = await Promise.all([1, 2, 3].map((id) => startPeer(t, options(id))))
    await ready(peers)
    const session = await connect(peers[round]!)
    assert.is(await session.create(`/r${round}`), 'Ok')
    const codes = await Promise.all(Array.from({ length: 700 }, (_, each) => session.set(`/r${round}`, `${each}`)))
    assert.ok(codes.every((code) => code === 'Ok'))
    for (let earlier = 0; earlier <= round; earlier++) {
      const node = peers[round]!.tree.get(`/r${earlier}`)
      assert.is(new TextDecoder().decode(node?.data ?? new Uint8Array(0)), '699')
      assert.is(node?.stat.version, 700)
    }
    const status = peers[0]!.status()
    if (round > 0) assert.is(status.ensembleId, ensembleId)
    ensembleId = status.ensembleId
    await Promise.all(peers.map((peer) => peer.stop()))
  }
}, { timeoutMs: 30_000 })

test.run()
