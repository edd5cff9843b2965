import { isDeepStrictEqual } from 'node:util'
import { Words } from '../../../lib/core/words.ts'
import { chainNext } from '../../../lib/core/zab/chain.ts'
import { makeZxid, ZXID_ZERO } from '../../../lib/core/zxid.ts'
import type { Zxid } from '../../../lib/core/zxid.ts'
import type { LogEntry, Meta } from '../../../lib/ports/storage.ts'
import { packEntries, unpackEntries } from '../../../storage/parts/entries.ts'
import type { Operation } from '../../../storage/level/database.ts'
import { operationsOf } from '../../../storage/level/earlier.ts'
import { Scratch, Segment } from '../../../storage/level/segment.ts'
import { markerFile } from '../../../storage/level/marker.ts'
import { nativeChecksum } from '../../../storage/level/records.ts'
import { packCircumstances, packRecord, unpackCircumstances, unpackRecord } from '../../../storage/level/state.ts'
import type { Circumstances } from '../../../storage/level/state.ts'
import type { RecordDraft } from '../../../storage/level/store.ts'
import { packOperations } from '../../storage/layout-1.ts'
import { joined, mutated } from '../mutate.ts'
import { magnitude, must, prefixes, refusedWith } from '../target.ts'
import type { Target } from '../target.ts'

const checksum = nativeChecksum()
const HEAD_BYTES = 20
const RECORD_HEAD_BYTES = 24

export const someMeta: Meta = {
  format: 1, peerId: 1, ensembleName: 'fuzz', ensembleId: 'f'.repeat(32), members: '1:voter', acceptedEpoch: 3,
  currentEpoch: 2, commitHint: makeZxid(2, 1), health: 'ok',
}

/** A log of so many entries from a point on. */
export function someEntries(count: number, sizes: readonly number[], after: Zxid = ZXID_ZERO): LogEntry[] {
  const chain = { hash1: 0, hash2: 0 }
  const words = new Words()
  let prevZxid = after
  return Array.from({ length: count }, (_, index) => {
    const zxid = makeZxid(2, 1 + index)
    const bytes = new Uint8Array(sizes[index % sizes.length]!).fill(index + 1)
    chainNext(chain, zxid, bytes, chain, words)
    const entry = { zxid, prevZxid, hash1: chain.hash1, hash2: chain.hash2, bytes }
    prevZxid = zxid
    return entry
  })
}

/** Groups of log entries, behind their checksum. */
export const groupsTarget: Target = {
  name: 'groups', about: 'packed groups of log entries',
  seeds: () => [0, 1, 2, 7].map((count) => packEntries(someEntries(count, [0, 30, 5]))),
  make: () => ({
    run(input) {
      const entries = unpackEntries(input)
      if (entries === null) return 'refused'
      const again = packEntries(entries)
      if (entries.length > 0) {
        must(isDeepStrictEqual(unpackEntries(again), entries), 'they are others when packed again')
        must(Buffer.compare(again, input) === 0, 'other bytes have the same meaning')
      }
      let last = entries[0]?.prevZxid ?? -1
      for (const { zxid, prevZxid } of entries) {
        must(Number.isSafeInteger(prevZxid) && prevZxid >= 0 && prevZxid === last && zxid > prevZxid,
          'no order of zxids')
        last = zxid
      }
      for (const size of prefixes(input)) {
        must(entries.length === 0 || unpackEntries(input.subarray(0, size)) === null,
          `the first ${size} bytes are taken`)
      }
      return magnitude(entries.length)
    },
  }),
}

const circumstances: readonly Circumstances[] = [
  { meta: null, base: null, damage: 'none', voids: [] },
  {
    meta: someMeta, base: { id: 4, zxid: makeZxid(2, 5), hash1: 1, hash2: 2, chunks: 3 }, damage: 'log',
    voids: [[3, 4]],
  },
]

/** Words of the JSON of records. */
export const RECORD_TOKENS: readonly string[] = ['null', '{}', '[]', '-1', '1e999', '"meta"', '"ok"', '"damage":',
  '"sequence":',
  '"meta":', '"base":', '"stale":', '"chunks":', '4294967296', '9007199254740993', '"__proto__":', '0.5',
    '"begin":null']

/** The bytes of a draft. */
export function written(draft: RecordDraft): Uint8Array {
  const bytes = new Uint8Array(draft.bytes)
  draft.pack(bytes)
  return bytes
}

const SEQUENCE = 9

/** A record of the log. */
export const statesTarget: Target = {
  name: 'states', about: 'records of the log: what they say about the storage, and their entries',
  seeds: () => circumstances.flatMap((said) => [0, 1, 4].map((count) => written(packRecord(
    { first: 1 + count, begin: makeZxid(2, 4), end: makeZxid(2, 9), cut: count === 0 ? -1 : Infinity },
    packCircumstances(said), someEntries(count, [0, 30, 5]))))),
  tokens: RECORD_TOKENS,
  make: () => ({
    run(input) {
      const record = unpackRecord({ sequence: SEQUENCE, payload: input })
      if (record === null) return 'refused'
      const { first, begin, end, cut, entries } = record
      must([first, begin, end].every(Number.isSafeInteger) && first <= SEQUENCE, 'a record that is none')
      must(!Number.isNaN(cut), 'a cut at no zxid')
      const again = written(packRecord(record, record.circumstances, Array.from(entries)))
      must(entries.length === 0 || Buffer.compare(again, input) === 0, 'other bytes have the same meaning')
      const said = unpackCircumstances(record.circumstances)
      if (said === null) return `unclear ${magnitude(entries.length)}`
      // As text: what no record has, -0 or __proto__, is not kept.
      must(JSON.stringify(unpackCircumstances(packCircumstances(said))) === JSON.stringify(said),
        'it is another one when packed again')
      must(said.meta === null || said.meta.format !== 1 || typeof said.meta.members === 'string',
        'promises that are none')
      must(said.base === null || Number.isSafeInteger(said.base.chunks), 'a base that is none')
      must(said.voids.every(([from, to]) => Number.isSafeInteger(from) && Number.isSafeInteger(to)), 'no range')
      return `${said.damage} ${said.meta === null} ${said.base === null} ${magnitude(entries.length)}`
    },
  }),
}

/** A file system of one file. */
function fileOf(content: string): Parameters<typeof markerFile>[0] {
  return { promises: { readFile: () => Promise.resolve(content) } } as unknown as Parameters<typeof markerFile>[0]
}

const paths = { join: (...parts: string[]) => parts.join('/') } as unknown as Parameters<typeof markerFile>[1]

function markerText(text: string): string {
  return `${checksum(new TextEncoder().encode(text)).toString(16).padStart(8, '0')}\n${text}\n`
}

/** The file beside the database. */
export const markersTarget: Target = {
  name: 'markers', about: 'marker files, with the right checksum after each change',
  tokens: RECORD_TOKENS,
  seeds: () => [JSON.stringify({ format: 1, sequence: 5, meta: someMeta }), '{}', '{"format":2}']
    .map((text) => new TextEncoder().encode(markerText(text))),
  mutate: (input, random, other) => {
    const text = mutated(input.subarray(9), random, other.subarray(9),
      RECORD_TOKENS.map((token) => new TextEncoder().encode(token)))
    return new TextEncoder().encode(markerText(new TextDecoder().decode(text).split('\n')[0]!))
  },
  make: () => ({
    async run(input) {
      const file = markerFile(fileOf(new TextDecoder().decode(input)), paths, '/', checksum)
      try {
        const marker = await file.read()
        if (marker === null) return 'none'
        must(Number.isSafeInteger(marker.sequence) && (marker.meta.format !== 1 ||
          typeof marker.meta.members === 'string'),
          'a marker that is none')
        // Of another format nothing else is looked at: it is refused later.
        return marker.meta.format === 1 ? marker.meta.health : 'other'
      } catch (error) {
        return refusedWith(['StorageVersion'], () => { throw error }) && 'version'
      }
    },
  }),
}

const operations: readonly Operation[][] = [
  [{ type: 'put', key: '!state', value: new Uint8Array(40).fill(3) }],
  [{ type: 'put', key: 'e00000200000001', value: new Uint8Array(90).fill(4) }, { type: 'del', key: 's1' }],
  [], [{ type: 'del', key: '' }, { type: 'put', key: 'k', value: new Uint8Array(0) }],
]

/** A file in memory. */
export class MemoryFile {
  bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  get size(): number {
    return this.bytes.length
  }

  read(from?: number, to?: number): Promise<Uint8Array> {
    return Promise.resolve(this.bytes.slice(from, to))
  }

  write(bytes: Uint8Array, position: number): Promise<void> {
    const grown = new Uint8Array(Math.max(this.bytes.length, position + bytes.length))
    grown.set(this.bytes)
    grown.set(bytes, position)
    this.bytes = grown
    return Promise.resolve()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

/** Gives every record that begins where one should, the right checksum. */
function journalResealed(content: Uint8Array): Uint8Array {
  const copy = content.slice()
  if (copy.length < HEAD_BYTES) return copy
  const view = new DataView(copy.buffer)
  view.setUint32(16, checksum(copy.subarray(0, 16)), true)
  for (let at = HEAD_BYTES; at + RECORD_HEAD_BYTES <= copy.length;) {
    copy.set(copy.subarray(8, 16), at)
    const end = at + RECORD_HEAD_BYTES + view.getUint32(at + 20, true)
    if (end > copy.length) break
    view.setUint32(at + 8, checksum(copy.subarray(at + 12, end)), true)
    at = end
  }
  return copy
}

let journals: Uint8Array[] = []

/** The files of the log, with records as layout 1 had them in its own. */
export const journalsTarget: Target = {
  name: 'journals', about: 'segments of a log, half of them with right checksums after each change',
  async prepare() {
    journals = []
    for (let count = 0; count <= operations.length; count++) {
      const file = new MemoryFile(new Uint8Array(0))
      const segment = new Segment(file, checksum)
      // The salt is random; here it must be the same each time.
      await segment.prepare(0)
      file.bytes = file.bytes.slice(0, HEAD_BYTES)
      file.bytes.set(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), 8)
      new DataView(file.bytes.buffer).setUint32(16, checksum(file.bytes.subarray(0, 16)), true)
      const known = new Segment(file, checksum)
      await known.read()
      for (let index = 0; index < count; index++) {
        const payload = packOperations(operations[index]!)
        await known.append(index + 1, { bytes: payload.length, pack: (into) => into.set(payload) }, new Scratch())
      }
      file.bytes = file.bytes.slice(0, 2 * HEAD_BYTES + 400)
      journals.push(file.bytes.slice(), joined(file.bytes, new Uint8Array(64)))
    }
  },
  seeds: () => journals,
  mutate: (input, random, other) => {
    const changed = mutated(input, random, other, [])
    return random.below(2) === 0 ? changed : journalResealed(changed)
  },
  make: () => ({
    async run(input) {
      const { records, isWhole } = await new Segment(new MemoryFile(input), checksum).read()
      for (const { sequence, payload } of records) {
        must(Number.isSafeInteger(sequence) && sequence >= 0, `sequence ${sequence}`)
        const found = operationsOf(payload)
        const isKnown = ({ type, key }: Operation): boolean =>
          (type === 'put' || type === 'del') && typeof key === 'string'
        must(found === null || found.every(isKnown),
          'no operation')
      }
      return `${isWhole} ${magnitude(records.length)}`
    },
  }),
}
