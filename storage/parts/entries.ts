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
  const total = packed.byteLength
  if (total < HEAD_BYTES) return null
  const view = new DataView(packed.buffer, packed.byteOffset, total)
  const count = view.getUint32(0, true)
  let prevZxid = view.getFloat64(4, true) as Zxid
  if (!Number.isSafeInteger(prevZxid) || prevZxid < 0) return null
  let row = HEAD_BYTES
  let at = row + count * ROW_BYTES
  if (at > total) return null
  const entries: LogEntry[] = []
  for (let index = 0; index < count; index++) {
    const zxid = view.getFloat64(row, true) as Zxid
    const length = view.getUint32(row + 16, true)
    if (!Number.isSafeInteger(zxid) || zxid <= prevZxid || length > total - at) return null
    const hash1 = view.getUint32(row + 8, true)
    const hash2 = view.getUint32(row + 12, true)
    entries.push({ zxid, prevZxid, hash1, hash2, bytes: packed.subarray(at, at + length) })
    prevZxid = zxid
    row += ROW_BYTES
    at += length
  }
  return at === total ? entries : null
}
