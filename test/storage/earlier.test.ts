import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { META, at, base, chunks, run } from '../../lib/testing/conformance/storage-fixtures.ts'
import { sameEntries } from '../../lib/testing/conformance/storage-checks.ts'
import type { Recovered } from '../../lib/ports/storage.ts'
import { database } from '../../storage/level/database.ts'
import type { Database, Operation } from '../../storage/level/database.ts'
import { operationsOf } from '../../storage/level/earlier.ts'
import { Scratch, Segment } from '../../storage/level/segment.ts'
import { STATE_KEY, chunkKey, nativeChecksum } from '../../storage/level/records.ts'
import { segmentFiles } from '../../storage/level/segment-file.ts'
import type { OpenSegment } from '../../storage/level/segment-file.ts'
import { level } from '../../storage/level.ts'
import { assert, rejects, suite } from '../harness.ts'
import { group, packOperations, sealed, stateOf, stateRecord } from './layout-1.ts'
import { copyFolder } from './places.ts'

const test = suite('earlier layouts')
const checksum = nativeChecksum()

/** Appends one record of operations to the journal of layout 1. */
async function append(segment: Segment, sequence: number, operations: readonly Operation[]): Promise<void> {
  const bytes = packOperations(operations)
  await segment.append(sequence, { bytes: bytes.byteLength, pack: (into) => into.set(bytes) }, new Scratch())
}

/**
 * What a killed process left: the database has the entries up to 12 and a snapshot at 8, with one group that was purged
 * and a chunk that is stale; two records of the journal, which it lacks, take back 12 and append up to 15.
 */
async function written(folder: string): Promise<void> {
  const db = join(folder, 'db')
  fs.mkdirSync(db, { recursive: true })
  const opened = database(db)
  await opened.open()
  const snapshot = [...chunks(1, 3), ...chunks(9, 1)]
  const mark = new Uint8Array(9)
  new DataView(mark.buffer).setFloat64(0, 5, true)
  await opened.batch([
    group(run(1, 4)), group(run(5, 9)), group(run(10, 12)), stateOf(20, 12),
    { type: 'put', key: '!journal', value: mark },
    ...snapshot.map(({ id, index, bytes }): Operation =>
      ({ type: 'put', key: chunkKey(id, index), value: sealed(bytes) })),
  ], { sync: true })
  await opened.close()
  for (const [name, first] of [['journal-0', 5], ['journal-1', 7]] as const) {
    const segment = new Segment(await segmentFiles(fs)(join(db, name), true), checksum)
    await segment.prepare(0)
    if (first === 5) await append(segment, 5, [{ type: 'del', key: STATE_KEY }])
    const operations = first === 5
      ? [{ type: 'del', key: group(run(10, 12)).key } as const, group(run(10, 11)), stateOf(21, 11)]
      : [group(run(12, 15, 5)), stateOf(22, 15)]
    await append(segment, first === 5 ? 6 : 7, operations)
    await segment.close()
  }
}

const EXPECTED = [...run(5, 11), ...run(12, 15, 5)]

async function found(folder: string, wrap: (db: Database) => Database = (db) => db): Promise<Recovered> {
  const storage = level(folder, { database: (location) => wrap(database(location)) })
  try {
    const recovered = await storage.open()
    let index = 0
    for await (const chunk of recovered.snapshot) assert.equal(chunk, chunks(1, 3)[index++]!.bytes)
    return recovered
  } finally {
    await storage.close()
  }
}

function whole({ meta, base: kept, entries, damage }: Recovered): void {
  assert.is(damage, 'none')
  assert.equal(meta, META)
  assert.equal(kept, base(1, at(8), 3))
  sameEntries(entries, EXPECTED, 'log')
}

test('a folder of layout 1 is converted, with what only its journal has', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  await written(folder)
  const storage = level(folder)
  whole(await storage.open())
  await storage.write({ entries: run(16, 16) })
  await storage.close()
  sameEntries((await found(folder)).entries, [...EXPECTED, ...run(16, 16)], 'log, continued')
  const names = readdirSync(join(folder, 'db'))
  assert.equal(names.filter((name) => /^(log|snap|journal)-/.test(name)).sort(), ['log-0', 'snap-1'])
  const db = database(join(folder, 'db'))
  await db.open()
  const keys: string[] = []
  for await (const key of db.keys({})) keys.push(key)
  assert.equal([keys.filter((key) => /^e|!journal|^s/.test(key)), (await db.get(STATE_KEY))?.[0]], [[], 3])
  await db.close()
})

test('a young storage, of which the database has nothing yet, is converted, also an empty one', async (t) => {
  for (const isEmpty of [false, true]) {
    const folder = join(t.tempFolder(), 'data')
    fs.mkdirSync(join(folder, 'db'), { recursive: true })
    const segment = new Segment(await segmentFiles(fs)(join(folder, 'db', 'journal-0'), true), checksum)
    await segment.prepare(0)
    const state = stateRecord({
      sequence: 1, meta: META, base: null, begin: 0, end: at(3), damage: 'none',
    })
    if (!isEmpty) await append(segment, 1, [group(run(1, 3)), state])
    await segment.close()
    for (let opening = 0; opening < 2; opening++) {
      const { entries, meta, damage } = await found(folder)
      assert.is(damage, 'none')
      assert.equal(meta, isEmpty ? null : META)
      sameEntries(entries, isEmpty ? [] : run(1, 3), 'log')
    }
  }
})

test('a conversion that is cut short anywhere begins anew', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  await written(folder)
  for (let step = 0; ; step++) {
    const copy = `${folder}-${step}`
    copyFolder(folder, copy)
    let batches = 0
    const cut = (db: Database): Database => {
      const batch = db.batch.bind(db)
      db.batch = (operations, options) => {
        batches += 1
        return batches > step ? Promise.reject(new Error('the power is gone')) : batch(operations, options)
      }
      return db
    }
    const failure = await found(copy, cut).then(() => null, (error: object) => error as { code?: string })
    assert.is(failure?.code ?? 'none', batches > step ? 'StorageFailed' : 'none')
    whole(await found(copy))
    if (failure === null) break
    assert.ok(step < 10)
  }
})

test('a journal that a conversion could not delete any more is deleted by the next open', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  await written(folder)
  const journals = (where: string): string[] =>
    readdirSync(join(where, 'db')).filter((name) => name.startsWith('journal-'))
  const kept = `${folder}-before`
  copyFolder(folder, kept)
  whole(await found(folder))
  assert.equal(journals(folder), [])
  for (const name of journals(kept)) fs.copyFileSync(join(kept, 'db', name), join(folder, 'db', name))
  assert.is(journals(folder).length, 2)
  whole(await found(folder))
  assert.equal(journals(folder), [])
})

test('damage of layout 1 is damage after the conversion', async (t) => {
  const ways: readonly [string, (folder: string) => Promise<void> | void, number][] = [
    ['a record of the journal', (folder) => {
      const path = join(folder, 'db', 'journal-0')
      const content = readFileSync(path)
      content[content.lastIndexOf(content.subarray(8, 16)) + 40]! ^= 1
      writeFileSync(path, content)
    }, 12],
    ['a group', async (folder) => {
      const db = database(join(folder, 'db'))
      await db.open()
      const { key } = group(run(5, 9))
      const value = (await db.get(key))!
      value[40]! ^= 1
      await db.batch([{ type: 'put', key, value }], { sync: true })
      await db.close()
    }, 8],
    ['the journal', (folder) => {
      for (const name of ['journal-0', 'journal-1']) fs.rmSync(join(folder, 'db', name))
      const text = JSON.stringify({ format: 1, sequence: 22, meta: { ...META, acceptedEpoch: 7 } })
      const sum = checksum(new TextEncoder().encode(text)).toString(16).padStart(8, '0')
      writeFileSync(join(folder, 'marker'), `${sum}\n${text}\n`)
    }, 12],
  ]
  for (const [what, change, last] of ways) {
    const folder = join(t.tempFolder(), 'data')
    await written(folder)
    await change(folder)
    for (let opening = 0; opening < 2; opening++) {
      const { damage, entries, meta } = await found(folder)
      assert.is(damage, 'log', what)
      assert.is(meta?.acceptedEpoch, what === 'the journal' ? 7 : META.acceptedEpoch)
      assert.is(Array.from(entries).at(-1)?.zxid ?? at(8), at(last), what)
    }
    assert.ok(existsSync(join(folder, 'db', 'log-0')))
  }
})

test('a journal of layout 1 that cannot be read is not taken for none', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  await written(folder)
  const journal = join(folder, 'db', 'journal-1')
  const content = readFileSync(journal)
  fs.rmSync(journal)
  fs.mkdirSync(journal)
  await rejects(found(folder), 'StorageFailed')
  fs.rmdirSync(journal)
  writeFileSync(journal, content)
  whole(await found(folder))
})

test('layout 1 without a state record that is one is damage, and not converted', async (t) => {
  const ways: readonly [string, Uint8Array | null][] = [
    ['no state record', null],
    ['the state record is not what was written', Uint8Array.of(1, 2, 3, 4, 5, 6)],
    ['the state record is not one', Uint8Array.of(1, ...sealed(new TextEncoder().encode('{}')))],
  ]
  for (const [why, value] of ways) {
    const folder = join(t.tempFolder(), 'data')
    const place = join(folder, 'db')
    fs.mkdirSync(place, { recursive: true })
    const db = database(place)
    await db.open()
    const state: Operation[] = value === null ? [] : [{ type: 'put', key: STATE_KEY, value }]
    await db.batch([group(run(1, 3)), ...state], { sync: true })
    await db.close()
    const segment = new Segment(await segmentFiles(fs)(join(place, 'journal-0'), true), checksum)
    await segment.prepare(0)
    await segment.close()
    const error = await rejects(found(folder), 'StorageDamaged')
    assert.match(error.message, why)
    assert.ok(existsSync(join(place, 'journal-0')))
  }
})

test('of a list of operations that ends too early nothing is known', () => {
  const packed = packOperations([group(run(1, 3)), { type: 'del', key: STATE_KEY }])
  assert.is(operationsOf(packed)?.length, 2)
  const [first] = operationsOf(packed) ?? []
  const lengths = Array.from(packed.keys()).filter((length) => operationsOf(packed.subarray(0, length)) !== null)
  assert.equal(lengths, [0, packOperations([first!]).byteLength])
})

/** A storage of layout 2: a snapshot at 8 in the database, and chunks of another that was not finished. */
async function writtenSecond(folder: string): Promise<void> {
  const storage = level(folder)
  await storage.open()
  await storage.write({ entries: run(1, 12), meta: META, chunks: chunks(1, 3) })
  await storage.write({ install: base(1, at(8), 3), purgeThrough: at(4) })
  await storage.close()
  fs.rmSync(join(folder, 'db', 'snap-1'))
  const db = database(join(folder, 'db'))
  await db.open()
  await db.batch([...chunks(1, 3), ...chunks(2, 2)].map(({ id, index, bytes }): Operation =>
    ({ type: 'put', key: chunkKey(id, index), value: sealed(bytes) })), { sync: true })
  await db.batch([{ type: 'put', key: STATE_KEY, value: Uint8Array.of(2) }], { sync: true })
  await db.close()
}

test('a folder of layout 2 is converted, also when that is cut short anywhere', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  await writtenSecond(folder)
  for (let step = 0; ; step++) {
    const copy = `${folder}-${step}`
    copyFolder(folder, copy)
    let left = step
    const segments: OpenSegment = async (path, sync) => {
      const file = await segmentFiles(fs)(path, sync)
      return {
        get size() { return file.size },
        read: (from, to) => file.read(from, to), close: () => file.close(),
        write: async (bytes, position) => {
          if (!path.includes('snap-') || left-- > 0) return file.write(bytes, position)
          await file.write(bytes.subarray(0, bytes.byteLength / 2), position)
          throw new Error('the power is gone')
        },
      }
    }
    const storage = level(copy, { segments })
    const failure = await storage.open().then(() => null, (error: object) => error as { code?: string })
    await storage.close()
    assert.is(failure?.code ?? 'none', left < 0 ? 'StorageFailed' : 'none')
    for (let opening = 0; opening < 2; opening++) {
      const { damage, base: kept, entries } = await found(copy)
      assert.equal([damage, kept], ['none', base(1, at(8), 3)])
      sameEntries(Array.from(entries).slice(-4), run(9, 12), 'log')
    }
    assert.equal(readdirSync(join(copy, 'db')).filter((name) => name.startsWith('snap-')), ['snap-1'])
    if (failure === null) break
    assert.ok(step < 20)
  }
})

test('a chunk of layout 2 that is damaged or lost is damage after the conversion', async (t) => {
  for (const change of ['altered', 'lost'] as const) {
    for (const index of [0, 1, 2]) {
      const folder = join(t.tempFolder(), 'data')
      await writtenSecond(folder)
      const db = database(join(folder, 'db'))
      await db.open()
      const key = chunkKey(1, index)
      const value = (await db.get(key))!
      value[value.length - 1]! ^= 1
      await db.batch([change === 'lost' ? { type: 'del', key } : { type: 'put', key, value }], { sync: true })
      await db.close()
      for (let opening = 0; opening < 2; opening++) {
        const { damage, base: kept, meta } = await found(folder)
        assert.equal([damage, kept, meta], ['log', null, META], `${change} ${index}`)
      }
    }
  }
})

test.run()
