import { isZkError, ZkError } from '../core/errors.ts'
import { parentOf } from '../core/tree/path.ts'
import { offAbort, onAbort } from './on-abort.ts'
import { checkOptions, checkSignal, checkTypes } from './options.ts'
import type { Logger } from '../ports/logger.ts'
import type { Session } from './session.ts'
import { Walk } from './walk.ts'
import type { WatchChange, WatchItem } from './watch-items.ts'

/** How to watch. */
export interface WatchOptions {
  /** The node and everything below it; `children` items do not come then, creations and deletions do. */
  readonly recursive?: boolean
  /** False leaves out `created`, `deleted` and `changed`. */
  readonly data?: boolean
  /** False leaves out `children`. */
  readonly children?: boolean
  /** Begins with one `present` item for each node that exists; no change falls between them and what follows. */
  readonly initial?: boolean
  /** Items kept for a reader that is slower than the changes; one `gap` item takes the place of the rest. 1,024. */
  readonly bufferItems?: number
  /** Ends the watch: its reader gets an Aborted error. */
  readonly signal?: AbortSignal
  /** Gets every item instead of the iterator. */
  readonly onItem?: (item: WatchItem) => void
  /** With `onItem`: the watch ended; null when it was closed as asked. */
  readonly onEnd?: (error: ZkError | null) => void
}

/** What a watcher needs of the table it stands in. */
export interface WatcherParts {
  readonly session: Session
  readonly logger: Logger
  /** Takes the watcher out of the table. */
  leave(watcher: Watcher): void
}

interface Reader {
  readonly resolve: (result: IteratorResult<WatchItem, undefined>) => void
  readonly reject: (error: Error) => void
}

const WATCH_OPTIONS: readonly string[] =
  ['recursive', 'data', 'children', 'initial', 'bufferItems', 'signal', 'onItem', 'onEnd']
const BUFFER_ITEMS = 1_024
const DONE: IteratorResult<WatchItem, undefined> = Object.freeze({ done: true, value: undefined })

/**
 * One watch as its reader sees it: an endless sequence of items, to be read by `for await` or by a callback. Leaving
 * the loop, `close` and the signal end it, and so does the end of the session.
 */
export class Watcher implements AsyncIterableIterator<WatchItem, undefined> {
  readonly path: string
  readonly recursive: boolean
  readonly #parts: WatcherParts
  readonly #options: WatchOptions
  readonly #limit: number
  readonly #items: WatchItem[] = []
  readonly #readers: Reader[] = []
  /** Changes that came while the present state is being read. */
  #held: WatchChange[] = []
  /** For each path read so far: changes before this index of `held` are part of what was read. */
  readonly #readAt = new Map<string, number>()
  /** The same for lists of children. */
  readonly #listedAt = new Map<string, number>()
  #walk: Walk | null = null
  #isLive = false
  /** A gap waits to be read: what happens until then is covered by it. */
  #hasGap = false
  #missedWhileWalking = false
  /** Of the last item that was handed out or kept. */
  #zxid = -1
  #end: { readonly error: ZkError | null } | null = null
  readonly #onAbort: () => void
  #registered: { readonly promise: Promise<void>, readonly settle: (error: ZkError | null) => void } | null = null

  constructor(path: string, options: WatchOptions, parts: WatcherParts) {
    this.path = path
    this.recursive = options.recursive ?? false
    this.#parts = parts
    this.#options = options
    checkWatch(options)
    this.#limit = options.bufferItems ?? BUFFER_ITEMS
    if (!Number.isInteger(this.#limit) || this.#limit < 1) throw new TypeError('bufferItems must be a positive integer')
    this.#onAbort = () => this.#leave(new ZkError('Aborted', undefined, { path, cause: options.signal?.reason }))
    onAbort(options.signal, this.#onAbort)
  }

  // --- for the reader ----------------------------------------------------------------------------------------------

  /** Resolves when the server watches; changes made by anybody from then on are seen. Rejects when it cannot. */
  ready(): Promise<void> {
    if (this.#end !== null) return this.#end.error === null ? Promise.resolve() : Promise.reject(this.#end.error)
    if (this.#isLive) return Promise.resolve()
    if (this.#registered === null) {
      let settle: (error: ZkError | null) => void = () => undefined
      const promise = new Promise<void>((resolve, reject) => {
        settle = (error) => {
          if (error === null) resolve()
          else reject(error)
        }
      })
      this.#registered = { promise, settle }
    }
    return this.#registered.promise
  }

  next(): Promise<IteratorResult<WatchItem, undefined>> {
    const item = this.#items.shift()
    if (item !== undefined) {
      if (item.type === 'gap') this.#gapRead()
      this.#walk?.go()
      return Promise.resolve({ done: false, value: item })
    }
    if (this.#end === null) return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }))
    const { error } = this.#end
    // The error is told once, as an iterator should.
    this.#end = { error: null }
    return error === null ? Promise.resolve(DONE) : Promise.reject(error)
  }

  return(): Promise<IteratorResult<WatchItem, undefined>> {
    this.close()
    return Promise.resolve(DONE)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** Ends the watch quietly; what was not read yet is dropped. Idempotent. */
  close(): void {
    this.#leave(null)
    this.#items.length = 0
  }

  [Symbol.dispose](): void {
    this.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close()
    return Promise.resolve()
  }

  // --- for the table -----------------------------------------------------------------------------------------------

  /** The server watches from here on. */
  start(): void {
    if (this.#isLive || this.#end !== null) return
    this.#isLive = true
    this.#registered?.settle(null)
    if (this.#options.initial === true) this.#startWalk()
  }

  /** One change at the watched path (or below it). */
  offer(change: WatchChange): void {
    if (!this.#isLive || this.#hasGap || !this.#isWanted(change)) return
    if (this.#walk === null) this.#push(change)
    else if (this.#held.length < this.#limit) this.#held.push(change)
    else this.#missedWhileWalking = true
  }

  /** Changes may have been missed. */
  miss(reason: 'reconnect' | 'overflow', missedZxid = -1): void {
    if (!this.#isLive || this.#hasGap || this.#end !== null) return
    this.#stopWalk()
    const zxid = this.#zxid = Math.max(this.#zxid, missedZxid, this.#parts.session.zxid)
    const gap: WatchItem = { type: 'gap', path: this.path, zxid, recursive: this.recursive, reason }
    if (this.#hand(gap)) {
      this.#gapRead()
      return
    }
    this.#hasGap = true
    this.#items.push(gap)
  }

  /** The session ended, or the server refused the watch. */
  fail(error: ZkError | null): void {
    if (this.#end !== null) return
    this.#end = { error }
    offAbort(this.#options.signal, this.#onAbort)
    this.#stopWalk()
    this.#registered?.settle(error)
    const readers = this.#readers.splice(0)
    for (const [index, reader] of readers.entries()) {
      if (error !== null && index === 0) reader.reject(error)
      else reader.resolve(DONE)
    }
    if (readers.length > 0) this.#end = { error: null }
    if (this.#options.onItem !== undefined) this.#tell(() => this.#options.onEnd?.(error))
  }

  #leave(error: ZkError | null): void {
    if (this.#end !== null) return
    this.fail(error)
    this.#parts.leave(this)
  }

  #isWanted(change: WatchChange): boolean {
    return (change.type === 'children' ? this.#options.children : this.#options.data) !== false
  }

  /** Gives the item to whoever waits; false when it must be kept. */
  #hand(item: WatchItem): boolean {
    const { onItem } = this.#options
    if (onItem !== undefined) {
      this.#tell(() => onItem(item))
      return true
    }
    const reader = this.#readers.shift()
    if (reader === undefined) return false
    reader.resolve({ done: false, value: item })
    return true
  }

  #push(item: WatchItem): void {
    if (this.#end !== null) return
    if (this.#readers.length === 0 && this.#options.onItem === undefined && this.#items.length >= this.#limit) {
      this.miss('overflow', item.zxid)
      return
    }
    this.#zxid = Math.max(this.#zxid, item.zxid)
    if (!this.#hand(item)) this.#items.push(item)
  }

  /** Whoever reads the gap begins anew: with the present state when he asked for it. */
  #gapRead(): void {
    this.#hasGap = false
    if (this.#options.initial === true && this.#end === null) this.#startWalk()
  }

  #tell(callback: () => void): void {
    try {
      callback()
    } catch (error) {
      this.#parts.logger.error('the callback of a watch threw', { path: this.path, error })
    }
  }

  // --- the present state -------------------------------------------------------------------------------------------

  #startWalk(): void {
    this.#stopWalk()
    const walk = new Walk(this.#parts.session, this.path, this.recursive, {
      room: () => (this.#options.onItem === undefined ? this.#limit - this.#items.length : Infinity),
      onRead: (path, node, zxid) => {
        this.#readAt.set(path, this.#held.length)
        if (node !== null) this.#push({ type: 'present', path, zxid, node })
      },
      onListed: (path) => void this.#listedAt.set(path, this.#held.length),
      onWalked: () => this.#walked(),
      onFailed: (error) => {
        if (!isZkError(error, 'SessionExpired') && !isZkError(error, 'Closed')) this.#leave(error)
      },
    })
    this.#walk = walk
    walk.go()
  }

  #stopWalk(): void {
    this.#walk?.stop()
    this.#walk = null
    this.#held = []
    this.#readAt.clear()
    this.#listedAt.clear()
    this.#missedWhileWalking = false
  }

  /** From where on changes of a path are news: what no list of its parent named was known to be absent. */
  #knownAt(path: string): number {
    const readAt = this.#readAt.get(path)
    if (readAt !== undefined) return readAt
    for (let at = path; at !== '/';) {
      at = parentOf(at)
      const listedAt = this.#listedAt.get(at)
      if (listedAt !== undefined) return listedAt
    }
    return 0
  }

  /** What was read already contains the changes before it; the rest is news. */
  #walked(): void {
    const held = this.#held
    const missed = this.#missedWhileWalking
    const news = held.filter((change, index) => index >= this.#knownAt(change.path))
    this.#stopWalk()
    if (missed) {
      this.miss('overflow', held.at(-1)?.zxid)
      return
    }
    for (const change of news) if (!this.#hasGap) this.#push(change)
  }
}

function checkWatch(options: WatchOptions): void {
  checkOptions(options, WATCH_OPTIONS)
  checkSignal(options.signal)
  checkTypes(options, {
    recursive: 'boolean', data: 'boolean', children: 'boolean', initial: 'boolean',
    onItem: 'function', onEnd: 'function',
  })
  if (options.data === false && (options.children === false || options.recursive === true)) {
    throw new TypeError('a watch without data and without children would never yield anything')
  }
}
