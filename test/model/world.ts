/** One state of the whole ensemble, in numbers. */

/** In a queue: the link ends here. */
export const DOWN = -1
/** In place of a local state: the peer is down. */
export const GONE = -1

/** Counts of what is bounded: the first cells of a world. */
export const SPENT = ['txns', 'crashes', 'losses', 'timeouts'] as const
export type Bounded = typeof SPENT[number]
/** Timeouts that fired because nothing else could happen: four bits for each peer. */
const WAITS = SPENT.length
const DELIVERED = WAITS + 1
const PRIMARIES = WAITS + 2
const LINKS = WAITS + 3
const NODES = WAITS + 4

/**
 * All of it is in the cells: equal states and no others have equal ones from `waits` on. Peers are numbered from 0
 * here, and from 1 in the core. Lists are given by their numbers (store.ts).
 */
export class World {
  readonly size: number
  readonly cells: number[]

  constructor(size: number, cells: number[]) {
    this.size = size
    this.cells = cells
  }

  /** All peers are down, with these disks. */
  static empty(size: number, disk: number, noList: number): World {
    const cells = Array.from({ length: NODES + 3 * size + size * size }, () => 0)
    cells[DELIVERED] = noList
    cells[PRIMARIES] = noList
    for (let peer = 0; peer < size; peer++) {
      cells[NODES + peer] = GONE
      cells[NODES + size + peer] = disk
      cells[NODES + 2 * size + peer] = noList
    }
    for (let way = 0; way < size * size; way++) cells[NODES + 3 * size + way] = noList
    return new World(size, cells)
  }

  clone(): World {
    return new World(this.size, this.cells.slice())
  }

  spent(what: Bounded): number {
    return this.cells[SPENT.indexOf(what)]!
  }

  spend(what: Bounded): void {
    this.cells[SPENT.indexOf(what)]!++
  }

  /** Of this peer, fewer than 16. */
  waitsOf(peer: number): number { return this.cells[WAITS]! >> 4 * peer & 15 }
  wait(peer: number): void { this.cells[WAITS]! += 1 << 4 * peer }
  get waits(): number { return this.cells[WAITS]! }
  forgetWaits(): void { this.cells[WAITS] = 0 }

  /** The delivered sequence, a list of entries. */
  get delivered(): number { return this.cells[DELIVERED]! }
  set delivered(list: number) { this.cells[DELIVERED] = list }

  /** Who finished discovery of an epoch: see checks.ts. */
  get primaries(): number { return this.cells[PRIMARIES]! }
  set primaries(list: number) { this.cells[PRIMARIES] = list }

  /** Local state of a peer, or GONE. */
  node(peer: number): number { return this.cells[NODES + peer]! }
  setNode(peer: number, state: number): void { this.cells[NODES + peer] = state }

  disk(peer: number): number { return this.cells[NODES + this.size + peer]! }
  setDisk(peer: number, disk: number): void { this.cells[NODES + this.size + peer] = disk }

  /** Batches under way to its disk, oldest first: a list. */
  writes(peer: number): number { return this.cells[NODES + 2 * this.size + peer]! }
  setWrites(peer: number, list: number): void { this.cells[NODES + 2 * this.size + peer] = list }

  /** Messages on their way: a list. */
  queue(from: number, to: number): number { return this.cells[NODES + (3 + from) * this.size + to]! }
  setQueue(from: number, to: number, list: number): void { this.cells[NODES + (3 + from) * this.size + to] = list }

  /** Which ends of links are up, as bits. */
  get links(): number { return this.cells[LINKS]! }

  /** The end at `peer` holds its link to `other` for up. */
  isUp(peer: number, other: number): boolean {
    return (this.cells[LINKS]! >> peer * this.size + other & 1) === 1
  }

  setUp(peer: number, other: number, isUp: boolean): void {
    const bit = 1 << peer * this.size + other
    this.cells[LINKS] = isUp ? this.cells[LINKS]! | bit : this.cells[LINKS]! & ~bit
  }
}

/** Numbers of a world of this many peers. */
export function cellsOf(size: number): number {
  return NODES + 3 * size + size * size
}

/** Two 32-bit hashes of a state apart from what is spent, not both 0. */
export function hashOf(cells: readonly number[]): readonly [number, number] {
  let [a, b] = [0x9e3779b9 | 0, 0x85ebca6b | 0]
  for (let at = WAITS; at < cells.length; at++) {
    const cell = cells[at]!
    a = Math.imul(a ^ cell, 0xcc9e2d51)
    a = (a << 13 | a >>> 19) + 0x1b873593 | 0
    b = Math.imul(b + cell | 0, 0x27d4eb2f) ^ b >>> 15
  }
  a = Math.imul(a ^ a >>> 16, 0x85ebca6b)
  b = Math.imul(b ^ b >>> 13, 0xc2b2ae35)
  return [(a ^ a >>> 13) | 1, b ^ b >>> 16]
}
