import { makeZxid } from '../../../lib/core/zxid.ts'
import type { Database, Operation, Range } from '../../../storage/level/database.ts'
import { convertFirst } from '../../../storage/level/earlier.ts'
import { KeyChunks } from '../../../storage/level/key-chunks.ts'
import { KeyStore } from '../../../storage/level/key-store.ts'
import { Ledger } from '../../../storage/level/ledger.ts'
import { readContent, readLayout, writeLayout } from '../../../storage/level/recovery.ts'
import type { Reading } from '../../../storage/level/recovery.ts'
import { nativeChecksum } from '../../../storage/level/records.ts'
import { isZkError } from '../../../lib/core/errors.ts'
import { mutated, pick } from '../mutate.ts'
import { group, stateRecord } from '../../storage/layout-1.ts'
import { framesOf, streamOf } from '../structure.ts'
import { magnitude, must } from '../target.ts'
import type { Target } from '../target.ts'
import { someEntries, someMeta } from './storage-records.ts'

const checksum = nativeChecksum()

/** A database in memory. */
class MapDatabase implements Database {
  readonly values: Map<string, Uint8Array>

  constructor(values: ReadonlyMap<string, Uint8Array>) {
    this.values = new Map(values)
  }

  get #sorted(): readonly (readonly [string, Uint8Array])[] {
    return Array.from(this.values).sort(([one], [other]) => one < other ? -1 : 1)
  }

  async open(): Promise<void> {
    // It is open.
  }

  async close(): Promise<void> {
    // Nothing is held.
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.values.get(key)?.slice())
  }

  batch(operations: readonly Operation[]): Promise<void> {
    for (const operation of operations) {
      if (operation.type === 'put') this.values.set(operation.key, operation.value.slice())
      else this.values.delete(operation.key)
    }
    return Promise.resolve()
  }

  async *keys({ gte = '', lt = '\uffff' }: Range): AsyncIterable<string> {
    for (const [key] of this.#sorted) if (key >= gte && key < lt) yield key
  }

  async *iterator({ gte = '', lt = '\uffff' }: Range): AsyncIterable<[string, Uint8Array]> {
    for (const [key, value] of this.#sorted) if (key >= gte && key < lt) yield [key, value.slice()]
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

const storeOf = (db: Database): KeyStore => new KeyStore(db, checksum, false)

const chunksOf = (db: Database): KeyChunks => new KeyChunks(db, checksum, false)

/** What `level` does with a database when it is opened. */
async function opened(db: Database): Promise<{ readonly store: KeyStore, readonly reading: Reading }> {
  const layout = await readLayout(db, false)
  if (layout === 'first') {
    await convertFirst({ db, location: '', node: null, checksum, sync: false }, null, () => storeOf(db))
  }
  const store = storeOf(db)
  const stored = await store.read()
  if (layout !== 'current') await writeLayout(db, false)
  return { store, reading: await readContent(chunksOf(db), stored, null) }
}

/** Databases as a storage leaves them behind after some batches, in both layouts. */
async function record(): Promise<Uint8Array[]> {
  const db = new MapDatabase(new Map())
  const { store, reading } = await opened(db)
  const ledger = new Ledger(reading.content, (sequence) => store.load(sequence))
  const entries = someEntries(12, [3, 0, 40])
  const seeds: Uint8Array[] = [packDatabase(new Map()), packDatabase(db.values), packDatabase(earlier())]
  const batches: Parameters<Ledger['apply']>[0][] = [
    { meta: someMeta }, { entries: entries.slice(0, 3) }, { entries: entries.slice(3, 8) },
    { chunks: [0, 1].map((index) => ({ id: 5, index, bytes: new Uint8Array(20 + index) })) },
    { install: { id: 5, zxid: makeZxid(2, 5), hash1: entries[4]!.hash1, hash2: entries[4]!.hash2, chunks: 2 } },
    { purgeThrough: makeZxid(2, 3) }, { truncateAfter: makeZxid(2, 6) }, { entries: entries.slice(6, 12) },
  ]
  for (const batch of batches) {
    ledger.expect(batch.chunks ?? [])
    await ledger.apply(batch)
    const { sequence, record: draft } = ledger.finish()
    const chunks = chunksOf(db)
    await chunks.write((batch.chunks ?? []).map((chunk) => ({ ...chunk, bytes: chunks.pack(chunk) })))
    if (draft !== null) await store.append(sequence, draft)
    store.release(ledger.first)
    seeds.push(packDatabase(db.values))
  }
  return seeds
}

function earlier(): Map<string, Uint8Array> {
  const db = new MapDatabase(new Map())
  const entries = someEntries(12, [3, 0, 40])
  const state = stateRecord({
    sequence: 7, meta: someMeta, base: null, begin: entries[0]!.prevZxid, end: entries[11]!.zxid, damage: 'none',
  })
  void db.batch([group(entries.slice(0, 5)), group(entries.slice(5)), state])
  return db.values
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
  tokens: ['e', 'r', 's', '!state', '-', '00000000', 'null', '"damage":"none"'],
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
        const { content, entries } = (await opened(db)).reading
        const { begin, end } = content
        const { damage, base, meta } = content.circumstances
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
