import type { ReplicaConfig } from '../effects.ts'
import type { MultiOp, WriteRequest } from '../tree/request.ts'
import type { MultiPart, TxnBody } from '../tree/txn.ts'
import type { ForwardedRequest } from '../zab/messages.ts'

/**
 * Work of requests and txns, counted, not timed: one each, as many as there are in a multi or in a closing of a
 * session, as many as there are entries in an access-control list, and the square of a long path. Each is some 2 us for
 * the leader to prepare and 4 us for every peer to apply.
 */

/**
 * Prepared in a turn from requests, and as much again of sessions that expire: some 40 ms. Pings, and what was
 * prepared, leave when it ends. One request, or one session's end, is done in one turn, however much it is.
 */
export const TURN_WORK = 8_192

/** Applied in a turn while nobody is served: some 30 ms. */
const CATCH_UP_WORK = 8_192

/**
 * Proposed and not applied yet, above which requests wait, and as much again of closings, above which sessions wait to
 * expire: all of it may be committed at once, and each peer applies it in one turn then. That is half a second where
 * `syncMs` is 1.5 s.
 */
export const OUTSTANDING_WORK = 65_536

/**
 * What a replica that serves nobody applies in one turn. One that starts on a long log, or has just been brought up,
 * would keep its host's event loop for seconds, and its links silent for so long that others take it for dead.
 */
export function catchUpWork({ catchUpWork: work = CATCH_UP_WORK }: ReplicaConfig): number {
  return work
}

/** What a request asks for. */
export function requestWork({ body }: ForwardedRequest): number {
  return body.kind === 'write' ? writeWork(body.request) : 1
}

function writeWork(request: WriteRequest | MultiOp): number {
  switch (request.op) {
    case 1: case 7: case 15: case 19: case 21: return Math.max(1, request.acl?.length ?? 0) + pathWork(request.path)
    case 14: return request.ops.reduce((sum, op) => sum + writeWork(op), 1)
    default: return 1 + pathWork(request.path)
  }
}

/** What a txn does. */
export function txnWork(body: TxnBody | MultiPart): number {
  switch (body.kind) {
    case 'create': case 'setAcl': case 'delete': case 'setData': return applyWork(body) + pathWork(body.path)
    case 'multi': return body.parts.reduce((sum, part) => sum + txnWork(part), 1)
    case 'closeSession': return body.paths.reduce((sum, path) => sum + 1 + pathWork(path), 1)
    default: return applyWork(body)
  }
}

/** The same where nobody watches. */
export function applyWork(body: TxnBody | MultiPart): number {
  switch (body.kind) {
    case 'create': case 'setAcl': return Math.max(1, body.acl.length)
    case 'multi': return body.parts.reduce((sum, part) => sum + applyWork(part), 1)
    case 'multiError': return 1 + body.codes.length
    case 'closeSession': return 1 + body.paths.length
    default: return 1
  }
}

/** All that is above a changed node may have to be looked up, as it is watched or has a quota. */
function pathWork({ length }: string): number {
  return (length >>> 6) ** 2
}
