import { ZkError } from '../../lib/core/errors.ts'
import type { LogBatch, LogEntry, Meta, SnapshotBase } from '../../lib/ports/storage.ts'
import type { Operation } from './database.ts'
import { CHUNK_RANGE, SEAL_BYTES, chunkKey, seal } from './records.ts'
import type { Checksum } from './records.ts'
import { CUT_ALL, packCircumstances, packRecord, unpackRecord } from './state.ts'
import type { Circumstances, SequenceRange } from './state.ts'
import type { RecordDraft } from './store.ts'

type Zxid = LogEntry['zxid']

/** The entries of one record that are left, without their bytes. */
export interface Group {
  /** Of the record. */
  readonly sequence: number
  readonly first: Zxid
  readonly last: Zxid
}

/** What the storage holds, as `open` found it. */
export interface LedgerContent {
  readonly sequence: number
  readonly circumstances: Circumstances
  readonly groups: Group[]
  /** Zxid before the first entry that is kept, and of the last one (or of the base). */
  readonly begin: number
  readonly end: number
  /** Nothing of the entries of earlier records is left. */
  readonly isCut: boolean
  /** Index of every chunk that is there, by snapshot. */
  readonly chunks: Map<number, Set<number>>
}

/** What one write puts on the disk. */
export interface Draft {
  readonly sequence: number
  /** Chunks, which must be there before the record. */
  readonly operations: readonly Operation[]
  /** Null when nothing but chunks was written: without a record that installs them they say nothing. */
  readonly record: RecordDraft | null
}

/** The chunks of old snapshots are cleaned up when so much has been written since the last time. */
const CLEANED_BYTES = 32 * 1024 * 1024

/**
 * Turns log batches into records: knows which groups and chunks exist, checks that the log stays without a hole, and
 * nets several log batches into one record.
 */
export class Ledger {
  readonly #checksum: Checksum
  readonly #load: (sequence: number) => Promise<Uint8Array | null>
  #sequence: number
  #meta: Meta | null
  #base: SnapshotBase | null
  #begin: number
  #damage: Circumstances['damage']
  #voids: readonly SequenceRange[]
  readonly #groups: Group[]
  readonly #chunks: Map<number, Set<number>>
  readonly #stale: Set<number>
  /** Keys of chunks that are not needed. */
  readonly #garbage = new Set<string>()
  #end: number
  #cut: number
  /** Entries of the record being made; they follow the last group. */
  #entries: LogEntry[] = []
  #operations: Operation[] = []
  /** The record being made says more than that chunks were written. */
  #isRecord = false
  /** Null when something in it has changed. */
  #circumstances: Uint8Array | null = null
  #chunkBytes = 0

  constructor(content: LedgerContent, checksum: Checksum, load: (sequence: number) => Promise<Uint8Array | null>) {
    const { circumstances } = content
    this.#checksum = checksum
    this.#load = load
    this.#sequence = content.sequence
    this.#meta = circumstances.meta
    this.#base = circumstances.base
    this.#damage = circumstances.damage
    this.#voids = circumstances.voids
    this.#stale = new Set(circumstances.stale)
    this.#begin = content.begin
    this.#end = content.end
    this.#cut = content.isCut ? CUT_ALL : Infinity
    this.#groups = content.groups
    this.#chunks = content.chunks
    for (const id of this.#stale) this.#discard(id)
  }

  get sequence(): number {
    return this.#sequence
  }

  get meta(): Meta | null {
    return this.#meta
  }

  /** Sequence of the oldest record that is needed. */
  get first(): number {
    return this.#groups[0]?.sequence ?? this.#sequence
  }

  /** Adds a batch to the record being made; a promise only where the disk must be read. Throws on an invalid batch. */
  apply(batch: LogBatch): Promise<void> | undefined {
    const { truncateAfter, install } = batch
    if (batch.resetLog === true) {
      if (install === undefined) throw invalid('resetLog without install')
      this.#reset(install)
    } else if (truncateAfter !== undefined && truncateAfter < this.#end) {
      return this.#truncate(truncateAfter).then(() => this.#applyRest(batch))
    }
    this.#applyRest(batch)
    return undefined
  }

  #applyRest({ entries, meta, chunks, install, purgeThrough, resetLog, truncateAfter }: LogBatch): void {
    for (const entry of entries ?? []) {
      if (entry.prevZxid !== this.#end || entry.zxid <= this.#end) {
        throw invalid(`a hole between ${this.#end} and ${entry.zxid}`)
      }
      this.#entries.push(entry)
      this.#end = entry.zxid
    }
    if (meta !== undefined) {
      this.#meta = { ...meta }
      this.#damage = 'none'
      this.#circumstances = null
    }
    for (const chunk of chunks ?? []) this.#chunk(chunk.id, chunk.index, chunk.bytes)
    if (install !== undefined) this.#install(install)
    if (purgeThrough !== undefined) this.#purge(purgeThrough)
    const isOnlyChunks = chunks !== undefined && entries === undefined && meta === undefined &&
      install === undefined && purgeThrough === undefined && resetLog === undefined && truncateAfter === undefined
    this.#isRecord ||= !isOnlyChunks
  }

  /** Closes the record. */
  finish(): Draft {
    const operations = this.#operations
    this.#operations = []
    if (!this.#isRecord) return { sequence: this.#sequence, operations, record: null }
    const sequence = ++this.#sequence
    const entries = this.#entries
    if (entries.length > 0) {
      this.#groups.push({ sequence, first: entries[0]!.zxid, last: entries[entries.length - 1]!.zxid })
    }
    const { first } = this
    if (this.#voids.some(([, last]) => last < first)) {
      this.#voids = this.#voids.filter(([, last]) => last >= first)
      this.#circumstances = null
    }
    const state = { first, begin: this.#begin, end: this.#end, cut: this.#cut }
    this.#circumstances ??= packCircumstances({
      meta: this.#meta, base: this.#base, stale: Array.from(this.#stale), damage: this.#damage, voids: this.#voids,
    })
    const record = packRecord(state, this.#circumstances, entries)
    this.#entries = []
    this.#cut = Infinity
    this.#isRecord = false
    return { sequence, operations, record }
  }

  /** Keys of chunks that no durable record needs; `cleaned` says that they are gone for good. */
  takeGarbage(): string[] {
    const keys = Array.from(this.#garbage)
    this.#garbage.clear()
    return keys
  }

  /** Whatever `takeGarbage` gave is deleted, durably: nobody needs to know of these snapshots any more. */
  cleaned(): void {
    if (this.#garbage.size > 0) return
    this.#stale.clear()
    this.#circumstances = null
  }

  /** True while chunks of a snapshot of this name are being deleted. */
  isStale(id: number): boolean {
    return this.#stale.has(id)
  }

  /**
   * The range that holds nothing any more, when it is time to compact it; null otherwise. LevelDB lets a deletion and
   * what it deletes sink to the bottom one after the other, and joins them only near a gigabyte.
   */
  takeDeadRange(): readonly [string, string] | null {
    if (this.#base === null || this.#chunkBytes < CLEANED_BYTES) return null
    this.#chunkBytes = 0
    return [CHUNK_RANGE[0], chunkKey(this.#base.id, 0)]
  }

  /** Drops the whole log. */
  #reset(to: SnapshotBase): void {
    this.#entries = []
    this.#groups.length = 0
    this.#begin = to.zxid
    this.#end = to.zxid
    this.#cut = CUT_ALL
  }

  async #truncate(cut: Zxid): Promise<void> {
    const baseZxid = this.#base?.zxid ?? 0
    if (cut < baseZxid) throw invalid('truncation of the snapshot')
    this.#entries = this.#entries.filter(({ zxid }) => zxid <= cut)
    const groups = this.#groups
    while ((groups.at(-1)?.first ?? 0) > cut) groups.pop()
    const group = groups.at(-1)
    if (group !== undefined && group.last > cut) {
      const last = (await this.#zxidsOf(group)).findLast((zxid) => zxid <= cut) ?? group.first
      groups[groups.length - 1] = { ...group, last }
    }
    // What is on the disk above the last group goes; what is being written is not there yet.
    const kept = groups.at(-1)?.last ?? CUT_ALL
    this.#cut = Math.min(this.#cut, kept)
    this.#end = this.#entries.at(-1)?.zxid ?? groups.at(-1)?.last ?? baseZxid
    if (groups.length === 0) this.#begin = this.#entries[0]?.prevZxid ?? this.#end
  }

  async #zxidsOf({ sequence }: Group): Promise<Zxid[]> {
    const payload = await this.#load(sequence)
    const record = payload === null ? null : unpackRecord({ sequence, payload })
    if (record === null) throw new ZkError('StorageDamaged', `record ${sequence} cannot be read any more`)
    return record.entries.map(({ zxid }) => zxid)
  }

  #chunk(id: number, index: number, bytes: Uint8Array): void {
    const value = new Uint8Array(SEAL_BYTES + bytes.byteLength)
    value.set(bytes, SEAL_BYTES)
    const key = chunkKey(id, index)
    this.#operations.push({ type: 'put', key, value: seal(value, this.#checksum) })
    this.#garbage.delete(key)
    this.#chunkBytes += value.byteLength
    let indexes = this.#chunks.get(id)
    if (indexes === undefined) this.#chunks.set(id, indexes = new Set())
    indexes.add(index)
    if (!this.#stale.delete(id)) return
    this.#circumstances = null
    this.#isRecord = true
  }

  #install(base: SnapshotBase): void {
    const written = this.#chunks.get(base.id)
    for (let index = 0; index < base.chunks; index++) {
      if (written?.has(index) !== true) throw invalid(`chunk ${index} of snapshot ${base.id} was not written`)
    }
    if (this.#groups.length + this.#entries.length > 0 && base.zxid < this.#begin) {
      throw invalid('the log begins after the snapshot')
    }
    this.#base = { ...base }
    for (const id of Array.from(this.#chunks.keys())) {
      if (id === base.id) continue
      this.#discard(id)
      this.#stale.add(id)
    }
    this.#circumstances = null
    // A log that ends before its snapshot cannot be continued without a hole.
    if (base.zxid > this.#end) this.#reset(base)
  }

  /** A snapshot is not needed, and cannot be installed any more. */
  #discard(id: number): void {
    for (const index of this.#chunks.get(id) ?? []) this.#garbage.add(chunkKey(id, index))
    this.#chunks.delete(id)
  }

  #purge(through: Zxid): void {
    const limit = Math.min(through, this.#base?.zxid ?? 0)
    const groups = this.#groups
    let count = 0
    while ((groups[count]?.last ?? Infinity) <= limit) this.#begin = groups[count++]!.last
    groups.splice(0, count)
  }
}

function invalid(why: string): ZkError {
  return new ZkError('StorageFailed', `not a valid batch: ${why}`)
}
