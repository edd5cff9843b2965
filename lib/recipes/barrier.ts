import type { Client } from '../client/client.ts'
import type { CallOptions, Multi } from '../client/multi.ts'
import { checkCall } from '../client/multi.ts'
import { checkPath } from '../client/requests.ts'
import { isZkError, ZkError } from '../core/errors.ts'
import { checkLimit, Limit } from './limit.ts'
import type { LimitOptions } from './limit.ts'
import { retried, signalOf } from './pause.ts'
import { commitSurely, makeParents } from './surely.ts'
import { untilPresence } from './until.ts'

/**
 * Something that is closed or open: while it is set, those who come wait; when it is lifted, all of them go on.
 *
 * Promises: one moment divides all who wait. Whoever waits when the barrier is lifted goes on, even when it is set
 * again at once; whoever comes while it is set waits. `set` and `lift` happen exactly once each, whatever becomes of
 * the connection: a repetition never undoes what somebody else did meanwhile. A barrier outlives whoever set it.
 *
 * Does not promise: that a session which has just heard of the barrier from elsewhere sees it (`zk.sync(path)` first).
 * When the session ends, or the caller aborts, while the answer of `set` or `lift` is missing, it may have happened:
 * the error's `mayHaveHappened` says so.
 *
 * Every waiter is told when it is lifted, and nobody before. Layout: kazoo's Barrier and Curator's DistributedBarrier,
 * a node that is there while the barrier is set. Missing parents are made as containers. It takes the rights to create
 * and delete children of the parent: for a moment `set` and `lift` have a node of their own beside the barrier.
 */
export interface Barrier {
  readonly path: string
  /** Closes it. False when it was closed already. Errors of all calls: Aborted, SessionExpired, Closed, NoAuth. */
  set(options?: CallOptions): Promise<boolean>
  /** Opens it. False when it was open already. */
  lift(options?: CallOptions): Promise<boolean>
  isSet(options?: CallOptions): Promise<boolean>
  /** Resolves when it is open. OperationTimeout after `waitMs`; 0 only looks. */
  wait(options?: LimitOptions): Promise<void>
}

/** A barrier at a path; nothing is read or created before it is used. Errors: BadArguments for `/`. */
export function barrierAt(zk: Client, path: string): Barrier {
  checkPath(path)
  if (path === '/') throw new ZkError('BadArguments', 'the root cannot be a barrier', { path })
  const parent = path.slice(0, path.lastIndexOf('/')) || '/'
  const change = async (
    add: (multi: Multi) => void, refusal: 'NodeExists' | 'NoNode', options: CallOptions | undefined,
  ): Promise<boolean> => {
    checkCall(options)
    try {
      await commitSurely(zk, parent, add, options?.signal)
      return true
    } catch (error) {
      if (isZkError(error, refusal)) return false
      throw error
    }
  }
  return Object.freeze<Barrier>({
    path,
    async set(options) {
      for (;;) {
        try {
          return await change((multi) => void multi.create(path), 'NodeExists', options)
        } catch (error) {
          if (!isZkError(error, 'NoNode')) throw error
          await makeParents(zk, path, error, options?.signal)
        }
      }
    },
    lift: (options) => change((multi) => void multi.delete(path), 'NoNode', options),
    async isSet(options) {
      checkCall(options)
      return await retried(zk, options?.signal, () => zk.exists(path, signalOf(options?.signal))) !== null
    },
    async wait(options = {}) {
      checkLimit(options)
      const limit = new Limit(zk, options)
      try {
        if (await untilPresence(zk, { path, is: 'gone', atOnce: options.waitMs === 0 }, limit.signal)) return
        throw new ZkError('OperationTimeout', 'the barrier is set', { path })
      } catch (error) {
        throw limit.judged(error, path, 'the barrier was not lifted in time')
      } finally {
        limit.stop()
      }
    },
  })
}
