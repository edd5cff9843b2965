import { makeRandom } from '../../lib/core/random.ts'
import { TreeLoader } from '../../lib/core/tree/loader.ts'
import type { SnapshotRow } from '../../lib/core/tree/txn.ts'
import { assert, suite } from '../harness.ts'
import { Traffic } from './traffic.ts'
import { anonymous, bytes, create, describe, ephemeral, FIELD, load, rowsOf, World } from './world.ts'

const test = suite('loading snapshots')

function damaged(rows: readonly SnapshotRow[], why: string): void {
  let code = 'loaded'
  try {
    load(rows)
  } catch (error) {
    code = (error as { code?: string }).code ?? String(error)
  }
  assert.is(code, 'StorageDamaged', why)
}

function stage(): World {
  const zk = new World()
  const session = zk.open()
  zk.place(() => ({ kind: 'found', ensembleId: 'abc', members: '1:voter' }))
  zk.applyAll()
  zk.ok(create('/a', { data: bytes('x'), acl: [{ perms: 3, scheme: 'ip', id: '::1' }] }))
  zk.ok(create('/p'))
  zk.ok(ephemeral('/p/e'), anonymous(session))
  return zk
}

test('each field wrong once', () => {
  const rows = rowsOf(stage().tree)
  const wrong: Record<keyof typeof FIELD, readonly unknown[]> = {
    path: [undefined, null, 5, '', 'a', '/a/', '//', '/\u0000', '/b/c'],
    data: [undefined, 'text', 5, [1], {}],
    acl: [undefined, 5, 'x', {}, [5], [null], [[]], [[1, 'world']], [['1', 'world', 'anyone']],
      [[1.5, 'world', 'anyone']],
      [[1, 5, 'anyone']], [[1, 'world', null]], [[2 ** 31, 'world', 'anyone']]],
    nodeKind: [undefined, null, -1, 4, 1.5, '0'],
    owner: [undefined, null, '', '0', 5, '0x', '0xG', '0x9'],
    ttlMs: [undefined, null, -1, 1.5, NaN, '5', 2 ** 53],
    czxid: [undefined, null, -1, 1.5, NaN, '5', 2 ** 53],
    mzxid: [undefined, null, -1, 1.5, NaN, '5', 2 ** 53],
    pzxid: [undefined, null, -1, 1.5, NaN, '5', 2 ** 53],
    ctime: [undefined, null, 1.5, NaN, Infinity, '5', 2 ** 53],
    mtime: [undefined, null, 1.5, NaN, Infinity, '5', 2 ** 53],
    version: [undefined, null, 1.5, NaN, 2 ** 31, '5'],
    aversion: [undefined, null, 1.5, NaN, 2 ** 31, '5'],
    creates: [undefined, null, 1.5, NaN, 2 ** 31, '5'],
  }
  for (const path of ['/a', '/p/e']) {
    for (const [field, values] of Object.entries(wrong)) {
      for (const value of values) {
        const at = FIELD[field as keyof typeof FIELD]
        const swapped = rows.map((row) => row[0] === 2 && row[1] === path ? row.with(at, value) : row)
        damaged(swapped, `${path} ${field} ${String(value)}`)
      }
    }
  }
  for (const length of [1, 2, 5, 14]) {
    damaged(rows.map((row) => row[1] === '/a' ? row.slice(0, length) : row), `a node row of ${length} fields`)
  }
})

test('bad heads, sessions and rows', () => {
  const rows = rowsOf(stage().tree)
  const head = rows[0]!
  const session = rows[1]!
  const swap = (old: SnapshotRow, row: SnapshotRow): SnapshotRow[] => rows.map((each) => each === old ? row : each)
  for (const zxid of [undefined, null, -1, 1.5, '1', 2 ** 53]) {
    damaged(swap(head, head.with(1, zxid)), `zxid ${String(zxid)}`)
  }
  for (const value of [undefined, null, 5]) {
    for (const at of [2, 3]) damaged(swap(head, head.with(at, value)), `head ${at}`)
  }
  damaged(rows.slice(1), 'no head')
  for (const id of [undefined, null, '', 'x', '0x0', 5]) {
    damaged(swap(session, session.with(1, id)), `session ${String(id)}`)
  }
  for (const timeoutMs of [undefined, null, -1, 1.5, '5', NaN]) {
    damaged(swap(session, session.with(2, timeoutMs)), 'timeout')
  }
  for (const password of [undefined, null, 'x', [], new Uint8Array(15), new Uint8Array(17)]) {
    damaged(swap(session, session.with(3, password)), 'password')
  }
  for (const kind of [3, -1, '0', null, undefined]) damaged([...rows, [kind]], `row of kind ${String(kind)}`)
  damaged([...rows, []], 'an empty row')
  damaged([], 'nothing at all')
})

test('a tree that does not hold together', () => {
  const zk = stage()
  const rows = rowsOf(zk.tree)
  const node = (path: string): SnapshotRow => rows.find((row) => row[0] === 2 && row[1] === path)!
  for (const path of ['/', '/zookeeper', '/zookeeper/quota', '/zookeeper/config', '/p']) {
    damaged(rows.filter((row) => row !== node(path)), `no ${path}`)
  }
  damaged([...rows, node('/a').with(FIELD.path, '/none/x')], 'no parent')
  damaged([...rows, node('/a').with(FIELD.path, '/p/e/x')], 'a child of an ephemeral')
  damaged([node('/a').with(FIELD.path, '/p/e/x'), ...rows], 'a child of an ephemeral, child first')
  damaged(rows.filter((row) => row[0] !== 1), 'an ephemeral of no session')
  damaged(rows.map((row) => row === node('/p/e') ? row.with(FIELD.owner, '0x0') : row), 'an ephemeral of nobody')
  damaged(rows.map((row) => row === node('/p') ? row.with(FIELD.owner, node('/p/e')[FIELD.owner]) : row),
    'an owner of a persistent')
})

test('rows in any order, in any chunks, twice', () => {
  const zk = new World()
  new Traffic(zk, makeRandom(3), 5).run(3_000)
  zk.place(() => ({ kind: 'found', ensembleId: 'abc', members: '1:voter' }))
  zk.applyAll()
  const expected = describe(zk.tree)
  const rows = rowsOf(zk.tree)
  const random = makeRandom(4)
  for (let round = 0; round < 15; round++) {
    const loader = new TreeLoader()
    const twice = [...rows, ...rows.filter(() => random.below(3) === 0)]
    const shuffled = twice.map((row) => [random.next(), row] as const).sort(([a], [b]) => a - b).map(([, row]) => row)
    while (shuffled.length > 0) loader.push(shuffled.splice(0, random.below(50)))
    const tree = loader.finish()
    assert.is(describe(tree), expected)
    assert.equal(tree.digest(), zk.tree.digest())
    assert.is(tree.dataBytes, zk.tree.dataBytes)
    assert.is(tree.reapable.size, zk.tree.reapable.size)
  }
})

test('of two rows for one thing the first counts', () => {
  const zk = stage()
  const rows = rowsOf(zk.tree)
  const first = rows.find((row) => row[1] === '/a')!
  const session = rows.find((row) => row[0] === 1)!
  const tree = load([...rows, first.with(FIELD.data, bytes('later')), session.with(2, 9_999)])
  assert.equal(tree.digest(), zk.tree.digest())
  assert.is(describe(tree), describe(zk.tree))
})

test('what is loaded is a copy of the rows', () => {
  const zk = stage()
  const rows = rowsOf(zk.tree).map((row) => row.map((value) => value instanceof Uint8Array ? value.slice() : value))
  const tree = load(rows)
  for (const row of rows) for (const value of row) if (value instanceof Uint8Array) value.fill(0)
  assert.is(describe(tree), describe(zk.tree))
})

test('a parent that comes after all its children', () => {
  const rows = rowsOf(stage().tree)
  const model = rows.find((row) => row[1] === '/p')!
  const kids = Array.from({ length: 20_000 }, (_, at) => model.with(FIELD.path, `/late/n${at}`))
  const tree = load([...kids, ...rows, model.with(FIELD.path, '/late')])
  assert.is(tree.stat('/late')!.numChildren, 20_000)
  assert.is(new Set(tree.children('/late')).size, 20_000)
})

test.run()
