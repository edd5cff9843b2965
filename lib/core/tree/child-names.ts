/** Above this the names are spread over shards, so that no single table grows (and stalls) by a million entries at once. */
const SPLIT_AT = 4_096
const SHARDS = 256

function shardOf(name: string): number {
  const { length } = name
  return (name.charCodeAt(length - 1) * 7 + (length > 1 ? name.charCodeAt(length - 2) * 131 : 0) +
    (length > 2 ? name.charCodeAt(length - 3) * 17 : 0) + length) & (SHARDS - 1)
}

/** The names of a node's children, in no promised order. */
export class ChildNames {
  #names: Set<string> | null = new Set()
  #shards: Set<string>[] | null = null
  size = 0

  add(name: string): void {
    if (this.#names !== null) {
      this.#names.add(name)
      this.size = this.#names.size
      if (this.size > SPLIT_AT) this.#split(this.#names)
      return
    }
    const shard = this.#shards![shardOf(name)]!
    const before = shard.size
    shard.add(name)
    this.size += shard.size - before
  }

  #split(names: Set<string>): void {
    this.#shards = Array.from({ length: SHARDS }, () => new Set<string>())
    this.#names = null
    for (const name of names) this.#shards[shardOf(name)]!.add(name)
  }

  delete(name: string): void {
    const set = this.#names ?? this.#shards![shardOf(name)]!
    if (set.delete(name)) this.size--
  }

  has(name: string): boolean {
    return (this.#names ?? this.#shards![shardOf(name)]!).has(name)
  }

  list(): string[] {
    return this.#names !== null ? [...this.#names] : this.#shards!.flatMap((shard) => [...shard])
  }
}
