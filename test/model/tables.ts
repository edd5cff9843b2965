/** Values by number: equal ones have the same, so that states are short lists of numbers. */
export class Numbering<T> {
  readonly values: T[] = []
  readonly #numbers = new Map<string, number>()

  /** The number of the value that this text tells from all others; `make` is called for a new one. */
  of(text: string, make: () => T): number {
    const known = this.#numbers.get(text)
    if (known !== undefined) return known
    const number = this.values.length
    this.#numbers.set(text, number)
    this.values.push(make())
    return number
  }

  at(number: number): T {
    return this.values[number]!
  }

  get size(): number {
    return this.values.length
  }
}

const START = 1 << 16

/** A set of 64-bit hashes that holds many millions of them. */
export class HashSet {
  #low = new Int32Array(START)
  #high = new Int32Array(START)
  size = 0

  /** True when it was not there. A hash is never 0, 0. */
  add(low: number, high: number): boolean {
    if (this.size * 2 > this.#low.length) this.#grow()
    return this.#put(low, high)
  }

  #put(low: number, high: number): boolean {
    const mask = this.#low.length - 1
    let at = low & mask
    while (this.#low[at] !== 0 || this.#high[at] !== 0) {
      if (this.#low[at] === low && this.#high[at] === high) return false
      at = (at + 1) & mask
    }
    this.#low[at] = low
    this.#high[at] = high
    this.size++
    return true
  }

  #grow(): void {
    const [low, high] = [this.#low, this.#high]
    this.#low = new Int32Array(low.length * 2)
    this.#high = new Int32Array(low.length * 2)
    this.size = 0
    for (let at = 0; at < low.length; at++) {
      if (low[at] !== 0 || high[at] !== 0) this.#put(low[at]!, high[at]!)
    }
  }
}

/** A list of integers in chunks, for what grows by millions. */
export class IntList {
  readonly #chunks: Int32Array[] = []
  length = 0

  push(value: number): void {
    if (this.length % START === 0) this.#chunks.push(new Int32Array(START))
    this.#chunks[this.#chunks.length - 1]![this.length % START] = value
    this.length++
  }

  at(index: number): number {
    return this.#chunks[Math.floor(index / START)]![index % START]!
  }
}
