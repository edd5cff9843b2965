/** One folder serves one storage at a time, by whatever name it is asked for and from whichever process. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { META, run } from '../../lib/testing/conformance/storage-fixtures.ts'
import { level } from '../../storage/level.ts'
import { assert, rejects, suite } from '../harness.ts'
import type { Case } from '../harness.ts'

const test = suite('a folder that is held')
const OPENER = fileURLToPath(new URL('opener.ts', import.meta.url))

/** What another process comes to that opens the folder. */
function elsewhere(folder: string): string {
  return spawnSync(process.execPath, ['--import', 'tsx', OPENER, folder], { encoding: 'utf8', timeout: 30_000 }).stdout
}

function moveTo(t: Case, folder: string): void {
  const before = process.cwd()
  process.chdir(folder)
  t.defer(() => process.chdir(before))
}

test('who is refused in the same process lets no other process in', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const storage = level(folder)
  t.defer(() => storage.close())
  await storage.open()
  await rejects(level(folder).open(), 'StorageLocked')
  assert.is(elsewhere(folder), 'StorageLocked')
  await storage.close()
  assert.is(elsewhere(folder), 'open')
}, { timeoutMs: 60_000 })

test('the same folder by another name is the same folder', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const link = join(t.tempFolder(), 'link')
  const storage = level(folder)
  t.defer(() => storage.close())
  await storage.open()
  symlinkSync(folder, link)
  moveTo(t, dirname(folder))
  const name = basename(folder)
  for (const other of [link, name, `./${name}/`]) await rejects(level(other).open(), 'StorageLocked')
  await storage.close()
  const other = level(link)
  await other.open()
  await rejects(storage.open(), 'StorageLocked')
  await other.close()
})

test('of two that open it at once one has it', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const both = [level(folder), level(folder)]
  t.defer(() => Promise.all(both.map((storage) => storage.close())))
  const opened = await Promise.allSettled(both.map((storage) => storage.open()))
  // Whichever of them: the folder is made first, by somebody else's thread.
  assert.equal(opened.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
  assert.is(elsewhere(folder), 'StorageLocked')
}, { timeoutMs: 30_000 })

test('an open that fails holds nothing', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  mkdirSync(folder)
  writeFileSync(join(folder, 'db'), 'no folder')
  for (let attempt = 0; attempt < 2; attempt++) await rejects(level(folder).open(), 'StorageFailed')
})

test('a process that goes to another folder writes where it began', async (t) => {
  const root = t.tempFolder()
  const other = t.tempFolder()
  moveTo(t, root)
  const storage = level('data')
  t.defer(() => storage.close())
  process.chdir(other)
  await storage.open()
  await storage.write({ meta: META, entries: run(1, 1) })
  process.chdir(root)
  await storage.write({ meta: { ...META, acceptedEpoch: META.acceptedEpoch + 1 }, entries: run(2, 2) })
  assert.ok((storage.size?.() ?? 0) > 500)
  await storage.close()
  assert.equal([readdirSync(root), readdirSync(other)], [['data'], []])
})

test.run()
