import { isZkError, ZkError } from '../core/errors.ts'
import { isSessionId } from '../core/tree/stat.ts'
import type { Logger } from '../ports/logger.ts'
import { checkLogger, checkOptions, checkSignal, checkTypes } from './options.ts'
import type { Session } from './session.ts'
import type { SessionKey } from './session-state.ts'

/** How a session is opened. */
export interface ConnectOptions {
  /** Without a connection the session lives for so long; the ensemble may bound it. 10,000. */
  readonly sessionTimeoutMs?: number
  /** Takes up a session that was opened before, with its ephemeral nodes. */
  readonly session?: SessionKey
  /** Ends the attempt; later it has no effect. */
  readonly signal?: AbortSignal
  /**
   * Rejects with OperationTimeout when no session could be opened by then. No bound in process, 15,000 for `connect`.
   */
  readonly connectTimeoutMs?: number
  readonly logger?: Logger
  /** No timer of this client keeps the process alive. */
  readonly unref?: boolean
  /** Calls that may wait for an answer; more are refused with Overloaded. 500,000. */
  readonly pendingCalls?: number
}

/** Names of the options of `connect`, for the checks. */
export const CONNECT_OPTIONS: readonly string[] =
  ['sessionTimeoutMs', 'session', 'signal', 'connectTimeoutMs', 'logger', 'unref', 'pendingCalls']
const PASSWORD_BYTES = 16

/** Throws TypeError for what is no way to open a session. */
export function checkConnect(options: ConnectOptions): void {
  checkOptions(options, CONNECT_OPTIONS)
  checkSignal(options.signal)
  checkTypes(options, { unref: 'boolean' })
  const { logger, session } = options
  checkLogger(logger)
  if (session === undefined) return
  const { id, password } = session ?? {}
  if (!isSessionId(id) || !(password instanceof Uint8Array) || password.length !== PASSWORD_BYTES) {
    throw new TypeError(`session must be { id, password } as client.session gave it, with ${PASSWORD_BYTES} bytes`)
  }
}

/** Why the first attempt came to nothing. */
export function connectError({ error, lastFailure }: Session, signal: AbortSignal | undefined): ZkError {
  if (isZkError(error, 'Aborted')) return new ZkError('Aborted', undefined, { cause: signal?.reason ?? lastFailure })
  if (isZkError(error, 'OperationTimeout')) {
    const text = lastFailure === null ? 'no server answered in time' : `no session in time: ${lastFailure.message}`
    return new ZkError('OperationTimeout', text, { cause: lastFailure })
  }
  return error ?? new ZkError('ConnectionLoss')
}
