import { ZkError } from '../../lib/core/errors.ts'
import type { LogBatch, LogEntry, Meta, SnapshotBase } from '../../lib/ports/storage.ts'
import { packEntries, packedBytes, unpackEntries } from '../parts/entries.ts'
import {
  CHUNK_RANGE, GROUP_RANGE, SEAL_BYTES, STATE_KEY, chunkKey, groupKey, isSealed, packState, seal,
} from './records.ts'
import type { Checksum, StateRecord } from './records.ts'

type Zxid = LogEntry['zxid']

/** One value of the database: contiguous entries, without their bytes. */
export interface Group {
  readonly first: Zxid
  /** Its last entry. */
  readonly last: Zxid
  readonly hash1: number
  readonly hash2: number
}

/** One operation of a LevelDB batch. */
export type Operation =
  | { readonly type: 'put', readonly key: string, readonly value: Uint8Array }
  | { readonly type: 'del', readonly key: string }

/** What the database holds, as `open` found it. */
export interface LedgerContent {
  readonly state: StateRecord
  readonly groups: Group[]
  /** Index of every chunk that is there, by snapshot. */
  readonly chunks: Map<number, Set<number>>
  /** Keys that are not needed and cannot be mistaken for content. */
  readonly garbage: Iterable<string>
  /** Keys that must go with the next batch. */
  readonly doomed: Iterable<string>
}

/** Values larger than this are split between entries, as LevelDB copies values around. */
const GROUP_BYTES = 1024 * 1024
/** Deleted data is cleaned up when so much has been written since the last time. */
const CLEANED_BYTES = 32 * 1024 * 1024
/** Deletions that ride on one batch, so that purging a long log stalls no write. */
const GARBAGE_PER_BATCH = 256

/**
 * Turns log batches into LevelDB batches: knows which groups and chunks exist, checks that the log stays
 * without a hole, and nets several log batches into one set of operations.
 */
export class Ledger {
  readonly #checksum: Checksum
  readonly #read: (key: string) => Promise<Uint8Array | undefined>
  #sequence: number
  #meta: Meta | null
  #base: SnapshotBase | null
  #begin: number
  #damage: StateRecord['damage']
  readonly #groups: Group[]
  readonly #chunks: Map<number, Set<number>>
  readonly #stale: Set<number>
  readonly #garbage: Set<string>
  readonly #doomed: Set<string>
  #tail: { readonly zxid: number, readonly hash1: number, readonly hash2: number }
  /** Operations of the LevelDB batch being made; null deletes. */
  #plan = new Map<string, Uint8Array | null>()
  /** Entries of it that are not packed yet; they follow the last group. */
  #pending: LogEntry[] = []
  #writtenBytes = 0

  constructor(content: LedgerContent, checksum: Checksum, read: (key: string) => Promise<Uint8Array | undefined>) {
    const { state } = content
    this.#checksum = checksum
    this.#read = read
    this.#sequence = state.sequence
    this.#meta = state.meta
    this.#base = state.base
    this.#begin = state.begin
    this.#damage = state.damage
    this.#groups = content.groups
    this.#chunks = content.chunks
    this.#stale = new Set(state.stale)
    this.#garbage = new Set(content.garbage)
    this.#doomed = new Set(content.doomed)
    this.#tail = { zxid: state.end, hash1: state.hash1, hash2: state.hash2 }
  }

  get sequence(): number {
    return this.#sequence
  }

  get meta(): Meta | null {
    return this.#meta
  }

  /** Adds a batch to the LevelDB batch being made. Throws on a batch that breaks the contract. */
  async apply(batch: LogBatch): Promise<void> {
    const { truncateAfter, entries, meta, chunks, install, purgeThrough } = batch
    if (batch.resetLog === true) {
      if (install === undefined) throw invalid('resetLog without install')
      this.#reset(install)
    } else if (truncateAfter !== undefined && truncateAfter < this.#tail.zxid) {
      await this.#truncate(truncateAfter)
    }
    for (const entry of entries ?? []) {
      if (entry.prevZxid !== this.#tail.zxid || entry.zxid <= this.#tail.zxid) {
        throw invalid(`a hole between ${this.#tail.zxid} and ${entry.zxid}`)
      }
      this.#pending.push(entry)
      this.#tail = entry
    }
    if (meta !== undefined) {
      this.#meta = { ...meta }
      this.#damage = 'none'
    }
    for (const chunk of chunks ?? []) this.#chunk(chunk.id, chunk.index, chunk.bytes)
    if (install !== undefined) this.#install(install)
    if (purgeThrough !== undefined) this.#purge(purgeThrough)
  }

  /** Closes the LevelDB batch. */
  finish(): Operation[] {
    this.#pack()
    for (const key of this.#doomed) this.#delete(key)
    this.#doomed.clear()
    let room = GARBAGE_PER_BATCH
    for (const key of this.#garbage) {
      if (room-- === 0) break
      this.#delete(key)
    }
    if (this.#garbage.size === 0) this.#stale.clear()
    this.#sequence += 1
    const { zxid, hash1, hash2 } = this.#tail
    const state: StateRecord = {
      sequence: this.#sequence, meta: this.#meta, base: this.#base, begin: this.#begin, end: zxid, hash1, hash2,
      stale: [...this.#stale], damage: this.#damage,
    }
    this.#plan.set(STATE_KEY, packState(state, this.#checksum))
    const operations: Operation[] = []
    for (const [key, value] of this.#plan) {
      operations.push(value === null ? { type: 'del', key } : { type: 'put', key, value })
    }
    this.#plan = new Map()
    return operations
  }

  /**
   * The ranges that hold nothing any more, when it is time to compact them; empty otherwise. LevelDB lets a
   * deletion and what it deletes sink to the bottom one after the other, and joins them only near a gigabyte.
   */
  takeDeadRanges(): readonly (readonly [string, string])[] {
    if (this.#garbage.size > 0 || this.#base === null || this.#writtenBytes < CLEANED_BYTES) return []
    this.#writtenBytes = 0
    return [[GROUP_RANGE[0], groupKey(this.#begin)], [CHUNK_RANGE[0], chunkKey(this.#base.id, 0)]]
  }

  #put(key: string, value: Uint8Array): void {
    this.#garbage.delete(key)
    this.#doomed.delete(key)
    this.#plan.set(key, value)
    this.#writtenBytes += value.byteLength
  }

  #delete(key: string): void {
    this.#garbage.delete(key)
    this.#plan.set(key, null)
  }

  #pack(): void {
    let from = 0
    let bytes = 0
    const pending = this.#pending
    for (let index = 0; index < pending.length; index++) {
      bytes += packedBytes(pending[index]!)
      if (bytes < GROUP_BYTES && index < pending.length - 1) continue
      this.#putGroup(pending.slice(from, index + 1))
      from = index + 1
      bytes = 0
    }
    this.#pending = []
  }

  #putGroup(entries: readonly LogEntry[]): void {
    const first = entries[0]!.zxid
    const { zxid: last, hash1, hash2 } = entries[entries.length - 1]!
    this.#put(groupKey(first), seal(packEntries(entries, SEAL_BYTES), this.#checksum))
    this.#groups.push({ first, last, hash1, hash2 })
  }

  /** Deletes the whole log. Keys of purged groups go as well: the log may go back to where they were. */
  #reset(to: SnapshotBase): void {
    this.#pending = []
    for (const group of this.#groups) this.#doomed.add(groupKey(group.first))
    for (const key of this.#garbage) if (key.startsWith('e')) this.#doomed.add(key)
    this.#groups.length = 0
    this.#begin = to.zxid
    this.#tail = to
  }

  async #truncate(cut: Zxid): Promise<void> {
    if (cut < (this.#base?.zxid ?? 0)) throw invalid('truncation of the snapshot')
    this.#pack()
    let group = this.#groups.at(-1)
    while (group !== undefined && group.first > cut) {
      this.#groups.pop()
      this.#delete(groupKey(group.first))
      group = this.#groups.at(-1)
    }
    if (group !== undefined && group.last > cut) {
      this.#groups.pop()
      this.#putGroup((await this.#load(group)).filter((entry) => entry.zxid <= cut))
      group = this.#groups.at(-1)
    }
    if (group !== undefined) this.#tail = { zxid: group.last, hash1: group.hash1, hash2: group.hash2 }
    else this.#tail = this.#base ?? { zxid: 0, hash1: 0, hash2: 0 }
    if (group === undefined) this.#begin = this.#tail.zxid
  }

  async #load(group: Group): Promise<LogEntry[]> {
    const key = groupKey(group.first)
    const value = this.#plan.get(key) ?? await this.#read(key)
    const isWhole = value instanceof Uint8Array && isSealed(value, this.#checksum)
    const entries = isWhole ? unpackEntries(value, SEAL_BYTES) : null
    if (entries === null) throw new ZkError('StorageDamaged', `the entries at ${key} cannot be read any more`)
    return entries
  }

  #chunk(id: number, index: number, bytes: Uint8Array): void {
    const value = new Uint8Array(SEAL_BYTES + bytes.byteLength)
    value.set(bytes, SEAL_BYTES)
    this.#put(chunkKey(id, index), seal(value, this.#checksum))
    let indexes = this.#chunks.get(id)
    if (indexes === undefined) this.#chunks.set(id, indexes = new Set())
    indexes.add(index)
    this.#stale.delete(id)
  }

  #install(base: SnapshotBase): void {
    const written = this.#chunks.get(base.id)
    for (let index = 0; index < base.chunks; index++) {
      if (written?.has(index) !== true) throw invalid(`chunk ${index} of snapshot ${base.id} was not written`)
    }
    if (this.#groups.length + this.#pending.length > 0 && base.zxid < this.#begin) {
      throw invalid('the log begins after the snapshot')
    }
    this.#base = { ...base }
    for (const [id, indexes] of this.#chunks) {
      if (id === base.id) continue
      for (const index of indexes) this.#garbage.add(chunkKey(id, index))
      this.#stale.add(id)
      this.#chunks.delete(id)
    }
    // A log that ends before its snapshot cannot be continued without a hole.
    if (base.zxid > this.#tail.zxid) this.#reset(base)
  }

  #purge(through: Zxid): void {
    const limit = Math.min(through, this.#base?.zxid ?? 0)
    let count = 0
    while ((this.#groups[count]?.last ?? Infinity) <= limit) {
      const { first, last } = this.#groups[count]!
      const key = groupKey(first)
      if (this.#plan.has(key)) this.#delete(key)
      else this.#garbage.add(key)
      this.#begin = last
      count += 1
    }
    this.#groups.splice(0, count)
  }
}

function invalid(why: string): ZkError {
  return new ZkError('StorageFailed', `not a valid batch: ${why}`)
}
