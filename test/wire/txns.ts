/** One of every kind of txn. */
import { OPEN_ACL } from '../../lib/core/tree/request.ts'
import { NO_SESSION } from '../../lib/core/tree/stat.ts'
import type { SessionId } from '../../lib/core/tree/stat.ts'
import type { Txn, TxnBody } from '../../lib/core/tree/txn.ts'

export const session = '0xfffffffffffffffe' as SessionId
const acl = [{ perms: 5, scheme: 'digest', id: 'ann:x=' }, { perms: 31, scheme: 'world', id: 'anyone' }]
const create = {
  kind: 'create', path: '/a/käse', data: Uint8Array.of(0, 255), acl, nodeKind: 1, owner: session, ttlMs: 0,
  parentCreates: -3, op: 15,
} as const
export const setData = { kind: 'setData', path: '/b', data: null, version: -2_147_483_648 } as const

const bodies: readonly TxnBody[] = [
  create, { ...create, acl: OPEN_ACL, data: null, nodeKind: 3, ttlMs: 2 ** 40, owner: NO_SESSION, op: 21 },
  { kind: 'delete', path: '/a' }, setData, { ...setData, data: new Uint8Array(0), version: 7 },
  { kind: 'setAcl', path: '/', acl, version: 3 }, { kind: 'setAcl', path: '/', acl: OPEN_ACL, version: 3 },
  { kind: 'createSession', timeoutMs: 30_000, password: new Uint8Array(16).fill(9) },
  { kind: 'closeSession', paths: [] }, { kind: 'closeSession', paths: ['/a', '/b/c'] },
  { kind: 'multi', parts: [create, { kind: 'delete', path: '/x' }, setData, { kind: 'check', path: '/y' }] },
  { kind: 'multi', parts: [] }, { kind: 'error', code: 'NoNode' },
  { kind: 'multiError', codes: ['Ok', 'NoNode', 'RuntimeInconsistency'] },
  { kind: 'found', ensembleId: 'f'.repeat(32), members: '1:voter,2:observer' },
]
export const txns = bodies.map((body, index): Txn => ({
  session: index % 2 === 0 ? session : NO_SESSION, cxid: -5 + index, origin: index, tag: 2 ** 33 + index,
  time: 1_760_000_000_000 + index, body,
}))
