/** Log entries by number: equal histories end with equal numbers. */
import type { TxnCodec } from '../../lib/core/tree/txn.ts'
import { chainNext } from '../../lib/core/zab/chain.ts'
import type { Chain } from '../../lib/core/zab/chain.ts'
import { Words } from '../../lib/core/words.ts'
import type { Zxid } from '../../lib/core/zxid.ts'
import type { LogEntry } from '../../lib/ports/storage.ts'
import { Scribe } from './shapes.ts'
import type { EntryName, EntryNames } from './shapes.ts'
import { Numbering } from './store.ts'
import type { Store } from './store.ts'

/** A log entry, and what else is known by its number. */
export type NumberedEntry = LogEntry & EntryName

export class Entries implements EntryNames {
  readonly #numbering: Numbering<NumberedEntry>
  readonly #codec: TxnCodec
  readonly #words = new Words()
  /** By their chains, as far as this thread has met them; and those of each zxid. */
  readonly #chained = new Map<string, number>()
  readonly #ofZxid = new Map<Zxid, number[]>()

  constructor(store: Store, codec: TxnCodec) {
    this.#numbering = new Numbering(store, 'entry')
    this.#codec = codec
  }

  at(entry: number): NumberedEntry {
    return this.#numbering.at(entry)
  }

  of(entry: LogEntry): number {
    const { zxid, prevZxid, hash1, hash2, bytes } = entry
    const key = `${hash1} ${hash2}`
    const known = this.#chained.get(key)
    if (known !== undefined) return known
    const number = this.#numbering.of(`${zxid} ${key}`, () => {
      const { body: { kind }, origin } = this.#codec.decodeTxn(bytes)
      const parent = this.#parentOf(entry)
      return { zxid, prevZxid, hash1, hash2, bytes: bytes.slice(), parent, about: `${kind}.${origin}` }
    })
    this.#chained.set(key, number)
    const others = this.#ofZxid.get(zxid)
    if (others === undefined) this.#ofZxid.set(zxid, [number])
    else others.push(number)
    return number
  }

  /** The entry that another continues: whoever meets that one first has it in the log that it meets it in. */
  #parentOf({ prevZxid, zxid, bytes, hash1, hash2 }: LogEntry): number {
    const chain: Chain = { hash1: 0, hash2: 0 }
    for (const number of this.#ofZxid.get(prevZxid) ?? []) {
      chainNext(this.at(number), zxid, bytes, chain, this.#words)
      if (chain.hash1 === hash1 && chain.hash2 === hash2) return number
    }
    return -1
  }

  named(entry: number): EntryName {
    return this.at(entry)
  }

  numbered(chain: Chain | LogEntry): number {
    return 'prevZxid' in chain ? this.of(chain) : this.#chained.get(`${chain.hash1} ${chain.hash2}`) ?? -1
  }

  /** To write parts of a state with; `applied` is the last entry that is applied to them. */
  scribe(applied = -1): Scribe {
    return new Scribe(this, applied)
  }
}
