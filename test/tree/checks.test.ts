import { Mode, Perm } from '../../lib/core/tree/request.ts'
import type { Acl, CreateRequest, MultiOp, Requester, WriteRequest } from '../../lib/core/tree/request.ts'
import type { SessionId } from '../../lib/core/tree/stat.ts'
import type { TreeOptions } from '../../lib/core/tree/prepare.ts'
import { assert, suite } from '../harness.ts'
import { anonymous, container, create, remove, ROOT, set, setAcl, ttl, World, world } from './world.ts'

const test = suite('check order')

const BAD_ACL: readonly Acl[] = [{ perms: 31, scheme: 'world', id: 'nobody' }]
const NO_TTL: Partial<TreeOptions> = { ttlEnabled: false }

interface Stage {
  readonly zk: World
  readonly owner: SessionId
}

/** A tree with one node for each rule that can be broken. */
function stage(options: Partial<TreeOptions> = {}): Stage {
  const zk = new World({ sessionEphemerals: 1, multiOperations: 5, ...options })
  const owner = zk.open()
  zk.ok(create('/open'))
  zk.ok(create('/open/kid'))
  zk.ok(create('/eph', { flags: Mode.ephemeral }), anonymous(owner))
  zk.ok(create('/shut'))
  zk.ok(create('/shut/kid'))
  zk.ok(create('/shut/full'))
  zk.ok(create('/shut/full/kid'))
  zk.ok(create('/shutEph', { flags: Mode.ephemeral }), anonymous(zk.open()))
  for (const path of ['/shut', '/shut/kid', '/shut/full', '/shutEph']) zk.ok(setAcl(path, world(0)))
  return { zk, owner }
}

function times(length: number, op: MultiOp): MultiOp[] {
  return Array.from({ length }, () => op)
}

type Row = readonly [why: string, request: WriteRequest, code: string, options?: Partial<TreeOptions>]

function check(rows: readonly Row[], who: (at: Stage) => Requester = () => anonymous()): void {
  for (const [why, request, code, options] of rows) {
    const at = stage(options)
    const before = at.zk.tree.digest()
    const body = at.zk.propose(request, who(at))
    const outcome = at.zk.applyAll()
    assert.is(outcome.code, code, why)
    assert.is(body.kind, 'error', why)
    assert.equal(at.zk.tree.digest(), before, `${why}: a failed request changes nothing`)
    assert.is(at.zk.tree.zxid, at.zk.last, `${why}: but takes its zxid`)
  }
}

function make(path: string, more: Partial<CreateRequest> = {}): CreateRequest {
  return create(path, more)
}

test('create: one rule broken', () => {
  check([
    ['mode', make('/n', { flags: 7 }), 'BadArguments'],
    ['mode below', make('/n', { flags: -1 }), 'BadArguments'],
    ['mode no integer', make('/n', { flags: 0.5 }), 'BadArguments'],
    ['TTL off', ttl('/n', 5), 'Unimplemented', NO_TTL],
    ['TTL of nothing', ttl('/n', 0), 'BadArguments'],
    ['TTL negative', ttl('/n', -1), 'BadArguments'],
    ['TTL too long', ttl('/n', 2 ** 40), 'BadArguments'],
    ['TTL no integer', ttl('/n', 1.5), 'BadArguments'],
    ['TTL not a number', ttl('/n', NaN), 'BadArguments'],
    ['a ttl for an ordinary node', make('/n', { op: 21, ttlMs: 0 }), 'BadArguments'],
    ['TTL flags under 1', make('/n', { flags: 5, ttlMs: 5 }), 'BadArguments'],
    ['TTL flags under 15', make('/n', { op: 15, flags: 6, ttlMs: 5 }), 'BadArguments'],
    ['TTL flags under 19', make('/n', { op: 19, flags: 5, ttlMs: 5 }), 'BadArguments'],
    ['no slash', make('n'), 'BadArguments'],
    ['NUL', make('/n\0'), 'BadArguments'],
    ['bad list', make('/n', { acl: BAD_ACL }), 'InvalidAcl'],
    ['empty list', make('/n', { acl: [] }), 'InvalidAcl'],
    ['no list', make('/n', { acl: null }), 'InvalidAcl'],
    ['no parent', make('/none/n'), 'NoNode'],
    ['no permission', make('/shut/n'), 'NoAuth'],
    ['path', make('/open/\u0001'), 'BadArguments'],
    ['trailing slash', make('/open/'), 'BadArguments'],
    ['it exists', make('/open/kid'), 'NodeExists'],
    ['the root exists', make('/'), 'NodeExists'],
    ['ephemeral parent', make('/eph/n'), 'NoChildrenForEphemerals'],
    ['no session', make('/n', { flags: Mode.ephemeral }), 'SessionExpired'],
  ])
  check([['too many ephemerals', make('/n', { flags: Mode.ephemeral }), 'QuotaExceeded'],
    ['too many sequential ephemerals', make('/n', { flags: Mode.ephemeralSequential }), 'QuotaExceeded'],
  ], ({ owner }) => anonymous(owner))
})

test('create: of two broken rules the earlier one speaks', () => {
  check([
    ['mode, path', make('n', { flags: 9 }), 'BadArguments'],
    ['mode, list', make('/n', { flags: 9, acl: null }), 'BadArguments'],
    ['TTL off, ttl', ttl('/n', 0), 'Unimplemented', NO_TTL],
    ['TTL off, opcode', make('/n', { flags: 5, ttlMs: 5 }), 'Unimplemented', NO_TTL],
    ['TTL off, path', ttl('n', 5), 'Unimplemented', NO_TTL],
    ['ttl, list', { ...ttl('/n', 0), acl: null }, 'BadArguments'],
    ['ttl, parent', ttl('/none/n', 0), 'BadArguments'],
    ['path likeness, list', make('n', { acl: null }), 'BadArguments'],
    ['NUL, parent', make('/none/\0'), 'BadArguments'],
    ['NUL, permission', make('/shut/\0'), 'BadArguments'],
    ['list, parent', make('/none/n', { acl: BAD_ACL }), 'InvalidAcl'],
    ['list, permission', make('/shut/n', { acl: BAD_ACL }), 'InvalidAcl'],
    ['list, path', make('/open/\u0001', { acl: BAD_ACL }), 'InvalidAcl'],
    ['list, exists', make('/open/kid', { acl: [] }), 'InvalidAcl'],
    ['list, ephemeral parent', make('/eph/n', { acl: [] }), 'InvalidAcl'],
    ['parent, path', make('/none/\u0001'), 'NoNode'],
    ['parent, path above', make('/open//n'), 'NoNode'],
    ['permission, path', make('/shut/\u0001'), 'NoAuth'],
    ['permission, exists', make('/shut/kid'), 'NoAuth'],
    ['permission, ephemeral parent', make('/shutEph/n'), 'NoAuth'],
    ['path, ephemeral parent', make('/eph/\u0001'), 'BadArguments'],
    ['no session, path', make('n', { flags: Mode.ephemeral }), 'SessionExpired'],
    ['no session, list', make('/n', { flags: Mode.ephemeral, acl: null }), 'SessionExpired'],
    ['no session, exists', make('/open/kid', { flags: Mode.ephemeral }), 'SessionExpired'],
    ['opcode 21, no session', make('/n', { op: 21, flags: Mode.ephemeral, ttlMs: 0 }), 'BadArguments'],
  ])
  check([
    ['exists, too many', make('/open/kid', { flags: Mode.ephemeral }), 'NodeExists'],
    ['ephemeral parent, too many', make('/eph/n', { flags: Mode.ephemeral }), 'NoChildrenForEphemerals'],
    ['permission, too many', make('/shut/n', { flags: Mode.ephemeral }), 'NoAuth'],
  ], ({ owner }) => anonymous(owner))
})

test('the same for every opcode of create', () => {
  const forms: readonly ((path: string, acl: readonly Acl[] | null) => CreateRequest)[] = [
    (path, acl) => make(path, { acl }), (path, acl) => make(path, { op: 15, acl }),
    (path, acl) => ({ ...container(path), acl }), (path, acl) => ({ ...ttl(path, 9), acl }),
    (path, acl) => make(path, { flags: Mode.ephemeral, acl }),
  ]
  const open = world(Perm.all)
  for (const form of forms) {
    check([
      ['path, list', form('n', BAD_ACL), 'BadArguments'],
      ['list, parent', form('/none/n', BAD_ACL), 'InvalidAcl'],
      ['parent, path', form('/none/\u0001', open), 'NoNode'],
      ['permission, exists', form('/shut/kid', open), 'NoAuth'],
      ['exists', form('/open/kid', open), 'NodeExists'],
      ['path, ephemeral parent', form('/eph/\u0001', open), 'BadArguments'],
      ['ephemeral parent', form('/eph/n', open), 'NoChildrenForEphemerals'],
    ], ({ owner }) => anonymous(owner))
  }
})

test('a final name is checked with its suffix', () => {
  const { zk } = stage()
  const sequential = { flags: Mode.persistentSequential }
  assert.equal(zk.ok(make('/open/', sequential)).result, { op: 1, path: '/open/0000000001' })
  assert.equal(zk.ok(make('/open/.', sequential)).result, { op: 1, path: '/open/.0000000002' })
  assert.equal(zk.ok(make('/', sequential)).result?.op, 1)
  zk.ok(make('/open/x0000000004'))
  assert.is(zk.write(make('/open/x', sequential)).code, 'NodeExists')
})

test('delete', () => {
  check([
    ['no slash', remove('n'), 'BadArguments'], ['NUL', remove('/\0'), 'BadArguments'],
    ['root', remove('/'), 'BadArguments'],
    ['/zookeeper', remove('/zookeeper'), 'BadArguments'], ['quota', remove('/zookeeper/quota'), 'BadArguments'],
    ['config', remove('/zookeeper/config'), 'BadArguments'], ['no parent', remove('/none/n'), 'NoNode'],
    ['no permission', remove('/shut/kid'), 'NoAuth'], ['no node', remove('/open/n'), 'NoNode'],
    ['version', remove('/open/kid', 1), 'BadVersion'], ['negative version', remove('/open/kid', -2), 'BadVersion'],
    ['children', remove('/open'), 'NotEmpty'], ['an illegal path is only missing', remove('/open/\u0001'), 'NoNode'],
    ['built-in, version', remove('/zookeeper', 9), 'BadArguments'],
    ['permission, no node', remove('/shut/n'), 'NoAuth'],
    ['permission, version', remove('/shut/kid', 9), 'NoAuth'], ['permission, children', remove('/shut/full'), 'NoAuth'],
    ['no node, version', remove('/open/n', 9), 'NoNode'], ['version, children', remove('/open', 9), 'BadVersion'],
  ])
})

test('deleteContainer: neither permission nor version', () => {
  const reap = (path: string): WriteRequest => ({ op: 20, path })
  check([
    ['no slash', reap('n'), 'BadArguments'], ['built-in', reap('/zookeeper'), 'BadArguments'],
    ['root', reap('/'), 'BadArguments'],
    ['no node', reap('/open/n'), 'NoNode'], ['no parent', reap('/none/n'), 'NoNode'],
    ['children', reap('/open'), 'NotEmpty'],
    ['ephemeral', reap('/eph'), 'BadVersion'],
  ])
  const { zk } = stage()
  zk.ok(setAcl('/shut', world(Perm.create)), ROOT)
  zk.ok(container('/shut/c'))
  zk.ok(setAcl('/shut', world(0)), ROOT)
  zk.ok(reap('/shut/c'))
  assert.is(zk.tree.has('/shut/c'), false)
})

test('setData', () => {
  check([
    ['path', set('open'), 'BadArguments'], ['path illegal', set('/open/\u0001'), 'BadArguments'],
    ['empty', set(''), 'BadArguments'],
    ['no node', set('/none'), 'NoNode'], ['no permission', set('/shut'), 'NoAuth'],
    ['version', set('/open', null, 1), 'BadVersion'],
    ['negative version', set('/open', null, -3), 'BadVersion'], ['config', set('/zookeeper/config'), 'NoAuth'],
    ['path, node', set('/none/'), 'BadArguments'], ['no node, version', set('/none', null, 3), 'NoNode'],
    ['permission, version', set('/shut', null, 9), 'NoAuth'],
  ])
})

test('setAcl', () => {
  const open = world(Perm.all)
  check([
    ['path', setAcl('/a/', open), 'BadArguments'], ['list', setAcl('/open', BAD_ACL), 'InvalidAcl'],
    ['no list', setAcl('/open', null), 'InvalidAcl'], ['no node', setAcl('/none', open), 'NoNode'],
    ['no permission', setAcl('/shut', open), 'NoAuth'], ['version', setAcl('/open', open, 1), 'BadVersion'],
    ['path, list', setAcl('', BAD_ACL), 'BadArguments'], ['list, no node', setAcl('/none', BAD_ACL), 'InvalidAcl'],
    ['list, permission', setAcl('/shut', []), 'InvalidAcl'], ['list, version', setAcl('/open', [], 9), 'InvalidAcl'],
    ['no node, version', setAcl('/none', open, 9), 'NoNode'],
    ['permission, version', setAcl('/shut', open, 9), 'NoAuth'],
    ['aversion, not version', setAcl('/eph', open, 1), 'BadVersion'],
  ])
  const { zk } = stage()
  zk.ok(set('/open'))
  zk.ok(setAcl('/open', open, 0))
  assert.is(zk.write(setAcl('/open', open, 0)).code, 'BadVersion')
})

test('check, inside a multi', () => {
  const codeOf = (op: MultiOp): unknown => {
    const { zk } = stage()
    const { result } = zk.ok({ op: 14, ops: [op] })
    if (result?.op !== 14) throw new Error('no multi')
    return result.results[0]!.op === -1 ? result.results[0].code : 'Ok'
  }
  const check13 = (path: string, version = -1): MultiOp => ({ op: 13, path, version })
  const rows: readonly (readonly [MultiOp, string])[] = [
    [check13('/open'), 'Ok'], [check13('/open', 0), 'Ok'], [check13('/'), 'Ok'], [check13('open'), 'BadArguments'],
    [check13('/a/'), 'BadArguments'], [check13('/none'), 'NoNode'], [check13('/shut'), 'NoAuth'],
    [check13('/open', 1), 'BadVersion'],
    [check13('/open', -2), 'BadVersion'], [check13('/none', 5), 'NoNode'], [check13('/shut', 5), 'NoAuth'],
    [check13('/a/', 5), 'BadArguments'],
  ]
  for (const [op, code] of rows) assert.is(codeOf(op), code, JSON.stringify(op))
})

test('a multi is refused as a whole for its form, before its operations', () => {
  const malformed: Row[] = [7, -1, 5, 6].map((flags): Row =>
    [`flags ${flags}`, { op: 14, ops: [remove('/none/n'), make('n', { flags })] }, 'MarshallingError'])
  check([...malformed,
    ['container with TTL flags', { op: 14, ops: [make('/n', { op: 19, flags: 5 })] }, 'MarshallingError'],
    ['too many', { op: 14, ops: times(6, remove('/none/n')) }, 'MarshallingError'],
  ])
  const { zk } = stage()
  const strange = zk.write({ op: 14, ops: [make('/n', { op: 21, flags: 7 }), make('/n', { op: 21, flags: -1 })] })
  assert.equal(strange.result, {
    op: 14, results: [{ op: -1, code: 'BadArguments' }, { op: -1, code: 'RuntimeInconsistency' }],
  }, 'those of createTTL are refused in their turn')
  assert.equal(zk.ok({ op: 14, ops: [] }).result, { op: 14, results: [] })
  assert.is(zk.write({ op: 14, ops: times(5, set('/open')) }).code, 'Ok',
    'the limit itself is allowed')
})

test.run()
