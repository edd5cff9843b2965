import type { Client } from '../client/client.ts'
import { isZkError } from '../core/errors.ts'
import { Bell } from './bell.ts'
import type { Claims } from './claims.ts'
import { enter } from './entry.ts'
import type { Item } from './item.ts'
import { lineOf } from './line.ts'
import { aborted, below, retried } from './pause.ts'
import { deleteSurely } from './protected-node.ts'

/** Those in front of the line are awake. */
const FRONT = 2
/** The second takes what the first has left for so long: it may stand still, or be dead and its session not yet. */
const GRACE_MS = 250
/** The wall clock may be set, and machines sleep: it is looked at so often while something is due later. */
const LOOK_MS = 60_000

/** One call that waits for an item. */
interface Taker {
  readonly resolve: (item: Item) => void
  readonly reject: (error: unknown) => void
}

/**
 * Where the calls of one program wait for items: it has one place in the line of all programs, and takes for all of
 * its calls when it is in front. So an item that is put wakes two programs, of which one takes it, and one that takes
 * wakes the next two.
 */
export class Desk {
  readonly #zk: Client
  readonly #claims: Claims
  readonly #dir: string
  readonly #name: string
  readonly #bell: Bell
  readonly #takers = new Set<Taker>()
  #giving = new AbortController()
  #isServing = false
  /** What the second in line sees lie, and since when. */
  #left: { readonly name: string, readonly sinceMs: number } | null = null

  constructor(zk: Client, claims: Claims, dir: string, name: string) {
    this.#zk = zk
    this.#claims = claims
    this.#dir = dir
    this.#name = name
    this.#bell = new Bell(zk)
  }

  /** Waits for an item. Errors: Aborted, SessionExpired, Closed, those of the client's calls. */
  take(signal: AbortSignal): Promise<Item> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(aborted(signal))
      const leave = (): void => {
        this.#takers.delete(taker)
        signal.removeEventListener('abort', abort)
      }
      const taker: Taker = {
        resolve: (item) => {
          leave()
          resolve(item)
        },
        reject: (error) => {
          leave()
          reject(error instanceof Error ? error : new Error(String(error)))
        },
      }
      const abort = (): void => {
        taker.reject(aborted(signal))
        if (this.#takers.size === 0) this.#giving.abort()
      }
      signal.addEventListener('abort', abort, { once: true })
      this.#takers.add(taker)
      if (!this.#isServing) void this.#serve()
    })
  }

  async #serve(): Promise<void> {
    this.#isServing = true
    while (this.#takers.size > 0) {
      const { signal } = this.#giving = new AbortController()
      try {
        await this.#serveOnce(signal)
      } catch (error) {
        // Otherwise nobody waited any more; whoever came since is served in the next round.
        if (!signal.aborted) for (const taker of Array.from(this.#takers)) taker.reject(error)
      }
    }
    this.#isServing = false
  }

  /** Until something was taken: at once if nobody waits for it, else in turn. */
  async #serveOnce(signal: AbortSignal): Promise<void> {
    await this.#claims.make(signal)
    if ((await this.#line(signal)).length === 0) {
      const free = await this.#claims.free(this.#zk, signal)
      if (free.length > 0 && await this.#claim(free, null, signal)) return
    }
    const { name, created } = await enter(this.#zk, this.#dir, '__lock__', { name: this.#name }, signal)
    let hasPlace = true
    try {
      while (hasPlace) hasPlace = await this.#stand(name, signal)
    } finally {
      const gone = hasPlace ? deleteSurely(this.#zk, created.path) : null
      if (this.#zk.state === 'connected') await gone
    }
  }

  /** Looks once, and waits for a change; false when the place in line is no more, as something was taken. */
  async #stand(name: string, signal: AbortSignal): Promise<boolean> {
    this.#bell.reset()
    const line = await this.#line(signal)
    const rank = line.indexOf(name)
    if (rank === -1) return false
    let waitMs = Infinity
    if (rank < FRONT) {
      const free = await this.#claims.free(this.#bell, signal)
      const graceMs = rank === 0 ? 0 : this.#graceMs(free[0])
      if (free.length > 0 && graceMs <= 0) return !await this.#claim(free, below(this.#dir, name), signal)
      const { dueInMs } = this.#claims
      const lookInMs = dueInMs === Infinity ? Infinity : Math.min(LOOK_MS, dueInMs)
      waitMs = Math.min(free.length > 0 ? graceMs : Infinity, lookInMs)
    }
    for (const ahead of line.slice(Math.max(0, rank - FRONT), rank)) {
      await retried(this.#zk, signal, () => this.#bell.node(below(this.#dir, ahead)))
    }
    await this.#bell.heard(waitMs, signal)
    return true
  }

  /** How much longer the second in line leaves it to the first. */
  #graceMs(free: string | undefined): number {
    const nowMs = this.#zk.clock.now()
    if (free === undefined) this.#left = null
    else if (this.#left?.name !== free) this.#left = { name: free, sinceMs: nowMs }
    return this.#left === null ? Infinity : GRACE_MS - (nowMs - this.#left.sinceMs)
  }

  /** Takes as many items as there are calls. */
  async #claim(free: readonly string[], place: string | null, signal: AbortSignal): Promise<boolean> {
    const items = await this.#claims.claim(free.slice(0, this.#takers.size), place, signal)
    for (const item of items) {
      const [taker] = this.#takers
      if (taker === undefined) void item.release()
      else taker.resolve(item)
    }
    return items.length > 0
  }

  async #line(signal: AbortSignal): Promise<string[]> {
    try {
      return lineOf(await retried(this.#zk, signal, () => this.#zk.children(this.#dir))).map(({ name }) => name)
    } catch (error) {
      if (isZkError(error, 'NoNode')) return []
      throw error
    }
  }
}
