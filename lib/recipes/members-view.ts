import type { Client, SessionInfo } from '../client/client.ts'
import type { CallOptions } from '../client/multi.ts'
import { checkCall } from '../client/multi.ts'
import { offAbort, onAbort } from '../client/on-abort.ts'
import type { NodeData } from '../client/values.ts'
import { isZkError, ZkError } from '../core/errors.ts'
import type { ErrorCode } from '../core/errors.ts'
import { cacheOf } from './cache.ts'
import type { Cache } from './cache.ts'
import type { CacheChange } from './cache-options.ts'
import { isOver, untilOver } from './connection.ts'
import { Listeners } from './listeners.ts'
import type { RecipeLogger } from './listeners.ts'
import { aborted, below } from './pause.ts'
import { sessionOf, Sessions } from './sessions.ts'
import type { SessionSource } from './sessions.ts'
import { sought } from './sought.ts'

/** One who is in a group. */
export interface Member {
  /** Name of its node. */
  readonly id: string
  /** What it says of itself: `node.text()`, `node.json()`, `node.data`. */
  readonly node: NodeData
  readonly session: SessionInfo['id']
  /** When it came, in ms since 1970 by the leader's clock. */
  readonly since: number
}

/** What the listeners of a group get; `members` is as told when they are called. */
export interface MembersEvents {
  readonly joined: readonly [member: Member]
  readonly left: readonly [member: Member]
  /** Its data was written. One who left and came again is told as that. */
  readonly changed: readonly [member: Member, previous: Member]
  readonly stale: readonly [isStale: boolean]
  /** Nothing follows. Null: closed as asked. */
  readonly end: readonly [error: ZkError | null]
}

/** A complete copy, and the session that it lives in. */
interface Copy {
  readonly zk: Client
  readonly cache: Cache
}

/** What is refused because the session is over, or is being closed. */
const ENDS: readonly ErrorCode[] = ['Closed', 'SessionExpired', 'SessionMoved', 'PeerStopped']

/** The member that a node stands for; null when it is none: members are ephemeral. */
export function memberAt(path: string, node: NodeData): Member | null {
  const { ephemeralOwner, ctime } = node.stat
  if (ephemeralOwner === '0x0') return null
  return { id: path.slice(path.lastIndexOf('/') + 1), node, session: ephemeralOwner, since: ctime }
}

/** In the order in which they came, as the ensemble saw it. */
export function inOrder(members: Iterable<Member>): Member[] {
  return [...members].sort((a, b) => a.node.stat.czxid - b.node.stat.czxid)
}

/** A live view of a group. */
export class MembersView implements Iterable<Member> {
  readonly path: string
  readonly #source: SessionSource
  readonly #listeners: Listeners<MembersEvents>
  readonly #logger: RecipeLogger | undefined
  readonly #closing = new AbortController()
  readonly #members = new Map<string, Member>()
  /** Of the present session; null while there is none. */
  #copy: Copy | null = null
  #isStale = true
  #over: { readonly error: ZkError | null } | null = null
  /** They wait for a copy, or for the end. */
  readonly #waiting = new Set<() => void>()
  #offSignal: () => void = () => undefined

  /** @internal `join` and `watchMembers` make them. */
  constructor(source: SessionSource, path: string, logger: RecipeLogger | undefined) {
    this.#source = source
    this.path = path
    this.#logger = logger
    this.#listeners = new Listeners<MembersEvents>(['joined', 'left', 'changed', 'stale', 'end'], logger)
  }

  /** All that are known, the one that came first first. */
  get members(): Member[] {
    return inOrder(this.#members.values())
  }

  get(id: string): Member | undefined {
    return this.#members.get(id)
  }

  has(id: string): boolean {
    return this.#members.has(id)
  }

  get size(): number {
    return this.#members.size
  }

  [Symbol.iterator](): IterableIterator<Member> {
    return this.members.values()
  }

  /** It is not surely the present state: there is no connection that writes, it is read again, or it has ended. */
  get isStale(): boolean {
    return this.#isStale || this.#copy === null || this.#copy.cache.isStale
  }

  /** Nothing is told any more: it was closed, or there is no session any more. */
  get isOver(): boolean {
    return this.#over !== null
  }

  /** Calls back at every such event, in their order, until the returned function is called. */
  on<Name extends keyof MembersEvents>(event: Name, listener: (...given: MembersEvents[Name]) => void): () => void {
    return this.#listeners.on(event, listener)
  }

  /**
   * Resolves when the view holds everything that was written anywhere, and acknowledged, before this call. Waits for a
   * connection when there is none. Errors: Aborted; whatever ends the view.
   */
  async caughtUp(options?: CallOptions): Promise<void> {
    checkCall(options)
    for (;;) {
      const { zk, cache } = await this.#live(options?.signal)
      try {
        return await cache.caughtUp(options)
      } catch (error) {
        if (options?.signal?.aborted === true || !this.#goesOn(zk, error)) throw error
        // The next session will know.
        await untilOver(zk, options?.signal)
      }
    }
  }

  /** Stops watching; the view stays as it is, for good. Idempotent, never rejects. */
  close(): Promise<void> {
    this.#end(null)
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** @internal Resolves when the view is complete for the first time. */
  async begin(signal: AbortSignal | undefined): Promise<void> {
    const abort = (): void => this.#closing.abort(signal?.reason)
    if (signal?.aborted === true) abort()
    onAbort(signal, abort)
    try {
      const first = await this.#open()
      void this.#keep(first)
    } catch (error) {
      this.#end(null)
      throw signal?.aborted === true ? aborted(signal) : error
    } finally {
      offAbort(signal, abort)
    }
    if (signal === undefined) return
    const close = (): void => void this.close()
    onAbort(signal, close)
    this.#offSignal = () => offAbort(signal, close)
  }

  /** From one session to the next, until there is none. */
  async #keep(first: Copy): Promise<void> {
    try {
      for (let copy = first; ; copy = await this.#open()) await this.#stay(copy)
    } catch (error) {
      this.#end(isZkError(error) ? error : new ZkError('SystemError', undefined, { cause: error }))
    }
  }

  /** A complete copy in a session of the source, taken over into the view. */
  async #open(): Promise<Copy> {
    const { signal } = this.#closing
    for (;;) {
      const zk = await sessionOf(this.#source, signal)
      try {
        const cache = await cacheOf(zk, this.path, {
          filter: (path) => !path.slice(this.path.length + 1).includes('/'), signal,
          ...(this.#logger === undefined ? {} : { logger: this.#logger }),
        })
        // Nothing is missed: what changed since the copy was complete is in it.
        cache.on('change', (change) => this.#onChange(change))
        cache.on('stale', (isStale) => this.#setStale(isStale))
        const copy = { zk, cache }
        this.#take(copy)
        return copy
      } catch (error) {
        if (!this.#goesOn(zk, error)) throw error
        await untilOver(zk, signal)
      }
    }
  }

  /** Until the session is over. Rejects with what else ends the view. */
  #stay(copy: Copy): Promise<void> {
    return new Promise((resolve, reject) => {
      const { zk, cache } = copy
      const end = (error: ZkError | null): void => {
        if (this.#copy === copy) this.#copy = null
        this.#setStale(true)
        if (this.#goesOn(zk, error)) untilOver(zk, this.#closing.signal).then(resolve, reject)
        else reject(error ?? new ZkError('Closed', undefined, { path: this.path }))
      }
      cache.on('end', end)
      if (cache.isOver) end(null)
    })
  }

  /** That session is over, or being closed, and another one will come. */
  #goesOn(zk: Client, error: unknown): boolean {
    if (!(this.#source instanceof Sessions) || this.#closing.signal.aborted) return false
    return isOver(zk) || (isZkError(error) && ENDS.includes(error.code))
  }

  #take(copy: Copy): void {
    const { cache } = this.#copy = copy
    const present = new Map<string, Member>()
    for (const name of cache.children(this.path)) {
      const node = cache.get(below(this.path, name))
      const member = node === undefined ? null : memberAt(name, node)
      if (member !== null) present.set(name, member)
    }
    for (const member of inOrder(this.#members.values())) if (!present.has(member.id)) this.#leave(member.id)
    for (const member of inOrder(present.values())) this.#see(member)
    this.#setStale(cache.isStale)
    this.#wake()
  }

  #onChange({ path, node }: CacheChange): void {
    if (path === this.path) return
    const id = path.slice(path.lastIndexOf('/') + 1)
    const member = node === undefined ? null : memberAt(id, node)
    if (member === null) this.#leave(id)
    else this.#see(member)
  }

  #see(member: Member): void {
    const previous = this.#members.get(member.id)
    const [now, before] = [member.node.stat, previous?.node.stat]
    if (before !== undefined && before.czxid !== now.czxid) this.#leave(member.id)
    if (before?.czxid !== now.czxid) {
      this.#members.set(member.id, member)
      this.#tell('joined', member)
    } else if (previous !== undefined && before.mzxid !== now.mzxid) {
      this.#members.set(member.id, member)
      this.#tell('changed', member, previous)
    }
  }

  #leave(id: string): void {
    const member = this.#members.get(id)
    if (member === undefined) return
    this.#members.delete(id)
    this.#tell('left', member)
  }

  #tell<Name extends keyof MembersEvents>(event: Name, ...given: MembersEvents[Name]): void {
    if (this.#over === null) this.#listeners.emit(event, ...given)
  }

  #setStale(isStale: boolean): void {
    if (isStale === this.#isStale) return
    this.#isStale = isStale
    this.#tell('stale', isStale)
  }

  /** The copy of a session, as soon as there is one. */
  #live(signal: AbortSignal | undefined): Promise<Copy> {
    return sought(this.#waiting, () => {
      if (this.#over !== null) throw this.#over.error ?? new ZkError('Closed', undefined, { path: this.path })
      return this.#copy
    }, signal)
  }

  #wake(): void {
    for (const look of Array.from(this.#waiting)) look()
  }

  #end(error: ZkError | null): void {
    if (this.#over !== null) return
    this.#setStale(true)
    this.#over = { error }
    this.#offSignal()
    this.#closing.abort()
    void this.#copy?.cache.close()
    this.#copy = null
    this.#wake()
    this.#listeners.emit('end', error)
    this.#listeners.clear()
  }
}
