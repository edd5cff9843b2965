import type { Client } from '../client/client.ts'
import { offAbort, onAbort } from '../client/on-abort.ts'
import { checkOptions, checkSignal, checkTypes } from '../client/options.ts'
import { checkPath } from '../client/requests.ts'
import { isZkError, ZkError } from '../core/errors.ts'
import { endOf, isOver, orLost } from './connection.ts'
import { enter } from './entry.ts'
import type { Hold } from './hold.ts'
import type { RecipeLogger } from './listeners.ts'
import { acquire } from './lock.ts'
import { aborted, below, retried } from './pause.ts'
import { deleteSurely } from './protected-node.ts'
import { sharesOf } from './shares.ts'

/** How to take part in a partition. */
export interface PartitionOptions {
  /**
   * Called with each item that is this member's from now on, and the lock that says so: its signal, token and guard.
   */
  readonly onItem?: (item: string, hold: Hold) => void | Promise<void>
  /**
   * Called with each item that is to go to another member, who gets it when what this returns has settled; an item that
   * was lost is told by the signal of its lock alone.
   */
  readonly onRelease?: (item: string) => void | Promise<void>
  /** Called when the membership is over: with what ended it, or null when it was closed. */
  readonly onEnd?: (error: Error | null) => void
  /** Who it is, for tools. */
  readonly name?: string
  /** Ends the membership. */
  readonly signal?: AbortSignal
  /** Hears of what these functions throw. */
  readonly logger?: RecipeLogger
}

const OPTIONS: readonly string[] = ['onItem', 'onRelease', 'onEnd', 'name', 'signal', 'logger']
const MARK = '-member-'

interface Owned {
  /** Null while it is waited for. */
  hold: Hold | null
  readonly giveUp: AbortController
  done: Promise<void>
}

/** One member's part in sharing a set. */
export class Partition {
  readonly path: string
  readonly #zk: Client
  readonly #items: readonly string[]
  readonly #options: PartitionOptions
  readonly #closing = new AbortController()
  readonly #owned = new Map<string, Owned>()
  #member: string | null = null
  #looking: Promise<void> = Promise.resolve()
  #isLooking = false
  #mustLook = false
  /** A change of the members will be heard of. */
  #isWatched = false
  #closed: Promise<void> | null = null
  /** Those who wait until it is settled; an error tells that it never will be. */
  readonly #settled = new Set<(error: Error | null) => void>()
  #over: { readonly error: Error | null } | null = null

  /** @internal `partition` makes them. */
  constructor(zk: Client, path: string, items: readonly string[], options: PartitionOptions) {
    this.#zk = zk
    this.path = path
    this.#items = [...new Set(items)].sort((a, b) => (a < b ? -1 : 1))
    this.#options = options
  }

  /** What this member holds at this moment, sorted. */
  get items(): string[] {
    return this.#items.filter((item) => this.#owned.get(item)?.hold?.held === true)
  }

  /** The lock of an item that is held; null otherwise. */
  holdOf(item: string): Hold | null {
    const hold = this.#owned.get(item)?.hold ?? null
    return hold?.held === true ? hold : null
  }

  /** @internal */
  async join(): Promise<void> {
    const { signal } = this.#options
    await this.#enter(signal ?? this.#closing.signal)
    const close = (): void => void this.close()
    if (signal?.aborted === true) close()
    onAbort(signal, close)
    const off = this.#zk.on('state', () => {
      if (isOver(this.#zk)) this.#give(endOf(this.#zk))
    })
    this.#closing.signal.addEventListener('abort', () => {
      off()
      offAbort(signal, close)
    }, { once: true })
    this.#look()
  }

  async #enter(signal: AbortSignal): Promise<void> {
    const { name = '' } = this.#options
    const entry = await enter(this.#zk, below(this.path, 'members'), MARK, { name }, signal)
    this.#member = entry.name
  }

  /**
   * Resolves when this member holds its whole share, as its members were last seen. Errors: Aborted; Closed,
   * SessionExpired and whatever else ended the membership.
   */
  settled({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#settled.delete(done)
        reject(aborted(signal))
      }
      const done = (error: Error | null): void => {
        offAbort(signal, abort)
        if (error === null) resolve()
        else reject(error)
      }
      if (signal?.aborted === true) {
        abort()
        return
      }
      onAbort(signal, abort)
      this.#settled.add(done)
      this.#judge()
    })
  }

  #judge(): void {
    if (this.#over !== null) return this.#settle(this.#over.error ?? new ZkError('Closed'))
    if (this.#isLooking || this.#mustLook || this.#settled.size === 0) return
    for (const { hold, giveUp } of this.#owned.values()) if (hold === null || giveUp.signal.aborted) return
    this.#settle(null)
  }

  #settle(error: Error | null): void {
    const all = [...this.#settled]
    this.#settled.clear()
    for (const done of all) done(error)
  }

  /** Nothing follows. */
  #end(error: Error | null): void {
    if (this.#over !== null) return
    this.#over = { error }
    this.#judge()
    try {
      this.#options.onEnd?.(error)
    } catch (thrown) {
      this.#options.logger?.error('a function of a partition threw', { path: this.path, error: thrown })
    }
  }

  /** Ends by itself. */
  #give(error: Error | null): void {
    this.#end(error)
    void this.close()
  }

  /** Looks who is there, now or as soon as the present look is over. */
  #look(): void {
    this.#mustLook = true
    if (this.#isLooking) return
    this.#isLooking = true
    this.#looking = this.#lookOn()
  }

  async #lookOn(): Promise<void> {
    const { signal } = this.#closing
    try {
      while (this.#mustLook && !signal.aborted) {
        this.#mustLook = false
        const names = await this.#members()
        // Whoever left meanwhile takes nothing any more: nobody would ever let it go.
        if (!signal.aborted) this.#share(names)
      }
    } catch (error) {
      // The session is over, the member was closed, or it may not look: what it holds goes with it.
      if (!signal.aborted) this.#give(error instanceof Error ? error : new Error(String(error)))
    } finally {
      this.#isLooking = false
      this.#judge()
    }
  }

  /** Who is there, oneself among them: one whose node somebody deleted comes again. */
  async #members(): Promise<readonly string[]> {
    const { signal } = this.#closing
    for (;;) {
      const names = await retried(this.#zk, signal, () => this.#namesOfMembers())
      if (signal.aborted || names.includes(this.#member ?? '')) return names
      await this.#enter(signal)
    }
  }

  async #namesOfMembers(): Promise<readonly string[]> {
    const dir = below(this.path, 'members')
    if (this.#isWatched) return this.#zk.children(dir)
    const watch = (): void => {
      this.#isWatched = false
      this.#look()
    }
    this.#isWatched = true
    try {
      return await this.#zk.children(dir, { watch })
    } catch (error) {
      this.#isWatched = false
      if (isZkError(error, 'NoNode')) return []
      throw error
    }
  }

  #share(names: readonly string[]): void {
    const mine = new Set(sharesOf(this.#items, names).get(this.#member ?? '') ?? [])
    for (const [item, { giveUp }] of this.#owned) if (!mine.has(item)) giveUp.abort()
    for (const item of mine) if (!this.#owned.has(item)) this.#take(item)
  }

  #take(item: string): void {
    const owned: Owned = { hold: null, giveUp: new AbortController(), done: Promise.resolve() }
    this.#owned.set(item, owned)
    owned.done = this.#own(item, owned).finally(() => {
      this.#owned.delete(item)
      // It may have become this member's again, or it was lost and is wanted still.
      if (!this.#closing.signal.aborted && !isOver(this.#zk)) this.#look()
      this.#judge()
    })
  }

  /** From the wait for the item to its release. */
  async #own(item: string, owned: Owned): Promise<void> {
    const { giveUp } = owned
    const { name = '', onItem, onRelease } = this.#options
    try {
      const path = below(this.path, `items/${nodeNameOf(item)}`)
      const hold = owned.hold = await acquire(this.#zk, path, { signal: giveUp.signal, name })
      this.#judge()
      await this.#call(item, () => onItem?.(item, hold))
      await either(hold.signal, giveUp.signal)
      if (hold.held) await this.#call(item, () => onRelease?.(item))
      await hold.release()
    } catch (error) {
      if (giveUp.signal.aborted || isOver(this.#zk) || isZkError(error, 'NoNode')) return
      // Whoever may not take what is his would keep it from all others.
      this.#give(error instanceof Error ? error : new Error(String(error)))
    }
  }

  /** What a user's function throws does not keep the item from its way. */
  async #call(item: string, work: () => void | Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#options.logger?.error('a function of a partition threw', { path: this.path, item, error })
    }
  }

  /** Leaves: every item is released, after `onRelease`, and goes to the others. Idempotent, never rejects. */
  close(): Promise<void> {
    return this.#closed ??= this.#leave()
  }

  async #leave(): Promise<void> {
    this.#closing.abort()
    const all = [...this.#owned.values()]
    for (const { giveUp } of all) giveUp.abort()
    await Promise.all(all.map(({ done }) => done))
    // It may just have come again.
    await orLost(this.#zk, this.#looking)
    const { path } = this
    if (this.#member !== null) await orLost(this.#zk, deleteSurely(this.#zk, below(path, `members/${this.#member}`)))
    this.#end(null)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** The name of the node of an item. Throws URIError for what UTF-8 cannot hold. */
function nodeNameOf(item: string): string {
  const name = encodeURIComponent(item)
  return name === '.' || name === '..' ? name.replaceAll('.', '%2E') : name
}

/** True for what can be the item of a set. */
function isItem(item: unknown): boolean {
  return typeof item === 'string' && item !== '' && !/\p{Surrogate}/u.test(item)
}

/** Resolves when either aborts. */
function either(lost: AbortSignal, giveUp: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => resolve()
    if (lost.aborted || giveUp.aborted) settle()
    lost.addEventListener('abort', settle, { once: true })
    giveUp.addEventListener('abort', settle, { once: true })
  })
}

/**
 * Shares a set of items among all who call this with the same path and items: each item belongs to one member at most
 * at any time, since belonging is a lock (`<path>/items/<item>`), with all that `acquire` promises. Shares differ by
 * one at most; a member that comes or goes moves little more than its share. An item moves when its old owner has been
 * told (`onRelease`, which is waited for) and not before; that of a member that died, when its session has ended.
 *
 * Members must agree on the items: one that knows other items than the rest holds some that the others want, too, and
 * waits for some that nobody lets go. A restart of all with a new set is safe at any time. `onItem` is to begin the
 * work and return: an item whose `onItem` goes on is not released. A member whose node somebody deletes comes again.
 * When the session ends, or it may not take what is its own (NoAuth), the membership ends, which `onEnd` tells.
 * Resolves when this member stands in the list; what it holds follows (`settled`). Errors: those of `create`, Aborted,
 * TypeError.
 */
export async function partition(
  zk: Client, path: string, items: readonly string[], options: PartitionOptions = {},
): Promise<Partition> {
  checkPath(path)
  checkOptions(options, OPTIONS)
  checkSignal(options.signal)
  checkTypes(options, { onItem: 'function', onRelease: 'function', onEnd: 'function', name: 'string' })
  if (!Array.isArray(items) || !items.every(isItem)) {
    throw new TypeError('items must be an array of texts that are not empty')
  }
  const member = new Partition(zk, path, items, options)
  await member.join()
  return member
}
