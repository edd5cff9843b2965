import * as fs from 'node:fs'
import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { createPeer } from '../../lib/node.ts'
import { META, at, base, bytesOf, chunks, run } from '../../lib/testing/conformance/storage-fixtures.ts'
import { sameEntries } from '../../lib/testing/conformance/storage-checks.ts'
import type { SnapshotChunk, Storage } from '../../lib/ports/storage.ts'
import { segmentFiles } from '../../storage/level/segment-file.ts'
import { level } from '../../storage/level.ts'
import type { LevelOptions } from '../../storage/level.ts'
import { assert, rejects, suite } from '../harness.ts'
import { isSnapshot } from './recorded-disk.ts'
import { fileOf, filesOf, found, killed, openFiles, watched } from './snapshot-files.ts'

const test = suite('files of snapshots')
const HEAD_BYTES = 28
const FRAME_HEAD_BYTES = 24

/** A storage with a log up to 12 and these snapshots, one after the other; the last one is at 8. */
async function written(folder: string, count: number, ...ids: readonly number[]): Promise<void> {
  const storage = level(folder)
  await storage.open()
  await storage.write({ entries: run(1, 12), meta: META })
  for (const [index, id] of ids.entries()) {
    await storage.write({ chunks: chunks(id, count) })
    await storage.write({ install: base(id, at(9 + index - ids.length), count), purgeThrough: at(2) })
  }
  await storage.close()
}

/** Twice, since the first opening may have changed something. */
async function isDamage(folder: string, what: string): Promise<void> {
  for (let opening = 0; opening < 2; opening++) {
    const { damage, base: kept, entries, meta, read } = await found(folder)
    assert.equal([damage, kept, entries.length, read.length, meta], ['log', null, 0, 0, META], what)
  }
}

async function isWhole(folder: string, id: number, count: number): Promise<void> {
  const { damage, base: kept, entries, read } = await found(folder)
  assert.equal([damage, kept], ['none', base(id, at(8), count)])
  assert.equal(read, chunks(id, count).map(({ bytes }) => bytes))
  sameEntries(Array.from(entries).slice(-4), run(9, 12), 'log')
}

test('a snapshot is one file, written once, which becomes that of the one after the next', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  let bytesWritten = 0
  let counter = 3
  let first = 0
  const storage = level(folder, { segments: watched(({ byteLength }) => { bytesWritten += byteLength }) })
  await storage.open()
  await storage.write({ entries: run(1, 3), meta: META })
  const piecesOf = (id: number): SnapshotChunk[] =>
    Array.from({ length: 12 }, (_, index) => ({ id, index, bytes: bytesOf(id + index, 300_000) }))
  for (const id of [1, 2, 3]) {
    bytesWritten = 0
    for (const piece of piecesOf(id)) await storage.write({ entries: run(++counter, counter), chunks: [piece] })
    assert.equal(filesOf(folder), id === 1 ? ['snap-1'] : [`snap-${id - 1}`, `snap-${id}`])
    const { ino } = statSync(fileOf(folder, id))
    if (id > 2) assert.is(ino, first, 'the file of the one before the last')
    if (id === 1) first = ino
    await storage.write({ install: base(id, at(3), 12) })
    const size = HEAD_BYTES + 12 * (FRAME_HEAD_BYTES + 300_000)
    assert.equal([bytesWritten, statSync(fileOf(folder, id)).size], [size, size])
  }
  await storage.close()
  assert.equal(filesOf(folder), ['snap-3', 'snap-spare'])
  const { read, damage } = await found(folder)
  assert.is(damage, 'none')
  assert.ok(piecesOf(3).every(({ bytes }, index) => Buffer.compare(bytes, read[index]!) === 0))
})

/** Installs a snapshot of so many chunks at 8. */
async function install(folder: string, id: number, count: number): Promise<void> {
  const storage = level(folder)
  await storage.open()
  await storage.write({ chunks: chunks(id, count) })
  await storage.write({ install: base(id, at(8), count) })
  await storage.close()
}

test('of what was in a file before nothing is found, and one that is too long is not used again', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  await written(folder, 9, 1, 2)
  await install(folder, 3, 5)
  assert.ok(statSync(fileOf(folder, 3)).size > HEAD_BYTES + 5 * (FRAME_HEAD_BYTES + 30))
  await isWhole(folder, 3, 5)
  // What lies behind it is needed by nobody.
  const copy = killed(folder, 'shorter')
  const content = readFileSync(fileOf(copy, 3))
  content.fill(1, content.length - 30)
  writeFileSync(fileOf(copy, 3), content)
  await isWhole(copy, 3, 5)
  assert.equal(filesOf(folder), ['snap-3', 'snap-spare'])
  await install(folder, 4, 1)
  await isWhole(folder, 4, 1)
  assert.equal(filesOf(folder), ['snap-4'])
  await install(folder, 5, 1)
  await isWhole(folder, 5, 1)
  assert.equal(filesOf(folder), ['snap-5'])
  await install(folder, 6, 1)
  assert.equal(filesOf(folder), ['snap-6', 'snap-spare'])
  assert.ok(filesOf(folder).every((name) => statSync(join(folder, 'db', name)).size < 200))
})

test('the one before stays until the record that installs the next one is durable', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  let gate: Promise<void> | null = null
  const storage = level(folder, { segments: async (path, sync) => {
    const file = await segmentFiles(fs)(path, sync)
    return {
      get size() { return file.size },
      read: (from, to) => file.read(from, to), close: () => file.close(),
      async write(bytes, position) {
        if (!isSnapshot(basename(path))) await gate
        await file.write(bytes, position)
      },
    }
  } })
  await storage.open()
  await storage.write({ entries: run(1, 12), meta: META, chunks: chunks(1, 3) })
  await storage.write({ install: base(1, at(5), 3) })
  await storage.write({ chunks: chunks(2, 4) })
  let release = (): void => undefined
  gate = new Promise((resolve) => { release = resolve })
  const install = storage.write({ install: base(2, at(8), 4) })
  await new Promise((resolve) => { setTimeout(resolve, 30) })
  assert.equal(filesOf(folder), ['snap-1', 'snap-2'])
  const before = killed(folder, 'before')
  release()
  gate = null
  await install
  await storage.close()
  const { damage, base: kept } = await found(before)
  assert.equal([damage, kept, filesOf(before)], ['none', base(1, at(5), 3), ['snap-1']])
  await isWhole(folder, 2, 4)
})

test('what a killed process left of a snapshot is removed by the next start', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  await written(folder, 5, 1)
  const storage = level(folder)
  await storage.open()
  await storage.write({ chunks: chunks(2, 7) })
  const copy = killed(folder, 'killed')
  await storage.close()
  for (const torn of [0, 10, HEAD_BYTES, 60, 200]) {
    writeFileSync(fileOf(copy, 2), readFileSync(fileOf(folder, 2)).subarray(0, torn))
    writeFileSync(fileOf(copy, 77), '')
    await isWhole(copy, 1, 5)
    assert.equal(filesOf(copy), ['snap-1'])
  }
  // And of the first one there ever was.
  const young = join(t.tempFolder(), 'data')
  const first = level(young)
  await first.open()
  await first.write({ entries: run(1, 3), meta: META })
  await first.write({ chunks: chunks(1, 7) })
  await first.close()
  assert.equal([(await found(young)).damage, filesOf(young)], ['none', []])
})

test('any altered byte of a snapshot, and any tail that is missing, is damage', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  await written(folder, 5, 1)
  await isWhole(folder, 1, 5)
  const content = readFileSync(fileOf(folder, 1))
  const copy = killed(folder, 'rotten')
  const marker = readFileSync(join(copy, 'marker'))
  for (let place = 0; place < content.length; place += place < 120 ? 1 : 7) {
    const rotten = Buffer.from(content)
    rotten[place]! ^= 1 << place % 8
    writeFileSync(fileOf(copy, 1), rotten)
    const { damage, base: kept } = await found(copy)
    assert.equal([damage, kept], ['log', null], `byte ${place}`)
    writeFileSync(join(copy, 'marker'), marker)
  }
  for (let length = 0; length < content.length; length += 13) {
    writeFileSync(fileOf(copy, 1), content.subarray(0, length))
    assert.is((await found(copy)).damage, 'log', `${length} bytes`)
  }
  writeFileSync(fileOf(copy, 1), content)
  await isWhole(copy, 1, 5)
}, { timeoutMs: 60_000 })

test('chunks of any size are read, and what ends early where a piece of the file does is damage', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const storage = level(folder)
  await storage.open()
  const piece = 1024 * 1024
  const first = piece - FRAME_HEAD_BYTES
  const sizes = [first, 0, first - FRAME_HEAD_BYTES, first - 5, 1, 3 * piece, 7, 0, 2 * piece, piece + 1, 400_000]
  const all = sizes.map((bytes, index): SnapshotChunk => ({ id: 1, index, bytes: bytesOf(index + 1, bytes) }))
  await storage.write({ entries: run(1, 12), meta: META })
  for (const chunk of all) await storage.write({ chunks: [chunk] })
  await storage.write({ install: base(1, at(8), sizes.length) })
  await storage.close()
  const { damage, read } = await found(folder)
  assert.is(damage, 'none')
  assert.ok(all.every(({ bytes }, index) => Buffer.compare(bytes, read[index]!) === 0) && read.length === sizes.length)
  const copy = killed(folder, 'short')
  const marker = readFileSync(join(copy, 'marker'))
  const content = readFileSync(fileOf(copy, 1))
  for (let from = HEAD_BYTES; from < content.length; from += piece) {
    for (const length of [from - 1, from, from + FRAME_HEAD_BYTES - 1, from + FRAME_HEAD_BYTES, from + piece - 1]) {
      writeFileSync(fileOf(copy, 1), content.subarray(0, Math.min(length, content.length - 1)))
      assert.is((await found(copy)).damage, 'log', `${length} bytes`)
      writeFileSync(join(copy, 'marker'), marker)
    }
  }
}, { timeoutMs: 60_000 })

test('a snapshot that is missing, or another file in its place, is damage', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  await written(folder, 4, 1, 2)
  const content = readFileSync(fileOf(folder, 2))
  const other = join(t.tempFolder(), 'data')
  await written(other, 4, 1, 2)
  const sibling = join(t.tempFolder(), 'data')
  await written(sibling, 4, 3)
  const foreign = readFileSync(fileOf(other, 2))
  const second = HEAD_BYTES + 2 * FRAME_HEAD_BYTES + 30
  const ways: Record<string, (path: string) => void> = {
    'missing': (path) => { rmSync(path) },
    'that of another snapshot': (path) => { fs.copyFileSync(fileOf(sibling, 3), path) },
    'frames that belong into another file': (path) => {
      writeFileSync(path, Buffer.concat([content.subarray(0, second), foreign.subarray(second)]))
    },
    'frames in another order': (path) => {
      const frames = [content.subarray(HEAD_BYTES, second), content.subarray(second)]
      writeFileSync(path, Buffer.concat([content.subarray(0, HEAD_BYTES), ...frames.reverse()]))
    },
    'a frame twice': (path) => {
      const first = content.subarray(HEAD_BYTES, HEAD_BYTES + FRAME_HEAD_BYTES + 30)
      writeFileSync(path, Buffer.concat([content.subarray(0, HEAD_BYTES), first, content.subarray(HEAD_BYTES)]))
    },
    'zeros': (path) => { writeFileSync(path, Buffer.alloc(content.length)) },
  }
  for (const [what, change] of Object.entries(ways)) {
    const copy = killed(folder, what.replaceAll(' ', '-'))
    change(fileOf(copy, 2))
    await isDamage(copy, what)
  }
  await isWhole(folder, 2, 4)
})

test('of a damaged storage no snapshot is deleted until the next one begins', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  await written(folder, 4, 1)
  renameSync(fileOf(folder, 1), fileOf(folder, 6))
  const storage = level(folder)
  assert.is((await storage.open()).damage, 'log')
  assert.equal(filesOf(folder), ['snap-6'])
  await storage.write({ meta: { ...META, health: 'log' } })
  assert.equal(filesOf(folder), ['snap-6'])
  await storage.write({ chunks: chunks(1, 2) })
  assert.equal(filesOf(folder), ['snap-1'])
  await storage.write({ install: base(1, at(20), 2), resetLog: true })
  await storage.close()
  assert.equal(filesOf(folder), ['snap-1'])
  assert.equal((await found(folder)).read, chunks(1, 2).map(({ bytes }) => bytes))
})

test('a snapshot that is damaged after the opening is not handed out any further', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  await written(folder, 4, 1)
  const storage = level(folder)
  t.defer(() => storage.close())
  const { snapshot } = await storage.open()
  const source = snapshot[Symbol.asyncIterator]()
  const content = readFileSync(fileOf(folder, 1))
  content[content.length - 5]! ^= 1
  writeFileSync(fileOf(folder, 1), content)
  assert.equal((await source.next()).value, chunks(1, 1)[0]!.bytes)
  await source.next()
  await source.next()
  const error = await rejects(source.next(), 'StorageDamaged')
  assert.match(error.message, /chunk 3 of its snapshot is damaged/)
})

test('files of snapshots are closed once they are installed, read, given up or left', async (t) => {
  if (!existsSync('/proc/self/fd')) return
  const folder = join(t.tempFolder(), 'data')
  await written(folder, 4, 1, 2)
  assert.equal(openFiles(folder), [])
  const storage = level(folder)
  let opened = await storage.open()
  assert.equal(openFiles(folder), [])
  const left = opened.snapshot[Symbol.asyncIterator]()
  await left.next()
  assert.equal(openFiles(folder), ['snap-2'])
  await left.return?.()
  assert.equal(openFiles(folder), [])
  await storage.close()
  opened = await storage.open()
  const forgotten = opened.snapshot[Symbol.asyncIterator]()
  await forgotten.next()
  await storage.write({ chunks: chunks(3, 2) })
  assert.equal(openFiles(folder), ['snap-2', 'snap-3'])
  await storage.write({ chunks: chunks(4, 2) })
  assert.equal(openFiles(folder), ['snap-2', 'snap-4'])
  await storage.write({ chunks: chunks(3, 3) })
  assert.equal(openFiles(folder), ['snap-2', 'snap-3'])
  await storage.write({ install: base(3, at(9), 3) })
  await storage.write({ meta: META })
  await storage.write({ chunks: chunks(5, 1) })
  assert.equal(openFiles(folder), ['snap-5', 'snap-5'])
  await storage.close()
  assert.equal(openFiles(folder), [])
  await forgotten.return?.()
  const { read, damage } = await found(folder)
  assert.is(damage, 'none')
  assert.equal(read, chunks(3, 3).map(({ bytes }) => bytes))
  assert.equal(openFiles(folder), [])
})

/** A disk that has room for so many bytes of snapshots. */
class SmallDisk {
  room = Infinity
  readonly told: unknown[] = []
  readonly options: LevelOptions = {
    segments: watched((bytes) => {
      this.room -= bytes.byteLength
      if (this.room < 0) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
    }),
    logger: {
      debug: () => undefined, info: () => undefined, error: () => undefined,
      warn: (message, fields) => { this.told.push([message, (fields?.error as { code?: string } | undefined)?.code]) },
    },
  }
}

/** With twelve entries and snapshot 1 of three chunks, on a disk that is full as soon as it has no `room`. */
async function onSmallDisk(folder: string): Promise<{ disk: SmallDisk, storage: Storage }> {
  const disk = new SmallDisk()
  const storage = level(folder, disk.options)
  await storage.open()
  await storage.write({ entries: run(1, 12), meta: META, chunks: chunks(1, 3) })
  await storage.write({ install: base(1, at(5), 3) })
  return { disk, storage }
}

test('a snapshot for which there is no room is left out, and what was written of it is removed', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const { disk, storage } = await onSmallDisk(folder)
  for (const room of [0, 20, 40, 100, 200]) {
    disk.room = room
    await storage.write({ chunks: chunks(2, 4) })
    await storage.write({ entries: [], chunks: chunks(2, 3, 4) })
    const meta = { ...META, commitHint: at(room / 20) }
    await storage.write({ install: base(2, at(8), 7), purgeThrough: at(8), meta })
    await storage.write({ entries: [] })
    assert.equal(filesOf(folder), ['snap-1'])
    const left = await found(killed(folder, `room-${room}`))
    assert.equal([left.damage, left.base, left.meta], ['none', base(1, at(5), 3), meta])
    sameEntries(left.entries, run(1, 12), 'log')
  }
  assert.equal(disk.told, Array.from({ length: 5 }, () =>
    ['no room for a snapshot: the log stays as long as it is', 'ENOSPC']))
  disk.room = Infinity
  await storage.write({ chunks: chunks(3, 4) })
  await storage.write({ install: base(3, at(8), 4), purgeThrough: at(4) })
  await storage.close()
  await isWhole(folder, 3, 4)
})

test('without room for the snapshot of a leader, for which the log is dropped, the storage has failed', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const { disk, storage } = await onSmallDisk(folder)
  disk.room = 100
  await storage.write({ chunks: chunks(2, 4) })
  await rejects(storage.write({ install: base(2, at(30), 4), resetLog: true }), 'StorageFailed')
  await rejects(storage.write({ entries: run(13, 13) }), 'StorageFailed')
  await storage.close()
  const { damage, base: kept, entries } = await found(folder)
  assert.equal([damage, kept], ['none', base(1, at(5), 3)])
  sameEntries(entries, run(1, 12), 'log')
})

test('another failure of a snapshot fails the storage, as one of the log does', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  let isBroken = false
  const storage = level(folder, { segments: watched(() => {
    if (isBroken) throw Object.assign(new Error('EIO: i/o error, write'), { code: 'EIO' })
  }) })
  await storage.open()
  await storage.write({ entries: run(1, 3), meta: META })
  isBroken = true
  await rejects(storage.write({ chunks: chunks(1, 1) }), 'StorageFailed')
  isBroken = false
  await rejects(storage.write({ entries: run(4, 4) }), 'StorageFailed')
  await storage.close()
  assert.is((await found(folder)).damage, 'none')
  assert.equal(filesOf(folder), [])
})

test('a peer goes on serving without room for its snapshots, and takes one when there is room', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const disk = new SmallDisk()
  const start = (): ReturnType<typeof createPeer> => createPeer({
    id: 1, ensemble: { name: 'garden', members: { 1: [] } }, storage: level(folder, disk.options),
    limits: { snapshotTxns: 20, retainedTxns: 10, syncChunkBytes: 4_096 },
  })
  let peer = await start()
  t.defer(() => peer.stop())
  await peer.ready()
  const zk = await peer.connect()
  const data = new Uint8Array(1_000).fill(7)
  const make = async (from: number, to: number): Promise<void> => {
    for (let number = from; number < to; number++) await zk.create(`/n${number}`, data)
  }
  disk.room = 9_000
  await make(0, 100)
  assert.ok(disk.told.length > 0)
  // One may be about to be given up; a read of this process alone lets no other work of it go on.
  while (filesOf(folder).length > 0) await new Promise((resolve) => { setImmediate(resolve) })
  disk.room = Infinity
  await make(100, 200)
  assert.is(filesOf(folder).length, 1)
  await peer.stop()
  peer = await start()
  await peer.ready()
  const again = await peer.connect()
  assert.is((await again.children('/')).filter((name) => /^n\d/.test(name)).length, 200)
})

test.run()
