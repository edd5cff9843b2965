import { copyFileSync, existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { META, at, base, chunks, run } from '../../lib/testing/conformance/storage-fixtures.ts'
import { sameEntries } from '../../lib/testing/conformance/storage-checks.ts'
import type { Recovered, Storage } from '../../lib/ports/storage.ts'
import { segmentFiles } from '../../storage/level/segment-file.ts'
import type { OpenSegment } from '../../storage/level/segment-file.ts'
import { level } from '../../storage/level.ts'
import { assert, rejects, suite } from '../harness.ts'
import { copyFolder } from './places.ts'

const test = suite('log files')
const MIB = 1024 * 1024

/** What a process that is killed now would leave. */
function killed(folder: string, name = 'killed'): string {
  const copy = `${folder}-${name}`
  copyFolder(folder, copy)
  return copy
}

async function found(folder: string): Promise<Recovered> {
  const storage = level(folder)
  try {
    return await storage.open()
  } finally {
    await storage.close()
  }
}

/** A storage with these entries, one batch each, and what a killed process leaves of it. */
async function left(folder: string, count: number, bytes = 20): Promise<string> {
  const storage = level(folder)
  await storage.open()
  await storage.write({ meta: META })
  for (let counter = 1; counter <= count; counter++) await storage.write({ entries: run(counter, counter, bytes) })
  const copy = killed(folder)
  await storage.close()
  return copy
}

const logOf = (folder: string, number = 0): string => join(folder, 'db', `log-${number}`)
const logs = (folder: string): string[] =>
  readdirSync(join(folder, 'db')).filter((name) => name.startsWith('log-')).sort()

/** Where the records of a file begin. */
function recordsOf(path: string): number[] {
  const content = readFileSync(path)
  const salt = content.subarray(8, 16)
  const places: number[] = []
  for (let place = content.indexOf(salt, 20); place >= 0; place = content.indexOf(salt, place + 1)) places.push(place)
  return places
}

/** Changes bytes of a file. */
function alter(path: string, place: number, bytes: Uint8Array): void {
  const content = readFileSync(path)
  content.set(bytes, place)
  writeFileSync(path, content)
}

test('what was acknowledged is in the log, however often it is opened', async (t) => {
  const copy = await left(join(t.tempFolder(), 'data'), 50)
  for (let opening = 0; opening < 3; opening++) {
    const { entries, meta, damage } = await found(copy)
    assert.is(damage, 'none')
    assert.equal(meta, META)
    sameEntries(entries, run(1, 50), 'log')
  }
})

test('an open that writes nothing changes nothing', async (t) => {
  const copy = await left(join(t.tempFolder(), 'data'), 20)
  const before = readFileSync(logOf(copy))
  await found(copy)
  assert.ok(readFileSync(logOf(copy)).equals(before))
})

test('a process that is killed again and again while it recovers loses nothing', async (t) => {
  let folder = await left(join(t.tempFolder(), 'data'), 20)
  for (let round = 0; round < 5; round++) {
    const storage = level(folder)
    sameEntries((await storage.open()).entries, run(1, 20 + round), `log of round ${round}`)
    const before = killed(folder, 'unwritten')
    await storage.write({ entries: run(21 + round, 21 + round) })
    const next = killed(folder)
    await storage.close()
    sameEntries((await found(before)).entries, run(1, 20 + round), `log of round ${round}, nothing written`)
    folder = next
  }
})

test('a file whose making was cut short anywhere, also in its head, is no damage', async (t) => {
  const copy = await left(join(t.tempFolder(), 'data'), 3)
  const head = readFileSync(logOf(copy)).subarray(0, 20)
  for (const [number, count] of [0, 1, 8, 15, 19].entries()) {
    writeFileSync(logOf(copy, 1), Buffer.concat([head.subarray(0, count), new Uint8Array(MIB - count)]))
    const storage = level(copy)
    const { entries, damage } = await storage.open()
    assert.is(damage, 'none', `${count} bytes of the head`)
    sameEntries(entries, run(1, 3 + number), 'log')
    await storage.write({ entries: run(4 + number, 4 + number) })
    await storage.close()
  }
})

test('a small log is a small file, and no file grows beyond its size', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const storage = level(folder)
  await storage.open()
  await storage.write({ meta: META })
  assert.is(statSync(logOf(folder)).size, MIB)
  for (let counter = 1; counter <= 60; counter++) {
    await storage.write({ entries: run(counter, counter, 500_000) })
    if (counter % 9 !== 0) continue
    const { entries, damage } = await found(killed(folder, String(counter)))
    assert.is(damage, 'none')
    sameEntries(entries, run(1, counter, 500_000), `log at ${counter}`)
  }
  await storage.close()
  for (const name of logs(folder)) {
    const { size } = statSync(join(folder, 'db', name))
    assert.ok(size >= MIB && size <= 8 * MIB, `${name} has ${size} bytes`)
  }
  assert.ok(logs(folder).length >= 4 && logs(folder).length <= 5, logs(folder).join())
})

test('files whose records are purged are used again, and what nobody will need is deleted', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const storage = level(folder)
  await storage.open()
  await storage.write({ meta: META })
  let counter = 0
  const names = new Set<string>()
  let most = 0
  for (let round = 1; round <= 6; round++) {
    // The first round is longer than all spares together.
    for (let left = round === 1 ? 200 : 40; left > 0; left--) {
      counter += 1
      await storage.write({ entries: run(counter, counter, 500_000) })
    }
    await storage.write({ chunks: chunks(round, 1) })
    await storage.write({ install: base(round, at(counter), 1), purgeThrough: at(counter - 2) })
    await storage.write({ meta: META })
    for (const name of logs(folder)) names.add(name)
    if (round > 1) most = Math.max(most, logs(folder).length)
  }
  const copy = killed(folder)
  await storage.close()
  assert.ok(most <= 12, `${most} files`)
  assert.ok(logs(folder).length <= 10, logs(folder).join())
  assert.ok(names.size <= 16, Array.from(names).join())
  for (const place of [copy, folder]) {
    const { entries, damage, base: kept } = await found(place)
    assert.is(damage, 'none')
    assert.equal(kept, base(6, at(counter), 1))
    sameEntries(Array.from(entries).slice(-2), run(counter - 1, counter, 500_000), 'log')
  }
}, { timeoutMs: 60_000 })

test('who is started often has no more files for that', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  let counter = 0
  for (let start = 1; start <= 8; start++) {
    const storage = level(folder)
    await storage.open()
    await storage.write({ meta: META })
    // Each time it ends with the file that is being written more than half full.
    for (let left = start === 1 ? 28 : 16; left > 0; left--) {
      counter += 1
      await storage.write({ entries: run(counter, counter, 500_000) })
    }
    await storage.write({ chunks: chunks(start, 1) })
    await storage.write({ install: base(start, at(counter), 1), purgeThrough: at(counter - 2) })
    await storage.write({ meta: META })
    await storage.close()
  }
  assert.ok(logs(folder).length <= 3, logs(folder).join())
}, { timeoutMs: 60_000 })

test('a record that is altered, with later ones behind it, is damage until a batch says so', async (t) => {
  const copy = await left(join(t.tempFolder(), 'data'), 30)
  const path = logOf(copy)
  const places = recordsOf(path)
  alter(path, places[20]! + 60, Uint8Array.of(1, 2, 3))
  const storage = level(copy)
  const first = await storage.open()
  assert.is(first.damage, 'log')
  const unwritten = killed(copy, 'again')
  const { damage, entries, meta } = await found(unwritten)
  assert.is(damage, 'log', 'an open that wrote nothing forgot the damage')
  assert.equal(meta, META)
  sameEntries(entries, run(1, 19), 'log')
  await storage.write({ entries: run(20, 20, 7), meta: { ...META, health: 'log' } })
  for (let counter = 21; counter <= 40; counter++) await storage.write({ entries: run(counter, counter, 7) })
  const later = killed(copy, 'later')
  await storage.close()
  for (const folder of [later, copy]) {
    const healed = await found(folder)
    assert.is(healed.damage, 'none')
    sameEntries(healed.entries, [...run(1, 19), ...run(20, 40, 7)], 'log of the healed')
  }
})

test('an altered record in any place of a log of many files is damage, and what lies before it is kept', async (t) => {
  const copy = await left(join(t.tempFolder(), 'data'), 40, 500_000)
  assert.is(logs(copy).length >= 3, true)
  for (const [number, nth] of [[0, 1], [0, 9], [1, 0], [1, 7], [2, 0]] as const) {
    const rotten = killed(copy, `${number}-${nth}`)
    const places = recordsOf(logOf(rotten, number))
    alter(logOf(rotten, number), places[nth]! + 30_000, Uint8Array.of(1, 2, 3))
    let before = 0
    for (let earlier = 0; earlier < number; earlier++) before += recordsOf(logOf(rotten, earlier)).length
    const { damage, entries } = await found(rotten)
    assert.is(damage, 'log')
    // The first record holds the promises.
    sameEntries(entries, run(1, before + nth - 1, 500_000), `log, altered in ${number} at ${nth}`)
  }
}, { timeoutMs: 60_000 })

test('a record that holds no txns is missed as well', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const storage = level(folder)
  await storage.open()
  await storage.write({ entries: run(1, 3), meta: META })
  await storage.write({ meta: { ...META, commitHint: at(2) } })
  await storage.write({ entries: run(4, 6) })
  await storage.close()
  alter(logOf(folder), recordsOf(logOf(folder))[1]! + 40, Uint8Array.of(1, 2, 3))
  const { damage, entries, meta } = await found(folder)
  assert.is(damage, 'log')
  assert.is(meta?.commitHint, at(2))
  sameEntries(entries, run(1, 3), 'log')
})

test('a torn last record was not acknowledged, and is none', async (t) => {
  const copy = await left(join(t.tempFolder(), 'data'), 30)
  const last = recordsOf(logOf(copy)).at(-1)!
  for (const from of [4, 30, 200]) {
    const torn = killed(copy, String(from))
    alter(logOf(torn), last + from, new Uint8Array(400))
    const { damage, entries } = await found(torn)
    assert.is(damage, 'none')
    sameEntries(entries, run(1, 29), 'log')
  }
})

test('a file whose head is altered is damage until a batch says so', async (t) => {
  for (const place of [0, 10, 17]) {
    const copy = await left(join(t.tempFolder(), 'data'), 40, 500_000)
    // Part of the head is drawn: a fixed byte could be what is there.
    alter(logOf(copy, 1), place, Uint8Array.of(readFileSync(logOf(copy, 1))[place]! ^ 1))
    const storage = level(copy)
    const { damage, entries } = await storage.open()
    assert.is(damage, 'log')
    const next = entries.length + 1
    await storage.write({ entries: run(next, next), meta: { ...META, health: 'log' } })
    await storage.close()
    const healed = await found(copy)
    assert.is(healed.damage, 'none')
    sameEntries(Array.from(healed.entries).slice(-1), run(next, next), 'log')
  }
}, { timeoutMs: 60_000 })

test('a file whose making was cut short is made', async (t) => {
  for (const content of [new Uint8Array(0), new Uint8Array(5), new Uint8Array(2 ** 20)]) {
    const folder = join(t.tempFolder(), 'data')
    await left(folder, 10)
    writeFileSync(logOf(folder, 1), content)
    const storage = level(folder)
    assert.is((await storage.open()).damage, 'none')
    for (let counter = 11; counter <= 30; counter++) await storage.write({ entries: run(counter, counter, 600_000) })
    const copy = killed(folder, 'made')
    await storage.close()
    sameEntries((await found(copy)).entries, [...run(1, 10), ...run(11, 30, 600_000)], 'log')
  }
})

test('a log that is emptied or removed is damage where a marker tells of it', async (t) => {
  for (const change of ['emptied', 'removed'] as const) {
    const folder = join(t.tempFolder(), 'data')
    await left(folder, 10)
    const marker = readFileSync(join(folder, 'marker'))
    if (change === 'emptied') writeFileSync(logOf(folder), '')
    else rmSync(logOf(folder))
    rmSync(join(folder, 'marker'))
    if (change === 'removed') await rejects(found(folder), 'StorageDamaged')
    writeFileSync(join(folder, 'marker'), marker)
    const { damage, meta, entries } = await found(folder)
    assert.is(damage, 'log')
    assert.equal(meta, META)
    assert.is(entries.length, 0)
    assert.is(existsSync(join(folder, 'db.damaged-1')), change === 'removed')
  }
})

test('a file of the log that is lost is damage, and what lies before it is kept', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  await left(folder, 40, 500_000)
  const [, middle, last] = logs(folder)
  for (const [name, kept] of [[middle, 16], [last, 32]] as const) {
    const copy = killed(folder, `without-${name}`)
    rmSync(join(copy, 'db', name!))
    for (let opening = 0; opening < 2; opening++) {
      const { damage, entries, meta } = await found(copy)
      assert.is(damage, 'log')
      assert.equal(meta, META)
      assert.ok(Math.abs(entries.length - kept) <= 2, `${entries.length} entries`)
      sameEntries(entries, run(1, entries.length, 500_000), 'log')
    }
  }
})

test('a file of the log that is put back from an earlier life is damage', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const storage = level(folder)
  await storage.open()
  await storage.write({ meta: META })
  for (let counter = 1; counter <= 40; counter++) await storage.write({ entries: run(counter, counter, 500_000) })
  const earlier = killed(folder, 'earlier')
  await storage.write({ chunks: chunks(1, 1) })
  await storage.write({ install: base(1, at(40), 1), purgeThrough: at(40) })
  for (let counter = 41; counter <= 80; counter++) await storage.write({ entries: run(counter, counter, 500_000) })
  await storage.close()
  for (const name of logs(earlier)) {
    const copy = killed(folder, `with-${name}`)
    assert.is((await found(copy)).damage, 'none')
    copyFileSync(join(earlier, 'db', name), join(copy, 'db', name))
    const { damage, entries } = await found(copy)
    assert.is(damage, 'log', name)
    sameEntries(entries, run(41, 40 + entries.length, 500_000), name)
  }
}, { timeoutMs: 60_000 })

test('what was written in an earlier life of a file does not come back', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const storage = level(folder)
  await storage.open()
  await storage.write({ meta: META })
  // Every record of the second life is as long as one of the first, so that it ends where an older one begins.
  let counter = 0
  const fill = async (count: number): Promise<void> => {
    for (let left = count; left > 0; left--) await storage.write({ entries: run(++counter, counter, 500_000) })
  }
  for (let id = 1; id <= 3; id++) {
    await fill(40)
    await storage.write({ chunks: chunks(id, 1) })
    await storage.write({ install: base(id, at(counter), 1), purgeThrough: at(counter) })
    await fill(id)
    const from = counter
    const { entries, damage } = await found(killed(folder, `life-${id}`))
    assert.is(damage, 'none')
    sameEntries(Array.from(entries).slice(-id), run(from - id + 1, from, 500_000), `life ${id}`)
  }
  await storage.close()
}, { timeoutMs: 60_000 })

test('data that looks like a record is data', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const storage = level(folder)
  await storage.open()
  await storage.write({ meta: META })
  const log = readFileSync(logOf(folder)).subarray(0, 2 ** 16)
  const [entry] = run(1, 1)
  // The whole file as it is, as the bytes of one txn: whoever reads another peer's disk could send this.
  await storage.write({ entries: [{ ...entry!, bytes: log }] })
  for (let counter = 2; counter <= 5; counter++) await storage.write({ entries: run(counter, counter) })
  const copy = killed(folder)
  await storage.close()
  const { entries, damage } = await found(copy)
  assert.is(damage, 'none')
  sameEntries(Array.from(entries).slice(1), run(2, 5), 'log')
})

test('a record larger than a file has a file of its own, which goes with it', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const storage = level(folder)
  await storage.open()
  await storage.write({ entries: run(1, 3), meta: META })
  await storage.write({ entries: run(4, 23, 1_000_000) })
  await storage.write({ entries: run(24, 26) })
  const copy = killed(folder)
  sameEntries((await found(copy)).entries, [...run(1, 3), ...run(4, 23, 1_000_000), ...run(24, 26)], 'log')
  await storage.write({ chunks: chunks(1, 1) })
  await storage.write({ install: base(1, at(26), 1), purgeThrough: at(26) })
  await storage.write({ entries: run(27, 27) })
  await storage.close()
  assert.ok(logs(folder).every((name) => statSync(join(folder, 'db', name)).size <= 8 * MIB))
  const { entries, damage } = await found(folder)
  assert.is(damage, 'none')
  sameEntries(entries, run(27, 27), 'log after the purge')
})

test('a truncation reaches back through files, and into a record', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const storage = level(folder)
  await storage.open()
  await storage.write({ meta: META })
  for (let from = 1; from <= 61; from += 3) await storage.write({ entries: run(from, from + 2, 200_000) })
  const writes = [
    storage.write({ truncateAfter: at(20) }), storage.write({ truncateAfter: at(19), entries: run(20, 22, 9) }),
    storage.write({ truncateAfter: at(21) }), storage.write({ entries: run(22, 23, 8) }),
  ]
  await Promise.all(writes)
  await storage.write({ truncateAfter: at(22), entries: run(23, 24, 7) })
  const copy = killed(folder)
  await storage.close()
  const expected = [...run(1, 19, 200_000), ...run(20, 21, 9), ...run(22, 22, 8), ...run(23, 24, 7)]
  for (const place of [copy, folder]) {
    const { entries, damage } = await found(place)
    assert.is(damage, 'none')
    sameEntries(entries, expected, 'log')
  }
})

test('an unclean end leaves the snapshot and the log that belong together', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const storage: Storage = level(folder)
  await storage.open()
  await storage.write({ entries: run(1, 9), meta: META })
  await storage.write({ chunks: chunks(1, 3) })
  await storage.write({ install: base(1, at(8), 3), purgeThrough: at(4) })
  await storage.write({ truncateAfter: at(8) })
  await storage.write({ entries: run(9, 12, 5) })
  const copy = killed(folder)
  await storage.close()
  const { entries, damage, base: kept } = await found(copy)
  assert.is(damage, 'none')
  assert.equal(kept, base(1, at(8), 3))
  sameEntries(Array.from(entries).slice(-4), run(9, 12, 5), 'log')
})

test('an open reads every file once', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  let bytesRead = 0
  const counting: OpenSegment = async (path, sync) => {
    const file = await segmentFiles(fs)(path, sync)
    return {
      get size() { return file.size },
      read: async (from, to) => {
        const content = await file.read(from, to)
        bytesRead += content.byteLength
        return content
      },
      write: (bytes, position) => file.write(bytes, position), close: () => file.close(),
    }
  }
  const storage = level(folder, { segments: counting })
  await storage.open()
  await storage.write({ entries: run(1, 9), meta: META })
  await storage.close()
  assert.is(bytesRead, 0)
  const { size } = fs.statSync(join(folder, 'db', 'log-0'))
  await storage.open()
  await storage.close()
  // And the last record, to write it once more.
  assert.ok(bytesRead >= size && bytesRead < size + 4_096, `${bytesRead} of ${size}`)
})

/** Files that cannot become longer once there is no room. */
function crowded(room: { isLeft: boolean }): OpenSegment {
  return async (path, sync) => {
    const file = await segmentFiles(fs)(path, sync)
    return {
      get size() { return file.size },
      read: (from, to) => file.read(from, to), close: () => file.close(),
      write(bytes, position) {
        const isLonger = position + bytes.byteLength > file.size
        return isLonger && !room.isLeft ? Promise.reject(new Error('no space left')) : file.write(bytes, position)
      },
    }
  }
}

test('a file that cannot be made ahead fails the write that needs it, and no other', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  const room = { isLeft: true }
  const storage = level(folder, { segments: crowded(room) })
  await storage.open()
  await storage.write({ meta: META })
  room.isLeft = false
  let counter = 0
  let failure: { code?: string } | null = null
  while (failure === null && counter < 100) {
    counter += 1
    failure = await storage.write({ entries: run(counter, counter, 20_000) }).then(() => null, (error: object) => error)
  }
  assert.is(failure?.code, 'StorageFailed')
  assert.ok(counter > 40, `${counter - 1} txns of 20 KB went into 1 MiB`)
  room.isLeft = true
  await rejects(storage.write({ meta: META }), 'StorageFailed')
  await storage.close()
  const { entries, damage } = await found(folder)
  assert.is(damage, 'none')
  sameEntries(entries, run(1, counter - 1, 20_000), 'log')
})

test.run()
