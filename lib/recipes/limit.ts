import type { Client } from '../client/client.ts'
import { isZkError, ZkError } from '../core/errors.ts'

/** How long somebody waits. */
export interface LimitOptions {
  readonly signal?: AbortSignal
  readonly waitMs?: number
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
    else signal?.addEventListener('abort', this.#abort, { once: true })
    this.#timer = waitMs === 0 ? null : zk.clock.setTimer(waitMs, () => {
      this.#isOver = true
      this.#own.abort()
    })
  }

  get signal(): AbortSignal {
    return this.#own.signal
  }

  /** The error that the caller gets for one that ended the waiting. */
  judged(error: unknown, path: string): unknown {
    if (!this.#isOver || !isZkError(error, 'Aborted')) return error
    return new ZkError('OperationTimeout', 'it was not free in time', { path })
  }

  stop(): void {
    this.#timer?.cancel()
    this.#given?.removeEventListener('abort', this.#abort)
  }
}
