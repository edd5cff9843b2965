import { Words } from '../words.ts'
import { hashBytes } from './hash.ts'
import type { NodePages } from './node-pages.ts'
import { Slab } from './slab.ts'
import type { SlabTable } from './slab.ts'
import { Znode } from './znode.ts'

/**
 * So large that a slab comes from the system in a piece of its own, and what is allocated and freed beside it leaves
 * no holes: at half a million nodes of 100 bytes, 9 % less resident memory than with small ones. The first may be the
 * only one, and each is twice as large as the one before until they are that large.
 */
const SLAB_BYTES = 262_144
const FIRST_SLAB_BYTES = 16_384
/** Larger data gets a slab of its own. */
const SLAB_ITEM_BYTES = 1_024

/**
 * Where data lives. A Uint8Array of its own costs some 200 bytes beside its content, so small data share slabs. Room is
 * never used twice, for reads and views hand out the bytes themselves; instead the living move out of a full slab as
 * soon as less than half of it lives, and the slab goes with its last reader. Each move is paid for by a byte that
 * died.
 */
export class DataSlabs {
  #current = new Slab(0, 0)
  readonly #sparse: Slab[] = []
  readonly #words = new Words()
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
      node.dataHash = hashBytes(data, this.#words)
      this.#place(node, data)
    }
    if (this.#sparse.length > 0) this.#compact(node.pages)
  }

  /** The node goes. */
  drop(node: Znode): void {
    this.#vacate(node)
    node.slab = null
    if (this.#sparse.length > 0) this.#compact(node.pages)
  }

  #vacate(node: Znode): void {
    const { slab, dataSize } = node
    if (slab === null) return
    this.bytes -= dataSize
    slab.live -= dataSize
    if (slab === this.#current) return
    if (slab.live === 0) node.pages.slabs.forget(slab)
    else this.#judge(slab, slab.live + dataSize)
  }

  /** Remembers a full slab at the moment when it falls below the half. */
  #judge(slab: Slab, before: number): void {
    if (slab.live > 0 && slab.live * 2 < slab.used && before * 2 >= slab.used) this.#sparse.push(slab)
  }

  #place(node: Znode, data: Uint8Array): void {
    const { length } = data
    const slab = length > SLAB_ITEM_BYTES ? node.pages.slabs.make(length) : this.#roomFor(length, node.pages.slabs)
    if (slab === this.#current) slab.list(node.id)
    slab.bytes.set(data, slab.used)
    node.slab = slab
    node.dataOffset = slab.used
    slab.used += length
    slab.live += length
  }

  /** The current slab, or a new one if that is full. */
  #roomFor(length: number, table: SlabTable): Slab {
    const full = this.#current
    if (full.used + length <= full.bytes.length) return full
    this.#current = table.make(Math.min(SLAB_BYTES, Math.max(FIRST_SLAB_BYTES, 2 * full.bytes.length)))
    if (full.number !== 0 && full.live === 0) table.forget(full)
    else this.#judge(full, full.used)
    return this.#current
  }

  #compact(pages: NodePages): void {
    for (let slab = this.#sparse.pop(); slab !== undefined; slab = this.#sparse.pop()) {
      for (const id of slab.nodes) {
        const node = new Znode(pages, id)
        if (node.slab !== slab) continue
        slab.live -= node.dataSize
        this.#place(node, slab.view(node.dataOffset, node.dataSize))
      }
      pages.slabs.forget(slab)
    }
  }
}
