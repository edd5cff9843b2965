import { Mode, Perm } from '../../lib/core/tree/request.ts'
import type { MultiOp, OpResult, Requester } from '../../lib/core/tree/request.ts'
import { assert, suite } from '../harness.ts'
import {
  anonymous, as, bytes, container, create, ephemeral, remove, set, setAcl, text, ttl, World, world,
} from './world.ts'

const test = suite('multi')

function run(zk: World, ops: readonly MultiOp[], who: Requester = anonymous()): readonly OpResult[] {
  const { result } = zk.ok({ op: 14, ops }, who)
  if (result?.op !== 14) throw new Error('no multi')
  return result.results
}

function codes(results: readonly OpResult[]): string[] {
  return results.map((result) => result.op === -1 ? result.code : `${result.op}`)
}

const check = (path: string, version = -1): MultiOp => ({ op: 13, path, version })

test('results are as of right after each operation, all under one zxid', () => {
  const zk = new World()
  const results = run(zk, [
    create('/a', { op: 15, data: bytes('x') }), set('/a', 'yy'), create('/a/b'),
    create('/a/n', { flags: Mode.persistentSequential }),
    check('/a', 1), remove('/a/b'), set('/a', null, 1),
  ])
  assert.equal(codes(results), ['15', '5', '1', '1', '13', '2', '5'])
  const zxid = zk.last
  const first = {
    czxid: zxid, mzxid: zxid, ctime: zk.timeMs, mtime: zk.timeMs, version: 0, cversion: 0, aversion: 0,
    ephemeralOwner: '0x0',
    dataLength: 1, numChildren: 0, pzxid: zxid,
  }
  assert.equal(results[0], { op: 15, path: '/a', stat: first })
  assert.equal(results[1], { op: 5, stat: { ...first, version: 1, dataLength: 2 } })
  assert.equal(results[3], { op: 1, path: '/a/n0000000001' })
  assert.equal(results[6], { op: 5, stat: { ...first, version: 2, dataLength: 0, cversion: 3, numChildren: 1 } })
  assert.equal(zk.tree.children('/a'), ['n0000000001'])
  assert.is(zk.stat('/').pzxid, zxid)
})

test('lists that grow beyond what any request holds, because auth stands for much, are refused', () => {
  const zk = new World()
  const who = as([{ scheme: 'digest', id: `${'u'.repeat(100_000)}:h` }])
  const acl = [{ perms: Perm.all, scheme: 'auth', id: '' }]
  const creates = (count: number): MultiOp[] =>
    Array.from({ length: count }, (_, index) => create(`/n${index}`, { acl }))
  // Fifty bytes each in the request: twenty thousand of them made a txn that fits no frame, so nobody could be sent it.
  const refused = codes(run(zk, creates(15), who))
  assert.ok(refused.includes('InvalidAcl'))
  assert.equal(zk.tree.children('/'), ['zookeeper'])
  assert.is(codes(run(zk, creates(5), who)).length, 5)
  assert.is(zk.tree.children('/')!.length, 6)
})

test('later operations see earlier ones', () => {
  const zk = new World()
  zk.ok(create('/a'))
  const again = [remove('/a'), create('/a', { data: bytes('new') }), check('/a', 0), set('/a', 'newer', 0)]
  assert.equal(codes(run(zk, again)), ['2', '1', '13', '5'])
  assert.is(text(zk.tree.get('/a')!.data), 'newer')
  assert.is(zk.stat('/a').czxid, zk.last)
  assert.equal(codes(run(zk, [set('/a', 'x', 1), set('/a', 'y', 1)])), ['Ok', 'BadVersion'])
  assert.equal(codes(run(zk, [create('/b'), create('/b/c'), remove('/b')])), ['Ok', 'Ok', 'NotEmpty'])
  assert.equal(codes(run(zk, [create('/b'), remove('/b'), check('/b')])), ['Ok', 'Ok', 'NoNode'])
  const names = run(zk, [1, 2, 3].map(() => create('/s', { flags: Mode.persistentSequential })))
  assert.equal(names.map((result) => 'path' in result ? result.path : ''),
    ['/s0000000002', '/s0000000003', '/s0000000004'])
})

test('what fails says so for each operation', () => {
  const zk = new World()
  zk.ok(create('/a'))
  zk.ok(create('/shut', { acl: world(Perm.create) }))
  const rows: readonly (readonly [MultiOp, string])[] = [
    [create('/a'), 'NodeExists'], [create('n'), 'BadArguments'], [create('/x/y'), 'NoNode'],
    [create('/q', { acl: [] }), 'InvalidAcl'],
    [remove('/a', 4), 'BadVersion'], [remove('/zookeeper'), 'BadArguments'], [remove('/shut/x'), 'NoAuth'],
    [set('/shut'), 'NoAuth'],
    [set('/none'), 'NoNode'], [check('/a', 9), 'BadVersion'], [check('/shut'), 'NoAuth'],
    [ttl('/q', 0), 'BadArguments'],
    [ephemeral('/q'), 'SessionExpired'],
  ]
  for (const [bad, code] of rows) {
    const before = zk.tree.digest()
    const parts = run(zk, [create('/new'), set('/a', 'z'), bad, remove('/a'), check('/gone')])
    const expected = ['Ok', 'Ok', code, 'RuntimeInconsistency', 'RuntimeInconsistency']
    assert.equal(parts, expected.map((each) => ({ op: -1, code: each })))
    assert.equal(zk.tree.digest(), before)
    assert.is(zk.tree.zxid, zk.last)
  }
  assert.equal(codes(run(zk, [set('/none')])), ['NoNode'])
})

test('TTL switched off inside a multi', () => {
  assert.equal(codes(run(new World({ ttlEnabled: false }), [create('/a'), ttl('/t', 5)])), ['Ok', 'Unimplemented'])
})

test('containers and TTL nodes', () => {
  const zk = new World()
  const results = run(zk, [
    container('/c'), create('/c1', { flags: Mode.container }), create('/c2', { op: 15, flags: Mode.container }),
    ttl('/t', 5),
    create('/p', { op: 21, flags: Mode.persistent, ttlMs: 7 }),
    create('/s', { op: 21, flags: Mode.persistentSequentialTtl, ttlMs: 9 }),
    create('/c3', { op: 21, flags: Mode.container, ttlMs: 7 }),
  ])
  assert.equal(codes(results), ['19', '19', '19', '21', '1', '21', '19'])
  const kinds = ['/c', '/c1', '/c2', '/t', '/p', '/s0000000005'].map((path) => {
    const { nodeKind, ttlMs } = zk.tree.node(path)!
    return [nodeKind, ttlMs]
  })
  assert.equal(kinds, [[2, 0], [2, 0], [2, 0], [3, 5], [0, 0], [3, 9]])
})

test('what a failed multi did is undone exactly: the next request sees the old state', () => {
  const zk = new World()
  const [mine, other] = [zk.open(), zk.open()]
  zk.ok(create('/p'))
  zk.ok(create('/p/kept'))
  zk.ok(ephemeral('/p/e'), anonymous(mine))
  zk.propose(set('/p', 'outstanding'))
  zk.propose(create('/p/early'))
  zk.propose(setAcl('/p/kept', world(Perm.write)))
  const body = zk.propose({ op: 14, ops: [
    set('/p', 'a', 1), set('/p', 'b', 2), create('/p/x'), create('/p/x/y'), remove('/p/early'), create('/p/early'),
    remove('/p/e'),
    ephemeral('/p/e'), ephemeral('/p/e2'), remove('/p/kept'), create('/p/kept'), check('/p', 77),
  ] }, anonymous(other))
  assert.is(body.kind, 'multiError')
  const kind = (made: { kind: string }): string => made.kind
  assert.is(kind(zk.propose(set('/p', 'c', 1))), 'setData', 'the version of before')
  assert.is(kind(zk.propose(create('/p/x/z'))), 'error', 'no /p/x')
  assert.equal(zk.propose(create('/p/n', { flags: 2 })),
    { kind: 'create', path: '/p/n0000000003', data: null, acl: world(31), nodeKind: 0, owner: '0x0', ttlMs: 0,
      parentCreates: 4, op: 1 })
  assert.is(kind(zk.propose({ op: 14, ops: [check('/p/kept')] })), 'multiError', 'the outstanding list holds')
  assert.is(kind(zk.propose(remove('/p/early', 0))), 'delete')
  assert.equal(zk.proposeClose(other), [], 'nothing of it is left to the session')
  assert.equal(zk.proposeClose(mine), ['/p/e'])
  assert.is(zk.applyAll().code, 'Ok')
  assert.equal(zk.tree.children('/p')!.sort(), ['kept', 'n0000000003'])
  assert.is(zk.stat('/p').version, 2)
})

test('the limit of ephemerals counts inside a multi and is given back when it fails', () => {
  const zk = new World({ sessionEphemerals: 2 })
  const who = anonymous(zk.open())
  assert.equal(codes(run(zk, [ephemeral('/a'), ephemeral('/b'), ephemeral('/c')], who)), ['Ok', 'Ok', 'QuotaExceeded'])
  assert.equal(codes(run(zk, [ephemeral('/a'), ephemeral('/b'), remove('/a'), ephemeral('/c')], who)),
    ['1', '1', '2', '1'])
  assert.equal(codes(run(zk, [remove('/b'), ephemeral('/d'), ephemeral('/e')], who)), ['Ok', 'Ok', 'QuotaExceeded'])
  assert.is(zk.write(ephemeral('/f'), who).code, 'QuotaExceeded')
  zk.ok(remove('/b'))
  assert.is(zk.write(ephemeral('/f'), who).code, 'Ok')
})

test('permissions are those after the earlier operations', () => {
  const zk = new World()
  const bob = as([{ scheme: 'digest', id: 'bob:h' }])
  const own = [{ perms: Perm.all, scheme: 'auth', id: '' }]
  assert.equal(codes(run(zk, [create('/b', { acl: own }), create('/b/c'), check('/b')], bob)), ['1', '1', '13'])
  assert.equal(codes(run(zk, [create('/ro', { acl: world(Perm.read) }), check('/ro'), create('/ro/c')])),
    ['Ok', 'Ok', 'NoAuth'])
})

test.run()
