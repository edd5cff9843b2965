import type { ErrorCode } from '../errors.ts'
import type { Zxid } from '../zxid.ts'
import type { Acl } from './request.ts'
import type { SessionId } from './stat.ts'

/** How a node lives: stored with it, told to clients only through `ephemeralOwner`. */
export const NodeKind = { persistent: 0, ephemeral: 1, container: 2, ttl: 3 } as const
/** One of the node kinds. */
export type NodeKindNumber = (typeof NodeKind)[keyof typeof NodeKind]

/** Creates `path` (the final name, sequence suffix included). */
export interface CreateTxn {
  readonly kind: 'create'
  readonly path: string
  readonly data: Uint8Array | null
  readonly acl: readonly Acl[]
  readonly nodeKind: NodeKindNumber
  /** The owning session of an ephemeral, else `0x0`. */
  readonly owner: SessionId
  /** Of a TTL node, else 0. */
  readonly ttlMs: number
  /** The parent's create counter after this creation, absolute. */
  readonly parentCreates: number
  /** The opcode, so that the reply has its form: 1, 15, 19 or 21. */
  readonly op: 1 | 15 | 19 | 21
}
/** Deletes `path`. */
export interface DeleteTxn { readonly kind: 'delete', readonly path: string }
/** Replaces the data; `version` is the one after the change. */
export interface SetDataTxn {
  readonly kind: 'setData', readonly path: string, readonly data: Uint8Array | null, readonly version: number
}
/** Replaces the access-control list; `version` is the aversion after the change. */
export interface SetAclTxn {
  readonly kind: 'setAcl', readonly path: string, readonly acl: readonly Acl[], readonly version: number
}
/** A successful check inside a multi: changes nothing. */
export interface CheckTxn { readonly kind: 'check', readonly path: string }
/** Opens the session whose id is `sessionIdOf(zxid)`. The password is 16 bytes. */
export interface CreateSessionTxn {
  readonly kind: 'createSession', readonly timeoutMs: number, readonly password: Uint8Array
}
/** Closes the header's session and deletes exactly `paths`, its ephemerals, all under this zxid. */
export interface CloseSessionTxn { readonly kind: 'closeSession', readonly paths: readonly string[] }
/** Several changes under one zxid. */
export interface MultiTxn { readonly kind: 'multi', readonly parts: readonly MultiPart[] }
/** What a multi holds. */
export type MultiPart = CreateTxn | DeleteTxn | SetDataTxn | CheckTxn
/** A request that failed: changes nothing, but takes its zxid and its place in the order. */
export interface ErrorTxn { readonly kind: 'error', readonly code: Exclude<ErrorCode, 'Ok'> }
/** A multi that failed: one code per operation. */
export interface MultiErrorTxn { readonly kind: 'multiError', readonly codes: readonly ErrorCode[] }
/** The first txn of an ensemble: gives it its random id and states its members (Meta.members). */
export interface FoundTxn { readonly kind: 'found', readonly ensembleId: string, readonly members: string }

/** A state delta: absolute versions, paths and names, so that followers never validate again. */
export type TxnBody = CreateTxn | DeleteTxn | SetDataTxn | SetAclTxn | CreateSessionTxn | CloseSessionTxn | MultiTxn |
  ErrorTxn | MultiErrorTxn | FoundTxn

/** One txn as replicated; its zxid stands in the log entry around it. */
export interface Txn {
  /** The session that asked, or that is opened or closed. `0x0` for the ensemble's own txns. */
  readonly session: SessionId
  /** The session's xid of the request. */
  readonly cxid: number
  /** Peer whose client asked, and that peer's mark for the request: how it finds whom to answer. */
  readonly origin: number
  readonly tag: number
  /** The leader's wall clock, ms since 1970. */
  readonly time: number
  readonly body: TxnBody
}

/** Rows of a snapshot in any order: values that the codec can pack without knowing them. */
export type SnapshotRow = readonly unknown[]

/** Turns txns and snapshot rows to bytes; given to the core from outside so that it stays pure (lib/wire/txn.ts). */
export interface TxnCodec {
  encodeTxn(txn: Txn): Uint8Array
  /** Throws BadFrame on anything that is not a valid txn. The result's bytes may be views on `bytes`. */
  decodeTxn(bytes: Uint8Array): Txn
  encodeRows(rows: readonly SnapshotRow[]): Uint8Array
  /** Throws BadFrame on anything that is not a list of rows. */
  decodeRows(bytes: Uint8Array): readonly SnapshotRow[]
}

/** A txn in its place. */
export interface PlacedTxn {
  readonly zxid: Zxid
  readonly txn: Txn
}
