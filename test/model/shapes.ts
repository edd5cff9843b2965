/**
 * States up to the names of their epochs. Elections that fail use epochs up, without end, and leave the ensemble as it
 * was but for their numbers. The core does three things with an epoch: it compares it with others, it compares zxids
 * made of it, and a candidate takes the one after the highest promise of a quorum, its own among them. So a renaming of
 * all epochs of a state leads to one that goes on in the same way under the same names, if it
 *   - keeps their order, and 0 (none) and -1,
 *   - keeps the distances of all that are not below the lowest promise that any peer has on disk: a candidate begins
 *     with that or a later one, so that what it takes is met, and not met, by the same others.
 * What lies below is only compared. Of all states that are one but for such a renaming, the search looks at the first
 * that it meets. `model.test.ts` looks at the others as well and compares what comes of them.
 */
import type { Chain } from '../../lib/core/zab/chain.ts'
import { counterOf, epochOf, makeZxid } from '../../lib/core/zxid.ts'
import type { Zxid } from '../../lib/core/zxid.ts'
import type { LogEntry } from '../../lib/ports/storage.ts'
import { hashText } from './store.ts'

/** Sets of epochs are bits. States with a later one keep the names that they have: no search comes that far. */
const EPOCHS_MAX = 30
/** In place of a set: there is a later one. */
const LATER = 1
/** Zxids are known by their size: other numbers are less, and tags of requests more. */
const FIRST_ZXID = makeZxid(1, 0)
const LAST_ZXID = makeZxid(4_096, 0)

/** What is known of a log entry by its number. */
export interface EntryName {
  readonly zxid: Zxid
  /** The entry before it; -1 for none. */
  readonly parent: number
  /** What it does and who proposed it: nothing else of it differs. */
  readonly about: string
}

export interface EntryNames {
  named(entry: number): EntryName
  /** The number of an entry, also by its chain alone; -1 for none. */
  numbered(chain: Chain | LogEntry): number
}

/** A part of a state: a hash of all but the names of its epochs, and those in the order in which they come. */
export interface Shape {
  readonly low: number
  readonly high: number
  readonly epochs: readonly number[]
  /** The set of them, or with `LATER`. */
  readonly bits: number
}

function bitsOf(bits: number, epoch: number): number {
  return bits | (epoch > EPOCHS_MAX ? LATER : 1 << epoch)
}

/** Writes a part of a state with its epochs named by the order in which they come. */
export class Scribe {
  readonly #epochs: number[] = []
  readonly #entries: EntryNames
  readonly #applied: number

  /** `applied` is the last entry that is applied to what is written. */
  constructor(entries: EntryNames, applied: number) {
    this.#entries = entries
    this.#applied = applied
  }

  #epoch(epoch: number): string {
    let at = this.#epochs.indexOf(epoch)
    if (at < 0) at = this.#epochs.push(epoch) - 1
    return `@${at}`
  }

  zxid(zxid: Zxid): string {
    return `${this.#epoch(epochOf(zxid))}.${counterOf(zxid)}`
  }

  number(isEpoch: boolean, value: number): string {
    if (value > 0 && isEpoch) return this.#epoch(value)
    return value >= FIRST_ZXID && value < LAST_ZXID ? this.zxid(value as Zxid) : String(value)
  }

  /** Sessions are named after the zxids that opened them. */
  text(text: string): string {
    return text.startsWith('0x') && text.length > 10 ? this.number(false, Number(text)) : text
  }

  /** An entry of a list that has those before it as well. */
  entry(entry: number): string {
    if (entry < 0) return 'none'
    const { zxid, about } = this.#entries.named(entry)
    return `${this.zxid(zxid)}/${about}`
  }

  /** An entry and all before it. */
  history(entry: number): string {
    const words: string[] = []
    for (let at = entry; at >= 0; at = this.#entries.named(at).parent) words.push(this.entry(at))
    return words.join('<')
  }

  chain(chain: Chain | LogEntry): string {
    return this.history(this.#entries.numbered(chain))
  }

  /** A smaller part that has a shape already. */
  part({ low, high, epochs }: Shape): string {
    return `${low}.${high}(${epochs.map((epoch) => this.#epoch(epoch)).join(' ')})`
  }

  applied(): string {
    return this.history(this.#applied)
  }

  /** What was written; the scribe is used once. */
  shape(text: string): Shape {
    const [low, high] = hashText(text)
    return { low, high, epochs: this.#epochs, bits: this.#epochs.reduce(bitsOf, 0) }
  }
}

/** Names for the epochs of a state, by epoch; `floor` is the lowest promise on disk. None for later ones. */
function namesOf(bits: number, floor: number): Int32Array {
  if ((bits & LATER) !== 0) return new Int32Array(0)
  const names = new Int32Array(EPOCHS_MAX + 1)
  let below = 0
  for (let epoch = 1; epoch < floor; epoch++) if ((bits >> epoch & 1) === 1) names[epoch] = ++below
  for (let epoch = Math.max(floor, 1); epoch <= EPOCHS_MAX; epoch++) names[epoch] = below + 1 + epoch - floor
  return names
}

function mixLow(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0xcc9e2d51)
  return (mixed << 13 | mixed >>> 19) + 0x1b873593 | 0
}

function mixHigh(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0x27d4eb2f)
  return (mixed << 15 | mixed >>> 17) + 0x52dce729 | 0
}

/** Hashes of states up to the names of their epochs. */
export class ShapeHash {
  readonly #names = new Map<number, Int32Array>()

  /** Of a state that is made of these parts, and of nothing else but some numbers. Not both are 0. */
  of(shapes: readonly Shape[], numbers: readonly number[], floor: number): readonly [number, number] {
    let bits = 0
    for (const shape of shapes) bits |= shape.bits
    const key = bits * 32 + Math.min(floor, EPOCHS_MAX)
    let names = this.#names.get(key)
    if (names === undefined) this.#names.set(key, names = namesOf(bits, floor))
    let a = 0x9e3779b9 | 0
    let b = 0x85ebca6b | 0
    for (const number of numbers) {
      a = mixLow(a, number)
      b = mixHigh(b, number)
    }
    for (const { low, high, epochs } of shapes) {
      a = mixLow(a, low)
      b = mixHigh(b, high)
      for (const epoch of epochs) {
        const name = names[epoch] ?? EPOCHS_MAX + epoch
        a = mixLow(a, name)
        b = mixHigh(b, name)
      }
    }
    a = Math.imul(a ^ a >>> 16, 0x85ebca6b)
    b = Math.imul(b ^ b >>> 13, 0xc2b2ae35)
    return [(a ^ a >>> 13) | 1, b ^ b >>> 16]
  }
}
