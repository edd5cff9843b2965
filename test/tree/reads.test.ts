import { MULTI_READ_BYTES_MAX } from '../../lib/core/limits.ts'
import { Mode, Perm } from '../../lib/core/tree/request.ts'
import type { Outcome, Request, Requester } from '../../lib/core/tree/request.ts'
import { assert, suite } from '../harness.ts'
import {
  anonymous, as, bytes, container, create, ephemeral, remove, ROOT, set, setAcl, ttl, World, world,
} from './world.ts'

const test = suite('reads')

function stage(): World {
  const zk = new World()
  zk.ok(create('/a', { data: bytes('text') }))
  zk.ok(create('/a/b'))
  zk.ok(create('/a/b/c'))
  zk.ok(create('/shut', { data: bytes('secret') }))
  zk.ok(setAcl('/shut', world(Perm.all & ~Perm.read)))
  return zk
}

function watching(zk: World, path: string): number[] {
  return [1, 2].filter((type) => zk.watches.has(path, 1, type))
}

test('exists', () => {
  const zk = stage()
  assert.equal(zk.read({ op: 3, path: '/a', watch: false }), { code: 'Ok', result: { op: 3, stat: zk.stat('/a') } })
  assert.equal(zk.read({ op: 3, path: '/none', watch: true }), { code: 'NoNode', result: null })
  assert.equal(watching(zk, '/none'), [2])
  assert.is(zk.read({ op: 3, path: '/shut', watch: true }).code, 'NoAuth')
  assert.equal(watching(zk, '/shut'), [])
  assert.is(zk.read({ op: 3, path: '/a\0', watch: true }).code, 'BadArguments')
  assert.equal(watching(zk, '/a\0'), [])
  assert.equal(zk.read({ op: 3, path: '', watch: false }).result, { op: 3, stat: zk.stat('/') },
    'the empty path is the root')
  assert.is(zk.read({ op: 3, path: 'no/path/', watch: false }).code, 'NoNode')
})

test('getData', () => {
  const zk = stage()
  const { result } = zk.read({ op: 4, path: '/a', watch: false })
  assert.ok(result?.op === 4)
  assert.equal([...result.data!], [...bytes('text')])
  assert.equal(result.stat, zk.stat('/a'))
  assert.equal(watching(zk, '/a'), [])
  zk.read({ op: 4, path: '/a', watch: true })
  assert.equal(watching(zk, '/a'), [2])
  for (const [path, code] of [['/none', 'NoNode'], ['/shut', 'NoAuth'], ['a', 'NoNode'], ['/a/', 'NoNode']] as const) {
    assert.equal(zk.read({ op: 4, path, watch: true }), { code, result: null })
    assert.equal(watching(zk, path), [])
  }
  const root = zk.read({ op: 4, path: '', watch: true }).result
  assert.ok(root?.op === 4 && root.stat.czxid === 0)
  assert.equal(watching(zk, ''), [2])
  assert.equal(watching(zk, '/'), [], 'watches go by the exact text')
})

test('getChildren', () => {
  const zk = stage()
  const names = (outcome: Outcome): unknown =>
    outcome.result?.op === 8 || outcome.result?.op === 12 ? [...outcome.result.children].sort() : outcome.code
  assert.equal(names(zk.read({ op: 8, path: '/', watch: false })), ['a', 'shut', 'zookeeper'])
  assert.equal(names(zk.read({ op: 8, path: '', watch: false })), ['a', 'shut', 'zookeeper'])
  assert.equal(names(zk.read({ op: 12, path: '/a', watch: true })), ['b'])
  assert.equal(watching(zk, '/a'), [1])
  assert.equal(names(zk.read({ op: 8, path: '/a/b/c', watch: false })), [])
  const both = zk.read({ op: 12, path: '/a', watch: false }).result
  assert.equal(both, { op: 12, children: ['b'], stat: zk.stat('/a') })
  assert.equal(zk.read({ op: 8, path: '/a', watch: false }).result, { op: 8, children: ['b'] })
  for (const op of [8, 12] as const) {
    assert.is(names(zk.read({ op, path: '/none', watch: true })), 'NoNode')
    assert.is(names(zk.read({ op, path: '/shut', watch: true })), 'NoAuth')
  }
  assert.equal([...watching(zk, '/none'), ...watching(zk, '/shut')], [])
})

test('children in their thousands come and go', () => {
  const zk = new World({ multiOperations: 10_000 })
  zk.ok(create('/p'))
  const names = Array.from({ length: 9_000 }, (_, at) => `n${at}`)
  zk.ok({ op: 14, ops: names.map((name) => create(`/p/${name}`)) })
  assert.equal(zk.tree.children('/p')!.sort(), [...names].sort())
  assert.is(zk.stat('/p').numChildren, 9_000)
  zk.ok({ op: 14, ops: names.slice(1).map((name) => remove(`/p/${name}`)) })
  assert.equal(zk.tree.children('/p'), ['n0'])
  assert.is(zk.write(create('/p/n0')).code, 'NodeExists')
  assert.is(zk.stat('/p').numChildren, 1)
  zk.ok(remove('/p/n0'))
  assert.equal(zk.tree.children('/p'), [])
  zk.ok(remove('/p'))
})

test('getEphemerals', () => {
  const zk = stage()
  const [mine, other] = [zk.open(), zk.open()]
  for (const path of ['/a/e1', '/a/e2', '/e']) zk.ok(ephemeral(path), anonymous(mine))
  zk.ok(ephemeral('/other'), anonymous(other))
  zk.ok(container('/a/box'), anonymous(mine))
  zk.ok(ttl('/a/ttl', 5), anonymous(mine))
  const ask = (path: string, who: Requester = anonymous(mine)): string[] => {
    const { result } = zk.read({ op: 103, path }, 1, who)
    return result?.op === 103 ? [...result.paths].sort() : []
  }
  for (const prefix of ['', '  ', '/']) assert.equal(ask(prefix), ['/a/e1', '/a/e2', '/e'])
  assert.equal(ask('/a'), ['/a/e1', '/a/e2'])
  assert.equal(ask('/a/e1'), ['/a/e1'])
  assert.equal(ask('/e'), ['/e'], 'a prefix of the text')
  assert.equal(ask('/x'), [])
  assert.equal(ask('', anonymous(other)), ['/other'])
  assert.equal(ask('', anonymous()), [])
  zk.ok(remove('/a/e1'))
  assert.equal(ask('/a'), ['/a/e2'])
})

test('getAllChildrenNumber', () => {
  const zk = stage()
  const count = (path: string): unknown => {
    const { code, result } = zk.read({ op: 104, path })
    return result?.op === 104 ? result.total : code
  }
  assert.is(count('/a'), 2)
  assert.is(count('/a/b/c'), 0)
  assert.is(count('/'), 7, 'the built-in nodes too, not the root')
  assert.is(count(''), 8, 'by the empty path the root, too')
  assert.is(count('/zookeeper'), 2)
  assert.is(count('/none'), 'NoNode')
  assert.is(count('/shut'), 'NoAuth')
  zk.ok(create('/a/b/d', { flags: Mode.persistentSequential }))
  assert.is(count('/a'), 3)
})

test('multiRead: each for itself', () => {
  const zk = stage()
  const { code, result } = zk.read({ op: 22, ops: [
    { op: 4, path: '/a', watch: true }, { op: 8, path: '/a', watch: true }, { op: 4, path: '/none', watch: true },
    { op: 8, path: '/shut', watch: true }, { op: 4, path: '/a/b', watch: false },
  ] })
  assert.is(code, 'Ok')
  assert.ok(result?.op === 22)
  assert.equal(result.results.map((one) => one.op === -1 ? one.code : one.op), [4, 8, 'NoNode', 'NoAuth', 4])
  assert.equal(result.results[1], { op: 8, children: ['b'] })
  assert.ok(zk.watches.idle, 'no watch is left')
  assert.equal(zk.read({ op: 22, ops: [] }).result, { op: 22, results: [] })
  for (const op of [3, 12] as const) {
    assert.is(zk.read({ op: 22, ops: [{ op: 4, path: '/a', watch: false }, { op, path: '/a', watch: false }] }).code,
      'MarshallingError')
  }
})

test('multiRead: no more than one answer can hold', () => {
  // 64 KB of requests for one megabyte, again and again, were an answer of 4 GB, and the end of the process.
  const zk = new World()
  const half = MULTI_READ_BYTES_MAX / 2
  zk.ok(create('/large', { data: new Uint8Array(half - 100) }))
  zk.ok(create('/larger', { data: new Uint8Array(half) }))
  zk.ok(create('/huge', { data: new Uint8Array(MULTI_READ_BYTES_MAX + 1) }))
  const ask = (op: 4 | 8, paths: readonly string[]): string =>
    zk.read({ op: 22, ops: paths.map((path) => ({ op, path, watch: false })) }).code
  assert.is(ask(4, ['/large', '/large']), 'Ok')
  assert.is(ask(4, ['/large', '/larger']), 'BadArguments')
  assert.is(ask(4, ['/huge']), 'Ok', 'as by itself')
  assert.is(ask(4, ['/huge', '/none']), 'BadArguments')
  assert.is(ask(4, ['/none', '/huge']), 'BadArguments')
  zk.ok(create('/a'))
  zk.ok(create(`/a/${'n'.repeat(65_536 - 88)}`))
  assert.is(ask(8, Array.from({ length: 256 }, () => '/a')), 'Ok')
  assert.is(ask(8, Array.from({ length: 257 }, () => '/a')), 'BadArguments', 'names count')
  const small = Math.floor(MULTI_READ_BYTES_MAX / 84)
  assert.is(ask(4, Array.from({ length: small }, () => '/none')), 'Ok')
  assert.is(ask(4, Array.from({ length: small + 1 }, () => '/none')), 'BadArguments', 'stats count')
})

test('READ is enough and needed; super and skipAcl need nothing', () => {
  const zk = stage()
  const bob = as([{ scheme: 'digest', id: 'bob:h' }])
  zk.ok(setAcl('/a', [{ perms: Perm.read, scheme: 'digest', id: 'bob:h' }]))
  const reads: readonly Request[] = [
    { op: 3, path: '/a', watch: false }, { op: 4, path: '/a', watch: false }, { op: 8, path: '/a', watch: false },
    { op: 12, path: '/a', watch: false }, { op: 6, path: '/a' }, { op: 104, path: '/a' },
  ]
  const open = new World({ skipAcl: true }, zk.tree, 2)
  for (const request of reads) {
    assert.is(zk.read(request).code, 'NoAuth')
    assert.is(zk.read(request, 1, bob).code, 'Ok')
    assert.is(zk.read(request, 1, ROOT).code, 'Ok')
    assert.is(open.read(request).code, 'Ok')
  }
})

test('the requests that read nothing', () => {
  const zk = stage()
  assert.equal(zk.read({ op: 11 }).result, { op: 11 })
  const who = as([{ scheme: 'ip', id: '::1' }])
  assert.equal(zk.read({ op: 107 }, 1, who).result, { op: 107, identities: who.identities })
  assert.is(zk.read({ op: 13, path: '/a', version: 0 }).code, 'Unimplemented')
  assert.equal(zk.read({ op: 106, path: 'anything', mode: 0 }).result, { op: 106 }, 'addWatch asks nothing of the path')
  zk.ok(set('/a'))
  assert.equal(zk.seen(), [])
})

test.run()
