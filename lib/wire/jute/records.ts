import { ERROR_CODES } from '../../core/errors.ts'
import type { ErrorCode } from '../../core/errors.ts'
import { OPEN_ACL } from '../../core/tree/request.ts'
import type { Acl } from '../../core/tree/request.ts'
import type { SessionId, Stat } from '../../core/tree/stat.ts'
import type { Zxid } from '../../core/zxid.ts'
import type { JuteReader } from './reader.ts'
import type { JuteWriter } from './writer.ts'

/** Xids that mean something (ZooKeeper: ClientCnxn). */
export const Xid = { notification: -1, ping: -2, auth: -4, setWatches: -8 } as const

/** Bytes of every session password on the wire: clients rely on it. */
export const PASSWORD_BYTES = 16

/** State of every notification: SyncConnected. */
const SYNC_CONNECTED = 3

/** The first word of a client: the fields of ConnectRequest. */
export interface ConnectRequest {
  readonly lastZxidSeen: Zxid
  readonly timeoutMs: number
  /** `0x0` asks for a new session. */
  readonly session: SessionId
  readonly password: Uint8Array
  /** Null when the client is too old to know: its answer has no such byte either. */
  readonly readOnly: boolean | null
}

/** The answer to it. */
export interface ConnectResponse {
  /** 0 or less: the session is expired. */
  readonly timeoutMs: number
  readonly session: SessionId
  readonly password: Uint8Array
  readonly readOnly: boolean | null
}

/** Throws MarshallingError. */
export function readConnectRequest(reader: JuteReader): ConnectRequest {
  reader.int()
  const lastZxidSeen = reader.long() as Zxid
  const timeoutMs = reader.int()
  const session = reader.sessionId()
  const password = reader.data() ?? new Uint8Array(0)
  return { lastZxidSeen, timeoutMs, session, password, readOnly: reader.left > 0 ? reader.bool() : null }
}

/** One whole frame. */
export function writeConnectRequest(writer: JuteWriter, request: ConnectRequest): void {
  writer.begin()
  writer.int(0)
  writer.long(request.lastZxidSeen)
  writer.int(request.timeoutMs)
  writer.sessionId(request.session)
  writer.data(request.password)
  if (request.readOnly !== null) writer.bool(request.readOnly)
  writer.end()
}

/** Throws MarshallingError. */
export function readConnectResponse(reader: JuteReader): ConnectResponse {
  reader.int()
  const timeoutMs = reader.int()
  const session = reader.sessionId()
  const password = reader.data() ?? new Uint8Array(0)
  return { timeoutMs, session, password, readOnly: reader.left > 0 ? reader.bool() : null }
}

/** One whole frame. */
export function writeConnectResponse(writer: JuteWriter, response: ConnectResponse): void {
  writer.begin()
  writer.int(0)
  writer.int(response.timeoutMs)
  writer.sessionId(response.session)
  writer.data(response.password)
  if (response.readOnly !== null) writer.bool(response.readOnly)
  writer.end()
}

/** Eleven fields, 68 bytes. */
export function writeStat(writer: JuteWriter, stat: Stat): void {
  writer.long(stat.czxid)
  writer.long(stat.mzxid)
  writer.long(stat.ctime)
  writer.long(stat.mtime)
  writer.int(stat.version)
  writer.int(stat.cversion)
  writer.int(stat.aversion)
  writer.sessionId(stat.ephemeralOwner)
  writer.int(stat.dataLength)
  writer.int(stat.numChildren)
  writer.long(stat.pzxid)
}

/** Throws MarshallingError. */
export function readStat(reader: JuteReader): Stat {
  const czxid = reader.long() as Zxid
  const mzxid = reader.long() as Zxid
  const ctime = reader.long()
  const mtime = reader.long()
  const version = reader.int()
  const cversion = reader.int()
  const aversion = reader.int()
  const ephemeralOwner = reader.sessionId()
  const dataLength = reader.int()
  const numChildren = reader.int()
  const pzxid = reader.long() as Zxid
  return {
    czxid, mzxid, ctime, mtime, version, cversion, aversion, ephemeralOwner, dataLength, numChildren, pzxid,
  }
}

/** The list that nearly every create carries, as it stands on the wire: one entry, all permissions, world:anyone. */
const OPEN_BYTES: Uint8Array = Uint8Array.from([
  0, 0, 0, 1, 0, 0, 0, 31, 0, 0, 0, 5, 119, 111, 114, 108, 100, 0, 0, 0, 6, 97, 110, 121, 111, 110, 101,
])

/** Null texts of an id read as empty ones: some clients send them. Throws MarshallingError. */
export function readAcl(reader: JuteReader): readonly Acl[] | null {
  if (reader.skip(OPEN_BYTES)) return OPEN_ACL
  const count = reader.nullableCount()
  if (count === null) return null
  const acl: Acl[] = []
  for (let left = count; left > 0; left--) {
    const perms = reader.int()
    const scheme = reader.text() ?? ''
    acl.push({ perms, scheme, id: reader.text() ?? '' })
  }
  return acl
}

/** Null stays null. */
export function writeAcl(writer: JuteWriter, acl: readonly Acl[] | null): void {
  if (acl === OPEN_ACL) {
    writer.raw(OPEN_BYTES)
    return
  }
  if (acl === null) {
    writer.int(-1)
    return
  }
  writer.int(acl.length)
  for (const { perms, scheme, id } of acl) {
    writer.int(perms)
    writer.text(scheme)
    writer.text(id)
  }
}

/** ReplyHeader. */
export function writeReplyHeader(writer: JuteWriter, xid: number, zxid: number, errorNumber: number): void {
  writer.int(xid)
  writer.long(zxid)
  writer.int(errorNumber)
}

/** A notification, one whole frame. */
export function writeEvent(writer: JuteWriter, event: { type: number, path: string, zxid: number }): void {
  writer.begin()
  writeReplyHeader(writer, Xid.notification, event.zxid, 0)
  writer.int(event.type)
  writer.int(SYNC_CONNECTED)
  writer.text(event.path)
  writer.end()
}

const CODES: ReadonlyMap<number, ErrorCode> = new Map(Object.entries(ERROR_CODES)
  .filter(([name, [number]]) => number !== 0 || name === 'Ok')
  .map(([name, [number]]) => [number, name as ErrorCode]))

/** The code of a number on the wire; one that nobody knows is SystemError. */
export function errorCodeOf(number: number): ErrorCode {
  return CODES.get(number) ?? 'SystemError'
}
