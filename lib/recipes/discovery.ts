import type { Client } from '../client/client.ts'
import type { CallOptions } from '../client/multi.ts'
import { checkCall } from '../client/multi.ts'
import { offAbort, onAbort } from '../client/on-abort.ts'
import { checkPath } from '../client/requests.ts'
import type { NodeData } from '../client/values.ts'
import { isZkError, ZkError } from '../core/errors.ts'
import { cacheOf } from './cache.ts'
import type { Cache } from './cache.ts'
import { isOver, untilConnected } from './connection.ts'
import { checkPick } from './discovery-options.ts'
import type { DiscoverOptions, DiscoveryEvents, PickOptions } from './discovery-options.ts'
import { DownList } from './down-list.ts'
import type { Instance } from './instance.ts'
import { InstanceList } from './instance-list.ts'
import { Listeners } from './listeners.ts'
import { aborted, below, pause } from './pause.ts'
import { clientOf, sessionOf } from './sessions.ts'
import type { SessionSource } from './sessions.ts'
import { sought } from './sought.ts'
import { chooserOf } from './strategy.ts'
import type { Choose } from './strategy.ts'

type Clock = Client['clock']

const SHORTEST_MS = 100
const LONGEST_MS = 10_000

/** The instances of one service, live. */
export class Discovery<P = unknown> {
  readonly name: string
  readonly path: string
  /** Resolves when the first list is complete, which `discover` waits for. Never rejects. */
  readonly ready: Promise<void>
  readonly #source: SessionSource
  readonly #options: DiscoverOptions<P>
  readonly #listeners: Listeners<DiscoveryEvents<P>>
  readonly #list: InstanceList<P>
  readonly #avoided: DownList
  readonly #choose: Choose<P>
  readonly #closing = new AbortController()
  /** Called whenever a pick might succeed that did not before. */
  readonly #waiting = new Set<() => void>()
  #cache: Cache | null = null
  #isStale = true
  #isReady = false
  #hasNews = false
  #onReady: () => void = () => undefined
  #over: { readonly error: ZkError | null } | null = null
  #filtered: { readonly of: readonly Instance<P>[], readonly instances: readonly Instance<P>[] } | null = null

  /** @internal `discover` makes them. */
  constructor(source: SessionSource, basePath: string, name: string, options: DiscoverOptions<P>) {
    this.name = name
    this.path = checkPath(below(checkPath(basePath), name))
    this.#source = source
    this.#options = options
    this.ready = new Promise((resolve) => { this.#onReady = resolve })
    this.#listeners = new Listeners<DiscoveryEvents<P>>(
      ['change', 'up', 'down', 'update', 'invalid', 'stale', 'failed', 'end'], options.logger)
    const clock = clientOf(source).clock
    this.#avoided = new DownList(clock, options.avoid ?? {})
    this.#choose = chooserOf(options.strategy ?? 'roundRobin', { random: () => clientOf(source).random() })
    this.#list = new InstanceList<P>({
      onUp: (instance) => this.#changed('up', instance),
      onDown: (instance) => this.#changed('down', instance),
      onUpdate: (instance, previous) => this.#changed('update', instance, previous),
      onInvalid: (error) => this.#listeners.emit('invalid', error),
    })
  }

  /** Those that may be used, sorted by id, as last known: never changed, but replaced. */
  get instances(): readonly Instance<P>[] {
    const { listed } = this.#list
    if (this.#options.filter === undefined) return listed
    if (this.#filtered?.of !== listed) {
      this.#filtered = { of: listed, instances: Object.freeze(listed.filter((each) => this.#passes(each))) }
    }
    return this.#filtered.instances
  }

  /** Why nodes are left out that hold no instance, by their paths. */
  get invalid(): ReadonlyMap<string, ZkError> {
    return this.#list.invalid
  }

  /** The list is the last known one, and not surely the present one: there is no connection, or it is over. */
  get isStale(): boolean {
    return this.#over !== null || this.#isStale || this.#cache?.isStale !== false
  }

  /** Calls back at every such event until the returned function is called. */
  on<Name extends keyof DiscoveryEvents<P>>(
    event: Name, listener: (...given: DiscoveryEvents<P>[Name]) => void,
  ): () => void {
    return this.#listeners.on(event, listener)
  }

  /**
   * Chooses an instance by the strategy; waits for one when there is none. While disconnected it chooses among those
   * last known. Errors: NobodyThere after `waitMs`; Aborted; whatever ends the discovery; what the strategy throws.
   */
  pick(options: PickOptions<P> = {}): Promise<Instance<P>> {
    return new Promise((resolve, reject) => {
      checkPick(options)
      const { signal, waitMs } = options
      const settle = (): void => {
        this.#waiting.delete(look)
        limit?.cancel()
        again?.cancel()
        offAbort(signal, abort)
      }
      const abort = (): void => {
        settle()
        reject(aborted(signal))
      }
      const look = (): void => {
        again?.cancel()
        again = null
        try {
          if (this.#over !== null) throw this.#over.error ?? new ZkError('Closed', undefined, { path: this.path })
          const chosen = this.tryPick(options)
          if (chosen !== null) {
            settle()
            return resolve(chosen)
          }
        } catch (error) {
          settle()
          return reject(error instanceof Error ? error : new Error(String(error)))
        }
        const nextMs = options.fallBack === false ? this.#avoided.nextMs : null
        if (nextMs !== null) again = this.#clock.setTimer(Math.max(1, nextMs), look)
      }
      let again: ReturnType<Clock['setTimer']> | null = null
      let limit: ReturnType<Clock['setTimer']> | null = null
      if (signal?.aborted === true) return abort()
      this.#waiting.add(look)
      look()
      if (!this.#waiting.has(look)) return
      onAbort(signal, abort)
      if (waitMs === undefined) return
      limit = this.#clock.setTimer(waitMs, () => {
        settle()
        reject(new ZkError('NobodyThere', undefined, { path: this.path }))
      })
    })
  }

  /** The same at once; null when there is none. */
  tryPick(options: Omit<PickOptions<P>, 'signal' | 'waitMs'> = {}): Instance<P> | null {
    checkPick(options)
    const { except = [], fallBack = true } = options
    const out = new Set(except.map(({ id }) => id))
    const all = out.size === 0 ? this.instances : this.instances.filter(({ id }) => !out.has(id))
    const good = this.#avoided.isEmpty ? all : all.filter((instance) => !this.#isAvoided(instance))
    const from = good.length > 0 || !fallBack ? good : all
    return from.length === 0 ? null : this.#choose(from) ?? null
  }

  /**
   * It did not answer, or not as it should: it is avoided for a while. One that is registered anew has a clean sheet.
   */
  down(instance: Instance<P>): void {
    const key = this.#list.keyOf(instance)
    if (key !== undefined) this.#avoided.add(key)
  }

  /** It answered: what `down` was told is forgotten. */
  up(instance: Instance<P>): void {
    const key = this.#list.keyOf(instance)
    if (key !== undefined) this.#avoided.delete(key)
    this.#wake()
  }

  /** Those that are avoided at this moment. */
  get avoided(): readonly Instance<P>[] {
    return this.instances.filter((instance) => this.#isAvoided(instance))
  }

  /**
   * Resolves when the list holds everything that was written anywhere, and acknowledged, before this call. Waits for a
   * connection when there is none. Errors: Aborted; whatever ends the discovery.
   */
  async caughtUp(options?: CallOptions): Promise<void> {
    checkCall(options)
    const signal = options?.signal
    for (;;) {
      const cache = this.#cache
      try {
        if (cache !== null) return await cache.caughtUp(options)
      } catch (error) {
        if (cache?.isOver !== true || isZkError(error, 'Aborted')) throw error
      }
      // The session is over: the next one reads everything.
      await this.#untilOtherThan(cache, signal)
    }
  }

  /** Stops looking; the list stays as it is, for good. Idempotent, never rejects. */
  close(): Promise<void> {
    this.#end(null)
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  // --- keeping it live ---------------------------------------------------------------------------------------------

  /** @internal Resolves when the first list is complete. */
  async open(): Promise<void> {
    const { signal } = this.#options
    if (signal !== undefined) {
      const close = (): void => void this.close()
      if (signal.aborted) throw aborted(signal)
      onAbort(signal, close)
      this.#closing.signal.addEventListener('abort', () => offAbort(signal, close), { once: true })
    }
    const keeping = this.#keep()
    await Promise.race([this.ready, keeping])
    if (this.#isReady) return
    throw signal?.aborted === true ? aborted(signal) : this.#over?.error ?? new ZkError('Closed')
  }

  async #keep(): Promise<void> {
    const { signal } = this.#closing
    try {
      for (let failures = 0; !signal.aborted; failures++) {
        const zk = await sessionOf(this.#source, signal)
        try {
          const cache = await cacheOf(zk, this.path, {
            signal, filter: (path) => path.indexOf('/', this.path.length + 1) === -1,
          })
          failures = 0
          await this.#follow(cache)
        } catch (error) {
          if (signal.aborted || isOver(zk)) continue
          if (!this.#isReady || !isZkError(error)) throw error
          this.#listeners.emit('failed', error)
          await this.#untilAgain(zk, failures)
        }
      }
    } catch (error) {
      this.#end(signal.aborted || !isZkError(error) ? null : error)
    }
  }

  /** Until it is worthwhile to try again; at once when the session is over, as the next one will tell. */
  async #untilAgain(zk: Client, failures: number): Promise<void> {
    const { signal } = this.#closing
    const longestMs = Math.min(SHORTEST_MS * 2 ** Math.min(failures, 16), LONGEST_MS)
    try {
      await pause(zk, Math.ceil(longestMs * (1 + zk.random()) / 2), signal)
      await untilConnected(zk, signal)
    } catch (error) {
      if (!isOver(zk)) throw error
    }
  }

  /** Until the cache has ended. Rejects with what ended it, when it was not closed. */
  #follow(cache: Cache): Promise<void> {
    return new Promise((resolve, reject) => {
      if (cache.isOver) return reject(new ZkError('ConnectionLoss'))
      cache.on('change', (change) => {
        if (change.path === this.path) return
        if (change.node === undefined) this.#list.delete(change.path)
        else this.#list.set(change.path, change.node)
      })
      cache.on('stale', (isStale) => this.#setStale(isStale))
      cache.on('end', (error) => {
        this.#setStale(true)
        if (error === null) resolve()
        else reject(error)
      })
      this.#cache = cache
      const nodes = new Map<string, NodeData>()
      for (const [path, node] of cache) if (path !== this.path) nodes.set(path, node)
      this.#list.replace(nodes)
      this.#setStale(cache.isStale)
      this.#isReady = true
      this.#onReady()
      this.#wake()
    })
  }

  #setStale(isStale: boolean): void {
    if (isStale === this.#isStale) return
    this.#isStale = isStale
    if (this.#isReady) this.#listeners.emit('stale', isStale)
  }

  #changed(event: 'up' | 'down' | 'update', instance: Instance<P>, previous?: Instance<P>): void {
    if (this.#isReady) {
      const passes = this.#passes(instance)
      if (event !== 'update' || previous === undefined) {
        if (event !== 'update' && passes) this.#listeners.emit(event, instance)
      } else {
        const passed = this.#passes(previous)
        if (passes && passed) this.#listeners.emit('update', instance, previous)
        else if (passes) this.#listeners.emit('up', instance)
        else if (passed) this.#listeners.emit('down', previous)
      }
    }
    if (this.#hasNews) return
    this.#hasNews = true
    queueMicrotask(() => {
      this.#hasNews = false
      if (this.#over !== null) return
      this.#listeners.emit('change', this.instances)
      this.#wake()
    })
  }

  #wake(): void {
    for (const look of Array.from(this.#waiting)) look()
  }

  /** What the filter throws for is left out. */
  #passes(instance: Instance<P>): boolean {
    try {
      return this.#options.filter?.(instance) !== false
    } catch (error) {
      this.#options.logger?.error('the filter of a discovery threw', { path: this.path, id: instance.id, error })
      return false
    }
  }

  #isAvoided(instance: Instance<P>): boolean {
    const key = this.#list.keyOf(instance)
    return key !== undefined && this.#avoided.has(key)
  }

  get #clock(): Clock {
    return clientOf(this.#source).clock
  }

  #untilOtherThan(before: Cache | null, signal: AbortSignal | undefined): Promise<true> {
    return sought(this.#waiting, () => {
      if (this.#over !== null) throw this.#over.error ?? new ZkError('Closed', undefined, { path: this.path })
      return this.#cache === before ? null : true
    }, signal)
  }

  #end(error: ZkError | null): void {
    if (this.#over !== null) return
    this.#over = { error }
    this.#closing.abort()
    this.#setStale(true)
    this.#wake()
    this.#listeners.emit('end', error)
    this.#listeners.clear()
  }
}
