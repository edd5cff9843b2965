import type { Words } from '../words.ts'

/** A 32-bit hash of a text, for digests and shards. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash | 0
}

/** The same of a text of ASCII alone, which is these bytes; null for bytes that are none. */
export function hashAscii(bytes: Uint8Array, from: number, length: number): number | null {
  let hash = 0x811c9dc5
  let high = 0
  for (let i = from; i < from + length; i++) {
    const byte = bytes[i]!
    high |= byte
    hash = Math.imul(hash ^ byte, 0x01000193)
  }
  return high > 0x7f ? null : hash | 0
}

/** A 32-bit hash of bytes, four at a time, in two lanes; 0 for no bytes. */
export function hashBytes(bytes: Uint8Array, words: Words): number {
  const { length } = bytes
  if (length === 0) return 0
  const { ints } = words
  let a = length
  let b = ~length
  let at = 0
  for (let count = words.load(bytes, 0); count > 0; count = words.load(bytes, at)) {
    const end = count >> 2
    for (let i = 0; i < end; i += 2) {
      a = Math.imul(a ^ ints[i]!, 0x85ebca6b)
      a ^= a >>> 15
      b = Math.imul(b ^ ints[i + 1]!, 0xc2b2ae35)
      b ^= b >>> 13
    }
    at += count
  }
  for (; at < length; at++) a = Math.imul(a ^ bytes[at]!, 0x01000193)
  return (a ^ Math.imul(b, 0x9e3779b1)) | 0
}

/** Stirs one more number into a running hash. */
export function mix(hash: number, value: number): number {
  const stirred = Math.imul(hash ^ value, 0xcc9e2d51)
  return Math.imul((stirred << 15) | (stirred >>> 17), 0x1b873593)
}

/** Spreads the last bits of a running hash over all of them. */
export function finish(hash: number): number {
  const once = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35)
  return twice ^ (twice >>> 16)
}
