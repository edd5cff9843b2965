import { ZkError } from '../../core/errors.ts'
import type {
  CreateRequest, MultiOp, Request, SetWatchesRequest, WatchableRead,
} from '../../core/tree/request.ts'
import type { Zxid } from '../../core/zxid.ts'
import { readAcl, writeAcl } from './records.ts'
import type { JuteReader } from './reader.ts'
import type { JuteWriter } from './writer.ts'

/** Opcodes with a record of their own that are no requests of a session. */
export const WireOp = { notification: 0, auth: 100, sasl: 102, error: -1 } as const

const END_OF_MULTI = -1

/**
 * The request of an opcode, from the bytes behind its header; null for an opcode that has none. Throws MarshallingError
 * for bytes that are not such a record.
 */
export function readRequest(op: number, reader: JuteReader): Request | null {
  switch (op) {
    case 1: case 15: case 19: case 21: return readCreate(op, reader)
    case 2: case 13: return { op, path: reader.textOf('path'), version: reader.int() }
    case 3: case 4: case 8: case 12: return { op, path: reader.textOf('path'), watch: reader.bool() }
    case 5: return { op, path: validatedPath(reader), data: reader.data(), version: reader.int() }
    case 6: case 104: return { op, path: reader.textOf('path') }
    // Neither names a node that must exist.
    case 9: case 103: return { op, path: reader.text() ?? '' }
    case 7: return { op, path: validatedPath(reader), acl: readAcl(reader), version: reader.int() }
    case 14: return { op, ops: readMulti(reader, readMultiOp) }
    case 22: return { op, ops: readMulti(reader, readMultiRead) }
    case 17: case 18: return { op, path: reader.textOf('path'), type: reader.int() }
    case 16:
      return { op, joining: reader.text(), leaving: reader.text(), members: reader.text(), version: reader.long() }
    case 101: case 105: return readSetWatches(op, reader)
    case 106: return { op, path: reader.textOf('path'), mode: reader.int() }
    case 11: case 107: case -11: return { op }
    default: return null
  }
}

/** A path that is refused like any illegal one when it is null; elsewhere a null makes the request undecodable. */
function validatedPath(reader: JuteReader): string {
  return reader.text() ?? ''
}

function readCreate(op: CreateRequest['op'], reader: JuteReader): CreateRequest {
  const path = reader.newTextOf('path')
  const data = reader.data()
  const acl = readAcl(reader)
  const flags = reader.int()
  const ttlMs = op === 21 ? clampLong(reader.long()) : -1
  return { op, path, data, acl, flags, ttlMs }
}

/** Lifetimes beyond the safe integers are refused anyway; they must not become inexact on the way. */
function clampLong(value: number): number {
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, value))
}

function readMulti<T>(reader: JuteReader, readOp: (op: number, reader: JuteReader) => T): T[] {
  const ops: T[] = []
  for (;;) {
    const type = reader.int()
    const done = reader.bool()
    reader.int()
    if (done) return ops
    ops.push(readOp(type, reader))
  }
}

function readMultiOp(op: number, reader: JuteReader): MultiOp {
  switch (op) {
    case 1: case 15: case 19: case 21: return readCreate(op, reader)
    case 2: case 13: return { op, path: reader.textOf('path'), version: reader.int() }
    case 5: return { op, path: reader.textOf('path'), data: reader.data(), version: reader.int() }
    default: throw new ZkError('MarshallingError', `a multi cannot hold opcode ${op}`)
  }
}

function readMultiRead(op: number, reader: JuteReader): WatchableRead {
  if (op !== 4 && op !== 8) throw new ZkError('MarshallingError', `a multiRead cannot hold opcode ${op}`)
  return { op, path: reader.textOf('path'), watch: reader.bool() }
}

function readSetWatches(op: 101 | 105, reader: JuteReader): SetWatchesRequest {
  const relativeZxid = reader.long() as Zxid
  const data = reader.textsOf('data')
  const exist = reader.textsOf('exist')
  const child = reader.textsOf('child')
  const persistent = op === 105 ? reader.textsOf('persistent') : []
  const recursive = op === 105 ? reader.textsOf('recursive') : []
  return { op, relativeZxid, data, exist, child, persistent, recursive }
}

/** A request with its header, one whole frame. */
export function writeRequest(writer: JuteWriter, xid: number, request: Request): void {
  writer.begin()
  writer.int(xid)
  writer.int(request.op)
  writeBody(writer, request)
  writer.end()
}

/** An authentication (AuthPacket), one whole frame. */
export function writeAuth(writer: JuteWriter, xid: number, scheme: string, auth: Uint8Array): void {
  writer.begin()
  writer.int(xid)
  writer.int(WireOp.auth)
  writer.int(0)
  writer.text(scheme)
  writer.data(auth)
  writer.end()
}

/** What an AuthPacket says. Throws MarshallingError. */
export function readAuth(reader: JuteReader): { readonly scheme: string, readonly auth: Uint8Array | null } {
  reader.int()
  return { scheme: reader.text() ?? '', auth: reader.data() }
}

/** The token of a GetSASLRequest. Throws MarshallingError. */
export function readSasl(reader: JuteReader): Uint8Array {
  const token = reader.data()
  if (token === null) throw new ZkError('MarshallingError', 'token is null')
  return token
}

function writeBody(writer: JuteWriter, request: Request): void {
  switch (request.op) {
    case 1: case 15: case 19: case 21: case 2: case 13: case 5: writeMultiOp(writer, request); return
    case 3: case 4: case 8: case 12:
      writer.text(request.path)
      writer.bool(request.watch)
      return
    case 6: case 9: case 103: case 104: case 20: writer.text(request.path); return
    case 7:
      writer.text(request.path)
      writeAcl(writer, request.acl)
      writer.int(request.version)
      return
    case 14: case 22:
      for (const op of request.ops) {
        writeMultiHeader(writer, op.op, false, -1)
        if ('watch' in op) {
          writer.text(op.path)
          writer.bool(op.watch)
        } else {
          writeMultiOp(writer, op)
        }
      }
      writeMultiHeader(writer, END_OF_MULTI, true, -1)
      return
    case 17: case 18:
      writer.text(request.path)
      writer.int(request.type)
      return
    case 16:
      writer.text(request.joining)
      writer.text(request.leaving)
      writer.text(request.members)
      writer.long(request.version)
      return
    case 101: case 105:
      writer.long(request.relativeZxid)
      writer.texts(request.data)
      writer.texts(request.exist)
      writer.texts(request.child)
      if (request.op === 105) {
        writer.texts(request.persistent)
        writer.texts(request.recursive)
      }
      return
    case 106:
      writer.text(request.path)
      writer.int(request.mode)
      return
    default: return
  }
}

function writeMultiOp(writer: JuteWriter, request: MultiOp): void {
  writer.text(request.path)
  switch (request.op) {
    case 1: case 15: case 19: case 21:
      writer.data(request.data)
      writeAcl(writer, request.acl)
      writer.int(request.flags)
      if (request.op === 21) writer.long(request.ttlMs)
      return
    case 5:
      writer.data(request.data)
      writer.int(request.version)
      return
    default: writer.int(request.version)
  }
}

/** One entry's head, in requests and replies. */
export function writeMultiHeader(writer: JuteWriter, type: number, done: boolean, errorNumber: number): void {
  writer.int(type)
  writer.bool(done)
  writer.int(errorNumber)
}
