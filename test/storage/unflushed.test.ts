import { cpSync, existsSync, mkdirSync, promises, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { META, at, base, chunks, run } from '../../lib/testing/conformance/storage-fixtures.ts'
import { sameEntries } from '../../lib/testing/conformance/storage-checks.ts'
import type { OpenSegment } from '../../storage/level/segment-file.ts'
import { level } from '../../storage/level.ts'
import { assert, rejects, suite } from '../harness.ts'
import type { Case } from '../harness.ts'

const test = suite('what was never flushed')

/** The files of a log: as the system shows them, and as they are on the disk. */
class CachedFiles {
  /** Writes get into the system's memory and no further: the process was killed in one, or the disk refused it. */
  isStuck = false
  readonly #shown: Map<string, Uint8Array>
  readonly #onDisk: Map<string, Uint8Array>

  constructor(content: ReadonlyMap<string, Uint8Array> = new Map()) {
    this.#shown = new Map(content)
    this.#onDisk = new Map(content)
  }

  readonly open: OpenSegment = (path) => {
    const name = basename(path)
    // The names are looked for in the folder.
    writeFileSync(path, '')
    for (const files of [this.#shown, this.#onDisk]) if (!files.has(name)) files.set(name, new Uint8Array())
    const shown = this.#shown
    return Promise.resolve({
      get size() { return shown.get(name)!.byteLength },
      read: (from, to) => Promise.resolve(shown.get(name)!.slice(from, to)),
      write: (bytes: Uint8Array, position: number) => {
        put(shown, name, bytes, position)
        if (this.isStuck) return Promise.reject(new Error('EIO: i/o error, write'))
        // What the system takes for written is not written again.
        put(this.#onDisk, name, bytes, position)
        return Promise.resolve()
      },
      close: () => Promise.resolve(),
    })
  }

  /** What is left when the power has gone. */
  afterLoss(): CachedFiles {
    return new CachedFiles(this.#onDisk)
  }
}

function put(files: Map<string, Uint8Array>, name: string, bytes: Uint8Array, position: number): void {
  const old = files.get(name)!
  const content = new Uint8Array(Math.max(old.byteLength, position + bytes.byteLength))
  content.set(old)
  content.set(bytes, position)
  files.set(name, content)
}

for (const bytes of [20, 20_000, 5_000_000]) {
  test(`${bytes} bytes that open found stay when the power goes, though their write had failed`, async (t) => {
    const folder = join(t.tempFolder(), 'data')
    const files = new CachedFiles()
    const storage = level(folder, { segments: files.open })
    await storage.open()
    await storage.write({ meta: META, entries: run(1, 3, 100) })
    files.isStuck = true
    await rejects(storage.write({ entries: run(4, 4, bytes) }), 'StorageFailed')
    await storage.close()
    files.isStuck = false
    const again = level(folder, { segments: files.open })
    const told = Array.from((await again.open()).entries)
    await again.close()
    // Told is promised: a peer votes for what it found.
    const copy = join(t.tempFolder(), 'after')
    mkdirSync(copy)
    cpSync(folder, copy, { recursive: true })
    const after = level(copy, { segments: files.afterLoss().open })
    const { entries, damage } = await after.open()
    await after.close()
    assert.is(damage, 'none')
    sameEntries(entries, told, 'log')
    sameEntries(entries, run(1, 3, 100).concat(told.slice(3)), 'log')
  })
}

/** Whether the folder is flushed, from now on, with this in it. */
function watchFlushes(t: Case, folder: string, name: string): () => boolean {
  const { open } = promises
  let isFlushed = false
  promises.open = async (...parts) => {
    const handle = await open(...parts)
    const sync = handle.sync.bind(handle)
    handle.sync = async () => {
      const isThere = existsSync(join(folder, name))
      await sync()
      if (parts[0] === folder && isThere) isFlushed = true
    }
    return handle
  }
  t.defer(() => { promises.open = open })
  return () => isFlushed
}

test('the name of the database is on the disk before anything is acknowledged', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const isFlushed = watchFlushes(t, folder, 'db')
  const storage = level(folder)
  await storage.open()
  // Without promises there is no marker, which would flush it as well.
  await storage.write({ entries: run(1, 1, 20) })
  assert.ok(isFlushed())
  await storage.close()
})

test('the name of a snapshot is on the disk before it is installed', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const storage = level(folder)
  await storage.open()
  await storage.write({ entries: run(1, 3), meta: META })
  const isFlushed = watchFlushes(t, join(folder, 'db'), 'snap-1')
  await storage.write({ chunks: chunks(1, 2) })
  assert.ok(isFlushed())
  await storage.write({ install: base(1, at(2), 2) })
  await storage.close()
})

test.run()
