/** Breadth first over all states within bounds: what is found is found on a shortest path. */
import { Violation } from '../../lib/testing/sim/violation.ts'
import { makeRandom } from '../../lib/core/random.ts'
import type { Random } from '../../lib/core/random.ts'
import { Ensemble } from './ensemble.ts'
import type { Action, Bounds } from './ensemble.ts'
import type { ExposedCore } from './exposed-core.ts'
import { Machines } from './machines.ts'
import { shrink } from './shrink.ts'
import { HashSet, IntList } from './tables.ts'
import { World, hashOf } from './world.ts'

/** Where a search begins, and where it ends, apart from its bounds. */
export interface Limits {
  /** False: right after an election. True: once an epoch is established. */
  readonly established: boolean
  readonly states: number
  readonly depth: number
  readonly ms: number
}

/** What a search came to. */
export interface SearchResult {
  readonly states: number
  readonly transitions: number
  readonly depth: number
  /** States that were found and not looked at; 0 when all were. */
  readonly frontier: number
  readonly elapsedMs: number
  /** Local states, and steps of the real core that it took to make their tables. */
  readonly localStates: number
  readonly coreSteps: number
  readonly violation: { readonly check: string, readonly message: string, readonly depth: number,
    readonly trace: readonly string[] } | null
}

const KINDS = ['deliver', 'persist', 'restart', 'connect', 'write', 'crash', 'lose', 'timeout', 'wait'] as const

function codeOf({ kind, peer, other }: Action): number {
  return KINDS.indexOf(kind) * 256 + peer * 16 + other
}

function actionOf(code: number): Action {
  return { kind: KINDS[code >> 8]!, peer: code >> 4 & 15, other: code & 15 }
}

function textOf({ kind, peer, other }: Action): string {
  switch (kind) {
    case 'deliver': return `peer ${peer + 1} reads from peer ${other + 1}`
    case 'persist': return `a write of peer ${peer + 1} is on disk`
    case 'connect': return `peers ${other + 1} and ${peer + 1} connect`
    case 'lose': return `peer ${peer + 1} loses its link to peer ${other + 1}`
    default: return `peer ${peer + 1}: ${kind}`
  }
}

/** One in so many steps of a walk is a fault, when one may happen. */
const STEPS_PER_FAULT = 12

function anyOf(actions: readonly Action[], random: Random): Action | null {
  const isFault = ({ kind }: Action): boolean => kind === 'crash' || kind === 'lose' || kind === 'timeout'
  const faults = actions.filter(isFault)
  const others = actions.filter((action) => !isFault(action))
  const from = faults.length > 0 && (others.length === 0 || random.below(STEPS_PER_FAULT) === 0) ? faults : others
  return from.length === 0 ? null : from[random.below(from.length)]!
}

/** One search over an ensemble of `size` voters. */
export class Search {
  readonly #machines: Machines
  readonly #ensemble: Ensemble
  readonly #size: number
  readonly #parents = new IntList()
  readonly #actions = new IntList()
  readonly #seen = new HashSet()
  #transitions = 0

  constructor(core: ExposedCore, size: number, bounds: Bounds, mutant?: string) {
    this.#machines = new Machines(core, size, mutant)
    this.#ensemble = new Ensemble(this.#machines, bounds)
    this.#size = size
  }

  run(limits: Limits, progress: (line: string) => void = () => undefined): SearchResult {
    const startMs = performance.now()
    const first = this.#first(limits.established)
    if (!(first instanceof World)) return this.#result(startMs, 0, 0, first)
    let layer: { readonly code: Int32Array, readonly index: number }[] = []
    const add = (world: World, parent: number, action: number): void => {
      const code = world.encode()
      if (!this.#seen.add(...hashOf(code))) return
      this.#parents.push(parent)
      this.#actions.push(action)
      next.push({ code, index: this.#parents.length - 1 })
    }
    let next: typeof layer = []
    add(first, -1, 0)
    let depth = -1
    let left = 0
    let violation: SearchResult['violation'] = null
    while (next.length > 0 && violation === null && left === 0) {
      layer = next
      next = []
      depth++
      const elapsedMs = performance.now() - startMs
      progress(`depth ${depth}: ${layer.length} new of ${this.#seen.size} states, ` +
        `${Math.round(this.#seen.size / (elapsedMs / 1_000 + 0.001))}/s, ${this.#machines.states} local`)
      for (const [at, { code, index }] of layer.entries()) {
        const isOver = depth >= limits.depth || this.#seen.size >= limits.states ||
          ((at & 255) === 0 && performance.now() - startMs > limits.ms)
        if (isOver) {
          left = layer.length - at
          break
        }
        const world = World.decode(this.#size, code)
        violation = this.#expand(world, index, depth, limits.established, add)
        if (violation !== null) break
      }
    }
    return this.#result(startMs, depth, left + next.length, violation)
  }

  /**
   * Random walks instead: each takes any of the things that may happen, faults less often, until nothing can or `depth`
   * is reached. Finds what lies deep, proves nothing; what is found is made as short as it can be by leaving out.
   */
  walk(limits: Limits, seed: number): SearchResult {
    const startMs = performance.now()
    const random = makeRandom(seed)
    let violation: SearchResult['violation'] = null
    let deepest = 0
    const first = this.#first(limits.established)
    if (!(first instanceof World)) return this.#result(startMs, 0, 0, first)
    while (violation === null && performance.now() - startMs < limits.ms && this.#seen.size < limits.states) {
      const path: Action[] = []
      try {
        for (let world = first; path.length < limits.depth;) {
          this.#seen.add(...hashOf(world.encode()))
          const action = anyOf(this.#ensemble.actions(world), random)
          if (action === null) break
          path.push(action)
          this.#transitions++
          world = this.#ensemble.after(world, action)
        }
      } catch (error) {
        if (!(error instanceof Violation)) throw error
        const { check, message } = error
        violation = { check, message, depth: path.length, trace: [] }
        path.splice(0, path.length, ...shrink(this.#ensemble, first, path, check))
      }
      if (path.length > deepest) deepest = path.length
      if (violation !== null) {
        violation = { ...violation, depth: path.length, trace: this.#tell(path, limits.established) }
      }
    }
    return this.#result(startMs, deepest, 0, violation)
  }

  /** The first state, or what is violated before it. */
  #first(established: boolean): World | NonNullable<SearchResult['violation']> {
    try {
      return this.#ensemble.begin(this.#size, established)
    } catch (error) {
      if (!(error instanceof Violation)) throw error
      return { check: error.check, message: error.message, depth: 0, trace: [] }
    }
  }

  #result(
    startMs: number, depth: number, frontier: number, violation: SearchResult['violation'],
  ): SearchResult {
    return {
      states: this.#seen.size, transitions: this.#transitions, depth, frontier, violation,
      elapsedMs: performance.now() - startMs, localStates: this.#machines.states, coreSteps: this.#machines.steps,
    }
  }

  #expand(
    world: World, index: number, depth: number, established: boolean,
    add: (world: World, parent: number, action: number) => void,
  ): SearchResult['violation'] {
    let action: Action | null = null
    try {
      for (action of this.#ensemble.actions(world)) {
        this.#transitions++
        add(this.#ensemble.after(world, action), index, codeOf(action))
      }
      return null
    } catch (error) {
      if (!(error instanceof Violation)) throw error
      const { check, message } = error
      return { check, message, depth: depth + 1, trace: this.#trace(index, action, established) }
    }
  }

  /** Runs the path to a state again, and its last action, and tells what is said on the way. */
  #trace(index: number, last: Action | null, established: boolean): string[] {
    const path: Action[] = last === null ? [] : [last]
    for (let at = index; this.#parents.at(at) >= 0; at = this.#parents.at(at)) {
      path.unshift(actionOf(this.#actions.at(at)))
    }
    return this.#tell(path, established)
  }

  #tell(path: readonly Action[], established: boolean): string[] {
    let world = this.#ensemble.begin(this.#size, established)
    const lines: string[] = []
    this.#ensemble.trace = lines
    for (const [at, action] of path.entries()) {
      lines.push(`${String(at + 1).padStart(4)}  ${textOf(action)}`)
      try {
        world = this.#ensemble.after(world, action)
      } catch (error) {
        lines.push(`      ${String(error)}`)
      }
    }
    this.#ensemble.trace = null
    return lines
  }
}
