const COMPACT_FROM = 1_024
const NUMBERS = 3
/** Requests that may be under way: with more, the client's bytes wait in its socket. */
const REQUESTS_MAX = 4_096

/**
 * The requests of one connection that are not answered yet, first in, first out: of each its opcode, since when its
 * client waits, and its bytes. Plain numbers: an object for each would outlive the write it waits for.
 */
export class InFlight {
  readonly #boundBytes: number
  #asked: number[] = []
  #head = 0
  #bytes = 0
  #isHeavy = false
  /** Of the request that was answered last. */
  op = 0
  sinceMs = 0

  constructor(boundBytes: number) {
    this.#boundBytes = boundBytes
  }

  get size(): number {
    return (this.#asked.length - this.#head) / NUMBERS
  }

  /** Nothing more is to be read: there are too many, or their bytes came above the bound and are not half of it yet. */
  get isFull(): boolean {
    return this.#isHeavy || this.size >= REQUESTS_MAX
  }

  push(op: number, sinceMs: number, bytes: number): void {
    this.#asked.push(op, sinceMs, bytes)
    this.#bytes += bytes
    if (this.#bytes > this.#boundBytes) this.#isHeavy = true
  }

  /** The first is answered: it is told by `op` and `sinceMs`, which are 0 when there was none. */
  shift(): void {
    this.op = this.#asked[this.#head] ?? 0
    this.sinceMs = this.#asked[this.#head + 1] ?? 0
    this.#bytes -= this.#asked[this.#head + 2] ?? 0
    if (this.#bytes * 2 <= this.#boundBytes) this.#isHeavy = false
    this.#head += NUMBERS
    if (this.#head >= this.#asked.length) {
      this.#asked.length = 0
      this.#head = 0
    } else if (this.#head > COMPACT_FROM && this.#head * 2 > this.#asked.length) {
      this.#asked = this.#asked.slice(this.#head)
      this.#head = 0
    }
  }
}
