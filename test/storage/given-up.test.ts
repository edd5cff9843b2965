/**
 * A snapshot of a leader is given up when the link to it goes, and nobody says so to the storage: what was written of
 * it goes when the next one begins, whatever is damaged. Otherwise the voter that needs a snapshot most fills its disk.
 */
import * as fs from 'node:fs'
import { existsSync, promises, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { META, at, base, chunks, run } from '../../lib/testing/conformance/storage-fixtures.ts'
import { sameEntries } from '../../lib/testing/conformance/storage-checks.ts'
import type { LogBatch, Storage } from '../../lib/ports/storage.ts'
import { LAYOUT_VERSION, STATE_KEY } from '../../storage/level/records.ts'
import { segmentFiles } from '../../storage/level/segment-file.ts'
import type { OpenSegment } from '../../storage/level/segment-file.ts'
import { level } from '../../storage/level.ts'
import type { LevelOptions } from '../../storage/level.ts'
import { assert, suite } from '../harness.ts'
import type { Case } from '../harness.ts'
import { copyFolder } from './places.ts'
import { RecordedDisk, isSnapshot } from './recorded-disk.ts'
import { fileOf, filesOf, found, killed, openFiles } from './snapshot-files.ts'

const test = suite('snapshots that were given up')
const BASE = base(1, at(8), 3)

/** A storage with a log up to 12 and a snapshot at 8. */
async function begun(folder: string): Promise<Storage> {
  const storage = level(folder)
  await storage.open()
  await storage.write({ entries: run(1, 12), meta: META, chunks: chunks(1, 3) })
  await storage.write({ install: BASE })
  return storage
}

function rot(path: string, place: number): void {
  const content = readFileSync(path)
  content[place]! ^= 1
  writeFileSync(path, content)
}

/** Attempts, each under another number, as a learner makes them, of which none is installed. */
async function giveUp(storage: Storage, from: number, count: number): Promise<void> {
  for (let id = from; id < from + count; id++) {
    await storage.write({ chunks: chunks(id, 2) })
    await storage.write({ chunks: chunks(id, 1, 2) })
  }
}

async function isWhole(folder: string): Promise<void> {
  const { damage, base: kept, read, entries } = await found(folder)
  assert.equal([damage, kept, read], ['none', BASE, chunks(1, 3).map(({ bytes }) => bytes)])
  sameEntries(entries, run(1, 12), 'log')
}

test('of fifty that were given up one is left, with one file open', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const storage = await begun(folder)
  await giveUp(storage, 1_000, 50)
  await storage.write({ entries: [] })
  assert.equal(filesOf(folder), ['snap-1', 'snap-1049'])
  if (existsSync('/proc/self/fd')) assert.equal(openFiles(folder), ['snap-1049'])
  await storage.close()
  await isWhole(folder)
  assert.equal(filesOf(folder), ['snap-1'])
})

test('likewise of a storage whose snapshot is damaged, from one start to the next', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  await (await begun(folder)).close()
  rot(fileOf(folder, 1), 60)
  for (const from of [2_000, 3_000, 4_000]) {
    const storage = level(folder)
    assert.is((await storage.open()).damage, 'log')
    assert.equal(filesOf(folder), [from === 2_000 ? 'snap-1' : `snap-${from - 996}`], 'nothing is deleted yet')
    await giveUp(storage, from, 5)
    assert.equal(filesOf(folder), [`snap-${from + 4}`])
    if (existsSync('/proc/self/fd')) assert.equal(openFiles(folder), filesOf(folder))
    await storage.close()
  }
  const storage = level(folder)
  await storage.open()
  await storage.write({ chunks: chunks(9, 4) })
  await storage.write({ install: base(9, at(20), 4), resetLog: true, meta: META })
  await storage.close()
  assert.equal(filesOf(folder), ['snap-9'])
  const { damage, read } = await found(folder)
  assert.equal([damage, read], ['none', chunks(9, 4).map(({ bytes }) => bytes)])
})

test('where the log is damaged its snapshot stays', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const storage = await begun(folder)
  await storage.write({ entries: run(13, 14) })
  await storage.write({ entries: run(15, 15) })
  await storage.close()
  const log = join(folder, 'db', 'log-0')
  rot(log, readFileSync(log).lastIndexOf(run(14, 14)[0]!.bytes) + 3)
  for (const from of [2_000, 3_000]) {
    const again = level(folder)
    const { damage, base: kept } = await again.open()
    assert.equal([damage, kept], ['log', BASE])
    await giveUp(again, from, 5)
    assert.equal(filesOf(folder), ['snap-1', `snap-${from + 4}`])
    await again.close()
  }
  assert.equal((await found(folder)).read, chunks(1, 3).map(({ bytes }) => bytes))
})

test('a full disk has room for the next one again', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  await (await begun(folder)).close()
  rot(fileOf(folder, 1), 60)
  const size = 28 + 3 * 24 + 60
  const open: OpenSegment = async (path, sync) => {
    const file = await segmentFiles(fs)(path, sync)
    return {
      get size() { return file.size },
      read: (from, to) => file.read(from, to), close: () => file.close(),
      async write(bytes, position) {
        const others = filesOf(folder).filter((name) => name !== basename(path))
        const taken = others.reduce((sum, name) => sum + fs.statSync(join(folder, 'db', name)).size, 0)
        if (isSnapshot(basename(path)) && taken + position + bytes.byteLength > 2 * size) {
          throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
        }
        await file.write(bytes, position)
      },
    }
  }
  for (const from of [2_000, 3_000]) {
    const storage = level(folder, { segments: open })
    assert.is((await storage.open()).damage, 'log')
    await giveUp(storage, from, 3)
    await storage.close()
  }
  const storage = level(folder, { segments: open })
  await storage.open()
  await storage.write({ chunks: chunks(9, 3) })
  await storage.write({ install: base(9, at(20), 3), resetLog: true, meta: META })
  await storage.close()
  assert.is((await found(folder)).damage, 'none')
})

test('what is installed stays, though the next one begins before that is known', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const storage = await begun(folder)
  const writes = [
    storage.write({ chunks: chunks(5, 4) }),
    storage.write({ chunks: [...chunks(6, 2), ...chunks(7, 3)] }),
    storage.write({ install: base(7, at(9), 3) }),
    storage.write({ chunks: [...chunks(2_000, 2), ...chunks(3_000, 1)] }),
    storage.write({ chunks: chunks(3_000, 2, 1), entries: run(13, 13) }),
  ]
  await Promise.all(writes)
  const { damage, base: kept, read } = await found(killed(folder, 'killed'))
  assert.equal([damage, kept, read], ['none', base(7, at(9), 3), chunks(7, 3).map(({ bytes }) => bytes)])
  await storage.write({ install: base(3_000, at(12), 3) })
  await storage.close()
  const after = await found(folder)
  assert.equal([after.base, after.read], [base(3_000, at(12), 3), chunks(3_000, 3).map(({ bytes }) => bytes)])
})

/** What the database says is always the same. */
const { database } = new RecordedDisk(new Map(), new Map([[STATE_KEY, Uint8Array.of(LAYOUT_VERSION)]]))
const unflushed: LevelOptions = { database, sync: false }

/** What a process that ends at any step of the disk leaves, or a disk whose power goes then. */
class Steps {
  readonly images: { readonly folder: string, readonly batch: number }[] = []
  /** Of those that were written, all but the last one are acknowledged. */
  batch = 0
  readonly #folder: string
  /** Since the folder was flushed. */
  readonly #removed = new Map<string, Uint8Array>()

  readonly #rm = promises.rm

  constructor(folder: string) {
    this.#folder = folder
    const rm = this.#rm
    promises.rm = async (path, options) => {
      const name = basename(path as string)
      this.#take()
      if (existsSync(path)) this.#removed.set(name, readFileSync(path))
      await rm(path, options)
      this.#take()
    }
  }

  end(): void {
    promises.rm = this.#rm
  }

  readonly open: OpenSegment = async (path, sync) => {
    const file = await segmentFiles(fs)(path, sync)
    this.#take()
    return {
      get size() { return file.size },
      read: (from, to) => file.read(from, to), close: () => file.close(),
      write: async (bytes, position) => {
        if (isSnapshot(basename(path)) && position === 0) this.#removed.clear()
        this.#take()
        await file.write(bytes.slice(0, bytes.byteLength >> 1), position)
        this.#take()
        await file.write(bytes, position)
      },
    }
  }

  #take(): void {
    const folder = `${this.#folder}-${this.images.length}`
    copyFolder(this.#folder, folder)
    this.images.push({ folder, batch: this.batch })
    // With the power, removals are lost.
    const lost = Array.from(this.#removed).filter(([name]) => !existsSync(join(folder, 'db', name)))
    if (lost.length === 0) return
    const other = `${this.#folder}-${this.images.length}`
    copyFolder(folder, other)
    for (const [name, content] of lost) writeFileSync(join(other, 'db', name), content)
    this.images.push({ folder: other, batch: this.batch })
  }
}

/** Writes these batches; of every image that is left, `check` hears which of them was under way. */
async function atEveryStep(
  t: Case, folder: string, batches: readonly LogBatch[], check: (folder: string, batch: number) => Promise<void>,
): Promise<void> {
  const steps = new Steps(folder)
  t.defer(() => steps.end())
  const storage = level(folder, { segments: steps.open, database })
  await storage.open()
  for (const batch of batches) {
    await storage.write(batch)
    steps.batch += 1
  }
  await storage.close()
  steps.end()
  for (const { folder: image, batch } of steps.images) await check(image, batch)
  assert.ok(steps.images.length > 40, `${steps.images.length} images`)
}

/** A leader brings it up, however often that fails. */
async function isBroughtUp(folder: string): Promise<void> {
  const storage = level(folder, unflushed)
  await storage.open()
  await giveUp(storage, 7_000, 2)
  await storage.write({ chunks: chunks(50, 3) })
  await storage.write({ install: base(50, at(40), 3), resetLog: true, meta: META })
  await storage.close()
  assert.equal(filesOf(folder).filter((name) => name !== 'snap-spare'), ['snap-50'])
  const { damage, read } = await found(folder, unflushed)
  assert.equal([damage, read], ['none', chunks(50, 3).map(({ bytes }) => bytes)])
}

test('a crash at any step leaves the snapshot that is installed', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  await (await begun(folder)).close()
  const second = base(2, at(10), 3)
  const batches: readonly LogBatch[] = [
    { chunks: chunks(2_000, 2) }, { chunks: chunks(2_001, 2), entries: run(13, 13) }, { chunks: chunks(2_002, 1) },
    { chunks: chunks(2, 3) }, { install: second, purgeThrough: at(4) },
    { chunks: chunks(3_000, 2) }, { chunks: chunks(3_001, 1), entries: run(14, 14) },
  ]
  await atEveryStep(t, folder, batches, async (image, batch) => {
    const { damage, base: kept, read, entries } = await found(image, unflushed)
    assert.is(damage, 'none', image)
    const isSecond = kept?.id === 2
    assert.equal(kept, isSecond ? second : BASE)
    assert.ok(isSecond ? batch >= 4 : batch <= 4, `snapshot ${kept?.id} after ${batch}`)
    assert.equal(read, chunks(kept!.id, 3).map(({ bytes }) => bytes))
    const last = at(batch > 6 ? 14 : batch > 1 ? 13 : 12)
    const end = Array.from(entries).at(-1)!.zxid
    assert.ok(end >= last, `${end} after ${batch}`)
    assert.equal(filesOf(image).filter((name) => name !== 'snap-spare'), [`snap-${kept!.id}`])
    await isBroughtUp(image)
  })
}, { timeoutMs: 60_000 })

test('a crash at any step leaves a damaged storage that a leader can bring up', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  await (await begun(folder)).close()
  rot(fileOf(folder, 1), 60)
  const batches: readonly LogBatch[] = [
    { chunks: chunks(2_000, 2) }, { chunks: chunks(2_001, 2) }, { chunks: chunks(2_002, 3) },
    { install: base(2_002, at(20), 3), resetLog: true, meta: META }, { chunks: chunks(3_000, 1) },
  ]
  await atEveryStep(t, folder, batches, async (image, batch) => {
    const { damage, base: kept, meta } = await found(image, unflushed)
    const isUp = damage === 'none'
    assert.equal([damage, kept], isUp ? ['none', base(2_002, at(20), 3)] : ['log', null], image)
    assert.ok(isUp ? batch >= 3 : batch <= 3, `${damage} after ${batch}`)
    assert.equal(meta, META)
    await isBroughtUp(image)
  })
}, { timeoutMs: 60_000 })

test.run()
