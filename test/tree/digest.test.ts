import { finish, hashBytes, hashText, mix } from '../../lib/core/tree/hash.ts'
import { makeRandom } from '../../lib/core/random.ts'
import { Words } from '../../lib/core/words.ts'
import type { SnapshotRow } from '../../lib/core/tree/txn.ts'
import type { Tree } from '../../lib/core/tree/tree.ts'
import { assert, suite } from '../harness.ts'
import {
  anonymous, bytes, container, create, ephemeral, FIELD, load, remove, ROOT, rowsOf, set, setAcl, ttl, World, world,
} from './world.ts'

const test = suite('digests')

function stage(): World {
  const zk = new World()
  const [first] = [zk.open(), zk.open()]
  zk.ok(create('/a', { data: bytes('some data') }))
  zk.ok(create('/a/b', { acl: [{ perms: 3, scheme: 'digest', id: 'bob:h' }] }))
  zk.ok(ephemeral('/e'), anonymous(first))
  zk.ok(container('/c'))
  zk.ok(ttl('/t', 70_000))
  zk.ok(setAcl('/a', world(15)))
  zk.ok(set('/a', 'other data'))
  return zk
}

function digestOf(tree: Tree): string {
  const { hash1, hash2 } = tree.digest()
  return `${hash1} ${hash2}`
}

test('any field of any node that differs gives another digest', () => {
  const zk = stage()
  const rows = rowsOf(zk.tree)
  const digest = digestOf(zk.tree)
  assert.is(digestOf(load(rows)), digest)
  const [session] = [...zk.tree.sessions.keys()].slice(1)
  const changes: readonly (readonly [path: string, field: keyof typeof FIELD, values: readonly unknown[]])[] = [
    ['/a', 'data', [null, bytes(''), bytes('other dat'), bytes('other datA'), bytes('Other data'),
      bytes('other data\0')]],
    ['/a', 'acl', [null, [[14, 'world', 'anyone']], [[15, 'world', 'anyone'], [1, 'ip', '::1']],
      [[15, 'digest', 'anyone']]]],
    ['/a/b', 'acl', [[[3, 'digest', 'bob:i']], [[2, 'digest', 'bob:h']], [[3, 'ip', 'bob:h']]]],
    ['/a', 'nodeKind', [2, 3]], ['/c', 'nodeKind', [0, 3]], ['/e', 'owner', [session]],
    ['/t', 'ttlMs', [70_001, 70_000 + 2 ** 32, 0]],
    ['/a', 'czxid', [0, 2 ** 32, 2 ** 50]], ['/a', 'mzxid', [0, 2 ** 33 + 9, 2 ** 52]],
    ['/a', 'pzxid', [0, 2 ** 32, 2 ** 52]],
    ['/a', 'ctime', [0, 1, 1_001 + 2 ** 32, -1]], ['/a', 'mtime', [0, 1, 2 ** 45, -1]],
    ['/a', 'version', [0, 2, -1]], ['/a', 'aversion', [0, 2, -1]], ['/a', 'creates', [0, 2, -1]],
  ]
  const seen = new Map([[digest, 'the tree itself']])
  for (const [path, field, values] of changes) {
    for (const value of values) {
      const other = load(rows.map((row) => row[1] === path && row[0] === 2 ? row.with(FIELD[field], value) : row))
      const name = `${path} ${field} ${String(value)}`
      assert.is(seen.get(digestOf(other)), undefined, name)
      seen.set(digestOf(other), name)
    }
  }
})

test('sessions are part of it', () => {
  const zk = stage()
  const rows = rowsOf(zk.tree)
  const last = rows.filter((row) => row[0] === 1).at(-1)!
  const swap = (row: SnapshotRow | null): string =>
    digestOf(load(rows.flatMap((each) => each !== last ? [each] : row === null ? [] : [row])))
  const password = last[3] as Uint8Array
  const digests = [swap(last), swap(null), swap(last.with(2, 1_001)), swap(last.with(1, '0xabc')),
    swap(last.with(3, password.with(15, 8))), swap(last.with(3, password.with(0, 8)))]
  assert.is(new Set(digests).size, digests.length)
  assert.is(digests[0], digestOf(zk.tree))
})

test('it does not depend on the order in which the state came about', () => {
  const rows = rowsOf(stage().tree)
  const random = makeRandom(9)
  for (let round = 0; round < 20; round++) {
    const shuffled = rows.map((row) => [random.next(), row] as const).sort(([a], [b]) => a - b).map(([, row]) => row)
    assert.is(digestOf(load(shuffled)), digestOf(load(rows)))
  }
})

test('what goes leaves no trace', () => {
  const zk = stage()
  const before = digestOf(zk.tree)
  const session = zk.open()
  const opened = digestOf(zk.tree)
  assert.is.not(opened, before)
  zk.close(session)
  assert.is(digestOf(zk.tree), before)
  zk.ok(create('/a/x'))
  zk.ok(remove('/a/x'))
  assert.is.not(digestOf(zk.tree), before, 'the parent remembers')
  assert.is(digestOf(load(rowsOf(zk.tree))), digestOf(zk.tree))
})

test('every change moves it, and loading gives it again', () => {
  const zk = stage()
  const seen = new Set([digestOf(zk.tree)])
  const requests = [set('/a', 'x'), set('/a', 'x'), set('/a'), set('/a', ''), setAcl('/a', world(31)),
    setAcl('/a', world(31)), setAcl('/a/b', world(31)), remove('/a/b'), create('/a/b'), remove('/t'),
    { op: 20 as const, path: '/c' }, remove('/e')]
  for (const request of requests) {
    zk.ok(request, ROOT)
    assert.not.ok(seen.has(digestOf(zk.tree)), JSON.stringify(request))
    seen.add(digestOf(zk.tree))
    assert.is(digestOf(load(rowsOf(zk.tree))), digestOf(zk.tree))
  }
})

test('the hash of bytes sees every bit', () => {
  const words = new Words()
  for (let length = 0; length <= 70; length++) {
    const data = new Uint8Array(length).fill(0xa5)
    const seen = new Set([hashBytes(data, words)])
    for (let bit = 0; bit < length * 8; bit++) seen.add(hashBytes(data.with(bit >> 3, 0xa5 ^ (1 << (bit & 7))), words))
    assert.is(seen.size, 1 + length * 8, `length ${length}`)
  }
  assert.is(hashBytes(new Uint8Array(0), words), 0)
})

test('hashes are 32-bit integers that spread', () => {
  const low = new Set<number>()
  for (let i = 0; i < 4_096; i++) {
    const hash = finish(mix(hashText(`/node-${i}`), i))
    assert.is(hash | 0, hash)
    low.add(hash & 0xfff)
  }
  assert.ok(low.size > 2_400, `${low.size} of 4096 places`)
})

test.run()
