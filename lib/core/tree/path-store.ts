import { assert } from '../assert.ts'

/** Large enough to come from the system in a piece of its own. */
const CHUNK_BYTES = 262_144
/** The first one grows: it is the only one of a small tree. */
const FIRST_CHUNK_BYTES = 4_096
/** A path that takes more gets a chunk for itself, which goes with it: no other one may ever fit into its room. */
const LARGE_BYTES = 1_024
/** Places in a chunk are counted in words of 4 bytes. */
const PLACE_BITS = 16
const PLACES = 2 ** PLACE_BITS
/** Places of 31 bits: 8 GiB of paths of usual length. */
const MOST_CHUNKS = 2 ** (31 - PLACE_BITS)
const HEADER_BYTES = 4
/** Longer texts are made in pieces of so many characters. */
const PIECE = 64

class Chunk {
  words: Int32Array
  bytes: Uint8Array

  constructor(sizeBytes: number) {
    const memory = new ArrayBuffer(sizeBytes)
    this.words = new Int32Array(memory)
    this.bytes = new Uint8Array(memory)
  }

  /** Room for twice as much. */
  grow(): void {
    const { bytes } = this
    const memory = new ArrayBuffer(2 * bytes.length)
    this.words = new Int32Array(memory)
    this.bytes = new Uint8Array(memory)
    this.bytes.set(bytes)
  }
}

/**
 * The paths of all nodes, as bytes: strings on the heap took twice the memory, spread what lives on it over many more
 * pages, and every collection of garbage had to visit each of them. A path stands at a place, behind a word that tells
 * its length, with one byte for each character, or two if it has any beyond Latin-1. Room that a path left is taken
 * by the next one that needs as much; so for each length there may be as much room as was ever needed at once. Half a
 * million nodes of 100 bytes: 10 instead of 35 MB of heap in use, 309 instead of 332 MB resident.
 */
export class PathStore {
  /** Those of paths of usual length; the last one is being filled. */
  readonly #chunks: Chunk[] = []
  /** Words that are used of the last chunk. */
  #used = PLACES
  /** One for each long path: the path at place -1 - N is in chunk N. */
  readonly #large: (Chunk | null)[] = []
  readonly #freeLarge: number[] = []
  /** By words: the first room of this size that is free; each names the next in its first word. None: -1. */
  readonly #free = new Map<number, number>()
  /** Characters on their way to a text, by their number. */
  readonly #units: number[][] = []

  /** Memory of all chunks. */
  get bytes(): number {
    return [...this.#large, ...this.#chunks].reduce((sum, chunk) => sum + (chunk?.bytes.length ?? 0), 0)
  }

  add(path: string): number {
    const { length } = path
    const isWide = !isLatin(path)
    const size = HEADER_BYTES + (isWide ? 2 * length : length)
    const place = this.#room((size + 3) >>> 2)
    const { words, bytes } = this.#chunkOf(place)
    const word = wordOf(place)
    words[word] = 2 * length + (isWide ? 1 : 0)
    let at = 4 * word + HEADER_BYTES
    for (let i = 0; i < length; i++) {
      const unit = path.charCodeAt(i)
      bytes[at++] = unit
      if (isWide) bytes[at++] = unit >>> 8
    }
    return place
  }

  #chunkOf(place: number): Chunk {
    return place < 0 ? this.#large[-1 - place]! : this.#chunks[place >>> PLACE_BITS]!
  }

  #room(words: number): number {
    if (4 * words > LARGE_BYTES) {
      const number = this.#freeLarge.pop() ?? this.#large.length
      this.#large[number] = new Chunk(4 * words)
      return -1 - number
    }
    const free = this.#free.get(words)
    if (free !== undefined && free !== -1) {
      this.#free.set(words, this.#chunks[free >>> PLACE_BITS]!.words[free & (PLACES - 1)]!)
      return free
    }
    if (this.#used + words > PLACES) {
      assert(this.#chunks.length < MOST_CHUNKS, 'there is room for one more path')
      this.#chunks.push(new Chunk(this.#chunks.length === 0 ? FIRST_CHUNK_BYTES : CHUNK_BYTES))
      this.#used = 0
    }
    const last = this.#chunks.length - 1
    const place = (last << PLACE_BITS) | this.#used
    this.#used += words
    if (this.#used > this.#chunks[last]!.words.length) this.#chunks[last]!.grow()
    return place
  }

  delete(place: number): void {
    if (place < 0) {
      this.#large[-1 - place] = null
      this.#freeLarge.push(-1 - place)
      return
    }
    const { words } = this.#chunkOf(place)
    const word = wordOf(place)
    const header = words[word]!
    const size = HEADER_BYTES + ((header & 1) === 1 ? header - 1 : header >>> 1)
    const key = (size + 3) >>> 2
    words[word] = this.#free.get(key) ?? -1
    this.#free.set(key, place)
  }

  /** UTF-16 units of the path. */
  length(place: number): number {
    return this.#chunkOf(place).words[wordOf(place)]! >>> 1
  }

  equals(place: number, path: string): boolean {
    return this.length(place) === path.length && this.startsWith(place, path)
  }

  /** The same for a path of ASCII alone, which is these bytes. */
  equalsAscii(place: number, text: Uint8Array, at: number, length: number): boolean {
    const { words, bytes } = this.#chunkOf(place)
    const word = wordOf(place)
    if (words[word] !== 2 * length) return false
    const from = 4 * word + HEADER_BYTES
    for (let i = 0; i < length; i++) if (bytes[from + i] !== text[at + i]) return false
    return true
  }

  startsWith(place: number, prefix: string): boolean {
    const { words, bytes } = this.#chunkOf(place)
    const word = wordOf(place)
    const header = words[word]!
    const { length } = prefix
    if (header >>> 1 < length) return false
    const from = 4 * word + HEADER_BYTES
    if ((header & 1) === 0) {
      for (let i = 0; i < length; i++) if (bytes[from + i] !== prefix.charCodeAt(i)) return false
      return true
    }
    for (let i = 0; i < length; i++) {
      if ((bytes[from + 2 * i]! | (bytes[from + 2 * i + 1]! << 8)) !== prefix.charCodeAt(i)) return false
    }
    return true
  }

  /** The path, or what of it begins at a character. */
  text(place: number, start = 0): string {
    const { words, bytes } = this.#chunkOf(place)
    const word = wordOf(place)
    const header = words[word]!
    const length = header >>> 1
    const isWide = (header & 1) === 1
    const from = 4 * word + HEADER_BYTES
    let text = ''
    for (let done = start; done < length;) {
      const count = Math.min(PIECE, length - done)
      const units = this.#units[count] ??= Array.from({ length: count }, () => 0)
      for (let i = 0; i < count; i++, done++) {
        units[i] = isWide ? bytes[from + 2 * done]! | (bytes[from + 2 * done + 1]! << 8) : bytes[from + done]!
      }
      // Much faster than with one string for each character.
      text += String.fromCharCode.apply(null, units)
    }
    return text
  }
}

/** Where a path begins in its chunk. */
function wordOf(place: number): number {
  return place < 0 ? 0 : place & (PLACES - 1)
}

function isLatin(path: string): boolean {
  for (let i = 0; i < path.length; i++) if (path.charCodeAt(i) > 0xff) return false
  return true
}
