import { hashBytes } from './hash.ts'
import type { Znode } from './znode.ts'

/**
 * So large that a slab comes from the system in a piece of its own, and what is allocated and freed beside it leaves
 * no holes: at half a million nodes of 100 bytes, 9 % less resident memory than with small ones. The first may be the
 * only one.
 */
const SLAB_BYTES = 262_144
const FIRST_SLAB_BYTES = 16_384
/** Larger data gets a slab of its own. */
const SLAB_ITEM_BYTES = 1_024

/** Bytes of many nodes, written once and never again: whoever holds a view on them keeps what it saw. */
export class Slab {
  readonly bytes: Uint8Array
  used = 0
  /** Bytes that belong to nodes still. */
  live = 0
  /** Everybody who was ever put here; who is here still refers back. */
  readonly nodes: Znode[] = []

  constructor(capacityBytes: number) {
    this.bytes = new Uint8Array(capacityBytes)
  }
}

/**
 * Where data lives. A Uint8Array of its own costs some 200 bytes beside its content, so small data share slabs. Room is
 * never used twice, for reads and views hand out the bytes themselves; instead the living move out of a full slab as
 * soon as less than half of it lives, and the slab goes with its last reader. Each move is paid for by a byte that
 * died.
 */
export class DataSlabs {
  #current = new Slab(0)
  readonly #sparse: Slab[] = []
  /** Bytes of data of all nodes. */
  bytes = 0

  /** Copies: what came in may be a view on a received frame, which must not be kept alive. */
  store(node: Znode, data: Uint8Array | null): void {
    this.#vacate(node)
    if (data === null || data.length === 0) {
      node.slab = null
      node.dataOffset = 0
      node.dataSize = data === null ? -1 : 0
      node.dataHash = 0
    } else {
      this.bytes += data.length
      node.dataSize = data.length
      node.dataHash = hashBytes(data)
      this.#place(node, data)
    }
    if (this.#sparse.length > 0) this.#compact()
  }

  /** The node goes. */
  drop(node: Znode): void {
    this.#vacate(node)
    node.slab = null
    if (this.#sparse.length > 0) this.#compact()
  }

  #vacate(node: Znode): void {
    if (node.slab === null) return
    this.bytes -= node.dataSize
    const { slab } = node
    slab.live -= node.dataSize
    if (slab !== this.#current) this.#judge(slab, slab.live + node.dataSize)
  }

  /** Remembers a full slab at the moment when it falls below the half. */
  #judge(slab: Slab, before: number): void {
    if (slab.live > 0 && slab.live * 2 < slab.used && before * 2 >= slab.used) this.#sparse.push(slab)
  }

  #place(node: Znode, data: Uint8Array): void {
    const { length } = data
    let slab = this.#current
    if (length > SLAB_ITEM_BYTES) {
      slab = new Slab(length)
    } else {
      if (slab.used + length > slab.bytes.length) {
        const full = slab
        slab = this.#current = new Slab(full.bytes.length === 0 ? FIRST_SLAB_BYTES : SLAB_BYTES)
        this.#judge(full, full.used)
      }
      slab.nodes.push(node)
    }
    slab.bytes.set(data, slab.used)
    node.slab = slab
    node.dataOffset = slab.used
    slab.used += length
    slab.live += length
  }

  #compact(): void {
    for (let slab = this.#sparse.pop(); slab !== undefined; slab = this.#sparse.pop()) {
      for (const node of slab.nodes) {
        if (node.slab !== slab) continue
        slab.live -= node.dataSize
        this.#place(node, slab.bytes.subarray(node.dataOffset, node.dataOffset + node.dataSize))
      }
    }
  }
}
