import type { Zxid } from '../zxid.ts'

/**
 * A session's id in ZooKeeper's printed form (`0x` + lower-case hexadecimal, 64 bits, unpadded); `0x0` is no session.
 * Ours are the zxid of the txn that created the session, so they are unique by construction.
 */
export type SessionId = string & { readonly sessionId: unique symbol }

/** No session: the owner of a node that is not ephemeral. */
export const NO_SESSION: SessionId = '0x0' as SessionId

/** The id of the session that the txn `zxid` creates. */
export function sessionIdOf(zxid: Zxid): SessionId {
  return `0x${zxid.toString(16)}` as SessionId
}

/** True for a printed session id. */
export function isSessionId(value: unknown): value is SessionId {
  return typeof value === 'string' && /^0x(0|[1-9a-f][0-9a-f]{0,15})$/.test(value)
}

/** What a znode tells about itself; ZooKeeper's eleven fields (zookeeper.jute, Stat). */
export interface Stat {
  /** Txn that created the node. */
  readonly czxid: Zxid
  /** Txn that last changed its data. */
  readonly mzxid: Zxid
  /** Leader's wall clock at creation and at the last change of data, in ms since 1970. */
  readonly ctime: number
  readonly mtime: number
  /** Changes of data; wraps as int32 and skips -1. */
  readonly version: number
  /** Creations plus deletions of children. */
  readonly cversion: number
  /** Changes of the access-control list. */
  readonly aversion: number
  /** The owning session of an ephemeral node, `0x0` for every other kind (containers and TTL nodes too). */
  readonly ephemeralOwner: SessionId
  /** Bytes of data; 0 for null. */
  readonly dataLength: number
  readonly numChildren: number
  /** Txn of the last creation or deletion of a child. */
  readonly pzxid: Zxid
}
