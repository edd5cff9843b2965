import type { Client } from '../client/client.ts'
import { offAbort, onAbort } from '../client/on-abort.ts'
import { isZkError, ZkError } from '../core/errors.ts'

/** Resolves when the session has a connection. Rejects with SessionExpired or Closed when it is over, or Aborted. */
export function untilConnected(zk: Client, signal?: AbortSignal): Promise<void> {
  return untilState(zk, signal, () => zk.state === 'connected' || endOf(zk))
}

/** Resolves when the session will never have a connection again. Rejects with Aborted. */
export function untilOver(zk: Client, signal?: AbortSignal): Promise<void> {
  return untilState(zk, signal, () => isOver(zk))
}

/** Resolves when `look` is true of the client, now or later; rejects with the error that it gives, or with Aborted. */
function untilState(zk: Client, signal: AbortSignal | undefined, look: () => boolean | ZkError | null): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      off()
      offAbort(signal, abort)
    }
    const abort = (): void => {
      settle()
      reject(new ZkError('Aborted', undefined, { cause: signal?.reason }))
    }
    const check = (): void => {
      const found = look()
      if (found === false || found === null) return
      settle()
      if (found === true) resolve()
      else reject(found)
    }
    const off = zk.on('state', check)
    if (signal?.aborted === true) return abort()
    onAbort(signal, abort)
    check()
  })
}

/** Why nothing follows on this client; null while its session lives. */
export function endOf(zk: Client): ZkError | null {
  return isOver(zk) ? new ZkError(zk.state === 'expired' ? 'SessionExpired' : 'Closed') : null
}

/** The session will never have a connection again. */
export function isOver(zk: Client): boolean {
  return zk.state === 'expired' || zk.state === 'closed'
}

/** The connection went; the session may go on. */
export function isLost(error: unknown): boolean {
  return isZkError(error, 'ConnectionLoss') || isZkError(error, 'OperationTimeout') || isZkError(error, 'Throttled') ||
    isZkError(error, 'SessionMoved') || isZkError(error, 'Overloaded')
}

/** Resolves as the promise does, or when the session may be over: what hangs on it goes with it then. Never rejects. */
export function orLost(zk: Client, promise: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (zk.state !== 'lost' && !isOver(zk)) return
      off()
      resolve()
    }
    const off = zk.on('state', look)
    promise.finally(off).then(resolve, () => resolve())
    look()
  })
}
