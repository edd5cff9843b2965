import type { ChunkStore, PackedChunk } from './chunks.ts'
import type { ExpectedChunk } from './ledger.ts'
import { isNoRoom } from './segment-file.ts'

/** So many bytes may wait here; who adds more waits for room. */
const WAITING_BYTES = 8 * 1024 * 1024
/** Written and flushed at once. Fewer flushes take less, but what the log flushes meanwhile may wait for each. */
const BATCH_BYTES = 1024 * 1024

/** A snapshot is installed, others are not needed any more. */
interface Installation {
  readonly id: number
  readonly dropped: readonly number[]
}

/** Snapshots that were given up go before the next one begins. */
interface Removal {
  readonly removed: readonly number[]
}

/**
 * Chunks of snapshots on their way to the disk, flushed one batch after the other, beside the records of the log: no
 * txn waits for a chunk, and a snapshot counts only from the record that installs it, which waits for all of them.
 *
 * A snapshot for which there is no room is given up, and what was written of it is removed: the log may need the room.
 */
export class ChunkQueue {
  readonly #store: ChunkStore
  readonly #waiting: (PackedChunk | Installation | Removal)[] = []
  #bytes = 0
  #writing: Promise<void> | null = null
  #failure: { readonly error: unknown } | null = null
  /** Snapshots that were given up, and why. */
  readonly #givenUp = new Map<number, unknown>()
  #onRoom: (() => void) | null = null

  constructor(store: ChunkStore) {
    this.#store = store
  }

  add(chunks: readonly ExpectedChunk[]): void {
    for (const { chunk, dropped } of chunks) {
      if (dropped.length > 0) this.#waiting.push({ removed: dropped })
      const bytes = this.#store.pack(chunk)
      this.#waiting.push({ id: chunk.id, index: chunk.index, bytes })
      this.#bytes += bytes.byteLength
    }
    if (this.#waiting.length > 0) this.#writing ??= this.#write()
  }

  /** Why the snapshot was given up; undefined when it was not. Once it is settled. */
  reasonAgainst(id: number): unknown {
    return this.#givenUp.get(id)
  }

  /** A snapshot is installed, and what is dropped for it may go. */
  installed(id: number, dropped: readonly number[]): void {
    this.#waiting.push({ id, dropped })
    this.#writing ??= this.#write()
  }

  /** Undefined when more may be added, else it resolves as soon as that is so. */
  room(): Promise<void> | undefined {
    return this.#bytes > WAITING_BYTES || this.#failure !== null ? this.#room() : undefined
  }

  async #room(): Promise<void> {
    if (this.#bytes > WAITING_BYTES) await new Promise<void>((resolve) => { this.#onRoom = resolve })
    if (this.#failure !== null) throw this.#failure.error
  }

  /** All that was added is durable. */
  async settled(): Promise<void> {
    await this.#writing
    if (this.#failure !== null) throw this.#failure.error
  }

  /** Never rejects. */
  async #write(): Promise<void> {
    const waiting = this.#waiting
    try {
      for (let [first] = waiting; first !== undefined; [first] = waiting) {
        if ('removed' in first) {
          waiting.shift()
          for (const id of first.removed) this.#givenUp.delete(id)
          await this.#store.remove(first.removed)
        } else if ('dropped' in first) {
          waiting.shift()
          for (const id of first.dropped) this.#givenUp.delete(id)
          await this.#store.installed(first.id, first.dropped)
        } else {
          await this.#writeChunks(waiting.splice(0, batchOf(waiting)) as PackedChunk[])
        }
      }
    } catch (error) {
      this.#failure ??= { error }
    }
    this.#wake()
    this.#writing = null
  }

  async #writeChunks(chunks: readonly PackedChunk[]): Promise<void> {
    const { id, index } = chunks[0]!
    if (index === 0) this.#givenUp.delete(id)
    if (!this.#givenUp.has(id)) {
      try {
        await this.#store.write(chunks)
      } catch (error) {
        if (!isNoRoom(error)) throw error
        this.#givenUp.set(id, error)
        await this.#store.remove([id])
      }
    }
    for (const { bytes } of chunks) this.#bytes -= bytes.byteLength
    if (this.#bytes <= WAITING_BYTES) this.#wake()
  }

  #wake(): void {
    this.#onRoom?.()
    this.#onRoom = null
  }
}

/** How many chunks go into one batch; at least one. All of one snapshot, which none of the later ones begins. */
function batchOf(steps: readonly (PackedChunk | Installation | Removal)[]): number {
  let bytes = 0
  const [first] = steps
  const end = steps.findIndex((step, at) => !('bytes' in step) || (bytes += step.bytes.byteLength) > BATCH_BYTES ||
    (at > 0 && (step.index === 0 || step.id !== (first as PackedChunk).id)))
  return end < 0 ? steps.length : Math.max(1, end)
}
