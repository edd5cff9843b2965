import type { Database, Operation } from './database.ts'
import { RECORD_RANGE, SEAL_BYTES, isSealed, parseRecordKey, recordKey, seal } from './records.ts'
import type { Checksum } from './records.ts'
import type { RecordDraft, RecordStore, StoreContent, StoredRecord } from './store.ts'

/** Deletions that ride on one batch, so that purging a long log stalls no write. */
const DELETED_PER_BATCH = 256

/** Keeps the records in the database, each under a key of its own, where there are no files: in browsers. */
export class KeyStore implements RecordStore {
  readonly #db: Database
  readonly #checksum: Checksum
  readonly #sync: boolean
  /** Sequences of what is there, from the oldest on. */
  #sequences: number[] = []
  #dead = 0

  constructor(db: Database, checksum: Checksum, sync: boolean) {
    this.#db = db
    this.#checksum = checksum
    this.#sync = sync
  }

  async read(): Promise<StoreContent> {
    const records: StoredRecord[] = []
    let isWhole = true
    this.#sequences = []
    for await (const [key, stored] of this.#db.iterator({ gte: RECORD_RANGE[0], lt: RECORD_RANGE[1] })) {
      const sequence = parseRecordKey(key)
      if (sequence === null) {
        isWhole = false
        continue
      }
      // Not a Buffer, whatever the platform hands out.
      const value = new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength)
      this.#sequences.push(sequence)
      if (isSealed(value, this.#checksum)) records.push({ sequence, payload: value.subarray(SEAL_BYTES) })
      else isWhole = false
    }
    return { records, isWhole: isWhole || records.length > 0, isAbsent: false }
  }

  prepare(): Promise<void> {
    return Promise.resolve()
  }

  async append(sequence: number, draft: RecordDraft): Promise<void> {
    const value = new Uint8Array(SEAL_BYTES + draft.bytes)
    draft.pack(value.subarray(SEAL_BYTES))
    const dead = Math.min(this.#dead, DELETED_PER_BATCH)
    await this.#db.batch([
      ...this.#sequences.slice(0, dead).map((old): Operation => ({ type: 'del', key: recordKey(old) })),
      { type: 'put', key: recordKey(sequence), value: seal(value, this.#checksum) },
    ], { sync: this.#sync })
    if (dead > 0) this.#sequences = this.#sequences.slice(dead)
    this.#dead -= dead
    this.#sequences.push(sequence)
  }

  async load(sequence: number): Promise<Uint8Array | null> {
    const value = await this.#db.get(recordKey(sequence))
    return value !== undefined && isSealed(value, this.#checksum) ? value.subarray(SEAL_BYTES) : null
  }

  release(first: number): void {
    while (this.#dead < this.#sequences.length && this.#sequences[this.#dead]! < first) this.#dead += 1
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}
