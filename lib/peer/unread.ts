import type { KeptReads, ReadAnswering } from '../core/effects.ts'
import type { WatchableRead } from '../core/tree/request.ts'
import type { JuteReader } from '../wire/jute/reader.ts'

const NUMBERS = 3
const FIRST_BYTES = 512

/**
 * What a client wants to read of nodes, in its order: the paths as the bytes that it sent. Copies, one behind the
 * other: what they came in may be much more memory.
 */
export class Unread implements KeptReads {
  readonly #reader: JuteReader
  /** Of each its xid, its opcode, negative if it leaves a watch, and where its path ends: it begins behind the last. */
  #asked: number[] = []
  #paths: Uint8Array = new Uint8Array(FIRST_BYTES)
  #used = 0
  #head = 0
  /** Where the path of the first begins. */
  #from = 0
  /** The turns that its host had taken when it began. */
  readonly turns: number

  constructor(reader: JuteReader, turns: number) {
    this.#reader = reader
    this.turns = turns
  }

  get left(): number {
    return (this.#asked.length - this.#head) / NUMBERS
  }

  /** The one that `reader` has passed over. */
  push(xid: number, op: WatchableRead['op'], watch: boolean): void {
    const { bytes, textAt, textLength } = this.#reader
    const end = this.#used + textLength
    if (end > this.#paths.length) this.#grow(end)
    const paths = this.#paths
    for (let from = textAt, at = this.#used; at < end; at++) paths[at] = bytes[from++]!
    this.#used = end
    this.#asked.push(xid, watch ? -op : op, end)
  }

  #grow(bytes: number): void {
    const paths = new Uint8Array(Math.max(2 * this.#paths.length, bytes))
    paths.set(this.#paths)
    this.#paths = paths
  }

  answer(by: ReadAnswering): void {
    const asked = this.#asked
    const xid = asked[this.#head]!
    const signed = asked[this.#head + 1]!
    const end = asked[this.#head + 2]!
    const at = this.#from
    const paths = this.#paths
    this.#head += NUMBERS
    this.#from = end
    if (this.#head === asked.length) this.#forget()
    if ((signed === 3 || signed === 4) && by.byNode(xid, signed, paths, at, end - at)) return
    const op = Math.abs(signed) as WatchableRead['op']
    by.read(xid, { op, path: this.#reader.textAmong(paths, at, end - at), watch: signed < 0 })
  }

  /** All are answered, or will be at once: whoever knows it still keeps nothing alive. */
  #forget(): void {
    this.#asked = []
    this.#head = 0
    this.#paths = new Uint8Array(0)
  }
}
