import { makeZxid } from '../../../lib/core/zxid.ts'
import type { Database, Range } from '../../../storage/level/database.ts'
import { Ledger } from '../../../storage/level/ledger.ts'
import type { Operation } from '../../../storage/level/ledger.ts'
import { readContent, readState, stateWithout } from '../../../storage/level/recovery.ts'
import { nativeChecksum } from '../../../storage/level/records.ts'
import { isZkError } from '../../../lib/core/errors.ts'
import { mutated, pick } from '../mutate.ts'
import { framesOf, streamOf } from '../structure.ts'
import { magnitude, must } from '../target.ts'
import type { Target } from '../target.ts'
import { someEntries, someMeta } from './storage-records.ts'

const checksum = nativeChecksum()

/** A database in memory. */
class MapDatabase implements Database {
  readonly #values: ReadonlyMap<string, Uint8Array>

  constructor(values: ReadonlyMap<string, Uint8Array>) {
    this.#values = new Map(Array.from(values).sort(([one], [other]) => one < other ? -1 : 1))
  }

  async open(): Promise<void> {
    // It is open.
  }

  async close(): Promise<void> {
    // Nothing is held.
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.#values.get(key))
  }

  batch(): Promise<void> {
    return Promise.reject(new Error('nothing is written here'))
  }

  async *keys({ gte = '', lt = '\uffff' }: Range): AsyncIterable<string> {
    for (const key of this.#values.keys()) if (key >= gte && key < lt) yield key
  }

  async *iterator({ gte = '', lt = '\uffff' }: Range): AsyncIterable<[string, Uint8Array]> {
    for (const [key, value] of this.#values) if (key >= gte && key < lt) yield [key, value.slice()]
  }
}

/** Keys and values, each behind its length. */
function packDatabase(values: ReadonlyMap<string, Uint8Array>): Uint8Array {
  return streamOf(Array.from(values).flatMap(([key, value]) => [new TextEncoder().encode(key), value]))
}

function unpackDatabase(input: Uint8Array): Map<string, Uint8Array> {
  const frames = framesOf(input)
  const values = new Map<string, Uint8Array>()
  for (let at = 0; at + 1 < frames.length; at += 2) values.set(new TextDecoder().decode(frames[at]!), frames[at + 1]!)
  return values
}

let databases: Uint8Array[] = []

/** Databases as a storage leaves them behind after some batches. */
async function record(): Promise<Uint8Array[]> {
  const values = new Map<string, Uint8Array>()
  const put = (operations: readonly Operation[]): void => {
    for (const operation of operations) {
      if (operation.type === 'put') values.set(operation.key, operation.value.slice())
      else values.delete(operation.key)
    }
  }
  const db = new MapDatabase(values)
  const { content } = await readContent(db, stateWithout(null), null, checksum)
  const ledger = new Ledger(content, checksum, (key) => Promise.resolve(values.get(key)))
  const entries = someEntries(12, [3, 0, 40])
  const seeds: Uint8Array[] = [packDatabase(values)]
  const batches: Parameters<Ledger['apply']>[0][] = [
    { meta: someMeta }, { entries: entries.slice(0, 3) }, { entries: entries.slice(3, 8) },
    { chunks: [0, 1].map((index) => ({ id: 5, index, bytes: new Uint8Array(20 + index) })) },
    { install: { id: 5, zxid: makeZxid(2, 5), hash1: entries[4]!.hash1, hash2: entries[4]!.hash2, chunks: 2 } },
    { purgeThrough: makeZxid(2, 3) }, { truncateAfter: makeZxid(2, 6) }, { entries: entries.slice(6, 12) },
  ]
  for (const batch of batches) {
    await ledger.apply(batch)
    put(ledger.finish())
    seeds.push(packDatabase(values))
  }
  return seeds
}

/** Puts the right checksum before a value; of the state record it stands behind the version. */
function resealed(key: Uint8Array, value: Uint8Array): Uint8Array {
  const from = key[0] === 33 ? 1 : 0
  if (value.length < from + 4) return value
  const copy = value.slice()
  new DataView(copy.buffer).setUint32(from, checksum(copy.subarray(from + 4)), true)
  return copy
}

/** What a peer finds when it starts, after whatever befell the disk. */
export const recoveryTarget: Target = {
  name: 'recovery', about: 'whole databases: values changed, lost, exchanged, half of them sealed anew',
  prepare: async () => { databases = await record() },
  seeds: () => databases,
  tokens: ['e', 's', '!state', '-', '00000000', 'null', '"damage":"none"'],
  mutate: (input, random, other) => {
    const frames = framesOf(input)
    const others = framesOf(other)
    do {
      const at = 2 * random.below(Math.floor(frames.length / 2) + 1)
      const value = frames[at + 1]
      switch (random.below(6)) {
        case 0: frames.splice(at, 2); break
        case 1: if (others.length > 1) frames.splice(at, 2, ...others.slice(0, 2)); break
        case 2:
          if (value !== undefined) frames[at + 1] = frames[2 * random.below(frames.length >> 1) + 1]!
          break
        default: {
          if (value === undefined) break
          const changed = mutated(value, random, others.length > 0 ? pick(others, random) : value, [])
          frames[at + 1] = random.below(2) === 0 ? changed : resealed(frames[at]!, changed)
        }
      }
    } while (random.below(3) === 0)
    return streamOf(frames)
  },
  make: () => ({
    async run(input) {
      const db = new MapDatabase(unpackDatabase(input))
      try {
        const state = await readState(db, checksum)
        const { content, entries } = await readContent(db, state ?? stateWithout(null), null, checksum)
        const { damage, base, begin, end, meta } = content.state
        let last = begin
        for (const entry of entries) {
          must(entry.prevZxid === last && entry.zxid > last, 'a log with a hole')
          last = entry.zxid
        }
        must(last === end, 'a log that does not end where it says')
        must(damage !== 'none' || (base?.zxid ?? 0) <= end, 'a snapshot beyond the log')
        must(Number.isSafeInteger(begin) && Number.isSafeInteger(end), 'no zxids')
        return `${damage} ${magnitude(entries.length)} ${meta === null} ${base === null}`
      } catch (error) {
        if (!isZkError(error) || (error.code !== 'StorageDamaged' && error.code !== 'StorageVersion')) throw error
        return error.code
      }
    },
  }),
}
