import { hashText } from './hash.ts'

/** One Map up to so many paths: its rehash takes about a millisecond. */
const UNDIVIDED = 8_192
const SHARDS = 256
const NONE: readonly never[] = []

/**
 * A Map by path that never stalls the loop when it grows. A Map of a million entries is rehashed in one go, for tens of
 * milliseconds; here it is divided while it is small, and each shard grows at a moment of its own.
 */
export class PathMap<V> {
  #whole: Map<string, V> | null = new Map()
  #shards: readonly Map<string, V>[] = NONE
  #size = 0

  get size(): number {
    return this.#size
  }

  #of(path: string): Map<string, V> {
    return this.#whole ?? this.#shards[hashText(path) & (SHARDS - 1)]!
  }

  get(path: string): V | undefined {
    return this.#of(path).get(path)
  }

  set(path: string, value: V): void {
    const map = this.#of(path)
    const before = map.size
    map.set(path, value)
    this.#size += map.size - before
    if (map === this.#whole && this.#size > UNDIVIDED) this.#divide(map)
  }

  #divide(whole: Map<string, V>): void {
    this.#shards = Array.from({ length: SHARDS }, () => new Map<string, V>())
    this.#whole = null
    for (const [path, value] of whole) this.#of(path).set(path, value)
  }

  delete(path: string): boolean {
    if (!this.#of(path).delete(path)) return false
    this.#size--
    if (this.#size === 0) {
      this.#whole = new Map()
      this.#shards = NONE
    }
    return true
  }

  /** In no order that means anything. */
  * [Symbol.iterator](): Generator<readonly [path: string, value: V], undefined> {
    for (const map of this.#whole === null ? this.#shards : [this.#whole]) yield* map
    return undefined
  }
}
