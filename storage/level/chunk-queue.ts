import type { Database, Operation } from './database.ts'

/** So many bytes may wait here; who adds more waits for room. */
const WAITING_BYTES = 8 * 1024 * 1024
/** Written and flushed at once: what the log flushes meanwhile waits no longer than for these on the same disk. */
const BATCH_BYTES = 256 * 1024

/**
 * Chunks of snapshots on their way into the database, flushed one batch after the other, beside the records of the log:
 * no txn waits for a chunk, and a snapshot counts only from the record that installs it, which waits for all of them.
 */
export class ChunkQueue {
  readonly #db: Database
  readonly #sync: boolean
  readonly #waiting: Operation[] = []
  #bytes = 0
  #writing: Promise<void> | null = null
  #failure: { readonly error: unknown } | null = null
  #onRoom: (() => void) | null = null

  constructor(db: Database, sync: boolean) {
    this.#db = db
    this.#sync = sync
  }

  get isIdle(): boolean {
    return this.#writing === null
  }

  add(operations: readonly Operation[]): void {
    for (const operation of operations) {
      this.#waiting.push(operation)
      this.#bytes += sizeOf(operation)
    }
    if (this.#waiting.length > 0) this.#writing ??= this.#write()
  }

  /** Resolves as soon as more may be added. */
  async room(): Promise<void> {
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
      while (waiting.length > 0) {
        const count = batchOf(waiting)
        const taken = waiting.splice(0, count)
        await this.#db.batch(taken, { sync: this.#sync })
        for (const operation of taken) this.#bytes -= sizeOf(operation)
        if (this.#bytes <= WAITING_BYTES) this.#wake()
      }
    } catch (error) {
      this.#failure ??= { error }
    }
    this.#wake()
    this.#writing = null
  }

  #wake(): void {
    this.#onRoom?.()
    this.#onRoom = null
  }
}

function sizeOf(operation: Operation): number {
  return operation.type === 'put' ? operation.value.byteLength : 0
}

/** How many go into one batch; at least one. */
function batchOf(operations: readonly Operation[]): number {
  let bytes = 0
  const end = operations.findIndex((operation) => (bytes += sizeOf(operation)) > BATCH_BYTES)
  return end < 0 ? operations.length : Math.max(1, end)
}
