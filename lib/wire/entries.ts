import type { Proposal } from '../core/zab/messages.ts'
import { bad, bytes, zxid } from './check.ts'

type LogEntry = Proposal['entries'][number]

/** zxid f64, prevZxid f64, hash1 u32, hash2 u32, length u32 of the bytes, which follow; all big-endian. */
const HEAD_BYTES = 28

/**
 * Entries of the log, one behind the other, as one string of bytes: what peers send most of. To pack and to read one of
 * 140 bytes for two followers took 650 ns as five values of MessagePack, and takes 240.
 */
export function packEntries(entries: readonly LogEntry[]): Uint8Array {
  let total = 0
  for (const entry of entries) total += HEAD_BYTES + entry.bytes.length
  const packed = new Uint8Array(total)
  const view = new DataView(packed.buffer, packed.byteOffset, total)
  let at = 0
  for (const entry of entries) {
    view.setFloat64(at, entry.zxid)
    view.setFloat64(at + 8, entry.prevZxid)
    view.setUint32(at + 16, entry.hash1)
    view.setUint32(at + 20, entry.hash2)
    view.setUint32(at + 24, entry.bytes.length)
    at += HEAD_BYTES
    packed.set(entry.bytes, at)
    at += entry.bytes.length
  }
  return packed
}

/** Their bytes are views on `value`. */
export function readEntries(value: unknown): readonly LogEntry[] {
  const packed = bytes(value, 'list of entries')
  const { buffer, byteOffset } = packed
  const view = new DataView(buffer, byteOffset, packed.byteLength)
  const entries: LogEntry[] = []
  for (let at = 0; at < packed.length;) {
    if (packed.length - at < HEAD_BYTES) return bad('head of an entry')
    const start = at + HEAD_BYTES
    const length = view.getUint32(at + 24)
    const end = start + length
    if (end > packed.length) return bad('length of an entry')
    entries.push({
      zxid: zxid(view.getFloat64(at), 'entry zxid'),
      prevZxid: zxid(view.getFloat64(at + 8), 'entry predecessor'),
      hash1: view.getUint32(at + 16),
      hash2: view.getUint32(at + 20),
      // `subarray` takes twice as long.
      bytes: new Uint8Array(buffer, byteOffset + start, length),
    })
    at = end
  }
  return entries
}
