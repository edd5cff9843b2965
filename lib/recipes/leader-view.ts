import type { Client, ReadOptions } from '../client/client.ts'
import { checkPath } from '../client/requests.ts'
import { isZkError } from '../core/errors.ts'
import { isOver } from './connection.ts'
import { contenderAt } from './contenders.ts'
import type { Contender } from './contenders.ts'
import { lineOf } from './line.ts'
import { Listeners } from './listeners.ts'
import { below, retried } from './pause.ts'

/** What a view of the leader tells. */
export interface LeaderEvents {
  /** Who leads now; null when nobody does. */
  readonly leader: readonly [Contender | null]
}

/**
 * Who leads, as an observer sees it. It looks at the first in line alone: candidates that come and go behind him wake
 * nobody. It may be late, as everything that is read: what only the leader may do, the leader's guard secures.
 */
export class LeaderView {
  readonly #zk: Client
  readonly #path: string
  readonly #listeners = new Listeners<LeaderEvents>(['leader'], undefined)
  readonly #closing = new AbortController()
  /** Ends what the last look watches: the next one watches anew. */
  #watching = new AbortController()
  #isLooking = false
  #mustLook = false
  #leader: Contender | null = null
  #isTold = false
  #isOver = false

  /** @internal `watchLeader` makes them. */
  constructor(zk: Client, path: string) {
    this.#zk = zk
    this.#path = path
  }

  /** As last read. */
  get leader(): Contender | null {
    return this.#leader
  }

  /** `leader` is as last read, not surely the present one: there is no connection, or the view has ended. */
  get isStale(): boolean {
    const { state, readOnly } = this.#zk.status()
    return this.#closing.signal.aborted || this.#isOver || state !== 'connected' || readOnly
  }

  /** Calls back at every change until the returned function is called. */
  on(event: 'leader', listener: (leader: Contender | null) => void): () => void {
    return this.#listeners.on(event, listener)
  }

  /** @internal Looks for the first time, and goes on by itself. Errors: those of `children`. */
  async start(signal: AbortSignal | undefined): Promise<void> {
    this.#mustLook = true
    await this.#lookOn(signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]))
    const off = this.#zk.on('state', () => {
      if (isOver(this.#zk)) this.#leave()
    })
    this.#closing.signal.addEventListener('abort', off, { once: true })
    if (isOver(this.#zk)) this.#leave()
  }

  /** One look at a time; what calls for one meanwhile is answered by the next. */
  async #lookOn(signal: AbortSignal): Promise<void> {
    this.#isLooking = true
    try {
      while (this.#mustLook && !this.#closing.signal.aborted) {
        this.#mustLook = false
        await this.#look(signal)
      }
    } finally {
      this.#isLooking = false
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    for (;;) {
      const first = await retried(this.#zk, signal, () => this.#first())
      if (first === undefined) continue
      if (this.#closing.signal.aborted) return
      const isNews = !this.#isTold || first?.path !== this.#leader?.path || first?.name !== this.#leader?.name
      this.#isTold = true
      this.#leader = first
      if (isNews) this.#listeners.emit('leader', first)
      return
    }
  }

  /** The first in line, with a watch on it; null with a watch on the line when it is empty; undefined: look again. */
  async #first(): Promise<Contender | null | undefined> {
    const watched = this.#watched()
    const line = lineOf(await this.#names(undefined))
    const first = line[0]
    if (first !== undefined) {
      const path = below(this.#path, first.name)
      return await contenderAt(this.#zk, path, line, watched) ?? undefined
    }
    const again = lineOf(await this.#names(watched))
    return again.length === 0 ? null : undefined
  }

  /** For the reads of one look, of which the first change alone counts: the watches of those before are gone. */
  #watched(): ReadOptions {
    this.#watching.abort()
    const { signal } = this.#watching = new AbortController()
    let isNews = true
    const watch = (): void => {
      if (signal.aborted || !isNews) return
      isNews = false
      this.#again()
    }
    return { watch, signal }
  }

  async #names(watched: ReadOptions | undefined): Promise<string[]> {
    try {
      return await this.#zk.children(this.#path, watched)
    } catch (error) {
      if (!isZkError(error, 'NoNode')) throw error
    }
    if (watched !== undefined && await this.#zk.exists(this.#path, watched) !== null) return this.#names(watched)
    return []
  }

  #again(): void {
    this.#mustLook = true
    if (this.#isLooking || this.#closing.signal.aborted) return
    // Whatever ends this look ends the view: the session is over, or it may not look any more.
    this.#lookOn(this.#closing.signal).catch(() => this.#leave())
  }

  #leave(): void {
    this.#isOver = true
    const had = this.#leader
    this.#leader = null
    if (had !== null) this.#listeners.emit('leader', null)
  }

  /** Stops looking. Idempotent. */
  close(): Promise<void> {
    this.#closing.abort()
    this.#watching.abort()
    this.#listeners.clear()
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/**
 * A live view of who leads the election at `path`. Resolves when that was read. At the end of the session nobody is
 * known to lead. Errors: those of `children`; Aborted, SessionExpired.
 */
export async function watchLeader(
  zk: Client, path: string, { signal }: { readonly signal?: AbortSignal } = {},
): Promise<LeaderView> {
  const view = new LeaderView(zk, checkPath(path))
  try {
    await view.start(signal)
    return view
  } catch (error) {
    await view.close()
    throw error
  }
}
