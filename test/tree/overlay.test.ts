import { makeRandom } from '../../lib/core/random.ts'
import { Overlay, PendingNode } from '../../lib/core/tree/overlay.ts'
import { OPEN_ACL, Perm } from '../../lib/core/tree/request.ts'
import { NO_SESSION } from '../../lib/core/tree/stat.ts'
import { Tree } from '../../lib/core/tree/tree.ts'
import { makeZxid } from '../../lib/core/zxid.ts'
import type { Zxid } from '../../lib/core/zxid.ts'
import { assert, suite } from '../harness.ts'
import { anonymous, create, ephemeral, remove, set, setAcl, World, world } from './world.ts'

const test = suite('outstanding changes')

test('`applied` forgets exactly what was applied', () => {
  const overlay = new Overlay(Tree.empty())
  const at = (counter: number): Zxid => makeZxid(1, counter)
  const put = (counter: number, path: string, version: number): void => {
    const node = new PendingNode(at(counter), path, 0, NO_SESSION, OPEN_ACL)
    node.version = version
    overlay.changed(node)
  }
  put(1, '/a', 1)
  put(2, '/b', 1)
  put(3, '/a', 2)
  put(3, '/c', 1)
  put(5, '/b', 2)
  assert.is(overlay.size, 5)
  overlay.applied(at(1))
  assert.is(overlay.size, 4)
  assert.is(overlay.get('/a')?.version, 2, 'the later change of the same node stays')
  overlay.applied(at(3))
  assert.is(overlay.size, 1)
  assert.is(overlay.get('/a'), undefined)
  assert.not.ok(overlay.isPending('/c'))
  assert.is(overlay.get('/b')?.version, 2)
  overlay.applied(at(4))
  assert.ok(overlay.isPending('/b'))
  overlay.applied(at(9))
  assert.is(overlay.size, 0)
  overlay.deleted(at(10), '/zookeeper', overlay.get('/zookeeper')!)
  assert.is(overlay.get('/zookeeper'), undefined, 'a deletion hides the node of the tree')
  overlay.reset()
  assert.ok(overlay.get('/zookeeper'))
  assert.is(overlay.size, 0)
})

test('a node that txn after txn changes is forgotten with the last, and a failed multi undoes its own alone', () => {
  const overlay = new Overlay(Tree.empty())
  const at = (counter: number): Zxid => makeZxid(1, counter)
  const raise = (counter: number): PendingNode => {
    const node = overlay.next(at(counter), '/', overlay.get('/')!)
    node.version++
    return node
  }
  const first = raise(1)
  assert.is(raise(2), first, 'the same object')
  raise(2)
  overlay.begin()
  assert.is.not(raise(3), first, 'within a multi it may be undone')
  raise(3)
  assert.is(overlay.get('/')?.version, 5)
  overlay.end(false)
  assert.is(overlay.get('/')?.version, 3)
  overlay.begin()
  raise(4)
  overlay.end(true)
  raise(5)
  assert.is(overlay.get('/')?.version, 5)
  for (const counter of [1, 2, 3, 4]) {
    overlay.applied(at(counter))
    assert.is(overlay.get('/')?.version, 5, 'the last change is outstanding')
  }
  overlay.applied(at(5))
  assert.not.ok(overlay.isPending('/'))
  assert.is(overlay.size, 0)
})

test('a long queue is forgotten from its head while it grows', () => {
  const overlay = new Overlay(Tree.empty())
  for (let counter = 1; counter <= 30_000; counter++) {
    overlay.changed(new PendingNode(makeZxid(1, counter), `/n${counter}`, 0, NO_SESSION, OPEN_ACL))
    if (counter > 9_000) overlay.applied(makeZxid(1, counter - 9_000))
  }
  assert.is(overlay.size, 9_000)
  assert.not.ok(overlay.isPending('/n21000'))
  assert.ok(overlay.isPending('/n21001'))
  overlay.begin()
  overlay.changed(new PendingNode(makeZxid(1, 30_001), '/n30000', 0, NO_SESSION, OPEN_ACL))
  overlay.changed(new PendingNode(makeZxid(1, 30_001), '/x', 0, NO_SESSION, OPEN_ACL))
  overlay.end(false)
  assert.is(overlay.size, 9_000)
  assert.ok(overlay.isPending('/n30000'))
  assert.not.ok(overlay.isPending('/x'))
})

test('requests are checked against what is outstanding', () => {
  const zk = new World()
  const kind = (request: Parameters<World['propose']>[0]): string => {
    const body = zk.propose(request)
    return body.kind === 'error' ? body.code : body.kind
  }
  assert.is(kind(create('/a')), 'create')
  assert.is(kind(create('/a')), 'NodeExists')
  assert.is(kind(create('/a/b')), 'create')
  assert.is(kind(remove('/a')), 'NotEmpty')
  assert.is(kind(set('/a/b', 'x', 0)), 'setData')
  assert.is(kind(set('/a/b', 'y', 0)), 'BadVersion')
  assert.is(kind(set('/a/b', 'y', 1)), 'setData')
  assert.is(kind(remove('/a/b', 2)), 'delete')
  assert.is(kind(set('/a/b')), 'NoNode')
  assert.is(kind(setAcl('/a', world(Perm.read), 0)), 'setAcl')
  assert.is(kind(set('/a')), 'NoAuth')
  assert.is(kind(create('/a/c')), 'NoAuth')
  assert.is(kind(setAcl('/a', world(Perm.all))), 'NoAuth')
  assert.is(kind(remove('/a')), 'delete')
  assert.is(kind(create('/a')), 'create')
  assert.is(kind(create('/a/c')), 'create')
  assert.is(zk.tree.has('/a'), false)
  for (let i = 0; i < 15; i++) zk.applyOne()
  assert.is(zk.tree.has('/a'), true)
  assert.is(kind(create('/a/c')), 'NodeExists')
  zk.applyAll()
  assert.equal(zk.tree.children('/a'), ['c'])
})

test('the limit of ephemerals is exact whatever is outstanding', () => {
  const zk = new World({ sessionEphemerals: 10 })
  const random = makeRandom(5)
  const sessions = [zk.open(), zk.open(), zk.open()]
  const owned = new Map(sessions.map((session) => [session, new Set<string>()]))
  let refused = 0
  for (let step = 0; step < 4_000; step++) {
    const session = sessions[random.below(3)]!
    const path = `/e${random.below(40)}`
    const holder = sessions.find((one) => owned.get(one)!.has(path))
    if (random.below(5) < 3) {
      const body = zk.propose(ephemeral(path), anonymous(session))
      const expected = holder !== undefined ? 'NodeExists' : owned.get(session)!.size >= 10 ? 'QuotaExceeded' : 'create'
      assert.is(body.kind === 'error' ? body.code : body.kind, expected)
      if (expected === 'create') owned.get(session)!.add(path)
      if (expected === 'QuotaExceeded') refused++
    } else {
      const body = zk.propose(remove(path))
      assert.is(body.kind, holder === undefined ? 'error' : 'delete')
      if (holder !== undefined) owned.get(holder)!.delete(path)
    }
    for (let i = random.below(4); i > 0 && zk.outstanding.length > 20; i--) zk.applyOne()
  }
  assert.ok(refused > 50)
  for (const session of sessions) {
    assert.equal([...zk.proposeClose(session)].sort(), [...owned.get(session)!].sort())
    assert.is(zk.preparer.hasSession(session), false)
  }
  zk.applyAll()
  assert.is(zk.tree.nodeCount, 4)
})

test('the limit of the bytes of ephemerals is exact whatever is outstanding, and covers the closing txn', () => {
  const zk = new World({ sessionEphemerals: 1_000, sessionEphemeralBytes: 200 })
  const random = makeRandom(6)
  const session = zk.open()
  const owned = new Set<string>()
  const bytesOf = (path: string): number => Buffer.byteLength(path) + 5
  const sum = (): number => Array.from(owned).reduce((total, path) => total + bytesOf(path), 0)
  let refused = 0
  for (let step = 0; step < 4_000; step++) {
    const path = `/${['e', 'é', '€'][random.below(3)]!.repeat(1 + random.below(8))}`
    if (random.below(5) < 3) {
      const body = zk.propose(ephemeral(path), anonymous(session))
      const fits = sum() + bytesOf(path) <= 200
      const expected = owned.has(path) ? 'NodeExists' : fits ? 'create' : 'QuotaExceeded'
      assert.is(body.kind === 'error' ? body.code : body.kind, expected)
      if (expected === 'create') owned.add(path)
      if (expected === 'QuotaExceeded') refused++
    } else if (zk.propose(remove(path)).kind === 'delete') owned.delete(path)
    for (let i = random.below(4); i > 0 && zk.outstanding.length > 20; i--) zk.applyOne()
  }
  assert.ok(refused > 50)
  zk.applyAll()
  assert.is(zk.tree.ephemeralBytes(session), sum())
  for (const path of owned) zk.ok(remove(path))
  assert.is(zk.tree.ephemeralBytes(session), 0)
})

test('a closing session takes outstanding creations along, and no outstanding deletions', () => {
  const zk = new World()
  const [one, two] = [zk.open(), zk.open()]
  for (const path of ['/old', '/gone', '/swapped', '/again', '/plain']) zk.ok(ephemeral(path), anonymous(one))
  zk.propose(remove('/gone'))
  zk.propose(remove('/swapped'))
  zk.propose(ephemeral('/swapped'), anonymous(two))
  zk.propose(remove('/plain'))
  zk.propose(create('/plain'))
  zk.propose(remove('/again'))
  zk.propose(ephemeral('/again'), anonymous(one))
  zk.propose(ephemeral('/new'), anonymous(one))
  zk.propose(ephemeral('/brief'), anonymous(one))
  zk.propose(remove('/brief'))
  assert.equal([...zk.proposeClose(one)].sort(), ['/again', '/new', '/old'])
  assert.is(zk.propose(ephemeral('/late'), anonymous(one)).kind, 'error', 'a closing session makes nothing')
  assert.is(zk.propose(create('/old')).kind, 'create', 'the path is free for who comes next')
  assert.equal(zk.proposeClose(two), ['/swapped'])
  zk.applyAll()
  assert.equal(zk.tree.children('/')!.sort(), ['old', 'plain', 'zookeeper'])
  assert.is(zk.tree.sessions.size, 0)
})

test('sessions exist from their outstanding opening to their outstanding closing', () => {
  const zk = new World()
  const placed = zk.place((zxid) => zk.preparer.createSession(zxid, 5, new Uint8Array(16)))
  const session = `0x${placed.zxid.toString(16)}` as ReturnType<World['open']>
  assert.is(zk.preparer.hasSession(session), true)
  assert.is(zk.propose(ephemeral('/e'), anonymous(session)).kind, 'create')
  assert.equal(zk.proposeClose(session), ['/e'])
  assert.is(zk.preparer.hasSession(session), false)
  zk.applyOne()
  assert.is(zk.preparer.hasSession(session), false, 'open in the tree, closing in the queue')
  zk.applyAll()
  assert.is(zk.preparer.hasSession(session), false)
  assert.is(zk.tree.has('/e'), false)
})

test('reset forgets all that was outstanding', () => {
  const zk = new World()
  const session = zk.open()
  zk.ok(create('/a'))
  zk.propose(set('/a', 'x'))
  zk.propose(ephemeral('/e'), anonymous(session))
  zk.proposeClose(session)
  const opened = zk.place((zxid) => zk.preparer.createSession(zxid, 5, new Uint8Array(16)))
  zk.outstanding.length = 0
  zk.preparer.reset()
  assert.is(zk.preparer.hasSession(session), true)
  assert.is(zk.preparer.hasSession(`0x${opened.zxid.toString(16)}` as typeof session), false)
  assert.is(zk.write(set('/a', 'y', 0)).code, 'Ok')
  assert.is(zk.write(ephemeral('/e'), anonymous(session)).code, 'Ok')
})

test('a txn is prepared before it is applied, never after', () => {
  const zk = new World()
  zk.ok(create('/a'))
  assert.throws(() => zk.preparer.prepare(zk.last, set('/a'), anonymous()), /prepared before/)
})

test.run()
