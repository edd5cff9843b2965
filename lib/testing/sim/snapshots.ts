import type { SnapshotRow, TxnCodec } from '../../core/tree/txn.ts'
import type { LogBatch } from '../../ports/storage.ts'
import type { Watched } from './ghost.ts'
import { checkRows } from './tree-scan.ts'
import type { Identity, Known } from './tree-scan.ts'
import { Violation } from './violation.ts'

/** What one incarnation has written of the snapshot that it began last, unless that is installed. */
interface Written {
  readonly incarnation: number
  readonly chunks: Map<string, Uint8Array>
}

/** D7: whatever snapshot a server makes its base, its own or its leader's, is exactly the state at its zxid. */
export class Snapshots {
  readonly #written = new Map<number, Written>()
  readonly #codec: TxnCodec
  readonly #known: Known
  readonly #model: Identity
  checked = 0

  constructor(codec: TxnCodec, known: Known, model: Identity) {
    this.#codec = codec
    this.#model = model
    this.#known = known
  }

  /** A batch goes to the disk of this server; the txn of the snapshot that it may install was delivered. */
  persisted({ id, incarnation }: Pick<Watched, 'id' | 'incarnation'>, { chunks, install }: LogBatch): void {
    if (chunks === undefined && install === undefined) return
    let written = this.#written.get(id)
    if (written?.incarnation !== incarnation) {
      this.#written.set(id, written = { incarnation, chunks: new Map<string, Uint8Array>() })
    }
    for (const { id: of, index, bytes } of chunks ?? []) {
      if (index === 0) written.chunks.clear()
      written.chunks.set(`${of}/${index}`, bytes)
    }
    if (install === undefined) return
    const rows: SnapshotRow[] = []
    for (let index = 0; index < install.chunks; index++) {
      const bytes = written.chunks.get(`${install.id}/${index}`)
      if (bytes === undefined) throw new Violation('D7', `server ${id} installs a snapshot without its piece ${index}`)
      rows.push(...this.#codec.decodeRows(bytes))
    }
    checkRows(rows, install.zxid, this.#model, this.#known)
    this.#written.delete(id)
    this.checked++
  }
}
