import type { Client } from '../client/client.ts'
import { offAbort, onAbort } from '../client/on-abort.ts'
import { checkPath } from '../client/requests.ts'
import { isZkError, ZkError } from '../core/errors.ts'
import { endOf, isOver } from './connection.ts'
import { contenders } from './contenders.ts'
import type { Contender } from './contenders.ts'
import type { Hold } from './hold.ts'
import { Listeners } from './listeners.ts'
import { acquire, checkAcquire } from './lock.ts'
import type { AcquireOptions } from './lock.ts'

/** How to stand for election. */
export type CandidateOptions = Omit<AcquireOptions, 'waitMs'>

/** How to lead. */
export interface LeadOptions extends CandidateOptions {
  /** Stands again when `work` is done, until the signal aborts or the session ends. */
  readonly requeue?: boolean
}

/** A term of office: what a lock is to its holder. */
export type Term = Hold

/** What an election tells its candidate. */
export interface ElectionEvents {
  readonly elected: readonly [Term]
  /** The term is over for this program: it stopped, or must stop now. */
  readonly lost: readonly [Term]
  /** It stands no more; what ended the candidacy, null when it was closed. */
  readonly end: readonly [Error | null]
}

/**
 * Stands for election at `path`, leads when its turn comes, and gives what `work` gives. `term.signal` aborts before
 * anybody else can lead: `work` must end then, and it is waited for before the office is let go. Whatever is written
 * by `term.guard` is refused by the ensemble after the term, so that two leaders at once can not be seen there;
 * `term.token` does the same for storage that compares it.
 *
 * With `requeue` it stands again after every term, also one that was lost, as the last in line. Layout: kazoo's
 * Election, which is a lock, or with `layout` that of Curator's LeaderSelector (`curator`) or of its LeaderLatch
 * (`curator-latch`). Errors: those of `work`, which also end `requeue`; Aborted when the signal aborts before
 * the turn comes; SessionExpired; LockLost when `work` gave up with it and is not to be tried again.
 */
export async function lead<T>(
  zk: Client, path: string, work: (term: Term) => T | Promise<T>, options: LeadOptions = {},
): Promise<T> {
  if (typeof work !== 'function') throw new TypeError('work must be a function of the term')
  const { requeue = false, ...candidate } = options
  for (;;) {
    const term = await acquire(zk, path, candidate)
    try {
      const result = await work(term)
      if (!requeue || candidate.signal?.aborted === true) return result
    } catch (error) {
      // The work was told that the term is over, and stopped: the next term may come.
      if (!requeue || !endedBy(term, error)) throw error
    } finally {
      await term.release()
    }
  }
}

/** What is thrown for the end of the term: its reason, or what Node's timers and streams make of it. */
function endedBy(term: Term, error: unknown): boolean {
  return isZkError(error, 'LockLost') ||
    (term.signal.aborted && error instanceof Error && error.cause === term.signal.reason)
}

/** Who leads the election (or has the lock) at `path`; null when nobody does. Errors: those of `contenders`. */
export async function leaderOf(
  zk: Client, path: string, options: { readonly signal?: AbortSignal } = {},
): Promise<Contender | null> {
  return (await contenders(zk, path, options))[0] ?? null
}

/**
 * One candidate of an election, in office or waiting: it stands again whenever a term was lost, until it is closed or
 * its session is over.
 */
export class Election {
  readonly path: string
  readonly #zk: Client
  readonly #options: CandidateOptions
  readonly #listeners = new Listeners<ElectionEvents>(['elected', 'lost', 'end'], undefined)
  readonly #closing = new AbortController()
  #resigning = new AbortController()
  #term: Term | null = null
  /** Why it stands no more. */
  #error: Error | null = null
  #isOver = false
  readonly #standing: Promise<void>

  /** @internal `standFor` makes them. */
  constructor(zk: Client, path: string, options: CandidateOptions) {
    this.#zk = zk
    this.path = path
    this.#options = options
    const { signal } = options
    const close = (): void => this.#closing.abort()
    if (signal?.aborted === true) close()
    onAbort(signal, close)
    this.#closing.signal.addEventListener('abort', () => offAbort(signal, close), { once: true })
    this.#standing = this.#stand()
  }

  /** True while this program may act as the leader. */
  get isLeader(): boolean {
    return this.#term?.held === true
  }

  /** Token, signal and guard of the present term. */
  get term(): Term | null {
    return this.isLeader ? this.#term : null
  }

  /** Who leads, as the ensemble tells now. Errors: those of `contenders`. */
  leader(): Promise<Contender | null> {
    return leaderOf(this.#zk, this.path)
  }

  /** Who stands, the leader first. */
  candidates(): Promise<Contender[]> {
    return contenders(this.#zk, this.path)
  }

  /** Calls back at every such event until the returned function is called; also of an end that was. */
  on<Name extends keyof ElectionEvents>(event: Name, listener: (...given: ElectionEvents[Name]) => void): () => void {
    if (event !== 'end' || !this.#isOver) return this.#listeners.on(event, listener)
    return this.#listeners.late(event, listener, [this.#error])
  }

  /**
   * Resolves with the term when this candidate leads. Errors: Aborted, Closed, and what ended the candidacy:
   * SessionExpired, NoAuth.
   */
  elected({ signal }: { readonly signal?: AbortSignal } = {}): Promise<Term> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        off()
        offAbort(signal, abort)
        offAbort(this.#closing.signal, close)
      }
      const abort = (): void => {
        settle()
        reject(new ZkError('Aborted', undefined, { cause: signal?.reason }))
      }
      const close = (): void => {
        settle()
        reject(this.#error ?? new ZkError('Closed'))
      }
      const off = this.on('elected', (term) => {
        settle()
        resolve(term)
      })
      const { term } = this
      if (term !== null) {
        settle()
        resolve(term)
      } else if (signal?.aborted === true) abort()
      else if (this.#closing.signal.aborted) close()
      else {
        onAbort(signal, abort)
        onAbort(this.#closing.signal, close)
      }
    })
  }

  async #stand(): Promise<void> {
    while (!this.#closing.signal.aborted && !isOver(this.#zk)) {
      const resigning = this.#resigning = new AbortController()
      const signal = AbortSignal.any([this.#closing.signal, resigning.signal])
      try {
        const term = await acquire(this.#zk, this.path, { ...this.#options, signal })
        await this.#serve(term, signal)
      } catch (error) {
        if (isZkError(error, 'Aborted')) continue
        this.#error = error instanceof Error ? error : new Error(String(error))
        break
      }
    }
    if (!this.#closing.signal.aborted) this.#error ??= endOf(this.#zk)
    this.#closing.abort()
    this.#isOver = true
    this.#listeners.emit('end', this.#error)
  }

  /** Until the term is over. */
  async #serve(term: Term, signal: AbortSignal): Promise<void> {
    const over = new Promise<void>((resolve) => {
      const settle = (): void => resolve()
      if (term.signal.aborted || signal.aborted) settle()
      onAbort(term.signal, settle)
      onAbort(signal, settle)
    })
    this.#term = term
    if (term.held) this.#listeners.emit('elected', term)
    await over
    this.#term = null
    this.#listeners.emit('lost', term)
    await term.release()
  }

  /** Lets the office go, or the place in line, and stands again as the last. */
  resign(): void {
    this.#resigning.abort()
  }

  /** Stands no more, and lets the office go. Idempotent, never rejects. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#standing
    this.#listeners.clear()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/**
 * Stands for election at `path` until it is closed: `election.isLeader`, `election.term` with token, signal and guard,
 * events `elected`, `lost` and `end`. For a piece of work that the leader does, `lead` is simpler. Layout and promises
 * are those of `lead`; when the session ends, so does the candidacy. Errors: TypeError, BadArguments.
 */
export function standFor(zk: Client, path: string, options: CandidateOptions = {}): Election {
  checkAcquire(options)
  return new Election(zk, checkPath(path), options)
}
