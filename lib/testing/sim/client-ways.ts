import type { Random } from '../../core/random.ts'
import { untilNext } from '../draws.ts'
import type { EventQueue } from './events.ts'

/** As a client sees it: what it sends goes out, what it is told comes in. */
export type Direction = 'out' | 'in'

/** A way on which nothing moves. */
interface Held {
  untilMs: number
  /** What has come to its end meanwhile, in order. */
  readonly waiting: (() => void)[]
}

/** Of one client: messages in between are late. */
interface Tail {
  readonly meanMs: number
  readonly untilMs: number
  readonly random: Random
}

/** Of the messages that find a way of such a client free one in so many is late. */
const LATE_EVERY = 4

/**
 * The ways between clients and peers, each direction by itself. Nothing is lost on them and nothing is overtaken: what
 * comes while its way is held waits, with all that comes after it, until the way is free or the storm is over. A late
 * message is one that holds its way.
 */
export class ClientWays {
  readonly #events: EventQueue
  readonly #held = new Map<string, Held>()
  /** By client. */
  readonly #tails = new Map<number, Tail>()
  #isCalm = false
  /** Messages that waited, and those that were late by themselves. */
  waited = 0
  late = 0

  constructor(events: EventQueue) {
    this.#events = events
  }

  /** Something arrives: now, or as soon as its way is free. */
  pass(client: number, peer: number, direction: Direction, arrive: () => void): void {
    if (this.#held.size === 0 && this.#tails.size === 0) {
      arrive()
      return
    }
    const way = wayOf(client, peer, direction)
    if (!this.#held.has(way)) this.#delay(client, way)
    const held = this.#held.get(way)
    if (held === undefined) {
      arrive()
      return
    }
    this.waited++
    held.waiting.push(arrive)
  }

  /** Nothing moves on this way for so long; what is held already is held until the later end. */
  hold(client: number, peer: number, direction: Direction, forMs: number): void {
    if (!this.#isCalm) this.#hold(wayOf(client, peer, direction), forMs)
  }

  /** For so long messages to and from this client are late in between, by `meanMs` in the mean. */
  stretch(client: number, forMs: number, meanMs: number, random: Random): void {
    if (this.#isCalm) return
    const untilMs = this.#events.nowMs + forMs
    this.#tails.set(client, { meanMs, untilMs, random })
  }

  /** Nothing is wrong any more, for good. */
  calm(): void {
    this.#isCalm = true
    this.#tails.clear()
    for (const [way, held] of Array.from(this.#held)) this.#free(way, held)
  }

  #delay(client: number, way: string): void {
    const tail = this.#tails.get(client)
    if (tail === undefined) return
    if (tail.untilMs <= this.#events.nowMs) this.#tails.delete(client)
    else if (tail.random.below(LATE_EVERY) === 0) {
      this.late++
      this.#hold(way, untilNext(tail.random, tail.meanMs))
    }
  }

  #hold(way: string, forMs: number): void {
    const untilMs = this.#events.nowMs + forMs
    const known = this.#held.get(way)
    const held = known ?? { untilMs, waiting: [] }
    if (known === undefined) this.#held.set(way, held)
    else if (known.untilMs < untilMs) known.untilMs = untilMs
    this.#events.at(untilMs, () => {
      if (this.#held.get(way) === held && held.untilMs <= this.#events.nowMs) this.#free(way, held)
    })
  }

  /** Whoever arrives may be answered at once, on a way that is free from here on. */
  #free(way: string, { waiting }: Held): void {
    this.#held.delete(way)
    for (const arrive of waiting) arrive()
  }
}

function wayOf(client: number, peer: number, direction: Direction): string {
  return `${client} ${peer} ${direction}`
}
