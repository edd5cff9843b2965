import type { Client } from '../client/client.ts'
import { checkPath } from '../client/requests.ts'
import type { CreateOptions } from '../client/requests.ts'
import { isZkError } from '../core/errors.ts'
import { enter } from './entry.ts'
import type { Entry } from './entry.ts'
import { Hold } from './hold.ts'
import { checkLimit, Limit } from './limit.ts'
import { waitForTurn } from './line.ts'
import { aborted } from './pause.ts'
import { deleteSurely } from './protected-node.ts'

/** How to take a lock. */
export interface AcquireOptions {
  /** Gives up waiting: Aborted. It has no effect on a lock that was taken. */
  readonly signal?: AbortSignal
  /** Gives up after so long: OperationTimeout. 0 does not wait for others. */
  readonly waitMs?: number
  /** Who it is, for `contenders` and tools. */
  readonly name?: string
  readonly acl?: NonNullable<CreateOptions['acl']>
  /**
   * Whose programs contend for it, too: those that use kazoo, those that use Curator, or, for an election, those that
   * use its LeaderLatch. `kazoo` when left out. Ours see all of them; they do not see each other.
   */
  readonly layout?: 'kazoo' | 'curator' | 'curator-latch'
}

/** A lock that is held. */
export type Lock = Hold

const ACQUIRE: readonly string[] = ['signal', 'waitMs', 'name', 'acl', 'layout']

/** What one stands in line for. */
type Wants = 'lock' | 'read' | 'write'

/** What the names of nodes hold before their numbers. */
const MARKS: Readonly<Record<NonNullable<AcquireOptions['layout']>, Readonly<Partial<Record<Wants, string>>>>> = {
  kazoo: { lock: '__lock__', read: '__rlock__', write: '__lock__' },
  curator: { lock: '-lock-', read: '-__READ__', write: '-__WRIT__' },
  'curator-latch': { lock: '-latch-' },
}

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
 * Layout: kazoo's Lock (`<path>/<id>__lock__<number>`), or with `layout: 'curator'` Curator's InterProcessMutex
 * (`<path>/<id>-lock-<number>`). The folder is a container where the server has them. Errors: Aborted, OperationTimeout
 * (of `waitMs`), SessionExpired, Closed, NoAuth, TypeError; nothing is left behind then.
 */
export function acquire(zk: Client, path: string, options: AcquireOptions = {}): Promise<Lock> {
  return stand(zk, path, 'lock', options)
}

/** Takes the lock if nobody has it: null otherwise. Errors: those of `acquire`. */
export async function tryAcquire(
  zk: Client, path: string, options: Omit<AcquireOptions, 'waitMs'> = {},
): Promise<Lock | null> {
  return orNull(stand(zk, path, 'lock', { ...options, waitMs: 0 }))
}

/**
 * Takes a read-write lock for reading: readers share it, and wait for the writers that came before them. Layout:
 * kazoo's ReadLock, or that of Curator's InterProcessReadWriteLock. Otherwise as `acquire`.
 */
export function acquireRead(zk: Client, path: string, options: AcquireOptions = {}): Promise<Lock> {
  return stand(zk, path, 'read', options)
}

/** Takes a read-write lock for writing: alone. Layout: as `acquireRead`. Otherwise as `acquire`. */
export function acquireWrite(zk: Client, path: string, options: AcquireOptions = {}): Promise<Lock> {
  return stand(zk, path, 'write', options)
}

async function orNull(taken: Promise<Lock>): Promise<Lock | null> {
  try {
    return await taken
  } catch (error) {
    if (isZkError(error, 'OperationTimeout')) return null
    throw error
  }
}

/** Stands in line until it is the turn. */
async function stand(zk: Client, path: string, wants: Wants, options: AcquireOptions): Promise<Lock> {
  checkPath(path)
  checkAcquire(options)
  const mark = MARKS[options.layout ?? 'kazoo'][wants]
  if (mark === undefined) throw new TypeError('the layout of a latch knows no readers and writers')
  const limit = new Limit(zk, options)
  try {
    for (;;) {
      const entry = await enter(zk, path, mark, options, limit.signal)
      try {
        return await takeTurn(zk, path, entry, options.waitMs === 0, limit.signal)
      } catch (error) {
        // Somebody deleted the node of one who waited: he comes again, as the last.
        if (!isZkError(error, 'NoNode')) throw error
      }
    }
  } catch (error) {
    throw limit.judged(error, path)
  } finally {
    limit.stop()
  }
}

async function takeTurn(
  zk: Client, dir: string, { created, name, names }: Entry, atOnce: boolean, signal: AbortSignal,
): Promise<Lock> {
  try {
    await waitForTurn(zk, { dir, name, names, atOnce }, signal)
    const lock = await Hold.begin(zk, created.path, created.stat.czxid, signal)
    if (!signal.aborted) return lock
    void lock.release()
    throw aborted(signal)
  } catch (error) {
    const gone = deleteSurely(zk, created.path)
    if (!signal.aborted) await gone
    throw error
  }
}

/** Throws TypeError for what is no way to take a lock. */
export function checkAcquire(options: AcquireOptions): void {
  checkLimit(options, ACQUIRE)
  const { name, layout } = options
  if (name !== undefined && typeof name !== 'string') throw new TypeError('name must be a string')
  if (layout !== undefined && !Object.hasOwn(MARKS, layout)) {
    throw new TypeError(`layout must be one of ${Object.keys(MARKS).join(', ')}`)
  }
}
