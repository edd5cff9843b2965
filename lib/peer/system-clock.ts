import type { Clock, Timer } from '../ports/clock.ts'

/** What Node returns from setTimeout, as opposed to browsers' numbers. */
interface Unrefable {
  unref?(): unknown
}

/** Platforms take a longer delay for none at all. */
const LONGEST_MS = 2 ** 31 - 1

/** The real time of this machine. */
export function systemClock(): Clock {
  return {
    now: () => Math.floor(performance.now()),
    wall: () => Date.now(),
    setTimer(delayMs: number, callback: () => void, unref = false): Timer {
      let handle = arm(delayMs)
      return { cancel: () => clearTimeout(handle) }

      function arm(leftMs: number): ReturnType<typeof setTimeout> {
        const isTooLong = leftMs > LONGEST_MS
        const timer = isTooLong ? setTimeout(() => { handle = arm(leftMs - LONGEST_MS) }, LONGEST_MS)
          : setTimeout(callback, leftMs)
        if (unref) (timer as unknown as Unrefable).unref?.()
        return timer
      }
    },
  }
}

/** Runs `callback` in the next turn of the event loop, behind input and output that is ready. */
export type NextTurn = (callback: () => void) => void

/**
 * The fastest way to the next turn that this platform has. Not a microtask: turns that feed each other would keep the
 * event loop from ever getting to its sockets and timers. Not a timer: browsers round it up to milliseconds.
 */
export function makeNextTurn(): NextTurn {
  const { setImmediate } = globalThis as { setImmediate?: (callback: () => void) => unknown }
  if (setImmediate) return (callback) => void setImmediate(callback)
  const { port1, port2 } = new MessageChannel()
  const waiting: (() => void)[] = []
  port1.addEventListener('message', () => waiting.shift()?.())
  port1.start()
  return (callback) => {
    waiting.push(callback)
    port2.postMessage(0)
  }
}
