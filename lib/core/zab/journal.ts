import type { LogBatch, Meta, SnapshotBase } from '../../ports/storage.ts'
import { assert } from '../assert.ts'
import type { Effect } from '../effects.ts'
import type { Limits } from '../limits.ts'
import { Words } from '../words.ts'
import { ZXID_ZERO } from '../zxid.ts'
import type { Zxid } from '../zxid.ts'
import { CHAIN_ZERO, chainNext } from './chain.ts'
import type { Chain } from './chain.ts'
import type { Log } from './log.ts'
import type { LoggedTxn } from './log.ts'

interface OpenBatch {
  truncateAfter?: Zxid
  entries?: LoggedTxn[]
  meta?: Meta
  chunks?: { id: number, index: number, bytes: Uint8Array }[]
  install?: SnapshotBase
  resetLog?: boolean
  purgeThrough?: Zxid
}

/** A write under way: how far the log reaches once it is durable, unless a later truncation says less. */
interface Flight {
  readonly ticket: number
  logEnd: Zxid
}

/**
 * One write-ahead log, strictly first in first out (rule R2): promises, txns, truncations and snapshots of one
 * replica are records of it, gathered into one atomic batch per turn, or several where a turn has many bytes of txns: a
 * disk is seen to get on, and is not taken for one that stands still. A batch ends behind a txn only, so what one call
 * records is never divided, and what calls record one after the other may reach the disk one after the other, as in two
 * turns. Everything that must be durable before something else asks for the `ticket` of the records so far and waits
 * for `durableTicket` to reach it (rule R1).
 */
export class Journal {
  readonly log: Log
  #meta: Meta
  #base: SnapshotBase | null
  #batch: OpenBatch | null = null
  /** Bytes of its txns. */
  #batchBytes = 0
  /** Batches closed within this turn, each with its log end. */
  readonly #closed: { readonly batch: OpenBatch, logEnd: Zxid }[] = []
  readonly #flights: Flight[] = []
  /** A batch ends where its txns come to so many. */
  readonly #bytesPerBatch: number
  readonly #words = new Words()
  #lastTicket = 0
  #durableTicket = 0
  #durableZxid: Zxid

  constructor(
    log: Log, meta: Meta, base: SnapshotBase | null,
    { syncChunkBytes, syncChunksInFlight }: Pick<Limits, 'syncChunkBytes' | 'syncChunksInFlight'>,
  ) {
    this.log = log
    this.#meta = meta
    this.#base = base
    this.#bytesPerBatch = syncChunkBytes * syncChunksInFlight
    this.#durableZxid = log.last
  }

  /** The promises as they will be once the queue has drained. */
  get meta(): Meta {
    return this.#meta
  }

  get base(): SnapshotBase | null {
    return this.#base
  }

  /** Zxid of the snapshot under the log, 0 without one. */
  get baseZxid(): Zxid {
    return this.#base?.zxid ?? ZXID_ZERO
  }

  /** Last zxid of the log that is on disk and will stay in the log. */
  get durableZxid(): Zxid {
    return this.#durableZxid
  }

  get durableTicket(): number {
    return this.#durableTicket
  }

  /** The ticket under which everything recorded so far is written. */
  get ticket(): number {
    return this.#lastTicket + this.#closed.length + (this.#batch === null ? 0 : 1)
  }

  /** True when everything recorded so far is durable. */
  get idle(): boolean {
    return this.#durableTicket === this.ticket
  }

  #open(): OpenBatch {
    return this.#batch ??= {}
  }

  #close(): void {
    if (this.#batch === null) return
    this.#closed.push({ batch: this.#batch, logEnd: this.log.last })
    this.#batch = null
    this.#batchBytes = 0
  }

  /** Appends a txn of the leader itself: chains it to the log. */
  appendNew(zxid: Zxid, bytes: Uint8Array, txn: LoggedTxn['txn']): void {
    const previous = this.log.last
    const entry: LoggedTxn = { zxid, prevZxid: previous, hash1: 0, hash2: 0, bytes, txn }
    chainNext(this.log.lastChain, zxid, bytes, entry as Chain, this.#words)
    this.append(entry)
  }

  /** Appends an entry whose chain hash is set. */
  append(entry: LoggedTxn): void {
    this.log.append(entry)
    const batch = this.#open()
    if (batch.entries === undefined) batch.entries = [entry]
    else batch.entries.push(entry)
    this.#batchBytes += entry.bytes.length
    if (this.#batchBytes >= this.#bytesPerBatch) this.#close()
  }

  /** Logical truncation: the log ends at `to` from here on. */
  truncate(to: Zxid): void {
    assert(to >= this.baseZxid, 'a snapshot holds committed txns only and is never truncated')
    this.log.truncate(to)
    const batch = this.#open()
    const kept = batch.entries?.filter((entry) => entry.zxid <= to)
    if (kept !== undefined) batch.entries = kept
    this.#batchBytes = 0
    for (const { bytes } of kept ?? []) this.#batchBytes += bytes.length
    // An earlier truncation of this batch went deeper: what it dropped from disk must stay dropped.
    batch.truncateAfter = batch.truncateAfter !== undefined && batch.truncateAfter < to ? batch.truncateAfter : to
    for (const flight of this.#flights) if (flight.logEnd > to) flight.logEnd = to
    for (const closed of this.#closed) if (closed.logEnd > to) closed.logEnd = to
    if (this.#durableZxid > to) this.#durableZxid = to
  }

  setMeta(change: Partial<Meta>): void {
    const meta = { ...this.#meta, ...change }
    assert(meta.acceptedEpoch >= this.#meta.acceptedEpoch, 'acceptedEpoch never falls')
    assert(meta.currentEpoch >= this.#meta.currentEpoch, 'currentEpoch never falls')
    assert(meta.currentEpoch <= meta.acceptedEpoch, 'currentEpoch is at most acceptedEpoch')
    this.#meta = meta
    this.#open().meta = meta
  }

  chunk(id: number, index: number, bytes: Uint8Array): void {
    const batch = this.#open()
    batch.chunks ??= []
    batch.chunks.push({ id, index, bytes })
  }

  /** Makes this replica's own snapshot the base; entries through `purgeThrough` go from the disk. */
  install(base: SnapshotBase, purgeThrough: Zxid): void {
    assert(base.zxid >= this.baseZxid, 'snapshots move forward')
    assert(purgeThrough <= base.zxid, 'what is purged is in the snapshot')
    this.#base = base
    const batch = this.#open()
    batch.install = base
    batch.purgeThrough = purgeThrough
  }

  /** Makes a leader's snapshot the base of an empty log; written as a batch of its own. */
  replace(base: SnapshotBase): void {
    this.#close()
    this.#base = base
    this.log.reset(base.zxid, { hash1: base.hash1, hash2: base.hash2 })
    const batch = this.#open()
    batch.install = base
    batch.resetLog = true
    // What the disk held of the old log is gone with this batch: nothing of it counts as durable meanwhile.
    for (const flight of this.#flights) flight.logEnd = ZXID_ZERO
    for (const closed of this.#closed) closed.logEnd = ZXID_ZERO
    this.#durableZxid = ZXID_ZERO
    this.#close()
  }

  /** Hands the turn's batches to the driver. */
  flush(effects: Effect[]): void {
    this.#close()
    for (const { batch, logEnd } of this.#closed) {
      const ticket = ++this.#lastTicket
      this.#flights.push({ ticket, logEnd })
      effects.push({ kind: 'persist', ticket, batch: batch as LogBatch })
    }
    this.#closed.length = 0
  }

  /** The driver reports a completed write. */
  persisted(ticket: number): void {
    assert(ticket > this.#durableTicket && ticket <= this.#lastTicket, 'tickets complete in order')
    let flight = this.#flights[0]
    while (flight !== undefined && flight.ticket <= ticket) {
      this.#durableZxid = flight.logEnd
      this.#flights.shift()
      flight = this.#flights[0]
    }
    this.#durableTicket = ticket
  }
}

/** The chain hash an entry must have after `previous`. */
export function chainOf(previous: Readonly<Chain>, zxid: Zxid, bytes: Uint8Array): Chain {
  const out: Chain = { ...CHAIN_ZERO }
  chainNext(previous, zxid, bytes, out, new Words())
  return out
}
