import type { Channel, ChannelEvents, Endpoint, Hello } from '../../lib/client/channel.ts'
import { Multi } from '../../lib/client/multi.ts'
import type { Outcome, Request } from '../../lib/core/tree/request.ts'
import { Client, createEnsemble, createPeer, isZkError, Perm } from '../../lib/node.ts'
import type { Ensemble, StateChange, WatchItem, ZkError } from '../../lib/node.ts'
import { systemClock } from '../../lib/peer/system-clock.ts'
import { memory } from '../../storage/memory.ts'
import { assert, rejects, suite } from '../harness.ts'
import type { Case } from '../harness.ts'

const test = suite('client on an ensemble')

async function start(t: Case, size = 1): Promise<{ readonly ensemble: Ensemble, readonly zk: Client }> {
  const ensemble = await createEnsemble({ size, signal: t.signal })
  t.defer(() => ensemble.stop())
  const zk = await ensemble.connect()
  t.defer(() => zk.close())
  return { ensemble, zk }
}

/** Resolves at the first change to that state. */
function reaches(zk: Client, state: StateChange['state']): Promise<StateChange> {
  return new Promise((resolve) => {
    if (zk.state === state) resolve({ state, previous: state, code: null, aliveForMs: null })
    const off = zk.on('state', (change) => {
      if (change.state !== state) return
      off()
      resolve(change)
    })
  })
}

test('what goes in comes out: text, bytes, JSON, nothing', async (t) => {
  const { zk } = await start(t)
  await zk.create('/text', 'grün')
  assert.is((await zk.get('/text')).text(), 'grün')
  const bytes = new Uint8Array([1, 2, 3])
  await zk.create('/bytes', bytes)
  bytes[0] = 9
  const node = await zk.get('/bytes')
  assert.equal(node.data, new Uint8Array([1, 2, 3]))
  node.data[1] = 9
  assert.equal((await zk.get('/bytes')).data, new Uint8Array([1, 2, 3]))
  for (const value of [{ a: [1, null, 'x'] }, [1, 2], 42, true]) {
    await zk.set('/bytes', value)
    assert.equal((await zk.get('/bytes')).json(), value)
  }
  await zk.create('/nothing')
  const empty = await zk.get('/nothing')
  assert.is(empty.data.length, 0)
  assert.is(empty.stat.dataLength, 0)
})

test('every operation answers as ZooKeeper does', async (t) => {
  const { zk } = await start(t)
  const { path, stat } = await zk.createWithStat('/a', 'x')
  assert.is(path, '/a')
  assert.is(stat.version, 0)
  assert.is((await zk.set('/a', 'y', { version: 0 })).version, 1)
  await rejects(zk.set('/a', 'z', { version: 0 }), 'BadVersion')
  assert.is((await zk.exists('/a'))?.version, 1)
  assert.is(await zk.exists('/b'), null)
  await zk.create('/a/1')
  await zk.create('/a/2')
  assert.equal((await zk.children('/a')).sort(), ['1', '2'])
  assert.is((await zk.childrenWithStat('/a')).stat.numChildren, 2)
  assert.is(await zk.countChildren('/a'), 2)
  await rejects(zk.delete('/a'), 'NotEmpty')
  await rejects(zk.delete('/a/1', { version: 5 }), 'BadVersion')
  await zk.delete('/a/1')
  await rejects(zk.get('/a/1'), 'NoNode')
  await rejects(zk.create('/a'), 'NodeExists')
  await zk.sync()
  assert.ok((await zk.whoAmI()).some(({ scheme }) => scheme === 'ip'))
})

test('kinds of nodes', async (t) => {
  const { zk } = await start(t)
  await zk.create('/q')
  assert.is(await zk.create('/q/n-', '', { sequential: true }), '/q/n-0000000000')
  assert.is(await zk.create('/q/n-', '', { mode: 'ephemeralSequential' }), '/q/n-0000000001')
  assert.is(await zk.create('/q/', '', { sequential: true }), '/q/0000000002')
  assert.equal(await zk.ephemerals(), ['/q/n-0000000001'])
  assert.equal(await zk.ephemerals('/r'), [])
  await rejects(zk.create('/q/n-0000000001/x'), 'NoChildrenForEphemerals')
  await zk.create('/c', null, { container: true })
  await zk.create('/t', 'x', { ttlMs: 60_000 })
  assert.is((await zk.createWithStat('/e', 'x', { ephemeral: true })).stat.ephemeralOwner, zk.session?.id)
})

test('missing parents are created, also by many at once', async (t) => {
  const { ensemble, zk } = await start(t)
  const other = await ensemble.connect()
  t.defer(() => other.close())
  const paths = await Promise.all(Array.from({ length: 20 }, (_, i) =>
    (i % 2 === 0 ? zk : other).create(`/p/q/r/n${i}`, `${i}`, { parents: true, ephemeral: true })))
  assert.is(paths.length, 20)
  assert.is((await zk.children('/p/q/r')).length, 20)
  await zk.create('/box/one/two', 'x', { parents: 'container' })
  await rejects(zk.create('/p/q/r/n1/below', 'x', { parents: true }), 'NoChildrenForEphemerals')
  await rejects(zk.create('/p/q/r/n1', 'x', { parents: true }), 'NodeExists')
})

test('a server that answers a create in a multi without its stat', async (t) => {
  const { zk } = await start(t)
  const multi = zk.multi().createWithStat('/m').create('/k')
  // Stands in for the session: the answer is that of Apache ZooKeeper before 3.7.2 (ZOOKEEPER-4026).
  const session = { submit: (request: Request, pick: (outcome: Outcome, request: Request) => unknown, _: unknown,
    resolve: (results: unknown) => void): void => {
    resolve(pick({ code: 'Ok', result: { op: 14, results: [{ op: 1, path: '/m' }, { op: 1, path: '/k' }] } }, request))
  } }
  const answered = new Multi(session as never).createWithStat('/m').create('/k')
  assert.equal(await answered.commit(), [{ path: '/m', stat: undefined }, '/k'])
  const [created] = await multi.commit()
  assert.is(created.stat?.version, 0)
})

test('a subtree is deleted, children first', async (t) => {
  const { zk } = await start(t)
  await Promise.all(Array.from({ length: 300 }, (_, i) => zk.create(`/d/${i % 7}/${i}`, 'x', { parents: true })))
  await rejects(zk.delete('/d', { recursive: true, version: 9 }), 'BadVersion')
  await zk.create('/d/again', 'x')
  await zk.delete('/d', { recursive: true })
  assert.is(await zk.exists('/d'), null)
  await rejects(zk.delete('/d', { recursive: true }), 'NoNode')
})

test('a multi happens as a whole, or says which operation failed', async (t) => {
  const { zk } = await start(t)
  const [path, created, stat, checked] = await zk.multi()
    .create('/m', 'x').createWithStat('/m/n-', 'y', { sequential: true }).set('/m', 'z').check('/m', 1).commit()
  const name: string = path
  const version: number = stat.version
  const nothing: undefined = checked
  const parts = [name, version, nothing, created.path, created.stat?.version]
  assert.equal(parts, ['/m', 1, undefined, '/m/n-0000000000', 0])
  const failed = zk.multi().create('/k', 'x').check('/m', 77).delete('/m/n-0000000000').commit()
  const error = await rejects(failed, 'BadVersion') as ZkError
  assert.is(error.path, '/m')
  assert.equal(error.results, ['Ok', 'BadVersion', 'RuntimeInconsistency'])
  assert.is(await zk.exists('/k'), null)
  const multi = zk.multi().check('/m')
  await multi.commit()
  assert.instance(await rejects(multi.commit()), TypeError)
  const [node, names, missing] = await zk.multiRead().get('/m').children('/m').get('/nowhere').commit()
  assert.ok(!isZkError(node) && node.text() === 'z')
  assert.equal(names, ['n-0000000000'])
  assert.ok(isZkError(missing, 'NoNode'))
})

test('access-control lists and identities', async (t) => {
  const { ensemble, zk } = await start(t)
  await zk.addAuth('digest', 'bob:secret')
  await zk.create('/mine', 'x', { acl: [{ perms: Perm.all, scheme: 'auth', id: '' }] })
  const { acl, stat } = await zk.getAcl('/mine')
  assert.is(acl[0]?.scheme, 'digest')
  assert.is(stat.aversion, 0)
  const stranger = await ensemble.connect()
  t.defer(() => stranger.close())
  await rejects(stranger.get('/mine'), 'NoAuth')
  const changed = await zk.setAcl('/mine', [{ perms: Perm.read, scheme: 'world', id: 'anyone' }], { version: 0 })
  assert.is(changed.aversion, 1)
  assert.is((await stranger.get('/mine')).text(), 'x')
  await rejects(stranger.set('/mine', 'y'), 'NoAuth')
  await rejects(zk.addAuth('kerberos', 'x'), 'AuthFailed')
  assert.ok((await zk.whoAmI()).some(({ scheme }) => scheme === 'digest'))
})

test('calls of one session are carried out in order', async (t) => {
  const { zk } = await start(t, 3)
  await zk.create('/n', '0')
  const seen: string[] = []
  const calls: Promise<unknown>[] = []
  for (let i = 1; i <= 200; i++) {
    calls.push(zk.set('/n', `${i}`), zk.get('/n').then((node) => seen.push(node.text())))
  }
  await Promise.all(calls)
  assert.equal(seen, Array.from({ length: 200 }, (_, i) => `${i + 1}`))
})

test('a watch with the present state misses nothing while others write', async (t) => {
  const { ensemble, zk } = await start(t, 3)
  const writer = await ensemble.connect({ peer: 2 })
  t.defer(() => writer.close())
  await zk.create('/w')
  const picture = new Map<string, string>()
  let written = 0
  const writing = (async () => {
    for (; written < 400; written++) {
      const path = `/w/${written % 20}`
      if (written % 40 < 20) await writer.create(path, `${written}`)
      else await writer.delete(path)
    }
    await writer.create('/w/end', 'x')
  })()
  const watcher = zk.watch('/w', { recursive: true, initial: true })
  for await (const item of watcher) {
    if (item.type === 'gap') throw new Error('a gap')
    if (item.type === 'present') picture.set(item.path, 'present')
    else if (item.type === 'created') {
      assert.not.ok(picture.has(item.path), `${item.path} was created twice`)
      picture.set(item.path, 'created')
    } else if (item.type === 'deleted') {
      assert.ok(picture.delete(item.path), `${item.path} was deleted without having been there`)
    }
    if (item.path === '/w/end') break
  }
  await writing
  assert.equal([...picture.keys()].sort(), ['/w', '/w/end'])
})

test('a session and its ephemerals outlive every leader, and move when their peer stops', async (t) => {
  const { ensemble, zk } = await start(t, 3)
  const changes: string[] = []
  zk.on('state', ({ state }) => changes.push(state))
  await zk.create('/mine', 'x', { ephemeral: true })
  const { id } = zk.session ?? {}
  const watcher = zk.watch('/mine')
  await watcher.ready()
  for (let round = 0; round < 3; round++) {
    const leader = ensemble.leader()
    assert.type(leader, 'number')
    if (leader === null) return
    const suspended = reaches(zk, 'suspended')
    await ensemble.stopPeer(leader)
    await suspended
    await zk.sync()
    assert.is(zk.session?.id, id)
    assert.is((await zk.exists('/mine'))?.ephemeralOwner, id)
    await ensemble.startPeer(leader)
    await ensemble.peer(leader)?.ready({ signal: t.signal })
  }
  assert.equal(changes, Array.from({ length: 3 }, () => ['suspended', 'connected']).flat())
  await zk.set('/mine', 'y')
  const items: WatchItem[] = []
  for await (const item of watcher) {
    items.push(item)
    if (item.type === 'changed') break
  }
  assert.ok(items.slice(0, -1).every(({ type }) => type === 'gap'))
}, { timeoutMs: 30_000 })

test('acknowledged writes are there, and unknown ones say so, while leaders go', async (t) => {
  const { ensemble, zk } = await start(t, 3)
  const acknowledged = new Set<string>()
  const unknown = new Set<string>()
  let isDone = false
  await zk.create('/k')
  const writing = (async () => {
    for (let i = 0; !isDone; i++) {
      const path = `/k/${i}`
      try {
        await zk.create(path, 'x')
        acknowledged.add(path)
      } catch (error) {
        assert.ok(isZkError(error, 'ConnectionLoss') && error.mayHaveHappened)
        unknown.add(path)
      }
    }
  })()
  for (let round = 0; round < 4; round++) {
    const leader = ensemble.leader() ?? 1
    await ensemble.stopPeer(leader)
    await zk.sync()
    await (await ensemble.startPeer(leader)).ready({ signal: t.signal })
  }
  isDone = true
  await writing
  await zk.sync()
  const there = new Set((await zk.children('/k')).map((name) => `/k/${name}`))
  assert.ok(acknowledged.size > 10)
  assert.equal([...acknowledged].filter((path) => !there.has(path)), [])
  assert.equal([...there].filter((path) => !acknowledged.has(path) && !unknown.has(path)), [])
}, { timeoutMs: 30_000 })

test('a session of one peer ends with it, and says so', async (t) => {
  const { ensemble } = await start(t, 3)
  const peer = ensemble.peer(2)
  const zk = await peer?.connect()
  assert.ok(zk && peer)
  if (!zk || !peer) return
  const watcher = zk.watch('/')
  await watcher.ready()
  const ended = reaches(zk, 'closed')
  await ensemble.stopPeer(2)
  assert.is((await ended).code, 'PeerStopped')
  await rejects(zk.get('/'), 'PeerStopped')
  await rejects(watcher.next(), 'PeerStopped')
  await rejects(peer.connect(), 'PeerStopped')
  await zk.close()
})

test('a session can be resumed by its id and password', async (t) => {
  const { ensemble, zk } = await start(t, 3)
  await zk.create('/mine', 'x', { ephemeral: true })
  const { session } = zk
  assert.ok(session)
  if (session === null) return
  const moved = reaches(zk, 'closed')
  const again = await ensemble.connect({ session, peer: 3 })
  assert.is((await moved).code, 'SessionMoved')
  assert.is(again.session?.id, session.id)
  assert.equal(await again.ephemerals(), ['/mine'])
  await again.close()
  const gone = await rejects(ensemble.connect({ session }), 'SessionExpired')
  assert.ok(gone)
})

test('closing a session ends its ephemerals, and everybody who watches hears of it', async (t) => {
  const { ensemble, zk } = await start(t)
  const other = await ensemble.connect()
  await other.create('/theirs', 'x', { ephemeral: true })
  const gone = zk.once('/theirs')
  await zk.exists('/theirs')
  await other.close()
  assert.is((await gone).type, 'deleted')
  assert.is(await zk.exists('/theirs'), null)
})

/** A door before an endpoint: shut, it cuts the connection without closing the session. */
class Door implements Endpoint {
  readonly name = 'door'
  readonly gone = false
  readonly #behind: Endpoint
  #cut: (() => void) | null = null
  isShut = false

  constructor(behind: Endpoint) {
    this.#behind = behind
  }

  get ready(): boolean {
    return !this.isShut
  }

  open(hello: Hello, events: ChannelEvents): Channel {
    if (this.isShut) {
      setImmediate(() => events.onClose('ConnectionLoss'))
      return { request: () => undefined, authenticate: async () => [], close: () => undefined }
    }
    const channel = this.#behind.open(hello, events)
    this.#cut = () => {
      channel.close()
      events.onClose('ConnectionLoss')
    }
    return channel
  }

  shut(): void {
    this.isShut = true
    this.#cut?.()
  }
}

test('a session that the ensemble gave up meanwhile is expired, and everything says so', async (t) => {
  const { ensemble, zk } = await start(t, 3)
  const behind = ensemble.peer(2)?.endpoint
  assert.ok(behind)
  if (behind === undefined) return
  const door = new Door(behind)
  const cut = await Client.connect({ endpoints: [door], clock: systemClock() }, { sessionTimeoutMs: 500 })
  const states: string[] = []
  cut.on('state', ({ state }) => states.push(state))
  await cut.create('/theirs', 'x', { ephemeral: true })
  const watcher = cut.watch('/theirs')
  await watcher.ready()
  const gone = zk.once('/theirs')
  await zk.exists('/theirs')
  door.shut()
  const read = cut.get('/theirs')
  assert.is((await gone).type, 'deleted')
  door.isShut = false
  await rejects(read, 'SessionExpired')
  await rejects(watcher.next(), 'SessionExpired')
  await rejects(cut.create('/more'), 'SessionExpired')
  assert.equal(states, ['suspended', 'lost', 'expired'])
})

test('one peer on TCP and LevelDB by default, kept over a restart', async (t) => {
  const folder = t.tempFolder()
  const ensemble = { name: 'solo', members: { 1: 'tcp://127.0.0.1:0' } }
  const options = { id: 1, ensemble, storage: folder, signal: t.signal }
  const peer = await createPeer(options)
  t.defer(() => peer.stop())
  const zk = await peer.connect({ sessionTimeoutMs: 5_000 })
  await zk.create('/kept', 'x')
  await zk.close()
  await peer.stop()
  const again = await createPeer(options)
  t.defer(() => again.stop())
  const back = await again.connect()
  assert.is((await back.get('/kept')).text(), 'x')
  assert.equal(again.tree.get('/kept')?.data, new TextEncoder().encode('x'))
  await back.close()
})

test('starts and stops of one peer that overlap come one after the other', async (t) => {
  const { ensemble } = await start(t)
  const first = ensemble.peer(1)
  assert.is(await ensemble.startPeer(1), first, 'it runs')
  const stopping = ensemble.stopPeer(1)
  const second = await ensemble.startPeer(1)
  await stopping
  assert.is(first?.status().state, 'stopped')
  assert.is(second.status().state, 'running')
  assert.is(ensemble.peer(1), second, 'the stop before it does not forget it')
  const all = [ensemble.stopPeer(1), ensemble.startPeer(1), ensemble.startPeer(1), ensemble.stopPeer(1)]
  const [, third, same] = await Promise.all(all)
  assert.is(third, same)
  assert.is(ensemble.peer(1), undefined)
  await Promise.all([rejects(ensemble.startPeer(1), 'Closed'), ensemble.stop()])
})

test('a peer that cannot start can be stopped, and one that failed is started when it is closed', async (t) => {
  let isBroken = false
  let onClosing: (() => void) | null = null
  let release: () => void = () => undefined
  const storages = new Map([1, 2, 3].map((id) => [id, memory()]))
  const ensemble = await createEnsemble({
    size: 3, signal: t.signal, storage: (id) => {
      const storage = storages.get(id)!
      return id !== 1 ? storage : {
        features: storage.features, open: () => storage.open(),
        write: (batch) => isBroken ? Promise.reject(new Error('no space left on device')) : storage.write(batch),
        close: async () => {
          if (onClosing !== null) {
            onClosing()
            await new Promise<void>((resolve) => { release = resolve })
          }
          await storage.close()
        },
      }
    },
  })
  t.defer(() => ensemble.stop())
  await ensemble.stopPeer(2)
  await storages.get(2)!.open()
  const [refused, stopped] = await Promise.allSettled([ensemble.startPeer(2), ensemble.stopPeer(2)])
  assert.is(refused.status === 'rejected' && isZkError(refused.reason, 'StorageLocked'), true)
  assert.is(stopped.status, 'fulfilled')
  await storages.get(2)!.close()
  await ensemble.startPeer(2)
  const closing = new Promise<void>((resolve) => { onClosing = resolve })
  isBroken = true
  const zk = await ensemble.connect({ peer: 3 })
  t.defer(() => zk.close())
  void zk.create('/a')
  await closing
  isBroken = false
  onClosing = null
  assert.is(ensemble.status().peers[0]?.error?.code, 'StorageFailed')
  const again = ensemble.startPeer(1)
  release()
  assert.is((await again).status().state, 'running')
})

test('an ensemble on disk is found again', async (t) => {
  const folder = t.tempFolder()
  const first = await createEnsemble({ size: 3, storage: folder, signal: t.signal })
  t.defer(() => first.stop())
  const zk = await first.connect()
  await zk.create('/kept', { a: 1 })
  await zk.close()
  await first.stop()
  await rejects(createEnsemble({ size: 5, storage: folder, signal: t.signal }), 'MembershipMismatch')
  const second = await createEnsemble({ size: 3, storage: folder, signal: t.signal })
  t.defer(() => second.stop())
  const back = await second.connect()
  assert.equal((await back.get('/kept')).json(), { a: 1 })
  await back.close()
}, { timeoutMs: 30_000 })

test('a peer that is started again finds its data wherever the process has gone', async (t) => {
  const [here, there, before] = [t.tempFolder(), t.tempFolder(), process.cwd()]
  t.defer(() => process.chdir(before))
  process.chdir(here)
  const ensemble = await createEnsemble({ size: 1, storage: 'data', signal: t.signal })
  t.defer(() => ensemble.stop())
  await (await ensemble.connect()).create('/kept')
  process.chdir(there)
  await ensemble.stopPeer(1)
  const peer = await ensemble.startPeer(1)
  await peer.ready()
  assert.ok(peer.tree.has('/kept'))
})

test('wrong options are TypeErrors', async () => {
  assert.instance(await rejects(createEnsemble({ size: 0 })), TypeError)
  assert.instance(await rejects(createEnsemble({ storage: 5 as unknown as string })), TypeError)
  const ensemble = await createEnsemble({ size: 1 })
  assert.instance(await rejects(Promise.resolve().then(() => ensemble.connect({ peer: 9 }))), TypeError)
  assert.instance(await rejects(ensemble.connect({ sessionTimeoutMs: 0.5 })), TypeError)
  await ensemble.stop()
  await rejects(ensemble.connect(), 'PeerStopped')
  await rejects(ensemble.startPeer(1), 'Closed')
})

test.run()
