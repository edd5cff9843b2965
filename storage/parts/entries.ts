import type { LogEntry } from '../../lib/ports/storage.ts'

type Zxid = LogEntry['zxid']

/** count u32, then prevZxid f64 of the first entry. */
const HEAD_BYTES = 12
/** zxid f64, hash1 u32, hash2 u32, length u32. */
const ROW_BYTES = 20

/** How many bytes `packEntries` needs. */
export function packedBytes(entries: readonly LogEntry[]): number {
  let total = HEAD_BYTES
  for (const { bytes } of entries) total += ROW_BYTES + bytes.byteLength
  return total
}

/**
 * Packs contiguous entries into one array of the right length, little-endian: a head, one row per entry, then all txns
 * one after the other. Only the first prevZxid is stored, the others follow.
 */
export function packEntries(
  entries: readonly LogEntry[], packed: Uint8Array = new Uint8Array(packedBytes(entries)),
): Uint8Array {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength)
  view.setUint32(0, entries.length, true)
  view.setFloat64(4, entries[0]?.prevZxid ?? 0, true)
  let row = HEAD_BYTES
  let at = row + entries.length * ROW_BYTES
  for (const { zxid, hash1, hash2, bytes } of entries) {
    view.setFloat64(row, zxid, true)
    view.setUint32(row + 8, hash1, true)
    view.setUint32(row + 12, hash2, true)
    view.setUint32(row + 16, bytes.byteLength, true)
    row += ROW_BYTES
    packed.set(bytes, at)
    at += bytes.byteLength
  }
  return packed
}

/** The entries of `packEntries`; their bytes are views of `packed`. Null when it is malformed. */
export function unpackEntries(packed: Uint8Array): LogEntry[] | null {
  const run = EntryRun.of(packed)
  return run === null ? null : Array.from(run)
}

/**
 * What `packEntries` packed, or a part of it in one piece. Its entries are made when somebody goes through them: as
 * objects, those of a long log take twice the memory of their txns.
 */
export class EntryRun implements Iterable<LogEntry> {
  readonly #packed: Uint8Array
  /** Number of its first entry in the whole, and where the bytes of that begin. */
  readonly #first: number
  readonly #firstAt: number
  readonly length: number
  /** Zxid before its first entry, and of its last one: the same if it is empty. */
  readonly prevZxid: Zxid
  readonly lastZxid: Zxid

  private constructor(
    packed: Uint8Array, first: number, firstAt: number, length: number, prevZxid: Zxid, lastZxid: Zxid,
  ) {
    this.#packed = packed
    this.#first = first
    this.#firstAt = firstAt
    this.length = length
    this.prevZxid = prevZxid
    this.lastZxid = lastZxid
  }

  /** Null when it is malformed. */
  static of(packed: Uint8Array): EntryRun | null {
    const total = packed.byteLength
    if (total < HEAD_BYTES) return null
    const view = new DataView(packed.buffer, packed.byteOffset, total)
    const count = view.getUint32(0, true)
    const prevZxid = view.getFloat64(4, true) as Zxid
    if (!Number.isSafeInteger(prevZxid) || prevZxid < 0) return null
    const firstAt = HEAD_BYTES + count * ROW_BYTES
    if (firstAt > total) return null
    let last = prevZxid
    let at = firstAt
    for (let row = HEAD_BYTES; row < firstAt; row += ROW_BYTES) {
      const zxid = view.getFloat64(row, true) as Zxid
      const length = view.getUint32(row + 16, true)
      if (!Number.isSafeInteger(zxid) || zxid <= last || length > total - at) return null
      last = zxid
      at += length
    }
    return at === total ? new EntryRun(packed, 0, firstAt, count, prevZxid, last) : null
  }

  /** Of its first entry; `prevZxid` if it is empty. */
  get firstZxid(): Zxid {
    return this.length === 0 ? this.prevZxid : this.#view().getFloat64(this.#rowOf(0), true) as Zxid
  }

  /** Its entries above one zxid and up to another. */
  between(after: number, through: number): EntryRun {
    if (this.prevZxid >= after && this.lastZxid <= through) return this
    const view = this.#view()
    let skipped = 0
    let firstAt = this.#firstAt
    let prevZxid = this.prevZxid
    let length = 0
    let lastZxid = prevZxid
    for (let index = 0; index < this.length; index++) {
      const row = this.#rowOf(index)
      const zxid = view.getFloat64(row, true) as Zxid
      if (zxid > through) break
      lastZxid = zxid
      if (zxid > after) {
        length += 1
      } else {
        skipped += 1
        firstAt += view.getUint32(row + 16, true)
        prevZxid = zxid
      }
    }
    return new EntryRun(this.#packed, this.#first + skipped, firstAt, length, prevZxid, lastZxid)
  }

  * [Symbol.iterator](): Generator<LogEntry, undefined> {
    const packed = this.#packed
    const view = this.#view()
    let { prevZxid } = this
    let at = this.#firstAt
    for (let index = 0; index < this.length; index++) {
      const row = this.#rowOf(index)
      const zxid = view.getFloat64(row, true) as Zxid
      const end = at + view.getUint32(row + 16, true)
      const hash1 = view.getUint32(row + 8, true)
      const hash2 = view.getUint32(row + 12, true)
      yield { zxid, prevZxid, hash1, hash2, bytes: packed.subarray(at, end) }
      prevZxid = zxid
      at = end
    }
    return undefined
  }

  #rowOf(index: number): number {
    return HEAD_BYTES + (this.#first + index) * ROW_BYTES
  }

  #view(): DataView {
    return new DataView(this.#packed.buffer, this.#packed.byteOffset, this.#packed.byteLength)
  }
}

/** No entries. */
export const EMPTY_RUN: EntryRun = EntryRun.of(packEntries([]))!
