import { assert } from '../core/assert.ts'
import { ZkError } from '../core/errors.ts'

/** A frame is its length in 4 bytes, big-endian, and so many bytes; the same on every transport and protocol. */
export const FRAME_HEAD_BYTES = 4
/** First memory of a frame that arrives in pieces: an announced length alone must not cost that much. */
const FIRST_BYTES = 64 * 1024
const NO_BYTES: Readonly<Uint8Array> = new Uint8Array(0)

/** Cuts a byte stream into frames; feed it with `push`, then take frames by `next` until null, or by `advance`. */
export class FrameReader {
  /** Frames longer than this are refused; may be changed between two frames. */
  limitBytes: number
  /** Where the frame lies that `advance` found. */
  bytes: Uint8Array = new Uint8Array(0)
  start = 0
  end = 0
  #chunk: Uint8Array = new Uint8Array(0)
  #at = 0
  /** The header as far as it was read. */
  #head = 0
  #headBytes = 0
  /** A frame that spans chunks. */
  #partial: Uint8Array = new Uint8Array(0)
  #partialBytes = 0

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes
  }

  /** Adds what arrived. Everything before must have been taken. */
  push(chunk: Uint8Array): void {
    assert(this.#at === this.#chunk.length, 'frames are taken before the next chunk is pushed')
    this.#chunk = plainBytes(chunk)
    this.#at = 0
  }

  /**
   * The next whole frame without its header, or null when more bytes are needed. It is a view on the chunk when it came
   * in one piece; nobody writes to it again, so it may be kept. Throws FrameTooLarge; the stream is useless then.
   */
  next(): Uint8Array | null {
    return this.advance() ? this.bytes.subarray(this.start, this.end) : null
  }

  /**
   * The same without a view on it: true when there is one, at `bytes` from `start` to `end`. Of the CPU time of a
   * client's read a view is 6 %.
   */
  advance(): boolean {
    if (!this.#readHead()) return this.#forget()
    const size = this.#head
    if (size > this.limitBytes) {
      throw new ZkError('FrameTooLarge', `a frame of ${size} bytes, at most ${this.limitBytes}`)
    }
    const chunk = this.#chunk
    const left = chunk.length - this.#at
    if (this.#partialBytes === 0 && left >= size) {
      this.bytes = chunk
      this.start = this.#at
      this.#at += size
      this.end = this.#at
      this.#headBytes = 0
      return true
    }
    const taken = Math.min(left, size - this.#partialBytes)
    this.#grow(this.#partialBytes + taken, size)
    this.#partial.set(chunk.subarray(this.#at, this.#at + taken), this.#partialBytes)
    this.#at += taken
    this.#partialBytes += taken
    if (this.#partialBytes < size) return this.#forget()
    this.bytes = this.#partial
    this.start = 0
    this.end = size
    this.#partial = new Uint8Array(0)
    this.#partialBytes = 0
    this.#headBytes = 0
    return true
  }

  /** All was taken: a chunk may be a piece of much more memory, which an idle connection must not keep alive. */
  #forget(): false {
    this.#chunk = NO_BYTES
    this.bytes = NO_BYTES
    this.#at = 0
    return false
  }

  #readHead(): boolean {
    const chunk = this.#chunk
    while (this.#headBytes < FRAME_HEAD_BYTES) {
      const byte = chunk[this.#at]
      if (byte === undefined) return false
      this.#head = this.#headBytes === 0 ? byte : this.#head * 256 + byte
      this.#at += 1
      this.#headBytes += 1
    }
    return true
  }

  /** Doubles, so that a frame of n bytes costs O(n) however small its pieces are. */
  #grow(bytes: number, frameBytes: number): void {
    if (bytes <= this.#partial.length) return
    const grown = new Uint8Array(Math.min(frameBytes, Math.max(FIRST_BYTES, 2 * bytes)))
    grown.set(this.#partial.subarray(0, this.#partialBytes))
    this.#partial = grown
  }
}

/** Writes the length into the first 4 bytes, which were left for it. */
export function sealFrame(bytes: Uint8Array): Uint8Array {
  const size = bytes.length - FRAME_HEAD_BYTES
  assert(size >= 0, 'a frame has room for its length')
  bytes[0] = size >>> 24
  bytes[1] = size >>> 16
  bytes[2] = size >>> 8
  bytes[3] = size
  return bytes
}

/** A frame around a copy of `payload`. */
export function makeFrame(payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEAD_BYTES + payload.length)
  bytes.set(payload, FRAME_HEAD_BYTES)
  return sealFrame(bytes)
}

/** The same memory as a Uint8Array and nothing more: views on a Buffer are Buffers, whose `slice` does not copy. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
