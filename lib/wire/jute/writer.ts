import { assert } from '../../core/assert.ts'
import type { SessionId } from '../../core/tree/stat.ts'
import { FRAME_HEAD_BYTES } from '../frame.ts'

const WORD = 2 ** 32
/** Memory is taken in pieces of this size and handed on with the frames in it: nothing sent is ever written again. */
const CHUNK_BYTES = 64 * 1024
/** Up to this length a loop is faster than the encoder. */
const SHORT_TEXT = 48

/**
 * Writes frames of ZooKeeper's record encoding ("jute") into memory that grows by chunks. `begin`, fields, `end`; the
 * frame is then `chunk` from `start` to `at`.
 */
export class JuteWriter {
  chunk: Uint8Array = new Uint8Array(0)
  start = 0
  at = 0
  readonly #encoder = new TextEncoder()

  /** Opens a frame; its length is filled in by `end`. */
  begin(): void {
    this.#room(FRAME_HEAD_BYTES)
    this.start = this.at
    this.at += FRAME_HEAD_BYTES
  }

  /** Closes the frame. */
  end(): void {
    const at = this.at
    this.at = this.start
    this.int(at - this.start - FRAME_HEAD_BYTES)
    this.at = at
  }

  /** The frame that was just closed. */
  frame(): Uint8Array {
    return this.chunk.subarray(this.start, this.at)
  }

  /** Makes sure that so many bytes fit; the open frame moves along. */
  #room(size: number): void {
    if (this.at + size <= this.chunk.length) return
    const open = this.at - this.start
    const chunk = new Uint8Array(Math.max(CHUNK_BYTES, 2 * (open + size)))
    chunk.set(this.chunk.subarray(this.start, this.at))
    this.chunk = chunk
    this.start = 0
    this.at = open
  }

  bool(value: boolean): void {
    this.#room(1)
    this.chunk[this.at++] = value ? 1 : 0
  }

  int(value: number): void {
    this.#room(4)
    const { chunk, at } = this
    chunk[at] = value >>> 24
    chunk[at + 1] = value >>> 16
    chunk[at + 2] = value >>> 8
    chunk[at + 3] = value
    this.at = at + 4
  }

  /** A signed 64-bit number: a safe integer. */
  long(value: number): void {
    const high = Math.floor(value / WORD)
    this.int(high)
    this.int(value - high * WORD)
  }

  sessionId(id: SessionId): void {
    const { length } = id
    assert(length > 2 && length <= 18, 'a session id has 1 to 16 digits')
    if (id === '0x0') {
      this.int(0)
      this.int(0)
      return
    }
    this.int(length > 10 ? Number.parseInt(id.slice(2, length - 8), 16) : 0)
    this.int(Number.parseInt(length > 10 ? id.slice(length - 8) : id.slice(2), 16))
  }

  data(bytes: Readonly<Uint8Array> | null): void {
    if (bytes === null) {
      this.int(-1)
      return
    }
    this.int(bytes.length)
    this.raw(bytes)
  }

  /** Bytes as they are. */
  raw(bytes: Readonly<Uint8Array>): void {
    this.#room(bytes.length)
    this.chunk.set(bytes, this.at)
    this.at += bytes.length
  }

  /** From the character `from` on. */
  text(text: string | null, from = 0): void {
    if (text === null) {
      this.int(-1)
      return
    }
    const length = text.length - from
    this.#room(4 + 3 * length)
    const head = this.at
    const start = head + 4
    if (length > SHORT_TEXT || !this.#ascii(text, from, start)) {
      const { written } = this.#encoder.encodeInto(text.slice(from), this.chunk.subarray(start))
      this.at = start + written
    } else {
      this.at = start + length
    }
    const end = this.at
    this.at = head
    this.int(end - start)
    this.at = end
  }

  /** False when a character does not fit one byte. */
  #ascii(text: string, from: number, at: number): boolean {
    const { chunk } = this
    const to = at - from
    for (let i = from; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code > 0x7f) return false
      chunk[to + i] = code
    }
    return true
  }

  texts(texts: readonly string[]): void {
    this.int(texts.length)
    for (const text of texts) this.text(text)
  }
}
