import type { World } from '../../lib/testing/index.ts'
import { isZkError } from '../../lib/core/errors.ts'
import { check } from './actors.ts'

/** Changes that happen exactly once: what was surely done, and what may have been. */
export class Tally {
  readonly #world: World
  /** Results of those that were answered: no two may have the same. */
  readonly #results = new Set<number>()
  /** Begun, and not known to have failed. */
  #possible = 0
  done = 0

  constructor(world: World) {
    this.#world = world
  }

  /** One change, whose result is its number; later ones have greater numbers. */
  async change(work: () => Promise<number>): Promise<void> {
    const newest = this.newest
    this.#possible += 1
    try {
      const result = await work()
      check(!this.#results.has(result), 'twice', `${result} came twice`)
      check(result > newest, 'order', `${result} came after ${newest} was known`)
      this.#results.add(result)
      this.newest = Math.max(this.newest, result)
      this.done += 1
    } catch (error) {
      // Of a change that a program was killed in nobody knows, either: it is never heard of again.
      if (isZkError(error) && !error.mayHaveHappened) this.#possible -= 1
      throw error
    }
  }

  /** The greatest result that somebody got. */
  newest = 0

  /** Every change that was answered happened, and none more than once. */
  verify(final: number): void {
    check(final >= this.done && final <= this.#possible, 'exactly once',
      `${final}, after ${this.done} sure changes and ${this.#possible} possible ones at ${this.#world.nowMs} ms`)
  }
}
