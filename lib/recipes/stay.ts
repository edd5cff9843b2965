import type { Client } from '../client/client.ts'
import { isZkError, ZkError } from '../core/errors.ts'
import { checkLimit, Limit } from './limit.ts'
import type { LimitOptions } from './limit.ts'
import { below, retried, unlessAborted } from './pause.ts'
import { deleteSurely } from './protected-node.ts'
import { untilPresence } from './until.ts'

/** The node that is there while a double barrier is open. */
export const READY = 'ready'

/** What a folder and its stat say of a double barrier. */
export interface Look {
  readonly children: readonly string[]
  readonly version: number
  /** Tells the folder from another one at its path; 0 when it is not there. */
  readonly czxid: number
}

/** Looks into the folder; one that is not there is empty. */
export async function look(zk: Client, dir: string, signal: AbortSignal): Promise<Look> {
  try {
    const { children, stat } = await retried(zk, signal, () => zk.childrenWithStat(dir))
    return { children, version: stat.version, czxid: stat.czxid }
  } catch (error) {
    if (isZkError(error, 'NoNode')) return { children: [], version: 0, czxid: 0 }
    throw error
  }
}

/** Ends what was opened at this version of the folder, unless it ended already: never what was opened after it. */
export async function shut(zk: Client, dir: string, version: number): Promise<void> {
  try {
    await zk.multi().check(dir, version).delete(below(dir, READY)).commit()
  } catch (error) {
    if (!isZkError(error, 'NoNode') && !isZkError(error, 'BadVersion')) throw error
  }
}

/** Somebody is in a double barrier, from the moment at which it opened until he leaves or his session ends. */
export class Stay {
  /** The node of this member. */
  readonly path: string
  readonly #zk: Client
  readonly #dir: string
  readonly #name: string

  /** @internal `enter` makes them. */
  constructor(zk: Client, dir: string, name: string) {
    this.#zk = zk
    this.#dir = dir
    this.#name = name
    this.path = below(dir, name)
  }

  /**
   * Leaves, and resolves when everybody who is in it at this moment has left, or his session has ended. Errors:
   * OperationTimeout after `waitMs`, Aborted, SessionExpired, Closed; this member has left then all the same.
   */
  async leave(options: LimitOptions = {}): Promise<void> {
    checkLimit(options)
    const limit = new Limit(this.#zk, options)
    try {
      await unlessAborted(this.#leave(limit.signal, options.waitMs === 0), limit.signal)
    } catch (error) {
      await this.close()
      throw limit.judged(error, this.#dir, 'somebody was still there')
    } finally {
      limit.stop()
    }
  }

  /**
   * Leaves without waiting for anybody. Resolves when the node is gone; without a connection at once, and it goes with
   * the next one, or with the session. Idempotent, never rejects.
   */
  async close(): Promise<void> {
    const gone = deleteSurely(this.#zk, this.path)
    if (this.#zk.state === 'connected') await gone
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #leave(signal: AbortSignal, atOnce: boolean): Promise<void> {
    // Of those who are in it nobody is overlooked because this session's server lags behind.
    await retried(this.#zk, signal, () => this.#zk.sync(this.#dir))
    const begun = await look(this.#zk, this.#dir, signal)
    // Who comes later stays for another time, and is not waited for.
    const there = new Set(begun.children.filter((name) => name !== READY && name !== this.#name))
    let isIn = true
    for (let { children } = begun; ; { children } = await look(this.#zk, this.#dir, signal)) {
      const names = children.filter((name) => there.has(name)).sort()
      const [first, last] = [names[0], names.at(-1)]
      if (first === undefined || last === undefined) {
        if (isIn) await deleteSurely(this.#zk, this.path)
        const isLast = children.every((name) => name === READY || name === this.#name)
        if (isLast && children.includes(READY)) {
          await retried(this.#zk, signal, () => shut(this.#zk, this.#dir, begun.version))
        }
        return
      }
      // The first waits for the last, the others for the first: so each one who goes wakes one.
      const isFirst = isIn && this.#name < first
      if (isIn && !isFirst) {
        await deleteSurely(this.#zk, this.path)
        isIn = false
      }
      const path = below(this.#dir, isFirst ? last : first)
      if (await untilPresence(this.#zk, { path, is: 'gone', atOnce }, signal)) continue
      throw new ZkError('OperationTimeout', 'somebody is still there', { path: this.#dir })
    }
  }
}
