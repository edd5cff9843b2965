import type { SnapshotBase, SnapshotChunk } from '../../lib/ports/storage.ts'

/** A chunk as it will lie on the disk. */
export interface PackedChunk {
  readonly id: number
  readonly index: number
  readonly bytes: Uint8Array
}

/** Where the chunks of snapshots are kept. But for `pack`, one call at a time. */
export interface ChunkStore {
  /** Of which snapshots something is there. */
  list(): Promise<number[]>
  /** The chunks of an installed snapshot, in their order; instead of the first that is not what was written, null. */
  chunksOf(base: SnapshotBase): AsyncIterable<Uint8Array | null>
  /** What will be written of a chunk: a copy. In the order of their indexes; 0 begins the snapshot anew. */
  pack(chunk: SnapshotChunk): Uint8Array
  /** Writes chunks of one snapshot in the order in which they were packed; durable when it resolves. */
  write(chunks: readonly PackedChunk[]): Promise<void>
  /** A durable record says that this snapshot is the one that counts; these are not needed, nor any that is written. */
  installed(id: number, dropped: readonly number[]): Promise<void>
  /** Removes whatever there is of these snapshots. */
  remove(ids: readonly number[]): Promise<void>
  /** It may be used again. */
  close(): Promise<void>
}
