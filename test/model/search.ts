/** Breadth first over all states within bounds: what is found is found on a shortest path. Or random walks. */
import { Violation } from '../../lib/testing/sim/violation.ts'
import { makeRandom } from '../../lib/core/random.ts'
import type { Random } from '../../lib/core/random.ts'
import { actionOf, isFault, textOf } from './actions.ts'
import type { Action } from './actions.ts'
import type { ExposedCore } from './exposed-core.ts'
import { Shard } from './shard.ts'
import type { Found, Subject } from './shard.ts'
import { shrink } from './shrink.ts'
import { storeMemory } from './store.ts'

/** Where a search ends, apart from its bounds. */
export interface Limits {
  readonly states: number
  readonly depth: number
  readonly ms: number
}

/** What a search came to. */
export interface SearchResult {
  /** Distinct ones, without those that could only do less than another. */
  readonly states: number
  readonly transitions: number
  readonly depth: number
  /** States that were found and not looked at; 0 when all were. */
  readonly frontier: number
  /** States beyond the last epoch, which were not looked at either. */
  readonly late: number
  readonly elapsedMs: number
  /** Local states, and steps of the real core that it took to make their tables. */
  readonly localStates: number
  readonly coreSteps: number
  readonly violation: { readonly check: string, readonly message: string, readonly depth: number,
    readonly trace: readonly string[] } | null
}

/** One in so many steps of a walk is a fault, when one may happen. */
const STEPS_PER_FAULT = 12

/** What a walk does next. */
export function anyOf(actions: readonly Action[], random: Random): Action | null {
  const faults = actions.filter(isFault)
  const others = actions.filter((action) => !isFault(action))
  const from = faults.length > 0 && (others.length === 0 || random.below(STEPS_PER_FAULT) === 0) ? faults : others
  return from.length === 0 ? null : from[random.below(from.length)]!
}

/** Follows a path from the first state, and tells what is said on the way. */
export function tell(shard: Shard, { size, established }: Subject, path: readonly Action[]): string[] {
  let world = shard.ensemble.begin(size, established)
  const lines: string[] = []
  shard.ensemble.trace = lines
  for (const [at, action] of path.entries()) {
    lines.push(`${String(at + 1).padStart(4)}  ${textOf(action)}`)
    try {
      world = shard.ensemble.after(world, action)
    } catch (error) {
      lines.push(`      ${String(error)}`)
    }
  }
  shard.ensemble.trace = null
  return lines
}

/** One search, in this thread. */
export class Search {
  readonly #subject: Subject
  readonly #shard: Shard
  readonly #startMs = performance.now()

  constructor(core: ExposedCore, subject: Subject) {
    this.#subject = subject
    this.#shard = new Shard(core, storeMemory(), subject, 0, 1)
  }

  /** The local states that the search met, to be looked into. */
  get shard(): Shard {
    return this.#shard
  }

  /** Breadth first. */
  run(limits: Limits, progress: (line: string) => void = () => undefined): SearchResult {
    const shard = this.#shard
    let found = shard.begin()
    let left = 0
    let depth = -1
    const isOver = (): boolean => depth >= limits.depth || shard.states >= limits.states ||
      performance.now() - this.#startMs > limits.ms
    while (found === null && left === 0) {
      const layer = shard.turn()
      if (layer === 0) break
      depth++
      progress(lineOf(depth, layer, shard.states, performance.now() - this.#startMs, shard.machines.states))
      const expanded = shard.expand(isOver, () => undefined)
      found = expanded.found
      left = expanded.left
    }
    return this.#result(depth, left + shard.waiting, found === null ? null : this.#explain(found))
  }

  #explain({ check, message, index, action }: Found): NonNullable<SearchResult['violation']> {
    const path: Action[] = action < 0 ? [] : [actionOf(action)]
    for (let at = index; at >= 0;) {
      const origin = this.#shard.origin(at)
      if (origin.parent >= 0) path.unshift(actionOf(origin.action))
      at = origin.parent
    }
    return { check, message, depth: path.length, trace: index < 0 ? [] : tell(this.#shard, this.#subject, path) }
  }

  /**
   * Random walks instead: each takes any of the things that may happen, faults less often, until nothing can or `depth`
   * is reached. Finds what lies deep, proves nothing; what is found is made as short as it can be by leaving out.
   */
  walk(limits: Limits, seed: number): SearchResult {
    const random = makeRandom(seed)
    const { ensemble } = this.#shard
    let deepest = 0
    const found = this.#shard.begin()
    if (found !== null) return this.#result(0, 0, this.#explain(found))
    const first = ensemble.begin(this.#subject.size, this.#subject.established)
    while (performance.now() - this.#startMs < limits.ms && this.#shard.states < limits.states) {
      const path: Action[] = []
      try {
        for (let world = first; path.length < limits.depth;) {
          this.#shard.see(world)
          const action = anyOf(ensemble.actions(world), random)
          if (action === null) break
          path.push(action)
          this.#shard.transitions++
          world = ensemble.after(world, action)
        }
      } catch (error) {
        if (!(error instanceof Violation)) throw error
        const { check, message } = error
        const shortest = shrink(ensemble, first, path, check)
        return this.#result(Math.max(deepest, path.length), 0,
          { check, message, depth: shortest.length, trace: tell(this.#shard, this.#subject, shortest) })
      }
      if (path.length > deepest) deepest = path.length
    }
    return this.#result(deepest, 0, null)
  }

  #result(depth: number, frontier: number, violation: SearchResult['violation']): SearchResult {
    const { states, transitions, machines, ensemble: { late } } = this.#shard
    return {
      states, transitions, depth, frontier, late, violation, elapsedMs: performance.now() - this.#startMs,
      localStates: machines.states, coreSteps: machines.steps,
    }
  }
}

/** How far a search is. */
export function lineOf(depth: number, layer: number, states: number, elapsedMs: number, local: number): string {
  return `depth ${depth}: ${layer} new of ${states} states, ` +
    `${Math.round(states / (elapsedMs / 1_000 + 0.001))}/s, ${local} local`
}
