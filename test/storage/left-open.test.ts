/** Whatever fails, each file that was opened is closed, and once: a descriptor closed twice may be somebody else's. */
import * as fs from 'node:fs'
import { readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { META, run } from '../../lib/testing/conformance/storage-fixtures.ts'
import { segmentFiles } from '../../storage/level/segment-file.ts'
import type { OpenSegment } from '../../storage/level/segment-file.ts'
import { level } from '../../storage/level.ts'
import { assert, rejects, suite } from '../harness.ts'

const test = suite('files that are left open')

/** A disk that can be told to fail, and knows which of its files are open. */
class Disk {
  /** What fails: `read log-0`, `write log-1`, `close log-0`. */
  failsAt = ''
  readonly live = new Set<string>()
  readonly twice: string[] = []

  readonly open: OpenSegment = async (path, sync) => {
    const name = basename(path)
    const file = await segmentFiles(fs)(path, sync)
    this.live.add(name)
    let isOpen = true
    const attempt = (what: string): void => {
      if (this.failsAt === `${what} ${name}`) throw Object.assign(new Error('EIO'), { code: 'EIO' })
    }
    return {
      get size() { return file.size },
      read: async (from, to) => {
        attempt('read')
        return await file.read(from, to)
      },
      write: async (bytes, position) => {
        attempt('write')
        await file.write(bytes, position)
      },
      close: async () => {
        if (!isOpen) return void this.twice.push(name)
        isOpen = false
        this.live.delete(name)
        await file.close()
        attempt('close')
      },
    }
  }

  check(): void {
    assert.equal([[...this.live], this.twice], [[], []])
  }
}

/** A log of three files and some. */
async function threeFiles(folder: string): Promise<void> {
  const storage = level(folder)
  await storage.open()
  await storage.write({ meta: META })
  for (let counter = 1; counter <= 26; counter++) await storage.write({ entries: run(counter, counter, 1_000_000) })
  await storage.close()
}

test('an open that fails at a file', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  await threeFiles(folder)
  const disk = new Disk()
  for (const failsAt of ['read log-0', 'read log-2']) {
    disk.failsAt = failsAt
    await rejects(level(folder, { segments: disk.open }).open(), 'StorageFailed')
    disk.check()
  }
})

test('a first start without room', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const disk = new Disk()
  disk.failsAt = 'write log-0'
  await rejects(level(folder, { segments: disk.open }).open(), 'StorageFailed')
  disk.check()
})

test('a damaged file that cannot be used again', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  await threeFiles(folder)
  for (const name of ['log-0', 'log-1']) {
    const path = join(folder, 'db', name)
    const content = readFileSync(path)
    content[3]! ^= 1
    writeFileSync(path, content)
  }
  const disk = new Disk()
  const storage = level(folder, { segments: disk.open })
  assert.is((await storage.open()).damage, 'log')
  disk.failsAt = 'write log-1'
  await rejects(storage.write({ meta: META }), 'StorageFailed')
  await storage.close()
  disk.check()
})

test('a file whose closing fails keeps neither the others open nor the folder from being opened again', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  await threeFiles(folder)
  const disk = new Disk()
  const storage = level(folder, { segments: disk.open })
  await storage.open()
  disk.failsAt = 'close log-0'
  await rejects(storage.close(), 'EIO')
  disk.check()
  const again = level(folder)
  assert.is((await again.open()).entries.length, 26)
  await again.close()
})

test.run()
