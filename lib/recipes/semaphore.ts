import type { Client } from '../client/client.ts'
import { Moment } from '../client/moment.ts'
import { checkPath } from '../client/requests.ts'
import { ZkError } from '../core/errors.ts'
import { isOver } from './connection.ts'
import { Hold } from './hold.ts'
import { acquire } from './lock.ts'
import type { AcquireOptions } from './lock.ts'
import { aborted, retried, signalOf } from './pause.ts'
import { createProtected, deleteSurely } from './protected-node.ts'

/** How to take one of some leases. */
export interface LeaseOptions extends AcquireOptions {
  /** How many there are. All who use one semaphore must say the same; whoever says less waits for more to go. */
  readonly leases: number
}

/**
 * Takes one of `leases` leases at `path`, or waits for one in turn: as `acquire`, but that so many may hold at once.
 * Those who wait stand in line for a lock, and the first of them alone looks at the leases: one that is given back
 * wakes one. A lease that was lost is free when its session has ended. The token rises from lease to lease, but leases
 * overlap: it fences nothing by itself; the guard is that of this lease.
 *
 * Layout: Curator's InterProcessSemaphoreV2 (`<path>/locks`, `<path>/leases/<id>-lease-<number>`), so that both share
 * one. Errors: those of `acquire`.
 */
export async function acquireLease(zk: Client, path: string, options: LeaseOptions): Promise<Hold> {
  checkPath(path)
  const { leases, ...rest } = options ?? {}
  if (!Number.isInteger(leases) || leases < 1) throw new TypeError('leases must be a positive integer')
  const startedMs = zk.clock.now()
  const lock = await acquire(zk, `${path}/locks`, rest)
  try {
    const { waitMs } = rest
    const leftMs = waitMs === undefined ? Infinity : Math.max(0, waitMs - (zk.clock.now() - startedMs))
    return await takeLease(zk, `${path}/leases`, leases, rest, leftMs, lock)
  } finally {
    await lock.release()
  }
}

async function takeLease(
  zk: Client, dir: string, leases: number, options: AcquireOptions, waitMs: number, lock: Hold,
): Promise<Hold> {
  const { name = '', acl, signal } = options
  const sent = Moment.now(zk.clock)
  const own = { dir, mark: '-lease-', data: name, ...signalOf(signal) }
  const created = await createProtected(zk, acl === undefined ? own : { ...own, acl })
  try {
    await untilFew(zk, dir, created.path, leases, waitMs, AbortSignal.any([lock.signal, ...(signal ? [signal] : [])]))
    return await Hold.begin(zk, created.path, created.stat.czxid, sent)
  } catch (error) {
    const gone = deleteSurely(zk, created.path)
    if (signal?.aborted !== true) await gone
    throw error
  }
}

/** Resolves when there are no more nodes than leases. */
async function untilFew(
  zk: Client, dir: string, own: string, leases: number, waitMs: number, signal: AbortSignal,
): Promise<void> {
  const limit = new AbortController()
  const timer = waitMs === Infinity ? null : zk.clock.setTimer(waitMs, () => limit.abort())
  const either = AbortSignal.any([signal, limit.signal])
  try {
    for (;;) {
      const is = await retried(zk, either, async () => {
        let wake: () => void = () => undefined
        const changed = new Promise<void>((resolve) => {
          wake = resolve
        })
        const names = await zk.children(dir, { watch: () => wake() })
        if (!names.includes(own.slice(dir.length + 1))) throw new ZkError('LockLost', 'its node is gone', { path: own })
        if (names.length <= leases) return 'free'
        if (waitMs === 0) return 'full'
        await unless(zk, changed, either)
        return 'changed'
      })
      if (is === 'free') return
      if (is === 'full') throw new ZkError('OperationTimeout', 'no lease was free', { path: dir })
    }
  } catch (error) {
    if (!limit.signal.aborted) throw error
    throw new ZkError('OperationTimeout', 'no lease was free in time', { path: dir, cause: error })
  } finally {
    timer?.cancel()
  }
}

/** What was waited for, unless the signal aborts or the session ends before. */
function unless(zk: Client, waited: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      off()
      signal.removeEventListener('abort', abort)
    }
    const abort = (): void => {
      settle()
      reject(aborted(signal))
    }
    const off = zk.on('state', ({ state }) => {
      if (!isOver(zk)) return
      settle()
      reject(new ZkError(state === 'expired' ? 'SessionExpired' : 'Closed'))
    })
    void waited.then(() => {
      settle()
      resolve()
    })
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
  })
}
