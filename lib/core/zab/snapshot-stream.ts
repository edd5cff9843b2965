import type { TreeView } from '../tree/tree.ts'
import type { TxnCodec } from '../tree/txn.ts'
import type { Zxid } from '../zxid.ts'
import type { Chain } from './chain.ts'

/** Cuts a frozen tree into encoded chunks, one per call, so that nobody waits for a whole snapshot. */
export class SnapshotChunkSource {
  readonly zxid: Zxid
  readonly chain: Readonly<Chain>
  readonly #view: TreeView
  readonly #codec: TxnCodec
  readonly #chunkBytes: number
  readonly #calmBytes: number
  /** Chunks handed out. */
  count = 0

  /** Chunks of `chunkBytes`, or of `calmBytes` where no kept row waits (`TreeView.next`). */
  constructor(
    view: TreeView, chain: Readonly<Chain>, codec: TxnCodec, chunkBytes: number, calmBytes: number = chunkBytes,
  ) {
    this.zxid = view.zxid
    this.chain = { hash1: chain.hash1, hash2: chain.hash2 }
    this.#view = view
    this.#codec = codec
    this.#chunkBytes = chunkBytes
    this.#calmBytes = calmBytes
  }

  /** The next chunk, null at the end. */
  next(): Uint8Array | null {
    const rows = this.#view.next(this.#chunkBytes, this.#calmBytes)
    if (rows === null) return null
    this.count++
    return this.#codec.encodeRows(rows)
  }

  close(): void {
    this.#view.close()
  }
}
