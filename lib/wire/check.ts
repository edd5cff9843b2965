import { ERROR_CODES, ZkError } from '../core/errors.ts'
import type { ErrorCode } from '../core/errors.ts'
import type { Acl, Identity } from '../core/tree/request.ts'
import { OPEN_ACL } from '../core/tree/request.ts'
import type { SessionId } from '../core/tree/stat.ts'
import { isSessionId, NO_SESSION } from '../core/tree/stat.ts'
import type { Zxid } from '../core/zxid.ts'
import { isZxid } from '../core/zxid.ts'

/** A value that was packed: an array by position. */
export type Packed = readonly unknown[]

/** Refuses a decoded value. */
export function bad(what: string): never {
  throw new ZkError('BadFrame', `not a valid ${what}`)
}

/** An array of exactly `length` elements. */
export function tuple(value: unknown, length: number, what: string): Packed {
  return Array.isArray(value) && value.length === length ? value as Packed : bad(what)
}

/** An array of any length. */
export function list(value: unknown, what: string): Packed {
  return Array.isArray(value) ? value as Packed : bad(what)
}

/** A safe integer of at least `least`. */
export function integer(value: unknown, least: number, what: string): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= least ? value : bad(what)
}

/** A signed 32-bit integer: versions, counters and xids. */
export function int32(value: unknown, what: string): number {
  return typeof value === 'number' && (value | 0) === value ? value : bad(what)
}

/** An unsigned 32-bit integer: one half of a chain hash. */
export function uint32(value: unknown, what: string): number {
  return typeof value === 'number' && (value >>> 0) === value ? value : bad(what)
}

/** One of the integers 0 to `limit - 1`. */
export function below(value: unknown, limit: number, what: string): number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < limit ? value : bad(what)
}

/** A string. */
export function text(value: unknown, what: string): string {
  return typeof value === 'string' ? value : bad(what)
}

/** A string that looks like an absolute path; which names are legal is the tree's business. */
export function path(value: unknown, what: string): string {
  return typeof value === 'string' && value.charCodeAt(0) === 47 ? value : bad(what)
}

/** A truth value. */
export function flag(value: unknown, what: string): boolean {
  return typeof value === 'boolean' ? value : bad(what)
}

/** Bytes; a view on what was decoded. */
export function bytes(value: unknown, what: string): Uint8Array {
  return value instanceof Uint8Array ? value : bad(what)
}

/** Bytes or null. */
export function data(value: unknown, what: string): Uint8Array | null {
  return value === null || value instanceof Uint8Array ? value : bad(what)
}

/** A zxid. */
export function zxid(value: unknown, what: string): Zxid {
  return isZxid(value) ? value : bad(what)
}

/** A printed session id; 0 stands for "no session". */
export function session(value: unknown, what: string): SessionId {
  return value === 0 ? NO_SESSION : isSessionId(value) ? value : bad(what)
}

/** The other direction of `session`. */
export function packSession(id: SessionId): SessionId | 0 {
  return id === NO_SESSION ? 0 : id
}

/** The name of an error. */
export function errorCode(value: unknown, what: string): ErrorCode {
  return typeof value === 'string' && Object.hasOwn(ERROR_CODES, value) ? value as ErrorCode : bad(what)
}

/** An access-control list; 0 stands for the open one, which nearly every node has. */
export function acl(value: unknown, what: string): readonly Acl[] {
  if (value === 0) return OPEN_ACL
  return list(value, what).map((entry) => {
    const [perms, scheme, id] = tuple(entry, 3, what)
    return { perms: int32(perms, what), scheme: text(scheme, what), id: text(id, what) }
  })
}

/** The other direction of `acl`. */
export function packAcl(entries: readonly Acl[]): 0 | Packed {
  if (entries === OPEN_ACL) return 0
  const only = entries.length === 1 ? entries[0] : undefined
  if (only?.perms === 31 && only.scheme === 'world' && only.id === 'anyone') return 0
  return entries.map((entry) => [entry.perms, entry.scheme, entry.id])
}

/** Identities of a connection. */
export function identities(value: unknown, what: string): readonly Identity[] {
  return list(value, what).map((entry) => {
    const [scheme, id] = tuple(entry, 2, what)
    return { scheme: text(scheme, what), id: text(id, what) }
  })
}

/** The other direction of `identities`. */
export function packIdentities(entries: readonly Identity[]): Packed {
  return entries.map((entry) => [entry.scheme, entry.id])
}
