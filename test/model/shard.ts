/** One thread's part of a search: the states whose hashes fall to it. */
import { Violation } from '../../lib/testing/sim/violation.ts'
import { codeOf, isFault } from './actions.ts'
import type { Action } from './actions.ts'
import { Canon } from './canon.ts'
import { Ensemble } from './ensemble.ts'
import type { Bounds } from './ensemble.ts'
import type { ExposedCore } from './exposed-core.ts'
import { Machines } from './machines.ts'
import { Store } from './store.ts'
import type { StoreMemory } from './store.ts'
import { Frontier, IntList, SeenSet, wayOf } from './tables.ts'
import { SPENT, World, cellsOf, hashOf } from './world.ts'

/** What is searched. */
export interface Subject {
  readonly size: number
  readonly bounds: Bounds
  readonly mutant: string | undefined
  /** False: right after an election, or before it. True: once an epoch is established. */
  readonly established: boolean
  /** Elections are searched as well; else they are over at once. */
  readonly elections: boolean
  /** No reductions: states are told apart by all that they hold. */
  readonly isFull: boolean
}

/** A violation, and the state and action that it came from. */
export interface Found {
  readonly check: string
  readonly message: string
  /** -1: before the first state. */
  readonly index: number
  readonly action: number
}

/** Gives a state to the shard it falls to. */
export type Send = (shard: number, state: Hashed, parent: number, action: number) => void

export interface Hashed {
  readonly cells: readonly number[]
  readonly low: number
  readonly high: number
}

export class Shard {
  readonly machines: Machines
  readonly ensemble: Ensemble
  readonly #canon: Canon
  readonly #subject: Subject
  readonly #index: number
  readonly #count: number
  readonly #bounds: readonly number[]
  readonly #seen: SeenSet
  readonly #parents = new IntList()
  readonly #actions = new IntList()
  #layer: Frontier
  #next: Frontier
  /** Number of the first state of the next layer. */
  #base = 0
  transitions = 0
  /** When it is set: what states come down to in which nothing happens but faults and writes. */
  quiet: Set<string> | null = null

  /** The one of `count` shards that has this index. */
  constructor(core: ExposedCore, memory: StoreMemory, subject: Subject, index: number, count: number) {
    const { size, bounds, mutant, isFull, elections } = subject
    this.#subject = subject
    this.#index = index
    this.#count = count
    this.machines = new Machines(core, new Store(memory), size, mutant, isFull, elections)
    this.ensemble = new Ensemble(this.machines, bounds, isFull, elections)
    this.#canon = new Canon(this.machines)
    this.#bounds = SPENT.map((what) => bounds[what])
    this.#seen = new SeenSet(this.#bounds, !isFull)
    this.#layer = new Frontier(cellsOf(size))
    this.#next = new Frontier(cellsOf(size))
  }

  get states(): number {
    return this.#seen.size
  }

  /** Enters the first state, if it falls to this shard. */
  begin(): Found | null {
    try {
      const { size, established } = this.#subject
      this.offer(this.hashed(this.ensemble.begin(size, established)), -1, 0)
      return null
    } catch (error) {
      if (!(error instanceof Violation)) throw error
      return { check: error.check, message: error.message, index: -1, action: 0 }
    }
  }

  hashed(world: World): Hashed {
    const { cells } = world
    const [low, high] = this.#subject.isFull ? hashOf(cells) : this.#canon.hash(world)
    return { cells, low, high }
  }

  /** Takes a state up, when it falls to this shard and shows something new; else tells where it falls to. */
  offer({ cells, low, high }: Hashed, parent: number, action: number): number {
    const shard = this.#count === 1 ? 0 : (high >>> 9) % this.#count
    if (shard === this.#index && this.#seen.add(low, high, wayOf(this.#bounds, cells))) {
      this.#parents.push(parent)
      this.#actions.push(action)
      this.#next.push(cells)
    }
    return shard
  }

  /** True when a state of a walk is new. */
  see(world: World): boolean {
    const { low, high } = this.hashed(world)
    return this.#seen.add(low, high, wayOf(this.#bounds, world.cells))
  }

  /** Goes on to the next layer; how many states it has. */
  turn(): number {
    this.#base += this.#layer.length
    this.#layer = this.#next
    this.#next = new Frontier(cellsOf(this.#subject.size))
    return this.#layer.length
  }

  /** How many states wait for the next turn. */
  get waiting(): number {
    return this.#next.length
  }

  /** Looks at all states of the layer, until something is violated or `isOver`; how many are left. */
  expand(isOver: () => boolean, send: Send): { readonly found: Found | null, readonly left: number } {
    for (let at = 0; at < this.#layer.length; at++) {
      if ((at & 255) === 0 && isOver()) return { found: null, left: this.#layer.length - at }
      const world = new World(this.#subject.size, this.#layer.read(at))
      const found = this.#expand(world, this.#base + at, send)
      if (found !== null) return { found, left: this.#layer.length - at }
    }
    return { found: null, left: 0 }
  }

  #expand(world: World, index: number, send: Send): Found | null {
    let action: Action | null = null
    try {
      const actions = this.ensemble.actions(world)
      if (this.quiet !== null && actions.every((one) => one.kind === 'write' || isFault(one))) {
        this.quiet.add(this.ensemble.describe(world))
      }
      for (action of actions) {
        this.transitions++
        const state = this.hashed(this.ensemble.after(world, action))
        const code = codeOf(action)
        const parent = index * this.#count + this.#index
        const shard = this.offer(state, parent, code)
        if (shard !== this.#index) send(shard, state, parent, code)
      }
      return null
    } catch (error) {
      if (!(error instanceof Violation)) throw error
      const { check, message } = error
      return { check, message, index: index * this.#count + this.#index, action: action === null ? -1 : codeOf(action) }
    }
  }

  /** How a state of this shard was reached: the state before (-1: none), of any shard, and the action. */
  origin(index: number): { readonly parent: number, readonly action: number } {
    return { parent: this.#parents.at(index), action: this.#actions.at(index) }
  }
}
