import { readdirSync } from 'node:fs'
import { diskOf, fileSystemName } from '../../bench/disk.ts'
import { assert, suite } from '../harness.ts'

const test = suite('bench/disk')

test('a disk is asked and written to, and left as it was', (t) => {
  const folder = t.tempFolder()
  const disk = diskOf(folder)
  assert.is(disk.folder, folder)
  assert.ok(disk.appendUs > 0 && disk.overwriteUs > 0)
  assert.equal(readdirSync(folder), [])
})

test('file systems are known by their numbers, also where these come signed', () => {
  assert.is(fileSystemName(0xef53), 'ext4 (or ext2, ext3)')
  assert.is(fileSystemName(0x01021994), 'tmpfs')
  assert.is(fileSystemName(0x9123683e | 0), 'btrfs')
  assert.is(fileSystemName(0x1a), 'type 0x1a')
})

test.run()
