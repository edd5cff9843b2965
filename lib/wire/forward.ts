import { unreachable } from '../core/assert.ts'
import type { CreateRequest, Identity, MultiOp, WriteRequest } from '../core/tree/request.ts'
import type { ForwardedBody, ForwardedRequest } from '../core/zab/messages.ts'
import type { Packed } from './check.ts'
import {
  acl, bad, below, bytes, data, identities, int32, integer, list, packAcl, packIdentities, packSession, session, text,
  tuple,
} from './check.ts'

const SESSION_CREATE = 0
const SESSION_CLOSE = -11
const PASSWORD_BYTES = 16
/** Fields before the body's: tag, session, cxid. */
const HEAD = 3

/** Packs requests: the identities that occur in them, once each, then `[tag, session, cxid, op, ...]` per request. */
export function packForwards(requests: readonly ForwardedRequest[]): Packed {
  const seen: (readonly Identity[])[] = []
  let last = 0
  // Requests of one connection share their list and mostly come in runs; a list met again later is packed again.
  const indexOf = (list: readonly Identity[]): number => {
    if (seen[last] !== list) last = seen.push(list) - 1
    return last
  }
  const packed = requests.map((request) => packForwarded(request, indexOf))
  return [seen.map(packIdentities), packed]
}

/** Reads them. Values are checked for shape; what they mean is the tree's business. */
export function readForwards(value: unknown): readonly ForwardedRequest[] {
  const [seen, packed] = tuple(value, 2, 'forwarded requests')
  const lists = list(seen, 'identities').map((each) => identities(each, 'identities'))
  return list(packed, 'forwarded requests').map((each) => readForwarded(each, lists))
}

function packForwarded(request: ForwardedRequest, indexOf: (list: readonly Identity[]) => number): Packed {
  const { tag, session: id, cxid, body } = request
  const owner = packSession(id)
  switch (body.kind) {
    case 'write': return [tag, owner, cxid, body.request.op, packWrite(body.request), indexOf(body.identities)]
    case 'createSession': return [tag, owner, cxid, SESSION_CREATE, body.timeoutMs, body.password]
    case 'closeSession': return [tag, owner, cxid, SESSION_CLOSE]
    default: return unreachable(body)
  }
}

function readForwarded(value: unknown, lists: readonly (readonly Identity[])[]): ForwardedRequest {
  const fields = list(value, 'forwarded request')
  return {
    tag: integer(fields[0], 0, 'tag'),
    session: session(fields[1], 'session'),
    cxid: integer(fields[2], Number.MIN_SAFE_INTEGER, 'cxid'),
    body: readBody(fields, lists),
  }
}

function readBody(fields: Packed, lists: readonly (readonly Identity[])[]): ForwardedBody {
  const size = fields.length - HEAD
  const op = fields[3]
  if (op === SESSION_CLOSE) return size === 1 ? { kind: 'closeSession' } : bad('forwarded close')
  if (size !== 3) return bad('forwarded request')
  if (op === SESSION_CREATE) {
    // It becomes a txn as it is: one that nobody can read would stop every peer, again after each start.
    const password = bytes(fields[5], 'password')
    if (password.length !== PASSWORD_BYTES) return bad('password')
    return { kind: 'createSession', timeoutMs: integer(fields[4], 1, 'timeout'), password }
  }
  return {
    kind: 'write', request: readWrite(op, list(fields[4], 'request')),
    identities: lists[below(fields[5], lists.length, 'index of identities')] ?? bad('index of identities'),
  }
}

function packWrite(request: WriteRequest): Packed {
  switch (request.op) {
    case 5: return [request.path, request.data, request.version]
    case 1: case 15: case 19: case 21: return packCreate(request)
    case 2: return [request.path, request.version]
    case 7: return [request.path, request.acl === null ? null : packAcl(request.acl), request.version]
    case 14: return request.ops.map(packOp)
    case 20: return [request.path]
    default: return unreachable(request)
  }
}

function packCreate(request: CreateRequest): Packed {
  return [request.path, request.data, request.acl === null ? null : packAcl(request.acl), request.flags, request.ttlMs]
}

function packOp(op: MultiOp): Packed {
  switch (op.op) {
    case 1: case 15: case 19: case 21: return [op.op, packCreate(op)]
    case 2: case 13: return [op.op, [op.path, op.version]]
    case 5: return [op.op, [op.path, op.data, op.version]]
    default: return unreachable(op)
  }
}

function readWrite(op: unknown, fields: Packed): WriteRequest {
  switch (op) {
    case 7:
      tuple(fields, 3, 'setAcl')
      return {
        op, path: text(fields[0], 'path'), acl: fields[1] === null ? null : acl(fields[1], 'acl'),
        version: int32(fields[2], 'version'),
      }
    case 14: return { op, ops: fields.map(readOp) }
    case 20: return { op, path: text(tuple(fields, 1, 'deleteContainer')[0], 'path') }
    default: {
      const request = readMultiOp(op, fields)
      return request.op === 13 ? bad('forwarded check') : request
    }
  }
}

function readOp(value: unknown): MultiOp {
  const [op, fields] = tuple(value, 2, 'operation of a multi')
  return readMultiOp(op, list(fields, 'operation of a multi'))
}

function readMultiOp(op: unknown, fields: Packed): MultiOp {
  switch (op) {
    case 5:
      tuple(fields, 3, 'setData')
      return { op, path: text(fields[0], 'path'), data: data(fields[1], 'data'), version: int32(fields[2], 'version') }
    case 1: case 15: case 19: case 21:
      tuple(fields, 5, 'create')
      return {
        op, path: text(fields[0], 'path'), data: data(fields[1], 'data'),
        acl: fields[2] === null ? null : acl(fields[2], 'acl'),
        flags: int32(fields[3], 'flags'), ttlMs: integer(fields[4], Number.MIN_SAFE_INTEGER, 'ttl'),
      }
    case 2: case 13:
      tuple(fields, 2, 'delete or check')
      return { op, path: text(fields[0], 'path'), version: int32(fields[1], 'version') }
    default: return bad('operation')
  }
}
