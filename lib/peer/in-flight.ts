/** A request as its client waits for it. */
export interface Asked {
  readonly op: number
  readonly sinceMs: number
}

const NOTHING: Asked = { op: 0, sinceMs: 0 }
const COMPACT_FROM = 1_024

/** The requests of one connection that are not answered yet, first in, first out. */
export class InFlight {
  #asked: Asked[] = []
  #head = 0

  get size(): number {
    return this.#asked.length - this.#head
  }

  push(op: number, sinceMs: number): void {
    this.#asked.push({ op, sinceMs })
  }

  shift(): Asked {
    const first = this.#asked[this.#head] ?? NOTHING
    this.#head += 1
    if (this.#head >= this.#asked.length) {
      this.#asked = []
      this.#head = 0
    } else if (this.#head > COMPACT_FROM && this.#head * 2 > this.#asked.length) {
      this.#asked = this.#asked.slice(this.#head)
      this.#head = 0
    }
    return first
  }
}
