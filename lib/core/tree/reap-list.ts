import type { NodePages } from './node-pages.ts'
import { Znode } from './znode.ts'

const SHARDS = 64

/** Containers and TTL nodes, in shards, so that none stalls when it grows. */
export class ReapList {
  readonly #pages: NodePages
  readonly #shards: Set<number>[] = Array.from({ length: SHARDS }, () => new Set<number>())
  size = 0

  constructor(pages: NodePages) {
    this.#pages = pages
  }

  add({ id }: Znode): void {
    this.#shards[id & (SHARDS - 1)]!.add(id)
    this.size++
  }

  delete({ id }: Znode): void {
    if (this.#shards[id & (SHARDS - 1)]!.delete(id)) this.size--
  }

  /** Goes on correctly while nodes come and go. */
  * values(): Generator<Znode, undefined> {
    for (const shard of this.#shards) for (const id of shard) yield new Znode(this.#pages, id)
    return undefined
  }
}
