import { makeRandom } from '../../lib/core/random.ts'
import { ReapList } from '../../lib/core/tree/reap-list.ts'
import { OPEN_ACL } from '../../lib/core/tree/request.ts'
import { NO_SESSION } from '../../lib/core/tree/stat.ts'
import { NodePages } from '../../lib/core/tree/node-pages.ts'
import { Znode } from '../../lib/core/tree/znode.ts'
import { assert, suite } from '../harness.ts'
import { container, create, load, remove, rowsOf, set, setAcl, ttl, World, world } from './world.ts'

const test = suite('reaping')

/** What is due now: two searches, since one may begin at the end of a round. */
function due(zk: World, wallMs = zk.timeMs, most = 1_000): string[] {
  return [...new Set([...zk.preparer.reapable(wallMs, most), ...zk.preparer.reapable(wallMs, most)])].sort()
}

test('a container is due once it had a child and has none', () => {
  const zk = new World()
  zk.ok(container('/c'))
  zk.ok(create('/plain'))
  zk.ok(create('/plain/x'))
  zk.ok(remove('/plain/x'))
  assert.equal(due(zk, 1e15), [], 'never used: never reaped')
  zk.ok(create('/c/x'))
  assert.equal(due(zk, 1e15), [])
  zk.ok(remove('/c/x'))
  assert.equal(due(zk), ['/c'])
  zk.ok({ op: 20, path: '/c' })
  assert.equal(due(zk), [])
  assert.is(zk.tree.reapable.size, 0)
})

test('a container that never had a child is due by its age alone', () => {
  const zk = new World({ containerNeverUsedMs: 500 })
  zk.ok(container('/c'))
  const { ctime } = zk.stat('/c')
  zk.ok(set('/c'))
  assert.equal(due(zk, ctime + 500), [])
  assert.equal(due(zk, ctime + 501), ['/c'])
})

test('a TTL node is due when nobody wrote it for that long; children hold it, but do not refresh it', () => {
  const zk = new World()
  zk.ok(ttl('/t', 100))
  const { mtime } = zk.stat('/t')
  assert.equal(due(zk, mtime + 100), [])
  assert.equal(due(zk, mtime + 101), ['/t'])
  zk.ok(create('/t/x'))
  assert.equal(due(zk, mtime + 101), [])
  zk.timeMs = 9_000
  zk.ok(remove('/t/x'))
  zk.ok(setAcl('/t', world(31)))
  assert.equal(due(zk, mtime + 101), ['/t'])
  zk.ok(set('/t'))
  assert.equal(due(zk, mtime + 101), [])
  assert.equal(due(zk, zk.timeMs + 101), ['/t'])
})

test('a node with an outstanding change is not given', () => {
  const changes = [set('/t'), create('/t/x'), setAcl('/t', world(31)), remove('/t'), { op: 20 as const, path: '/t' },
    { op: 14 as const, ops: [set('/t')] }]
  for (const change of changes) {
    const zk = new World()
    zk.ok(ttl('/t', 1))
    assert.equal(due(zk, 1e6), ['/t'])
    zk.propose(change)
    assert.equal(due(zk, 1e6), [], JSON.stringify(change))
  }
  const zk = new World()
  zk.ok(container('/c'))
  zk.ok(create('/c/x'))
  zk.propose(remove('/c/x'))
  assert.equal(due(zk), [])
  zk.applyAll()
  zk.propose({ op: 14, ops: [set('/c'), remove('/none')] })
  assert.equal(due(zk), ['/c'], 'a multi that failed changes nothing')
  zk.preparer.reset()
  zk.outstanding.length = 0
  zk.propose(remove('/c'))
  zk.preparer.reset()
  assert.equal(due(zk), ['/c'])
})

test('it goes round: every due node comes, at most so many a time', () => {
  const zk = new World({ multiOperations: 5_000 })
  zk.ok({ op: 14, ops: Array.from({ length: 1_000 }, (_, at) => ttl(`/t${at}`, 1)) })
  const rounds = Array.from({ length: 10 }, () => zk.preparer.reapable(1e6, 100))
  for (const round of rounds) assert.is(round.length, 100)
  assert.is(new Set(rounds.flat()).size, 1_000, 'each once in a round')
  assert.equal(zk.preparer.reapable(1e6, 0), [])
  assert.is(zk.preparer.reapable(1e6, 5_000).length, 0, 'the end of the round')
  assert.is(zk.preparer.reapable(1e6, 5_000).length, 1_000, 'and the next one')
})

test('one search looks at a bounded number of nodes', () => {
  const zk = new World({ multiOperations: 30_000 })
  zk.ok({ op: 14, ops: Array.from({ length: 25_000 }, (_, at) => ttl(`/t${at}`, at === 24_999 ? 1 : 2 ** 39)) })
  const searches = [1, 2, 3].map(() => zk.preparer.reapable(1e6, 10).length)
  assert.equal(searches.reduce((a, b) => a + b), 1)
  assert.equal([...zk.preparer.reapable(1e6, 10), ...zk.preparer.reapable(1e6, 10), ...zk.preparer.reapable(1e6, 10)],
    ['/t24999'])
  const all = new World({}, load(rowsOf(zk.tree)), 2)
  const mostAtOnce = all.preparer.reapable(1e15, 1e9).length
  assert.is(mostAtOnce, 10_000)
})

test('while nodes come and go, what is given is always due and nothing due is forgotten', () => {
  const zk = new World()
  const random = makeRandom(21)
  const waiting = new Map<string, number>()
  let reaped = 0
  for (let step = 0; step < 6_000; step++) {
    const path = `/n${random.below(150)}`
    const kind = random.below(6)
    if (kind === 0) zk.write(ttl(path, 1 + random.below(200)))
    else if (kind === 1) zk.write(container(path))
    else if (kind === 2) zk.write(create(`${path}/x`))
    else if (kind === 3) zk.write(remove(`${path}/x`))
    else if (kind === 4) zk.write(random.below(3) === 0 ? remove(path) : set(path))
    const given = zk.preparer.reapable(zk.timeMs, 5)
    for (const each of given) {
      const node = zk.tree.node(each)!
      assert.is(node.childCount, 0)
      assert.ok(node.nodeKind === 2 ? node.creates > 0 : node.nodeKind === 3 && zk.timeMs - node.mtime > node.ttlMs,
        each)
      waiting.delete(each)
      if (random.below(2) === 0) {
        zk.ok({ op: 20, path: each })
        reaped++
      }
    }
    for (const node of zk.tree.reapable.values()) {
      const isDue = node.childCount === 0 &&
        (node.nodeKind === 2 ? node.creates > 0 : zk.timeMs - node.mtime > node.ttlMs)
      if (!isDue) waiting.delete(node.path)
      else if (!given.includes(node.path)) waiting.set(node.path, (waiting.get(node.path) ?? 0) + 1)
    }
    for (const [each, rounds] of waiting) {
      if (!zk.tree.has(each)) waiting.delete(each)
      else assert.ok(rounds < 150, `${each} waits for ever`)
    }
  }
  assert.ok(reaped > 300, `${reaped} reaped`)
})

test('the list gives each node once, while others come and go', () => {
  const pages = new NodePages()
  const list = new ReapList(pages)
  const all = Array.from({ length: 500 }, (_, at) => Znode.create(pages, `/n${at}`, OPEN_ACL, 2, NO_SESSION, 0))
  for (const node of all) list.add(node)
  const seen = new Set<string>()
  let at = 0
  for (const { path } of list.values()) {
    assert.not.ok(seen.has(path))
    seen.add(path)
    const victim = all[at++ * 2]
    if (victim !== undefined && !seen.has(victim.path)) {
      list.delete(victim)
      list.delete(victim)
    }
  }
  for (let i = 1; i < 500; i += 2) assert.ok(seen.has(all[i]!.path), 'who stayed was seen')
  assert.is(list.size, [...list.values()].length)
  assert.ok(list.size < 500)
})

test.run()
