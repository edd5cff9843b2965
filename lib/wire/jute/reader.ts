import { ZkError } from '../../core/errors.ts'
import type { SessionId } from '../../core/tree/stat.ts'
import { KnownTexts } from '../known-texts.ts'

const WORD = 2 ** 32

/**
 * Reads ZooKeeper's record encoding ("jute") straight from the bytes of one frame. Everything throws MarshallingError
 * when the frame is too short or a length is not possible; what follows the last field of a record is ignored.
 */
export class JuteReader {
  #bytes: Uint8Array = new Uint8Array(0)
  #at = 0
  #end = 0
  readonly #known = new KnownTexts()
  textAt = 0
  textLength = 0

  /** Starts over with another frame, which lies in the bytes from `start` to `end`. */
  reset(bytes: Uint8Array, start = 0, end: number = bytes.length): this {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
    return this
  }

  /** What it reads from. */
  get bytes(): Uint8Array {
    return this.#bytes
  }

  /** Bytes that were not read yet. */
  get left(): number {
    return this.#end - this.#at
  }

  #take(size: number): number {
    const at = this.#at
    if (at + size > this.#end) throw new ZkError('MarshallingError', 'a record ends before its fields')
    this.#at = at + size
    return at
  }

  bool(): boolean {
    return this.#bytes[this.#take(1)] !== 0
  }

  int(): number {
    const at = this.#take(4)
    const bytes = this.#bytes
    return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
  }

  /** A signed 64-bit number; beyond the safe integers it is as close as a number can be. */
  long(): number {
    const high = this.int()
    return high * WORD + (this.int() >>> 0)
  }

  /** A 64-bit id in its printed form, unsigned. */
  sessionId(): SessionId {
    const high = this.int() >>> 0
    const low = this.int() >>> 0
    const text = high === 0 ? low.toString(16) : high.toString(16) + low.toString(16).padStart(8, '0')
    return `0x${text}` as SessionId
  }

  /** A length that must fit what is left; null stands for -1. */
  #length(): number | null {
    const length = this.int()
    if (length === -1) return null
    if (length < 0) throw new ZkError('MarshallingError', `a length of ${length}`)
    return length
  }

  /** The same for a field that must not be null. */
  #lengthOf(what: string): number {
    const length = this.#length()
    if (length === null) throw new ZkError('MarshallingError', `${what} is null`)
    return length
  }

  /** Bytes as a view on the frame, which the caller may keep. */
  data(): Uint8Array | null {
    const length = this.#length()
    if (length === null) return null
    const at = this.#take(length)
    // Half of what `subarray` takes, which asks what to make the view of.
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + at, length)
  }

  /** Bytes that are not UTF-8 become replacement characters, which no path may contain. */
  text(): string | null {
    const length = this.#length()
    if (length === null) return null
    const at = this.#take(length)
    return this.#known.text(this.#bytes, at, length)
  }

  /**
   * Passes over the text of a field that must not be null: it lies in `bytes` from `textAt` on, `textLength` long,
   * until the next frame.
   */
  passTextOf(what: string): void {
    const length = this.#lengthOf(what)
    this.textAt = this.#take(length)
    this.textLength = length
  }

  /** What `passTextOf` passed over. */
  passedText(): string {
    return this.textAmong(this.#bytes, this.textAt, this.textLength)
  }

  /** The text that some bytes are, of this frame or another one. */
  textAmong(bytes: Uint8Array, at: number, length: number): string {
    return this.#known.text(bytes, at, length)
  }

  /** The text of a field that must not be null. */
  textOf(what: string): string {
    const text = this.text()
    if (text === null) throw new ZkError('MarshallingError', `${what} is null`)
    return text
  }

  /** The same for a text that hardly came before: see KnownTexts. */
  newTextOf(what: string): string {
    const length = this.#lengthOf(what)
    return this.#known.newText(this.#bytes, this.#take(length), length)
  }

  /** Elements of a vector that follow; a null vector has none, as any other negative count. */
  count(): number {
    return Math.max(0, this.int())
  }

  /** A vector whose null is told apart. */
  nullableCount(): number | null {
    const count = this.int()
    return count === -1 ? null : Math.max(0, count)
  }

  /** A vector of texts, none of which may be null; a null vector has none. */
  texts(): string[] {
    return this.#texts(this.count())
  }

  /** The vector of texts of a field that must not be null. */
  textsOf(what: string): string[] {
    const count = this.nullableCount()
    if (count === null) throw new ZkError('MarshallingError', `${what} is null`)
    return this.#texts(count)
  }

  #texts(count: number): string[] {
    const texts: string[] = []
    for (let left = count; left > 0; left--) texts.push(this.textOf('an element'))
    return texts
  }

  /** True, and passed over, when exactly these bytes follow. */
  skip(expected: Uint8Array): boolean {
    const bytes = this.#bytes
    const at = this.#at
    if (at + expected.length > this.#end) return false
    for (let i = 0; i < expected.length; i++) if (bytes[at + i] !== expected[i]) return false
    this.#at = at + expected.length
    return true
  }
}
