/** One record of the log: the sequence counts the records, without a gap but for those that were given up as lost. */
export interface StoredRecord {
  readonly sequence: number
  /** See `packRecord`. */
  readonly payload: Uint8Array
}

/** A record that is to be written. */
export interface RecordDraft {
  readonly bytes: number
  /** Writes all of it. */
  pack(into: Uint8Array): void
}

/** What a store has. */
export interface StoreContent {
  /** Every record that is what was written, in any order; also some that are not needed any more. */
  readonly records: readonly StoredRecord[]
  /** False when something that held records cannot be read as such. */
  readonly isWhole: boolean
  /** The place itself is not there. */
  readonly isAbsent: boolean
}

/** Where the records of the log are kept. */
export interface RecordStore {
  /** Before everything else, and once. */
  read(): Promise<StoreContent>
  /** Makes the place for the first record, unless there is one; durable when it resolves, as is what was read. */
  prepare(): Promise<void>
  /** Writes the record: durable when it resolves. One at a time. */
  append(sequence: number, draft: RecordDraft): Promise<void>
  /** What the record says; null when it cannot be read any more. */
  load(sequence: number): Promise<Uint8Array | null>
  /** Records below this sequence are not needed, which a durable record says. */
  release(first: number): void
  close(): Promise<void>
}
