import type { Client } from '../client/client.ts'
import { offAbort, onAbort } from '../client/on-abort.ts'
import { isZkError, ZkError } from '../core/errors.ts'
import { endOf, isLost, isOver, untilConnected } from './connection.ts'

const SHORTEST_MS = 4
const LONGEST_MS = 250

/** Resolves after so many milliseconds of the client's clock. Rejects with Aborted. */
export function pause(zk: Client, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      timer.cancel()
      reject(aborted(signal))
    }
    const timer = zk.clock.setTimer(delayMs, () => {
      offAbort(signal, abort)
      resolve()
    })
    if (signal?.aborted === true) abort()
    else onAbort(signal, abort)
  })
}

/** Pauses before the attempt after the `attempt`th, at random, longer each time: rivals come at different moments. */
export function backOff(zk: Client, attempt: number, signal?: AbortSignal): Promise<void> {
  const longestMs = Math.min(SHORTEST_MS * 2 ** Math.min(attempt, 16), LONGEST_MS)
  return pause(zk, Math.ceil(zk.random() * longestMs), signal)
}

/**
 * Does what may be done twice until an answer comes, over as many connections as it takes. Rejects with SessionExpired
 * or Closed when the session is over, with Aborted at once, and with whatever else `work` does.
 */
export async function retried<T>(zk: Client, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    if (signal?.aborted === true) throw aborted(signal)
    try {
      // Without a connection an answer may take as long as the session lives.
      return await (signal === undefined ? work() : unlessAborted(work(), signal))
    } catch (error) {
      if (!isLost(error)) throw error
    }
    if (!isOver(zk)) await backOff(zk, attempt, signal)
    await untilConnected(zk, signal)
  }
}

/** Creates a node that is to be there, and missing parents as containers; nothing happens to one that is. */
export async function makeSurely(
  zk: Client, path: string, mode: 'persistent' | 'container', signal: AbortSignal | undefined,
): Promise<void> {
  await retried(zk, signal, async () => {
    try {
      await zk.create(path, '', { mode, parents: 'container', ...signalOf(signal) })
    } catch (error) {
      if (!isZkError(error, 'NodeExists')) throw error
    }
  })
}

/** What the promise gives; Aborted as soon as the signal aborts, and whatever the promise does then is nobody's. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(aborted(signal))
    if (signal?.aborted === true) abort()
    onAbort(signal, abort)
    promise.then(resolve, reject).finally(() => offAbort(signal, abort))
  })
}

/** What was waited for, unless the signal aborts or the session ends before: Aborted, SessionExpired, Closed. */
export function unlessOver(zk: Client, waited: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      off()
      offAbort(signal, abort)
    }
    const abort = (): void => {
      settle()
      reject(aborted(signal))
    }
    const look = (): void => {
      const end = endOf(zk)
      if (end === null) return
      settle()
      reject(end)
    }
    const off = zk.on('state', look)
    void waited.then(() => {
      settle()
      resolve()
    })
    if (signal.aborted) return abort()
    onAbort(signal, abort)
    look()
  })
}

/** The error of a call that its caller gave up. */
export function aborted(signal: AbortSignal | undefined, mayHaveHappened = false): ZkError {
  return new ZkError('Aborted', undefined, { cause: signal?.reason, mayHaveHappened })
}

/** Options for a call of the client that goes by this signal. */
export function signalOf(signal: AbortSignal | undefined): { readonly signal?: AbortSignal } {
  return signal === undefined ? {} : { signal }
}

/** The path of a child. */
export function below(path: string, name: string): string {
  return path === '/' ? `/${name}` : `${path}/${name}`
}
