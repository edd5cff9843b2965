const START = 1 << 16
const FRONTIER_CHUNK = 4_096

/**
 * Hashes of states, each with what was left of the bounds where it was met: a state that was met with as much or more
 * left of each has nothing to show that was not shown then. Holds many millions of them.
 */
export class SeenSet {
  #low = new Int32Array(START)
  #high = new Int32Array(START)
  /** One bit for each way to have spent: set for those that show nothing new. */
  #covered: Int32Array
  readonly #words: number
  /** Per way to have spent: the ways that spent as much or more. */
  readonly #covers: readonly Int32Array[]
  /** Different hashes, and how often one was added. */
  hashes = 0
  size = 0

  /** How often each of what is bounded may happen; without `dominance` only equal states show nothing new. */
  constructor(bounds: readonly number[], dominance: boolean) {
    const ways = waysOf(bounds)
    this.#words = Math.ceil(ways.length / 32)
    this.#covered = new Int32Array(START * this.#words)
    this.#covers = ways.map((spent) => {
      const bits = new Int32Array(this.#words)
      for (const [index, other] of ways.entries()) {
        const isCovered = other.every((count, at) => dominance ? count >= spent[at]! : count === spent[at])
        if (isCovered) bits[index >> 5]! |= 1 << (index & 31)
      }
      return bits
    })
  }

  /** True when it shows something new. A hash is never 0, 0. */
  add(low: number, high: number, way: number): boolean {
    if (this.hashes * 3 > this.#low.length * 2) this.#grow()
    const at = this.#find(low, high)
    if (this.#low[at] === 0 && this.#high[at] === 0) {
      this.#low[at] = low
      this.#high[at] = high
      this.hashes++
    } else if ((this.#covered[at * this.#words + (way >> 5)]! >> (way & 31) & 1) === 1) return false
    const covers = this.#covers[way]!
    for (let word = 0; word < this.#words; word++) this.#covered[at * this.#words + word]! |= covers[word]!
    this.size++
    return true
  }

  #find(low: number, high: number): number {
    const mask = this.#low.length - 1
    let at = low & mask
    while ((this.#low[at] !== 0 || this.#high[at] !== 0) && (this.#low[at] !== low || this.#high[at] !== high)) {
      at = (at + 1) & mask
    }
    return at
  }

  #grow(): void {
    const [low, high, covered, words] = [this.#low, this.#high, this.#covered, this.#words]
    this.#low = new Int32Array(low.length * 2)
    this.#high = new Int32Array(low.length * 2)
    this.#covered = new Int32Array(covered.length * 2)
    for (let from = 0; from < low.length; from++) {
      if (low[from] === 0 && high[from] === 0) continue
      const at = this.#find(low[from]!, high[from]!)
      this.#low[at] = low[from]!
      this.#high[at] = high[from]!
      for (let word = 0; word < words; word++) this.#covered[at * words + word] = covered[from * words + word]!
    }
  }
}

/** All ways to have spent of what is bounded, in the order of `wayOf`. */
function waysOf([bound, ...others]: readonly number[]): number[][] {
  if (bound === undefined) return [[]]
  const rest = waysOf(others)
  return Array.from({ length: bound + 1 }, (_, count) => rest.map((way) => [count, ...way])).flat()
}

/** The number of a way to have spent: the first numbers of an encoded state. */
export function wayOf(bounds: readonly number[], spent: ArrayLike<number>): number {
  let way = 0
  for (let at = 0; at < bounds.length; at++) way = way * (bounds[at]! + 1) + spent[at]!
  return way
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

/** A part of an array, as a list. */
export function listOf(array: Int32Array, from: number, length: number): number[] {
  const list: number[] = []
  for (let at = from; at < from + length; at++) list.push(array[at]!)
  return list
}

/** States on their way to be looked at, all of the same length, first in first out. */
export class Frontier {
  readonly #cells: number
  readonly #chunks: Int32Array[] = []
  length = 0

  constructor(cells: number) {
    this.#cells = cells
  }

  push(cells: ArrayLike<number>): void {
    const at = this.length++ % FRONTIER_CHUNK
    if (at === 0) this.#chunks.push(new Int32Array(FRONTIER_CHUNK * this.#cells))
    const chunk = this.#chunks[this.#chunks.length - 1]!
    for (let cell = 0, to = at * this.#cells; cell < this.#cells; cell++) chunk[to + cell] = cells[cell]!
  }

  /** One by one, in order; memory is given back on the way. */
  read(index: number): number[] {
    const chunk = Math.floor(index / FRONTIER_CHUNK)
    const at = (index % FRONTIER_CHUNK) * this.#cells
    const cells = listOf(this.#chunks[chunk]!, at, this.#cells)
    if (index % FRONTIER_CHUNK === FRONTIER_CHUNK - 1) this.#chunks[chunk] = new Int32Array(0)
    return cells
  }
}
