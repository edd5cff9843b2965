import type { LogEntry, Meta, SnapshotBase } from '../../lib/ports/storage.ts'
import { EMPTY_RUN, EntryRun, packEntries, packedBytes } from '../parts/entries.ts'
import type { RecordDraft, StoredRecord } from './store.ts'
import { isCount, isDescription, parseObject } from './valid.ts'

/** Sequences from the first to the second. */
export type SequenceRange = readonly [number, number]

/** The part of a record that rarely changes. */
export interface Circumstances {
  readonly meta: Meta | null
  readonly base: SnapshotBase | null
  /** What was found damaged and has not been told to the log by a later meta. */
  readonly damage: 'none' | 'log' | 'meta'
  /** Records that were lost, or lie behind some that were: whatever has one of these sequences does not count. */
  readonly voids: readonly SequenceRange[]
}

/**
 * What every record says about the whole storage, besides the entries that it adds: the newest one names exactly the
 * records that must be there, so that one that is lost in the middle cannot stay unnoticed.
 */
export interface State {
  /** Sequence of the oldest record that is needed. */
  readonly first: number
  /** Zxid before the first entry that is kept. */
  readonly begin: number
  /** Zxid of the last entry, or of the base when there is none. */
  readonly end: number
  /** Before its own entries were added, all above this zxid were dropped; Infinity: none. */
  readonly cut: number
}

/** What `unpackRecord` gives. */
export interface LogRecord extends State {
  readonly sequence: number
  /** Packed. */
  readonly circumstances: Uint8Array
  /** Their bytes are views of its payload. */
  readonly entries: EntryRun
}

/** A cut that leaves nothing. */
export const CUT_ALL = -1
const NUMBERS_BYTES = 4 * 8
/** The numbers, then the length u32 of the circumstances as JSON text. */
const HEAD_BYTES = NUMBERS_BYTES + 4

/** Encodes what rarely changes, to be used in many records. */
export function packCircumstances(circumstances: Circumstances): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(circumstances))
}

/** Decodes it; null when it is malformed. */
export function unpackCircumstances(packed: Uint8Array): Circumstances | null {
  const said = parseObject(new TextDecoder().decode(packed))
  if (said === null || !isDescription(said) || !Array.isArray(said.voids)) return null
  return said.voids.every(isRange) ? said as unknown as Circumstances : null
}

function isRange(range: unknown): range is SequenceRange {
  return Array.isArray(range) && range.length === 2 && range.every(isCount)
}

/** A record, little-endian: numbers, circumstances, entries. */
export function packRecord(state: State, circumstances: Uint8Array, entries: readonly LogEntry[]): RecordDraft {
  const entriesAt = HEAD_BYTES + circumstances.byteLength
  return {
    bytes: entriesAt + (entries.length === 0 ? 0 : packedBytes(entries)),
    pack(into) {
      const view = new DataView(into.buffer, into.byteOffset, HEAD_BYTES)
      view.setFloat64(0, state.first, true)
      view.setFloat64(8, state.begin, true)
      view.setFloat64(16, state.end, true)
      view.setFloat64(24, state.cut, true)
      view.setUint32(NUMBERS_BYTES, circumstances.byteLength, true)
      into.set(circumstances, HEAD_BYTES)
      if (entries.length > 0) packEntries(entries, into.subarray(entriesAt))
    },
  }
}

/** What the record says; null when it is malformed. */
export function unpackRecord({ sequence, payload }: StoredRecord): LogRecord | null {
  if (payload.byteLength < HEAD_BYTES) return null
  const view = new DataView(payload.buffer, payload.byteOffset, HEAD_BYTES)
  const entriesAt = HEAD_BYTES + view.getUint32(NUMBERS_BYTES, true)
  if (entriesAt > payload.byteLength) return null
  const entries = entriesAt === payload.byteLength ? EMPTY_RUN : EntryRun.of(payload.subarray(entriesAt))
  if (entries === null) return null
  const first = view.getFloat64(0, true)
  const begin = view.getFloat64(8, true)
  const end = view.getFloat64(16, true)
  const cut = view.getFloat64(24, true)
  if (!isCount(first) || first > sequence || !isCount(begin) || !isCount(end) || Number.isNaN(cut)) return null
  return {
    sequence, first, begin, end, cut, circumstances: payload.subarray(HEAD_BYTES, entriesAt), entries,
  }
}
