import type { Client } from '../client/client.ts'
import { checkOptions, checkSignal } from '../client/options.ts'
import { Moment } from '../client/moment.ts'
import type { Created } from '../client/outcomes.ts'
import { checkPath } from '../client/requests.ts'
import type { CreateOptions } from '../client/requests.ts'
import { isZkError, ZkError } from '../core/errors.ts'
import { Hold } from './hold.ts'
import { waitForTurn } from './line.ts'
import { aborted } from './pause.ts'
import { createProtected, deleteSurely } from './protected-node.ts'

/** How to take a lock. */
export interface AcquireOptions {
  /** Gives up waiting: Aborted. It has no effect on a lock that was taken. */
  readonly signal?: AbortSignal
  /** Gives up after so long: OperationTimeout. 0 does not wait. */
  readonly waitMs?: number
  /** Who it is, for `contenders` and tools. */
  readonly name?: string
  readonly acl?: NonNullable<CreateOptions['acl']>
}

/** A lock that is held. */
export type Lock = Hold

const ACQUIRE: readonly string[] = ['signal', 'waitMs', 'name', 'acl']

/**
 * Takes the lock at `path`, or waits for it in turn. At most one session of the ensemble stands first in its line:
 *
 * - First come, first served, by the ensemble's order; one that leaves wakes one that waits.
 * - The lock ends with the session. `lock.held`, `lock.signal` and `lock.leftMs` end before anybody else can hold it,
 *   as far as clocks can be trusted; `lock.guard` writes in the tree only while it is held, whatever the clocks do; and
 *   `lock.token` lets anything outside of the tree refuse who is late.
 * - It promises nothing about writes that are neither guarded nor checked by token: a program may stand still between
 *   its look at `held` and its write.
 * - It does not nest: the same session waits for itself.
 *
 * Layout: kazoo's Lock (`<path>/<id>__lock__<number>`); Curator's InterProcessMutex contends correctly in the same
 * folder. The folder is a container where the server has them. Errors: Aborted, OperationTimeout (of `waitMs`),
 * SessionExpired, NoAuth, TypeError; nothing is left behind then.
 */
export function acquire(zk: Client, path: string, options: AcquireOptions = {}): Promise<Lock> {
  return stand(zk, path, '__lock__', options)
}

/** Takes the lock if nobody has it: null otherwise. Errors: those of `acquire`. */
export async function tryAcquire(
  zk: Client, path: string, options: Omit<AcquireOptions, 'waitMs'> = {},
): Promise<Lock | null> {
  return orNull(stand(zk, path, '__lock__', { ...options, waitMs: 0 }))
}

/**
 * Takes a read-write lock for reading: readers share it, and wait for the writers that came before them. Layout:
 * kazoo's ReadLock. Otherwise as `acquire`.
 */
export function acquireRead(zk: Client, path: string, options: AcquireOptions = {}): Promise<Lock> {
  return stand(zk, path, '__rlock__', options)
}

/** Takes a read-write lock for writing: alone. Layout: kazoo's WriteLock. Otherwise as `acquire`. */
export function acquireWrite(zk: Client, path: string, options: AcquireOptions = {}): Promise<Lock> {
  return stand(zk, path, '__lock__', options)
}

async function orNull(taken: Promise<Lock>): Promise<Lock | null> {
  try {
    return await taken
  } catch (error) {
    if (isZkError(error, 'OperationTimeout')) return null
    throw error
  }
}

/** One who stands in line until it is his turn. */
async function stand(zk: Client, path: string, mark: string, options: AcquireOptions): Promise<Lock> {
  checkPath(path)
  checkAcquire(options)
  const limit = limited(zk, options)
  try {
    for (;;) {
      const sent = Moment.now(zk.clock)
      const created = await enter(zk, path, mark, options, limit.signal)
      try {
        return await takeTurn(zk, path, created, options.waitMs === 0, sent, limit.signal)
      } catch (error) {
        // Somebody deleted the node of one who waited: he comes again, as the last.
        if (!isZkError(error, 'NoNode')) throw error
      }
    }
  } catch (error) {
    throw limit.isOver() && isZkError(error, 'Aborted')
      ? new ZkError('OperationTimeout', 'the lock was not free in time', { path }) : error
  } finally {
    limit.stop()
  }
}

/** Creates the node, or leaves nothing behind: whoever gives up does not wait for a server that is not there. */
function enter(
  zk: Client, dir: string, mark: string, { name = '', acl }: AcquireOptions, signal: AbortSignal,
): Promise<Created> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(aborted(signal))
      return
    }
    let isGone = false
    const abort = (): void => {
      isGone = true
      reject(aborted(signal))
    }
    signal.addEventListener('abort', abort, { once: true })
    createProtected(zk, { dir, mark, data: name, ...(acl === undefined ? {} : { acl }), signal }).then((created) => {
      signal.removeEventListener('abort', abort)
      if (isGone) void deleteSurely(zk, created.path)
      else resolve(created)
    }, (error: unknown) => {
      signal.removeEventListener('abort', abort)
      reject(error instanceof Error ? error : new Error(String(error)))
    })
  })
}

async function takeTurn(
  zk: Client, dir: string, created: Created, atOnce: boolean, sent: Moment, signal: AbortSignal,
): Promise<Lock> {
  const name = created.path.slice(created.path.lastIndexOf('/') + 1)
  try {
    await waitForTurn(zk, dir, name, signal, atOnce)
    const lock = await Hold.begin(zk, created.path, created.stat.czxid, sent)
    if (!signal.aborted) return lock
    void lock.release()
    throw aborted(signal)
  } catch (error) {
    const gone = deleteSurely(zk, created.path)
    if (!signal.aborted) await gone
    throw error
  }
}

/** One signal for the caller's and for the time limit. */
function limited(zk: Client, { signal, waitMs }: AcquireOptions): {
  readonly signal: AbortSignal, isOver(): boolean, stop(): void,
} {
  const own = new AbortController()
  const abort = (): void => own.abort(signal?.reason)
  if (signal?.aborted === true) abort()
  else signal?.addEventListener('abort', abort, { once: true })
  let isOver = false
  const timer = waitMs === undefined || waitMs === 0 ? null : zk.clock.setTimer(waitMs, () => {
    isOver = true
    own.abort()
  })
  return {
    signal: own.signal,
    isOver: () => isOver,
    stop: () => {
      timer?.cancel()
      signal?.removeEventListener('abort', abort)
    },
  }
}

/** Throws TypeError for what is no way to take a lock. */
export function checkAcquire(options: AcquireOptions): void {
  checkOptions(options, ACQUIRE)
  checkSignal(options.signal)
  const { waitMs, name } = options
  if (waitMs !== undefined && !(Number.isFinite(waitMs) && waitMs >= 0)) throw new TypeError('waitMs must be 0 or more')
  if (name !== undefined && typeof name !== 'string') throw new TypeError('name must be a string')
}
