import type { Client } from '../client/client.ts'
import type { CallOptions } from '../client/multi.ts'
import { checkCall } from '../client/multi.ts'
import { offAbort, onAbort } from '../client/on-abort.ts'
import { checkLogger, checkOptions, checkSignal } from '../client/options.ts'
import { ZkError } from '../core/errors.ts'
import { endOf, isOver } from './connection.ts'
import { Listeners } from './listeners.ts'
import type { RecipeLogger } from './listeners.ts'
import { aborted, pause, unlessAborted } from './pause.ts'

/** How sessions are opened one after the other. */
export interface SessionsOptions {
  /** Gives up the first session with Aborted; later on it closes the last one. */
  readonly signal?: AbortSignal
  /** Hears of listeners that throw. */
  readonly logger?: RecipeLogger
}

/** What the listeners of sessions get. */
export interface SessionsEvents {
  /** There is a new session; the first one was there before anybody could listen. */
  readonly session: readonly [zk: Client]
  /** No session could be opened; it is tried again, later each time, up to every ten seconds or so. */
  readonly failed: readonly [error: unknown]
}

/** What a recipe that outlives sessions is built on: one session, with which it ends, or one after the other. */
export type SessionSource = Client | Sessions

const SHORTEST_MS = 100
const LONGEST_MS = 10_000

/** One session after the other. */
export class Sessions {
  readonly #open: (signal: AbortSignal) => Promise<Client>
  readonly #listeners: Listeners<SessionsEvents>
  readonly #closing = new AbortController()
  /** The last one that was open. */
  #client: Client
  #next: Promise<Client>
  #closed: Promise<void> | null = null

  /** See `sessionsFrom`. */
  static async begin(
    open: (signal: AbortSignal) => Promise<Client>, { signal, logger }: SessionsOptions,
  ): Promise<Sessions> {
    if (signal?.aborted === true) throw aborted(signal)
    const closing = new AbortController()
    const abort = (): void => closing.abort(signal?.reason)
    onAbort(signal, abort)
    try {
      const sessions = new this(open, await opened(open, closing.signal), logger)
      if (signal !== undefined) sessions.#closeOn(signal)
      return sessions
    } finally {
      offAbort(signal, abort)
    }
  }

  private constructor(
    open: (signal: AbortSignal) => Promise<Client>, first: Client, logger: RecipeLogger | undefined,
  ) {
    this.#open = open
    this.#listeners = new Listeners<SessionsEvents>(['session', 'failed'], logger)
    this.#client = first
    this.#next = Promise.resolve(first)
    this.#follow(first)
  }

  /** The present session; the last one while there is none, which is over then. Its end is not yours: use `close`. */
  get client(): Client {
    return this.#client
  }

  /** Resolves with a session that is not over as far as is known here: at once, or when there is one again. */
  async current(options?: CallOptions): Promise<Client> {
    checkCall(options)
    const signal = options?.signal
    for (;;) {
      if (signal?.aborted === true) throw aborted(signal)
      if (this.#closing.signal.aborted) throw new ZkError('Closed')
      if (!isOver(this.#client)) return this.#client
      await unlessAborted(this.#next, signal)
    }
  }

  /** Calls back at every such event until the returned function is called. */
  on<Name extends keyof SessionsEvents>(event: Name, listener: (...given: SessionsEvents[Name]) => void): () => void {
    return this.#listeners.on(event, listener)
  }

  /** Closes the present session, and opens no more. Idempotent, never rejects; ends as the client's `close` does. */
  close(): Promise<void> {
    this.#closing.abort()
    return this.#closed ??= this.#client.close().then(() => this.#listeners.clear())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #closeOn(signal: AbortSignal): void {
    const close = (): void => void this.close()
    if (signal.aborted) return close()
    onAbort(signal, close)
    this.#closing.signal.addEventListener('abort', () => offAbort(signal, close), { once: true })
  }

  #follow(zk: Client): void {
    let isFollowed = false
    const look = (): void => {
      if (!isOver(zk) || isFollowed) return
      isFollowed = true
      off()
      if (this.#closing.signal.aborted) return
      this.#next = this.#renew(zk)
      // It rejects when this is closed: whoever waits hears of it, and when nobody does, nobody need.
      void Promise.allSettled([this.#next])
    }
    const off = zk.on('state', look)
    look()
  }

  async #renew(former: Client): Promise<Client> {
    const { signal } = this.#closing
    for (let attempt = 0; ; attempt++) {
      try {
        const zk = await opened(this.#open, signal)
        // Closed at the very moment at which it came.
        if (signal.aborted) void zk.close()
        signal.throwIfAborted()
        this.#client = zk
        this.#listeners.emit('session', zk)
        this.#follow(zk)
        return zk
      } catch (error) {
        if (signal.aborted) throw new ZkError('Closed')
        this.#listeners.emit('failed', error)
      }
      const longestMs = Math.min(SHORTEST_MS * 2 ** Math.min(attempt, 16), LONGEST_MS)
      try {
        await pause(former, Math.ceil(longestMs * (1 + former.random()) / 2), signal)
      } catch (error) {
        throw new ZkError('Closed', undefined, { cause: error })
      }
    }
  }
}

/** A session that came too late is closed at once. */
async function opened(open: (signal: AbortSignal) => Promise<Client>, signal: AbortSignal): Promise<Client> {
  const opening = open(signal)
  let zk: Client
  try {
    zk = await unlessAborted(opening, signal)
  } catch (error) {
    if (signal.aborted) opening.then((late) => late.close(), () => undefined)
    throw error
  }
  const end = endOf(zk)
  if (end !== null) throw end
  return zk
}

/** A session of the source that is not over. Errors: Aborted; SessionExpired and Closed when there will be none. */
export async function sessionOf(source: SessionSource, signal: AbortSignal | undefined): Promise<Client> {
  if (source instanceof Sessions) return source.current(signal === undefined ? {} : { signal })
  if (signal?.aborted === true) throw aborted(signal)
  const end = endOf(source)
  if (end !== null) throw end
  return source
}

/** The present session of the source, or the last one: for its clock, and its chance. */
export function clientOf(source: SessionSource): Client {
  return source instanceof Sessions ? source.client : source
}

/** Throws TypeError for what is no source of sessions. */
export function checkSource(source: SessionSource): SessionSource {
  const isClient = typeof (source as Client | undefined)?.clock?.setTimer === 'function'
  if (!isClient && !(source instanceof Sessions)) throw new TypeError('a client is missing, or what sessionsFrom gave')
  return source
}

/**
 * Keeps a session open by opening another one whenever the last one is over, because it expired, or the peer that
 * carried it stopped: `open` is called again until it succeeds. What lives longer than a session takes this in place
 * of a client: `presence`, `register`, `discover`. Resolves with the first session.
 *
 *     const sessions = await sessionsFrom((signal) => connect('zk://zk1,zk2,zk3', { signal }))
 *
 * `open` gets a signal that aborts at `close`. The sessions it opens belong to the result: they end by its `close`.
 * A session that is lost for a while, but may be taken up again, is not over: it is waited for, since its ephemeral
 * nodes may be there. Errors: those of the first `open`; Aborted, TypeError.
 */
export async function sessionsFrom(
  open: (signal: AbortSignal) => Promise<Client>, options: SessionsOptions = {},
): Promise<Sessions> {
  if (typeof open !== 'function') throw new TypeError('sessionsFrom takes a function that opens a session')
  checkOptions(options, ['signal', 'logger'])
  checkSignal(options.signal)
  checkLogger(options.logger)
  return Sessions.begin(open, options)
}
