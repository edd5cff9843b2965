import { isZkError } from '../core/errors.ts'
import { isWrite } from '../core/tree/request.ts'
import type { Request } from '../core/tree/request.ts'

const CLOSE_SESSION = -11
const SYNC = 9

/** True for what can be answered on the spot: no write, and nothing whose events must come before its reply. */
export function isAnswerable(request: Request): boolean {
  switch (request.op) {
    case SYNC: case CLOSE_SESSION: case 101: case 105: return false
    default: return !isWrite(request)
  }
}

/** Stands in the request's turn. */
export function undecodable(error: unknown): Request {
  if (!isZkError(error, 'MarshallingError')) throw error
  return { op: -1, code: 'MarshallingError' }
}
