import { ZkError } from '../core/errors.ts'
import { bytesOfPath } from '../core/tree/owned-paths.ts'
import type { Acl, MultiOp, Request } from '../core/tree/request.ts'
import { pathOf } from './outcomes.ts'

/** An operation of a multi, or an entry of a list, takes so much besides its texts and data. */
const PART_BYTES = 32

/**
 * What every server takes, unless it was told to take less, and room for what stands around it: Apache ZooKeeper ends
 * the connection, without a word, at a request above 1,048,575, and would do so every time.
 */
export const SURELY_TAKEN_BYTES = 1_000_000

/** A UTF-16 unit takes so many bytes at most. */
const UNIT_BYTES = 3

/** What a write brings along: data, path and access-control list; other requests are not bounded. */
export function requestBytes(request: Request | MultiOp, bytesOf: (text: string) => number = bytesOfPath): number {
  switch (request.op) {
    case 1: case 15: case 19: case 21:
      return bytesOf(request.path) + (request.data?.length ?? 0) + aclBytes(request.acl, bytesOf)
    case 5: return bytesOf(request.path) + (request.data?.length ?? 0)
    case 7: return bytesOf(request.path) + aclBytes(request.acl, bytesOf)
    case 2: case 13: return bytesOf(request.path)
    case 14: {
      let total = 0
      for (const op of request.ops) total += PART_BYTES + requestBytes(op, bytesOf)
      return total
    }
    default: return 0
  }
}

function aclBytes(acl: readonly Acl[] | null, bytesOf: (text: string) => number): number {
  let total = 0
  for (const { scheme, id } of acl ?? []) total += PART_BYTES + bytesOf(scheme) + bytesOf(id)
  return total
}

function mostBytesOf(text: string): number {
  return PART_BYTES + UNIT_BYTES * text.length
}

/** True when `requestBytes` is not above the limit; of nearly all requests their lengths tell. */
export function isTaken(request: Request, limit: number): boolean {
  return requestBytes(request, mostBytesOf) <= limit || requestBytes(request) <= limit
}

/** The error of a request that is larger than its channel takes. */
export function tooLarge(request: Request, limit: number): ZkError {
  const bytes = requestBytes(request)
  return new ZkError('BadArguments', `a request of ${bytes} bytes, requestBytes is ${limit}`, pathOf(request))
}
