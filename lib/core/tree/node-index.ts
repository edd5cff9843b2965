import { hashAscii, hashText } from './hash.ts'
import type { NodePages } from './node-pages.ts'
import { Znode } from './znode.ts'

const SHARDS = 1_024
const FIRST_BITS = 3
/** Who finds no room within so many places goes into a Map: hashes that somebody made collide cost no more. */
const MOST_PROBES = 64
const GOLDEN = 0x9e3779b1

/** Hashes and ids in pairs, each where its hash says or in one of the next places. */
class Shard {
  #bits = FIRST_BITS
  #table = new Int32Array(2 << FIRST_BITS)
  #size = 0
  #overflow: Map<string, number> | null = null

  #home(hash: number): number {
    return Math.imul(hash, GOLDEN) >>> (32 - this.#bits)
  }

  find(pages: NodePages, hash: number, path: string): number {
    const table = this.#table
    const mask = (1 << this.#bits) - 1
    let at = this.#home(hash)
    for (let probe = 0; probe < MOST_PROBES; probe++) {
      const id = table[2 * at + 1]!
      if (id === 0) break
      if (table[2 * at] === hash && pages.hasPath(id, path)) return id
      at = (at + 1) & mask
    }
    return this.#overflow?.get(path) ?? 0
  }

  /** The same for a path of ASCII alone; 0 also for one that is in the overflow, as far as it is looked for here. */
  findAscii(pages: NodePages, hash: number, bytes: Uint8Array, from: number, length: number): number {
    const table = this.#table
    const mask = (1 << this.#bits) - 1
    let at = this.#home(hash)
    for (let probe = 0; probe < MOST_PROBES; probe++) {
      const id = table[2 * at + 1]!
      if (id === 0) return 0
      if (table[2 * at] === hash && pages.hasAsciiPath(id, bytes, from, length)) return id
      at = (at + 1) & mask
    }
    return 0
  }

  /** Where a node stands in the table; -1 if it does not. */
  #place(hash: number, node: number): number {
    const table = this.#table
    const mask = (1 << this.#bits) - 1
    let at = this.#home(hash)
    for (let probe = 0; probe < MOST_PROBES; probe++) {
      const id = table[2 * at + 1]!
      if (id === node) return at
      if (id === 0) return -1
      at = (at + 1) & mask
    }
    return -1
  }

  /** False when there is a node with this path, which stays the one that is found. */
  add(pages: NodePages, hash: number, id: number, path: string): boolean {
    // Three of four places taken.
    if (4 * (this.#size + 1) > 3 << this.#bits) this.#grow(pages)
    return this.#put(pages, hash, id, path)
  }

  /** Looks for the path on the way to its place, unless it is null: it is new for sure. */
  #put(pages: NodePages, hash: number, id: number, path: string | null): boolean {
    const table = this.#table
    const mask = (1 << this.#bits) - 1
    let at = this.#home(hash)
    for (let probe = 0; probe < MOST_PROBES; probe++) {
      const other = table[2 * at + 1]!
      if (other === 0) {
        if (path !== null && this.#overflow?.has(path) === true) return false
        table[2 * at] = hash
        table[2 * at + 1] = id
        this.#size++
        return true
      }
      if (path !== null && table[2 * at] === hash && pages.hasPath(other, path)) return false
      at = (at + 1) & mask
    }
    this.#overflow ??= new Map<string, number>()
    if (path !== null && this.#overflow.has(path)) return false
    this.#overflow.set(pages.path(id), id)
    return true
  }

  #grow(pages: NodePages): void {
    const old = this.#table
    this.#bits++
    this.#table = new Int32Array(2 << this.#bits)
    this.#size = 0
    for (let at = 0; at < old.length; at += 2) if (old[at + 1] !== 0) this.#put(pages, old[at]!, old[at + 1]!, null)
  }

  delete(pages: NodePages, hash: number, id: number): boolean {
    let gap = this.#place(hash, id)
    if (gap < 0) return this.#overflow?.delete(pages.path(id)) === true
    const table = this.#table
    const mask = (1 << this.#bits) - 1
    // Whoever may stand nearer to his home moves up, so that no search ends too early.
    for (let at = (gap + 1) & mask; table[2 * at + 1] !== 0; at = (at + 1) & mask) {
      const home = this.#home(table[2 * at]!)
      if (((at - home) & mask) < ((at - gap) & mask)) continue
      table[2 * gap] = table[2 * at]!
      table[2 * gap + 1] = table[2 * at + 1]!
      gap = at
    }
    table[2 * gap + 1] = 0
    this.#size--
    return true
  }
}

/**
 * Path to node. One Map of a million entries would stall the loop for 120 ms when it grows, and takes three times the
 * memory; shards are too small for that.
 */
export class NodeIndex {
  readonly #pages: NodePages
  readonly #shards: (Shard | null)[] = Array.from({ length: SHARDS }, () => null)
  size = 0

  constructor(pages: NodePages) {
    this.#pages = pages
  }

  /** Its id; 0 for none. */
  find(path: string): number {
    const hash = hashText(path)
    return this.#shards[hash & (SHARDS - 1)]?.find(this.#pages, hash, path) ?? 0
  }

  get(path: string): Znode | undefined {
    const id = this.find(path)
    return id === 0 ? undefined : new Znode(this.#pages, id)
  }

  /**
   * The node whose path is these bytes, without a text of them. Undefined also where that must be looked for as a text:
   * beyond ASCII, and among hashes that somebody made collide.
   */
  getAscii(bytes: Uint8Array, at: number, length: number): Znode | undefined {
    const hash = hashAscii(bytes, at, length)
    if (hash === null) return undefined
    const id = this.#shards[hash & (SHARDS - 1)]?.findAscii(this.#pages, hash, bytes, at, length) ?? 0
    return id === 0 ? undefined : new Znode(this.#pages, id)
  }

  /** False when there is a node with its path already. */
  add({ id, pathHash }: Znode, path: string): boolean {
    const shard = this.#shards[pathHash & (SHARDS - 1)] ??= new Shard()
    if (!shard.add(this.#pages, pathHash, id, path)) return false
    this.size++
    return true
  }

  delete({ id, pathHash }: Znode): void {
    if (this.#shards[pathHash & (SHARDS - 1)]?.delete(this.#pages, pathHash, id) === true) this.size--
  }
}
