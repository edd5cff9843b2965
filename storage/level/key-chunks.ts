import type { SnapshotBase, SnapshotChunk } from '../../lib/ports/storage.ts'
import type { ChunkStore, PackedChunk } from './chunks.ts'
import type { Database, Operation } from './database.ts'
import { CHUNK_RANGE, SEAL_BYTES, chunkKey, isSealed, parseChunkKey, seal } from './records.ts'
import type { Checksum } from './records.ts'

/** Deleted at once. */
const DELETED_CHUNKS = 256

/** Keeps the chunks in the database, each under a key of its own, where there are no files: in browsers. */
export class KeyChunks implements ChunkStore {
  readonly #db: Database
  readonly #checksum: Checksum
  readonly #sync: boolean

  constructor(db: Database, checksum: Checksum, sync: boolean) {
    this.#db = db
    this.#checksum = checksum
    this.#sync = sync
  }

  async list(): Promise<number[]> {
    const ids = new Set<number>()
    for await (const key of this.#db.keys({ gte: CHUNK_RANGE[0], lt: CHUNK_RANGE[1] })) {
      const parsed = parseChunkKey(key)
      if (parsed !== null) ids.add(parsed.id)
    }
    return Array.from(ids)
  }

  async *chunksOf({ id, chunks }: SnapshotBase): AsyncIterable<Uint8Array | null> {
    for (let index = 0; index < chunks; index++) {
      const value = await this.#db.get(chunkKey(id, index))
      if (value === undefined || !isSealed(value, this.#checksum)) return yield null
      // Not a Buffer, whatever the platform hands out.
      yield new Uint8Array(value.subarray(SEAL_BYTES))
    }
  }

  pack({ bytes }: SnapshotChunk): Uint8Array {
    const value = new Uint8Array(SEAL_BYTES + bytes.byteLength)
    value.set(bytes, SEAL_BYTES)
    return seal(value, this.#checksum)
  }

  async write(chunks: readonly PackedChunk[]): Promise<void> {
    await this.#db.batch(chunks.map(({ id, index, bytes }): Operation =>
      ({ type: 'put', key: chunkKey(id, index), value: bytes })), { sync: this.#sync })
  }

  installed(_id: number, dropped: readonly number[]): Promise<void> {
    return this.remove(dropped)
  }

  async remove(ids: readonly number[]): Promise<void> {
    for (const id of ids) {
      for (let keys = await this.#keysOf(id); keys.length > 0; keys = await this.#keysOf(id)) {
        await this.#db.batch(keys.map((key): Operation => ({ type: 'del', key })), { sync: this.#sync })
      }
    }
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  /** Some of them. */
  async #keysOf(id: number): Promise<string[]> {
    const keys: string[] = []
    const range = { gte: chunkKey(id, 0), lt: chunkKey(id + 1, 0), limit: DELETED_CHUNKS }
    for await (const key of this.#db.keys(range)) keys.push(key)
    return keys
  }
}
