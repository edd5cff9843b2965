import type { ErrorCode } from '../core/errors.ts'
import { unreachable } from '../core/assert.ts'
import type {
  CreateTxn, MultiPart, NodeKindNumber, SnapshotRow, Txn, TxnBody, TxnCodec,
} from '../core/tree/txn.ts'
import type { Packed } from './check.ts'
import {
  acl, bad, below, bytes, data, errorCode, int32, integer, list, packAcl, packSession, path, session, text,
} from './check.ts'
import { plainBytes } from './frame.ts'
import { Packing } from './pack.ts'
import { CREATE_FIELDS, HEAD_FIELDS, Kind, SET_DATA_FIELDS } from './txn-kind.ts'
import { TxnReader } from './txn-reader.ts'
import { TxnWriter } from './txn-writer.ts'

const PASSWORD_BYTES = 16

/**
 * The layout of txns and of snapshot rows, the same on the wire and on disk: one positional MessagePack array,
 * `[kind, session, cxid, origin, tag, time, ...fields of the body]`.
 * A decoded txn's bytes are views on what was decoded: who keeps them copies them.
 */
export function makeTxnCodec(): TxnCodec {
  const packing = new Packing()
  const writer = new TxnWriter()
  const reader = new TxnReader()
  return {
    encodeTxn: (txn) => writer.encode(txn) ?? packing.pack(packTxn(txn)),
    decodeTxn(encoded) {
      const plain = plainBytes(encoded)
      return reader.decode(plain) ?? readTxn(packing.unpack(plain))
    },
    encodeRows: (rows) => packing.pack(rows),
    decodeRows: (encoded) => readRows(packing.unpack(encoded)),
  }
}

function packTxn(txn: Txn): Packed {
  const { session: id, cxid, origin, tag, time, body } = txn
  const owner = packSession(id)
  switch (body.kind) {
    case 'setData': return [Kind.setData, owner, cxid, origin, tag, time, body.path, body.data, body.version]
    case 'create': return [Kind.create, owner, cxid, origin, tag, time, body.path, body.data, packAcl(body.acl),
      body.nodeKind, packSession(body.owner), body.ttlMs, body.parentCreates, body.op]
    case 'delete': return [Kind.delete, owner, cxid, origin, tag, time, body.path]
    default: return [Kind[body.kind], owner, cxid, origin, tag, time, ...packRare(body)]
  }
}

function packRare(body: Exclude<TxnBody, { kind: 'setData' | 'create' | 'delete' }>): Packed {
  switch (body.kind) {
    case 'setAcl': return [body.path, packAcl(body.acl), body.version]
    case 'createSession': return [body.timeoutMs, body.password]
    case 'closeSession': return [body.paths]
    case 'multi': return [body.parts.map(packPart)]
    case 'error': return [body.code]
    case 'multiError': return [body.codes]
    case 'found': return [body.ensembleId, body.members]
    default: return unreachable(body)
  }
}

function packPart(part: MultiPart): Packed {
  switch (part.kind) {
    case 'create': return [Kind.create, part.path, part.data, packAcl(part.acl), part.nodeKind, packSession(part.owner),
      part.ttlMs, part.parentCreates, part.op]
    case 'delete': return [Kind.delete, part.path]
    case 'setData': return [Kind.setData, part.path, part.data, part.version]
    case 'check': return [Kind.check, part.path]
    default: return unreachable(part)
  }
}

function readTxn(value: unknown): Txn {
  const fields = list(value, 'txn')
  const body = readBody(fields)
  return {
    session: session(fields[1], 'txn session'),
    cxid: integer(fields[2], Number.MIN_SAFE_INTEGER, 'cxid'),
    origin: integer(fields[3], 0, 'origin'),
    tag: integer(fields[4], 0, 'tag'),
    time: integer(fields[5], Number.MIN_SAFE_INTEGER, 'txn time'),
    body,
  }
}

function readBody(fields: Packed): TxnBody {
  const size = fields.length - HEAD_FIELDS
  switch (fields[0]) {
    case Kind.setData: return size === SET_DATA_FIELDS ? readSetData(fields, HEAD_FIELDS) : bad('setData txn')
    case Kind.create: return size === CREATE_FIELDS ? readCreate(fields, HEAD_FIELDS) : bad('create txn')
    case Kind.delete: return size === 1 ? { kind: 'delete', path: path(fields[6], 'path') } : bad('delete txn')
    case Kind.setAcl:
      if (size !== 3) return bad('setAcl txn')
      return {
        kind: 'setAcl', path: path(fields[6], 'path'), acl: acl(fields[7], 'acl'), version: int32(fields[8], 'version'),
      }
    case Kind.createSession: return size === 2 ? readSession(fields) : bad('createSession txn')
    case Kind.closeSession:
      if (size !== 1) return bad('closeSession txn')
      return { kind: 'closeSession', paths: list(fields[6], 'paths').map((each) => path(each, 'path')) }
    case Kind.multi:
      if (size !== 1) return bad('multi txn')
      return { kind: 'multi', parts: list(fields[6], 'multi').map(readPart) }
    case Kind.error: return size === 1 ? { kind: 'error', code: failure(fields[6]) } : bad('error txn')
    case Kind.multiError:
      if (size !== 1) return bad('multiError txn')
      return { kind: 'multiError', codes: list(fields[6], 'codes').map((code) => errorCode(code, 'error code')) }
    case Kind.found:
      if (size !== 2) return bad('found txn')
      return { kind: 'found', ensembleId: text(fields[6], 'ensemble id'), members: text(fields[7], 'members') }
    default: return bad('txn kind')
  }
}

function failure(value: unknown): Exclude<ErrorCode, 'Ok'> {
  const code = errorCode(value, 'error code')
  return code === 'Ok' ? bad('error code') : code
}

function readSession(fields: Packed): TxnBody {
  const password = bytes(fields[7], 'password')
  if (password.length !== PASSWORD_BYTES) return bad('password')
  return { kind: 'createSession', timeoutMs: integer(fields[6], 1, 'timeout'), password }
}

function readPart(value: unknown): MultiPart {
  const fields = list(value, 'part of a multi')
  switch (fields[0]) {
    case Kind.create: return fields.length === 9 ? readCreate(fields, 1) : bad('create part')
    case Kind.setData: return fields.length === 4 ? readSetData(fields, 1) : bad('setData part')
    case Kind.delete: return fields.length === 2 ? { kind: 'delete', path: path(fields[1], 'path') } : bad('part')
    case Kind.check: return fields.length === 2 ? { kind: 'check', path: path(fields[1], 'path') } : bad('part')
    default: return bad('part of a multi')
  }
}

function readSetData(fields: Packed, at: number): MultiPart & { kind: 'setData' } {
  return {
    kind: 'setData', path: path(fields[at], 'path'), data: data(fields[at + 1], 'data'),
    version: int32(fields[at + 2], 'version'),
  }
}

function readCreate(fields: Packed, at: number): CreateTxn {
  const op = fields[at + 7]
  if (op !== 1 && op !== 15 && op !== 19 && op !== 21) return bad('create opcode')
  return {
    kind: 'create',
    path: path(fields[at], 'path'),
    data: data(fields[at + 1], 'data'),
    acl: acl(fields[at + 2], 'acl'),
    nodeKind: below(fields[at + 3], 4, 'node kind') as NodeKindNumber,
    owner: session(fields[at + 4], 'owner'),
    ttlMs: integer(fields[at + 5], 0, 'ttl'),
    parentCreates: integer(fields[at + 6], Number.MIN_SAFE_INTEGER, 'create counter'),
    op,
  }
}

function readRows(value: unknown): readonly SnapshotRow[] {
  const rows = list(value, 'list of snapshot rows')
  for (const row of rows) if (!Array.isArray(row)) bad('snapshot row')
  return rows as readonly SnapshotRow[]
}
