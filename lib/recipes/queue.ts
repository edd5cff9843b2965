import type { Client } from '../client/client.ts'
import type { CallOptions } from '../client/multi.ts'
import { checkCall } from '../client/multi.ts'
import { checkOptions, checkTypes } from '../client/options.ts'
import { checkPath } from '../client/requests.ts'
import type { Data, NodeData } from '../client/values.ts'
import { isZkError, ZkError } from '../core/errors.ts'
import { Claims } from './claims.ts'
import { Desk } from './desk.ts'
import type { Item } from './item.ts'
import { checkLimit, Limit } from './limit.ts'
import type { LimitOptions } from './limit.ts'
import { retried, signalOf, unlessAborted } from './pause.ts'
import { LAST_MS, LAST_PRIORITY, PRIORITY, QueueLayout } from './queue-layout.ts'
import { commitSurely, readSurely } from './surely.ts'

/** What a queue is for its users. */
export interface QueueOptions {
  /** More items than that are not put: Overloaded. 10,000 when left out. */
  readonly maxItems?: number
  /** An item that was taken so often and not done goes to the queue at `<path>/dead`. Never when left out. */
  readonly maxDeliveries?: number
  /** Who takes, for tools. */
  readonly name?: string
}

/** How an item is put. */
export interface PutOptions extends CallOptions {
  /** 0 to 999; a smaller one is taken first. 100 when left out. */
  readonly priority?: number
  /** Nobody gets it before so long. */
  readonly delayMs?: number
  /** Nobody gets it before this moment: a date, or ms since 1970. */
  readonly at?: Date | number
}

/** How many items there are: a picture of one moment. */
export interface QueueSize {
  /** Nobody has them. */
  readonly waiting: number
  /** Somebody has them. */
  readonly taken: number
  /** Their time had not come when they were put, and nobody has moved them to the others since. */
  readonly delayed: number
}

const OPTIONS: readonly string[] = ['maxItems', 'maxDeliveries', 'name']
const PUT_OPTIONS: readonly string[] = ['signal', 'priority', 'delayMs', 'at']
const MAX_ITEMS = 10_000

/**
 * Work for many to take, each item by one of them at a time.
 *
 * Promises:
 * - An item that was put (the call resolved) is delivered until it is done: at least once, and again whenever whoever
 *   had it gave it back, or lost his session. Putting happens exactly once, whatever becomes of the connection.
 * - At most one consumer has an item: `item.held`, `item.signal`, `item.guard` and `item.token` hold as those of a lock
 *   do. `item.done()` removes it while it is held, or not at all.
 * - Of those that nobody has, the smallest priority is taken first, and the oldest within a priority. So one consumer
 *   gets them in this order; an item that was given back keeps its place.
 * - A program that stands still or dies while it waits keeps nothing from the others for more than a moment; one that
 *   dies while it has an item keeps that until its session ends.
 *
 * Does not promise: exactly-once work (what an item leads to outside of the tree may be done, and the item not yet);
 * that items are done in their order when several consumers work at them. When the session ends, or the caller aborts,
 * while the answer of `put` is missing, it may have happened: the error's `mayHaveHappened` says so.
 *
 * Delays go by wall clocks: `delayMs` is added to that of whoever puts, and whoever takes compares with his own; an
 * item is as early or late as these differ. It comes behind the items of its priority that are there at its time. Items
 * are moved by those who take: while nobody of this package waits they stay, and kazoo sees them only then.
 *
 * No herd: programs that wait stand in line, and the first two are awake. An item that is put wakes these, of which one
 * takes it. Whoever comes while nobody waits takes at once; several who do that at the same moment may each try once in
 * vain. All calls of one object share a place in line, and may be given several items by one request.
 *
 * Limits: ZooKeeper is no message broker. Everything is in memory on every peer, each take reads the names of all
 * items (about 24 bytes each), and such a list must fit a frame: with a jute.maxbuffer of 1 MiB no more than about
 * 40,000 items. So `maxItems` bounds what is put, by a few more when several put at once. An item is about 1 MB at
 * most, and best far below; its bytes are written once more with every delivery, which is how deliveries are counted
 * (of items above 900,000 bytes they are not). After 2³¹ items the numbers of the names end.
 *
 * Layout: kazoo's LockingQueue, and mixed fleets can share it: `<path>/entries/entry-<priority>-<number>`, and while
 * somebody has an item an ephemeral node of the same name in `<path>/taken`. kazoo's own takes are not counted as
 * deliveries, and race for every item. Ours are `<path>/delayed`, the line `<path>/takers` (see `contenders`) and the
 * queue `<path>/dead`. The folders stay when they are empty. Servers: any of ZooKeeper's protocol from 3.6 on.
 */
export class Queue {
  readonly path: string
  readonly #zk: Client
  readonly #layout: QueueLayout
  readonly #claims: Claims
  readonly #desk: Desk
  readonly #maxItems: number

  /** @internal `queueAt` makes them. */
  constructor(zk: Client, path: string, { maxItems = MAX_ITEMS, maxDeliveries = Infinity, name = '' }: QueueOptions) {
    this.#zk = zk
    this.path = path
    this.#layout = new QueueLayout(path)
    this.#claims = new Claims(zk, this.#layout, maxDeliveries)
    this.#desk = new Desk(zk, this.#claims, this.#layout.takers, name)
    this.#maxItems = maxItems
  }

  /**
   * Puts an item behind those of its priority. Errors: Overloaded when it is full; those of create; ConnectionLoss when
   * five connections did not survive it, as it may be more than the server takes.
   */
  put(data: Data, options?: PutOptions): Promise<void> {
    return this.putAll([data], options)
  }

  /** Puts several items in this order, all or none: they must fit one request. Otherwise as `put`. */
  async putAll(all: readonly Data[], options: PutOptions = {}): Promise<void> {
    if (!Array.isArray(all)) throw new TypeError('the items must be an array')
    const path = this.#claims.path(...this.#placed(options))
    const { signal } = options
    await this.#claims.make(signal)
    for (;;) {
      await this.#checkRoom(all.length, signal)
      try {
        await commitSurely(this.#zk, this.path, (multi) => {
          for (const data of all) multi.create(path, data, { sequential: true })
        }, signal)
        return
      } catch (error) {
        if (!isZkError(error, 'NoNode')) throw error
        await this.#claims.make(signal, true)
      }
    }
  }

  /**
   * Takes the first item that nobody has, or waits for one. Errors: OperationTimeout after `waitMs` (0 does not wait),
   * Aborted, SessionExpired, Closed, NoAuth. Whoever gives up has taken nothing.
   */
  async take(options: LimitOptions = {}): Promise<Item> {
    checkLimit(options)
    const limit = new Limit(this.#zk, options)
    try {
      if (options.waitMs !== 0) return await this.#desk.take(limit.signal)
      const item = await this.#takeNow(limit.signal)
      if (item !== null) return item
      throw new ZkError('OperationTimeout', 'there is no item', { path: this.path })
    } catch (error) {
      throw limit.judged(error, this.path, 'there was no item in time')
    } finally {
      limit.stop()
    }
  }

  /**
   * Takes one item after the other, for `for await`; whoever is done with one says so by `item.done()`. Leaving the
   * loop gives the last one back if it is not done. It throws what `take` does.
   */
  async* items(options?: CallOptions): AsyncGenerator<Item, undefined, undefined> {
    checkCall(options)
    for (;;) {
      const item = await this.take(signalOf(options?.signal))
      let isLeft = true
      try {
        yield item
        isLeft = false
      } finally {
        if (isLeft) await item.release()
      }
    }
  }

  /** The item that would be taken next, without taking it; null when there is none. Errors: those of get. */
  async peek(options?: CallOptions): Promise<NodeData | null> {
    checkCall(options)
    await this.#claims.make(options?.signal)
    for (;;) {
      const [name] = await this.#claims.free(this.#zk, options?.signal)
      if (name === undefined) return null
      const node = await readSurely(this.#zk, this.#layout.entry(name), false, options?.signal)
      if (node !== null) return node
    }
  }

  async size(options?: CallOptions): Promise<QueueSize> {
    checkCall(options)
    const { entries, taken, delayed } = this.#layout
    // In this order one that becomes due between two answers may count twice, but is never overlooked.
    const [later, all, held] = await this.#count([delayed, entries, taken], options?.signal)
    return { waiting: Math.max(0, all! - held!), taken: held!, delayed: later! }
  }

  async #takeNow(signal: AbortSignal): Promise<Item | null> {
    await this.#claims.make(signal)
    for (;;) {
      const free = await this.#claims.free(this.#zk, signal)
      if (free.length === 0) return null
      const claiming = this.#claims.claim(free.slice(0, 1), null, signal)
      try {
        const [item] = await unlessAborted(claiming, signal)
        if (item !== undefined) return item
      } catch (error) {
        // Whoever gives up does not wait for a server that is not there; what he may have taken is given back.
        if (signal.aborted) void claiming.then((items) => items.map((item) => item.release()), nothingTaken)
        throw error
      }
    }
  }

  /** The priority, and when it is due. */
  #placed(options: PutOptions): [priority: number, dueMs: number | null] {
    checkCall(options, PUT_OPTIONS)
    const { priority = PRIORITY, delayMs, at } = options
    if (!Number.isInteger(priority) || priority < 0 || priority > LAST_PRIORITY) {
      throw new TypeError(`priority must be an integer from 0 to ${LAST_PRIORITY}`)
    }
    if (delayMs === undefined && at === undefined) return [priority, null]
    if (delayMs !== undefined && at !== undefined) throw new TypeError('delayMs and at exclude each other')
    const dueMs = Math.ceil(delayMs === undefined ? Number(at) : this.#zk.clock.wall() + delayMs)
    if (!(dueMs >= 0 && dueMs <= LAST_MS) || (delayMs !== undefined && delayMs < 0)) {
      throw new TypeError('delayMs must be 0 or more, and at a date or ms since 1970')
    }
    return [priority, dueMs]
  }

  async #checkRoom(wanted: number, signal: AbortSignal | undefined): Promise<void> {
    const { entries, delayed } = this.#layout
    const [all, later] = await this.#count([entries, delayed], signal)
    if (all! + later! + wanted <= this.#maxItems) return
    throw new ZkError('Overloaded', `the queue is full: ${this.#maxItems} items`, { path: this.path })
  }

  /** How many children there are. */
  #count(paths: readonly string[], signal: AbortSignal | undefined): Promise<number[]> {
    return retried(this.#zk, signal, () => Promise.all(paths.map(async (path) =>
      (await this.#zk.exists(path, signalOf(signal)))?.numChildren ?? 0)))
  }
}

/** The session is over, or the claim was refused. */
function nothingTaken(): void {
  // There is nothing to give back.
}

/** A queue at a path; nothing is read or created before it is used. See `Queue`. */
export function queueAt(zk: Client, path: string, options: QueueOptions = {}): Queue {
  checkPath(path)
  checkOptions(options, OPTIONS)
  checkTypes(options, { name: 'string' })
  for (const name of ['maxItems', 'maxDeliveries'] as const) {
    const value = options[name]
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 1)) {
      throw new TypeError(`${name} must be a positive integer`)
    }
  }
  return new Queue(zk, path, options)
}
