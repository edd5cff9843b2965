import { hashText } from './hash.ts'

/**
 * Above this the names are spread over shards, so that no single table grows (and stalls) by a million entries at
 * once.
 */
const SPLIT_AT = 4_096
const SHARDS = 256

/** A set of names that may become very large, in no promised order. */
export class ChildNames {
  #names: Set<string> | null = new Set()
  #shards: Set<string>[] | null = null
  size = 0

  #setOf(name: string): Set<string> {
    return this.#names ?? this.#shards![hashText(name) & (SHARDS - 1)]!
  }

  add(name: string): void {
    const set = this.#setOf(name)
    const before = set.size
    set.add(name)
    this.size += set.size - before
    if (this.#names !== null && this.size > SPLIT_AT) this.#split(this.#names)
  }

  #split(names: Set<string>): void {
    this.#shards = Array.from({ length: SHARDS }, () => new Set<string>())
    this.#names = null
    for (const name of names) this.#setOf(name).add(name)
  }

  delete(name: string): void {
    if (this.#setOf(name).delete(name)) this.size--
  }

  has(name: string): boolean {
    return this.#setOf(name).has(name)
  }

  list(): string[] {
    return this.#names !== null ? [...this.#names] : this.#shards!.flatMap((shard) => [...shard])
  }
}
