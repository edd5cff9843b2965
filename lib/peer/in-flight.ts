const COMPACT_FROM = 1_024

/**
 * The requests of one connection that are not answered yet, first in, first out: of each its opcode, and since when its
 * client waits. Plain numbers: an object for each would outlive the write it waits for.
 */
export class InFlight {
  #asked: number[] = []
  #head = 0
  /** Of the request that was answered last. */
  op = 0
  sinceMs = 0

  get size(): number {
    return (this.#asked.length - this.#head) >>> 1
  }

  push(op: number, sinceMs: number): void {
    this.#asked.push(op, sinceMs)
  }

  /** The first is answered: it is told by `op` and `sinceMs`, which are 0 when there was none. */
  shift(): void {
    this.op = this.#asked[this.#head] ?? 0
    this.sinceMs = this.#asked[this.#head + 1] ?? 0
    this.#head += 2
    if (this.#head >= this.#asked.length) {
      this.#asked.length = 0
      this.#head = 0
    } else if (this.#head > COMPACT_FROM && this.#head * 2 > this.#asked.length) {
      this.#asked = this.#asked.slice(this.#head)
      this.#head = 0
    }
  }
}
