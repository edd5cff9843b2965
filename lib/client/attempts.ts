import type { Endpoint } from './channel.ts'

const FIRST_PAUSE_MS = 10
const LONGEST_PAUSE_MS = 1_000
/** A connection that ends sooner was brief ... */
const BRIEF_MS = 1_000
/** ... and after so many in a row there are pauses: somebody else may have the session, or a request end them. */
const BRIEF_COUNT = 8
const BRIEF_SHARE = 4
const SHORTEST_ATTEMPT_MS = 250
const LONGEST_ATTEMPT_MS = 5_000

/** Where to connect next, and when. */
export interface Step {
  readonly endpoint: Endpoint
  readonly pauseMs: number
  /** Give up on the attempt after so long, when there is another endpoint to try. */
  readonly limitMs: number
}

/**
 * The order in which endpoints are tried: at once after a loss, all of them in turn, then with pauses that double from
 * one round to the next, each between its half and its whole. So they do when connections end as soon as they are open.
 */
export class Attempts {
  readonly #endpoints: readonly Endpoint[]
  readonly #random: () => number
  #at = 0
  /** Attempts that failed since the last success. */
  #failures = 0
  /** Brief connections since the last one that was not. */
  #brief = 0

  /** `random`, 0 to 1, spreads the pauses of clients that lost the same server. */
  constructor(endpoints: readonly Endpoint[], random: () => number = () => 1) {
    this.#endpoints = endpoints
    this.#random = random
  }

  /** Every endpoint is gone for good. */
  get isOver(): boolean {
    return this.#endpoints.every(({ gone }) => gone)
  }

  /** A session was opened: the next loss starts over with this endpoint, unless it went silent. */
  succeeded(): void {
    this.#failures = 0
  }

  /** The connection on which it was has ended after so long. */
  ended(livedMs: number): void {
    this.#brief = livedMs < BRIEF_MS ? this.#brief + 1 : 0
  }

  /** The attempt came to nothing: the next endpoint is due. */
  failed(): void {
    this.#failures += 1
    this.#at = (this.#at + 1) % this.#endpoints.length
  }

  /** An open connection went silent: a further attempt there may take all the time that its session has left. */
  wentSilent(): void {
    this.#at = (this.#at + 1) % this.#endpoints.length
  }

  /** Null when every endpoint is gone for good. */
  next(timeoutMs: number): Step | null {
    const count = this.#endpoints.length
    let fallback = -1
    for (let i = 0; i < count; i++) {
      const at = (this.#at + i) % count
      const endpoint = this.#endpoints[at]
      if (endpoint === undefined || endpoint.gone) continue
      if (endpoint.ready !== false) return this.#step(at, timeoutMs)
      if (fallback === -1) fallback = at
    }
    return fallback === -1 ? null : this.#step(fallback, timeoutMs)
  }

  #step(at: number, timeoutMs: number): Step | null {
    this.#at = at
    const endpoint = this.#endpoints[at]
    if (endpoint === undefined) return null
    const live = this.#endpoints.filter(({ gone }) => !gone).length
    // A session that is taken up each time must not end for want of a connection.
    const briefMs = Math.min(longestPauseMs(this.#brief - BRIEF_COUNT), timeoutMs / BRIEF_SHARE)
    const longestMs = Math.max(longestPauseMs(Math.floor(this.#failures / live)), briefMs)
    const pauseMs = Math.round(longestMs * (1 + this.#random()) / 2)
    const share = Math.floor(timeoutMs / (live + 1))
    const limitMs = live === 1 ? Infinity : Math.min(LONGEST_ATTEMPT_MS, Math.max(SHORTEST_ATTEMPT_MS, share))
    return { endpoint, pauseMs, limitMs }
  }
}

/** Before the first round there is none. */
function longestPauseMs(round: number): number {
  return round <= 0 ? 0 : Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(round - 1, 10))
}
