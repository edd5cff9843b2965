import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { isZkError } from '../../lib/core/errors.ts'
import type { PeerOptions } from '../../lib/peer/options.ts'
import type { Request } from '../../lib/core/tree/request.ts'
import { Peer } from '../../lib/peer/peer.ts'
import { systemClock } from '../../lib/peer/system-clock.ts'
import type { Clock } from '../../lib/ports/clock.ts'
import type { LogBatch, Storage } from '../../lib/ports/storage.ts'
import type { Transport } from '../../lib/ports/transport.ts'
import { memory as memoryStorage } from '../../storage/memory.ts'
import { memory as memoryTransport, MemoryNetwork } from '../../transports/memory.ts'
import { tcp } from '../../transports/tcp.ts'
import { assert, rejects, suite } from '../harness.ts'
import type { Case } from '../harness.ts'
import { freePorts } from '../ports.ts'
import { connect, startPeer, TestSession, until } from './fixture.ts'

const test = suite('peer')
/** A peer that stops gives its storage so long. */
const STOP_MS = 5_000

interface Ensemble {
  readonly peers: Peer[]
  readonly storages: Storage[]
  readonly options: (id: number, changes?: Partial<PeerOptions>) => PeerOptions
}

/** Peers over one memory network, not waited for. */
async function ensemble(t: Case, size: number,
  changes: (id: number) => Partial<PeerOptions> = () => ({})): Promise<Ensemble> {
  const network = new MemoryNetwork()
  const members = Object.fromEntries(Array.from({ length: size }, (_, index) => [index + 1, `memory://${index + 1}`]))
  const storages = Array.from({ length: size }, () => memoryStorage())
  const options = (id: number, more: Partial<PeerOptions> = {}): PeerOptions => ({
    id, ensemble: { name: 'test', members }, transports: [memoryTransport(network)], storage: storages[id - 1]!,
    bootstrap: true, ...changes(id), ...more,
  })
  const peers = await Promise.all(storages.map((_, index) => startPeer(t, options(index + 1))))
  return { peers, storages, options }
}

const ready = (peers: readonly Peer[]): Promise<unknown> => Promise.all(peers.map((peer) => peer.ready()))
const leaderOf = (peers: readonly Peer[]): Peer => peers.find((peer) => peer.status().role === 'leading')!
const textAt = (peer: Peer, path: string): string | null => {
  const node = peer.tree.get(path)
  return node ? new TextDecoder().decode(node.data ?? new Uint8Array(0)) : null
}

/** Waits until the peer has applied what the other one has. */
async function caughtUp(peer: Peer, path: string, text: string): Promise<void> {
  while (textAt(peer, path) !== text) await new Promise((resolve) => { setImmediate(resolve) })
}

test('no client in the process sees a change before its own watch event, as another one is told first', async (t) => {
  const { peers: [peer] } = await ensemble(t, 1)
  assert.ok(peer)
  await peer.ready()
  const [writer, first, second] = await Promise.all([connect(peer), connect(peer), connect(peer)])
  assert.is(await writer.create('/p', 'old'), 'Ok')
  const read: Request = { op: 4, path: '/p', watch: true }
  await first.call(read)
  await second.call(read)
  let seen: unknown
  first.onEvent = () => { seen = [second.events.length, second.readNow(read)] }
  assert.is(await writer.set('/p', 'new'), 'Ok')
  assert.equal(seen, [0, null])
  assert.is(second.events.length, 1)
  assert.ok(second.readNow(read) !== null)
})

test('one peer serves alone, at once', async (t) => {
  const { peers: [peer] } = await ensemble(t, 1)
  assert.ok(peer)
  await peer.ready()
  const session = await connect(peer)
  assert.is(await session.create('/a', 'one'), 'Ok')
  assert.is(textAt(peer, '/a'), 'one')
  assert.is(await session.create('/a'), 'NodeExists')
  assert.is(await session.set('/none', ''), 'NoNode')
  assert.equal(peer.tree.children('/')?.toSorted(), ['a', 'zookeeper'])
  assert.is(peer.tree.has('/b'), false)
  const outcome = session.readNow({ op: 4, path: '/a', watch: false })
  assert.ok(outcome?.code === 'Ok' && outcome.result.op === 4)
  const status = peer.status()
  assert.is(status.role, 'leading')
  assert.is(status.state, 'running')
  assert.equal(status.storage, { persistent: false, durable: true })
  assert.ok((peer.metrics()['requests.create'] ?? 0) >= 2)
})

test('three peers elect, replicate and agree', async (t) => {
  const { peers } = await ensemble(t, 3)
  await ready(peers)
  assert.is(peers.filter((peer) => peer.status().role === 'leading').length, 1)
  const sessions = await Promise.all(peers.map(connect))
  for (const [index, session] of sessions.entries()) assert.is(await session.create(`/n${index}`, `v${index}`), 'Ok')
  const writes = sessions.flatMap((session, index) => Array.from({ length: 500 }, (_,
    round) => session.set(`/n${index}`, `${round}`)))
  assert.ok((await Promise.all(writes)).every((code) => code === 'Ok'))
  for (const peer of peers) for (const index of [0, 1, 2]) await caughtUp(peer, `/n${index}`, '499')
  assert.is(new Set(peers.map((peer) => peer.tree.zxid)).size, 1)
  assert.is(new Set(peers.map((peer) => peer.status().ensembleId)).size, 1)
  const leader = leaderOf(peers).status()
  assert.ok(leader.members.every((member) => member.connected))
})

test('a leader that stops is replaced, and rejoins with what was written meanwhile', async (t) => {
  const { peers, options } = await ensemble(t, 3)
  await ready(peers)
  const leader = leaderOf(peers)
  const others = peers.filter((peer) => peer !== leader)
  const session = await connect(others[0]!)
  await session.create('/a', 'before')
  const lost = new TestSession(leader.endpoint)
  await lost.opened
  const served = others.map((peer) => until<boolean>((tell) => peer.on('serving', tell), (serving) => serving))
  await leader.stop()
  assert.is(await lost.closed, 'PeerStopped')
  assert.is(leader.endpoint.gone, true)
  await Promise.all(served)
  assert.is(await session.closed, 'ConnectionLoss')
  const again = await connect(others[0]!)
  assert.is(await again.set('/a', 'after'), 'Ok')
  const back = await startPeer(t, options(leader.id))
  await back.ready()
  await caughtUp(back, '/a', 'after')
  assert.is(back.status().role, 'following')
  assert.ok(back.status().ensembleId !== '')
})

test('a session is resumed through another channel, and its first one is moved away', async (t) => {
  const { peers: [peer] } = await ensemble(t, 1)
  await peer!.ready()
  let password = new Uint8Array(0)
  let id: TestSession['session'] = null
  const closed = await new Promise<string>((resolve) => {
    peer!.endpoint.open({ session: null, password, timeoutMs: 9_000, lastZxidSeen: 0 as never }, {
      onConnected: (session, secret) => {
        id = session
        password = new Uint8Array(secret)
        void new TestSession(peer!.endpoint, session, password).opened
      },
      onReply: () => undefined, onEvent: () => undefined, onClose: resolve,
    })
  })
  assert.is(closed, 'SessionMoved')
  assert.is(await new TestSession(peer!.endpoint, id, new Uint8Array(16)).closed, 'SessionExpired')
  assert.is((await new TestSession(peer!.endpoint, id, password).opened).session, id)
})

test('digest identities and the super user open what the list closes', async (t) => {
  const superDigest = 'super:xQJmxLMiHGwaqBvst5y6rkB6HQs='
  const { peers: [peer] } = await ensemble(t, 1, () => ({ superDigest }))
  await peer!.ready()
  const owner = await connect(peer!)
  await owner.authenticate('ann:pw')
  const outcome = await owner.call({
    op: 1, path: '/mine', data: null, flags: 0, ttlMs: -1, acl: [{ perms: 31, scheme: 'auth', id: '' }],
  })
  assert.is(typeof outcome === 'string' ? outcome : outcome.code, 'Ok')
  const stranger = await connect(peer!)
  assert.is(await stranger.set('/mine', 'x'), 'NoAuth')
  await stranger.authenticate('super:admin')
  assert.is(await stranger.set('/mine', 'x'), 'Ok')
  await rejects(stranger.authenticate('x', 'kerberos'), 'AuthFailed')
})

test('arguments that cannot travel are refused without harm to the ensemble', async (t) => {
  const { peers } = await ensemble(t, 3)
  await ready(peers)
  const follower = peers.find((peer) => peer.status().role === 'following')!
  const session = await connect(follower)
  const wrong = [
    { op: 5, path: '/a', data: 'text', version: -1 }, { op: 5, path: '/a', data: null, version: 1.5 },
    { op: 2, path: 7, version: -1 }, { op: 1, path: '/a', data: null, acl: null, flags: 2 ** 40, ttlMs: -1 },
    { op: 1, path: '/a', data: null, acl: [{ perms: 'all', scheme: 'world', id: 'anyone' }], flags: 0, ttlMs: -1 },
    { op: 14, ops: [{ op: 2, path: '/a', version: NaN }] },
  ]
  for (const request of wrong) {
    const outcome = await session.call(request as never)
    assert.is(typeof outcome === 'string' ? outcome : outcome.code, 'BadArguments', JSON.stringify(request))
  }
  assert.is(await session.create('no slash'), 'BadArguments')
  assert.is(await session.create('/fine'), 'Ok')
  assert.is(follower.status().role, 'following')
})

test('peers over TCP, with a secret, survive the loss of each in turn', async (t) => {
  const ports = await freePorts(3)
  const members = Object.fromEntries(ports.map((port, index) => [index + 1, `tcp://127.0.0.1:${port}`]))
  const storages = ports.map(() => memoryStorage())
  const options = (id: number): PeerOptions => ({
    id, ensemble: { name: 'tcp', members }, transports: [tcp()], storage: storages[id - 1]!, secret: 'garden',
      bootstrap: true,
  })
  const peers = await Promise.all([1, 2, 3].map((id) => startPeer(t, options(id))))
  await ready(peers)
  assert.is(await (await connect(peers[0]!)).create('/a', '0'), 'Ok')
  for (let id = 1; id <= 3; id++) {
    await peers[id - 1]!.stop()
    const alive = peers.filter((peer) => peer.id !== id)
    await ready(alive)
    assert.is(await (await connect(alive[0]!)).set('/a', `${id}`), 'Ok')
    peers[id - 1] = await startPeer(t, options(id))
    await peers[id - 1]!.ready()
    await caughtUp(peers[id - 1]!, '/a', `${id}`)
  }
}, { timeoutMs: 30_000 })

test('a peer with another secret, name or member list is refused with one clear error', async (t) => {
  const cases: readonly (readonly [string, Partial<PeerOptions>])[] = [
    ['HandshakeFailed', { secret: 'wrong' }], ['HandshakeFailed', {}],
    ['ForeignEnsemble', { secret: 'right', ensemble: { name: 'other', members: { 1: 'memory://1',
      2: 'memory://2' } } }],
    ['MembershipMismatch', {
      secret: 'right', ensemble: { name: 'test', members: { 1: 'memory://1', 2: 'memory://2', 3: 'memory://3' } },
    }],
  ]
  for (const [code, changes] of cases) {
    const network = new MemoryNetwork()
    const base: Omit<PeerOptions, 'id' | 'storage'> = {
      ensemble: { name: 'test', members: { 1: 'memory://1', 2: 'memory://2' } }, transports: [memoryTransport(network)],
      bootstrap: true,
    }
    const one = await startPeer(t, { ...base, id: 1, secret: 'right', storage: memoryStorage() })
    const refused = until<{ code: string }>((tell) => one.on('refused', tell), () => true)
    const two = await startPeer(t, { ...base, id: 2, storage: memoryStorage(), ...changes })
    const toldTwo = until<{ code: string }>((tell) => two.on('refused', tell), () => true)
    assert.is((await refused).code, code)
    assert.is((await toldTwo).code, code)
    const error = await rejects(one.ready({ signal: AbortSignal.timeout(1) }), 'Aborted')
    assert.is((error.cause as { code: string }).code, code)
    await one.stop()
    await two.stop()
  }
})

test('a storage of another peer, ensemble or member list is refused and left alone', async (t) => {
  const { peers, storages, options } = await ensemble(t, 1)
  await peers[0]!.ready()
  assert.is(await (await connect(peers[0]!)).create('/a', 'kept'), 'Ok')
  await peers[0]!.stop()
  const members = { 1: 'memory://1', 2: 'memory://2' }
  await rejects(Peer.start(options(1, { ensemble: { name: 'other', members: { 1: 'memory://1' } } })),
    'ForeignEnsemble')
  await rejects(Peer.start(options(1, { ensemble: { name: 'test', members } })), 'MembershipMismatch')
  await rejects(Peer.start(options(1, { id: 2, storage: storages[0]!, ensemble: { name: 'test',
    members: { 2: 'memory://2' } } })),
    'MembershipMismatch')
  const again = await startPeer(t, options(1))
  await again.ready()
  assert.is(textAt(again, '/a'), 'kept')
})

test('a failing disk stops its peer, tells the app, and spares the others', async (t) => {
  let isBroken = false
  const broken = (storage: Storage): Storage => ({
    features: storage.features, open: () => storage.open(), close: () => storage.close(),
    write: (batch) => isBroken ? Promise.reject(new Error('no space left on device')) : storage.write(batch),
  })
  const { peers } = await ensemble(t, 3, (id) => id === 2 ? { storage: broken(memoryStorage()) } : {})
  await ready(peers)
  const victim = peers[1]!
  const told = until<Error>((tell) => victim.on('fatal', tell), () => true)
  const client = new TestSession(victim.endpoint)
  await client.opened
  isBroken = true
  const other = await connect(peers[0]!)
  void other.create('/a')
  const error = await told
  assert.ok(isZkError(error, 'StorageFailed'))
  assert.is(await client.closed, 'PeerStopped')
  assert.is(victim.status().state, 'failed')
  assert.is(victim.status().lastError?.code, 'StorageFailed')
  await rejects(victim.ready(), 'StorageFailed')
  await victim.stop()
  await ready([peers[0]!, peers[2]!])
  assert.is(await (await connect(peers[0]!)).create('/b'), 'Ok')
})

test('stop is idempotent, frees the address, and ends clients that come later', async (t) => {
  const [port] = await freePorts(1)
  const storage = memoryStorage()
  const options: PeerOptions = {
    id: 1, ensemble: { name: 'x', members: { 1: `tcp://127.0.0.1:${port}` } }, transports: [tcp()], storage,
  }
  for (let round = 0; round < 3; round++) {
    const peer = await startPeer(t, options)
    await peer.ready()
    await Promise.all([peer.stop(), peer.stop()])
    assert.is(peer.status().state, 'stopped')
    assert.is(await new TestSession(peer.endpoint).closed, 'PeerStopped')
    await rejects(peer.ready(), 'PeerStopped')
  }
})

for (const ending of ['stop', 'failure'] as const) {
  test(`a write that never ends keeps no port and no link open: ${ending}`, async (t) => {
    let gaveUp: (() => void) | null = null
    const real = systemClock()
    const clock: Clock = {
      ...real, setTimer: (delayMs, callback, unref) => {
        if (delayMs !== STOP_MS || !isStuck) return real.setTimer(delayMs, callback, unref)
        gaveUp = callback
        return { cancel: () => undefined }
      },
    }
    let isStuck = false
    const storage = memoryStorage()
    const stuck = new Promise<void>(() => undefined)
    const onWrite: ((batch: LogBatch) => Promise<void>)[] = []
    const [one, two, front] = await freePorts(3)
    const members = { 1: `tcp://127.0.0.1:${one}`, 2: `tcp://127.0.0.1:${two}` }
    const clients = { listen: [`tcp://127.0.0.1:${front}`] }
    const options = { ensemble: { name: 'x', members }, transports: [tcp()] }
    const other = await startPeer(t, { ...options, id: 2, storage: memoryStorage() })
    const peer = await startPeer(t, {
      ...options, id: 1, clients, clock,
      storage: {
        features: storage.features, open: () => storage.open(), close: () => storage.close(),
        write: (batch) => onWrite.shift()?.(batch) ?? storage.write(batch),
      },
    })
    await ready([peer, other])
    const client = await connect(other)
    const wrote = new Promise<void>((resolve) => {
      onWrite.push(() => {
        isStuck = true
        resolve()
        return stuck
      })
    })
    void client.create('/a')
    await wrote
    const linkDown = until<boolean>((tell) => other.on('serving', tell), (isServing) => !isServing)
    if (ending === 'failure') {
      const failed = until<Error>((tell) => peer.on('fatal', tell), () => true)
      onWrite.push(() => Promise.reject(new Error('no space left on device')))
      void client.create('/b')
      await failed
    }
    const stopped = peer.stop()
    await linkDown
    gaveUp!()
    await stopped
    const next = await startPeer(t, { ...options, id: 1, clients, storage: memoryStorage() })
    await next.stop()
  })
}

test('an address in use, and a start that is aborted, leave nothing open', async (t) => {
  const server = createServer()
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  t.defer(() => new Promise((resolve) => { server.close(resolve) }))
  const { port } = server.address() as AddressInfo
  const storage = memoryStorage()
  const options: PeerOptions = {
    id: 1, ensemble: { name: 'x', members: { 1: `tcp://127.0.0.1:${port}` } }, transports: [tcp()], storage,
  }
  await rejects(Peer.start(options), 'AddressInUse')
  await rejects(Peer.start({ ...options, signal: AbortSignal.abort() }), 'Aborted')
  await (await storage.open(), storage.close())
})

test('a peer whose storage fails while its client port is opened does not start', async (t) => {
  const { peers: [other], options } = await ensemble(t, 1, () => ({
    ensemble: { name: 'test', members: { 1: 'memory://1', 2: 'memory://2' } },
  }))
  const storage = memoryStorage()
  let failed = (): void => undefined
  const isFatal = new Promise<void>((resolve) => { failed = resolve })
  const none = (): void => undefined
  const slow: Transport = {
    schemes: ['slow'], features: { listens: true, network: false },
    listen: (address) => isFatal.then(() => ({ address, close: () => Promise.resolve() })),
    dial: () => Promise.reject(new Error('nobody dials')),
  }
  const { transports } = options(1)
  const started = Peer.start(options(2, {
    transports: [...transports, slow], clients: 'slow://x',
    storage: {
      features: storage.features, open: () => storage.open(), close: () => storage.close(),
      write: () => Promise.reject(new Error('no disk')),
    },
    logger: { debug: none, info: none, warn: none, error: () => failed() },
  }))
  await rejects(started, 'StorageFailed')
  assert.is(other!.status().state, 'running')
  await (await storage.open(), storage.close())
})

test('a client with more under way than a link may hold waits its turn and breaks nothing', async (t) => {
  const limits = {
    outstandingBytes: 1_000_000, linkWindowBytes: 1_000_000, linkQueueBytes: 4_000_000, requestBytes: 100_000,
  }
  const { peers } = await ensemble(t, 3, () => ({ limits }))
  await ready(peers)
  const roles = peers.map((peer) => peer.status().role)
  const text = 'x'.repeat(90_000)
  for (const peer of peers) {
    const session = await connect(peer)
    const codes = await Promise.all(Array.from({ length: 150 }, (_,
      each) => session.create(`/p${peer.id}-${each}`, text)))
    assert.ok(codes.every((code) => code === 'Ok'))
    assert.is(await session.create('/large', 'x'.repeat(100_001)), 'BadArguments')
  }
  assert.equal(peers.map((peer) => peer.status().role), roles)
})

test('a stopped leader costs a session nothing when its client comes back in time', async (t) => {
  const { peers } = await ensemble(t, 3)
  await ready(peers)
  const leader = leaderOf(peers)
  const other = peers.find((peer) => peer !== leader)!
  let secret = new Uint8Array(0)
  let id: TestSession['session'] = null
  const closed = new Promise<string>((resolve) => {
    other.endpoint.open({ session: null, password: secret, timeoutMs: 9_000, lastZxidSeen: 0 as never }, {
      onConnected: (session, password) => {
        id = session
        secret = new Uint8Array(password)
        void leader.stop()
      },
      onReply: () => undefined, onEvent: () => undefined, onClose: resolve,
    })
  })
  assert.is(await closed, 'ConnectionLoss')
  const resumed = await new TestSession(other.endpoint, id, secret).opened
  assert.is(resumed.session, id)
})

test('a soft quota that is exceeded is a warning of the leader, once a minute', async (t) => {
  const warnings: string[] = []
  const none = (): void => undefined
  const logger = { debug: none, info: none, error: none, warn: (text: string): void => void warnings.push(text) }
  const { peers: [peer] } = await ensemble(t, 1, () => ({ enforceQuota: true, logger }))
  await peer!.ready()
  const zk = await peer!.connect()
  for (const path of ['/a', '/zookeeper/quota/a']) await zk.create(path)
  await zk.create('/zookeeper/quota/a/zookeeper_limits', 'count=1,bytes=-1')
  await zk.create('/zookeeper/quota/a/zookeeper_stats', 'count=0,bytes=0')
  for (const name of ['b', 'c']) await zk.create(`/a/${name}`)
  assert.equal(warnings.filter((text) => text.startsWith('quota')), [
    'quota exceeded: /a has 2 nodes, and should have 1 at most',
  ])
  await zk.close()
})

test.run()
