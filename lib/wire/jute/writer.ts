import { assert } from '../../core/assert.ts'
import type { SessionId } from '../../core/tree/stat.ts'
import { FRAME_HEAD_BYTES } from '../frame.ts'
import { ChunkPool, makeChunk } from './chunk.ts'
import type { Chunk } from './chunk.ts'

const WORD = 2 ** 32
/** Up to this length a loop is faster than the encoder. */
const SHORT_TEXT = 48

/**
 * Writes frames of ZooKeeper's record encoding ("jute") into memory that grows by chunks. `begin`, fields, `end`; the
 * frame is then `chunk` from `start` to `at`.
 */
export class JuteWriter {
  chunk: Chunk = makeChunk(0)
  start = 0
  at = 0
  #bytes = this.chunk.bytes
  #view = this.chunk.view
  readonly #pool = new ChunkPool()
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

  /** The frame that was just closed; nobody will write to it again. */
  frame(): Uint8Array {
    this.chunk.isKept = true
    return this.#bytes.subarray(this.start, this.at)
  }

  /** An output has sent what it had in this chunk: see ChunkPool. */
  release(chunk: Chunk, isKept: boolean): void {
    this.#pool.release(chunk, isKept)
  }

  /** Makes sure that so many bytes fit; the open frame moves along. */
  #room(size: number): void {
    if (this.at + size <= this.#bytes.length) return
    const open = this.at - this.start
    const chunk = this.#pool.take(open + size)
    chunk.bytes.set(this.#bytes.subarray(this.start, this.at))
    this.#pool.retire(this.chunk)
    this.chunk = chunk
    this.#bytes = chunk.bytes
    this.#view = chunk.view
    this.start = 0
    this.at = open
  }

  bool(value: boolean): void {
    this.#room(1)
    this.#bytes[this.at++] = value ? 1 : 0
  }

  int(value: number): void {
    this.#room(4)
    this.#view.setInt32(this.at, value)
    this.at += 4
  }

  /** Room for so many bytes, whose place it answers: for records whose fields `putInt` and `putLong` write there. */
  claim(bytes: number): number {
    this.#room(bytes)
    const { at } = this
    this.at = at + bytes
    return at
  }

  putInt(at: number, value: number): void {
    this.#view.setInt32(at, value)
  }

  putLong(at: number, value: number): void {
    const high = Math.floor(value / WORD)
    this.#view.setInt32(at, high)
    this.#view.setInt32(at + 4, value - high * WORD)
  }

  /** A signed 64-bit number: a safe integer. */
  long(value: number): void {
    this.#room(8)
    this.putLong(this.at, value)
    this.at += 8
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
    this.#bytes.set(bytes, this.at)
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
      const { written } = this.#encoder.encodeInto(text.slice(from), this.#bytes.subarray(start))
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
    const bytes = this.#bytes
    const to = at - from
    for (let i = from; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code > 0x7f) return false
      bytes[to + i] = code
    }
    return true
  }

  texts(texts: readonly string[]): void {
    this.int(texts.length)
    for (const text of texts) this.text(text)
  }
}
