import * as fs from 'node:fs'
import * as path from 'node:path'
import { makeFolder } from '../../storage/level/marker.ts'
import { assert, rejects, suite } from '../harness.ts'

const test = suite('folder')

interface Disk {
  readonly fs: typeof fs
  /** Folders whose names are on the disk. */
  readonly flushed: string[]
}

/** The file system, which fails with an error code where it is told to: at `mkdir`, or at the opening of a folder. */
function disk(failsAt: { readonly mkdir?: string, readonly open?: string, readonly code?: string } = {}): Disk {
  const flushed: string[] = []
  const fail = (): never => {
    throw Object.assign(new Error('no'), { code: failsAt.code ?? 'EIO' })
  }
  const promises = {
    ...fs.promises,
    mkdir: (at: string) => at === failsAt.mkdir ? Promise.reject(new Error('killed')) : fs.promises.mkdir(at),
    open: async (at: string, flags: string) => {
      if (at === failsAt.open) fail()
      const handle = await fs.promises.open(at, flags)
      return {
        sync: async () => {
          await handle.sync()
          flushed.push(at)
        },
        close: () => handle.close(),
      }
    },
  }
  return { fs: { ...fs, promises } as unknown as typeof fs, flushed }
}

test('the name of every folder that is made is flushed', async (t) => {
  const root = t.tempFolder()
  const { fs: files, flushed } = disk()
  await makeFolder({ fs: files, path }, path.join(root, 'a', 'b'))
  assert.ok(fs.existsSync(path.join(root, 'a', 'b')))
  assert.equal(flushed, [path.dirname(root), root, path.join(root, 'a')])
})

test('what an earlier process made, and was killed before it flushed its name, is flushed', async (t) => {
  const root = t.tempFolder()
  const folder = path.join(root, 'a', 'b')
  const first = disk({ mkdir: folder })
  await rejects(makeFolder({ fs: first.fs, path }, folder))
  const second = disk()
  await makeFolder({ fs: second.fs, path }, folder)
  assert.equal(second.flushed, [root, path.join(root, 'a')])
  const third = disk()
  await makeFolder({ fs: third.fs, path }, folder)
  assert.equal(third.flushed, [path.join(root, 'a')])
})

test('the folder of somebody else is left to them; a failing disk is not', async (t) => {
  const root = t.tempFolder()
  const folder = path.join(root, 'a')
  fs.mkdirSync(folder)
  for (const code of ['EACCES', 'EPERM', 'EROFS']) {
    await makeFolder({ fs: disk({ open: root, code }).fs, path }, folder)
  }
  await rejects(makeFolder({ fs: disk({ open: root }).fs, path }, folder), 'EIO')
})

test('a drive that is not there is an error', async () => {
  let looks = 0
  const existsSync = (): boolean => {
    looks += 1
    assert.ok(looks < 100, 'it looks for ever')
    return false
  }
  const promises = { ...fs.promises, mkdir: () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOENT' })) }
  const files = { ...fs, existsSync, promises } as unknown as typeof fs
  for (const folder of ['Z:\\data\\peer', '\\\\nobody\\share\\peer']) {
    looks = 0
    await rejects(makeFolder({ fs: files, path: path.win32 as typeof path }, folder), 'ENOENT')
  }
})

test.run()
