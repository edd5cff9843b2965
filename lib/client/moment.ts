import type { Clock } from '../ports/clock.ts'

/**
 * A moment by two clocks. The monotonic one may stand still while a machine sleeps and the wall clock may be set, so
 * the larger of the two is what has passed: whoever holds a lease by it errs on the safe side.
 */
export class Moment {
  readonly ms: number
  readonly wallMs: number

  constructor(ms: number, wallMs: number) {
    this.ms = ms
    this.wallMs = wallMs
  }

  static now(clock: Clock): Moment {
    return new this(clock.now(), clock.wall())
  }

  /** What has passed since. */
  elapsedMs(clock: Clock): number {
    return Math.max(clock.now() - this.ms, clock.wall() - this.wallMs)
  }
}
