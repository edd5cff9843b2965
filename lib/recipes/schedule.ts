import type { Client } from '../client/client.ts'
import { offAbort, onAbort } from '../client/on-abort.ts'
import { checkOptions, checkSignal, checkTypes } from '../client/options.ts'
import { checkPath } from '../client/requests.ts'
import { endOf, isOver } from './connection.ts'
import type { Hold } from './hold.ts'
import { Listeners } from './listeners.ts'
import { acquire, tryAcquire } from './lock.ts'
import { below, pause } from './pause.ts'
import { beginAt, claimTick } from './ticks.ts'
import { timetableOf } from './timetable.ts'
import type { Timetable, When } from './timetable.ts'

/** One run of a scheduled job: what a lock is to its holder, and the tick it is for. */
export interface Run {
  /** When it was due. */
  readonly tick: Date
  /** Its signal, token and guard hold for this run. */
  readonly hold: Hold
  readonly signal: AbortSignal
}

/** How a job is scheduled. */
export interface ScheduleOptions {
  /**
   * What becomes of ticks for which nobody was there within a minute, or whose turn came while a run went on. `skip`:
   * nothing. `last`: the last of them is run as soon as somebody can. `skip` when left out.
   */
  readonly missed?: 'skip' | 'last'
  /** Who it is, for tools. */
  readonly name?: string
  /** Ends it, as `close`. */
  readonly signal?: AbortSignal
}

/** What a schedule tells. */
export interface ScheduleEvents {
  readonly run: readonly [Run]
  readonly done: readonly [Run]
  /** The job threw, or was not begun, as the lock was lost before (LockLost). */
  readonly failed: readonly [unknown, Run]
  /** It takes part no more: what ended it, null when it was closed or nothing is due any more. */
  readonly end: readonly [Error | null]
}

const OPTIONS: readonly string[] = ['missed', 'name', 'signal']
/** The wall clock may be set, and machines sleep: it is looked at so often. */
const LOOK_MS = 60_000
/** Whoever comes later than that, by his own clock, has missed the tick: his machine slept, or was too busy. */
const LATE_MS = 60_000

/** A job that one of all members runs at each tick. */
export class Schedule {
  readonly path: string
  readonly #zk: Client
  readonly #timetable: Timetable
  readonly #work: (run: Run) => unknown
  readonly #options: ScheduleOptions
  readonly #listeners = new Listeners<ScheduleEvents>(['run', 'done', 'failed', 'end'], undefined)
  readonly #closing = new AbortController()
  #going: Promise<void> = Promise.resolve()
  #over: { readonly error: Error | null } | null = null

  /** @internal `schedule` makes them. */
  constructor(zk: Client, path: string, timetable: Timetable, work: (run: Run) => unknown, options: ScheduleOptions) {
    this.#zk = zk
    this.path = path
    this.#timetable = timetable
    this.#work = work
    this.#options = options
  }

  /** When it is due next, by this program's clock; null when never. */
  get next(): Date | null {
    const nextMs = this.#timetable.next(this.#zk.clock.wall())
    return nextMs === null ? null : new Date(nextMs)
  }

  /** Calls back at every such event on this member until the returned function is called; an end that was, too. */
  on<Name extends keyof ScheduleEvents>(event: Name, listener: (...given: ScheduleEvents[Name]) => void): () => void {
    const over = this.#over
    if (event !== 'end' || over === null) return this.#listeners.on(event, listener)
    return this.#listeners.late(event, listener, [over.error])
  }

  /** @internal */
  async start(): Promise<void> {
    const { signal } = this.#options
    const close = (): void => void this.close()
    const previousMs = this.#timetable.previous(this.#zk.clock.wall())
    await beginAt(this.#zk, below(this.path, 'last'), previousMs ?? 0, signal)
    if (signal?.aborted === true) close()
    onAbort(signal, close)
    const offSignal = (): void => offAbort(signal, close)
    this.#closing.signal.addEventListener('abort', offSignal, { once: true })
    this.#going = this.#take(offSignal)
  }

  /** Takes part until the end. */
  async #take(offSignal: () => void): Promise<void> {
    let error: Error | null = null
    try {
      await this.#go()
      error = endOf(this.#zk)
    } catch (reason) {
      error = reason instanceof Error ? reason : new Error(String(reason))
    }
    offSignal()
    this.#over = { error: this.#closing.signal.aborted ? null : error }
    this.#listeners.emit('end', this.#over.error)
  }

  async #go(): Promise<void> {
    const { clock } = this.#zk
    const skips = this.#options.missed !== 'last'
    const previous = (nowMs: number): number => this.#timetable.previous(nowMs) ?? -Infinity
    /** Ticks up to this one are done with. */
    let passedMs = skips ? previous(clock.wall()) : -Infinity
    while (!isOver(this.#zk)) {
      const nowMs = clock.wall()
      const dueMs = previous(nowMs)
      if (dueMs > passedMs) {
        passedMs = dueMs
        if (!this.#isLate(dueMs)) await this.#tick(dueMs)
        if (skips) passedMs = previous(clock.wall())
        continue
      }
      // The clock may have been set back: by a day, and what comes next is due a day earlier than it was.
      passedMs = dueMs
      const nextMs = this.#timetable.next(nowMs)
      if (nextMs === null) return
      await pause(this.#zk, Math.min(LOOK_MS, nextMs - nowMs), this.#closing.signal)
    }
  }

  /** The tick was missed, and is not to be run any more. */
  #isLate(tickMs: number): boolean {
    return this.#options.missed !== 'last' && this.#zk.clock.wall() - tickMs > LATE_MS
  }

  /** Runs the job if the tick is nobody's yet. */
  async #tick(tickMs: number): Promise<void> {
    const { signal } = this.#closing
    const { missed, name = '' } = this.#options
    const path = below(this.path, 'run')
    const hold = missed === 'last'
      ? await acquire(this.#zk, path, { signal, name }) : await tryAcquire(this.#zk, path, { signal, name })
    if (hold === null) return
    try {
      // It may have waited for a connection.
      if (this.#isLate(tickMs)) return
      if (await claimTick(this.#zk, below(this.path, 'last'), tickMs, name, signal)) await this.#run(tickMs, hold)
    } finally {
      await hold.release()
    }
  }

  async #run(tickMs: number, hold: Hold): Promise<void> {
    const run: Run = { tick: new Date(tickMs), hold, signal: AbortSignal.any([hold.signal, this.#closing.signal]) }
    this.#listeners.emit('run', run)
    try {
      // It may have stood still since it claimed the tick: others may be at the next one.
      if (!hold.held) throw hold.signal.reason as Error
      await this.#work(run)
    } catch (error) {
      this.#listeners.emit('failed', error, run)
      return
    }
    this.#listeners.emit('done', run)
  }

  /** Takes part no more; a run that goes on is told by its signal, and waited for. Idempotent, never rejects. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#going
    this.#listeners.clear()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/**
 * Runs a job at each tick of a timetable on exactly one of all members that schedule it at the same path: whoever
 * claims the tick. Ticks have their number from the timetable, not from anybody's clock, so that clocks that differ,
 * are set or jump make a run earlier or later, never twice. Two runs never go on at once, as far as `acquire` promises
 * that.
 *
 * A tick that was claimed makes all before it nobody's. So a member whose clock is ahead runs ticks early, and when it
 * leaves, or its clock is set right, nothing is run until the others' clocks are past the last tick that it claimed: a
 * day later, when it was ahead by a day. Whoever does not want to wait deletes `<path>/last`; ticks that were run early
 * are run once more then. A clock that is ahead without anything being claimed costs the others nothing, and that
 * member itself at most a minute after it is set back.
 *
 * A run whose member dies is not done again: what must be whole, the job must be able to take up (`run.hold.guard`
 * writes in the tree only while the run is the present one). What the job throws is told by `failed`.
 *
 * Resolves when this member takes part. It ends with the session, which `end` tells. Layout: `<path>/last` holds the
 * last tick that was claimed, `<path>/run` is a lock. Errors: TypeError, those of `create`.
 */
export async function schedule(
  zk: Client, path: string, when: When, work: (run: Run) => unknown, options: ScheduleOptions = {},
): Promise<Schedule> {
  checkPath(path)
  checkOptions(options, OPTIONS)
  checkSignal(options.signal)
  checkTypes(options, { name: 'string' })
  const { missed } = options
  if (missed !== undefined && missed !== 'skip' && missed !== 'last') throw new TypeError('missed must be skip or last')
  if (typeof work !== 'function') throw new TypeError('the job must be a function')
  const member = new Schedule(zk, path, timetableOf(when), work, options)
  await member.start()
  return member
}
