/** Batches that no peer writes: nothing of them is written, and the storage has failed. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { META, at, base, chunks, run } from '../../lib/testing/conformance/storage-fixtures.ts'
import { sameEntries } from '../../lib/testing/conformance/storage-checks.ts'
import type { LogBatch, Storage } from '../../lib/ports/storage.ts'
import { level } from '../../storage/level.ts'
import { memory } from '../../storage/memory.ts'
import { assert, rejects, suite } from '../harness.ts'

const test = suite('batches that are refused')

/** Of a storage with a snapshot at 8 and a log from 4 to 12. */
const REFUSED: readonly (readonly [batch: LogBatch, why: RegExp])[] = [
  [{ resetLog: true }, /resetLog without install/],
  [{ truncateAfter: at(7) }, /truncation of the snapshot/],
  [{ entries: run(14, 14) }, /a hole between/],
  [{ entries: run(12, 13) }, /a hole between/],
  [{ chunks: chunks(1, 1, 3) }, /a chunk of snapshot 1, which is installed/],
  [{ chunks: chunks(1, 3) }, /a chunk of snapshot 1, which is installed/],
  [{ chunks: chunks(2, 1, 1) }, /chunk 1 of snapshot 2 out of turn/],
  [{ chunks: chunks(2, 2), install: base(2, at(9), 3) }, /chunk 2 of snapshot 2 was not written/],
]

async function begun(storage: Storage): Promise<void> {
  await storage.open()
  await storage.write({ entries: run(1, 4), meta: META })
  await storage.write({ entries: run(5, 12), chunks: chunks(1, 3) })
  await storage.write({ install: base(1, at(8), 3), purgeThrough: at(4) })
}

/** Refuses the batch and whatever comes after it; opened again, it is as it was. */
async function refuses(storage: Storage, batch: LogBatch, why: RegExp): Promise<void> {
  await begun(storage)
  const error = await rejects(storage.write({ ...batch, meta: { ...META, acceptedEpoch: 99 } }), 'StorageFailed')
  assert.match(error.message, why)
  await rejects(storage.write({ entries: run(13, 13) }), 'StorageFailed')
  await storage.close()
  const { entries, meta, base: kept, damage } = await storage.open()
  assert.equal([meta, kept, damage], [META, base(1, at(8), 3), 'none'], String(why))
  sameEntries(Array.from(entries).slice(-8), run(5, 12), String(why))
  await storage.close()
}

test('by the storage in files', async (t) => {
  for (const [batch, why] of REFUSED) await refuses(level(join(t.tempFolder(), 'data')), batch, why)
})

test('by the one without', async (t) => {
  for (const [batch, why] of REFUSED) await refuses(level(join(t.tempFolder(), 'data'), { segments: null }), batch, why)
})

test('by the one in memory', async () => {
  for (const [batch, why] of REFUSED) await refuses(memory(), batch, why)
})

test('a snapshot from before the log', async (t) => {
  const batch = { chunks: chunks(2, 1), install: base(2, at(3), 1) }
  await refuses(level(join(t.tempFolder(), 'data')), batch, /the log begins after the snapshot/)
})

test('a truncation into a record that was lost since the opening', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const storage = level(folder)
  t.defer(() => storage.close())
  await storage.open()
  await storage.write({ entries: run(1, 9), meta: META })
  const log = join(folder, 'db', 'log-0')
  const content = readFileSync(log)
  content[content.indexOf(run(5, 5)[0]!.bytes) + 3]! ^= 1
  writeFileSync(log, content)
  const error = await rejects(storage.write({ truncateAfter: at(5) }), 'StorageFailed')
  assert.match(error.message, /record \d+ cannot be read any more/)
})

test('a storage has a name, is opened once, and takes nothing while it is not open', async (t) => {
  assert.throws(() => level(''), /needs the name of its folder/)
  for (const storage of [level(join(t.tempFolder(), 'data')), memory()]) {
    await rejects(storage.write({ meta: META }), 'StorageFailed')
    const opening = storage.open()
    await rejects(storage.open(), 'StorageLocked')
    await opening
    await rejects(storage.open(), 'StorageLocked')
    await storage.close()
    await rejects(storage.write({ meta: META }), 'StorageFailed')
    assert.is((await storage.open()).meta, null)
    await storage.close()
  }
})

test.run()
