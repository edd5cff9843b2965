import * as fs from 'node:fs'
import * as path from 'node:path'
import { META } from '../../lib/testing/conformance/storage-fixtures.ts'
import { markerFile } from '../../storage/level/marker.ts'
import { nativeChecksum } from '../../storage/level/records.ts'
import { assert, rejects, suite } from '../harness.ts'
import type { Case } from '../harness.ts'

const test = suite('files that are moved')

/** What the process takes its platform for. */
function pretend(t: Case, platform: string): void {
  const before = Object.getOwnPropertyDescriptor(process, 'platform')!
  Object.defineProperty(process, 'platform', { ...before, value: platform })
  t.defer(() => Object.defineProperty(process, 'platform', before))
}

/** Renames fail so many times. */
function held(times: number, code: string): { readonly files: typeof fs, readonly attempts: () => number } {
  let attempts = 0
  const rename = async (from: string, to: string): Promise<void> => {
    attempts += 1
    if (attempts <= times) throw Object.assign(new Error(code), { code })
    await fs.promises.rename(from, to)
  }
  const files = { ...fs, promises: { ...fs.promises, rename } } as unknown as typeof fs
  return { files, attempts: () => attempts }
}

test('a marker at which somebody looks is replaced a moment later, on Windows', async (t) => {
  pretend(t, 'win32')
  for (const code of ['EPERM', 'EACCES', 'EBUSY']) {
    const { files } = held(3, code)
    const marker = markerFile(files, path, t.tempFolder(), nativeChecksum())
    await marker.write({ sequence: 7, meta: META })
    assert.equal(await marker.read(), { sequence: 7, meta: META })
  }
})

test('one that stays held is an error, and so is anything else, at once', async (t) => {
  pretend(t, 'win32')
  const folder = t.tempFolder()
  const write = (files: typeof fs): Promise<void> =>
    markerFile(files, path, folder, nativeChecksum()).write({ sequence: 7, meta: META })
  await rejects(write(held(Infinity, 'EPERM').files), 'EPERM')
  const failing = held(1, 'EIO')
  await rejects(write(failing.files), 'EIO')
  pretend(t, 'linux')
  const denied = held(1, 'EPERM')
  await rejects(write(denied.files), 'EPERM')
  assert.equal([failing.attempts(), denied.attempts()], [1, 1])
})

test.run()
