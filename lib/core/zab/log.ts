import type { LogEntry } from '../../ports/storage.ts'
import { assert } from '../assert.ts'
import type { Txn } from '../tree/txn.ts'
import { counterOf, epochOf } from '../zxid.ts'
import type { Zxid } from '../zxid.ts'
import { CHAIN_ZERO } from './chain.ts'
import type { Chain } from './chain.ts'

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
 * which the disk may have more: contiguous, each entry chained to its predecessor (rule R7).
 */
export class Log {
  /** Zxid before the first entry kept; nothing at or below it can be sent as a DIFF. */
  floor: Zxid
  #floorChain: Readonly<Chain> | null
  #entries: LoggedTxn[]
  /** Index of the first live entry: the array is compacted when half of it is dead. */
  #head = 0
  #bytes = 0

  constructor(floor: Zxid, chain: Readonly<Chain> | null, entries: readonly LogEntry[]) {
    this.floor = floor
    this.#floorChain = floor === 0 ? CHAIN_ZERO : chain
    this.#entries = []
    for (const entry of entries) this.append({ ...entry, txn: null })
  }

  /** Zxid of the last entry: what votes and summaries are made from. */
  get last(): Zxid {
    return this.length === 0 ? this.floor : this.#entries[this.#entries.length - 1]!.zxid
  }

  /** Chain hash at `last`. */
  get lastChain(): Readonly<Chain> {
    if (this.length > 0) return this.#entries[this.#entries.length - 1]!
    assert(this.#floorChain !== null, 'the chain at the end of the log is known')
    return this.#floorChain
  }

  get length(): number {
    return this.#entries.length - this.#head
  }

  /** Bytes of the txns kept. */
  get bytes(): number {
    return this.#bytes
  }

  append(entry: LoggedTxn): void {
    assert(entry.prevZxid === this.last, 'an entry follows the last one')
    assert(entry.zxid > entry.prevZxid, 'zxids rise')
    this.#entries.push(entry)
    this.#bytes += entry.bytes.length
  }

  /** Position of `zxid` among the entries kept, -1 when it is none of them. */
  #indexOf(zxid: Zxid): number {
    const index = this.#lowerBound(zxid)
    return this.#entries[index]?.zxid === zxid ? index : -1
  }

  /**
   * Index of the first entry at or above `zxid`. Epochs are contiguous, so the guess from the end is nearly always
   * right.
   */
  #lowerBound(zxid: Zxid): number {
    const entries = this.#entries
    const size = entries.length
    if (size === this.#head || zxid > entries[size - 1]!.zxid) return size
    const guess = size - 1 - (entries[size - 1]!.zxid - zxid)
    if (guess >= this.#head && entries[guess]!.zxid === zxid) return guess
    let low = this.#head
    let high = size
    while (low < high) {
      const middle = (low + high) >>> 1
      if (entries[middle]!.zxid < zxid) low = middle + 1
      else high = middle
    }
    return low
  }

  entryAt(zxid: Zxid): LoggedTxn | undefined {
    const index = this.#indexOf(zxid)
    return index < 0 ? undefined : this.#entries[index]
  }

  /** Bytes of the txns kept above `zxid`; walks over those below. */
  bytesAfter(zxid: Zxid): number {
    const end = this.#lowerBound((zxid + 1) as Zxid)
    let bytes = this.#bytes
    for (let i = this.#head; i < end; i++) bytes -= this.#entries[i]!.bytes.length
    return bytes
  }

  /** The entry after `zxid`, which must be the floor or an entry. */
  entryAfter(zxid: Zxid): LoggedTxn | undefined {
    return this.#entries[this.#lowerBound((zxid + 1) as Zxid)]
  }

  /** True when the log holds this point: an entry or the floor. */
  holds(zxid: Zxid): boolean {
    return zxid === this.floor || this.#indexOf(zxid) >= 0
  }

  /** Chain hash at an entry or the floor; null when unknown. */
  chainAt(zxid: Zxid): Readonly<Chain> | null {
    return zxid === this.floor ? this.#floorChain : this.entryAt(zxid) ?? null
  }

  /** The greatest point of the log (entry or floor) below `zxid`; null when all of it is above. */
  pointBelow(zxid: Zxid): Zxid | null {
    const index = this.#lowerBound(zxid)
    if (index > this.#head) return this.#entries[index - 1]!.zxid
    return this.floor < zxid ? this.floor : null
  }

  /** Entries above `after` and at most `through`, in order, as many as fit `maxBytes` but at least one. */
  slice(after: Zxid, through: Zxid, maxBytes: number): LoggedTxn[] {
    const from = this.#lowerBound((after + 1) as Zxid)
    let end = from
    let bytes = 0
    while (end < this.#entries.length && this.#entries[end]!.zxid <= through) {
      bytes += this.#entries[end]!.bytes.length + 32
      if (bytes > maxBytes && end > from) break
      end++
    }
    return this.#entries.slice(from, end)
  }

  /** Drops everything above `to`, which must be a point of the log. */
  truncate(to: Zxid): void {
    assert(this.holds(to), 'truncation ends at a point of the log')
    while (this.length > 0 && this.#entries[this.#entries.length - 1]!.zxid > to) {
      this.#bytes -= this.#entries.pop()!.bytes.length
    }
  }

  /** Forgets entries up to `through`, which are applied. */
  trim(through: Zxid): void {
    const end = this.#lowerBound((through + 1) as Zxid)
    if (end === this.#head) return
    const last = this.#entries[end - 1]!
    this.floor = last.zxid
    this.#floorChain = { hash1: last.hash1, hash2: last.hash2 }
    for (let i = this.#head; i < end; i++) this.#bytes -= this.#entries[i]!.bytes.length
    this.#head = end
    if (this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head)
      this.#head = 0
    }
  }

  /** Replaces everything by an installed snapshot's base. */
  reset(base: Zxid, chain: Readonly<Chain>): void {
    this.floor = base
    this.#floorChain = chain
    this.#entries = []
    this.#head = 0
    this.#bytes = 0
  }

  /**
   * The first entry kept from which `keepTxns` and `keepBytes` are not exceeded: what may be trimmed lies before it.
   */
  retentionPoint(upTo: Zxid, keepTxns: number, keepBytes: number): Zxid {
    let index = this.#lowerBound((upTo + 1) as Zxid) - 1
    let txns = 0
    let bytes = 0
    while (index >= this.#head && txns < keepTxns && bytes < keepBytes) {
      bytes += this.#entries[index]!.bytes.length
      txns++
      index--
    }
    return index < this.#head ? this.floor : this.#entries[index]!.zxid
  }
}
