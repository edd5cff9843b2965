import type { Words } from '../words.ts'
import type { Zxid } from '../zxid.ts'

/** Two u32: the chain hash at one point of a log. */
export interface Chain {
  hash1: number
  hash2: number
}

/** The chain before the first txn. */
export const CHAIN_ZERO: Readonly<Chain> = { hash1: 0, hash2: 0 }

/**
 * chain(i) = H(chain(i-1), zxid(i), bytes(i)): turns "same prefix" into one comparison. Two multiply-rotate lanes over
 * 32-bit words; not cryptographic. The result is written to `out`.
 */
export function chainNext(
  previous: Readonly<Chain>, zxid: Zxid, bytes: Uint8Array, out: Chain, words: Words,
): void {
  let a = (previous.hash1 ^ 0x85ebca6b) | 0
  let b = (previous.hash2 ^ 0xc2b2ae35) | 0
  const length = bytes.length
  const low = zxid | 0
  const high = Math.floor(zxid / 2 ** 32) | 0
  a = mix(a, low)
  b = mix(b, high ^ length)
  const { ints } = words
  let at = 0
  for (let count = words.load(bytes, 0); count > 0; count = words.load(bytes, at)) {
    const end = count >> 2
    for (let i = 0; i < end; i += 2) {
      a = mix(a, ints[i]!)
      b = mix(b, ints[i + 1]!)
    }
    at += count
  }
  for (; at < length; at++) {
    a = mix(a, bytes[at]! + 0x100)
    b = mix(b, a)
  }
  a = finish(a ^ Math.imul(b, 0x9e3779b1))
  b = finish(b ^ Math.imul(a, 0x85ebca77))
  out.hash1 = a >>> 0
  out.hash2 = b >>> 0
}

function mix(lane: number, word: number): number {
  const product = Math.imul(lane ^ Math.imul(word, 0xcc9e2d51), 0x1b873593)
  return ((product << 13) | (product >>> 19)) + 0xe6546b64 | 0
}

function finish(lane: number): number {
  let h = lane
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
