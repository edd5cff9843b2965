import type { VirtualTime } from './time.ts'
import { BEGIN_WALL_MS } from './time.ts'

/** Something that is due by the clock of one machine. */
export interface DueCall {
  /** In true time. */
  atMs: number
  readonly run: () => void
}

/** Later than due by so much, in ms, where fractions decide: a timer is never early by its own clock. */
const LATE_MS = 0.001

/** The clocks of one machine: that of its timers, which never goes back, and that of the calendar. */
export class HostClock {
  readonly #time: VirtualTime
  readonly #due = new Set<DueCall>()
  #rate = 1
  /** By how much it is ahead of true time, but for its rate. */
  #aheadMs = 0
  #wallAheadMs = 0
  #lastMs = 0

  constructor(time: VirtualTime) {
    this.#time = time
  }

  now(): number {
    this.#lastMs = Math.max(this.#lastMs, Math.floor(this.#time.nowMs * this.#rate + this.#aheadMs))
    return this.#lastMs
  }

  wall(): number {
    return BEGIN_WALL_MS + this.now() + this.#wallAheadMs
  }

  /** Calls back once, when this clock has gone on by so much. */
  after(delayMs: number, run: () => void): DueCall {
    const call: DueCall = { atMs: 0, run }
    this.#due.add(call)
    this.#arm(call, Math.max(0, delayMs))
    return call
  }

  cancel(call: DueCall): void {
    this.#due.delete(call)
  }

  /** From now on it goes so many times as fast as true time. */
  drift(rate: number): void {
    if (rate === this.#rate) return
    this.#change(0, () => {
      this.#aheadMs += this.#time.nowMs * (this.#rate - rate)
      this.#rate = rate
    })
  }

  /** Both clocks are ahead by so much more, at once: what was due meanwhile is due now. */
  jump(ms: number): void {
    this.#change(ms, () => { this.#aheadMs += ms })
  }

  /** That of the calendar is ahead by so much more, or behind. */
  jumpWall(ms: number): void {
    this.#wallAheadMs += ms
  }

  #change(byMs: number, change: () => void): void {
    const left = [...this.#due].map((call) => [call, (call.atMs - this.#time.nowMs) * this.#rate - byMs] as const)
    change()
    for (const [call, leftMs] of left) this.#arm(call, Math.max(0, leftMs))
  }

  #arm(call: DueCall, leftMs: number): void {
    const atMs = this.#time.nowMs + (this.#rate === 1 ? leftMs : (leftMs + LATE_MS) / this.#rate)
    call.atMs = atMs
    this.#time.at(atMs, () => {
      if (call.atMs === atMs && this.#due.delete(call)) call.run()
    })
  }
}
