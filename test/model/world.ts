/** One state of the whole ensemble, in numbers. */

/** In a queue: the link ends here. */
export const DOWN = -1
/** In place of a local state: the peer is down. */
export const GONE = -1

/** Who finished discovery of an epoch, with which history. */
export interface Primary {
  readonly epoch: number
  readonly peer: number
  readonly incarnation: number
  /** Length and last entry of its initial history; -1 for none. */
  readonly length: number
  readonly end: number
}

/** How much of what is bounded was used. */
export interface Spent {
  txns: number
  crashes: number
  losses: number
  timeouts: number
  /** Timeouts that fired because nothing else could happen. */
  waits: number
}

/** Peers are numbered from 0 here, and from 1 in the core. */
export class World {
  readonly size: number
  /** Local state of each peer, or GONE. */
  node: number[]
  disk: number[]
  incarnation: number[]
  /** Batches under way to each disk, oldest first. */
  writes: (readonly number[])[]
  /** `from * size + to`: the end at `from` holds its link to `to` for up. */
  up: boolean[]
  /** `from * size + to`: messages on their way. */
  queues: (readonly number[])[]
  /** The delivered sequence. */
  delivered: readonly number[] = []
  primaries: readonly Primary[] = []
  spent: Spent = { txns: 0, crashes: 0, losses: 0, timeouts: 0, waits: 0 }

  constructor(size: number) {
    this.size = size
    const each = <T>(length: number, value: T): T[] => Array.from({ length }, () => value)
    this.node = each(size, GONE)
    this.disk = each(size, 0)
    this.incarnation = each(size, 0)
    this.writes = each(size, [])
    this.up = each(size * size, false)
    this.queues = each(size * size, [])
  }

  clone(): World {
    const copy = new World(0)
    Object.assign(copy, this)
    copy.node = this.node.slice()
    copy.disk = this.disk.slice()
    copy.incarnation = this.incarnation.slice()
    copy.writes = this.writes.slice()
    copy.up = this.up.slice()
    copy.queues = this.queues.slice()
    copy.spent = { ...this.spent }
    return copy
  }

  /** All of it as integers; equal states and no others have equal ones. */
  encode(): Int32Array {
    const { size, spent } = this
    const out: number[] = [spent.txns, spent.crashes, spent.losses, spent.timeouts, spent.waits]
    for (let at = 0; at < size; at++) {
      out.push(this.node[at]!, this.disk[at]!, this.incarnation[at]!, this.writes[at]!.length, ...this.writes[at]!)
    }
    let bits = 0
    for (let at = 0; at < size * size; at++) {
      if (this.up[at] === true) bits |= 1 << at
      out.push(this.queues[at]!.length, ...this.queues[at]!)
    }
    out.push(bits, this.delivered.length, ...this.delivered)
    for (const { epoch, peer, incarnation, length, end } of this.primaries) {
      out.push(epoch, peer, incarnation, length, end)
    }
    return Int32Array.from(out)
  }

  static decode(size: number, code: Int32Array): World {
    const world = new World(size)
    let at = 0
    const next = (): number => code[at++]!
    const list = (): number[] => Array.from({ length: next() }, next)
    world.spent = { txns: next(), crashes: next(), losses: next(), timeouts: next(), waits: next() }
    for (let peer = 0; peer < size; peer++) {
      world.node[peer] = next()
      world.disk[peer] = next()
      world.incarnation[peer] = next()
      world.writes[peer] = list()
    }
    for (let way = 0; way < size * size; way++) world.queues[way] = list()
    const bits = next()
    for (let way = 0; way < size * size; way++) world.up[way] = (bits >> way & 1) === 1
    world.delivered = list()
    const primaries: Primary[] = []
    while (at < code.length) {
      primaries.push({ epoch: next(), peer: next(), incarnation: next(), length: next(), end: next() })
    }
    world.primaries = primaries
    return world
  }
}

/** Two 32-bit hashes of a state, not both 0. */
export function hashOf(code: Int32Array): readonly [number, number] {
  let [a, b] = [0x9e3779b9 | 0, 0x85ebca6b | 0]
  for (const word of code) {
    a = Math.imul(a ^ word, 0xcc9e2d51)
    a = (a << 13 | a >>> 19) + 0x1b873593 | 0
    b = Math.imul(b + word | 0, 0x27d4eb2f) ^ b >>> 15
  }
  a = Math.imul(a ^ a >>> 16, 0x85ebca6b)
  b = Math.imul(b ^ b >>> 13 ^ code.length, 0xc2b2ae35)
  return [(a ^ a >>> 13) | 1, b ^ b >>> 16]
}
