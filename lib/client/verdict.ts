import type { Clock, Timer } from '../ports/clock.ts'

/** So long a process that was stopped for a while reads what came meanwhile, before it judges that nothing came. */
export const GRACE_MS = 20

/**
 * Judges after `delayMs`, and a moment later than it is due: of a process that stood still the timers fire before it
 * has read what waits for it.
 */
export function judgeAfter(clock: Clock, delayMs: number, judge: () => void, unref: boolean): Timer {
  let timer = clock.setTimer(delayMs, () => {
    timer = clock.setTimer(GRACE_MS, judge, unref)
  }, unref)
  return { cancel: () => timer.cancel() }
}
