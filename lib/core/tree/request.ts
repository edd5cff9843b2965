import type { ErrorCode } from '../errors.ts'
import type { Zxid } from '../zxid.ts'
import type { SessionId, Stat } from './stat.ts'

/** ZooKeeper's opcodes (ZooDefs.OpCode): what a client may ask. */
export const Op = {
  create: 1, delete: 2, exists: 3, getData: 4, setData: 5, getAcl: 6, setAcl: 7, getChildren: 8, sync: 9, ping: 11,
  getChildren2: 12, check: 13, multi: 14, create2: 15, reconfig: 16, checkWatches: 17, removeWatches: 18,
  createContainer: 19, deleteContainer: 20, createTtl: 21, multiRead: 22, auth: 100, setWatches: 101,
  getEphemerals: 103, getAllChildrenNumber: 104, setWatches2: 105, addWatch: 106, whoAmI: 107, closeSession: -11,
} as const

/** One of the opcodes. */
export type OpCode = (typeof Op)[keyof typeof Op]

/** Create flags (CreateMode): how a node lives. */
export const Mode = {
  persistent: 0, ephemeral: 1, persistentSequential: 2, ephemeralSequential: 3, container: 4,
  persistentTtl: 5, persistentSequentialTtl: 6,
} as const

/** Permission bits of an access-control entry. */
export const Perm = { read: 1, write: 2, create: 4, delete: 8, admin: 16, all: 31 } as const

/** One access-control entry. */
export interface Acl {
  readonly perms: number
  readonly scheme: string
  readonly id: string
}

/** Who a connection is: `ip:10.0.0.1`, `digest:user:hash`, `super:...`. */
export interface Identity {
  readonly scheme: string
  readonly id: string
}

/** Everybody may do everything: the usual list. */
export const OPEN_ACL: readonly Acl[] = [{ perms: Perm.all, scheme: 'world', id: 'anyone' }]

/** Opcodes 1, 15 (with Stat), 19 (container) and 21 (TTL). */
export interface CreateRequest {
  readonly op: 1 | 15 | 19 | 21
  readonly path: string
  readonly data: Uint8Array | null
  readonly acl: readonly Acl[] | null
  /** A number of `Mode`; anything else is BadArguments. */
  readonly flags: number
  /** Milliseconds, or -1 for kinds without TTL. */
  readonly ttlMs: number
}
/** Opcode 2; version -1 matches any. */
export interface DeleteRequest { readonly op: 2, readonly path: string, readonly version: number }
/** Opcode 5. */
export interface SetDataRequest {
  readonly op: 5, readonly path: string, readonly data: Uint8Array | null, readonly version: number
}
/** Opcode 7. */
export interface SetAclRequest {
  readonly op: 7, readonly path: string, readonly acl: readonly Acl[] | null, readonly version: number
}
/** Opcode 13, inside a multi only. */
export interface CheckRequest { readonly op: 13, readonly path: string, readonly version: number }
/** Opcodes 3 exists, 4 getData, 8 and 12 children: reads that may leave a one-shot watch. */
export interface WatchableRead { readonly op: 3 | 4 | 8 | 12, readonly path: string, readonly watch: boolean }
/** Opcodes 6 getAcl, 9 sync, 103 getEphemerals (path is the prefix), 104 getAllChildrenNumber. */
export interface PathRequest { readonly op: 6 | 9 | 103 | 104, readonly path: string }
/** Opcode 14: all or nothing. */
export interface MultiRequest { readonly op: 14, readonly ops: readonly MultiOp[] }
/** What a multi may hold. */
export type MultiOp = CreateRequest | DeleteRequest | SetDataRequest | CheckRequest
/** Opcode 22: independent reads, no watches. */
export interface MultiReadRequest { readonly op: 22, readonly ops: readonly WatchableRead[] }
/** Opcode 106: mode 0 persistent, 1 persistent recursive. */
export interface AddWatchRequest { readonly op: 106, readonly path: string, readonly mode: number }
/** Opcodes 17 and 18; type 1 children, 2 data, 3 any, 4 persistent, 5 persistent recursive. */
export interface WatchesRequest { readonly op: 17 | 18, readonly path: string, readonly type: number }
/** Opcode 16: members to add and remove, or all of them; `version` of the present configuration, -1 matches any. */
export interface ReconfigRequest {
  readonly op: 16
  readonly joining: string | null
  readonly leaving: string | null
  readonly members: string | null
  readonly version: number
}
/** Opcodes 101 and 105 (101 has empty persistent lists): what to re-arm after a reconnect. */
export interface SetWatchesRequest {
  readonly op: 101 | 105
  readonly relativeZxid: Zxid
  readonly data: readonly string[]
  readonly exist: readonly string[]
  readonly child: readonly string[]
  readonly persistent: readonly string[]
  readonly recursive: readonly string[]
}
/** Opcodes 11 ping, 107 whoAmI, -11 closeSession. */
export interface PlainRequest { readonly op: 11 | 107 | -11 }
/**
 * Stands for a request that was refused before it came to the tree (it could not be decoded, or is not to be had): its
 * answer is the code, in its turn.
 */
export interface RefusedRequest { readonly op: -1, readonly code: Exclude<ErrorCode, 'Ok'> }
/** Opcode 20: the leader's reaper alone; refused from clients. */
export interface DeleteContainerRequest { readonly op: 20, readonly path: string }

/** Every request whose outcome is a txn. */
export type WriteRequest = CreateRequest | DeleteRequest | SetDataRequest | SetAclRequest | MultiRequest |
  DeleteContainerRequest
/** Every request that a client can make on a session. */
export type Request = WriteRequest | CheckRequest | WatchableRead | PathRequest | MultiReadRequest | AddWatchRequest |
  WatchesRequest | ReconfigRequest | SetWatchesRequest | PlainRequest | RefusedRequest

/** True for requests that the leader must order. */
export function isWrite(request: Request): request is WriteRequest {
  switch (request.op) {
    case 1: case 2: case 5: case 7: case 14: case 15: case 19: case 20: case 21: return true
    default: return false
  }
}

/** One entry of the answer to a multi or multiRead. */
export type OpResult = { readonly op: -1, readonly code: ErrorCode } | Result

/** The body of a successful reply; `op` is the request's. */
export type Result =
  | { readonly op: 1, readonly path: string }
  | { readonly op: 15 | 19 | 21, readonly path: string, readonly stat: Stat }
  | { readonly op: 2 | 11 | 13 | 17 | 18 | 20 | 101 | 105 | 106 | -11 }
  | { readonly op: 3 | 5 | 7, readonly stat: Stat }
  | { readonly op: 4 | 16, readonly data: Uint8Array | null, readonly stat: Stat }
  | { readonly op: 6, readonly acl: readonly Acl[], readonly stat: Stat }
  | { readonly op: 8, readonly children: readonly string[] }
  | { readonly op: 12, readonly children: readonly string[], readonly stat: Stat }
  | { readonly op: 9, readonly path: string }
  | { readonly op: 14 | 22, readonly results: readonly OpResult[] }
  | { readonly op: 103, readonly paths: readonly string[] }
  | { readonly op: 104, readonly total: number }
  | { readonly op: 107, readonly identities: readonly Identity[] }

/**
 * What a request came to. A failed multi has code Ok and error entries, as ZooKeeper has it
 * (client-protocol: operations before the failing one Ok, the failing one its code, those after RuntimeInconsistency).
 */
export type Outcome = { readonly code: 'Ok', readonly result: Result } |
  { readonly code: Exclude<ErrorCode, 'Ok'>, readonly result: null }

/** Opcodes of what is answered by the node itself: exists, getData, and setData. */
export type NodeAnswer = 3 | 4 | 5

/** Watch event types as on the wire. */
export const EventType = { created: 1, deleted: 2, dataChanged: 3, childrenChanged: 4 } as const
/** One of the event types. */
export type EventTypeNumber = (typeof EventType)[keyof typeof EventType]

/** One watch event for one connection; zxid is -1 for events made up by setWatches. */
export interface WatchEvent {
  readonly type: EventTypeNumber
  readonly path: string
  readonly zxid: number
}

/** The session behind a request, as the checks need it. */
export interface Requester {
  readonly session: SessionId
  readonly identities: readonly Identity[]
}
