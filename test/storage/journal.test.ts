import { copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { META, at, base, chunks, run } from '../../lib/testing/conformance/storage-fixtures.ts'
import { sameEntries } from '../../lib/testing/conformance/storage-checks.ts'
import type { Recovered, Storage } from '../../lib/ports/storage.ts'
import { database } from '../../storage/level/database.ts'
import type { Database } from '../../storage/level/database.ts'
import { JournaledDatabase } from '../../storage/level/journaled.ts'
import type { Operation } from '../../storage/level/ledger.ts'
import { nodeModules, syncFolder } from '../../storage/level/marker.ts'
import { nativeChecksum } from '../../storage/level/records.ts'
import { segmentFiles } from '../../storage/level/segment.ts'
import type { SegmentFile } from '../../storage/level/segment.ts'
import { level } from '../../storage/level.ts'
import { assert, suite } from '../harness.ts'
import { copyFolder } from './places.ts'

const test = suite('journal')
const { fs } = nodeModules()!

/** What a process that is killed now would leave. */
function killed(folder: string, name = 'killed'): string {
  const copy = `${folder}-${name}`
  copyFolder(folder, copy)
  return copy
}

async function found(folder: string): Promise<Recovered> {
  const storage = level(folder)
  try {
    return await storage.open()
  } finally {
    await storage.close()
  }
}

/** A storage with these entries, one batch each, and what a killed process leaves of it. */
async function left(folder: string, count: number): Promise<string> {
  const storage = level(folder)
  await storage.open()
  await storage.write({ meta: META })
  for (let counter = 1; counter <= count; counter++) await storage.write({ entries: run(counter, counter) })
  const copy = killed(folder)
  await storage.close()
  return copy
}

/** Where the records of a journal begin. */
function recordsOf(path: string): number[] {
  const content = readFileSync(path)
  const salt = content.subarray(8, 16)
  const places: number[] = []
  for (let place = content.indexOf(salt, 20); place >= 0; place = content.indexOf(salt, place + 1)) places.push(place)
  return places
}

/** Changes bytes of a file. */
function alter(path: string, place: number, bytes: Uint8Array): void {
  const content = readFileSync(path)
  content.set(bytes, place)
  writeFileSync(path, content)
}

interface Spy {
  readonly db: Database
  readonly batches: Operation[][]
  readonly appended: number[]
  failing: 'nothing' | 'journal' | 'database'
}

/** A journaled database that can be watched and made to fail. */
function spied(folder: string): Spy {
  const inner = database(folder)
  const batch = inner.batch.bind(inner)
  const open = async (path: string): Promise<SegmentFile> => {
    const file = await segmentFiles(fs)(path, true)
    return {
      read: () => file.read(), close: () => file.close(),
      write(bytes, position) {
        if (spy.failing === 'journal') return Promise.reject(new Error('no space left'))
        spy.appended.push(bytes.byteLength)
        return file.write(bytes, position)
      },
    }
  }
  const parts = { sync: true, checksum: nativeChecksum(), open, syncFolder: () => syncFolder(fs, folder) }
  const spy: Spy = { db: new JournaledDatabase(folder, inner, parts), batches: [], appended: [], failing: 'nothing' }
  inner.batch = async (operations, options) => {
    if (spy.failing === 'database') throw new Error('no space left')
    assert.is(options.sync, true)
    spy.batches.push(operations)
    await batch(operations, options)
  }
  return spy
}

const put = (key: string, bytes = 10): Operation =>
  ({ type: 'put', key, value: new Uint8Array(bytes).fill(key.length) })

const failureOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(() => 'none', (error: Error) => error.message)

async function keysOf(db: Database): Promise<string[]> {
  const keys: string[] = []
  for await (const key of db.keys({})) if (!key.startsWith('!')) keys.push(key)
  return keys
}

test('what was acknowledged is in the journal, and is put into the database by the next open', async (t) => {
  const copy = await left(join(t.tempFolder(), 'data'), 50)
  for (let opening = 0; opening < 2; opening++) {
    const { entries, meta, damage } = await found(copy)
    assert.is(damage, 'none')
    assert.equal(meta, META)
    sameEntries(entries, run(1, 50), 'log')
  }
})

test('a process that is killed again and again while it recovers loses nothing', async (t) => {
  let folder = await left(join(t.tempFolder(), 'data'), 20)
  for (let round = 0; round < 5; round++) {
    const storage = level(folder)
    sameEntries((await storage.open()).entries, run(1, 20 + round), `log of round ${round}`)
    const before = killed(folder, 'unwritten')
    await storage.write({ entries: run(21 + round, 21 + round) })
    const next = killed(folder)
    await storage.close()
    sameEntries((await found(before)).entries, run(1, 20 + round), `log of round ${round}, nothing written`)
    folder = next
  }
})

test('both segments are used in turn, and never grow beyond their size', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const storage = level(folder)
  await storage.open()
  await storage.write({ meta: META })
  for (let counter = 1; counter <= 60; counter++) {
    await storage.write({ entries: run(counter, counter, 500_000) })
    if (counter % 9 !== 0) continue
    const { entries, damage } = await found(killed(folder, String(counter)))
    assert.is(damage, 'none')
    sameEntries(entries, run(1, counter, 500_000), `log at ${counter}`)
  }
  for (const name of ['journal-0', 'journal-1']) {
    const { size } = statSync(join(folder, 'db', name))
    assert.ok(size > 2 ** 20 && size <= 8 * 2 ** 20, `${name} has ${size} bytes`)
  }
  await storage.close()
})

test('a record that is altered, with later ones behind it, is damage until a batch says so', async (t) => {
  const copy = await left(join(t.tempFolder(), 'data'), 30)
  const path = join(copy, 'db', 'journal-0')
  const places = recordsOf(path)
  alter(path, places[20]! + 60, Uint8Array.of(1, 2, 3))
  const storage = level(copy)
  const first = await storage.open()
  assert.is(first.damage, 'log')
  const unwritten = killed(copy, 'again')
  const { damage, entries } = await found(unwritten)
  assert.is(damage, 'log', 'an open that wrote nothing forgot the damage')
  assert.ok(entries.length > 10 && entries.length < 30, `${entries.length} entries`)
  sameEntries(entries, run(1, entries.length), 'log')
  const from = entries.length + 1
  await storage.write({ entries: run(from, from, 7), meta: { ...META, health: 'log' } })
  for (let counter = from + 1; counter <= from + 20; counter++) {
    await storage.write({ entries: run(counter, counter, 7) })
  }
  const later = killed(copy, 'later')
  await storage.close()
  for (const folder of [later, copy]) {
    const healed = await found(folder)
    assert.is(healed.damage, 'none')
    sameEntries(healed.entries, [...run(1, from - 1), ...run(from, from + 20, 7)], 'log of the healed')
  }
})

test('a torn last record was not acknowledged, and is none', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const copy = await left(folder, 30)
  const path = join(copy, 'db', 'journal-0')
  const last = recordsOf(path).at(-1)!
  for (const from of [4, 30, 200]) {
    const torn = killed(copy, String(from))
    const target = join(torn, 'db', 'journal-0')
    alter(target, last + from, new Uint8Array(400))
    const { damage, entries } = await found(torn)
    assert.is(damage, 'none')
    sameEntries(entries, run(1, 29), 'log')
  }
})

test('a segment whose head is altered is damage', async (t) => {
  for (const place of [0, 10, 17]) {
    const copy = await left(join(t.tempFolder(), 'data'), 10)
    alter(join(copy, 'db', 'journal-0'), place, Uint8Array.of(99))
    assert.is((await found(copy)).damage, 'log')
  }
})

test('a file whose making was cut short is made', async (t) => {
  for (const content of [new Uint8Array(0), new Uint8Array(5), new Uint8Array(2 ** 20)]) {
    const folder = join(t.tempFolder(), 'data')
    await left(folder, 10)
    writeFileSync(join(folder, 'db', 'journal-0'), content)
    const storage = level(folder)
    assert.is((await storage.open()).damage, 'none')
    await storage.write({ entries: run(11, 11) })
    const copy = killed(folder, 'made')
    await storage.close()
    sameEntries((await found(copy)).entries, run(1, 11), 'log')
  }
})

test('a journal that is lost is damage once the marker knows more than the database', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const copy = await left(folder, 10)
  for (const name of ['journal-0', 'journal-1']) writeFileSync(join(copy, 'db', name), '')
  copyFileSync(join(folder, 'marker'), join(copy, 'marker'))
  const { damage, meta } = await found(copy)
  assert.is(damage, 'log')
  assert.equal(meta, META)
})

test('what was written in an earlier life of a segment does not come back', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const storage = level(folder)
  await storage.open()
  // The second part is as long as the first, so that its records end where older ones begin.
  for (let counter = 1; counter <= 20; counter++) await storage.write({ entries: run(counter, counter), meta: META })
  await storage.write({ chunks: chunks(1, 1) })
  for (let counter = 21; counter <= 25; counter++) await storage.write({ entries: run(counter, counter), meta: META })
  const copy = killed(folder)
  await storage.close()
  const { entries, damage } = await found(copy)
  assert.is(damage, 'none')
  sameEntries(entries, run(1, 25), 'log')
})

test('data that looks like a record is data', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const storage = level(folder)
  await storage.open()
  await storage.write({ meta: META })
  const journal = readFileSync(join(folder, 'db', 'journal-0')).subarray(0, 2 ** 16)
  const [entry] = run(1, 1)
  // The whole file as it is, as the bytes of one txn: whoever reads another peer's disk could send this.
  await storage.write({ entries: [{ ...entry!, bytes: journal }] })
  for (let counter = 2; counter <= 5; counter++) await storage.write({ entries: run(counter, counter) })
  const copy = killed(folder)
  await storage.close()
  const { entries, damage } = await found(copy)
  assert.is(damage, 'none')
  sameEntries(entries.slice(1), run(2, 5), 'log')
})

test('chunks and large batches go into the database at once, with all before them', async (t) => {
  const spy = spied(join(t.tempFolder(), 'db'))
  await spy.db.open()
  const prepared = spy.appended.length
  await spy.db.batch([put('e1')], { sync: true })
  assert.equal([spy.batches.length, spy.appended.length], [0, prepared + 1])
  await spy.db.batch([put('s1')], { sync: true })
  await spy.db.batch([put('e2')], { sync: true })
  await spy.db.batch([put('e3', 3 * 2 ** 20)], { sync: true })
  assert.equal([spy.batches.length, spy.appended.length], [2, prepared + 2])
  assert.equal(await keysOf(spy.db), ['e1', 'e2', 'e3', 's1'])
  await spy.db.close()
})

test('reads see what is not in the database yet', async (t) => {
  const spy = spied(join(t.tempFolder(), 'db'))
  await spy.db.open()
  await spy.db.batch([put('s1'), put('e1')], { sync: true })
  await spy.db.batch([{ type: 'del', key: 'e1' }, put('e22')], { sync: true })
  assert.is(await spy.db.get('e1'), undefined)
  assert.is((await spy.db.get('e22'))?.[0], 3)
  assert.is(spy.batches.length, 1)
  await spy.db.close()
})

test('many small records go into the database in pieces', async (t) => {
  const spy = spied(join(t.tempFolder(), 'db'))
  await spy.db.open()
  const keys = Array.from({ length: 1_000 }, (_, index) => `e${1_000 + index}`)
  for (const key of keys) await spy.db.batch([put(key)], { sync: true })
  await spy.db.close()
  assert.ok(spy.batches.length >= 4 && spy.batches.every(({ length }) => length <= 260))
})

for (const failing of ['journal', 'database'] as const) {
  test(`when the ${failing} cannot be written, nothing is written any more`, async (t) => {
    const folder = join(t.tempFolder(), 'db')
    const spy = spied(folder)
    await spy.db.open()
    await spy.db.batch([put('e1')], { sync: true })
    spy.failing = failing
    const direct = failing === 'database' ? [put('s1')] : [put('e2')]
    assert.is(await failureOf(spy.db.batch(direct, { sync: true })), 'no space left')
    spy.failing = 'nothing'
    assert.is(await failureOf(spy.db.batch([put('e3')], { sync: true })), 'no space left')
    await spy.db.close()
    const after = spied(folder)
    await after.db.open()
    assert.equal(await keysOf(after.db), ['e1'])
    await after.db.close()
  })
}

test('an unclean end leaves the snapshot and the log that belong together', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const storage: Storage = level(folder)
  await storage.open()
  await storage.write({ entries: run(1, 9), meta: META })
  await storage.write({ chunks: chunks(1, 3) })
  await storage.write({ install: base(1, at(8), 3), purgeThrough: at(4) })
  await storage.write({ truncateAfter: at(8) })
  await storage.write({ entries: run(9, 12, 5) })
  const copy = killed(folder)
  await storage.close()
  const { entries, damage, base: kept } = await found(copy)
  assert.is(damage, 'none')
  assert.equal(kept, base(1, at(8), 3))
  sameEntries(entries.slice(-4), run(9, 12, 5), 'log')
})

test.run()
