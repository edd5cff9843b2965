import { isZkError } from '../core/errors.ts'
import type { ErrorCode } from '../core/errors.ts'

/** What zkCli says of a failed command; the others have their own words. */
const WORDS: Partial<Record<ErrorCode, string>> = {
  NoNode: 'Node does not exist',
  NodeExists: 'Node already exists',
  NotEmpty: 'Node not empty',
  BadVersion: 'version No is not valid',
  NoChildrenForEphemerals: 'Ephemerals cannot have children',
  NoAuth: 'Insufficient permission',
}

/** One line for an error, without a stack: users did nothing that a stack explains. */
export function explain(error: unknown): string {
  if (isZkError(error)) {
    const words = WORDS[error.code]
    return words === undefined ? `${error.message} (${error.code})` : `${words}: ${error.path ?? ''}`
  }
  return error instanceof Error ? error.message : String(error)
}
