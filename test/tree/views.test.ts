import { makeRandom } from '../../lib/core/random.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'
import type { Acl } from '../../lib/core/tree/request.ts'
import { TreeLoader } from '../../lib/core/tree/loader.ts'
import type { SnapshotRow } from '../../lib/core/tree/txn.ts'
import type { TreeView } from '../../lib/core/tree/view.ts'
import { assert, suite } from '../harness.ts'
import { Traffic } from './traffic.ts'
import { anonymous, bytes, create, describe, ephemeral, load, remove, rowsOf, set, World } from './world.ts'

const test = suite('views')

interface Watched {
  readonly view: TreeView
  readonly rows: SnapshotRow[]
  readonly text: string
  readonly digest: { hash1: number, hash2: number }
  readonly zxid: number
  done: boolean
}

/** Freezes, and remembers what the tree said at that moment. */
function freeze({ tree }: World): Watched {
  return { view: tree.freeze(), rows: [], text: describe(tree), digest: tree.digest(), zxid: tree.zxid, done: false }
}

function step(watched: Watched, chunkBytes: number): void {
  const rows = watched.view.next(chunkBytes)
  if (rows === null) watched.done = true
  else watched.rows.push(...rows)
}

function verify(watched: Watched, why: string): void {
  const tree = load(watched.rows)
  assert.is(tree.zxid, watched.zxid, why)
  assert.is(watched.view.zxid, watched.zxid)
  assert.is(describe(tree), watched.text, why)
  assert.equal(tree.digest(), watched.digest, why)
}

test('a view of a tree that stands still', () => {
  const zk = new World()
  new Traffic(zk, makeRandom(1), 8).run(6_000)
  assert.ok(zk.tree.nodeCount > 100, `${zk.tree.nodeCount} nodes`)
  for (const chunkBytes of [0, 1, 200, 5_000, 1e9]) {
    const watched = freeze(zk)
    while (!watched.done) step(watched, chunkBytes)
    assert.is(watched.rows.length, 1 + zk.tree.sessions.size + zk.tree.nodeCount, 'each row once')
    assert.is(watched.view.next(1), null)
    verify(watched, `chunks of ${chunkBytes}`)
    watched.view.close()
  }
})

test('chunks are about as large as asked', () => {
  const zk = new World()
  for (let i = 0; i < 100; i++) zk.ok(create(`/n${i}`, { data: new Uint8Array(1_000) }))
  const view = zk.tree.freeze()
  let chunks = 0
  for (let rows = view.next(10_000); rows !== null; rows = view.next(10_000)) {
    chunks++
    const size = rows.reduce((sum, row) => sum + (row[2] instanceof Uint8Array ? row[2].length : 0), 0)
    assert.ok(size <= 11_000, `${size} bytes`)
  }
  assert.ok(chunks >= 10 && chunks <= 14, `${chunks} chunks`)
  view.close()
})

test('a list that nodes share counts in each of its rows', () => {
  const zk = new World()
  const codec = makeTxnCodec()
  const lists: Readonly<Record<string, readonly Acl[]>> = {
    long: [{ perms: 31, scheme: 'digest', id: `somebody:${'\u20ac'.repeat(3_000)}` }],
    many: Array.from({ length: 600 }, (_, each) => ({ perms: each, scheme: 'ip', id: '10.0.0.1' })),
  }
  for (const [name, acl] of Object.entries(lists)) {
    for (let i = 0; i < 50; i++) zk.ok(create(`/${name}${i}`, { acl }))
  }
  const view = zk.tree.freeze()
  let chunks = 0
  for (let rows = view.next(20_000); rows !== null; rows = view.next(20_000)) {
    chunks++
    const { length } = codec.encodeRows(rows)
    const last = codec.encodeRows(rows.slice(-1)).length
    assert.ok(length <= 20_000 + last, `${length} bytes, ${last} of them the last row`)
  }
  assert.ok(chunks >= 25 && chunks <= 70, `${chunks} chunks`)
  view.close()
})

test('small chunks while nothing waits, large ones while rows are kept', () => {
  const zk = new World()
  for (let i = 0; i < 100; i++) zk.ok(create(`/n${i}`, { data: new Uint8Array(1_000) }))
  const view = zk.tree.freeze()
  const isLarge = ([, , data]: SnapshotRow): boolean => data instanceof Uint8Array && data.length === 1_000
  const next = (): number => (view.next(10_000, 2_000) ?? []).filter(isLarge).length
  assert.is(next(), 2)
  for (let i = 50; i < 70; i++) zk.ok(set(`/n${i}`, 'changed'))
  const [first, second, third] = [next(), next(), next()]
  assert.ok(first >= 9 && first + second >= 18, `${first} and ${second} of 20 that are kept`)
  assert.ok(third <= 3, `${third} when none is left`)
  view.close()
})

test('several views, while thousands of random writes go on', () => {
  for (const seed of [11, 12, 13, 14]) {
    const random = makeRandom(seed)
    const zk = new World()
    const traffic = new Traffic(zk, random, seed % 2 === 0 ? 4 : 14)
    traffic.run(1_500)
    let open: Watched[] = []
    let verified = 0
    let closedEarly = 0
    for (let round = 0; round < 1_200; round++) {
      if (open.length < 4 && random.below(10) === 0) open.push(freeze(zk))
      traffic.run(random.below(6))
      for (const watched of open) {
        if (random.below(3) === 0) step(watched, 1 + random.below(random.below(4) === 0 ? 40_000 : 3_000))
      }
      const finished = open.filter((watched) => watched.done || random.below(300) === 0)
      for (const watched of finished) {
        if (watched.done) {
          verify(watched, `seed ${seed} round ${round}`)
          verified++
        } else {
          closedEarly++
        }
        watched.view.close()
        assert.is(watched.view.next(1e9), null, 'a closed view has nothing more')
      }
      open = open.filter((watched) => !finished.includes(watched))
    }
    assert.ok(verified > 10 && closedEarly > 0, `seed ${seed}: ${verified} verified, ${closedEarly} closed early`)
  }
}, { timeoutMs: 60_000 })

test('a view keeps what was there although everything goes', () => {
  const zk = new World()
  const session = zk.open()
  for (let i = 0; i < 500; i++) zk.ok(create(`/n${i}`, { data: bytes(`data ${i}`) }))
  for (let i = 0; i < 50; i++) zk.ok(ephemeral(`/e${i}`), anonymous(session))
  const early = freeze(zk)
  const late = freeze(zk)
  for (let i = 0; i < 10; i++) step(late, 2_000)
  zk.close(session)
  for (let i = 0; i < 500; i++) zk.ok(remove(`/n${i}`))
  for (let i = 0; i < 500; i++) zk.ok(create(`/n${i}`, { data: bytes('other') }))
  zk.open()
  for (const watched of [early, late]) {
    while (!watched.done) step(watched, 777)
    verify(watched, 'after all is gone')
    watched.view.close()
  }
})

test('tables that split while a view goes through them', () => {
  const zk = new World({ multiOperations: 20_000 })
  zk.ok(create('/p'))
  const made = (from: number, to: number): void => {
    const ops = Array.from({ length: to - from }, (_, at) => create(`/p/${String(from + at).padStart(5, '0')}same`))
    zk.ok({ op: 14, ops })
  }
  // Equal lengths and endings: one shard, which splits above 8,192.
  made(0, 8_000)
  const watched = freeze(zk)
  while (watched.rows.length < 4_000) step(watched, 5_000)
  zk.ok(set('/p/00001same', 'before the split'))
  zk.ok(remove('/p/07001same'))
  made(8_000, 8_500)
  for (let i = 0; i < 8_000; i += 7) zk.write(i % 2 === 0 ? remove(`/p/${String(i).padStart(5, '0')}same`)
    : set(`/p/${String(i).padStart(5, '0')}same`, 'after'))
  zk.ok(create('/p/07001same', { data: bytes('again') }))
  const second = freeze(zk)
  zk.ok(set('/p/08400same', 'late'))
  for (const each of [watched, second]) {
    while (!each.done) step(each, 50_000)
    verify(each, 'split')
    each.view.close()
  }
})

test('a view changes nothing, and a tree with views takes txns as without', () => {
  const run = (withViews: boolean): string => {
    const zk = new World()
    const traffic = new Traffic(zk, makeRandom(77))
    for (let i = 0; i < 20; i++) {
      traffic.run(100)
      if (withViews) zk.tree.freeze().next(i * 100)
    }
    return describe(zk.tree)
  }
  assert.is(run(true), run(false))
})

test('rows hold data that later writes do not touch', () => {
  const zk = new World()
  zk.ok(create('/a', { data: bytes('first') }))
  const rows = rowsOf(zk.tree)
  for (let i = 0; i < 5_000; i++) zk.ok(set('/a', `overwritten ${i}`))
  assert.is(new TextDecoder().decode(load(rows).get('/a')!.data!), 'first')
})

test('a loaded tree goes on like the one it came from, through the codec too', () => {
  const codec = makeTxnCodec()
  const zk = new World()
  const traffic = new Traffic(zk, makeRandom(5))
  traffic.run(3_000)
  const loader = new TreeLoader()
  const view = zk.tree.freeze()
  for (let rows = view.next(9_000); rows !== null; rows = view.next(9_000)) {
    loader.push(codec.decodeRows(codec.encodeRows(rows)))
  }
  view.close()
  const copy = loader.finish()
  zk.onApply = ({ zxid, txn }) => copy.apply(zxid, codec.decodeTxn(codec.encodeTxn(txn)), null, false)
  traffic.run(2_000)
  assert.is(describe(copy), describe(zk.tree))
  assert.equal(copy.digest(), zk.tree.digest())
  const bytesOfRows = rowsOf(copy).reduce((sum, row) => sum + (row[2] instanceof Uint8Array ? row[2].length : 0), 0)
  assert.is(copy.dataBytes, bytesOfRows)
})

test.run()
