import { makeRandom } from '../../lib/core/random.ts'
import type { Random } from '../../lib/core/random.ts'
import { drawChange } from '../../lib/testing/sim/breed.ts'
import type { Covered } from '../../lib/testing/sim/coverage.ts'
import { drawRun } from '../../lib/testing/sim/reduction.ts'
import type { Reduction } from '../../lib/testing/sim/reduction.ts'

/** A seed, how much of its storm is played, and the draws that are not as it has them. */
export interface Job extends Pick<Reduction, 'storm' | 'bred'> {
  readonly seed: number
}

interface Parent {
  readonly job: Job
  /** What it reached before anybody else. */
  readonly news: number
  children: number
}

/** Before anything is bred so many seeds are run as they are, later one of so many runs. */
const FIRST = 10
const FRESH_OF = 4
/** Seeds that are kept at a time, and changes of one. */
const KEPT_MAX = 400
const CHANGES_MAX = 12
/** Nearly every run has some states of the whole ensemble to itself: so many times the mean is worth something. */
const MANY = 2

/**
 * Which run is next (correctness plan, F.1): seeds as they come, and those that reached something new with one more
 * draw changed.
 */
export class Breeder {
  readonly #random: Random
  readonly #kept: Parent[] = []
  readonly #paths = new Set<number>()
  readonly #states = new Set<number>()
  #next: number
  #runs = 0
  #ofBred = 0
  #keptEver = 0

  /** `from`: the first seed. */
  constructor(from: number) {
    this.#next = from
    this.#random = makeRandom(from ^ 0xb4eed)
  }

  next(): Job {
    const random = this.#random
    if (this.#runs < FIRST || this.#kept.length === 0 || random.below(FRESH_OF) === 0) return { seed: this.#next++ }
    // Of three the one that reached most and was tried least.
    let parent = this.#kept[random.below(this.#kept.length)]!
    for (let i = 0; i < 2; i++) {
      const other = this.#kept[random.below(this.#kept.length)]!
      if (other.news / (1 + other.children) > parent.news / (1 + parent.children)) parent = other
    }
    parent.children++
    const { job: { seed, bred = [] } } = parent
    const { plan, faults } = drawRun(seed, undefined, { bred })
    return { seed, bred: [...bred, drawChange(random, plan, faults.length)] }
  }

  /** What a run has reached. True when it is kept, to breed from. */
  learn(job: Job, { paths, states }: Covered): boolean {
    const bigStates = MANY * this.#states.size / Math.max(this.#runs, 1)
    const fresh = { paths: put(this.#paths, paths), states: put(this.#states, states) }
    this.#runs++
    if (job.bred !== undefined) this.#ofBred += fresh.paths
    const { plan: { ending } } = drawRun(job.seed)
    // Where there are no faults, there must be none.
    if (ending === 'no faults' || (job.bred?.length ?? 0) >= CHANGES_MAX) return false
    if (fresh.paths === 0 && fresh.states <= bigStates) return false
    this.#kept.push({ job, news: fresh.paths + fresh.states / 10, children: 0 })
    this.#keptEver++
    if (this.#kept.length > KEPT_MAX) this.#kept.shift()
    return true
  }

  get paths(): number {
    return this.#paths.size
  }

  get line(): string {
    return `, ${this.#paths.size} paths, ${this.#states.size} states of the ensemble, ${this.#keptEver} kept`
  }

  /** Rows for the closing table. */
  get counts(): Readonly<Record<string, number>> {
    return {
      'bred: seeds kept': this.#keptEver, 'bred: paths': this.#paths.size,
      'bred: paths found by changed seeds': this.#ofBred, 'bred: states of the ensemble': this.#states.size,
    }
  }
}

/** How many of these were not there. */
function put(known: Set<number>, found: readonly number[]): number {
  const before = known.size
  for (const one of found) known.add(one)
  return known.size - before
}
