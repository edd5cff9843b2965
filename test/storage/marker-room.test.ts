/** The marker is written anew every second: a moment in which it cannot be is none that a peer stops for. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { META, run } from '../../lib/testing/conformance/storage-fixtures.ts'
import type { Storage } from '../../lib/ports/storage.ts'
import { level } from '../../storage/level.ts'
import { assert, rejects, suite } from '../harness.ts'
import type { Case } from '../harness.ts'

const test = suite('room for the marker')
const CROWDED = fileURLToPath(new URL('crowded.ts', import.meta.url))
/** Where every write finds no room. */
const FULL = '/dev/full'
const pause = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms) })

const marked = (folder: string): number => {
  const [, text] = readFileSync(join(folder, 'marker'), 'utf8').split('\n')
  return (JSON.parse(text!) as { sequence: number }).sequence
}

async function opened(t: Case): Promise<{ readonly folder: string, readonly storage: Storage }> {
  const folder = join(t.tempFolder(), 'data')
  const storage = level(folder)
  t.defer(() => storage.close())
  await storage.open()
  await storage.write({ meta: META })
  return { folder, storage }
}

test('a disk that is full for a moment, while the log has room, fails nothing', async (t) => {
  if (!existsSync(FULL)) return
  const { folder, storage } = await opened(t)
  const before = marked(folder)
  const draft = join(folder, 'marker.tmp')
  symlinkSync(FULL, draft)
  let counter = 0
  for (; counter < 26; counter++) {
    await storage.write({ entries: run(counter + 1, counter + 1) })
    await pause(50)
  }
  assert.is(marked(folder), before)
  rmSync(draft)
  for (let tries = 0; marked(folder) === before && tries < 40; tries++) await pause(50)
  assert.is(marked(folder), before + counter)
})

test('promises are in it before they are given', async (t) => {
  if (!existsSync(FULL)) return
  const { folder, storage } = await opened(t)
  symlinkSync(FULL, join(folder, 'marker.tmp'))
  await rejects(storage.write({ meta: { ...META, acceptedEpoch: META.acceptedEpoch + 1 } }), 'StorageFailed')
})

test('what else keeps it from being written fails the storage, though no write waits for it', async (t) => {
  const { folder, storage } = await opened(t)
  mkdirSync(join(folder, 'marker.tmp'))
  const writeOn = async (): Promise<void> => {
    for (let counter = 1; ; counter++) {
      await storage.write({ entries: run(counter, counter) })
      await pause(50)
    }
  }
  const error = await rejects(writeOn(), 'StorageFailed')
  assert.match(error.message, /EISDIR/)
})

test('a process that has as many files and sockets open as it may keeps its log', (t) => {
  const folder = join(t.tempFolder(), 'data')
  const command = `ulimit -n 64; exec "$0" "$@"`
  const { stdout } = spawnSync('bash', ['-c', command, process.execPath, '--import', 'tsx', CROWDED, folder], {
    encoding: 'utf8', timeout: 30_000,
  })
  assert.is(stdout, 'open\nno more files\nno snapshot\nwritten\nroom again\nwritten\nclosed\n')
}, { timeoutMs: 40_000 })

test.run()
