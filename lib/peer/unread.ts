import type { KeptReads, ReadAnswering } from '../core/effects.ts'
import type { WatchableRead } from '../core/tree/request.ts'
import type { JuteReader } from '../wire/jute/reader.ts'

const NUMBERS = 4

/** What a client wants to read of nodes, in its order, as the bytes that it sent. */
export class Unread implements KeptReads {
  readonly #reader: JuteReader
  /** Of each its xid, its opcode, negative if it leaves a watch, and where the path lies in its bytes, and how long. */
  readonly #asked: number[] = []
  readonly #bytes: Uint8Array[] = []
  #head = 0
  /** The turns that its host had taken when it began. */
  readonly turns: number

  constructor(reader: JuteReader, turns: number) {
    this.#reader = reader
    this.turns = turns
  }

  get left(): number {
    return this.#bytes.length - this.#head
  }

  /** The one that `reader` has passed over. */
  push(xid: number, op: WatchableRead['op'], watch: boolean): void {
    const { bytes, textAt, textLength } = this.#reader
    this.#asked.push(xid, watch ? -op : op, textAt, textLength)
    this.#bytes.push(bytes)
  }

  answer(by: ReadAnswering): void {
    const bytes = this.#bytes[this.#head]!
    const from = NUMBERS * this.#head++
    const asked = this.#asked
    const xid = asked[from]!
    const signed = asked[from + 1]!
    const at = asked[from + 2]!
    const length = asked[from + 3]!
    if ((signed === 3 || signed === 4) && by.byNode(xid, signed, bytes, at, length)) return
    const op = Math.abs(signed) as WatchableRead['op']
    by.read(xid, { op, path: this.#reader.textAmong(bytes, at, length), watch: signed < 0 })
  }
}
