import type { Znode } from './znode.ts'

const SHARDS = 64

/** Containers and TTL nodes, in shards, so that none stalls when it grows. */
export class ReapList {
  readonly #shards: Set<Znode>[] = Array.from({ length: SHARDS }, () => new Set<Znode>())
  size = 0

  add(node: Znode): void {
    this.#shards[node.pathHash & (SHARDS - 1)]!.add(node)
    this.size++
  }

  delete(node: Znode): void {
    if (this.#shards[node.pathHash & (SHARDS - 1)]!.delete(node)) this.size--
  }

  /** Goes on correctly while nodes come and go. */
  * values(): Generator<Znode, undefined> {
    for (const shard of this.#shards) yield* shard
    return undefined
  }
}
