/** The reference refuses what lists refuse, and sees whoever does not. */
import { assert, suite } from '../harness.ts'
import { Mode, OPEN_ACL, Perm } from '../../lib/core/tree/request.ts'
import type { Acl, Identity, Request, WatchEvent } from '../../lib/core/tree/request.ts'
import { sessionIdOf } from '../../lib/core/tree/stat.ts'
import { NodeKind } from '../../lib/core/tree/txn.ts'
import type { Txn, TxnBody } from '../../lib/core/tree/txn.ts'
import type { Zxid } from '../../lib/core/zxid.ts'
import { wrongRead } from '../../lib/testing/sim/outcomes.ts'
import { Reference } from '../../lib/testing/sim/reference.ts'
import { Violation } from '../../lib/testing/sim/violation.ts'
import { WatchModel } from '../../lib/testing/sim/watch-model.ts'

const test = suite('sim: access')

const ANN: Identity = { scheme: 'digest', id: 'ann:secret' }
const BOB: Identity = { scheme: 'digest', id: 'bob:secret' }
const ANNS: readonly Acl[] = [{ perms: Perm.all, ...ANN }]
const RULED: readonly Acl[] = [{ perms: Perm.read | Perm.write, ...BOB }, { perms: Perm.admin, ...ANN }]
const AUTH: readonly Acl[] = [{ perms: Perm.all, scheme: 'auth', id: '' }]
const REFUSED: TxnBody = { kind: 'error', code: 'NoAuth' }

/** A reference with one open session; each call is the next txn. */
class Told {
  readonly reference = new Reference()
  readonly session = sessionIdOf(1 as Zxid)
  zxid = 0

  constructor() {
    this.#deliver({ kind: 'createSession', timeoutMs: 4_000, password: new Uint8Array(16) }, null, [])
  }

  #deliver(body: TxnBody, request: Request | null, identities: readonly Identity[]): void {
    this.zxid++
    const txn: Txn = { session: this.session, cxid: this.zxid, time: 1_000, origin: 1, tag: 1, body }
    this.reference.deliver(this.zxid as Zxid, txn, request, identities)
  }

  create(path: string, acl: readonly Acl[], identities: readonly Identity[], stored: readonly Acl[] | null): void {
    const body: TxnBody = stored === null ? REFUSED : {
      kind: 'create', path, data: null, acl: stored, nodeKind: NodeKind.persistent, owner: '0x0' as never, ttlMs: 0,
      parentCreates: 1, op: 1,
    }
    this.#deliver(body, { op: 1, path, data: null, acl, flags: Mode.persistent, ttlMs: -1 }, identities)
  }

  write(path: string, identities: readonly Identity[], isDone: boolean, version = 1): void {
    const body: TxnBody = isDone ? { kind: 'setData', path, data: null, version } : REFUSED
    this.#deliver(body, { op: 5, path, data: null, version: -1 }, identities)
  }

  setAcl(path: string, acl: readonly Acl[], identities: readonly Identity[], isDone: boolean): void {
    const body: TxnBody = isDone ? { kind: 'setAcl', path, acl, version: 1 } : REFUSED
    this.#deliver(body, { op: 7, path, acl, version: -1 }, identities)
  }

  delete(path: string, identities: readonly Identity[], isDone: boolean): void {
    this.#deliver(isDone ? { kind: 'delete', path } : REFUSED, { op: 2, path, version: -1 }, identities)
  }

  read(request: Request, outcome: Parameters<typeof wrongRead>[3], identities: readonly Identity[]): string | null {
    return wrongRead(this.reference.states, request, this.zxid as Zxid, outcome, this.session, identities)
  }
}

function sees(act: () => void): void {
  assert.throws(act, (error: unknown) => error instanceof Violation && error.check === 'C8')
}

test('who holds no WRITE writes nothing, and is not refused who does', () => {
  const told = new Told()
  told.create('/a', ANNS, [], ANNS)
  told.write('/a', [BOB], false)
  told.write('/a', [BOB, ANN], true)
  sees(() => told.write('/a', [], true, 2))
  sees(() => told.write('/a', [ANN], false))
})

test('CREATE and DELETE are the parent\'s', () => {
  const told = new Told()
  told.create('/a', ANNS, [], ANNS)
  told.create('/a/b', OPEN_ACL, [BOB], null)
  told.create('/a/b', OPEN_ACL, [ANN], OPEN_ACL)
  told.delete('/a/b', [], false)
  sees(() => told.delete('/a/b', [BOB], true))
  told.delete('/a/b', [ANN], true)
  told.delete('/a', [], true)
})

test('ADMIN sets the list, which may take everything from its owner', () => {
  const told = new Told()
  told.create('/a', RULED, [], RULED)
  told.setAcl('/a', ANNS, [BOB], false)
  told.setAcl('/a', [{ perms: Perm.read, ...BOB }], [ANN], true)
  told.write('/a', [ANN], false)
  sees(() => told.setAcl('/a', ANNS, [ANN], true))
})

test('auth stands for who asks; the txn has to say so', () => {
  const told = new Told()
  told.create('/a', AUTH, [ANN], ANNS)
  told.write('/a', [BOB], false)
  sees(() => told.create('/b', AUTH, [BOB], ANNS))
})

test('a read without READ must come to NoAuth, and what is shown of a list depends on ADMIN', () => {
  const told = new Told()
  told.create('/a', RULED, [], RULED)
  const refused = { code: 'NoAuth', result: null } as const
  for (const op of [3, 4, 8, 12] as const) {
    assert.is(told.read({ op, path: '/a', watch: false }, refused, [ANN]), null)
    assert.ok(told.read({ op, path: '/a', watch: false }, refused, [BOB]) !== null)
  }
  const { states } = told.reference
  const node = states.at('/a', told.zxid as Zxid)!
  const stat = {
    czxid: node.czxid, mzxid: node.mzxid, pzxid: node.pzxid, ctime: 1_000, mtime: 1_000, version: 0, cversion: 0,
    aversion: 0, ephemeralOwner: node.owner, dataLength: 0, numChildren: 0,
  }
  const masked = RULED.map((entry) => ({ ...entry, id: `${entry.id.slice(0, 3)}:x` }))
  const shown = (acl: readonly Acl[]) => ({ code: 'Ok', result: { op: 6, acl, stat } }) as const
  assert.is(told.read({ op: 6, path: '/a' }, shown(RULED), [ANN]), null)
  assert.is(told.read({ op: 6, path: '/a' }, shown(masked), [BOB]), null)
  assert.ok(told.read({ op: 6, path: '/a' }, shown(RULED), [BOB]) !== null)
  assert.is(told.read({ op: 6, path: '/a' }, refused, []), null)
})

test('an event of what may not be read is not due, and its watch is used up', () => {
  const told = new Told()
  const watching = (identities: readonly Identity[]): WatchModel => {
    const model = new WatchModel(told.reference.lookups, 1 as Zxid, 'somebody', identities)
    model.arm(({ data }) => void data.set('/a', 'exist'))
    return model
  }
  const [ann, bob] = [watching([ANN]), watching([BOB])]
  told.create('/a', ANNS, [], ANNS)
  const event: WatchEvent = { type: 1, path: '/a', zxid: told.zxid }
  bob.reached(told.zxid as Zxid)
  assert.is(bob.sets.data.size, 0)
  assert.throws(() => watching([ANN]).reached(told.zxid as Zxid))
  assert.throws(() => watching([BOB]).event(event))
  ann.event(event)
  ann.reached(told.zxid as Zxid)
})

test.run()
