import type { Meta, SnapshotBase } from '../../lib/ports/storage.ts'

/** The layout this code writes and the only one it reads. */
export const LAYOUT_VERSION = 1
/** A sealed value begins with the CRC-32 of the rest. */
export const SEAL_BYTES = 4

/**
 * What one LevelDB batch says about the whole storage. It is written in every batch, so the newest one
 * names exactly the groups and chunks that must be there: a batch lost in the middle cannot stay unnoticed.
 */
export interface StateRecord {
  /** Counts the LevelDB batches. */
  readonly sequence: number
  readonly meta: Meta | null
  readonly base: SnapshotBase | null
  /** Zxid before the first entry that is kept. */
  readonly begin: number
  /** The last entry, or the base when there is none. */
  readonly end: number
  readonly hash1: number
  readonly hash2: number
  /** Snapshots whose chunks are being deleted. */
  readonly stale: readonly number[]
  /** What was found damaged and has not been told to the log by a later meta. */
  readonly damage: 'none' | 'log' | 'meta'
}

/** The CRC-32 of zlib over `bytes`. */
export type Checksum = (bytes: Uint8Array) => number

const CRC_TABLE: Readonly<Uint32Array> = Uint32Array.from({ length: 256 }, (_, index) => {
  let crc = index
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  return crc
})

/** For platforms without a native one. */
export function slowChecksum(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (let index = 0; index < bytes.length; index++) {
    crc = CRC_TABLE[(crc ^ bytes[index]!) & 0xff]! ^ (crc >>> 8)
  }
  return (crc ^ 0xffffffff) >>> 0
}

/** The fastest checksum of this platform. */
export function nativeChecksum(): Checksum {
  const zlib = globalThis.process?.getBuiltinModule?.('node:zlib')
  const crc32 = zlib?.crc32
  return crc32 === undefined ? slowChecksum : (bytes) => crc32(bytes)
}

/** Writes the checksum into the first bytes, which must have been left free. */
export function seal(value: Uint8Array, checksum: Checksum): Uint8Array {
  new DataView(value.buffer, value.byteOffset).setUint32(0, checksum(value.subarray(SEAL_BYTES)), true)
  return value
}

/** True when the value is as it was sealed. */
export function isSealed(value: Uint8Array, checksum: Checksum): boolean {
  if (value.byteLength < SEAL_BYTES) return false
  const stored = new DataView(value.buffer, value.byteOffset).getUint32(0, true)
  return stored === checksum(value.subarray(SEAL_BYTES))
}

/** The version, then the sealed JSON text: an unknown version is recognised whatever follows it. */
export function packState(state: StateRecord, checksum: Checksum): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(state))
  const packed = new Uint8Array(1 + SEAL_BYTES + text.byteLength)
  packed[0] = LAYOUT_VERSION
  packed.set(text, 1 + SEAL_BYTES)
  seal(packed.subarray(1), checksum)
  return packed
}

/** Null when the record is damaged, or says what no record can; `version` when another version wrote it. */
export function unpackState(packed: Uint8Array, checksum: Checksum): StateRecord | 'version' | null {
  if (packed.byteLength > 0 && packed[0] !== LAYOUT_VERSION) return 'version'
  if (!isSealed(packed.subarray(1), checksum)) return null
  return parseState(new TextDecoder().decode(packed.subarray(1 + SEAL_BYTES)))
}

function parseState(text: string): StateRecord | null {
  const state = parseRecord(text)
  if (state === null) return null
  const { sequence, meta, base, begin, end, hash1, hash2, stale, damage } = state
  const isState = isCount(sequence) && isCount(begin) && isCount(end) && isCount(hash1) && isCount(hash2) &&
    (meta === null || isMeta(meta)) && (base === null || isBase(base)) &&
    Array.isArray(stale) && stale.every(isCount) &&
    (damage === 'none' || damage === 'log' || damage === 'meta')
  return isState ? state as unknown as StateRecord : null
}

/** The object that this JSON says; null for anything else. */
export function parseRecord(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' ? value as Readonly<Record<string, unknown>> : null
  } catch {
    // What its checksum vouches for is JSON, unless other software wrote it.
    return null
  }
}

/** True for what can count things or name a zxid. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** True for promises as they are stored. Which formats are read is for others to say. */
export function isMeta(value: unknown): value is Meta {
  if (typeof value !== 'object' || value === null) return false
  const { format, peerId, ensembleName, ensembleId, members, acceptedEpoch, currentEpoch, commitHint, health } =
    value as Readonly<Record<string, unknown>>
  if (isCount(format) && format !== LAYOUT_VERSION) return true
  return isCount(format) && isCount(peerId) && typeof ensembleName === 'string' && typeof ensembleId === 'string' &&
    typeof members === 'string' && isCount(acceptedEpoch) && isCount(currentEpoch) && isCount(commitHint) &&
    (health === 'ok' || health === 'log' || health === 'meta')
}

function isBase(value: unknown): value is SnapshotBase {
  if (typeof value !== 'object' || value === null) return false
  const { id, zxid, hash1, hash2, chunks } = value as Readonly<Record<string, unknown>>
  return isCount(id) && isCount(zxid) && isCount(hash1) && isCount(hash2) && isCount(chunks)
}

/** Where the state record lies. */
export const STATE_KEY = '!state'
/** Every key of a group of entries is at or above the first and below the second. */
export const GROUP_RANGE: readonly [string, string] = ['e', 'f']
/** Every key of a chunk, likewise. */
export const CHUNK_RANGE: readonly [string, string] = ['s', 't']

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')

/** Zxids have 53 bits: 14 digits, so that the order of keys is the order of zxids. */
export function groupKey(first: number): string {
  return `e${hex(first, 14)}`
}

/** One chunk of one snapshot. */
export function chunkKey(id: number, index: number): string {
  return `s${hex(id, 14)}-${hex(index, 8)}`
}

/** The parts of a chunk's key, or null for a key that is none. */
export function parseChunkKey(key: string): { readonly id: number, readonly index: number } | null {
  const match = /^s([0-9a-f]{14})-([0-9a-f]{8})$/.exec(key)
  return match === null ? null : { id: Number.parseInt(match[1]!, 16), index: Number.parseInt(match[2]!, 16) }
}
