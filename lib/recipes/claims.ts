import type { Client } from '../client/client.ts'
import { Moment } from '../client/moment.ts'
import type { CreatedInMulti } from '../client/outcomes.ts'
import { NodeData } from '../client/values.ts'
import { isZkError } from '../core/errors.ts'
import { isLost, untilConnected } from './connection.ts'
import { Hold } from './hold.ts'
import { Item } from './item.ts'
import { Lifeline } from './lifeline.ts'
import { below, retried, signalOf } from './pause.ts'
import { delayedPrefix, dueOf, entryPrefix, priorityOf, QueueLayout } from './queue-layout.ts'
import { uniqueId } from './unique-id.ts'

/** Items that are claimed, or moved, in one request at most ... */
const BATCH = 16
/** ... and their bytes. */
const BATCH_BYTES = 400_000
/** The deliveries of a larger item are not counted: together with a claim it might not fit a request. */
const COUNTED_BYTES = 900_000

/** Whoever reads lists of children. */
export interface Reader {
  children(path: string): Promise<string[]>
}

/** An item that nobody had when it was read. */
interface Candidate {
  readonly name: string
  readonly node: NodeData
}

/** What others, who were faster, make of a claim. */
const REFUSALS = ['NodeExists', 'NoNode', 'BadVersion'] as const

/** The items of a queue, and how a session takes them. */
export class Claims {
  readonly layout: QueueLayout
  readonly #zk: Client
  readonly #maxDeliveries: number
  #isMade = false
  #dueMs = Infinity

  constructor(zk: Client, layout: QueueLayout, maxDeliveries: number) {
    this.#zk = zk
    this.layout = layout
    this.#maxDeliveries = maxDeliveries
  }

  /** Makes the folders if that was not done yet. */
  async make(signal: AbortSignal | undefined, isAgain = false): Promise<void> {
    if (this.#isMade && !isAgain) return
    await this.layout.make(this.#zk, signal)
    this.#isMade = true
  }

  /** In how long the next item will be due, as the last look saw it, by the wall clock of this program. */
  get dueInMs(): number {
    return Math.max(1, this.#dueMs - this.#zk.clock.wall())
  }

  /** Names of the items that nobody has, the first first; those that are due are among them. */
  async free(reader: Reader, signal: AbortSignal | undefined): Promise<string[]> {
    for (;;) {
      try {
        const [entries, taken, delayed] = await retried(this.#zk, signal, () => Promise.all([
          reader.children(this.layout.entries), reader.children(this.layout.taken),
          reader.children(this.layout.delayed),
        ]))
        if (await this.#moveDue(delayed.sort(byName), signal)) continue
        const claimed = new Set(taken)
        return entries.filter((name) => !claimed.has(name)).sort(byName)
      } catch (error) {
        if (!isZkError(error, 'NoNode')) throw error
        await this.make(signal, true)
      }
    }
  }

  /** Puts items that are due behind the others of their priority; true when there were some. */
  async #moveDue(delayed: readonly string[], signal: AbortSignal | undefined): Promise<boolean> {
    const nowMs = this.#zk.clock.wall()
    const due = delayed.filter((name) => dueOf(name) <= nowMs).slice(0, BATCH)
    const next = delayed[due.length]
    this.#dueMs = next === undefined ? Infinity : dueOf(next)
    await Promise.all((await this.#read(due.map((name) => this.layout.later(name)), signal)).map(
      ({ name, node }) => this.#move(this.layout.later(name), node, this.layout.entries, signal)))
    return due.length > 0
  }

  /** Moves a node that nobody has into a folder of items; it is in one of the two, whatever becomes of the answer. */
  async #move(from: string, node: NodeData, folder: string, signal: AbortSignal | undefined): Promise<void> {
    const to = below(folder, entryPrefix(priorityOf(from.slice(from.lastIndexOf('/') + 1))))
    try {
      await retried(this.#zk, signal, () => this.#zk.multi()
        .delete(from, { version: node.stat.version })
        .create(to, node.isNull ? null : node.data, { sequential: true }).commit(signalOf(signal)))
    } catch (error) {
      if (!REFUSALS.some((code) => isZkError(error, code))) throw error
    }
  }

  /** What is at these paths; those that are gone are left out. */
  async #read(paths: readonly string[], signal: AbortSignal | undefined): Promise<Candidate[]> {
    if (paths.length === 0) return []
    const results: readonly unknown[] = await retried(this.#zk, signal, () => {
      const multi = this.#zk.multiRead()
      for (const path of paths) multi.get(path)
      return multi.commit(signalOf(signal))
    })
    return results.flatMap((node, index) => {
      const path = paths[index]!
      if (node instanceof NodeData) return [{ name: path.slice(path.lastIndexOf('/') + 1), node }]
      if (!isZkError(node, 'NoNode')) throw node
      return []
    })
  }

  /**
   * Takes these items if nobody else has, all or none, and leaves the place in line with them. Empty when others were
   * faster. Errors: SessionExpired, Closed, NoAuth.
   */
  async claim(names: readonly string[], place: string | null, signal: AbortSignal | undefined): Promise<Item[]> {
    const read = await this.#read(names.slice(0, BATCH).map((name) => this.layout.entry(name)), signal)
    const worn = read.filter(({ node }) => node.stat.version >= this.#maxDeliveries)
    if (worn.length > 0) {
      await this.#bury(worn, signal)
      return []
    }
    let bytes = 0
    const some = read.filter(({ node }, index) => (bytes += node.stat.dataLength) <= BATCH_BYTES || index === 0)
    if (some.length === 0) return []
    const czxids = await this.#tryClaim(some, place)
    if (czxids === null) return []
    const items = await Promise.all(some.map((candidate, index) => this.#begin(candidate, czxids[index]!)))
    return items.filter((item) => item !== null)
  }

  /** Null when somebody deleted the claim. */
  async #begin({ name, node }: Candidate, czxid: number): Promise<Item | null> {
    const { signal } = new AbortController()
    try {
      const hold = await Hold.begin(this.#zk, this.layout.claim(name), czxid, signal)
      const deliveries = isCounted(node) ? node.stat.version + 1 : 1
      return new Item(this.#zk, this.layout, { name, node, deliveries, hold })
    } catch (error) {
      if (isZkError(error, 'NoNode')) return null
      throw error
    }
  }

  /** The czxids of the claims; null when others were faster. */
  async #tryClaim(some: readonly Candidate[], place: string | null): Promise<readonly number[] | null> {
    const id = uniqueId(this.#zk)
    const multi = this.#zk.multi()
    for (const { name, node } of some) {
      const { version } = node.stat
      // The version of an item counts its deliveries.
      if (isCounted(node)) multi.set(this.layout.entry(name), node.isNull ? null : node.data, { version })
      else multi.check(this.layout.entry(name), version)
    }
    for (const { name } of some) multi.createWithStat(this.layout.claim(name), id, { ephemeral: true })
    if (place !== null) multi.delete(place)
    const sent = Moment.now(this.#zk.clock)
    try {
      const results: readonly unknown[] = await multi.commit()
      Lifeline.of(this.#zk).credit(sent)
      const claims = results.slice(some.length, 2 * some.length).map((result) => (result as CreatedInMulti).stat?.czxid)
      if (claims.every((czxid) => czxid !== undefined)) return claims
    } catch (error) {
      if (REFUSALS.some((code) => isZkError(error, code))) return null
      if (!isLost(error)) throw error
      await untilConnected(this.#zk)
      if (!isZkError(error) || !error.mayHaveHappened) return null
    }
    return this.#claimed(some, id)
  }

  /** After an answer that was lost, or had no stats: the czxids of the claims if they are this session's. */
  async #claimed(some: readonly Candidate[], id: string): Promise<readonly number[] | null> {
    await retried(this.#zk, undefined, () => this.#zk.sync(this.layout.taken))
    const claims = await this.#read(some.map(({ name }) => this.layout.claim(name)), undefined)
    const ours = claims.filter(({ node }) => node.text() === id)
    return ours.length < some.length ? null : ours.map(({ node }) => node.stat.czxid)
  }

  /** Moves items that were delivered too often to the queue of the dead. */
  async #bury(worn: readonly Candidate[], signal: AbortSignal | undefined): Promise<void> {
    const dead = new QueueLayout(this.layout.dead)
    await dead.make(this.#zk, signal)
    await Promise.all(worn.map(({ name, node }) => this.#move(this.layout.entry(name), node, dead.entries, signal)))
  }

  /** Where an item is put: `dueMs` is null for one that may be taken at once. */
  path(priority: number, dueMs: number | null): string {
    return dueMs === null ? below(this.layout.entries, entryPrefix(priority))
      : below(this.layout.delayed, delayedPrefix(dueMs, priority))
  }
}

function isCounted(node: NodeData): boolean {
  return node.stat.dataLength <= COUNTED_BYTES
}

/** As kazoo sorts them, too. */
function byName(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}
