import type { Client } from '../client/client.ts'
import type { NodeData } from '../client/values.ts'
import type { Watcher } from '../client/watcher.ts'
import { isZkError, ZkError } from '../core/errors.ts'
import { isLost, isOver, untilConnected } from './connection.ts'
import { backOff, retried, signalOf } from './pause.ts'

/** The nodes in the order of their paths; null where there is none. */
export type Nodes = readonly (NodeData | null)[]

/** Who hears of the nodes. None may throw. */
export interface LiveNodesOwner {
  /** All nodes at one moment. Moments only go forward; those between two of them may be left out. */
  onNodes(nodes: Nodes): void
  onStale(isStale: boolean): void
  /** The session is over, or the nodes cannot be watched any more: nothing follows. Null: closed as asked. */
  onEnd(error: ZkError | null): void
}

interface Waiter {
  readonly from: number
  readonly done: () => void
}

/**
 * A few nodes, watched: all are read again, in one request and so at one moment, whenever one of them changes. There is
 * one read at a time, and what a session reads never goes back: so the nodes are told in the order of their zxids.
 * It takes servers with persistent watches and multi-reads: Apache ZooKeeper from 3.6 on.
 */
export class LiveNodes {
  readonly #zk: Client
  readonly #paths: readonly string[]
  readonly #owner: LiveNodesOwner
  readonly #closing = new AbortController()
  #watchers: readonly Watcher[] = []
  #offState: () => void = () => undefined
  #last: Nodes | null = null
  /** Changes heard of, and how many of them the last read surely contains. */
  #heard = 0
  #seen = 0
  #isReading = false
  #isStale = true
  #isOver = false
  /** What ended it. */
  #error: ZkError | null = null
  readonly #waiters = new Set<Waiter>()

  /** Resolves when the owner was told the first state. Errors: SessionExpired, Closed, NoAuth, Aborted. */
  static async open(
    zk: Client, paths: readonly string[], owner: LiveNodesOwner, signal: AbortSignal | undefined,
  ): Promise<LiveNodes> {
    return retried(zk, signal, async () => {
      const live = new this(zk, paths, owner)
      try {
        await live.#open(signal)
        return live
      } catch (error) {
        live.close()
        throw error
      }
    })
  }

  private constructor(zk: Client, paths: readonly string[], owner: LiveNodesOwner) {
    this.#zk = zk
    this.#paths = paths
    this.#owner = owner
  }

  /** What was told last may not be the present state: there is no connection that writes, or it is being read. */
  get isStale(): boolean {
    return this.#isStale || this.#isOver || this.#zk.state !== 'connected' || this.#zk.status().readOnly
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Resolves when the owner was told a state as new as this call; or when that may take long, being stale. */
  caughtUp(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#isOver || this.isStale) return resolve()
      this.#waiters.add({ from: this.#heard + 1, done: resolve })
      this.#look()
    })
  }

  close(): void {
    this.#end(null)
  }

  async #open(signal: AbortSignal | undefined): Promise<void> {
    const options = {
      children: false, onItem: () => this.#look(), onEnd: (error: ZkError | null) => this.#end(error),
      ...signalOf(signal),
    }
    this.#isReading = true
    this.#offState = this.#zk.on('state', () => this.#onState())
    this.#watchers = this.#paths.map((path) => this.#zk.watch(path, options))
    await Promise.all(this.#watchers.map((watcher) => watcher.ready()))
    const seen = this.#heard
    const nodes = await retried(this.#zk, signal, () => this.#read(signal))
    if (this.#isOver) throw this.#error ?? new ZkError('Closed')
    this.#tell(nodes, seen)
    this.#isReading = false
    if (this.#heard > seen) void this.#readOn()
  }

  async #read(signal: AbortSignal | undefined): Promise<Nodes> {
    const multi = this.#zk.multiRead()
    for (const path of this.#paths) multi.get(path)
    const results: readonly (NodeData | ZkError)[] = await multi.commit(signalOf(signal))
    return results.map((result) => {
      if (!isZkError(result)) return result as NodeData
      if (result.code === 'NoNode') return null
      throw result
    })
  }

  #look(): void {
    this.#heard += 1
    if (!this.#isReading && !this.#isOver) void this.#readOn()
  }

  async #readOn(): Promise<void> {
    this.#isReading = true
    const { signal } = this.#closing
    for (let attempt = 0; this.#seen < this.#heard && !this.#isOver; attempt++) {
      const seen = this.#heard
      try {
        const nodes = await this.#read(signal)
        if (this.#closing.signal.aborted) break
        this.#tell(nodes, seen)
        attempt = 0
      } catch (error) {
        if (isOver(this.#zk) || signal.aborted) break
        this.#setStale(true)
        // What may not be read is tried again when it changes.
        if (!isLost(error)) this.#seen = seen
        else await this.#untilBack(attempt)
      }
    }
    this.#isReading = false
  }

  async #untilBack(attempt: number): Promise<void> {
    const { signal } = this.#closing
    try {
      await backOff(this.#zk, attempt, signal)
      await untilConnected(this.#zk, signal)
    } catch (error) {
      if (!isZkError(error)) throw error
      // Closed, or the session is over: the loop ends by itself, and whoever is concerned was told.
      this.#heard = this.#seen
    }
  }

  #tell(nodes: Nodes, seen: number): void {
    this.#seen = seen
    const isFresh = this.#zk.state === 'connected' && !this.#zk.status().readOnly
    const isNews = this.#last === null ||
      nodes.some((node, index) => node?.stat.mzxid !== this.#last?.[index]?.stat.mzxid)
    this.#last = nodes
    if (isNews) this.#owner.onNodes(nodes)
    this.#setStale(!isFresh)
    for (const waiter of Array.from(this.#waiters)) {
      if (waiter.from > seen) continue
      this.#waiters.delete(waiter)
      waiter.done()
    }
  }

  #onState(): void {
    if (this.#zk.state === 'connected') this.#look()
    else this.#setStale(true)
  }

  #setStale(isStale: boolean): void {
    if (isStale) this.#release()
    if (isStale === this.#isStale || this.#last === null) return
    this.#isStale = isStale
    this.#owner.onStale(isStale)
  }

  #release(): void {
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    for (const { done } of waiters) done()
  }

  #end(error: ZkError | null): void {
    if (this.#isOver) return
    if (error !== null) this.#setStale(true)
    this.#isOver = true
    this.#error = error
    this.#offState()
    this.#closing.abort()
    for (const watcher of this.#watchers) watcher.close()
    this.#release()
    // Before it has begun, whoever opens it is told.
    if (this.#last !== null) this.#owner.onEnd(error)
  }
}
