import { NodeData } from '../client/values.ts'
import { below } from './pause.ts'

interface Entry {
  node: NodeData
  /** Of the children that are in the table; null when there are none. */
  names: Set<string> | null
  /** The same, sorted; replaced and never changed, so that who walks along it is not disturbed. Null: to be sorted. */
  sorted: readonly string[] | null
}

const NONE: readonly string[] = Object.freeze([])

/** Nodes of one subtree by path: each has its parent in the table, all but the topmost. */
export class NodeTable {
  readonly #root: string
  readonly #entries = new Map<string, Entry>()
  #bytes = 0

  constructor(root: string) {
    this.#root = root
  }

  get size(): number {
    return this.#entries.size
  }

  /** Data and paths, a character of a path counting as one. */
  get bytes(): number {
    return this.#bytes
  }

  has(path: string): boolean {
    return this.#entries.has(path)
  }

  get(path: string): NodeData | undefined {
    return this.#entries.get(path)?.node
  }

  /** The node could stand in the table: it is the topmost, or its parent is there. */
  takes(path: string): boolean {
    return path === this.#root || this.#entries.has(parentOf(path))
  }

  /** The path of the parent; null for the topmost node. */
  parentOf(path: string): string | null {
    return path === this.#root ? null : parentOf(path)
  }

  set(path: string, node: NodeData): void {
    const known = this.#entries.get(path)
    if (known !== undefined) {
      this.#bytes += bytesOf(node) - bytesOf(known.node)
      known.node = node
      return
    }
    this.#bytes += path.length + bytesOf(node)
    this.#entries.set(path, { node, names: null, sorted: NONE })
    if (path === this.#root) return
    const parent = this.#entries.get(parentOf(path))
    if (parent === undefined) return
    parent.names ??= new Set()
    parent.names.add(nameOf(path))
    parent.sorted = null
  }

  /** Takes out a node whose children are out already. */
  delete(path: string): void {
    const entry = this.#entries.get(path)
    if (entry === undefined) return
    this.#bytes -= path.length + bytesOf(entry.node)
    this.#entries.delete(path)
    const parent = path === this.#root ? undefined : this.#entries.get(parentOf(path))
    if (parent === undefined) return
    parent.names?.delete(nameOf(path))
    parent.sorted = null
  }

  clear(): void {
    this.#entries.clear()
    this.#bytes = 0
  }

  /** Sorted by their code units. */
  names(path: string): readonly string[] {
    const entry = this.#entries.get(path)
    if (entry === undefined) return NONE
    entry.sorted ??= entry.names === null ? NONE : [...entry.names].sort()
    return entry.sorted
  }

  /** A node before those below it, siblings by name. What comes and goes meanwhile may be seen or not. */
  * entries(from: string): Generator<[path: string, node: NodeData], undefined> {
    const left = [from]
    for (let path = left.pop(); path !== undefined; path = left.pop()) {
      const node = this.get(path)
      if (node === undefined) continue
      yield [path, node]
      const names = this.names(path)
      for (let at = names.length - 1; at >= 0; at--) left.push(below(path, names[at] ?? ''))
    }
  }

  /** The node and all below it, every node after those below it. */
  upwards(from: string): string[] {
    const paths: string[] = []
    for (const [path] of this.entries(from)) paths.push(path)
    return paths.reverse()
  }
}

/**
 * The node with bytes and a stat of its own: what is read may share the memory of a whole reply, which would then last
 * as long as the last node of it.
 */
export function detached(node: NodeData): NodeData {
  return new NodeData(node.isNull ? null : node.data, { ...node.stat })
}

/** A node without its data has a length in its stat all the same. */
function bytesOf(node: NodeData): number {
  return node.isNull ? 0 : node.stat.dataLength
}

function parentOf(path: string): string {
  const end = path.lastIndexOf('/')
  return end <= 0 ? '/' : path.slice(0, end)
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
