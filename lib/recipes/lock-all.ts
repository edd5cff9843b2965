import type { Client } from '../client/client.ts'
import { checkPath } from '../client/requests.ts'
import { Guard } from './guard.ts'
import { released } from './hold.ts'
import { Limit } from './limit.ts'
import { acquire, checkAcquire } from './lock.ts'
import type { AcquireOptions, Lock } from './lock.ts'

/** Several locks that are held together. */
export class LockSet {
  /** In the order in which they were asked for. */
  readonly locks: readonly Lock[]
  /** Aborts as soon as one of them is lost or released. */
  readonly signal: AbortSignal
  /** Writes that the ensemble refuses when one of them is not held any more. */
  readonly guard: Guard

  /** @internal `acquireAll` makes them. */
  constructor(zk: Client, locks: readonly Lock[]) {
    this.locks = locks
    this.signal = AbortSignal.any(locks.map(({ signal }) => signal))
    this.guard = new Guard(zk, locks)
  }

  /** True while all are held. */
  get held(): boolean {
    return this.locks.every(({ held }) => held)
  }

  /** For how long all are surely held. */
  get leftMs(): number {
    return Math.min(...this.locks.map(({ leftMs }) => leftMs))
  }

  /** Lets all of them go. Idempotent, never rejects. */
  async release(): Promise<void> {
    await Promise.all(this.locks.map((lock) => lock.release()))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release()
  }
}

/**
 * Takes all the locks or none. They are taken one after the other in the order of their paths, whatever order they are
 * named in, so that two who want the same locks never wait for each other. Should one be lost while others are waited
 * for, all are let go and taken anew. `waitMs` is for all together. Errors: those of `acquire`; none is held then.
 */
export async function acquireAll(
  zk: Client, paths: readonly string[], options: AcquireOptions = {},
): Promise<LockSet> {
  if (!Array.isArray(paths) || paths.length === 0) throw new TypeError('paths must be an array with at least one path')
  checkAcquire(options)
  const all = [...new Set(paths)]
  for (const path of all) checkPath(path)
  const { waitMs, ...who } = options
  const limit = new Limit(zk, options)
  const { signal } = limit
  try {
    for (;;) {
      const set = await takeAll(zk, all, { ...who, signal, ...(waitMs === 0 ? { waitMs } : {}) })
      if (set.held) return set
      await set.release()
    }
  } catch (error) {
    throw limit.judged(error, all[0] ?? '')
  } finally {
    limit.stop()
  }
}

async function takeAll(zk: Client, paths: readonly string[], options: AcquireOptions): Promise<LockSet> {
  const taken = new Map<string, Lock>()
  try {
    for (const path of paths.toSorted((a, b) => (a < b ? -1 : 1))) taken.set(path, await acquire(zk, path, options))
  } catch (error) {
    await released(zk, [...taken.values()])
    throw error
  }
  return new LockSet(zk, paths.map((path) => taken.get(path)!))
}
