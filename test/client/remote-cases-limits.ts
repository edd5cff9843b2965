/** What bounds a client over the wire, and what it asks of the ensemble as a whole. */
import assert from 'node:assert/strict'
import { fails, untilState } from './remote-scene.ts'
import type { RemoteCase } from './remote-scene.ts'

/** All of them. */
export const LIMIT_CASES: readonly RemoteCase[] = [{
  name: 'more calls than may wait are refused, and those that wait are not disturbed',
  async run(scene) {
    const { zk, proxy } = await scene.proxied({ pendingCalls: 3 })
    proxy.hold('up')
    const waiting = [0, 1, 2].map((i) => zk.create(`${scene.root}/${i}`))
    assert.equal(zk.status().pendingCalls, 3)
    const { mayHaveHappened, path } = await fails(zk.create(`${scene.root}/3`), 'Overloaded')
    assert.deepEqual([mayHaveHappened, path], [false, `${scene.root}/3`])
    proxy.release()
    await Promise.all(waiting)
    assert.equal(zk.status().pendingCalls, 0)
    assert.deepEqual((await zk.children(scene.root)).sort(), ['0', '1', '2'])
  },
}, {
  name: 'a client tells what it knows of itself, from its connection to its end',
  async run(scene) {
    const { zk, proxy } = await scene.proxied()
    const { stat } = await zk.createWithStat(`${scene.root}/a`)
    assert.deepEqual(zk.status(), {
      state: 'connected', session: zk.session, aliveForMs: Infinity, readOnly: false, pendingCalls: 0,
      zxid: stat.czxid,
    })
    assert.match(zk.session?.id ?? '', /^0x[0-9a-f]+$/)
    assert.equal(zk.session?.password.length, 16)
    const away = untilState(zk, 'suspended')
    proxy.refuse()
    await away
    const { aliveForMs, session } = zk.status()
    assert.ok(aliveForMs > 0 && aliveForMs <= (session?.timeoutMs ?? 0), String(aliveForMs))
    const back = untilState(zk, 'connected')
    proxy.welcome()
    await back
    const closing = zk.close()
    await fails(zk.get('/'), 'Closed')
    await closing
    assert.equal(zk.status().state, 'closed')
    assert.equal(zk.status().aliveForMs, 0)
    await fails(zk.addAuth('digest', 'bob:secret'), 'Closed')
    await zk.close()
  },
}, {
  name: 'whoever is content with a server that only reads writes where there is one that writes',
  async run(scene) {
    const zk = await scene.connect({ readOnly: true })
    await zk.create(`${scene.root}/a`)
    assert.equal(zk.status().readOnly, false)
  },
}, {
  name: 'the configuration of the ensemble is read, below a chroot too, and changed by nobody unless that is allowed',
  async run(scene) {
    const [zk, inside] = [await scene.connect(), await scene.connect({ chroot: scene.root })]
    const config = (await zk.get('/zookeeper/config')).text()
    const members = config.split('\n').filter((line) => line.startsWith('server.'))
    // A server that stands alone need not name itself.
    if (scene.has('many')) assert.equal(members.length, scene.servers.hosts.length, config)
    assert.equal((await inside.get('/zookeeper/config')).text(), config)
    await fails(zk.reconfig({ leaving: '1' }), 'ReconfigDisabled')
    assert.equal((await zk.get('/zookeeper/config')).text(), config)
  },
}, {
  name: 'a sync comes after the writes of others, and its path need not exist',
  async run(scene) {
    const zk = await scene.connect({ hosts: [scene.host(0)] })
    const other = await scene.connect({ hosts: [scene.host(scene.servers.hosts.length - 1)] })
    const path = `${scene.root}/a`
    await zk.create(path)
    for (let version = 1; version <= 30; version += 1) {
      await zk.set(path, '')
      const synced = other.sync(`${path}/none`)
      assert.equal((await other.get(path)).stat.version, version)
      await synced
    }
  },
}]
