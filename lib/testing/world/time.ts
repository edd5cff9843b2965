import { makeNextTurn } from '../../peer/system-clock.ts'
import { Agenda } from '../agenda.ts'

interface Waiter {
  readonly endMs: number
  readonly isDone: () => boolean
  readonly resolve: (isDone: boolean) => void
  readonly reject: (error: unknown) => void
}

/** 2025-10-09, in ms since 1970: when every world begins. */
export const BEGIN_WALL_MS = 1_760_000_000_000

/**
 * Virtual time. It stands still unless somebody waits for something; then the next event that is due happens, and the
 * one after it, each after all promises that the one before has settled. Where nothing is due, no time is spent.
 */
export class VirtualTime {
  #nowMs = 0
  #order = 0
  readonly #agenda = new Agenda()
  /** Due now. */
  #soon: (() => void)[] = []
  readonly #waiters = new Set<Waiter>()
  readonly #nextTurn = makeNextTurn()
  #isRunning = false
  #stopped: Error | null = null
  /** Events so far. */
  events = 0
  #hash = 0x811c9dc5

  /** Since the beginning, with its fraction. */
  get nowMs(): number {
    return this.#nowMs
  }

  /** Of when everything happened so far, and of what was added: two runs with the same one were the same. */
  get fingerprint(): number {
    return this.#hash >>> 0
  }

  /** Adds to the fingerprint. */
  mix(value: number): void {
    this.#hash = Math.imul(this.#hash ^ value, 0x01000193)
    this.#hash ^= this.#hash >>> 15
  }

  at(atMs: number, run: () => void): void {
    if (this.#stopped !== null) return
    this.#agenda.add({ atMs: Math.max(atMs, this.#nowMs), order: this.#order++, run })
  }

  /** In the next turn, before anything else. */
  soon(run: () => void): void {
    if (this.#stopped !== null) return
    this.#soon.push(run)
  }

  /** Lets time pass until `isDone`, or for `limitMs`; says whether it came true. Any number may wait at a time. */
  wait(limitMs: number, isDone: () => boolean): Promise<boolean> {
    return new Promise((resolve, reject) => {
      if (this.#stopped !== null) return reject(this.#stopped)
      this.#waiters.add({ endMs: this.#nowMs + limitMs, isDone, resolve, reject })
      if (this.#isRunning) return
      this.#isRunning = true
      void this.#run()
    })
  }

  /** Nothing happens any more: all who wait, now or later, get this error. */
  stop(error: Error): void {
    this.#stopped ??= error
    this.#agenda.clear()
    this.#soon.length = 0
    this.#fail(error)
  }

  #fail(error: unknown): void {
    for (const { reject } of this.#waiters) reject(error)
    this.#waiters.clear()
  }

  async #run(): Promise<void> {
    for (;;) {
      await new Promise<void>((resolve) => this.#nextTurn(resolve))
      try {
        // Whoever has waited acts before anything else happens.
        if (this.#look()) continue
        if (this.#waiters.size === 0) break
        this.#step()
      } catch (error) {
        // A callback of the test's own threw: nothing is worth going on for.
        this.#fail(error)
        break
      }
    }
    this.#isRunning = false
  }

  /** Whoever has what he waits for, or has waited long enough, waits no more. False: there was nobody. */
  #look(): boolean {
    const { size } = this.#waiters
    for (const waiter of this.#waiters) {
      const isDone = waiter.isDone()
      if (!isDone && this.#nowMs < waiter.endMs) continue
      this.#waiters.delete(waiter)
      waiter.resolve(isDone)
    }
    return this.#waiters.size < size
  }

  #step(): void {
    const run = this.#soon.shift()
    if (run !== undefined) {
      this.#happen(run)
      return
    }
    let endMs = Infinity
    for (const waiter of this.#waiters) endMs = Math.min(endMs, waiter.endMs)
    const next = this.#agenda.first
    if (next === undefined || next.atMs > endMs) {
      if (endMs === Infinity) throw new Error('nothing will ever happen again in this world')
      this.#nowMs = endMs
      return
    }
    this.#agenda.take()
    this.#nowMs = next.atMs
    this.#happen(next.run)
  }

  #happen(run: () => void): void {
    this.events += 1
    this.mix(Math.floor(this.#nowMs * 1_000) | 0)
    run()
  }
}
