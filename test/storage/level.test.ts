import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { META, at, base, chunks, entry, run } from '../../lib/testing/conformance/storage-fixtures.ts'
import { sameEntries } from '../../lib/testing/conformance/storage-checks.ts'
import type { Meta, Recovered } from '../../lib/ports/storage.ts'
import { database } from '../../storage/level/database.ts'
import type { Database } from '../../storage/level/database.ts'
import { STATE_KEY, nativeChecksum, recordKey, slowChecksum } from '../../storage/level/records.ts'
import { level } from '../../storage/level.ts'
import type { LevelOptions } from '../../storage/level.ts'
import { assert, rejects, suite } from '../harness.ts'
import { RecordedDisk } from './recorded-disk.ts'
import { corrupt } from './places.ts'
import { watchedFiles } from './snapshot-files.ts'

const test = suite('level storage')
const WRITER = fileURLToPath(new URL('writer.ts', import.meta.url))
const NODE_ARGS = ['--import', 'tsx', WRITER]

/** LevelDB may delete a file between the listing and the look. */
function folderBytes(folder: string): number {
  let bytes = 0
  for (const file of readdirSync(folder)) bytes += statSync(join(folder, file), { throwIfNoEntry: false })?.size ?? 0
  return bytes
}

test('says where it is and how large', async (t) => {
  const folder = join(t.tempFolder(), 'here')
  const storage = level(folder)
  t.defer(() => storage.close())
  assert.is(storage.location, folder)
  await storage.open()
  await storage.write({ entries: run(1, 5), meta: META })
  const sizes = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => statSync(join(folder, name)))
    .map((stat) => stat.isFile() ? stat.size : 0)
  const bytes = storage.size?.() ?? 0
  assert.ok(bytes > 500, `${bytes}`)
  assert.is(bytes, sizes.reduce((sum, size) => sum + size, 0))
})

/** Opens, closes, and says what was found. */
async function found(folder: string, options: LevelOptions = {}): Promise<Recovered> {
  const storage = level(folder, options)
  try {
    return await storage.open()
  } finally {
    await storage.close()
  }
}

/** Two states of one storage: a copy of the folder after `early` entries, and the folder after ten more batches. */
async function grown(folder: string, early: number, meta: Meta = META): Promise<string> {
  const storage = level(folder)
  await storage.open()
  await storage.write({ entries: run(1, early), meta: META })
  await storage.close()
  const copy = `${folder}-early`
  cpSync(folder, copy, { recursive: true })
  await storage.open()
  for (let counter = early + 1; counter <= early + 10; counter++) {
    await storage.write({ entries: run(counter, counter), meta })
  }
  await storage.close()
  return copy
}

/** Changes the database behind the storage's back. */
async function tamper(folder: string, change: (db: Database) => Promise<void>): Promise<void> {
  const db = database(join(folder, 'db'))
  await db.open()
  await change(db)
  await db.close()
}

test('a process killed while it writes leaves a prefix with everything it acknowledged', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  let length = 0
  for (let round = 0; round < 6; round++) {
    const child = spawn(process.execPath, [...NODE_ARGS, folder, String(length + 1), '3000'])
    t.defer(() => child.kill('SIGKILL'))
    const exit = once(child, 'exit')
    let acknowledged = 0
    let lines = 0
    for await (const line of createInterface({ input: child.stdout })) {
      acknowledged = Math.max(acknowledged, Number(line) || 0)
      lines += 1
      if (lines === 60 + round * 25) child.kill('SIGKILL')
    }
    await exit
    const { entries, damage, meta } = await found(folder)
    assert.is(damage, 'none')
    assert.ok(acknowledged > length && entries.length >= acknowledged, `${acknowledged} of ${entries.length}`)
    assert.is(entries.length % 5, 0)
    assert.is(meta?.commitHint, at(entries.length - 4))
    sameEntries(entries, run(1, entries.length, 3_000), 'log')
    length = entries.length
  }
}, { timeoutMs: 60_000 })

test('a storage that another process holds is locked', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const child = spawn(process.execPath, [...NODE_ARGS, folder])
  const exit = once(child, 'exit')
  t.defer(async () => {
    child.kill('SIGKILL')
    await exit
  })
  await once(child.stdout, 'data')
  const error = await rejects(level(folder).open(), 'StorageLocked')
  assert.match(error.message, /is in use, by another process/)
})

test('a disk that refuses to write fails every later write and leaves the process alive', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  // Files may have 1 MiB: what LevelDB and a full disk have in common is a write that fails halfway.
  const command = `trap '' XFSZ; ulimit -f 1024; exec "$0" "$@"`
  const { stdout } = spawnSync('bash', ['-c', command, process.execPath, ...NODE_ARGS, folder, '1', '20000'], {
    encoding: 'utf8', timeout: 30_000,
  })
  assert.match(stdout, /failed StorageFailed\n/)
  assert.match(stdout, /failed later StorageFailed\nclosed\n$/)
  const acknowledged = Math.max(...stdout.split('\n').map((line) => Number(line) || 0))
  const { entries, damage } = await found(folder)
  assert.is(damage, 'none')
  assert.ok(acknowledged > 0 && entries.length >= acknowledged, `${acknowledged} of ${entries.length}`)
  sameEntries(entries, run(1, entries.length, 20_000), 'log')
}, { timeoutMs: 40_000 })

test('an acknowledged tail that is gone is damage, with the promises of the marker', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const copy = await grown(folder, 5, { ...META, acceptedEpoch: 8 })
  rmSync(join(folder, 'db'), { recursive: true })
  renameSync(join(copy, 'db'), join(folder, 'db'))
  for (let opening = 0; opening < 2; opening++) {
    const { damage, entries, meta } = await found(folder)
    assert.is(damage, 'log')
    assert.is(meta?.acceptedEpoch, 8)
    sameEntries(entries, run(1, 5), 'log')
  }
})

test('damage is remembered until a meta says what it means', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const copy = await grown(folder, 5)
  renameSync(join(folder, 'db'), join(folder, 'db-late'))
  renameSync(join(copy, 'db'), join(folder, 'db'))
  const storage = level(folder)
  assert.is((await storage.open()).damage, 'log')
  await storage.write({ entries: run(6, 6) })
  await storage.close()
  assert.is((await storage.open()).damage, 'log')
  await storage.write({ meta: { ...META, health: 'log' } })
  await storage.close()
  const { damage, meta, entries } = await found(folder)
  assert.is(damage, 'none')
  assert.is(meta?.health, 'log')
  assert.is(entries.length, 6)
})

test('a database that is gone is damage when the marker is there, and nothing when it is not', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  await grown(folder, 5)
  rmSync(join(folder, 'db'), { recursive: true })
  const { damage, meta, entries } = await found(folder)
  assert.is(damage, 'log')
  assert.equal(meta, META)
  assert.is(entries.length, 0)
  rmSync(folder, { recursive: true })
  assert.is((await found(folder)).damage, 'none')
})

test('without files, a record that is altered or lost in the middle is damage, and ends the log', async (t) => {
  for (const change of ['altered', 'lost'] as const) {
    const folder = join(t.tempFolder(), 'data')
    const options = { segments: null }
    const writing = level(folder, options)
    await writing.open()
    for (let counter = 1; counter <= 15; counter++) await writing.write({ entries: run(counter, counter), meta: META })
    await writing.close()
    await tamper(folder, async (db) => {
      const key = recordKey(8)
      const value = await db.get(key)
      value![30]! ^= 1
      const operation = change === 'lost' ? { type: 'del', key } as const : { type: 'put', key, value: value! } as const
      await db.batch([operation], { sync: true })
    })
    const storage = level(folder, options)
    const { damage, entries } = await storage.open()
    assert.is(damage, 'log')
    sameEntries(entries, run(1, 7), 'log')
    // What lay behind the hole must not join what is written now.
    const later = [entry(at(1, 3), at(7))]
    await storage.write({ entries: later, meta: { ...META, health: 'log' } })
    await storage.close()
    const again = level(folder, options)
    const left = await again.open()
    await again.close()
    assert.is(left.damage, 'none')
    sameEntries(left.entries, [...run(1, 7), ...later], 'log')
  }
})

test('without files, a damaged snapshot is damage, and is not handed out', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const storage = level(folder, { segments: null })
  await storage.open()
  await storage.write({ entries: run(1, 9), meta: META, chunks: chunks(1, 3) })
  await storage.write({ install: base(1, at(9), 3), purgeThrough: at(9) })
  await storage.close()
  await tamper(folder, async (db) => {
    for await (const [key, value] of db.iterator({ gte: 's', lt: 't' })) {
      value[6]! ^= 1
      await db.batch([{ type: 'put', key, value }], { sync: true })
      break
    }
  })
  const { damage, base: left, entries, meta } = await found(folder, { segments: null })
  assert.is(damage, 'log')
  assert.is(left, null)
  assert.is(entries.length, 0)
  assert.equal(meta, META)
})

test('a database whose making was cut short is made anew', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const db = join(folder, 'db')
  mkdirSync(db, { recursive: true })
  // LevelDB flushes the first of these, and not the second that it names.
  writeFileSync(join(db, 'CURRENT'), 'MANIFEST-000001\n')
  writeFileSync(join(db, 'MANIFEST-000001'), '')
  const { meta, entries, damage } = await found(folder)
  assert.equal([meta, Array.from(entries), damage], [null, [], 'none'])
  assert.ok(existsSync(`${db}.damaged-1`))
})

test('a database that cannot be used is set aside; without a marker it is refused', async (t) => {
  for (const kind of ['state', 'manifest', 'tables'] as const) {
    const folder = join(t.tempFolder(), 'data')
    const storage = level(folder)
    await storage.open()
    await storage.write({ entries: run(1, 10), meta: META })
    await storage.close()
    // So much that LevelDB has tables.
    await tamper(folder, (opened) => opened.batch(Array.from({ length: 10 }, (_, index) =>
      ({ type: 'put', key: `!${index}`, value: randomBytes(2_000_000) })), { sync: true }))
    await found(folder)
    const db = join(folder, 'db')
    if (kind === 'state') {
      await tamper(folder, (opened) => opened.batch([{ type: 'del', key: STATE_KEY }], { sync: true }))
    } else {
      const pattern = kind === 'manifest' ? /^MANIFEST/ : /\.ldb$/
      for (const file of readdirSync(db)) if (pattern.test(file)) corrupt(join(db, file), 0, 1)
    }
    const marker = readFileSync(join(folder, 'marker'))
    rmSync(join(folder, 'marker'))
    await rejects(found(folder), 'StorageDamaged')
    assert.not.ok(existsSync(`${db}.damaged-1`), 'nothing may be moved without a marker')
    writeFileSync(join(folder, 'marker'), marker)
    const { damage, meta, entries } = await found(folder)
    assert.is(damage, 'log')
    assert.equal(meta, META)
    assert.is(entries.length, 0)
    assert.ok(existsSync(`${db}.damaged-1`))
  }
})

test('an altered marker is no marker', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  await grown(folder, 5)
  corrupt(join(folder, 'marker'), 20, 1_000)
  const { damage, entries } = await found(folder)
  assert.is(damage, 'none')
  assert.is(entries.length, 15)
})

test('another version of the layout or of the promises is refused', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  await grown(folder, 5)
  const foreign = { type: 'put', key: STATE_KEY, value: Uint8Array.of(4, 9, 9) } as const
  await tamper(folder, (db) => db.batch([foreign], { sync: true }))
  await rejects(found(folder), 'StorageVersion')
  const other = join(t.tempFolder(), 'data')
  await grown(other, 5, { ...META, format: 2 })
  await rejects(found(other), 'StorageVersion')
})

test('a place that is no folder fails plainly', async (t) => {
  const file = join(t.tempFolder(), 'file')
  writeFileSync(file, '')
  await rejects(level(file).open(), 'StorageFailed')
})

test('a failing write fails what waits behind it, and nothing is retried', async (t) => {
  let attempts = 0
  let isBroken = false
  const segments = watchedFiles(() => {
    if (!isBroken) return
    attempts += 1
    throw new Error('no space left')
  })
  const storage = level(join(t.tempFolder(), 'data'), { segments })
  await storage.open()
  await storage.write({ entries: run(1, 1), meta: META })
  isBroken = true
  const writes = [2, 3, 4].map((counter) => rejects(storage.write({ entries: run(counter, counter) }), 'StorageFailed'))
  await Promise.all(writes)
  isBroken = false
  await rejects(storage.write({ entries: run(2, 2) }), 'StorageFailed')
  assert.is(attempts, 1)
  await storage.close()
})

test('without files, a failing database fails what is written, and nothing is retried', async (t) => {
  let isBroken = false
  const folder = join(t.tempFolder(), 'data')
  const storage = level(folder, { segments: null, database(location) {
    const db = database(location)
    const batch = db.batch.bind(db)
    db.batch = async (operations, options) => {
      if (isBroken) throw new Error('no space left')
      assert.is(options.sync, true)
      await batch(operations, options)
    }
    return db
  } })
  await storage.open()
  await storage.write({ entries: run(1, 1), meta: META })
  isBroken = true
  await rejects(storage.write({ chunks: chunks(1, 1) }), 'StorageFailed')
  isBroken = false
  await rejects(storage.write({ entries: run(2, 2) }), 'StorageFailed')
  await storage.close()
  sameEntries((await found(folder, { segments: null })).entries, run(1, 1), 'log')
})

test('what waits behind a write is written together', async (t) => {
  let writes = 0
  const storage = level(join(t.tempFolder(), 'data'), { segments: watchedFiles(() => { writes += 1 }) })
  await storage.open()
  await storage.write({ meta: META })
  const before = writes
  await Promise.all(Array.from({ length: 100 }, (_, index) => storage.write({ entries: run(index + 1, index + 1) })))
  assert.is(writes - before, 2)
  await storage.close()
})

test('a storage that is purged for ever keeps its size', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const storage = level(folder)
  await storage.open()
  const noise = randomBytes(200_000)
  const noiseAt = (offset: number): Uint8Array => noise.subarray(offset, offset + 1_000)
  let previous = at(0)
  let largest = 0
  for (let batch = 1; batch <= 400; batch++) {
    const entries = Array.from({ length: 500 }, (_, index) => {
      const zxid = at((batch - 1) * 500 + index + 1)
      const made = { ...entry(zxid, previous), bytes: noiseAt((zxid * 7919) % 190_000) }
      previous = zxid
      return made
    })
    await storage.write({ entries })
    if (batch % 20 !== 0) continue
    const id = batch / 20
    const pieces = Array.from({ length: 8 }, (_, index) => ({ id, index, bytes: noise }))
    await storage.write({ chunks: pieces })
    await storage.write({ install: base(id, previous, 8), purgeThrough: previous })
    largest = Math.max(largest, folderBytes(join(folder, 'db')))
  }
  await storage.close()
  assert.ok(largest < 100_000_000, `${largest} bytes for 230 MB written, of which 12 MB are needed`)
}, { timeoutMs: 60_000 })

test('both checksums are the CRC-32 of zlib', () => {
  const bytes = new TextEncoder().encode('123456789')
  assert.is(slowChecksum(bytes), 0xcbf43926)
  assert.is(nativeChecksum()(bytes), 0xcbf43926)
})

test('a bundle for browsers reaches nothing of Node', async () => {
  const result = await build({
    entryPoints: [fileURLToPath(new URL('../../storage/level.ts', import.meta.url))],
    bundle: true, write: false, metafile: true, platform: 'browser', format: 'esm', logLevel: 'silent',
    external: ['events'],
  })
  const inputs = Object.keys(result.metafile.inputs)
  assert.ok(inputs.some((input) => input.includes('browser-level')))
  assert.equal(inputs.filter((input) => /classic-level|^node:/.test(input)), [])
})

test('batches that wait are one write up to 1 MiB: each write is acknowledged while a slow disk gets on', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const recorded = new RecordedDisk()
  recorded.lay(folder)
  const storage = level(folder, { segments: recorded.open, database: recorded.database })
  await storage.open()
  const before = recorded.moments.length
  const written = Array.from({ length: 12 }, (_, at) => storage.write({ entries: run(at + 1, at + 1, 300_000) }))
  await Promise.all(written)
  const sizes = recorded.moments.slice(before).map(({ bytes }) => bytes.byteLength)
  await storage.close()
  const most = Math.max(...sizes)
  assert.ok(most > 600_000, `some are joined: ${sizes.join()}`)
  assert.ok(most <= 1_050_000, `none is long: ${sizes.join()}`)
})

test.run()
