import type { Clock, Timer } from '../../ports/clock.ts'
import type { HostClock } from './host-clock.ts'
import type { VirtualTime } from './time.ts'

/** What arrives for a program that stands still. */
interface Arrival {
  readonly isTimer: boolean
  readonly run: () => void
}

/**
 * One process of the world: a peer, or a client with all that its owner runs in it. Everything that happens to it comes
 * through here, so that it can stand still, while its clock goes on, and die at any moment between two events.
 */
export class Program {
  /** Host name of the machine on which it runs; a program that is started again there has the same. */
  readonly place: string
  readonly clock: Clock
  /** The clocks of that machine. */
  readonly host: HostClock
  /** Resolves when it was killed. */
  readonly killed: Promise<void>
  #onKilled: (() => void) | null = null
  readonly #time: VirtualTime
  #isOver = false
  #pausedUntilMs = -1
  #arrivals: Arrival[] = []

  constructor(time: VirtualTime, place: string, host: HostClock) {
    this.#time = time
    this.host = host
    this.place = place
    this.killed = new Promise((resolve) => { this.#onKilled = resolve })
    this.clock = {
      now: () => host.now(),
      wall: () => host.wall(),
      setTimer: (delayMs, callback) => this.#timer(delayMs, callback),
      nextTurn: (callback) => time.soon(() => this.post(callback)),
    }
  }

  /** It was killed. */
  get isOver(): boolean {
    return this.#isOver
  }

  get isPaused(): boolean {
    return this.#pausedUntilMs >= 0
  }

  /** Something happens to it: now, or when it goes on; never when it is over. */
  post(run: () => void, isTimer = false): void {
    if (this.#isOver) return
    if (this.isPaused) this.#arrivals.push({ isTimer, run })
    else run()
  }

  /** Stands still for so long. `timersFirst` says what it does first when it goes on. */
  pause(ms: number, timersFirst: boolean): void {
    const untilMs = this.#time.nowMs + ms
    if (this.#isOver || untilMs <= this.#pausedUntilMs) return
    this.#pausedUntilMs = untilMs
    this.#time.at(untilMs, () => {
      if (this.#pausedUntilMs === untilMs) this.#goOn(timersFirst)
    })
  }

  #goOn(timersFirst: boolean): void {
    this.#pausedUntilMs = -1
    const arrivals = this.#arrivals
    this.#arrivals = []
    const ordered = [...arrivals.filter(({ isTimer }) => isTimer === timersFirst),
      ...arrivals.filter(({ isTimer }) => isTimer !== timersFirst)]
    for (const { run, isTimer } of ordered) this.#time.soon(() => this.post(run, isTimer))
  }

  /** Nothing of it ever runs again. */
  kill(): void {
    this.#isOver = true
    this.#arrivals = []
    this.#onKilled?.()
  }

  #timer(delayMs: number, callback: () => void): Timer {
    let isCancelled = false
    const fire = (): void => {
      if (!isCancelled) callback()
    }
    const call = this.host.after(delayMs, () => this.post(fire, true))
    return {
      cancel: () => {
        isCancelled = true
        this.host.cancel(call)
      },
    }
  }
}
