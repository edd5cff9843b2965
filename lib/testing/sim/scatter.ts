import type { Random } from '../../core/random.ts'
import { untilNext } from '../draws.ts'

/**
 * Datagrams that overtake each other (correctness plan, B): each is under way for a time of its own, besides what its
 * way takes. The dice are no one else's.
 */
export class Scatter {
  readonly #random: Random
  readonly #meanMs: number
  #sent = 0
  /** The last one sent of those that arrived, by way. */
  readonly #newest = new Map<number, number>()
  /** So many arrived after one that was sent later by the same way. */
  overtaken = 0

  constructor(random: Random, meanMs: number) {
    this.#random = random
    this.#meanMs = meanMs
  }

  delayMs(): number {
    return untilNext(this.#random, this.#meanMs)
  }

  /** The place of the next one among all that were sent. */
  send(): number {
    return ++this.#sent
  }

  arrives(way: number, place: number): void {
    if (place < (this.#newest.get(way) ?? 0)) this.overtaken++
    else this.#newest.set(way, place)
  }
}
