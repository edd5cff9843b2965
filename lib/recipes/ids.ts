import type { Client } from '../client/client.ts'
import type { CallOptions } from '../client/multi.ts'
import { checkCall } from '../client/multi.ts'
import { checkOptions } from '../client/options.ts'
import { checkPath } from '../client/requests.ts'
import { isZkError, ZkError } from '../core/errors.ts'
import { isLost } from './connection.ts'
import { integerOf } from './counter.ts'
import { backOff, makeSurely, signalOf } from './pause.ts'
import { readSurely } from './surely.ts'
import { Turns } from './turns.ts'

/** How ids are taken. */
export interface IdOptions {
  /** So many ids are taken by one write; what a program does not use of them is lost when it ends. 1,000. */
  readonly block?: number
}

/**
 * Ids that nobody gets twice: whatever crashes, expires or loses its connection, and whoever else takes them with
 * blocks of whatever size. They are safe integers from 1 on, rising within one object, not across several. There are
 * gaps: the rest of a block is lost with the program that took it, and a whole block with an answer that was lost.
 * Ids that were taken already are given without a connection.
 *
 * It does not hold beyond the node's life: who deletes it, or sets it back, begins anew.
 *
 * Layout: the highest id that was taken, as decimal text; none or an empty node is 0. Missing parents are made as
 * containers.
 */
export interface Ids {
  readonly path: string
  /**
   * Errors: ValueInvalid when the node holds no number that is 0 or more, or all safe integers are used up; Aborted,
   * SessionExpired, Closed. A failed call uses up no id that was taken.
   */
  next(options?: CallOptions): Promise<number>
}

/** Ids from a path; nothing is read or created before the first is asked for. */
export function idsAt(zk: Client, path: string, options: IdOptions = {}): Ids {
  checkPath(path)
  checkOptions(options, ['block'])
  const { block = 1_000 } = options
  if (!Number.isSafeInteger(block) || block < 1) throw new TypeError('block must be a positive integer')
  const turns = new Turns()
  let last = 0
  let end = 0
  return Object.freeze<Ids>({
    path,
    next: async (call) => {
      checkCall(call)
      return turns.take(async () => {
        if (last === end) {
          end = await takeBlock(zk, path, block, call?.signal)
          last = end - block
        }
        last += 1
        return last
      }, call?.signal)
    },
  })
}

/** Gives the last id of a block that is ours. */
async function takeBlock(zk: Client, path: string, block: number, signal: AbortSignal | undefined): Promise<number> {
  for (let attempt = 0; ; attempt++) {
    const node = await readSurely(zk, path, attempt > 0, signal)
    if (node === null) {
      await makeSurely(zk, path, 'persistent', signal)
      continue
    }
    const taken = integerOf(path, node)
    const end = taken + block
    if (taken < 0 || !Number.isSafeInteger(end)) {
      throw new ZkError('ValueInvalid', `no ${block} ids follow ${taken}`, { path })
    }
    try {
      await zk.set(path, String(end), { version: node.stat.version, ...signalOf(signal) })
      return end
    } catch (error) {
      // After an unknown outcome the next block is taken: this one may be ours, but nobody else's.
      const isWorthMore = isLost(error) || isZkError(error, 'BadVersion') || isZkError(error, 'NoNode')
      if (!isWorthMore) throw error
    }
    await backOff(zk, attempt, signal)
  }
}
