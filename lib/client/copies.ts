/** Copies share memory in pieces that double from the first size to the last: few requests keep little. */
const FIRST_BYTES = 512
const LAST_BYTES = 64 * 1024
/** Larger ones get memory of their own. */
const LARGEST_SHARED = 4 * 1024
/** UTF-8 needs no more for each UTF-16 unit. */
const UNIT_BYTES = 3

const ENCODER = new TextEncoder()

/**
 * Where the data of requests is copied to until they are carried out: memory of its own for each cost 700 ns at 100
 * bytes, and these take 40. Nobody writes to a copy again; what keeps one keeps the piece that it is in.
 */
export class Copies {
  #memory = new ArrayBuffer(0)
  #slab = new Uint8Array(this.#memory)
  #used = 0

  bytes(data: Uint8Array): Uint8Array {
    const { length } = data
    if (length > LARGEST_SHARED) return new Uint8Array(data)
    const start = this.#room(length)
    this.#slab.set(data, start)
    return this.#take(length)
  }

  /** As UTF-8. */
  text(text: string): Uint8Array {
    const most = text.length * UNIT_BYTES
    if (most > LARGEST_SHARED) return ENCODER.encode(text)
    const start = this.#room(most)
    return this.#take(ENCODER.encodeInto(text, this.#slab.subarray(start)).written)
  }

  /** Where so many bytes may be put. */
  #room(length: number): number {
    if (this.#used + length > this.#slab.length) {
      const bytes = Math.min(LAST_BYTES, Math.max(FIRST_BYTES, 2 * this.#slab.length))
      this.#memory = new ArrayBuffer(Math.max(bytes, length))
      this.#slab = new Uint8Array(this.#memory)
      this.#used = 0
    }
    return this.#used
  }

  /** `subarray` takes 50 ns, and this 22. */
  #take(length: number): Uint8Array {
    const start = this.#used
    this.#used += length
    return new Uint8Array(this.#memory, start, length)
  }
}
