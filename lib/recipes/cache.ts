import type { Client } from '../client/client.ts'
import type { CallOptions } from '../client/multi.ts'
import { checkCall } from '../client/multi.ts'
import { offAbort, onAbort } from '../client/on-abort.ts'
import { checkPath } from '../client/requests.ts'
import type { NodeData } from '../client/values.ts'
import type { Watcher } from '../client/watcher.ts'
import type { WatchItem } from '../client/watch-items.ts'
import { isZkError, ZkError } from '../core/errors.ts'
import { CacheChanges } from './cache-changes.ts'
import { checkCache } from './cache-options.ts'
import type { CacheChange, CacheEvents, CacheOptions } from './cache-options.ts'
import { CacheReads } from './cache-reads.ts'
import type { Reading } from './cache-reads.ts'
import { isOver } from './connection.ts'
import { Listeners } from './listeners.ts'
import { detached, NodeTable } from './node-table.ts'
import { aborted, below, retried, signalOf } from './pause.ts'

/** Readings that may wait besides as many as there may be nodes. */
const SPARE_READINGS = 65_536
/** What the name of a child takes in a list, more or less. */
const NAME_BYTES = 24

/** A live local copy of a node, or of a subtree. */
export class Cache implements Iterable<[path: string, node: NodeData]> {
  readonly path: string
  /** Resolves when the first copy is complete, which `cacheOf` waits for. Never rejects. */
  readonly ready: Promise<void>
  readonly #zk: Client
  readonly #options: CacheOptions
  readonly #recursive: boolean
  readonly #maxNodes: number
  readonly #maxBytes: number
  readonly #table: NodeTable
  readonly #reads: CacheReads
  readonly #listeners: Listeners<CacheEvents>
  /** Told when the cache has ended, and before the listeners. */
  readonly #endings = new Set<(error: ZkError | null) => void>()
  #watcher: Watcher | null = null
  #offState: () => void = () => undefined
  #offFresh: () => void = () => undefined
  #onReady: () => void = () => undefined
  #isReady = false
  #isStale = true
  #over: { readonly error: ZkError | null } | null = null

  /** @internal `cacheOf` makes them. */
  constructor(zk: Client, path: string, options: CacheOptions) {
    this.#zk = zk
    this.path = path
    this.#options = options
    this.#recursive = options.recursive ?? true
    const { maxNodes, maxBytes } = checkCache(options)
    this.#maxNodes = maxNodes
    this.#maxBytes = maxBytes
    this.ready = new Promise((resolve) => { this.#onReady = resolve })
    this.#table = new NodeTable(path)
    this.#listeners = new Listeners<CacheEvents>(['change', 'stale', 'end'], options.logger)
    this.#reads = new CacheReads(zk, {
      onNode: (reading, node) => this.#onNode(reading, node),
      onNames: (reading, names) => this.#onNames(reading, names),
      onFailed: (error) => this.#end(error),
    }, options.data ?? true)
  }

  // --- the copy ----------------------------------------------------------------------------------------------------

  /** The node as it is known; undefined when there is none, or it may not be read. */
  get(path: string): NodeData | undefined {
    return this.#table.get(path)
  }

  has(path: string): boolean {
    return this.#table.has(path)
  }

  /** Names of the known children, sorted by their code units. */
  children(path: string): string[] {
    return [...this.#table.names(path)]
  }

  /**
   * A node and everything below it (all that is known when left out) in the order of the tree: each node before those
   * below it, siblings by name. What comes and goes during the walk may be seen or not.
   */
  entries(path: string = this.path): IterableIterator<[path: string, node: NodeData]> {
    return this.#table.entries(path)
  }

  [Symbol.iterator](): IterableIterator<[path: string, node: NodeData]> {
    return this.entries()
  }

  /** How many nodes there are in the copy. */
  get size(): number {
    return this.#table.size
  }

  /** Bytes of data and characters of paths in the copy. */
  get bytes(): number {
    return this.#table.bytes
  }

  /**
   * The copy is not surely the present state: there is no connection, or none that writes; it is read again after
   * changes were missed; or the cache has ended. What is told by `stale` comes at the same moments.
   */
  get isStale(): boolean {
    return this.#isStale || this.#over !== null || !this.#hasServer
  }

  /** Calls back at every such event, in their order, until the returned function is called. */
  on<Name extends keyof CacheEvents>(event: Name, listener: (...given: CacheEvents[Name]) => void): () => void {
    return this.#listeners.on(event, listener)
  }

  /** The changes from now on, one after the other, for `for await`. See `CacheChanges`. */
  changes(options?: CallOptions & { readonly bufferItems?: number }): CacheChanges {
    return new CacheChanges(this, options)
  }

  /**
   * Resolves when the copy holds everything that was written anywhere, and acknowledged, before this call. Waits for a
   * connection when there is none. Errors: Aborted; whatever ends the cache.
   */
  async caughtUp(options?: CallOptions): Promise<void> {
    checkCall(options)
    const signal = options?.signal
    this.#check()
    // What was changed before the answer to it was heard of before the answer.
    await this.#until(signal, (done, refuse) => {
      retried(this.#zk, signal, () => this.#zk.sync(this.path, signalOf(signal))).then(done, refuse)
    })
    this.#check()
    await this.#until(signal, (done) => this.#reads.after(this.#reads.endTurn(), done))
  }

  /** Stops watching; the copy stays as it is, for good. Idempotent, never rejects. */
  close(): Promise<void> {
    this.#end(null)
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** @internal */
  get isOver(): boolean {
    return this.#over !== null
  }

  /** @internal */
  get error(): ZkError | null {
    return this.#over?.error ?? null
  }

  /** @internal */
  async open(): Promise<void> {
    const { signal } = this.#options
    try {
      this.#watcher = await retried(this.#zk, signal, () => this.#watch(signal))
      this.#check()
      this.#offState = this.#zk.on('state', () => this.#onState())
      this.#readAnew()
      await this.#until(signal, (done) => void this.ready.then(done))
    } catch (error) {
      this.#end(null)
      throw signal?.aborted === true ? aborted(signal) : error
    }
  }

  // --- what is heard -----------------------------------------------------------------------------------------------

  /** Resolves when the server watches. */
  async #watch(signal: AbortSignal | undefined): Promise<Watcher> {
    let isReady = false
    let ended: { readonly error: ZkError | null } | null = null
    const watcher = this.#zk.watch(this.path, {
      recursive: this.#recursive, children: false, ...signalOf(signal),
      onItem: (item) => this.#onItem(item),
      onEnd: (error) => {
        ended = { error }
        if (isReady) this.#onWatchEnd(ended)
      },
    })
    // One that could not be begun ends, too: it rejects here, and is begun again when the connection was the cause.
    try {
      await watcher.ready()
    } catch (error) {
      if (!isZkError(error, 'Unimplemented')) throw error
      const message = 'a cache needs persistent watches, which Apache ZooKeeper has from 3.6 on'
      throw new ZkError('Unimplemented', message, { path: this.path, cause: error })
    }
    isReady = true
    if (ended !== null) this.#onWatchEnd(ended)
    return watcher
  }

  #onWatchEnd({ error }: { readonly error: ZkError | null }): void {
    if (isZkError(error, 'Aborted')) this.#end(null)
    else this.#end(error ?? new ZkError(isOver(this.#zk) ? 'Closed' : 'NoWatcher', undefined, { path: this.path }))
  }

  #onItem(item: WatchItem): void {
    if (this.#over !== null) return
    if (item.type === 'gap') this.#readAnew()
    else if (this.#table.takes(item.path)) this.#ask(item.path)
    // What is found missing when its parent is read need not be asked for.
    else if (item.type !== 'deleted') this.#askAbove(item.path)
  }

  #onState(): void {
    if (this.#hasServer) {
      this.#ask(this.path)
      this.#expectFresh()
    } else {
      this.#setStale(true)
    }
  }

  get #hasServer(): boolean {
    return this.#zk.state === 'connected' && !this.#zk.status().readOnly
  }

  /** Changes may have been missed: all that is known is compared with what there is. */
  #readAnew(): void {
    this.#ask(this.path, { isDeep: true })
    this.#expectFresh()
  }

  /** Stale until what was asked for so far is read. Watches are armed again before any read on a new connection. */
  #expectFresh(): void {
    this.#setStale(true)
    this.#offFresh()
    this.#offFresh = this.#reads.after(this.#reads.endTurn(), () => {
      if (this.#hasServer) this.#setStale(false)
      this.#isReady = true
      this.#onReady()
    })
  }

  #setStale(isStale: boolean): void {
    if (isStale === this.#isStale) return
    this.#isStale = isStale
    this.#listeners.emit('stale', isStale)
  }

  // --- reading -----------------------------------------------------------------------------------------------------

  #ask(path: string, { isDeep = false, turn }: { isDeep?: boolean, turn?: number } = {}): void {
    const known = this.#options.data === false ? undefined : this.#table.get(path)
    if (known === undefined && !this.#isWanted(path)) return
    this.#reads.ask(path, 'node', {
      isDeep, ...(turn === undefined ? {} : { turn }), ...(known === undefined ? {} : { bytes: known.stat.dataLength }),
    })
    if (this.#reads.waiting > this.#maxNodes + SPARE_READINGS) this.#overflow('changes come faster than they are read')
  }

  /** The node cannot be there without its parent: it is found when the topmost missing node above it is. */
  #askAbove(path: string): void {
    let missing = path
    for (let at = this.#table.parentOf(path); at !== null && !this.#table.has(at); at = this.#table.parentOf(at)) {
      missing = at
    }
    this.#ask(missing, { isDeep: true })
  }

  #isWanted(path: string): boolean {
    const { filter } = this.#options
    if (filter === undefined || path === this.path) return true
    try {
      return filter(path)
    } catch (error) {
      this.#end(new ZkError('BadArguments', 'the filter of a cache threw', { path, cause: error }))
      return false
    }
  }

  #onNode({ path, turn, isDeep }: Reading, read: NodeData | null): void {
    const table = this.#table
    const previous = table.get(path)
    if (read === null) {
      this.#remove(path)
      return
    }
    // Its parent went meanwhile; should it be there again, its creation was heard of, and its children will be listed.
    if (!table.takes(path)) return
    const isNew = previous?.stat.czxid !== read.stat.czxid
    const hadChildren = table.names(path).length > 0
    if (isNew) this.#remove(path)
    const node = detached(read)
    table.set(path, node)
    if (isNew || previous === undefined) this.#tell({ kind: 'created', path, node, previous: undefined })
    else if (previous.stat.mzxid !== node.stat.mzxid) this.#tell({ kind: 'changed', path, node, previous })
    if (table.size > this.#maxNodes) this.#overflow(`more than ${this.#maxNodes} nodes`)
    else if (table.bytes > this.#maxBytes) this.#overflow(`more than ${this.#maxBytes} bytes`)
    if (!this.#recursive || this.#over !== null) return
    const { numChildren } = node.stat
    // Of a node that was there already, events tell which children came and went; unless they were missed.
    // Some of those that went with a former node may have been of this one already.
    const hasUnknown = (isNew || isDeep) && (numChildren > 0 || hadChildren)
    if (hasUnknown) this.#reads.ask(path, 'names', { isDeep, turn, bytes: numChildren * NAME_BYTES })
  }

  #onNames({ path, turn, isDeep }: Reading, names: readonly string[]): void {
    if (!this.#table.has(path)) return
    const present = new Set(names)
    // A child that is not in the list is read, too: answers about two nodes may come in another order than asked.
    for (const name of this.#table.names(path)) {
      if (isDeep) this.#ask(below(path, name), { isDeep, turn })
      present.delete(name)
    }
    for (const name of present) {
      if (this.#over !== null) return
      this.#ask(below(path, name), { turn })
    }
  }

  /** Children first, as they must have gone. */
  #remove(path: string): void {
    if (!this.#table.has(path)) return
    for (const at of this.#table.upwards(path)) {
      const previous = this.#table.get(at)
      this.#table.delete(at)
      if (previous !== undefined) this.#tell({ kind: 'deleted', path: at, node: undefined, previous })
    }
  }

  #tell(change: CacheChange): void {
    if (this.#isReady && this.#over === null) this.#listeners.emit('change', change)
  }

  // --- the end -----------------------------------------------------------------------------------------------------

  #overflow(message: string): void {
    if (this.#over !== null) return
    this.#table.clear()
    this.#end(new ZkError('Overloaded', `the cache is given up: ${message}`, { path: this.path }))
  }

  #end(error: ZkError | null): void {
    if (this.#over !== null) return
    this.#over = { error }
    this.#offState()
    this.#reads.close()
    this.#watcher?.close()
    for (const ended of Array.from(this.#endings)) ended(error)
    this.#setStale(true)
    this.#listeners.emit('end', error)
    this.#listeners.clear()
  }

  #check(): void {
    if (this.#over !== null) throw this.#over.error ?? new ZkError('Closed', undefined, { path: this.path })
  }

  /** Waits for what `begin` calls back for, and no longer than the cache lives. */
  #until(
    signal: AbortSignal | undefined, begin: (done: () => void, refuse: (error: Error) => void) => void,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (error: Error | null): void => {
        this.#endings.delete(ended)
        offAbort(signal, abort)
        if (error === null) resolve()
        else reject(error)
      }
      const abort = (): void => settle(aborted(signal))
      const ended = (error: ZkError | null): void => {
        settle(error ?? new ZkError('Closed', undefined, { path: this.path }))
      }
      if (signal?.aborted === true) return abort()
      onAbort(signal, abort)
      this.#endings.add(ended)
      begin(() => settle(null), settle)
    })
  }
}

/**
 * Opens a live local copy of a node and everything below it (`recursive: false`: of the node alone), which need not
 * exist yet. Resolves when the copy is complete; from then on it follows the tree by one watch: each event leads to one
 * read of the node it names, several together in one request, and nothing is ever polled.
 *
 * Promises: every node of the copy is as it was at some moment, later moments follow, and the last one always comes:
 * what is quiet is exact. Each node's changes are told in their order; of those that follow each other quickly some may
 * be left out, but a node that was deleted and made anew is told as deleted and created. A parent is created before
 * and deleted after its children. When changes may have been missed (the connection went, or the server changed) the
 * whole subtree is read again and compared, and the differences are told; `isStale` is true meanwhile. `caughtUp` waits
 * for what was written before it.
 *
 * Does not promise: one moment for the whole copy, neither at the beginning nor afterwards. Events name the nodes that
 * changed and neither their parents nor access-control lists: of a `stat`, `cversion`, `pzxid`, `numChildren` and
 * `aversion` are those of the last read (`children` is exact). A node that may not be read is left out, with everything
 * below it; a server that hides its events may leave it in the copy, or out of it, until the next read.
 *
 * Memory: `maxNodes` and `maxBytes` bound the copy, and changes that wait to be read are bounded, too. Beyond that the
 * cache ends with Overloaded and is empty: half a copy would be taken for a whole one.
 *
 * The end: on `close`, when the session ends (SessionExpired, Closed), or when the server refuses the watch or a read
 * (its error). `isStale` is true for good, and the last copy stays readable. Nothing is opened again: a new session
 * needs a new cache. Errors: those, Aborted, Overloaded, BadArguments when the filter throws; TypeError.
 *
 * Layout: none, it writes nothing. Servers: ours, and Apache ZooKeeper from 3.6 on; older ones refuse the watch, and
 * opening rejects with Unimplemented.
 */
export async function cacheOf(zk: Client, path: string, options: CacheOptions = {}): Promise<Cache> {
  checkPath(path)
  const cache = new Cache(zk, path, options)
  await cache.open()
  return cache
}
