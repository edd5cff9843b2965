import type { Client } from '../client/client.ts'
import { checkPath } from '../client/requests.ts'
import { isZkError, ZkError } from '../core/errors.ts'
import { enter } from './entry.ts'
import type { EntryOptions } from './entry.ts'
import { Hold, released } from './hold.ts'
import { Limit } from './limit.ts'
import { acquire, checkAcquire } from './lock.ts'
import type { AcquireOptions } from './lock.ts'
import { aborted, below, retried, unlessOver } from './pause.ts'
import { deleteSurely } from './protected-node.ts'

/** How to take one of some leases. */
export interface LeaseOptions extends Omit<AcquireOptions, 'layout'> {
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
  checkAcquire(rest)
  const { waitMs, ...who } = rest
  const limit = new Limit(zk, rest)
  const { signal } = limit
  const atOnce = waitMs === 0
  try {
    const lock = await acquire(zk, below(path, 'locks'), {
      ...who, signal, layout: 'curator', ...(atOnce ? { waitMs } : {}),
    })
    try {
      for (;;) {
        const lease = await takeLease(zk, below(path, 'leases'), { ...who, leases, atOnce }, signal)
        if (lease !== null) return lease
      }
    } finally {
      await released(zk, [lock])
    }
  } catch (error) {
    throw limit.judged(error, path)
  } finally {
    limit.stop()
  }
}

/** Null when somebody deleted the node while it waited. */
async function takeLease(
  zk: Client, dir: string, wanted: EntryOptions & { readonly leases: number, readonly atOnce: boolean },
  signal: AbortSignal,
): Promise<Hold | null> {
  const { created, name } = await enter(zk, dir, '-lease-', wanted, signal)
  try {
    await untilFew(zk, dir, name, wanted, signal)
    const lease = await Hold.begin(zk, created.path, created.stat.czxid, signal)
    if (!signal.aborted) return lease
    void lease.release()
    throw aborted(signal)
  } catch (error) {
    const gone = deleteSurely(zk, created.path)
    if (!signal.aborted) await gone
    if (isZkError(error, 'NoNode')) return null
    throw error
  }
}

/** Resolves when there are no more nodes than leases. */
async function untilFew(
  zk: Client, dir: string, own: string, { leases, atOnce }: { readonly leases: number, readonly atOnce: boolean },
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const isFull = await retried(zk, signal, async () => {
      let wake: () => void = () => undefined
      const changed = new Promise<void>((resolve) => {
        wake = resolve
      })
      const names = await zk.children(dir, { watch: () => wake() })
      if (!names.includes(own)) throw new ZkError('NoNode', 'its node is gone', { path: below(dir, own) })
      const isMore = names.length > leases
      if (isMore && !atOnce) await unlessOver(zk, changed, signal)
      return isMore
    })
    if (!isFull) return
    if (atOnce) throw new ZkError('OperationTimeout', 'no lease was free', { path: dir })
  }
}
