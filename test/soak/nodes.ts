import type { Checks, Horizon, Sight } from './checks.ts'

/**
 * What is known of a node that one client makes and deletes once. `making` and `deleting`: asked for, and the outcome
 * is open, perhaps for ever.
 */
type State = 'making' | 'there' | 'deleting' | 'gone'

interface Node {
  readonly text: string
  state: State
}

/** Nodes with names of their own. */
export class Nodes {
  readonly #checks: Checks
  readonly #horizon: Horizon
  /** Without those that are gone. */
  readonly #nodes = new Map<string, Node>()
  readonly #gone = new Set<string>()

  constructor(checks: Checks, horizon: Horizon) {
    this.#checks = checks
    this.#horizon = horizon
  }

  /** The creation is asked for. What is returned tells that it was acknowledged. */
  making(path: string, text: string): (czxid: number, sight: Sight) => void {
    const floor = this.#horizon.zxid
    const node: Node = { text, state: 'making' }
    this.#nodes.set(path, node)
    return (czxid, sight) => {
      this.#checks.expect('order', czxid > floor, () =>
        `${path} was made by ${czxid} after ${floor} was acknowledged`)
      node.state = 'there'
      sight.raise(czxid)
    }
  }

  /** What is returned tells that the deletion was acknowledged. */
  deleting(path: string): () => void {
    const node = this.#nodes.get(path)!
    node.state = 'deleting'
    return () => {
      this.#nodes.delete(path)
      this.#gone.add(path)
    }
  }

  /** The node was certainly not made. */
  refused(path: string): void {
    this.#nodes.delete(path)
  }

  /** What surely holds now; a read that begins from here on, in a session that is up to date, finds it so. */
  known(path: string): 'there' | 'gone' | null {
    if (this.#gone.has(path)) return 'gone'
    return this.#nodes.get(path)?.state === 'there' ? 'there' : null
  }

  /** `before`: what `known` said when the read began; null is the text of a node that is not there. */
  read(path: string, before: 'there' | 'gone' | null, text: string | null): void {
    if (before === 'gone') {
      this.#checks.expect('written', text === null, () => `${path} was deleted, and is read`)
    } else if (before === 'there' && this.known(path) === 'there') {
      const node = this.#nodes.get(path)!
      this.#checks.expect('written', text === node.text, () => `${path} should be ${node.text}, and is ${text}`)
    }
  }

  /** Any of those that may be there. */
  some(unit: number): string | null {
    const at = Math.floor(unit * this.#nodes.size)
    for (const [index, path] of [...this.#nodes.keys()].entries()) if (index === at) return path
    return null
  }

  /** In the end, with what a dump has below the same parent. */
  final(found: ReadonlyMap<string, string | null>): void {
    for (const [path, { text, state }] of this.#nodes) {
      const there = found.get(path)
      if (state === 'there') {
        this.#checks.expect('written', there === text, () => `${path} should be ${text}, and is ${there}`)
      } else {
        this.#checks.expect('written', there === undefined || there === text, () => `${path} is ${there}, not ${text}`)
      }
    }
    this.#checks.count('written', this.#gone.size)
    for (const path of found.keys()) {
      if (this.#gone.has(path)) this.#checks.wrong('written', `${path} was deleted, and is there`)
      else if (!this.#nodes.has(path)) this.#checks.wrong('written', `${path} is there, and nobody made it`)
    }
  }
}
