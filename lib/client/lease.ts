import type { Clock, Timer } from '../ports/clock.ts'
import { Moment } from './moment.ts'
import { GRACE_MS } from './verdict.ts'

/** What a lease is told at birth. */
export interface LeaseParts {
  readonly clock: Clock
  readonly unref: boolean
  /** No server may be there to say that the session is over, so that at some time it is taken for it. */
  readonly ends: boolean
  /** The session may be gone. */
  onLost(): void
  /** The session is taken for gone. */
  onOver(): void
}

/** After so many timeouts without a connection the session is over, as ZooKeeper's own clients have it. */
const OVER_AFTER = 4 / 3
const LOOK_MS = 1_000

/**
 * How long a session without a connection is surely alive: for its timeout, from the moment at which it was last known
 * to be. Looked at again and again, because timers stand still while a machine sleeps.
 */
export class Lease {
  readonly #parts: LeaseParts
  #touched: Moment
  #timeoutMs = 0
  #isLost = false
  #timer: Timer | null = null

  constructor(parts: LeaseParts) {
    this.#parts = parts
    this.#touched = Moment.now(parts.clock)
  }

  /** The connection went; `touchedAtMs` is monotonic. */
  begin(touchedAtMs: number, timeoutMs: number): void {
    const { clock } = this.#parts
    this.#touched = new Moment(touchedAtMs, clock.wall() - (clock.now() - touchedAtMs))
    this.#timeoutMs = timeoutMs
    this.#isLost = false
  }

  /** What is left of it. */
  get leftMs(): number {
    return this.#left(this.#timeoutMs)
  }

  #left(timeMs: number): number {
    return Math.max(0, Math.ceil(timeMs - this.#touched.elapsedMs(this.#parts.clock)))
  }

  /** Begins to look; the callbacks may come at once. */
  watch(): void {
    this.stop()
    const { ends } = this.#parts
    let leftMs = this.#isLost ? 0 : this.leftMs
    if (leftMs === 0) {
      const isNews = !this.#isLost
      this.#isLost = true
      leftMs = ends ? this.#left(this.#timeoutMs * OVER_AFTER) : Infinity
      if (leftMs === 0) this.#conclude()
      else if (leftMs !== Infinity) this.#arm(leftMs)
      if (isNews) this.#parts.onLost()
      return
    }
    this.#arm(leftMs)
  }

  /** A server's word that the session lives may have come while the process stood still. */
  #conclude(): void {
    const { clock, unref } = this.#parts
    this.#timer = clock.setTimer(GRACE_MS, () => {
      this.#timer = null
      this.#parts.onOver()
    }, unref)
  }

  #arm(leftMs: number): void {
    const { clock, unref } = this.#parts
    this.#timer = clock.setTimer(Math.min(LOOK_MS, leftMs), () => {
      this.#timer = null
      this.watch()
    }, unref)
  }

  /** There is a connection again, or the session is over. */
  stop(): void {
    this.#timer?.cancel()
    this.#timer = null
  }
}
