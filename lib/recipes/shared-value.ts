import type { Client } from '../client/client.ts'
import type { CallOptions } from '../client/multi.ts'
import { checkCall } from '../client/multi.ts'
import { checkLogger, checkOptions, checkSignal, checkTypes } from '../client/options.ts'
import { checkPath } from '../client/requests.ts'
import type { Data, NodeData } from '../client/values.ts'
import { isZkError, ZkError } from '../core/errors.ts'
import { LiveNodes } from './live-nodes.ts'
import { Listeners } from './listeners.ts'
import type { RecipeLogger } from './listeners.ts'
import { changeSurely, commitSurely, readSurely, tryWrite } from './surely.ts'
import { Turns } from './turns.ts'

/** How a shared value is kept. */
export interface SharedValueOptions<T> {
  /** The node is created with it when there is none. */
  readonly initial?: T
  /** Makes the value of what the node holds; throws for what is none. `node.json()` when left out. */
  readonly parse?: (node: NodeData) => T
  /** What the node is to hold. JSON when both functions are left out; else what the client's `set` takes. */
  readonly format?: (value: T) => Data
  /** Gives up opening with Aborted; later on it closes the value. */
  readonly signal?: AbortSignal
  /** Hears of listeners that throw. */
  readonly logger?: RecipeLogger
}

/** What the listeners of a shared value get. */
export interface SharedValueEvents<T> {
  readonly change: readonly [value: T | undefined, version: number]
  /** The node holds what is no value; the last good one stays. The error is a ValueInvalid, its cause is `parse`'s. */
  readonly invalid: readonly [error: ZkError]
  readonly stale: readonly [isStale: boolean]
}

const OPTIONS = ['initial', 'parse', 'format', 'signal', 'logger']

/**
 * Opens a value that many read and write: one node, watched. `value` follows it, in order and never back; of changes
 * that follow each other quickly some may be left out, the last one never. While disconnected it stays at the last
 * known value, and `isStale` says so; after the session has expired it stays there for good, until `close`.
 *
 * Every write happens exactly once, whatever becomes of the connection: one whose answer was lost is looked up by a
 * witness, a child of the node that lives for a moment. Only when the session ends, or the caller aborts, while the
 * answer is missing, nobody knows: `mayHaveHappened` of the error says so. After a write `value` is what was written,
 * or newer, unless `isStale`.
 *
 * Errors: ValueInvalid when the node holds what `parse` does not take; Aborted, SessionExpired, Closed, NoAuth;
 * TypeError. Layout: the value is the node's data (persistent; missing parents are made as containers).
 * Servers: ours, and Apache ZooKeeper from 3.6 on.
 */
export async function sharedValue<T = unknown>(
  zk: Client, path: string, options: SharedValueOptions<T> = {},
): Promise<SharedValue<T>> {
  checkPath(path)
  checkOptions(options, OPTIONS)
  checkSignal(options.signal)
  checkLogger(options.logger)
  checkTypes(options, { parse: 'function', format: 'function' })
  return SharedValue.open(zk, path, options)
}

/** A value that many read and write. */
export class SharedValue<T> {
  readonly path: string
  readonly #zk: Client
  readonly #parse: (node: NodeData) => T
  readonly #format: (value: T) => Data
  readonly #listeners: Listeners<SharedValueEvents<T>>
  readonly #turns = new Turns()
  #live: LiveNodes | null = null
  #value: T | undefined
  #version = -1
  #error: ZkError | null = null

  /** See `sharedValue`. */
  static async open<T>(zk: Client, path: string, options: SharedValueOptions<T>): Promise<SharedValue<T>> {
    const { initial, signal } = options
    const shared = new this(zk, path, options)
    if (initial !== undefined) {
      const data = shared.#format(initial)
      if (await readSurely(zk, path, false, signal) === null) await tryWrite(zk, path, null, data, signal)
    }
    const live = shared.#live = await LiveNodes.open(zk, [path], {
      onNodes: ([node]) => shared.#onNode(node ?? null),
      onStale: (isStale) => shared.#listeners.emit('stale', isStale),
      onEnd: () => undefined,
    }, signal)
    if (shared.#error === null) return shared
    live.close()
    throw shared.#error
  }

  private constructor(zk: Client, path: string, options: SharedValueOptions<T>) {
    this.#zk = zk
    this.path = path
    const { parse, format, logger } = options
    this.#parse = parse ?? ((node) => node.json<T>())
    const isJson = parse === undefined && format === undefined
    this.#format = format ?? (isJson ? (value) => JSON.stringify(value) : (value) => value as Data)
    this.#listeners = new Listeners<SharedValueEvents<T>>(['change', 'invalid', 'stale'], logger)
  }

  /** The last good value that is known; undefined when there is no node. */
  get value(): T | undefined {
    return this.#value
  }

  /** The node's version at that value, for `trySet`; -1 when there is no node. */
  get version(): number {
    return this.#version
  }

  /** `value` is the last known copy, not surely the present one: there is no connection, or none that writes. */
  get isStale(): boolean {
    return this.#live?.isStale ?? true
  }

  on<Name extends 'change' | 'invalid' | 'stale'>(
    event: Name, listener: (...given: SharedValueEvents<T>[Name]) => void,
  ): () => void {
    return this.#listeners.on(event, listener)
  }

  /** Replaces the value, whatever it is; creates the node when there is none. */
  async set(value: T, options?: CallOptions): Promise<void> {
    checkCall(options)
    const { path } = this
    const data = this.#stored(value)
    const signal = options?.signal
    for (;;) {
      try {
        await commitSurely(this.#zk, path, (multi) => void multi.set(path, data), signal)
        break
      } catch (error) {
        if (!isZkError(error, 'NoNode')) throw error
      }
      if (await tryWrite(this.#zk, path, null, data, signal)) break
    }
    await this.#live?.caughtUp()
  }

  /** Replaces the value if the node has this version (-1: if there is none); false when it has not. */
  async trySet(value: T, options: CallOptions & { readonly version: number }): Promise<boolean> {
    checkCall(options ?? null, ['signal', 'version'])
    const { version, signal } = options
    if (!Number.isInteger(version)) throw new TypeError(`version must be an integer, not ${String(version)}`)
    const data = this.#stored(value)
    const isSet = await tryWrite(this.#zk, this.path, version === -1 ? null : { stat: { version } }, data, signal)
    await this.#live?.caughtUp()
    return isSet
  }

  /**
   * Replaces the value by what `next` makes of the present one, undefined when there is no node; nothing happens when
   * it gives undefined. It is called again when somebody else was faster, so it should do nothing else. Gives the value
   * that is there then. Errors: what `next` throws; ValueInvalid when the present one is not valid.
   */
  async update(
    next: (value: T | undefined) => T | undefined | Promise<T | undefined>, options?: CallOptions,
  ): Promise<T | undefined> {
    checkCall(options)
    if (typeof next !== 'function') throw new TypeError('update takes a function')
    const signal = options?.signal
    let result: T | undefined
    const decide = async (node: NodeData | null): Promise<Data> => {
      const present = node === null ? undefined : this.#parsed(node)
      const wanted = await next(present)
      result = wanted === undefined ? present : wanted
      return wanted === undefined ? undefined : this.#stored(wanted)
    }
    const { path } = this
    await this.#turns.take(() => changeSurely(this.#zk, { path, decide, isNewest: true, signal }), signal)
    await this.#live?.caughtUp()
    return result
  }

  /** Stops following the node, which stays. Idempotent, never rejects. */
  close(): Promise<void> {
    this.#live?.close()
    this.#listeners.clear()
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #stored(value: T): Data {
    const data = this.#format(value)
    if (data === undefined) throw new TypeError('undefined is no value')
    return data
  }

  #parsed(node: NodeData): T {
    try {
      return this.#parse(node)
    } catch (error) {
      const message = `the node holds no value: ${error instanceof Error ? error.message : String(error)}`
      throw new ZkError('ValueInvalid', message, { path: this.path, cause: error })
    }
  }

  #onNode(node: NodeData | null): void {
    try {
      this.#value = node === null ? undefined : this.#parsed(node)
    } catch (error) {
      if (!isZkError(error)) throw error
      this.#error = error
      this.#listeners.emit('invalid', error)
      return
    }
    this.#error = null
    this.#version = node?.stat.version ?? -1
    this.#listeners.emit('change', this.#value, this.#version)
  }
}
