import { ZXID_ZERO, makeZxid } from '../../core/zxid.ts'
import type { Zxid } from '../../core/zxid.ts'
import type { LogEntry, Meta, SnapshotBase, SnapshotChunk } from '../../ports/storage.ts'

/** Promises as good as any. */
export const META: Meta = {
  format: 1, peerId: 3, ensembleName: 'garden', ensembleId: '', members: '1:voter,2:voter,3:observer',
  acceptedEpoch: 2, currentEpoch: 1, commitHint: makeZxid(1, 5), health: 'ok',
}

/** A zxid of epoch 1, or 0. */
export function at(counter: number, epoch = 1): Zxid {
  return counter === 0 && epoch === 1 ? ZXID_ZERO : makeZxid(epoch, counter)
}

/** Bytes that differ for every seed. */
export function bytesOf(seed: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let index = 0; index < length; index++) bytes[index] = Math.imul(seed + 1, index + 7) >>> 2
  return bytes
}

/** The hashes only have to come back as they were. */
export function entry(zxid: Zxid, prevZxid: Zxid, bytes: Uint8Array = bytesOf(zxid % 1_000, 20)): LogEntry {
  return { zxid, prevZxid, hash1: Math.imul(zxid % 65_536, 0x9e3779b1) >>> 0, hash2: 0xffffffff - (zxid % 9), bytes }
}

/** Entries `from` to `to` of epoch 1. */
export function run(from: number, to: number, length = 20): LogEntry[] {
  const entries: LogEntry[] = []
  for (let counter = from; counter <= to; counter++) {
    entries.push(entry(at(counter), at(counter - 1), bytesOf(counter, length)))
  }
  return entries
}

/** A base whose hashes only have to come back. */
export function base(id: number, zxid: Zxid, chunks: number): SnapshotBase {
  return { id, zxid, hash1: 7, hash2: 0xfffffff0, chunks }
}

/** Chunks of one snapshot, some of them empty. */
export function chunks(id: number, count: number, from = 0): SnapshotChunk[] {
  return Array.from({ length: count }, (_, offset) => {
    const index = from + offset
    return { id, index, bytes: bytesOf(id * 100 + index, index % 3 === 1 ? 0 : 30) }
  })
}
