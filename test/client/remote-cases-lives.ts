/** How sessions over the wire live on, move and end. */
import assert from 'node:assert/strict'
import { Proxy } from './proxy.ts'
import { fails, untilState } from './remote-scene.ts'
import type { RemoteCase } from './remote-scene.ts'

const MOVING: readonly RemoteCase[] = [{
  name: 'a session that was saved is taken up by another client',
  async run(scene) {
    const { zk, proxy } = await scene.proxied()
    const path = `${scene.root}/e`
    await zk.create(path, '', { ephemeral: true })
    const { session } = zk
    assert.ok(session !== null)
    const away = untilState(zk, 'suspended')
    proxy.refuse()
    await away
    const closing = zk.close()
    const next = await scene.connect({ session: { id: session.id, password: session.password } })
    assert.equal(next.session?.id, session.id)
    assert.deepEqual(next.session?.password, session.password)
    await next.sync(path)
    assert.deepEqual(await next.ephemerals(), [path])
    await next.delete(path)
    await closing
  },
}, {
  name: 'a session is not given to whoever has no password, or comes too late',
  async run(scene) {
    const [zk, other] = [await scene.connect(), await scene.connect()]
    const { session } = zk
    assert.ok(session !== null)
    const password = session.password.map((byte) => byte ^ 1)
    await zk.create(`${scene.root}/e`, '', { ephemeral: true })
    await fails(scene.connect({ session: { id: session.id, password } }), 'SessionExpired')
    assert.deepEqual(await zk.ephemerals(), [`${scene.root}/e`])
    await zk.close()
    await fails(scene.connect({ session }), 'SessionExpired')
    await other.sync(scene.root)
    assert.deepEqual(await other.children(scene.root), [])
  },
}, {
  name: 'a session that another client closes has expired',
  async run(scene) {
    const { zk, proxy } = await scene.proxied()
    const { session } = zk
    assert.ok(session !== null)
    const watch = zk.watch(scene.root)
    await watch.ready()
    const away = untilState(zk, 'suspended')
    proxy.refuse()
    await away
    const calls = [zk.create(`${scene.root}/late`), zk.once(scene.root), watch.next()]
    const failed = Promise.all(calls.map((call) => fails(call, 'SessionExpired')))
    const expired = untilState(zk, 'expired')
    const next = await scene.connect({ session })
    await next.close()
    proxy.welcome()
    assert.equal((await expired).code, 'SessionExpired')
    for (const { mayHaveHappened } of await failed) assert.equal(mayHaveHappened, false)
    await fails(zk.get('/'), 'SessionExpired')
  },
}, {
  name: 'a session moves from a server that has gone silent to another',
  async run(scene) {
    const silent = await scene.proxy()
    // What is left of it when the silence is noticed must do for a new connection, also on a machine that is busy.
    const timeoutMs = scene.servers.shortMs * 3
    const zk = await scene.connect({
      hosts: [silent.host, scene.host(scene.servers.hosts.length - 1)], shuffle: false,
      sessionTimeoutMs: timeoutMs,
    })
    const { session } = zk
    await zk.create(`${scene.root}/e`, '', { ephemeral: true })
    const away = untilState(zk, 'suspended')
    silent.hold('down')
    silent.hold('up')
    const read = zk.ephemerals()
    const { aliveForMs } = await away
    assert.ok(aliveForMs !== null && aliveForMs > 0 && aliveForMs < timeoutMs)
    await untilState(zk, 'connected')
    assert.equal(zk.session?.id, session?.id)
    assert.deepEqual(await read, [`${scene.root}/e`])
    silent.release()
  },
}]

/** An address where nobody listens. */
async function deadHost(): Promise<string> {
  const proxy = await Proxy.start('127.0.0.1:1')
  await proxy.stop()
  return proxy.host
}

const CONNECTING: readonly RemoteCase[] = [{
  name: 'servers that do not answer are passed over',
  async run(scene) {
    const silent = await scene.proxy()
    silent.hold('down')
    const refusing = await scene.proxy()
    refusing.refuse()
    const hosts = [await deadHost(), refusing.host, silent.host, scene.host(0)]
    const zk = await scene.connect({ hosts, shuffle: false, sessionTimeoutMs: scene.servers.shortMs * 2 })
    assert.equal(await zk.create(`${scene.root}/a`), `${scene.root}/a`)
  },
}, {
  name: 'an attempt to connect is bounded, and can be aborted',
  async run(scene) {
    const dead = await deadHost()
    const error = await fails(scene.connect({ hosts: [dead], connectTimeoutMs: 50 }), 'OperationTimeout')
    assert.match(error.message, /ECONNREFUSED|cannot reach/)
    const silent = await scene.proxy()
    silent.hold('down')
    await fails(scene.connect({ hosts: [silent.host], connectTimeoutMs: 50 }), 'OperationTimeout')
    const controller = new AbortController()
    const connecting = scene.connect({ hosts: [dead, silent.host], signal: controller.signal })
    controller.abort(new Error('enough'))
    assert.equal(((await fails(connecting, 'Aborted')).cause as Error).message, 'enough')
    silent.release()
  },
}]

const LASTING: readonly RemoteCase[] = [{
  name: 'pings keep an idle session, and one that is cut off expires here and there',
  async run(scene) {
    // Of which a third must do for the answer to a ping.
    const timeoutMs = scene.servers.shortMs * 2
    const idle = await scene.connect({ sessionTimeoutMs: timeoutMs })
    const other = await scene.connect()
    assert.equal(idle.session?.timeoutMs, timeoutMs)
    await idle.create(`${scene.root}/idle`, '', { ephemeral: true })
    const changes: string[] = []
    idle.on('state', ({ state }) => void changes.push(state))
    // It lasts longer than the idle one would live without a word.
    const { zk, proxy } = await scene.proxied({ sessionTimeoutMs: timeoutMs })
    await zk.create(`${scene.root}/cut`, '', { ephemeral: true })
    await other.sync(scene.root)
    const gone = other.once(`${scene.root}/cut`)
    await other.sync(scene.root)
    const states: string[] = []
    zk.on('state', ({ state }) => void states.push(state))
    const expired = untilState(zk, 'expired')
    proxy.refuse()
    await expired
    assert.deepEqual([states[0], states.at(-1)], ['suspended', 'expired'])
    await fails(zk.get('/'), 'SessionExpired')
    assert.equal((await gone).type, 'deleted')
    assert.deepEqual(changes, [])
    await idle.sync(scene.root)
    assert.deepEqual(await idle.children(scene.root), ['idle'])
  },
}]

/** All of them. */
export const LIFE_CASES: readonly RemoteCase[] = [...MOVING, ...CONNECTING, ...LASTING]
