/** The layout this code writes. It reads the layouts before as well, and converts them. */
export const LAYOUT_VERSION = 3
/** A sealed value begins with the CRC-32 of the rest. */
export const SEAL_BYTES = 4

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

/** Its value begins with the version of the layout. */
export const STATE_KEY = '!state'
/** Every key of a record is at or above the first and below the second. */
export const RECORD_RANGE: readonly [string, string] = ['r', 's']
/** Every key of a chunk, likewise. */
export const CHUNK_RANGE: readonly [string, string] = ['s', 't']

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')

/** One record, where records are in the database. Numbers have 53 bits: 14 digits. */
export function recordKey(sequence: number): string {
  return `r${hex(sequence, 14)}`
}

/** The sequence in the key of a record, or null for a key that is none. */
export function parseRecordKey(key: string): number | null {
  const match = /^r([0-9a-f]{14})$/.exec(key)
  const sequence = match === null ? null : Number.parseInt(match[1]!, 16)
  return Number.isSafeInteger(sequence) ? sequence : null
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
