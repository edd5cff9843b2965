/** Identities, access-control lists and chroots over the wire. */
import assert from 'node:assert/strict'
import { Perm } from '../../lib/node.ts'
import { fails, untilState } from './remote-scene.ts'
import type { RemoteCase } from './remote-scene.ts'

const BOB = { scheme: 'digest', id: 'bob:Q1dP3NQXfUTVhXo3GUxxr1GTTiM=' }
const ANYONE = { scheme: 'world', id: 'anyone' }
const CREATOR = [{ perms: Perm.all, scheme: 'auth', id: '' }]

const ACCESS: readonly RemoteCase[] = [{
  name: 'an access-control list is replaced by its own version',
  async run(scene) {
    const zk = await scene.connect()
    const path = `${scene.root}/a`
    await zk.create(path)
    const { acl, stat } = await zk.getAcl(path)
    assert.deepEqual(acl, [{ perms: Perm.all, ...ANYONE }])
    assert.equal(stat.aversion, 0)
    const list = [{ perms: Perm.read | Perm.admin, ...ANYONE }]
    assert.equal((await zk.setAcl(path, list, { version: 0 })).aversion, 1)
    assert.deepEqual((await zk.getAcl(path)).acl, list)
    await fails(zk.setAcl(path, list, { version: 0 }), 'BadVersion')
    await fails(zk.set(path, 'x'), 'NoAuth')
    await fails(zk.create(`${path}/below`), 'NoAuth')
    const error = await fails(zk.multi().check(scene.root).set(path, 'x').commit(), 'NoAuth')
    assert.deepEqual([error.path, error.results], [path, ['Ok', 'NoAuth']])
  },
}, {
  name: 'an identity opens what is its own, and nobody else',
  async run(scene) {
    const [zk, other] = [await scene.connect(), await scene.connect()]
    const path = `${scene.root}/a`
    await fails(zk.create(path, '', { acl: CREATOR }), 'InvalidAcl')
    await zk.addAuth('digest', 'bob:secret')
    await zk.create(path, 'mine', { acl: CREATOR })
    const { acl } = await zk.getAcl(path)
    assert.deepEqual(acl, [{ perms: Perm.all, scheme: 'digest', id: acl[0]?.id }])
    assert.match(acl[0]?.id ?? '', /^bob:[\w+/]{27}=$/)
    await other.sync(scene.root)
    await fails(other.get(path), 'NoAuth')
    await fails(other.getAcl(path), 'NoAuth')
    await fails(other.set(path, ''), 'NoAuth')
    await fails(other.exists(path), 'NoAuth')
    const late = other.addAuth('digest', new TextEncoder().encode('bob:secret'))
    assert.equal((await other.get(path)).text(), 'mine', 'calls wait for the identity before them')
    await late
    const identities = await other.whoAmI()
    assert.ok(identities.some(({ scheme, id }) => scheme === 'digest' && id === 'bob'), JSON.stringify(identities))
    assert.ok(identities.some(({ scheme, id }) => scheme === 'ip' && id === '127.0.0.1'), JSON.stringify(identities))
  },
}, {
  name: 'identities that are given in one breath are all known to the calls after them',
  async run(scene) {
    const [zk, other] = [await scene.connect(), await scene.connect()]
    const path = `${scene.root}/a`
    await zk.addAuth('digest', 'bob:secret')
    await zk.create(path, 'mine', { acl: CREATOR })
    await other.sync(scene.root)
    const [, , node] = await Promise.all([
      other.addAuth('digest', 'app:1'), other.addAuth('digest', 'bob:secret'), other.get(path),
    ])
    assert.equal(node.text(), 'mine')
    await Promise.all([zk.addAuth('digest', 'app:1'), zk.create(`${path}/b`, '', { acl: CREATOR })])
    assert.equal((await zk.getAcl(`${path}/b`)).acl.length, 2)
  },
}, {
  name: 'who may read a list but not change it does not see the secrets in it',
  async run(scene) {
    const [zk, other] = [await scene.connect(), await scene.connect()]
    const path = `${scene.root}/a`
    await zk.create(path, '', { acl: [{ perms: Perm.all, ...BOB }, { perms: Perm.read, ...ANYONE }] })
    await other.sync(scene.root)
    assert.deepEqual((await other.getAcl(path)).acl,
      [{ perms: Perm.all, scheme: 'digest', id: 'bob:x' }, { perms: Perm.read, ...ANYONE }])
  },
}, {
  name: 'an identity goes before all else on every new connection',
  async run(scene) {
    const { zk, proxy } = await scene.proxied()
    const path = `${scene.root}/a`
    await zk.addAuth('digest', 'bob:secret')
    await zk.create(path, '', { acl: CREATOR })
    proxy.refuse()
    await untilState(zk, 'suspended')
    const changed = zk.set(path, 'x')
    await zk.addAuth('digest', 'eve:other')
    proxy.welcome()
    assert.equal((await changed).version, 1)
    const users = (await zk.whoAmI()).filter(({ scheme }) => scheme === 'digest').map(({ id }) => id).sort()
    assert.deepEqual(users, ['bob', 'eve'])
  },
}, {
  name: 'a refused identity ends the client',
  async run(scene) {
    const zk = await scene.connect()
    const ended = untilState(zk, 'closed')
    await fails(zk.addAuth('nonsense', 'x'), 'AuthFailed')
    assert.equal((await ended).code, 'AuthFailed')
    await fails(zk.get('/'), 'AuthFailed')
  },
}]

const CHROOT: readonly RemoteCase[] = [{
  name: 'with a chroot, paths of every answer are those of the client',
  async run(scene) {
    const { root } = scene
    const [zk, plain] = [await scene.connect({ chroot: root }), await scene.connect()]
    assert.equal(await zk.create('/a', 'x'), '/a')
    assert.equal(await zk.create('/a/s-', '', { sequential: true }), '/a/s-0000000000')
    const { path } = await zk.createWithStat('/a/e-', '', { ephemeral: true, sequential: true })
    assert.equal(path, '/a/e-0000000001')
    const [made] = await zk.multi().create('/m-', '', { sequential: true }).set('/a', 'y').commit()
    assert.equal(made, '/m-0000000001')
    assert.deepEqual(await zk.ephemerals(), [path])
    assert.deepEqual(await zk.ephemerals('/a/e'), [path])
    assert.deepEqual(await zk.ephemerals('/m'), [])
    await plain.sync(root)
    assert.deepEqual((await plain.children(`${root}/a`)).sort(), ['e-0000000001', 's-0000000000'])
    assert.equal(await zk.countChildren('/'), 4)
    assert.deepEqual((await zk.children('/')).sort(), ['a', 'm-0000000001'])
    assert.equal((await fails(zk.get('/none'), 'NoNode')).path, '/none')
    assert.equal((await fails(zk.multi().check('/a').delete('/none').commit(), 'NoNode')).path, '/none')
    await zk.set('/', 'top')
    assert.equal((await zk.multiRead().get('/').commit()).length, 1)
    await plain.sync(root)
    assert.equal((await plain.get(root)).text(), 'top')
    await zk.delete('/a', { recursive: true })
    assert.deepEqual(await zk.children('/'), ['m-0000000001'])
  },
}, {
  name: 'with a chroot, paths of events are those of the client, after a reconnect too',
  async run(scene) {
    const { root } = scene
    const plain = await scene.connect({ hosts: [scene.host(0)] })
    const { zk, proxy } = await scene.proxied({ chroot: root })
    const watch = zk.watch('/', { recursive: true })
    const top = zk.once('/', { children: true })
    const missed = zk.once('/b')
    await watch.ready()
    await zk.create('/a', '')
    const { value: first } = await watch.next()
    assert.deepEqual([first?.type, first?.path], ['created', '/a'])
    assert.deepEqual([(await top).type, (await top).path], ['children', '/'])
    proxy.refuse()
    await untilState(zk, 'suspended')
    await plain.create(`${root}/b`)
    proxy.welcome()
    assert.deepEqual([(await missed).type, (await missed).path], ['created', '/b'])
    const { value: gap } = await watch.next()
    assert.deepEqual([gap?.type, gap?.path], ['gap', '/'])
    await plain.set(`${root}/b`, 'x')
    const { value: last } = await watch.next()
    assert.deepEqual([last?.type, last?.path], ['changed', '/b'])
  },
}, {
  name: 'the root is not deleted, nor what a chroot takes for it',
  async run(scene) {
    const { root } = scene
    const zk = await scene.connect({ chroot: root })
    assert.equal((await fails(zk.delete('/'), 'BadArguments')).path, '/')
    const error = await fails(zk.multi().create('/a').delete('/').commit(), 'BadArguments')
    assert.deepEqual([error.path, error.results], ['/', ['Ok', 'BadArguments']])
    const plain = await scene.connect()
    assert.deepEqual(await plain.children(root), [])
  },
}, {
  name: 'a chroot that does not exist is no error of connect',
  async run(scene) {
    const zk = await scene.connect({ chroot: `${scene.root}/later/still` })
    assert.equal((await fails(zk.create('/a'), 'NoNode')).path, '/a')
    assert.equal(await zk.exists('/'), null)
    const plain = await scene.connect()
    await plain.create(`${scene.root}/later/still`, '', { parents: true })
    assert.equal(await zk.create('/a'), '/a')
  },
}]

/** All of them. */
export const ACCESS_CASES: readonly RemoteCase[] = [...ACCESS, ...CHROOT]
