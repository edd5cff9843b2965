import type { Zxid } from '../../core/zxid.ts'
import type { GhostClock, Watched } from './ghost.ts'
import { Violation } from './violation.ts'

/**
 * C16: whoever answers a client has applied what was committed so many ticks ago. A learner that hears nothing leaves
 * within `syncMs`; one whose disk is that slow is given up, at most one write later, and a leader whose own disk is
 * gives up, likewise. By the slowest clock there is; a process that stood still has as long from when it goes on.
 */
export class Timeliness {
  readonly #clock: GhostClock
  readonly #drift: number
  /** True time of each delivery, in the order of G. */
  readonly #deliveredMs: number[] = []

  /** `drift`: how wrong a clock may run, as a fraction. */
  constructor(clock: GhostClock, drift = 0) {
    this.#clock = clock
    this.#drift = drift
  }

  /** Somebody delivers the next txn of G. */
  delivered(): void {
    this.#deliveredMs.push(this.#clock.nowMs())
  }

  /** A server answers, with so many of G applied; `next` is the zxid of the one after those. */
  answered({ id, replica }: Watched, applied: number, next: Zxid | undefined): void {
    const deliveredMs = this.#deliveredMs[applied]
    if (next === undefined || deliveredMs === undefined) return
    const { syncMs, tickMs } = replica.config.timing
    const lateMs = this.#clock.nowMs() - Math.max(deliveredMs, this.#clock.awakeMs(id))
    if (lateMs <= (2 * syncMs + 2 * tickMs) / (1 - this.#drift)) return
    throw new Violation('C16', `server ${id} answers without ${next}, delivered ${lateMs.toFixed(0)} ms ago`)
  }
}
