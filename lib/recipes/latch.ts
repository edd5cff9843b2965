import type { Client } from '../client/client.ts'
import type { CallOptions } from '../client/multi.ts'
import { checkCall } from '../client/multi.ts'
import { checkOptions } from '../client/options.ts'
import { checkPath } from '../client/requests.ts'
import { isZkError, ZkError } from '../core/errors.ts'
import { integerOf } from './counter.ts'
import { checkLimit, Limit } from './limit.ts'
import type { LimitOptions } from './limit.ts'
import { backOff, below } from './pause.ts'
import { commitSurely, makeParents, readSurely } from './surely.ts'
import { Turns } from './turns.ts'
import { untilPresence } from './until.ts'

/** What a latch begins with. */
export interface LatchOptions {
  /** How often it is to be counted down until it opens; the same for all who use it. */
  readonly count: number
}

/**
 * A door that opens when it was counted down to zero, and stays open.
 *
 * Promises: every `countDown` counts exactly once, whatever becomes of the connection; the latch opens in the very
 * change that counts the last one, never earlier, and whoever waits then or comes later goes on. Who counts does not
 * matter, nor whether he is still there: a worker that dies before it counts leaves the latch closed.
 *
 * Does not promise: that it can be used again (take another path); that `remaining` knows of what other sessions
 * counted a moment ago. When the session ends, or the caller aborts, while the answer of `countDown` is missing, it may
 * have counted: the error's `mayHaveHappened` says so.
 *
 * Those who wait look at one node that is created when it opens: a count that is not the last wakes nobody. Calls
 * of one object take turns; those of different sessions compare and set, and step back at random.
 *
 * Layout: ours. Decimal text, what remains, in the node, as a counter has it; a child `open` once it is zero. The first
 * to count creates the node, and missing parents as containers; `zk.delete(path, { recursive: true })` removes it.
 * Neither Curator nor kazoo has such a latch.
 */
export interface Latch {
  readonly path: string
  /** Counts down, by 1 when left out, and gives what remains; 0 and nothing happens when it is open. */
  countDown(n?: number, options?: CallOptions): Promise<number>
  /** Errors of all calls: ValueInvalid for a node that holds no such number; Aborted, SessionExpired, Closed. */
  remaining(options?: CallOptions): Promise<number>
  /** Resolves when it is open. OperationTimeout after `waitMs`; 0 only looks. */
  wait(options?: LimitOptions): Promise<void>
}

/** A latch at a path; nothing is read or created before it is used. */
export function latchAt(zk: Client, path: string, options: LatchOptions): Latch {
  checkPath(path)
  checkOptions(options ?? null, ['count'])
  const { count } = options
  if (!Number.isSafeInteger(count) || count < 1) throw new TypeError('count must be a positive integer')
  const door = below(path, 'open')
  const turns = new Turns()
  return Object.freeze<Latch>({
    path,
    async countDown(n = 1, call) {
      if (!Number.isSafeInteger(n) || n < 1) throw new TypeError('n must be a positive integer')
      checkCall(call)
      let remains = 0
      await turns.take(async () => {
        remains = await countSurely(zk, { path, door, count, n }, call?.signal)
      }, call?.signal)
      return remains
    },
    async remaining(call) {
      checkCall(call)
      const node = await readSurely(zk, path, false, call?.signal)
      return node === null ? count : integerOf(path, node)
    },
    async wait(call = {}) {
      checkLimit(call)
      const limit = new Limit(zk, call)
      try {
        if (await untilPresence(zk, { path: door, is: 'there', atOnce: call.waitMs === 0 }, limit.signal)) return
        throw new ZkError('OperationTimeout', 'the latch is closed', { path })
      } catch (error) {
        throw limit.judged(error, path, 'the latch did not open in time')
      } finally {
        limit.stop()
      }
    },
  })
}

interface Count {
  readonly path: string
  readonly door: string
  /** What a latch that nobody counted has. */
  readonly count: number
  readonly n: number
}

/** Compares and sets as often as it takes; gives what remains. */
async function countSurely(
  zk: Client, { path, door, count, n }: Count, signal: AbortSignal | undefined,
): Promise<number> {
  for (let attempt = 0; ; attempt++) {
    const node = await readSurely(zk, path, attempt > 0, signal)
    const before = node === null ? count : integerOf(path, node)
    if (before <= 0) return 0
    const after = Math.max(0, before - n)
    try {
      await commitSurely(zk, path, (multi) => {
        if (node === null) multi.create(path, String(after))
        else multi.set(path, String(after), { version: node.stat.version })
        if (after === 0) multi.create(door)
      }, signal)
      return after
    } catch (error) {
      if (isZkError(error, 'NodeExists') && error.path === door) return 0
      if (isZkError(error, 'NoNode') && node === null) await makeParents(zk, path, error, signal)
      else if (!isZkError(error, 'BadVersion') && !isZkError(error, 'NodeExists') && !isZkError(error, 'NoNode')) {
        throw error
      }
    }
    await backOff(zk, attempt, signal)
  }
}
