import { ZkError } from '../../lib/core/errors.ts'
import type { LogBatch, LogEntry, Meta, SnapshotBase, SnapshotChunk } from '../../lib/ports/storage.ts'
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
  /** Snapshots of which something is there. */
  readonly snapshots: readonly number[]
}

/** What one write puts on the disk. */
export interface Draft {
  readonly sequence: number
  /** Null when nothing but chunks was written: without a record that installs them they say nothing. */
  readonly record: RecordDraft | null
  /** Snapshots that are not needed once the record is durable; null when it installs none. */
  readonly dropped: readonly number[] | null
}

/** A chunk that will be written, and snapshots of which nothing is needed any more by then. */
export interface ExpectedChunk {
  readonly chunk: SnapshotChunk
  readonly dropped: readonly number[]
}

/**
 * Turns log batches into records: knows which groups and chunks exist, checks that the log and every snapshot stay
 * without a hole, and nets several log batches into one record.
 */
export class Ledger {
  readonly #load: (sequence: number) => Promise<Uint8Array | null>
  #sequence: number
  #meta: Meta | null
  #base: SnapshotBase | null
  #begin: number
  #damage: Circumstances['damage']
  #voids: readonly SequenceRange[]
  readonly #groups: Group[]
  /** How many chunks there are of each snapshot; of what was not installed when the storage was opened, none counts. */
  readonly #chunks = new Map<number, number>()
  #dropped: number[] | null = null
  #end: number
  #cut: number
  /** Entries of the record being made; they follow the last group. */
  #entries: LogEntry[] = []
  /** The record being made says more than that chunks were written. */
  #isRecord = false
  /** Null when something in it has changed. */
  #circumstances: Uint8Array | null = null

  constructor(content: LedgerContent, load: (sequence: number) => Promise<Uint8Array | null>) {
    const { circumstances } = content
    this.#load = load
    this.#sequence = content.sequence
    this.#meta = circumstances.meta
    this.#base = circumstances.base
    this.#damage = circumstances.damage
    this.#voids = circumstances.voids
    this.#begin = content.begin
    this.#end = content.end
    this.#cut = content.isCut ? CUT_ALL : Infinity
    this.#groups = content.groups
    for (const id of content.snapshots) this.#chunks.set(id, id === this.#base?.id ? this.#base.chunks : 0)
  }

  get sequence(): number {
    return this.#sequence
  }

  get meta(): Meta | null {
    return this.#meta
  }

  /** Of the snapshot that is installed; 0 without one. */
  get baseId(): number {
    return this.#base?.id ?? 0
  }

  /** Sequence of the oldest record that is needed. */
  get first(): number {
    return this.#groups[0]?.sequence ?? this.#sequence
  }

  /**
   * Takes note of chunks that will be written, once the record before is durable: whatever was to be installed is by
   * then. So what a snapshot that begins drops was given up. Throws when they do not follow what there is of theirs.
   */
  expect(chunks: readonly SnapshotChunk[]): ExpectedChunk[] {
    return chunks.map((chunk) => {
      const { id, index } = chunk
      if (id === this.#base?.id) throw invalid(`a chunk of snapshot ${id}, which is installed`)
      if (index !== 0 && index !== this.#chunks.get(id)) throw invalid(`chunk ${index} of snapshot ${id} out of turn`)
      const dropped = index === 0 ? this.#forget(id, this.#base?.id) : []
      this.#chunks.set(id, index + 1)
      return { chunk, dropped }
    })
  }

  /** Says which snapshots there were beside these. */
  #forget(...kept: readonly (number | undefined)[]): number[] {
    const dropped = Array.from(this.#chunks.keys()).filter((id) => !kept.includes(id))
    for (const id of dropped) this.#chunks.delete(id)
    return dropped
  }

  /**
   * Adds a batch, whose chunks are expected, to the record being made; a promise only where the disk must be read.
   * Throws on an invalid batch.
   */
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
    if (install !== undefined) this.#install(install)
    if (purgeThrough !== undefined) this.#purge(purgeThrough)
    const isOnlyChunks = chunks !== undefined && entries === undefined && meta === undefined &&
      install === undefined && purgeThrough === undefined && resetLog === undefined && truncateAfter === undefined
    this.#isRecord ||= !isOnlyChunks
  }

  /** Closes the record. */
  finish(): Draft {
    if (!this.#isRecord) return { sequence: this.#sequence, record: null, dropped: null }
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
      meta: this.#meta, base: this.#base, damage: this.#damage, voids: this.#voids,
    })
    const record = packRecord(state, this.#circumstances, entries)
    this.#entries = []
    this.#cut = Infinity
    this.#isRecord = false
    const dropped = this.#dropped
    this.#dropped = null
    return { sequence, record, dropped }
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
    return Array.from(record.entries, ({ zxid }) => zxid)
  }

  #install(base: SnapshotBase): void {
    const written = this.#chunks.get(base.id) ?? 0
    if (written < base.chunks) throw invalid(`chunk ${written} of snapshot ${base.id} was not written`)
    if (this.#groups.length + this.#entries.length > 0 && base.zxid < this.#begin) {
      throw invalid('the log begins after the snapshot')
    }
    this.#base = { ...base }
    this.#dropped = (this.#dropped ?? []).concat(this.#forget(base.id))
    this.#circumstances = null
    // A log that ends before its snapshot cannot be continued without a hole.
    if (base.zxid > this.#end) this.#reset(base)
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
