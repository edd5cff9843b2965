/** Files of the log: what the system refuses comes to whoever asked for it, and when the disk begins. */
import * as fs from 'node:fs'
import { join } from 'node:path'
import { META, run } from '../../lib/testing/conformance/storage-fixtures.ts'
import { segmentFiles } from '../../storage/level/segment-file.ts'
import type { OpenSegment } from '../../storage/level/segment-file.ts'
import { level } from '../../storage/level.ts'
import { assert, rejects, suite } from '../harness.ts'

const test = suite('a file of the log')

type Call = 'open' | 'read' | 'write' | 'fdatasync' | 'close'

/** A system that cannot write and flush in one call, and one of whose calls fails. */
function failing(call: Call): typeof fs {
  const fail = (...parts: readonly unknown[]): void => {
    // Who is told that a close failed has closed it all the same.
    if (call === 'close') fs.closeSync(parts[0] as number)
    const done = parts.at(-1) as (error: Error) => void
    setImmediate(() => done(Object.assign(new Error(`EIO: i/o error, ${call}`), { code: 'EIO' })))
  }
  return { ...fs, constants: { ...fs.constants, O_DSYNC: undefined }, [call]: fail } as unknown as typeof fs
}

test('open', async (t) => {
  await rejects(segmentFiles(failing('open'))(join(t.tempFolder(), 'log-0'), true), 'EIO')
})

for (const call of ['read', 'write', 'fdatasync', 'close'] as const) {
  test(call, async (t) => {
    const file = await segmentFiles(failing(call))(join(t.tempFolder(), 'log-0'), true)
    const bytes = Uint8Array.of(1, 2, 3)
    if (call === 'write' || call === 'fdatasync') await rejects(file.write(bytes, 0), 'EIO')
    else await file.write(bytes, 0)
    if (call === 'read') await rejects(file.read(), 'EIO')
    else if (call !== 'write') assert.equal(await file.read(), bytes)
    await (call === 'close' ? rejects(file.close(), 'EIO') : file.close())
  })
}

test('what is not to be flushed is not', async (t) => {
  const file = await segmentFiles(failing('fdatasync'))(join(t.tempFolder(), 'log-0'), false)
  await file.write(Uint8Array.of(1, 2, 3), 0)
  await file.close()
})

test('the disk begins within the call, where nothing is to be waited for', async (t) => {
  const begun: number[] = []
  const open: OpenSegment = async (path, sync) => {
    const file = await segmentFiles(fs)(path, sync)
    return {
      get size() { return file.size },
      read: (from, to) => file.read(from, to),
      write: (bytes, position) => {
        begun.push(bytes.length)
        return file.write(bytes, position)
      },
      close: () => file.close(),
    }
  }
  const storage = level(join(t.tempFolder(), 'data'), { segments: open })
  await storage.open()
  await storage.write({ meta: META })
  for (let counter = 1; counter <= 3; counter++) {
    const before = begun.length
    const writing = storage.write({ entries: run(counter, counter, 20) })
    assert.is(begun.length, before + 1)
    await writing
  }
  await storage.close()
})

test.run()
