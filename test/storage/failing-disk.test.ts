/** What cannot be read is not taken for absent, and what fails beside the log is told to whoever writes next. */
import {
  mkdirSync, promises, readFileSync, readdirSync, rmSync, rmdirSync, statSync, truncateSync, writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { META, at, base, chunks, run } from '../../lib/testing/conformance/storage-fixtures.ts'
import { sameEntries } from '../../lib/testing/conformance/storage-checks.ts'
import { nativeChecksum } from '../../storage/level/records.ts'
import { level } from '../../storage/level.ts'
import { assert, rejects, suite } from '../harness.ts'
import { RecordedDisk } from './recorded-disk.ts'
import { found } from './snapshot-files.ts'

const test = suite('a failing disk')

async function written(folder: string): Promise<void> {
  const storage = level(folder)
  await storage.open()
  await storage.write({ entries: run(1, 5), meta: META })
  await storage.close()
}

test('a marker that cannot be read is not taken for none', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  await written(folder)
  const marker = join(folder, 'marker')
  const content = readFileSync(marker)
  rmSync(marker)
  mkdirSync(marker)
  await rejects(found(folder), 'StorageFailed')
  rmdirSync(marker)
  writeFileSync(marker, content)
  const { entries, damage } = await found(folder)
  assert.is(damage, 'none')
  sameEntries(entries, run(1, 5), 'log')
})

test('a marker of later software is refused', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  await written(folder)
  const text = JSON.stringify({ format: 2, sequence: 1, meta: META })
  const sum = nativeChecksum()(new TextEncoder().encode(text)).toString(16).padStart(8, '0')
  writeFileSync(join(folder, 'marker'), `${sum}\n${text}\n`)
  const error = await rejects(found(folder), 'StorageVersion')
  assert.match(error.message, /the marker has layout version 2/)
})

test('a log that is gone is not taken for an empty one', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  await written(folder)
  for (const name of ['marker', 'db/log-0']) rmSync(join(folder, name))
  const error = await rejects(found(folder), 'StorageDamaged')
  assert.match(error.message, /its log is gone/)
})

test('a file of the log that cannot be read while the one before is read is an error like others', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  await written(folder)
  truncateSync(join(folder, 'db', 'log-0'), 8 * 1024 * 1024)
  mkdirSync(join(folder, 'db', 'log-1'))
  const error = await rejects(found(folder), 'StorageFailed')
  assert.match(String(error.cause), /EISDIR/)
})

test('whether a database was ever finished must be known before it is set aside', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  // Something is in it, but no layout.
  const { database } = new RecordedDisk(new Map(), new Map([['x', Uint8Array.of(1)]]))
  await rejects(level(folder, { database }).open(), 'StorageDamaged')
  mkdirSync(join(folder, 'db', 'CURRENT'))
  await rejects(level(folder, { database }).open(), 'StorageFailed')
  assert.equal(readdirSync(folder), ['db'])
})

test('closed while it opens, a storage is closed, also when the opening fails', async (t) => {
  const file = join(t.tempFolder(), 'file')
  writeFileSync(file, '')
  const storage = level(file)
  for (let attempt = 0; attempt < 2; attempt++) {
    const opening = rejects(storage.open(), 'StorageFailed')
    await storage.close()
    await opening
  }
})

test('the size of what cannot be looked at is an error, that of what is not there is 0', (t) => {
  const folder = t.tempFolder()
  const file = join(folder, 'file')
  writeFileSync(file, '')
  assert.throws(() => level(file).size?.(), (error: NodeJS.ErrnoException) => error.code === 'ENOTDIR')
  assert.is(level(join(folder, 'data')).size?.(), 0)
})

test('a file of the log that cannot be removed fails the writes that come after', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const { unlink } = promises
  t.defer(() => { promises.unlink = unlink })
  const storage = level(folder)
  t.defer(() => storage.close())
  await storage.open()
  await storage.write({ entries: run(1, 3), meta: META })
  // It has a file of its own, which is of no use for others.
  await storage.write({ entries: run(4, 23, 500_000) })
  await storage.write({ entries: run(24, 26), chunks: chunks(1, 1) })
  promises.unlink = () => Promise.reject(Object.assign(new Error('EIO: i/o error, unlink'), { code: 'EIO' }))
  await storage.write({ install: base(1, at(26), 1), purgeThrough: at(26) })
  let counter = 26
  const writeOn = async (): Promise<void> => {
    for (;;) {
      await storage.write({ entries: run(counter + 1, counter + 1) })
      counter += 1
    }
  }
  const error = await rejects(writeOn(), 'StorageFailed')
  assert.match(error.message, /EIO: i\/o error, unlink/)
  await storage.close()
  promises.unlink = unlink
  const sizes = readdirSync(join(folder, 'db')).map((name) => statSync(join(folder, 'db', name)).size)
  assert.ok(Math.max(...sizes) > 10_000_000, 'it is still there')
  const { entries, damage } = await found(folder)
  assert.is(damage, 'none')
  assert.is(Array.from(entries).at(-1)?.zxid ?? at(26), at(counter))
})

test.run()
