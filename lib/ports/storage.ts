import type { Zxid } from '../core/zxid.ts'

/**
 * Where one peer keeps its promises, its log and its snapshots.
 *
 * Contract, checked by lib/testing/conformance/storage.ts:
 * - `write` is atomic, and durable when it resolves; batches take effect in call order although calls are not
 *   awaited (the adapter keeps one write in flight and may merge the batches that wait behind it into one);
 * - every crash image is a prefix of the batches written, and contains every batch whose `write` resolved; chunks alone
 *   may be missing from it, or be there too early, until the batch that installs them: that is durable after them all;
 * - a batch that would leave a hole in the log or in the chunks of a snapshot, or installs chunks that were not
 *   written, fails; what was not installed when the storage was closed may be gone when it is opened, and is written
 *   anew;
 * - after a write failed, every later write fails too: the peer stops, nothing is retried;
 * - a snapshot for which there is no room is no failure, unless the log was dropped for it: `install` and
 *   `purgeThrough` of its batch have no effect then, so that the base and the log from before go on;
 * - bytes handed in are not kept after `write` resolved; bytes handed out are the caller's;
 * - what cannot be a prefix (a lost acknowledged tail, a damaged record) is reported by `open` as damage, never
 *   half-used.
 */
export interface Storage {
  readonly features: StorageFeatures
  /** Opens, creating when absent, and reads what was there. Errors: StorageLocked, StorageVersion, StorageDamaged. */
  open(): Promise<Recovered>
  /** Applies one batch; see the contract. Errors: StorageFailed. */
  write(batch: LogBatch): Promise<void>
  /** Waits for the writes in flight and releases everything. Idempotent. */
  close(): Promise<void>
  /** Where it is, for people; absent when that says nothing. */
  readonly location?: string
  /** Bytes on disk; absent when there is no disk. */
  size?(): number
}

/** What a storage promises, and the only thing that may switch conformance cases off. */
export interface StorageFeatures {
  /** A completed write survives a crash of the process. */
  readonly persistent: boolean
  /**
   * A completed write survives loss of power: only then may the peer vote. Memory counts as durable for as long as its
   * object lives.
   */
  readonly durable: boolean
}

/** One txn as it is logged: `hash1`, `hash2` chain it to its predecessor `prevZxid` (see lib/core/zab/chain.ts). */
export interface LogEntry {
  readonly zxid: Zxid
  readonly prevZxid: Zxid
  readonly hash1: number
  readonly hash2: number
  /** The encoded txn. */
  readonly bytes: Uint8Array
}

/** Entries in their order; they may be gone through more than once. */
export interface LogEntries extends Iterable<LogEntry> {
  readonly length: number
}

/** The promises of a voter and who it is; always written whole. */
export interface Meta {
  /** Version of the layout: 1. */
  readonly format: number
  /** Which peer this storage belongs to. */
  readonly peerId: number
  /** Name the user gave the ensemble. */
  readonly ensembleName: string
  /** Minted by the first leader; empty until known. */
  readonly ensembleId: string
  /** The sorted member list this storage belongs to, as one canonical text: `1:voter,2:voter,3:observer`. */
  readonly members: string
  readonly acceptedEpoch: number
  readonly currentEpoch: number
  /** A zxid known to be committed: a lower bound, losing it is harmless. */
  readonly commitHint: Zxid
  /**
   * `ok`, or what this storage may have lost and not regained yet: `log` (acknowledged txns), `meta` (promises).
   * Kept until a leader has rebuilt it, so that a restart in between does not forget the damage.
   */
  readonly health: 'ok' | 'log' | 'meta'
}

/** Where the log begins: everything up to `zxid` is in the snapshot. */
export interface SnapshotBase {
  /** Names the snapshot's chunks; unique per storage. */
  readonly id: number
  readonly zxid: Zxid
  /** Chain hash of the log at `zxid`. */
  readonly hash1: number
  readonly hash2: number
  readonly chunks: number
}

/**
 * One piece of a snapshot that is being written; it becomes valid only when a later batch installs it. They come in the
 * order of their indexes. One snapshot is written at a time: the chunk with index 0 begins it, anew where something of
 * it is there, and of every other one but the base nothing is there any more; nobody else says that one was given up.
 * So what is not installed never takes more than one snapshot's room. Not written: chunks of the base.
 */
export interface SnapshotChunk {
  readonly id: number
  readonly index: number
  readonly bytes: Uint8Array
}

/** One atomic step of the log. Parts take effect in the order of the fields. */
export interface LogBatch {
  /** Drops every entry above this zxid. */
  readonly truncateAfter?: Zxid
  /** Appends; the first one's prevZxid is the zxid of the last entry that is left (or of the base). */
  readonly entries?: readonly LogEntry[]
  readonly meta?: Meta
  readonly chunks?: readonly SnapshotChunk[]
  /** Makes the snapshot whose chunks were written before the base; all other snapshots are gone. */
  readonly install?: SnapshotBase
  /**
   * With `install` of a snapshot that came from a leader: drops the whole log first, before any other part takes
   * effect.
   */
  readonly resetLog?: boolean
  /** Entries up to and including this zxid (at most the base's) are not needed any more. */
  readonly purgeThrough?: Zxid
}

/** What `open` found. */
export interface Recovered {
  /** Null on an empty storage. */
  readonly meta: Meta | null
  readonly base: SnapshotBase | null
  /** The base's chunks in order. Read once, before the first write. */
  readonly snapshot: AsyncIterable<Uint8Array>
  /**
   * The log that is left, contiguous; it may begin before the base (entries retained for DIFF) or right after it. The
   * storage does not write to the memory of their bytes any more.
   */
  readonly entries: LogEntries
  /** What the storage knows to be missing: see Meta.health. */
  readonly damage: 'none' | 'log' | 'meta'
}
