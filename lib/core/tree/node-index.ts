import { hashText } from './hash.ts'
import type { Znode } from './znode.ts'

const SHARDS = 1_024
/** A shard that is larger, because its paths all end alike (`.../state`), is split by a hash of the whole path. */
const SPLIT_AT = 8_192
const PARTS = 256

type Shard = Map<string, Znode> | SplitShard

/** Spreads paths over shards by their length and last characters, which is where most paths of a large tree differ. */
export function shardOf(path: string): number {
  const { length } = path
  return (path.charCodeAt(length - 1) * 7 + (length > 1 ? path.charCodeAt(length - 2) * 131 : 0) +
    (length > 2 ? path.charCodeAt(length - 3) * 1_031 : 0) + (length > 3 ? path.charCodeAt(length - 4) * 17 : 0) +
    length * 61) & (SHARDS - 1)
}

class SplitShard {
  readonly #parts: Map<string, Znode>[] = Array.from({ length: PARTS }, () => new Map<string, Znode>())

  constructor(nodes: Iterable<Znode>) {
    for (const node of nodes) this.set(node.path, node)
  }

  #partOf(path: string): Map<string, Znode> {
    return this.#parts[hashText(path) & (PARTS - 1)]!
  }

  get(path: string): Znode | undefined {
    return this.#partOf(path).get(path)
  }

  set(path: string, node: Znode): void {
    this.#partOf(path).set(path, node)
  }

  delete(path: string): boolean {
    return this.#partOf(path).delete(path)
  }

  * values(): Generator<Znode, undefined> {
    for (const part of this.#parts) yield* part.values()
    return undefined
  }
}

/** Path to node. One Map of a million entries would stall the loop for 120 ms when it grows; shards never do. */
export class NodeIndex {
  readonly #shards: (Shard | null)[] = Array.from({ length: SHARDS }, () => null)
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
    if (shard instanceof Map && shard.size > SPLIT_AT) this.#shards[at] = new SplitShard(shard.values())
    this.size++
  }

  delete(path: string): void {
    if (this.#shards[shardOf(path)]?.delete(path) === true) this.size--
  }

  /**
   * The nodes of one shard, while nodes come and go. One that is split meanwhile is gone through as it was: what left
   * it since comes still, so the caller must know such nodes (a view does, by their generation).
   */
  shard(at: number): Iterator<Znode> | null {
    return this.#shards[at]?.values() ?? null
  }
}
