import * as fs from 'node:fs'
import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { META, run } from '../../lib/testing/conformance/storage-fixtures.ts'
import { sameEntries } from '../../lib/testing/conformance/storage-checks.ts'
import { segmentFiles } from '../../storage/level/segment-file.ts'
import type { OpenSegment } from '../../storage/level/segment-file.ts'
import { level } from '../../storage/level.ts'
import { assert, rejects, suite } from '../harness.ts'

const test = suite('room for the log')
const BYTES = 20_000

/** A disk whose files grow only while it has room. */
class Disk {
  isFull = false
  code = 'ENOSPC'
  /** Names of the files that could not grow. */
  readonly refused: string[] = []
  readonly #ofDisk = segmentFiles(fs)

  readonly open: OpenSegment = async (path, sync) => {
    const file = await this.#ofDisk(path, sync)
    return {
      get size() { return file.size },
      read: (from, to) => file.read(from, to), close: () => file.close(),
      write: async (bytes, position) => {
        if (this.isFull && position + bytes.byteLength > file.size) {
          this.refused.push(basename(path))
          throw Object.assign(new Error(`${this.code}: write`), { code: this.code })
        }
        await file.write(bytes, position)
      },
    }
  }
}

/** Writes entries until the disk has refused a file of this name, and then as many with room again. */
async function fillBeside(folder: string, disk: Disk, name: string, fullFrom: number): Promise<number> {
  const storage = level(folder, { segments: disk.open })
  await storage.open()
  await storage.write({ meta: META })
  let counter = 0
  const add = async (): Promise<void> => {
    counter += 1
    await storage.write({ entries: run(counter, counter, BYTES) })
  }
  try {
    while (counter < fullFrom) await add()
    disk.isFull = true
    while (!disk.refused.includes(name)) await add()
    disk.isFull = false
    for (const end = counter + 600; counter < end;) await add()
  } finally {
    await storage.close()
  }
  return counter
}

async function holds(folder: string, count: number): Promise<void> {
  const storage = level(folder)
  const { entries, damage } = await storage.open()
  await storage.close()
  assert.is(damage, 'none')
  sameEntries(entries, run(1, count, BYTES), 'log')
}

test('a file that could not grow ahead grows when it has to, if there is room by then', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const disk = new Disk()
  await holds(folder, await fillBeside(folder, disk, 'log-0', 1))
  assert.ok(disk.refused.length > 0)
})

test('likewise the next file, of which nothing stays before', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const disk = new Disk()
  // The first file has its full length, and is not half full yet.
  const count = await fillBeside(folder, disk, 'log-1', 200)
  assert.equal(disk.refused, ['log-1'], 'one attempt')
  const files = readdirSync(join(folder, 'db')).filter((name) => name.startsWith('log-'))
  assert.ok(!files.includes('log-1') && files.includes('log-2'), files.join())
  await holds(folder, count)
})

test('what else fails in growing fails the storage', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const disk = new Disk()
  disk.code = 'EIO'
  await rejects(fillBeside(folder, disk, 'log-0', 1), 'StorageFailed')
})

test.run()
