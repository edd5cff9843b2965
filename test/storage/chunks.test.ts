import * as fs from 'node:fs'
import { basename, join } from 'node:path'
import { META, at, base, bytesOf, chunks, run } from '../../lib/testing/conformance/storage-fixtures.ts'
import { sameEntries } from '../../lib/testing/conformance/storage-checks.ts'
import type { Recovered, Storage } from '../../lib/ports/storage.ts'
import { FileChunks } from '../../storage/level/file-chunks.ts'
import type { NodeModules } from '../../storage/level/marker.ts'
import { nativeChecksum } from '../../storage/level/records.ts'
import { segmentFiles } from '../../storage/level/segment-file.ts'
import type { SegmentFile } from '../../storage/level/segment-file.ts'
import { level } from '../../storage/level.ts'
import { assert, rejects, suite } from '../harness.ts'
import type { Case } from '../harness.ts'
import { copyFolder } from './places.ts'
import { isSnapshot } from './recorded-disk.ts'

const test = suite('chunks beside the log')

/** A storage whose files of snapshots take nothing until they are told to, or fail it. */
class SlowFiles {
  readonly storage: Storage
  readonly #folder: string
  #gate: Promise<void> = Promise.resolve()
  #open: () => void = () => undefined
  #fail: (error: Error) => void = () => undefined
  #images = 0

  constructor(t: Case) {
    this.#folder = join(t.tempFolder(), 'data')
    this.storage = level(this.#folder, { segments: async (path, sync) => {
      const file = await segmentFiles(fs)(path, sync)
      return {
        get size() { return file.size },
        read: (from, to) => file.read(from, to), close: () => file.close(),
        write: async (bytes, position) => {
          if (isSnapshot(basename(path))) await this.#gate
          await file.write(bytes, position)
        },
      }
    } })
    t.defer(async () => {
      this.#open()
      await this.storage.close()
    })
  }

  hold(): void {
    this.#gate = new Promise((resolve, reject) => {
      this.#open = resolve
      this.#fail = reject
    })
    this.#gate.catch((error: unknown) => error)
  }

  release(): void {
    this.#open()
  }

  fail(): void {
    this.#fail(new Error('no space left'))
  }

  /** What is found when the process is killed now. */
  async image(): Promise<Recovered & { readonly read: readonly Uint8Array[] }> {
    const copy = `${this.#folder}-${this.#images++}`
    copyFolder(this.#folder, copy)
    const storage = level(copy)
    const found = await storage.open()
    const read: Uint8Array[] = []
    for await (const chunk of found.snapshot) read.push(chunk)
    await storage.close()
    return { ...found, read }
  }
}

/** Tells whether it has ended, without waiting for it. */
function watched(promise: Promise<void>): { readonly ended: boolean } {
  const state = { ended: false }
  const end = (): void => { state.ended = true }
  promise.then(end, end)
  return state
}

/** Has txns 1 to 4, and holds two chunks of a snapshot that came with the last of them. */
async function heldWithChunks(t: ConstructorParameters<typeof SlowFiles>[0]): Promise<SlowFiles> {
  const disk = new SlowFiles(t)
  await disk.storage.open()
  await disk.storage.write({ entries: run(1, 3), meta: META })
  disk.hold()
  await disk.storage.write({ entries: run(4, 4), chunks: chunks(1, 2) })
  return disk
}

test('txns wait for no chunk; the record that installs them waits for all', async (t) => {
  const disk = await heldWithChunks(t)
  const { storage } = disk
  const alone = storage.write({ chunks: chunks(1, 1, 2) })
  // Acknowledged in the order of the calls: what it says is that the one before is done.
  await storage.write({ entries: run(5, 6) })
  await alone
  const install = storage.write({ install: base(1, at(4), 3), purgeThrough: at(4) })
  const behind = storage.write({ entries: run(7, 7) })
  const watches = [watched(install), watched(behind)]
  const before = await disk.image()
  assert.is(before.damage, 'none')
  assert.is(before.base, null)
  sameEntries(before.entries, run(1, 6), 'log before')
  assert.equal(watches, [{ ended: false }, { ended: false }])
  disk.release()
  await Promise.all([install, behind])
  const after = await disk.image()
  assert.is(after.damage, 'none')
  assert.equal(after.base, base(1, at(4), 3))
  assert.equal(after.read, chunks(1, 3).map(({ bytes }) => bytes))
  assert.is(Array.from(after.entries).at(-1)?.zxid, at(7))
})

test('chunks alone are acknowledged once they are on the disk', async (t) => {
  const disk = new SlowFiles(t)
  const { storage } = disk
  await storage.open()
  await storage.write({ meta: META })
  disk.hold()
  const alone = storage.write({ chunks: chunks(1, 1) })
  const watch = watched(alone)
  assert.is((await disk.image()).damage, 'none')
  assert.not(watch.ended)
  disk.release()
  await alone
})

test('no more than 8 MiB of chunks wait in memory', async (t) => {
  const disk = new SlowFiles(t)
  const { storage } = disk
  await storage.open()
  await storage.write({ meta: META })
  disk.hold()
  for (let index = 0; index < 8; index++) {
    const piece = { id: 1, index, bytes: bytesOf(index, 1024 * 1024 - 24) }
    await storage.write({ entries: run(index + 1, index + 1), chunks: [piece] })
  }
  const full = storage.write({ entries: run(9, 9), chunks: chunks(1, 1, 8) })
  const watch = watched(full)
  sameEntries((await disk.image()).entries, run(1, 8), 'log')
  assert.not(watch.ended)
  disk.release()
  await full
  sameEntries((await disk.image()).entries, run(1, 9), 'log')
})

test('a chunk that cannot be written fails whatever comes later; its snapshot is never installed', async (t) => {
  const disk = await heldWithChunks(t)
  const { storage } = disk
  const failing = [
    rejects(storage.write({ install: base(1, at(4), 2), purgeThrough: at(4) }), 'StorageFailed'),
    rejects(storage.write({ entries: run(5, 5) }), 'StorageFailed'),
  ]
  disk.fail()
  await Promise.all(failing)
  await rejects(storage.write({ entries: run(5, 5) }), 'StorageFailed')
  const { base: under, entries, damage } = await disk.image()
  assert.is(damage, 'none')
  assert.is(under, null)
  sameEntries(entries, run(1, 4), 'log')
})

test('a chunk that fails after the txns beside it were acknowledged fails the ones that come next', async (t) => {
  const disk = await heldWithChunks(t)
  const { storage } = disk
  disk.fail()
  let counter = 4
  const writeOn = async (): Promise<void> => {
    for (;;) {
      await storage.write({ entries: run(counter + 1, counter + 1) })
      counter += 1
    }
  }
  await rejects(writeOn(), 'StorageFailed')
  const { damage, entries } = await disk.image()
  assert.is(damage, 'none')
  sameEntries(entries, run(1, counter), 'log')
})

test('a chunk that fails while the storage is being closed is given up with it', async (t) => {
  const disk = await heldWithChunks(t)
  const { storage } = disk
  const closing = storage.close()
  disk.fail()
  await closing
  const { damage, base: under, entries } = await disk.image()
  assert.equal([damage, under], ['none', null])
  sameEntries(entries, run(1, 4), 'log')
})

test('a chunk that no file could give back fails the storage', async (t) => {
  const storage = level(join(t.tempFolder(), 'data'))
  t.defer(() => storage.close())
  await storage.open()
  await storage.write({ entries: run(1, 3), meta: META })
  await rejects(storage.write({ chunks: [{ id: 1, index: 0, bytes: new Uint8Array(2 ** 31) }] }), 'StorageFailed')
})

test('a chunk is as long as its file says', async () => {
  const long = new Uint8Array(257 * 1024 * 1024)
  const content = new Uint8Array(long.byteLength + 1_000)
  let size = 0
  const file: SegmentFile = {
    get size() { return size },
    read: (from, to) => Promise.resolve(content.subarray(from, to)),
    write: (bytes, position) => {
      content.set(bytes, position)
      size = Math.max(size, position + bytes.byteLength)
      return Promise.resolve()
    },
    close: () => Promise.resolve(),
  }
  const node = { fs: { existsSync: () => true } } as unknown as NodeModules
  const store = new FileChunks('', { sync: false, checksum: nativeChecksum(), node, open: () => Promise.resolve(file) })
  await store.write([{ id: 2, index: 0, bytes: store.pack({ id: 2, index: 0, bytes: long }) }])
  const lengths: unknown[] = []
  for await (const chunk of store.chunksOf(base(2, at(1), 1))) lengths.push(chunk?.byteLength)
  assert.equal(lengths, [long.byteLength])
})

test.run()
