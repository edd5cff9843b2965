import type { Checksum } from './records.ts'
import { isCount } from './valid.ts'

/** Random bytes that every frame of a file begins with. */
export const SALT_BYTES = 8
/** Salt, checksum u32 of all that follows, number f64, length u32 of what the frame says. */
export const FRAME_HEAD_BYTES = 24

const SUM_BYTES = 4

/**
 * A file of the storage is a head (a signature, a salt, and the checksum of both) and frames. Every frame begins with
 * the file's salt: so bytes of another file, or of an earlier life of this one, are no frames of it, one is found again
 * behind one that was altered, and nobody who only chooses data can make bytes that pass for a frame.
 */
export interface Frame {
  readonly number: number
  readonly payload: Uint8Array
  /** Where the next one begins. */
  readonly end: number
}

/** For a new file. */
export function makeSalt(): Uint8Array {
  return globalThis.crypto.getRandomValues(new Uint8Array(SALT_BYTES))
}

/** How long the head of a file with this signature is. */
export function headBytes(signature: Uint8Array): number {
  return signature.byteLength + SALT_BYTES + SUM_BYTES
}

/** The head of a file. */
export function packHead(signature: Uint8Array, salt: Uint8Array, checksum: Checksum): Uint8Array {
  const head = new Uint8Array(headBytes(signature))
  const summed = signature.byteLength + SALT_BYTES
  head.set(signature)
  head.set(salt, signature.byteLength)
  new DataView(head.buffer, head.byteOffset).setUint32(summed, checksum(head.subarray(0, summed)), true)
  return head
}

/** The salt of the file that begins so; null when its head is not what was written, or has another signature. */
export function saltOf(content: Uint8Array, signature: Uint8Array, checksum: Checksum): Uint8Array | null {
  const salt = content.slice(signature.byteLength, signature.byteLength + SALT_BYTES)
  if (content.byteLength < headBytes(signature)) return null
  return packHead(signature, salt, checksum).every((byte, index) => content[index] === byte) ? salt : null
}

/** Makes a frame of what is written already behind the place of its head; the salt is for `setSalt`. */
export function sealFrame(frame: Uint8Array, number: number, checksum: Checksum): void {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  view.setFloat64(SALT_BYTES + 4, number, true)
  view.setUint32(SALT_BYTES + 12, frame.byteLength - FRAME_HEAD_BYTES, true)
  view.setUint32(SALT_BYTES, checksum(frame.subarray(SALT_BYTES + 4)), true)
}

/** Makes the frame one of the file with this salt. */
export function setSalt(frame: Uint8Array, salt: Uint8Array): void {
  frame.set(salt)
}

/** Where the frame ends that begins here, as far as its head tells; null when none does. */
export function frameEnd(content: Uint8Array, at: number, salt: Uint8Array): number | null {
  if (at + FRAME_HEAD_BYTES > content.byteLength) return null
  for (let index = 0; index < SALT_BYTES; index++) if (content[at + index] !== salt[index]) return null
  return at + FRAME_HEAD_BYTES + new DataView(content.buffer, content.byteOffset + at).getUint32(SALT_BYTES + 12, true)
}

/** The frame that begins here; null when it is none, or not what was written. */
export function frameAt(content: Uint8Array, at: number, salt: Uint8Array, checksum: Checksum): Frame | null {
  const end = frameEnd(content, at, salt)
  if (end === null || end > content.byteLength) return null
  const view = new DataView(content.buffer, content.byteOffset + at)
  if (checksum(content.subarray(at + SALT_BYTES + 4, end)) !== view.getUint32(SALT_BYTES, true)) return null
  const number = view.getFloat64(SALT_BYTES + 4, true)
  return isCount(number) ? { number, payload: content.subarray(at + FRAME_HEAD_BYTES, end), end } : null
}
