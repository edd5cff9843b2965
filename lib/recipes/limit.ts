import type { Client } from '../client/client.ts'
import { offAbort, onAbort } from '../client/on-abort.ts'
import { checkOptions, checkSignal } from '../client/options.ts'
import { isZkError, ZkError } from '../core/errors.ts'

/** How long somebody waits. */
export interface LimitOptions {
  readonly signal?: AbortSignal
  readonly waitMs?: number
}

/** Names of the options, for the checks. */
export const LIMIT_OPTIONS: readonly string[] = ['signal', 'waitMs']

/** Throws TypeError for what is no such limit, or has options nobody knows. */
export function checkLimit(options: LimitOptions | undefined, known: readonly string[] = LIMIT_OPTIONS): void {
  if (options === undefined) return
  checkOptions(options, known)
  checkSignal(options.signal)
  const { waitMs } = options
  if (waitMs !== undefined && !(Number.isFinite(waitMs) && waitMs >= 0)) throw new TypeError('waitMs must be 0 or more')
}

/** One signal for the caller's and for the time limit. */
export class Limit {
  readonly #own = new AbortController()
  readonly #given: AbortSignal | undefined
  readonly #abort = (): void => this.#own.abort(this.#given?.reason)
  readonly #timer: ReturnType<Client['clock']['setTimer']> | null
  #isOver = false

  constructor(zk: Client, { signal, waitMs = 0 }: LimitOptions) {
    this.#given = signal
    if (signal?.aborted === true) this.#abort()
    else onAbort(signal, this.#abort)
    this.#timer = waitMs === 0 ? null : zk.clock.setTimer(waitMs, () => {
      this.#isOver = true
      this.#own.abort()
    })
  }

  get signal(): AbortSignal {
    return this.#own.signal
  }

  /** The error that the caller gets for one that ended the waiting. */
  judged(error: unknown, path: string, message = 'it was not free in time'): unknown {
    if (!this.#isOver || !isZkError(error, 'Aborted')) return error
    return new ZkError('OperationTimeout', message, { path })
  }

  stop(): void {
    this.#timer?.cancel()
    offAbort(this.#given, this.#abort)
  }
}
