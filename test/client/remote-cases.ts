/** What nodes can do, asked for over the wire. */
import assert from 'node:assert/strict'
import { isZkError, Perm } from '../../lib/node.ts'
import type { CreateCallOptions } from '../../lib/node.ts'
import { fails } from './remote-scene.ts'
import type { RemoteCase } from './remote-scene.ts'

const WORLD_READS = [{ perms: Perm.read, scheme: 'world', id: 'anyone' }]
const LONG_TTL_MS = 10_000_000_000
const NO_OWNER = '0x0'

/** Creating, in every way there is. */
const CREATING: readonly RemoteCase[] = [{
  name: 'a node is created, read, changed and deleted',
  async run(scene) {
    const zk = await scene.connect()
    const path = `${scene.root}/a`
    assert.equal(await zk.create(path, 'one'), path)
    const node = await zk.get(path)
    assert.equal(node.text(), 'one')
    assert.equal(node.stat.version, 0)
    assert.equal(node.stat.dataLength, 3)
    assert.equal(node.stat.ephemeralOwner, NO_OWNER)
    const stat = await zk.set(path, new Uint8Array([1, 0, 255]), { version: 0 })
    assert.equal(stat.version, 1)
    assert.ok(stat.mzxid > stat.czxid && stat.czxid === node.stat.czxid)
    assert.deepEqual([...(await zk.get(path)).data], [1, 0, 255])
    assert.deepEqual(await zk.exists(path), stat)
    await zk.delete(path, { version: 1 })
    assert.equal(await zk.exists(path), null)
  },
}, {
  name: 'data may be missing, empty, JSON, or text beyond ASCII',
  async run(scene) {
    const zk = await scene.connect()
    const at = (name: string): string => `${scene.root}/${name}`
    await zk.create(at('none'))
    await zk.create(at('empty'), '')
    await zk.create(at('json'), { list: [1, null], text: 'ä' })
    await zk.create(at('übung-\uff21'), 'grün \u{1F600}')
    await fails(zk.create(at('\u{1F600}')), 'BadArguments')
    assert.equal((await zk.get(at('none'))).data.length, 0)
    assert.equal((await zk.get(at('empty'))).data.length, 0)
    assert.deepEqual((await zk.get(at('json'))).json(), { list: [1, null], text: 'ä' })
    assert.equal((await zk.get(at('übung-\uff21'))).text(), 'grün \u{1F600}')
    assert.equal((await zk.set(at('json'), null)).dataLength, 0)
    assert.deepEqual((await zk.children(scene.root)).sort(), ['empty', 'json', 'none', 'übung-\uff21'].sort())
  },
}, {
  name: 'every kind of node is created and told apart by its stat',
  async run(scene) {
    const zk = await scene.connect()
    const owner = zk.session?.id
    const at = (name: string): string => `${scene.root}/${name}`
    const ofStat = async (name: string, options: CreateCallOptions): Promise<string> => {
      const { path, stat } = await zk.createWithStat(at(name), 'x', options)
      assert.deepEqual(await zk.exists(path), stat)
      return stat.ephemeralOwner
    }
    assert.equal(await ofStat('persistent', {}), NO_OWNER)
    assert.equal(await ofStat('ephemeral', { ephemeral: true }), owner)
    assert.equal(await ofStat('s-', { sequential: true }), NO_OWNER)
    assert.equal(await ofStat('e-', { ephemeral: true, sequential: true }), owner)
    assert.equal(await ofStat('container', { container: true }), NO_OWNER)
    assert.equal(await ofStat('ttl', { ttlMs: 5_000 }), NO_OWNER)
    assert.equal(await ofStat('t-', { mode: 'persistentSequentialTtl', ttlMs: LONG_TTL_MS }), NO_OWNER)
    const names = (await zk.children(scene.root)).sort()
    assert.deepEqual(names, ['container', 'e-0000000003', 'ephemeral', 'persistent', 's-0000000002', 't-0000000006',
      'ttl'])
  },
}, {
  name: 'sequence numbers rise per parent, and survive what is deleted',
  async run(scene) {
    const zk = await scene.connect()
    const { root } = scene
    const made = await Promise.all([0, 1, 2].map(() => zk.create(`${root}/n-`, '', { sequential: true })))
    assert.deepEqual(made, [0, 1, 2].map((i) => `${root}/n-000000000${i}`))
    await zk.delete(`${root}/n-0000000002`)
    assert.equal(await zk.create(`${root}/`, '', { sequential: true }), `${root}/0000000003`)
    assert.equal((await zk.exists(root))?.cversion, 5)
  },
}, {
  name: 'missing parents are created on the way, as nodes or containers',
  async run(scene) {
    const zk = await scene.connect()
    const { root } = scene
    await fails(zk.create(`${root}/a/b/c`), 'NoNode')
    await Promise.all([
      zk.create(`${root}/a/b/c`, 'x', { parents: true }), zk.create(`${root}/a/b/d`, 'x', { parents: true }),
    ])
    assert.deepEqual((await zk.children(`${root}/a/b`)).sort(), ['c', 'd'])
    const { path, stat } = await zk.createWithStat(`${root}/box/in/e-`, 'x',
      { parents: 'container', ephemeral: true, sequential: true })
    assert.equal(path, `${root}/box/in/e-0000000000`)
    assert.equal(stat.ephemeralOwner, zk.session?.id)
  },
}, {
  name: 'ephemeral nodes are listed by prefix, have no children, and go with their session',
  async run(scene) {
    const [zk, other] = [await scene.connect(), await scene.connect()]
    const { root } = scene
    await zk.create(`${root}/a1`, '', { ephemeral: true })
    await zk.create(`${root}/a2`, '', { ephemeral: true })
    await zk.create(`${root}/b`, '', { ephemeral: true })
    assert.deepEqual((await zk.ephemerals()).sort(), [`${root}/a1`, `${root}/a2`, `${root}/b`])
    assert.deepEqual((await zk.ephemerals(`${root}/a`)).sort(), [`${root}/a1`, `${root}/a2`])
    assert.deepEqual(await other.ephemerals(), [])
    await fails(zk.create(`${root}/b/below`), 'NoChildrenForEphemerals')
    await zk.close()
    await other.sync(root)
    assert.deepEqual(await other.children(root), [])
  },
}]

/** Reading, deleting, and what goes wrong. */
const NODES: readonly RemoteCase[] = [{
  name: 'children come with the stat of their parent, and are counted at every depth',
  async run(scene) {
    const zk = await scene.connect()
    const { root } = scene
    for (const name of ['x', 'x/y', 'x/y/z', 'w']) void zk.create(`${root}/${name}`)
    const { children, stat } = await zk.childrenWithStat(root)
    assert.deepEqual([...children].sort(), ['w', 'x'])
    assert.equal(stat.numChildren, 2)
    assert.equal(stat.cversion, 2)
    assert.equal(await zk.countChildren(root), 4)
    assert.equal(await zk.countChildren(`${root}/x/y/z`), 0)
    await fails(zk.countChildren(`${root}/none`), 'NoNode')
  },
}, {
  name: 'a subtree is deleted, by the version of its top',
  async run(scene) {
    const zk = await scene.connect()
    const { root } = scene
    for (const name of ['top', 'top/a', 'top/a/b', 'top/c', 'beside']) await zk.create(`${root}/${name}`)
    await fails(zk.delete(`${root}/top`), 'NotEmpty')
    await zk.delete(`${root}/top`, { recursive: true, version: 0 })
    assert.deepEqual(await zk.children(root), ['beside'])
    await fails(zk.delete(`${root}/top`, { recursive: true }), 'NoNode')
    await fails(zk.delete(`${root}/beside`, { recursive: true, version: 4 }), 'BadVersion')
  },
}, {
  name: 'errors carry code and path, and nothing has happened',
  async run(scene) {
    const zk = await scene.connect()
    const { root } = scene
    const missing = `${root}/missing`
    await zk.create(`${root}/a`, '1')
    const calls: [Promise<unknown>, Parameters<typeof fails>[1], string][] = [
      [zk.get(missing), 'NoNode', missing],
      [zk.children(missing), 'NoNode', missing],
      [zk.childrenWithStat(missing), 'NoNode', missing],
      [zk.getAcl(missing), 'NoNode', missing],
      [zk.set(missing, ''), 'NoNode', missing],
      [zk.delete(missing), 'NoNode', missing],
      [zk.create(`${missing}/below`), 'NoNode', `${missing}/below`],
      [zk.create(`${root}/a`), 'NodeExists', `${root}/a`],
      [zk.set(`${root}/a`, '', { version: 7 }), 'BadVersion', `${root}/a`],
      [zk.delete(`${root}/a`, { version: 7 }), 'BadVersion', `${root}/a`],
      [zk.setAcl(`${root}/a`, WORLD_READS, { version: 7 }), 'BadVersion', `${root}/a`],
      [zk.setAcl(`${root}/a`, []), 'InvalidAcl', `${root}/a`],
      [zk.create(`${root}/b`, '', { acl: [{ perms: 31, scheme: 'nonsense', id: 'x' }] }), 'InvalidAcl', `${root}/b`],
      [zk.delete('/'), 'BadArguments', '/'],
    ]
    for (const [call, code, path] of calls) {
      const error = await fails(call, code)
      assert.deepEqual([error.path, error.mayHaveHappened], [path, false], code)
    }
    assert.equal((await zk.get(`${root}/a`)).text(), '1')
  },
}]

/** Several operations in one request. */
const MULTIS: readonly RemoteCase[] = [{
  name: 'a multi does everything, with results of every kind',
  async run(scene) {
    const zk = await scene.connect()
    const { root } = scene
    await zk.create(`${root}/old`, 'x')
    const results = await zk.multi().check(root).create(`${root}/a`, '1').set(`${root}/a`, '2', { version: 0 })
      .createWithStat(`${root}/s-`, '', { sequential: true }).create(`${root}/c`, '', { container: true })
      .create(`${root}/t`, '', { ttlMs: 5_000 }).delete(`${root}/old`, { version: 0 }).commit()
    const [checked, path, stat, created, container, ttl, deleted] = results
    assert.deepEqual([checked, path, container, ttl, deleted],
      [undefined, `${root}/a`, `${root}/c`, `${root}/t`, undefined])
    assert.equal(stat.version, 1)
    assert.equal(created.path, `${root}/s-0000000002`)
    assert.equal(created.stat?.czxid, stat.mzxid)
    assert.deepEqual((await zk.children(root)).sort(), ['a', 'c', 's-0000000002', 't'])
    assert.deepEqual(await zk.multi().commit(), [])
  },
}, {
  name: 'a multi that fails does nothing, and tells what each operation would have done',
  async run(scene) {
    const zk = await scene.connect()
    const { root } = scene
    const multi = zk.multi().create(`${root}/a`).set(`${root}/missing`, '').create(`${root}/b`)
    const error = await fails(multi.commit(), 'NoNode')
    assert.equal(error.path, `${root}/missing`)
    assert.deepEqual(error.results, ['Ok', 'NoNode', 'RuntimeInconsistency'])
    assert.equal(error.mayHaveHappened, false)
    assert.deepEqual(await zk.children(root), [])
    const first = await fails(zk.multi().check(root, 9).delete(root).commit(), 'BadVersion')
    assert.deepEqual([first.path, first.results], [root, ['BadVersion', 'RuntimeInconsistency']])
  },
}, {
  name: 'reads in one request succeed and fail each for itself',
  async run(scene) {
    const zk = await scene.connect()
    const { root } = scene
    await zk.create(`${root}/a`, '1')
    const [node, missing, names, none] = await zk.multiRead().get(`${root}/a`).get(`${root}/b`).children(root)
      .children(`${root}/b`).commit()
    assert.equal(isZkError(node) ? node.code : node.text(), '1')
    assert.ok(isZkError(missing, 'NoNode') && missing.path === `${root}/b`)
    assert.deepEqual(names, ['a'])
    assert.ok(isZkError(none, 'NoNode'))
  },
}]

/** All of them. */
export const NODE_CASES: readonly RemoteCase[] = [...CREATING, ...NODES, ...MULTIS]
