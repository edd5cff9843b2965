import type { LogEntry, SnapshotBase } from '../../ports/storage.ts'
import { assert } from '../assert.ts'
import type { Txn } from '../tree/txn.ts'
import { ZXID_ZERO, counterOf, epochOf } from '../zxid.ts'
import type { Zxid } from '../zxid.ts'
import { CHAIN_ZERO } from './chain.ts'
import type { Chain } from './chain.ts'
import { PackedEntries } from './packed-entries.ts'

/** An entry in memory; `txn` is kept where it is known until the entry is applied. */
export interface LoggedTxn extends LogEntry {
  txn: Txn | null
}

/** True when `zxid` may directly follow `previous`: the next counter, or the first of a later epoch. */
export function follows(zxid: Zxid, previous: Zxid): boolean {
  const epoch = epochOf(zxid)
  const before = epochOf(previous)
  return epoch === before ? counterOf(zxid) === counterOf(previous) + 1 : epoch > before && counterOf(zxid) === 1
}

/**
 * The log as this replica will have it on disk once its storage queue has drained (rule R4), from `floor` on, before
 * which the disk may have more: contiguous, each entry chained to its predecessor (rule R7). What is applied is packed,
 * and what was there at the start.
 */
export class Log {
  /** Zxid before the first entry kept; nothing at or below it can be sent as a DIFF. */
  floor: Zxid
  #floorChain: Readonly<Chain> | null
  /** The older part. */
  readonly #packed = new PackedEntries()
  /** The rest. */
  #entries: LoggedTxn[] = []
  #bytes = 0
  /** What is packed is applied up to here. */
  #applied: Zxid = ZXID_ZERO

  /** Nobody may write to the bytes of the entries any more. */
  constructor(floor: Zxid, chain: Readonly<Chain> | null, entries: Iterable<LogEntry>) {
    this.floor = floor
    this.#floorChain = floor === 0 ? CHAIN_ZERO : chain
    for (const entry of entries) {
      this.#check(entry)
      // As objects, 750,000 entries took 190 MB until they were applied, which the garbage collector had to go through.
      this.#packed.adopt(entry)
      this.#bytes += entry.bytes.length
    }
  }

  /** The log that a storage had. */
  static found(base: SnapshotBase | null, entries: Iterable<LogEntry>): Log {
    let floor = base?.zxid ?? ZXID_ZERO
    for (const { prevZxid } of entries) {
      floor = prevZxid
      break
    }
    return new Log(floor, base?.zxid === floor ? base : null, entries)
  }

  /** Zxid of the last entry: what votes and summaries are made from. */
  get last(): Zxid {
    const { length } = this.#entries
    if (length > 0) return this.#entries[length - 1]!.zxid
    return this.#packed.length > 0 ? this.#packed.lastZxid : this.floor
  }

  /** Chain hash at `last`. */
  get lastChain(): Readonly<Chain> {
    if (this.length > 0) return this.#chain(this.length - 1)
    assert(this.#floorChain !== null, 'the chain at the end of the log is known')
    return this.#floorChain
  }

  get length(): number {
    return this.#packed.length + this.#entries.length
  }

  /** Bytes of the txns kept. */
  get bytes(): number {
    return this.#bytes
  }

  append(entry: LoggedTxn): void {
    this.#check(entry)
    this.#entries.push(entry)
    this.#bytes += entry.bytes.length
  }

  #check(entry: LogEntry): void {
    assert(entry.prevZxid === this.last, 'an entry follows the last one')
    assert(entry.zxid > entry.prevZxid, 'zxids rise')
  }

  /** What lies up to `applied` is packed: it is never truncated again, and rarely read. */
  pack(applied: Zxid): void {
    const entries = this.#entries
    let count = 0
    while (count < entries.length && entries[count]!.zxid <= applied) this.#packed.push(entries[count++]!)
    if (count > 0) this.#entries = entries.slice(count)
    if (applied > this.#applied) this.#applied = applied
  }

  #zxid(index: number): Zxid {
    const packed = this.#packed.length
    return index < packed ? this.#packed.zxidAt(index) : this.#entries[index - packed]!.zxid
  }

  #size(index: number): number {
    const packed = this.#packed.length
    return index < packed ? this.#packed.bytesAt(index) : this.#entries[index - packed]!.bytes.length
  }

  #chain(index: number): Readonly<Chain> {
    const packed = this.#packed.length
    return index < packed ? this.#packed.chainAt(index) : this.#entries[index - packed]!
  }

  #entry(index: number, isCopy = true): LoggedTxn {
    const packed = this.#packed
    if (index >= packed.length) return this.#entries[index - packed.length]!
    const { hash1, hash2 } = packed.chainAt(index)
    const prevZxid = index === 0 ? this.floor : packed.zxidAt(index - 1)
    const bytes = isCopy ? packed.copyAt(index) : packed.viewAt(index)
    return { zxid: packed.zxidAt(index), prevZxid, hash1, hash2, bytes, txn: null }
  }

  /** Position of `zxid` among the entries kept, -1 when it is none of them. */
  #indexOf(zxid: Zxid): number {
    const index = this.#lowerBound(zxid)
    return index < this.length && this.#zxid(index) === zxid ? index : -1
  }

  /**
   * Index of the first entry at or above `zxid`. Epochs are contiguous, so the guess from the end is nearly always
   * right.
   */
  #lowerBound(zxid: Zxid): number {
    const entries = this.#entries
    const size = entries.length
    const packed = this.#packed.length
    if (size === 0 || zxid < entries[0]!.zxid) return this.#packed.lowerBound(zxid)
    const { zxid: last } = entries[size - 1]!
    if (zxid > last) return packed + size
    const guess = size - 1 - (last - zxid)
    if (guess >= 0 && entries[guess]!.zxid === zxid) return packed + guess
    let low = 0
    let high = size
    while (low < high) {
      const middle = (low + high) >>> 1
      if (entries[middle]!.zxid < zxid) low = middle + 1
      else high = middle
    }
    return packed + low
  }

  entryAt(zxid: Zxid): LoggedTxn | undefined {
    const index = this.#indexOf(zxid)
    return index < 0 ? undefined : this.#entry(index)
  }

  /** Bytes of the txns kept above `zxid`; walks over those below. */
  bytesAfter(zxid: Zxid): number {
    const end = this.#lowerBound((zxid + 1) as Zxid)
    let bytes = this.#bytes
    for (let i = 0; i < end; i++) bytes -= this.#size(i)
    return bytes
  }

  /** The entry after `zxid`, which must be the floor or an entry. */
  entryAfter(zxid: Zxid): LoggedTxn | undefined {
    const index = this.#lowerBound((zxid + 1) as Zxid)
    return index < this.length ? this.#entry(index) : undefined
  }

  /** Zxid of the entry after `zxid`, which must be the floor or an entry; null when there is none. */
  zxidAfter(zxid: Zxid): Zxid | null {
    const index = this.#lowerBound((zxid + 1) as Zxid)
    return index < this.length ? this.#zxid(index) : null
  }

  /** True when the log holds this point: an entry or the floor. */
  holds(zxid: Zxid): boolean {
    return zxid === this.floor || this.#indexOf(zxid) >= 0
  }

  /** Chain hash at an entry or the floor; null when unknown. */
  chainAt(zxid: Zxid): Readonly<Chain> | null {
    if (zxid === this.floor) return this.#floorChain
    const index = this.#indexOf(zxid)
    return index < 0 ? null : this.#chain(index)
  }

  /** The greatest point of the log (entry or floor) below `zxid`; null when all of it is above. */
  pointBelow(zxid: Zxid): Zxid | null {
    const index = this.#lowerBound(zxid)
    if (index > 0) return this.#zxid(index - 1)
    return this.floor < zxid ? this.floor : null
  }

  /** Entries above `after` and at most `through`, in order, as many as fit `maxBytes` but at least one. */
  slice(after: Zxid, through: Zxid, maxBytes: number): LoggedTxn[] {
    const from = this.#lowerBound((after + 1) as Zxid)
    const slice: LoggedTxn[] = []
    let bytes = 0
    for (let index = from; index < this.length && this.#zxid(index) <= through; index++) {
      bytes += this.#size(index) + 32
      if (bytes > maxBytes && index > from) break
      slice.push(this.#entry(index))
    }
    return slice
  }

  /**
   * Shows the entries above `after` and at most `through`, which are there at the beginning, one by one until it is
   * told that that is enough. Their bytes are of use until it is; meanwhile the log may grow, but not change otherwise.
   */
  show(after: Zxid, through: Zxid, goesOn: (entry: LoggedTxn) => boolean): void {
    const end = this.#lowerBound((through + 1) as Zxid)
    for (let index = this.#lowerBound((after + 1) as Zxid); index < end; index++) {
      if (!goesOn(this.#entry(index, false))) return
    }
  }

  /** Drops everything above `to`, which must be a point of the log. */
  truncate(to: Zxid): void {
    assert(this.holds(to), 'truncation ends at a point of the log')
    const packed = this.#packed
    assert(packed.length === 0 || to >= Math.min(packed.lastZxid, this.#applied), 'what is applied is not truncated')
    while (this.#entries.length > 0 && this.last > to) this.#bytes -= this.#entries.pop()!.bytes.length
    let kept = packed.length
    while (kept > 0 && packed.zxidAt(kept - 1) > to) this.#bytes -= packed.bytesAt(--kept)
    if (kept < packed.length) packed.truncate(kept)
  }

  /** Forgets entries up to `through`, which are applied. */
  trim(through: Zxid): void {
    const end = this.#lowerBound((through + 1) as Zxid)
    if (end === 0) return
    const { hash1, hash2 } = this.#chain(end - 1)
    this.floor = this.#zxid(end - 1)
    this.#floorChain = { hash1, hash2 }
    for (let i = 0; i < end; i++) this.#bytes -= this.#size(i)
    const packed = Math.min(end, this.#packed.length)
    this.#packed.drop(packed)
    if (end > packed) this.#entries = this.#entries.slice(end - packed)
  }

  /** Replaces everything by an installed snapshot's base. */
  reset(base: Zxid, chain: Readonly<Chain>): void {
    this.floor = base
    this.#floorChain = chain
    this.#packed.clear()
    this.#entries = []
    this.#bytes = 0
  }

  /**
   * The first entry kept from which `keepTxns` and `keepBytes` are not exceeded: what may be trimmed lies before it.
   * Goes over what may go, not over what stays, which is the greater part.
   */
  retentionPoint(upTo: Zxid, keepTxns: number, keepBytes: number): Zxid {
    const end = this.#lowerBound((upTo + 1) as Zxid)
    let first = Math.max(0, end - keepTxns)
    let bytes = this.#bytes
    for (let i = 0; i < first; i++) bytes -= this.#size(i)
    for (let i = end; i < this.length; i++) bytes -= this.#size(i)
    for (; first < end && bytes - this.#size(first) >= keepBytes; first++) bytes -= this.#size(first)
    return first === 0 ? this.floor : this.#zxid(first - 1)
  }
}
