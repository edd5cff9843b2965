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

/** What a write brings along: data, path and access-control list; other requests are not bounded. */
export function requestBytes(request: Request | MultiOp): number {
  switch (request.op) {
    case 1: case 15: case 19: case 21:
      return bytesOfPath(request.path) + (request.data?.length ?? 0) + aclBytes(request.acl)
    case 5: return bytesOfPath(request.path) + (request.data?.length ?? 0)
    case 7: return bytesOfPath(request.path) + aclBytes(request.acl)
    case 2: case 13: return bytesOfPath(request.path)
    case 14: {
      let total = 0
      for (const op of request.ops) total += PART_BYTES + requestBytes(op)
      return total
    }
    default: return 0
  }
}

function aclBytes(acl: readonly Acl[] | null): number {
  let total = 0
  for (const { scheme, id } of acl ?? []) total += PART_BYTES + bytesOfPath(scheme) + bytesOfPath(id)
  return total
}

/** The error of a request that is larger than its channel takes. */
export function tooLarge(request: Request, bytes: number, limit: number): ZkError {
  return new ZkError('BadArguments', `a request of ${bytes} bytes, requestBytes is ${limit}`, pathOf(request))
}
