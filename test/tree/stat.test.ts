import { isWrite, Mode, Op, Perm } from '../../lib/core/tree/request.ts'
import type { Acl, Request } from '../../lib/core/tree/request.ts'
import { isSessionId, NO_SESSION, sessionIdOf } from '../../lib/core/tree/stat.ts'
import type { Stat } from '../../lib/core/tree/stat.ts'
import { nextVersion, Tree, treeParts } from '../../lib/core/tree/tree.ts'
import { NodePages } from '../../lib/core/tree/node-pages.ts'
import { Znode } from '../../lib/core/tree/znode.ts'
import { makeZxid } from '../../lib/core/zxid.ts'
import type { Zxid } from '../../lib/core/zxid.ts'
import { assert, suite } from '../harness.ts'
import {
  anonymous, bytes, container, create, drain, edited, ephemeral, load, remove, ROOT, rowsOf, set, setAcl, text, ttl,
  World, world,
} from './world.ts'

const test = suite('stats')

/** The stat of a node that one txn made and nothing changed since. */
function fresh(zk: World, dataLength = 0): Stat {
  const { last, timeMs } = zk
  return {
    czxid: last, mzxid: last, ctime: timeMs, mtime: timeMs, version: 0, cversion: 0, aversion: 0,
    ephemeralOwner: NO_SESSION,
    dataLength, numChildren: 0, pzxid: last,
  }
}

test('the built-in nodes before the first txn', () => {
  const { tree } = new World()
  const none = {
    czxid: 0, mzxid: 0, ctime: 0, mtime: 0, version: 0, aversion: 0, ephemeralOwner: '0x0', dataLength: 0, pzxid: 0,
  }
  assert.equal(tree.stat('/'), { ...none, cversion: -1, numChildren: 1 })
  assert.equal(tree.stat('/zookeeper'), { ...none, cversion: -2, numChildren: 2 })
  assert.equal(tree.stat('/zookeeper/quota'), { ...none, cversion: 0, numChildren: 0 })
  assert.equal(tree.stat('/zookeeper/config'), { ...none, cversion: 0, numChildren: 0, version: -1, aversion: -1 })
  assert.equal(tree.children('/zookeeper')!.sort(), ['config', 'quota'])
  assert.equal(tree.node('/')!.acl, world(Perm.all))
  assert.equal(tree.node('/zookeeper/config')!.acl, world(Perm.read))
  assert.is(tree.get('/zookeeper/quota')!.data!.length, 0, 'empty, not null')
  assert.is(tree.nodeCount, 4)
  assert.is(tree.dataBytes, 0)
})

test('creation: the node and its parent', () => {
  const zk = new World()
  zk.ok(create('/p'))
  const before = zk.stat('/p')
  const outcome = zk.ok(create('/p/a', { op: 15, data: bytes('four') }))
  assert.equal(zk.stat('/p/a'), fresh(zk, 4))
  assert.equal(outcome.result, { op: 15, path: '/p/a', stat: fresh(zk, 4) })
  assert.equal(zk.stat('/p'), { ...before, cversion: 1, numChildren: 1, pzxid: zk.last })
  assert.equal(zk.stat('/'), { ...zk.stat('/'), pzxid: before.czxid, cversion: 0 }, 'grandchildren touch nothing')
})

test('each kind shows its owner only when it is ephemeral', () => {
  const zk = new World()
  const session = zk.open()
  zk.ok(container('/c'))
  zk.ok(ttl('/t', 5))
  zk.ok(ephemeral('/e'), anonymous(session))
  assert.is(zk.stat('/c').ephemeralOwner, '0x0')
  assert.is(zk.stat('/t').ephemeralOwner, '0x0')
  assert.is(zk.stat('/e').ephemeralOwner, session)
  assert.equal(zk.ok(create('/plain', { flags: Mode.container })).result, { op: 1, path: '/plain' })
  assert.is(zk.tree.node('/plain')!.nodeKind, 0, 'flags 4 under opcode 1 is an ordinary node')
  zk.ok(create('/boxed', { op: 19, flags: 0 }))
  assert.is(zk.tree.node('/boxed')!.nodeKind, 2, 'opcode 19 makes a container')
  assert.is(zk.ok(create('/plain2', { op: 21 })).result?.op, 21, 'opcode 21 without TTL creates, and answers as itself')
  assert.is(zk.tree.node('/plain2')!.nodeKind, 0)
  assert.is(zk.tree.node('/plain2')!.ttlMs, 0)
  assert.is(zk.tree.node('/t')!.ttlMs, 5)
})

test('setData, setAcl, check and failures', () => {
  const zk = new World()
  zk.ok(create('/a', { data: bytes('x') }))
  const created = zk.stat('/a')
  zk.ok(set('/a', 'longer'))
  const written = { ...created, version: 1, mzxid: zk.last, mtime: zk.timeMs, dataLength: 6 }
  assert.equal(zk.stat('/a'), written)
  zk.ok(setAcl('/a', world(Perm.all)))
  assert.equal(zk.stat('/a'), { ...written, aversion: 1 })
  assert.equal(zk.ok(setAcl('/a', world(Perm.all), 1)).result, { op: 7, stat: { ...written, aversion: 2 } })
  zk.ok({ op: 14, ops: [{ op: 13, path: '/a', version: 1 }] })
  zk.write(set('/a', 'no', 7))
  assert.equal(zk.stat('/a'), { ...written, aversion: 2 })
  assert.equal(zk.ok(set('/a', null, 1)).result,
    { op: 5, stat: { ...written, aversion: 2, version: 2, mzxid: zk.last, mtime: zk.timeMs, dataLength: 0 } })
  assert.is(zk.tree.get('/a')!.data, null)
  zk.ok(set('/a', ''))
  assert.is(text(zk.tree.get('/a')!.data), '', 'empty is not null')
})

test('deletion and the closing of a session move the parent', () => {
  const zk = new World()
  const session = zk.open()
  zk.ok(create('/p'))
  zk.ok(create('/p/a'))
  zk.ok(ephemeral('/p/e'), anonymous(session))
  zk.ok(ephemeral('/p/f'), anonymous(session))
  const before = zk.stat('/p')
  zk.ok(remove('/p/a'))
  assert.equal(zk.stat('/p'), { ...before, cversion: 4, numChildren: 2, pzxid: zk.last })
  zk.close(session)
  assert.equal(zk.stat('/p'), { ...before, cversion: 6, numChildren: 0, pzxid: zk.last })
  assert.is(zk.tree.ephemeralsOf(session).size, 0)
  assert.is(zk.tree.sessions.size, 0)
})

test('a node made again starts again', () => {
  const zk = new World()
  zk.ok(create('/a', { data: bytes('old') }))
  zk.ok(set('/a', 'older'))
  zk.ok(create('/a/b'))
  zk.ok(remove('/a/b'))
  zk.ok(remove('/a'))
  zk.ok(create('/a'))
  assert.equal(zk.stat('/a'), fresh(zk))
})

test('versions wrap as int32 and skip -1', () => {
  assert.is(nextVersion(2_147_483_647), -2_147_483_648)
  assert.is(nextVersion(-2_147_483_648), -2_147_483_647)
  assert.is(nextVersion(-3), -2)
  assert.is(nextVersion(-2), 0)
  assert.is(nextVersion(-1), 0)
  const made = new World()
  made.ok(create('/a'))
  const zk = new World({}, edited(made.tree, '/a', { version: 2_147_483_646, aversion: -2, data: bytes('x') }), 2)
  zk.propose(set('/a', 'b', 2_147_483_646))
  zk.propose(set('/a', 'c', 2_147_483_647))
  zk.propose(setAcl('/a', world(Perm.all), -2))
  assert.is(zk.applyAll().code, 'Ok')
  assert.is(zk.stat('/a').version, -2_147_483_648)
  assert.is(zk.stat('/a').aversion, 0)
  assert.is(zk.write(set('/a', 'd', -2_147_483_648)).code, 'Ok', 'a negative version is compared like any other')
  assert.is(zk.stat('/a').version, -2_147_483_647)
  const last = new World({}, edited(zk.tree, '/a', { version: -2 }), 3)
  last.ok(set('/a', 'e', -2))
  assert.is(last.stat('/a').version, 0)
})

test('cversion is twice the creations less the children, as int32', () => {
  const made = new World()
  made.ok(create('/a'))
  const zk = new World({}, edited(made.tree, '/a', { creates: 2_147_483_646 }), 2)
  assert.is(zk.stat('/a').cversion, -4)
  zk.ok(create('/a/b'))
  assert.is(zk.stat('/a').cversion, -3)
  zk.ok(create('/a/c'))
  assert.is(zk.tree.node('/a')!.creates, -2_147_483_648)
  assert.is(zk.stat('/a').cversion, -2)
  zk.ok(remove('/a/c'))
  assert.is(zk.stat('/a').cversion, -1)
})

test('sequence names come from the counter of all creations', () => {
  const zk = new World()
  const session = zk.open()
  const sequential = (path: string, flags: number, op: 1 | 15 | 19 | 21 = 1): string | undefined => {
    const { result } = zk.ok(create(path, { flags, op, ttlMs: op === 21 ? 5 : -1 }), anonymous(session))
    return result !== null && 'path' in result ? result.path : undefined
  }
  zk.ok(create('/q'))
  assert.is(sequential('/q/n', Mode.persistentSequential), '/q/n0000000000')
  zk.ok(create('/q/other'))
  zk.ok(remove('/q/other'))
  assert.is(sequential('/q/e-', Mode.ephemeralSequential), '/q/e-0000000002')
  zk.ok(remove('/q/e-0000000002'))
  zk.write(create('/q/n0000000000'))
  assert.is(sequential('/q/', Mode.persistentSequentialTtl, 21), '/q/0000000003')
  assert.is(sequential('/q/', Mode.persistentSequential, 15), '/q/0000000004')
  zk.propose(create('/q/p', { flags: Mode.persistentSequential }))
  zk.propose(create('/q/p', { flags: Mode.persistentSequential }))
  zk.applyAll()
  assert.ok(zk.tree.has('/q/p0000000005') && zk.tree.has('/q/p0000000006'), 'outstanding creations count')
})

test('sequence names past the largest counter', () => {
  const made = new World()
  made.ok(create('/q'))
  const zk = new World({}, edited(made.tree, '/q', { creates: 2_147_483_647 }), 2)
  const next = (): unknown => zk.ok(create('/q/', { flags: Mode.persistentSequential })).result
  assert.equal(next(), { op: 1, path: '/q/2147483647' })
  assert.equal(next(), { op: 1, path: '/q/-2147483648' })
  assert.equal(next(), { op: 1, path: '/q/-2147483647' })
  const late = new World({}, edited(zk.tree, '/q', { creates: -1 }), 3)
  assert.equal(late.ok(create('/q/', { flags: 2 })).result, { op: 1, path: '/q/-000000001' })
  assert.equal(late.ok(create('/q/', { flags: 2 })).result, { op: 1, path: '/q/0000000000' })
})

test('the configuration shows here and nowhere else', () => {
  const [zk, other] = [new World(), new World()]
  const digest = zk.tree.digest()
  const rows = rowsOf(zk.tree)
  zk.tree.setConfig(bytes('mine'))
  other.tree.setConfig(bytes('another text'))
  assert.is(text(zk.tree.get('/zookeeper/config')!.data), 'mine')
  assert.is(zk.stat('/zookeeper/config').dataLength, 4)
  assert.is(zk.stat('/zookeeper/config').version, -1)
  assert.equal(zk.tree.digest(), digest)
  assert.equal(rowsOf(zk.tree), rows)
  const view = zk.tree.freeze()
  for (const each of [zk, other]) each.ok(setAcl('/zookeeper/config', world(Perm.all)), ROOT)
  assert.equal(zk.tree.digest(), other.tree.digest(), 'a new list does not bring the text in')
  assert.is(text(load(drain(view)).get('/zookeeper/config')!.data), '')
  view.close()
  const second = zk.tree.freeze()
  for (const each of [zk, other]) each.ok(set('/zookeeper/config', 'written'))
  assert.equal(zk.tree.digest(), other.tree.digest())
  assert.is(zk.stat('/zookeeper/config').version, 0)
  zk.tree.setConfig(bytes('late'))
  assert.is(text(zk.tree.get('/zookeeper/config')!.data), 'written', 'what a txn wrote stays')
  assert.is(text(load(rowsOf(zk.tree)).get('/zookeeper/config')!.data), 'written')
  const before = load(drain(second))
  assert.is(text(before.get('/zookeeper/config')!.data), '', 'the view is of before')
  assert.not.equal(zk.tree.digest(), before.digest())
  second.close()
})

test('a txn that contradicts the tree is a broken invariant', () => {
  const zk = new World()
  const session = zk.open()
  zk.ok(ephemeral('/e'), anonymous(session))
  zk.ok(create('/a'))
  const made = {
    kind: 'create' as const, data: null, acl: world(31), nodeKind: 0 as const, owner: NO_SESSION, ttlMs: 0,
    op: 1 as const,
  }
  const wrong = [
    { kind: 'setData' as const, path: '/a', data: null, version: 2 },
    { kind: 'setData' as const, path: '/x', data: null, version: 1 },
    { kind: 'setAcl' as const, path: '/a', acl: world(31), version: 0 },
    { kind: 'setAcl' as const, path: '/x', acl: world(31), version: 1 },
    { kind: 'delete' as const, path: '/x' }, { kind: 'delete' as const, path: '/' },
    { ...made, path: '/a', parentCreates: 3 }, { ...made, path: '/x/y', parentCreates: 1 },
    { ...made, path: '/b', parentCreates: 2 }, { ...made, path: '/e/x', parentCreates: 1 },
    { ...made, path: '/b', parentCreates: 3, nodeKind: 1 as const, owner: sessionIdOf(makeZxid(8, 8)) },
    { kind: 'closeSession' as const, paths: [] }, { kind: 'closeSession' as const, paths: ['/a'] },
    { kind: 'createSession' as const, timeoutMs: 1, password: new Uint8Array(16) },
  ]
  for (const body of wrong) {
    const zxid = makeZxid(9, 9)
    const opened = sessionIdOf(zxid)
    const tree = body.kind !== 'createSession' ? load(rowsOf(zk.tree))
      : load([...rowsOf(zk.tree), [1, opened, 5, new Uint8Array(16)]])
    const txn = { session, cxid: 0, origin: 0, tag: 0, time: 0, body }
    assert.throws(() => tree.apply(zxid, txn, null, true), (error: Error) => error.name === 'AssertionError',
      JSON.stringify(body))
  }
  const old = { session, cxid: 0, origin: 0, tag: 0, time: 0, body: { kind: 'delete' as const, path: '/a' } }
  assert.throws(() => zk.tree.apply(zk.tree.zxid, old, null, true), /order/)
})

test('what a node took is given back when it goes', () => {
  const parts = treeParts()
  const { acls } = parts.pages
  const tree = new Tree(parts)
  const root = Znode.create(parts.pages, '/', world(Perm.all), 0, NO_SESSION, 0)
  tree.adopt(root, '/')
  const zk = new World({}, tree)
  const acl = (id: number): Acl[] => [{ perms: Perm.all, scheme: 'ip', id: `10.0.0.${id}` }, ...world(Perm.all)]
  const pages = new Set<unknown>()
  for (let round = 0; round < 3_000; round++) {
    const id = round % 250
    zk.ok(create('/a', { acl: acl(id), data: bytes('text') }))
    zk.ok(create('/b', { acl: acl(id) }))
    assert.is(acls.size, 1)
    pages.add(tree.node('/a')!.page)
    zk.ok(setAcl('/a', acl(251)))
    assert.is(acls.size, 2)
    zk.ok(remove('/a'))
    assert.is(acls.size, 1)
    zk.ok(setAcl('/b', world(Perm.all)))
    assert.is(acls.size, 0, 'a list goes with its last node')
    zk.ok(remove('/b'))
    assert.is(tree.dataBytes, 0)
  }
  assert.is(pages.size, 1, 'numbers of new nodes take the room of old ones')
  assert.is(tree.nodeCount, 1)
})

test('the size of all paths, and who owns what', () => {
  const zk = new World()
  const builtIn = '/'.length + '/zookeeper'.length + '/zookeeper/quota'.length + '/zookeeper/config'.length
  const owners = (tree: Tree): [string, string[]][] => Array.from(tree.owners(), ([id, paths]) => [id, [...paths]])
  assert.is(zk.tree.pathUnits, builtIn)
  assert.equal(owners(zk.tree), [])
  const session = zk.open()
  zk.ok(create('/p'))
  zk.ok(ephemeral('/p/e'), anonymous(session))
  zk.ok(ephemeral('/p/long'), anonymous(session))
  zk.ok(remove('/p/e'))
  assert.equal(owners(zk.tree), [[session, ['/p/long']]])
  assert.is(zk.tree.pathUnits, builtIn + '/p'.length + '/p/long'.length)
  const copy = load(rowsOf(zk.tree))
  assert.is(copy.pathUnits, zk.tree.pathUnits)
  assert.equal(owners(copy), owners(zk.tree))
  zk.close(session)
  assert.equal(owners(zk.tree), [])
  assert.is(zk.tree.pathUnits, builtIn + '/p'.length)
})

test('numbers of nodes do not overlap', () => {
  const pages = new NodePages()
  const all = Array.from({ length: 3_000 }, (_, at) => Znode.create(pages, `/n${at}`, world(31), 0, NO_SESSION, 0))
  const fields = ['czxid', 'mzxid', 'pzxid', 'ctime', 'mtime', 'version', 'aversion'] as const
  const write = (node: Znode, base: number): void => {
    for (const [at, field] of fields.entries()) node[field] = (base * 10 + at) as Zxid
  }
  for (const node of all) write(node, 1)
  for (const node of all.slice(0, 500)) node.release()
  for (let at = 0; at < 500; at++) {
    all[at] = Znode.create(pages, `/m${at}`, world(31), 0, NO_SESSION, 0)
    assert.equal(fields.map((field) => all[at]![field]), fields.map(() => 0), `${at} begins with zeros`)
  }
  assert.is(pages.end, all.length + 1, 'in the places of those that went')
  for (const [at, node] of all.entries()) write(node, at)
  for (const [at, node] of all.entries()) {
    assert.equal(fields.map((field) => node.stat()[field]), fields.map((_, index) => at * 10 + index))
  }
})

test('the first txn gives the ensemble its identity, and snapshots keep it', () => {
  const zk = new World()
  zk.place(() => ({ kind: 'found', ensembleId: 'garden-1', members: '1:voter,2:observer' }))
  assert.equal(zk.applyAll(), { code: 'Ok', result: { op: -11 } })
  for (const tree of [zk.tree, load(rowsOf(zk.tree))]) {
    assert.equal([tree.ensembleId, tree.members, tree.zxid], ['garden-1', '1:voter,2:observer', zk.last])
  }
})

test('writes are what changes the tree, by their opcodes', () => {
  const writes = Object.values(Op).filter((op) => isWrite({ op } as Request))
  assert.equal(writes.sort((a, b) => a - b), [1, 2, 5, 7, 14, 15, 19, 20, 21])
})

test('the printed form of a session', () => {
  assert.is(sessionIdOf(makeZxid(1, 255)), '0x1000000ff')
  for (const id of ['0x0', '0x1', '0xff', '0xffffffffffffffff', '0x1000000ff']) assert.ok(isSessionId(id), id)
  for (const id of ['', '0x', '0x01', '0xG', '0xAB', '1', '0x10000000000000000', ' 0x1', '0x1 ', null, 1]) {
    assert.not.ok(isSessionId(id), String(id))
  }
})

test('reads give copies unless told otherwise', () => {
  const zk = new World()
  const mine = bytes('abc')
  zk.ok(create('/a', { data: mine }))
  mine[0] = 0
  assert.is(text(zk.tree.get('/a')!.data), 'abc', 'what came in was copied')
  zk.tree.get('/a')!.data![0] = 0
  assert.is(text(zk.tree.get('/a')!.data), 'abc', 'what goes out is a copy')
  const kept = zk.tree.get('/a', false)!.data!
  zk.ok(set('/a', 'xyz'))
  assert.is(text(kept), 'abc', 'a view keeps what it saw')
  assert.is(zk.tree.get('/none'), undefined)
  assert.is(zk.tree.children('/none'), undefined)
  assert.equal(zk.tree.children('/a'), [])
})

test.run()
