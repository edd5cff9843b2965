import { join } from 'node:path'
import { META, at, base, bytesOf, chunks, entry, run } from '../../lib/testing/conformance/storage-fixtures.ts'
import type { LogBatch, LogEntry, SnapshotBase, SnapshotChunk } from '../../lib/ports/storage.ts'
import { counterOf } from '../../lib/core/zxid.ts'
import { level } from '../../storage/level.ts'
import { assert, suite } from '../harness.ts'
import type { Case } from '../harness.ts'
import { RecordedDisk, isSnapshot } from './recorded-disk.ts'
import type { Moment, Torn } from './recorded-disk.ts'

const test = suite('images of a log')
const PAGE_BYTES = 4096

/** What the storage holds after a batch; batch N has the commit hint N. */
interface Expected {
  readonly entries: readonly LogEntry[]
  readonly base: SnapshotBase | null
}

/** A storage on a disk that is recorded, and what it must hold after each of its batches. */
class History {
  readonly disk = new RecordedDisk()
  readonly states: Expected[] = [{ entries: [], base: null }]
  readonly #write: (batch: LogBatch) => Promise<void>

  constructor(write: (batch: LogBatch) => Promise<void>) {
    this.#write = write
  }

  static async on(folder: string): Promise<{ readonly history: History, readonly close: () => Promise<void> }> {
    let write = (_batch: LogBatch): Promise<void> => Promise.reject(new Error('not open'))
    const history = new History((batch) => write(batch))
    const storage = level(folder, { segments: history.disk.open, database: history.disk.database })
    await storage.open()
    write = (batch) => storage.write(batch)
    return { history, close: () => storage.close() }
  }

  /** `label` names what is of interest; without one it is only done. */
  async write(batch: LogBatch, label = ''): Promise<void> {
    const { entries: before, base: under } = this.states.at(-1)!
    const cut = batch.resetLog === true ? -1 : batch.truncateAfter ?? Infinity
    const kept = [...before.filter(({ zxid }) => zxid <= cut), ...batch.entries ?? []]
    this.states.push({ entries: kept, base: batch.install ?? under })
    const number = this.states.length - 1
    this.disk.label = `${number} ${label}`
    await this.#write({ ...batch, meta: { ...META, commitHint: number } as typeof META })
    this.disk.label = ''
  }

  async fill(from: number, to: number): Promise<void> {
    for (let counter = from; counter <= to; counter++) await this.write({ entries: run(counter, counter, 400_000) })
  }
}

const upTo = (count: number): Torn => ({ byteLength }) => [[0, Math.min(count, byteLength)]]

/** Every way in which a write is cut short that is worth telling apart. */
function tears({ bytes }: Moment): Torn[] {
  const length = bytes.byteLength
  const counts = [0, 1, 8, 12, 24, 25, 60, length - 1, length]
  for (let page = 512; page < Math.min(length, PAGE_BYTES); page += 1024) counts.push(page)
  return [
    ...Array.from(new Set(counts), upTo),
    // Pages get to the disk in any order: the first one missing, the last one missing, every other one missing.
    () => [[Math.min(PAGE_BYTES, length), length]],
    () => [[0, Math.max(0, length - PAGE_BYTES)]],
    () => Array.from({ length: Math.ceil(length / PAGE_BYTES) }, (_, page) => page).filter((page) => page % 2 === 1)
      .map((page) => [page * PAGE_BYTES, Math.min(length, (page + 1) * PAGE_BYTES)] as const),
  ]
}

/** What is wrong with an image in which the batches up to `acknowledged` must be there, and the next one may be. */
async function problemOf(
  image: RecordedDisk, states: readonly Expected[], acknowledged: number, folder: string,
): Promise<string> {
  image.lay(folder)
  const options = { segments: image.open, database: image.database }
  let number = 0
  for (let opening = 0; opening < 3; opening++) {
    const storage = level(folder, options)
    try {
      const { damage, entries: log, meta, base: under, snapshot } = await storage.open()
      const entries = Array.from(log)
      if (damage !== 'none') return `${damage} is damaged at opening ${opening}`
      if (opening === 0) number = meta?.commitHint ?? 0
      if (number !== acknowledged && number !== acknowledged + 1) return `${number} is there, not ${acknowledged}`
      const expected = states[number]!
      const last = entries.at(-1)?.zxid ?? under?.zxid ?? at(0)
      const wanted = opening === 2 ? [...expected.entries, next(expected)] : expected.entries
      if (JSON.stringify(under) !== JSON.stringify(expected.base)) return `the base is ${JSON.stringify(under)}`
      const read: Uint8Array[] = []
      for await (const chunk of snapshot) read.push(chunk)
      if (read.length !== (under?.chunks ?? 0)) return `${read.length} chunks`
      const tail = wanted.slice(wanted.length - entries.length)
      const isSame = tail.every(({ zxid, bytes }, index) =>
        zxid === entries[index]!.zxid && Buffer.compare(bytes, entries[index]!.bytes) === 0)
      if (!isSame || last !== (wanted.at(-1)?.zxid ?? under?.zxid ?? 0)) return `the log ends at ${counterOf(last)}`
      const begin = entries[0]?.prevZxid ?? last
      if (begin > (under?.zxid ?? 0)) return `the log begins at ${counterOf(begin)}`
      if (opening === 1) await storage.write({ entries: [next(expected)] })
    } finally {
      await storage.close()
    }
  }
  return ''
}

function next({ entries, base: under }: Expected): LogEntry {
  const last = entries.at(-1)?.zxid ?? under?.zxid ?? at(0)
  return entry(at(1, 7), last)
}

function largeChunks(id: number, count: number): SnapshotChunk[] {
  return Array.from({ length: count }, (_, index) => ({ id, index, bytes: bytesOf(id * 10 + index, 9_000) }))
}

/** Opens every image of every write that has a label, and says which are not what they must be. */
async function problemsOf(
  history: History, t: Case,
): Promise<{ readonly images: number, readonly problems: string[] }> {
  const problems: string[] = []
  let images = 0
  for (const moment of history.disk.moments) {
    const [number, name] = moment.label.split(' ')
    if (name === undefined || name === '') continue
    for (const [index, torn] of tears(moment).entries()) {
      const image = history.disk.image(moment, torn)
      const problem = await problemOf(image, history.states, Number(number) - 1, join(t.tempFolder(), 'data'))
      images += 1
      const where = `${moment.label}, ${moment.name} at ${moment.position}, tear ${index}`
      if (problem !== '') problems.push(`${where}: ${problem}`)
    }
  }
  return { images, problems }
}

test('the power may go at any byte of a turn to the next file', async (t) => {
  const { history, close } = await History.on(join(t.tempFolder(), 'data'))
  await history.write({ entries: run(1, 1) }, 'first')
  await history.fill(2, 21)
  // The next one does not fit any more, and the one after it follows it.
  await history.write({ entries: run(22, 22, 400_000) }, 'turn')
  await history.write({ entries: run(23, 23, 10_000) }, 'behind')
  await history.write({ truncateAfter: at(20), entries: run(21, 21, 50) }, 'truncation-across')
  await history.write({ entries: run(22, 24) }, 'after-truncation')
  await close()
  const { images, problems } = await problemsOf(history, t)
  assert.equal(problems, [])
  assert.ok(images > 60, `${images}`)
}, { timeoutMs: 60_000 })

test('the power may go at any byte of a purge, and of what is written over what was purged', async (t) => {
  const { history, close } = await History.on(join(t.tempFolder(), 'data'))
  await history.fill(1, 41)
  await history.write({ chunks: chunks(1, 2), entries: run(42, 42) }, 'chunks')
  await history.write({ install: base(1, at(41), 2), purgeThrough: at(30) }, 'purge')
  await history.fill(43, 58)
  await history.write({ entries: run(59, 59, 400_000) }, 'recycled')
  for (let counter = 60; counter <= 64; counter++) {
    await history.write({ entries: run(counter, counter) }, 'stale-behind')
  }
  await history.write({ chunks: chunks(2, 1), install: base(2, at(64), 1), purgeThrough: at(64) }, 'purge-all')
  await history.write({ entries: run(65, 66) }, 'after')
  await close()
  const names = new Set(history.disk.moments.map(({ name }) => name).filter((name) => !isSnapshot(name)))
  assert.ok(names.size <= 4, Array.from(names).join())
  const { images, problems } = await problemsOf(history, t)
  assert.equal(problems, [])
  assert.ok(images > 100, `${images}`)
}, { timeoutMs: 60_000 })

test('the power may go at any byte of a truncation and of a reset', async (t) => {
  const { history, close } = await History.on(join(t.tempFolder(), 'data'))
  await history.write({ entries: run(1, 10, 300) })
  await history.write({ entries: run(11, 20, 300) })
  await history.write({ truncateAfter: at(15) }, 'inside')
  await history.write({ truncateAfter: at(13), entries: run(14, 30, 300) }, 'deeper')
  await history.write({ truncateAfter: at(10) }, 'whole-record')
  await history.write({ truncateAfter: at(0) }, 'everything')
  await history.write({ entries: run(1, 3, 300) }, 'again')
  await history.write({ chunks: chunks(5, 2), install: base(5, at(90), 2), resetLog: true }, 'reset')
  await history.write({ entries: run(91, 95) }, 'behind')
  await history.write({ truncateAfter: at(92) }, 'cut-behind')
  await close()
  const { images, problems } = await problemsOf(history, t)
  assert.equal(problems, [])
  assert.ok(images > 100, `${images}`)
}, { timeoutMs: 60_000 })

test('the power may go at any byte of a snapshot, with the one before it there until the next is', async (t) => {
  const { history, close } = await History.on(join(t.tempFolder(), 'data'))
  await history.write({ entries: run(1, 8) })
  let last = 8
  for (const id of [1, 2, 3]) {
    for (const chunk of largeChunks(id, 4)) {
      last += 1
      await history.write({ entries: run(last, last), chunks: [chunk] }, 'chunk')
    }
    await history.write({ install: base(id, at(last - 2), 4), purgeThrough: at(last - 6) }, 'install')
    await history.write({ entries: run(last + 1, last + 2) }, 'behind')
    last += 2
    // One that is given up, which has the file that waited, and one that is begun anew.
    if (id === 2) await history.write({ chunks: largeChunks(50, 3) }, 'given-up')
    await history.write({ chunks: largeChunks(id + 1, 2) }, 'abandoned')
    await history.write({ entries: run(last + 1, last + 1) }, 'behind')
    last += 1
  }
  await close()
  const torn = history.disk.moments.filter(({ name, label }) => isSnapshot(name) && /chunk|install/.test(label))
  assert.ok(torn.length >= 10, `${torn.length} writes of snapshots`)
  const isTakenOver = history.disk.moments.some(({ name, position, bytes }) =>
    isSnapshot(name) && position === 0 && bytes.byteLength > 20_000)
  assert.ok(isTakenOver, 'no file was used again')
  const { images, problems } = await problemsOf(history, t)
  assert.equal(problems, [])
  assert.ok(images > 200, `${images}`)
}, { timeoutMs: 60_000 })

test('an image that lacks what was acknowledged is noticed here', async (t) => {
  const { history, close } = await History.on(join(t.tempFolder(), 'data'))
  await history.write({ entries: run(1, 1) })
  await history.write({ entries: run(2, 2) }, 'second')
  await close()
  const moment = history.disk.moments.find(({ label }) => label === '2 second')!
  const image = history.disk.image(moment, upTo(0))
  assert.is(await problemOf(image, history.states, 2, join(t.tempFolder(), 'data')), '1 is there, not 2')
})

test.run()
