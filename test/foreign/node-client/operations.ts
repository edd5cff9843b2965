/** All operations, as one client sees them. */
import { createHash } from 'node:crypto'
import { deepStrictEqual as equal, ok } from 'node:assert/strict'
import type { World } from './world.ts'
import { codeOf } from './world.ts'

const digest = (text: string): string =>
  `${text.split(':')[0] ?? ''}:${createHash('sha1').update(text).digest('base64')}`

/** Checks by name. */
export const operations: Readonly<Record<string, (world: World) => Promise<void>>> = {
  'create in every mode': async (world) => {
    const [client, { CreateMode, Exception }] = [await world.client(), world.api]
    equal(await client.create('/a', 'data'), '/a')
    equal(await client.create('/a/s-', '', CreateMode.PERSISTENT_SEQUENTIAL), '/a/s-0000000000')
    equal(await client.create('/a/e', '', CreateMode.EPHEMERAL), '/a/e')
    equal(await client.create('/a/es-', '', CreateMode.EPHEMERAL_SEQUENTIAL), '/a/es-0000000002')
    equal((await client.getChildren('/a')).names, ['e', 'es-0000000002', 's-0000000000'])
    equal((await client.exists('/a/e'))?.ephemeralOwner, client.client.getSessionId())
    equal((await client.exists('/a'))?.ephemeralOwner, Buffer.alloc(8))
    equal(await codeOf(client.create('/a')), Exception['NODE_EXISTS'])
    equal(await codeOf(client.create('/none/x')), Exception['NO_NODE'])
    equal(await codeOf(client.create('/a/e/x')), Exception['NO_CHILDREN_FOR_EPHEMERALS'])
  },

  'getData, setData and versions': async (world) => {
    const [client, { Exception }] = [await world.client(), world.api]
    await client.create('/a', 'zero')
    const { data, stat } = await client.getData('/a')
    equal([data, stat.version, stat.dataLength, stat.numChildren], ['zero', 0, 4, 0])
    equal(stat.czxid, stat.mzxid)
    const after = await client.setData('/a', 'one', 0)
    equal([after.version, after.dataLength], [1, 3])
    ok(after.mzxid.compare(stat.mzxid) > 0)
    equal(await codeOf(client.setData('/a', 'two', 0)), Exception['BAD_VERSION'])
    equal(await codeOf(client.setData('/none', '')), Exception['NO_NODE'])
    equal(await codeOf(client.getData('/none')), Exception['NO_NODE'])
    equal((await client.setData('/a', '')).dataLength, 0)
    equal((await client.getData('/a')).data, '')
    const big = 'x'.repeat(1_000_000)
    await client.setData('/a', big)
    equal((await client.getData('/a')).data === big, true)
  },

  'exists and getChildren': async (world) => {
    const [client, { Exception }] = [await world.client(), world.api]
    equal(await client.exists('/a'), null)
    await client.create('/a')
    const names = Array.from({ length: 200 }, (_, i) => `n${String(i).padStart(3, '0')}`)
    await Promise.all(names.map((name) => client.create(`/a/${name}`)))
    const children = await client.getChildren('/a')
    equal([children.names, children.stat.numChildren, children.stat.cversion], [names, 200, 200])
    equal((await client.exists('/a'))?.numChildren, 200)
    equal(await codeOf(client.getChildren('/none')), Exception['NO_NODE'])
    equal(await client.create('/gr\u00fc\u00dfe \u65e5\u672c'), '/gr\u00fc\u00dfe \u65e5\u672c')
    equal((await client.getChildren('/')).names, ['a', 'gr\u00fc\u00dfe \u65e5\u672c'])
  },

  'remove, removeRecursive, listSubTreeBFS and mkdirp': async (world) => {
    const [client, { Exception }] = [await world.client(), world.api]
    equal(await client.mkdirp('/a/b/c', 'data'), '/a/b/c')
    equal(await client.mkdirp('/a/b/d'), '/a/b/d')
    equal((await client.getData('/a/b')).data, 'data')
    equal(await codeOf(client.remove('/a')), Exception['NOT_EMPTY'])
    equal(await codeOf(client.remove('/a/b/c', 5)), Exception['BAD_VERSION'])
    await client.remove('/a/b/c', 0)
    equal(await codeOf(client.remove('/a/b/c')), Exception['NO_NODE'])
    await client.create('/a/b/e')
    // It looks no deeper than children.
    equal(await client.listSubTree('/a/b'), ['/a/b', '/a/b/d', '/a/b/e'])
    await client.removeRecursive('/a/b')
    await client.removeRecursive('/a')
    equal((await client.getChildren('/')).names, [])
  },

  'order of many at once': async (world) => {
    const client = await world.client()
    await client.create('/o')
    const answers = await Promise.all(Array.from({ length: 400 }, async (_, i) => {
      const [written, read] = await Promise.all([client.setData('/o', String(i)), client.getData('/o')])
      return [written.version, read.data, read.stat.version]
    }))
    equal(answers, Array.from({ length: 400 }, (_, i) => [i + 1, String(i), i + 1]))
  },

  'a transaction of all operations': async (world) => {
    const [client, { ACL, CreateMode }] = [await world.client(), world.api]
    await client.create('/t', 'old')
    await client.create('/gone')
    await client.setData('/gone', '')
    const [error, results] = await client.commit((transaction) => transaction
      .check('/gone', 1)
      .create('/t/a', Buffer.from('1'))
      .create('/t/e', Buffer.from('2'), ACL.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL)
      .create('/t/s-', Buffer.from('3'), ACL.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL)
      .setData('/t', Buffer.from('new'))
      .remove('/gone', 1))
    equal(error, null)
    equal(results.map(({ path, stat }) => path ?? stat?.version ?? null),
      [null, '/t/a', '/t/e', '/t/s-0000000002', 1, null])
    equal((await client.getData('/t')).data, 'new')
    equal((await client.getChildren('/')).names, ['t'])
    equal((await client.exists('/t/a'))?.czxid, (await client.exists('/t'))?.mzxid)
  },

  'a transaction that fails': async (world) => {
    const [client, { Exception }] = [await world.client(), world.api]
    await client.create('/t', 'old')
    await client.create('/t/child')
    const [badVersion, noNode, nodeExists, notEmpty] =
      ['BAD_VERSION', 'NO_NODE', 'NODE_EXISTS', 'NOT_EMPTY'].map((name) => Exception[name] ?? 0)
    const wrong = [
      [(each) => each.check('/t', 9), badVersion],
      [(each) => each.check('/none'), noNode],
      [(each) => each.create('/t'), nodeExists],
      [(each) => each.create('/none/x'), noNode],
      [(each) => each.setData('/t', Buffer.from(''), 9), badVersion],
      [(each) => each.remove('/t/child', 9), badVersion],
      [(each) => each.remove('/t'), notEmpty],
    ] satisfies [(each: ReturnType<typeof client.client.transaction>) => unknown, number | undefined][]
    for (const [fail, code] of wrong) {
      const [error, results] = await client.commit((transaction) => {
        transaction.create('/first').setData('/first', Buffer.from('more'))
        fail(transaction)
        return transaction.create('/last')
      })
      equal([error, results.map(({ err }) => err)], [code, [0, 0, code, Exception['RUNTIME_INCONSISTENCY']]])
    }
    equal((await client.getChildren('/')).names, ['t'])
    equal((await client.getData('/t')).data, 'old')
  },

  'getACL, setACL and addAuthInfo': async (world) => {
    const { ACL, Exception, Id, Permission } = world.api
    const [owner, stranger] = [await world.client(), await world.client()]
    await owner.create('/open')
    equal((await owner.getACL('/open')).acls.map(({ permission, id }) => [permission, id.scheme, id.id]),
      [[Permission.ALL, 'world', 'anyone']])
    equal(await codeOf(owner.create('/mine', '', null, ACL.CREATOR_ALL_ACL)), Exception['INVALID_ACL'])
    owner.client.addAuthInfo('digest', Buffer.from('me:secret'))
    await owner.create('/mine', 'data', null, ACL.CREATOR_ALL_ACL)
    equal((await owner.getACL('/mine')).acls.map(({ permission, id }) => [permission, id.scheme, id.id]),
      [[Permission.ALL, 'digest', digest('me:secret')]])
    await stranger.catchUp()
    for (const refused of [
      () => stranger.getData('/mine'), () => stranger.setData('/mine', ''), () => stranger.getChildren('/mine'),
      () => stranger.create('/mine/x'), () => stranger.getACL('/mine'),
      () => stranger.setACL('/mine', ACL.OPEN_ACL_UNSAFE),
    ]) equal(await codeOf(refused()), Exception['NO_AUTH'])
    stranger.client.addAuthInfo('digest', Buffer.from('me:secret'))
    equal((await stranger.getData('/mine')).data, 'data')
    const acls = [
      new ACL(Permission.READ, Id.ANYONE_ID_UNSAFE), new ACL(Permission.ADMIN, new Id('ip', '127.0.0.1')),
      new ACL(Permission.ALL, new Id('digest', digest('other:x'))),
    ]
    equal((await stranger.setACL('/mine', acls, 0)).aversion, 1)
    equal(await codeOf(stranger.setACL('/mine', acls, 0)), Exception['BAD_VERSION'])
    equal(await codeOf(stranger.setData('/mine', '')), Exception['NO_AUTH'])
    equal((await stranger.getACL('/mine')).stat.aversion, 1)
    equal(await codeOf(stranger.setACL('/none', acls)), Exception['NO_NODE'])
  },

  'authentication that fails': async (world) => {
    const client = await world.client()
    client.client.addAuthInfo('nonsense', Buffer.from('x'))
    await client.states.until((states) => states.includes('AUTH_FAILED'), 'refusal')
    equal(await codeOf(client.exists('/')), world.api.Exception['AUTH_FAILED'])
  },
}
