import type { Random } from '../../core/random.ts'

/** What a run does with priorities. */
export interface PriorityPlan {
  /** A way of the lowest priority is slower by so much. */
  readonly windowMs: number
  /** How often, in ways that are asked for, some way falls to the bottom: mean steps between two changes. */
  readonly changeSteps: number
}

/**
 * Schedules by priority (correctness plan, F.4): each directed way and each disk has a priority drawn once, and is
 * slower than all those above it, every time; now and then the one that is next falls to the bottom. Orders that need
 * one way to lose against all others again and again are rare under independent delays and common here.
 */
export class Priorities {
  readonly #random: Random
  #plan: PriorityPlan
  /** 0 the fastest .. 1 the slowest. */
  readonly #ranks = new Map<number, number>()
  changes = 0

  constructor(random: Random, plan: PriorityPlan) {
    this.#random = random
    this.#plan = plan
  }

  /** The order stays, the delays are no longer than this. */
  calm(windowMs: number): void {
    this.#plan = { ...this.#plan, windowMs: Math.min(this.#plan.windowMs, windowMs) }
  }

  delayMs(way: number): number {
    let rank = this.#ranks.get(way)
    if (rank === undefined) this.#ranks.set(way, rank = this.#random.unit())
    if (this.#random.unit() * this.#plan.changeSteps < 1) {
      this.changes++
      this.#ranks.set(way, rank = 1 + this.#random.unit() / 2)
    }
    return rank * this.#plan.windowMs
  }
}
