import type { Client } from '../client/client.ts'
import { checkOptions, checkTypes } from '../client/options.ts'
import { checkPath } from '../client/requests.ts'
import { isZkError, ZkError } from '../core/errors.ts'
import { checkLimit, Limit } from './limit.ts'
import type { LimitOptions } from './limit.ts'
import { below, makeSurely, retried, unlessAborted } from './pause.ts'
import { deleteSurely } from './protected-node.ts'
import { look, READY, shut, Stay } from './stay.ts'
import { uniqueId } from './unique-id.ts'
import { untilPresence } from './until.ts'

/** What a double barrier is for its members. */
export interface DoubleBarrierOptions {
  /** So many must have come before anybody goes on; the same for all. */
  readonly count: number
  /** Who it is, for tools. */
  readonly name?: string
}

/**
 * A place where `count` members begin together, and which they leave together.
 *
 * Promises of `enter`: it opens at one moment, at which `count` members stand in it, and all who stand in it then
 * enter: that moment is one write, which the ensemble refuses unless all those members are there. A member whose
 * session ends, who gives up or runs out of time before that moment does not count, and the others go on waiting for
 * one more; one whose time runs out after it enters all the same. Nobody misses the moment, also if his connection is
 * away then. More than `count` may enter: who comes while it is open enters at once.
 *
 * Promises of `leave`: it resolves when everybody who was in it when it was called has left, or his session has ended.
 * Then the place is as before, and may be entered again, also while others are still on their way out.
 *
 * Does not promise: that a member who entered still lives; the session of one that died counts until it ends. Whoever
 * aborts, or loses his session, may have been counted, and then the others have entered.
 *
 * The one whose coming completes the number opens it, which wakes all; while they leave, the first waits for the last
 * and the others for the first, so that nobody is woken in vain but by a death.
 *
 * Layout: kazoo's DoubleBarrier (`<path>/<32 hex digits>` ephemeral per member, `<path>/ready` while it is open), and
 * mixed fleets can share it. kazoo opens without looking whether the members are still there, and takes `ready` away
 * as soon as the first leaves: with a kazoo in it, a number may be counted of which one is gone, and a member of ours
 * without a connection at that time may miss that it opened. Curator's DistributedDoubleBarrier has the same nodes
 * and can share it too; its `leave` does not wait for the last who is there.
 */
export interface DoubleBarrier {
  readonly path: string
  /**
   * Resolves when it has opened. Errors: OperationTimeout after `waitMs` (nobody counted this one then; without a
   * connection it takes until that is known), Aborted, SessionExpired, Closed, NoAuth.
   */
  enter(options?: LimitOptions): Promise<Stay>
}

/** A double barrier at a path; nothing is read or created before it is used. */
export function doubleBarrierAt(zk: Client, path: string, options: DoubleBarrierOptions): DoubleBarrier {
  checkPath(path)
  checkOptions(options ?? null, ['count', 'name'])
  checkTypes(options, { name: 'string' })
  const { count, name = '' } = options
  if (!Number.isSafeInteger(count) || count < 1) throw new TypeError('count must be a positive integer')
  return Object.freeze<DoubleBarrier>({
    path,
    async enter(limits = {}) {
      checkLimit(limits)
      const limit = new Limit(zk, limits)
      const entrant = new Entrant(zk, path, count, name)
      try {
        return await unlessAborted(entrant.enter(limit.signal, limits.waitMs === 0), limit.signal)
      } catch (error) {
        return await entrant.end(limit.judged(error, path, 'too few came in time'), limits.signal)
      } finally {
        limit.stop()
      }
    },
  })
}

/** What the ensemble says when others came first, or went. */
const REFUSALS = ['NoNode', 'NodeExists', 'BadVersion'] as const

/** One who comes. */
class Entrant {
  readonly #zk: Client
  readonly #dir: string
  readonly #count: number
  readonly #data: string
  readonly #name: string
  readonly #path: string
  readonly #ready: string
  /** The folder as it was seen shut last; its version counts how often it was opened. */
  #shut: { readonly czxid: number, readonly version: number } | null = null

  constructor(zk: Client, dir: string, count: number, data: string) {
    this.#zk = zk
    this.#dir = dir
    this.#count = count
    this.#data = data
    this.#name = uniqueId(zk)
    this.#path = below(dir, this.#name)
    this.#ready = below(dir, READY)
  }

  async enter(signal: AbortSignal, atOnce: boolean): Promise<Stay> {
    await this.#clean(signal)
    await this.#come(signal)
    if (!await this.#open(signal)) await this.#wait(signal, atOnce)
    return this.#stay()
  }

  /** Nothing of this one stays, but if his time is over and it has opened meanwhile: then he enters. */
  async end(error: unknown, signal = new AbortController().signal): Promise<Stay> {
    let reason = error
    try {
      if (isZkError(error, 'OperationTimeout') && await this.#isCounted(signal)) {
        await this.#come(signal)
        return this.#stay()
      }
    } catch (later) {
      reason = later
    }
    const gone = deleteSurely(this.#zk, this.#path)
    // Whoever gives up does not wait for a server that is not there.
    if (this.#zk.state === 'connected') await gone
    throw isZkError(reason, 'Aborted')
      ? new ZkError('Aborted', undefined, { cause: reason.cause, mayHaveHappened: true }) : reason
  }

  /** The node goes; false when it surely did so before the barrier opened. */
  async #isCounted(signal: AbortSignal): Promise<boolean> {
    await unlessAborted(deleteSurely(this.#zk, this.#path), signal)
    // What came before its own write is seen here.
    const { children, version, czxid } = await look(this.#zk, this.#dir, signal)
    // What was opened in another folder, which took the place of this one, did not count this one's node.
    return children.includes(READY) || (czxid === this.#shut?.czxid && version > this.#shut.version)
  }

  #stay(): Stay {
    return new Stay(this.#zk, this.#dir, this.#name)
  }

  /** Takes away what a fleet that died left behind: it is open, and nobody is in it. */
  async #clean(signal: AbortSignal): Promise<void> {
    const { children, version } = await look(this.#zk, this.#dir, signal)
    if (children.length !== 1 || children[0] !== READY) return
    await retried(this.#zk, signal, () => shut(this.#zk, this.#dir, version))
  }

  /** Makes the node, which may be done twice, as nobody else has its name. */
  async #come(signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        await retried(this.#zk, signal, () => this.#zk.create(this.#path, this.#data, { ephemeral: true }))
        return
      } catch (error) {
        if (isZkError(error, 'NodeExists')) return
        if (!isZkError(error, 'NoNode')) throw error
        await makeSurely(this.#zk, this.#dir, 'container', signal)
      }
    }
  }

  /** True when it is open: this one opens it if enough are there. */
  #open(signal: AbortSignal): Promise<boolean> {
    return retried(this.#zk, signal, async () => {
      for (;;) {
        const { children, stat } = await this.#zk.childrenWithStat(this.#dir)
        if (children.includes(READY)) return true
        this.#shut = { czxid: stat.czxid, version: stat.version }
        if (!children.includes(this.#name)) await this.#come(signal)
        else if (children.length < this.#count) return false
        else if (await this.#tryOpen(children)) return true
      }
    })
  }

  /** False when one of them is gone, or somebody else did it. */
  async #tryOpen(names: readonly string[]): Promise<boolean> {
    const { stat, data } = await this.#zk.get(this.#dir)
    const multi = this.#zk.multi()
    for (const name of names) multi.check(below(this.#dir, name))
    multi.set(this.#dir, data, { version: stat.version }).create(this.#ready)
    try {
      await multi.commit()
      return true
    } catch (error) {
      if (REFUSALS.some((code) => isZkError(error, code))) return false
      throw error
    }
  }

  async #wait(signal: AbortSignal, atOnce: boolean): Promise<void> {
    if (await untilPresence(this.#zk, { path: this.#ready, is: 'there', atOnce }, signal)) return
    throw new ZkError('OperationTimeout', 'too few are there', { path: this.#dir })
  }
}
