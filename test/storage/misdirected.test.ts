/** Writes of the log that land elsewhere: noticed, or nothing is missing. */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { META, at, base, chunks, entry, run } from '../../lib/testing/conformance/storage-fixtures.ts'
import type { LogEntry } from '../../lib/ports/storage.ts'
import { isZkError } from '../../lib/core/errors.ts'
import { level } from '../../storage/level.ts'
import { assert, suite } from '../harness.ts'
import { RecordedDisk } from './recorded-disk.ts'
import type { Moment } from './recorded-disk.ts'

const test = suite('misdirected writes')
const PAGE_BYTES = 4096

/** Everything that was ever in the log, and what is in it in the end. */
interface History {
  readonly disk: RecordedDisk
  readonly folder: string
  readonly written: ReadonlySet<string>
  readonly last: readonly LogEntry[]
}

const named = ({ zxid, prevZxid, bytes }: LogEntry): string => `${zxid} after ${prevZxid}: ${bytes.join()}`

/** Writes with a truncation, an epoch, a snapshot and what follows it, in one file. */
async function write(folder: string): Promise<History> {
  const disk = new RecordedDisk()
  const storage = level(folder, { segments: disk.open, database: disk.database })
  await storage.open()
  const written: LogEntry[] = []
  const put = async (batch: Parameters<typeof storage.write>[0]): Promise<void> => {
    written.push(...batch.entries ?? [])
    await storage.write(batch)
  }
  await put({ meta: META })
  for (let counter = 1; counter <= 12; counter++) await put({ entries: run(counter, counter, 1_500) })
  await put({ truncateAfter: at(10) })
  await put({ meta: { ...META, acceptedEpoch: 3, currentEpoch: 3 } })
  await put({ entries: [entry(at(1, 3), at(10)), entry(at(2, 3), at(1, 3))] })
  await put({ chunks: chunks(1, 2) })
  await put({ install: base(1, at(10), 2), purgeThrough: at(4) })
  for (let counter = 3; counter <= 8; counter++) {
    await put({ entries: [entry(at(counter, 3), at(counter - 1, 3), new Uint8Array(700).fill(counter))] })
  }
  await storage.close()
  const last = written.filter(({ zxid }) => zxid > at(4) && (zxid <= at(10) || zxid > at(0, 3)))
  return { disk, folder, written: new Set(written.map(named)), last }
}

/** Where a write may land instead; null: nowhere. */
function placesOf(moment: Moment, moments: readonly Moment[]): (number | null)[] {
  const { position, bytes: { byteLength } } = moment
  const places = [null, 0, position - PAGE_BYTES, position - 1, position + 1, position + PAGE_BYTES, position + 100_000]
  for (const [index, other] of moments.entries()) if ((index + moment.index) % 4 === 0) places.push(other.position)
  const ends = new Set(places.filter((at) => at === null || (at >= 0 && at + byteLength < 1_000_000)))
  ends.delete(position)
  return [...ends]
}

/** Opens what is left, twice; says what is wrong. */
async function problemOf({ folder, written, last }: History, image: RecordedDisk, to: string): Promise<string> {
  cpSync(folder, to, { recursive: true })
  image.lay(to)
  for (let opening = 0; opening < 2; opening++) {
    const storage = level(to, { segments: image.open, database: image.database })
    try {
      const { entries: log, damage, meta } = await storage.open()
      const entries = Array.from(log)
      if (!entries.every((one) => written.has(named(one)))) return 'txns that nobody wrote'
      if (!entries.every(({ prevZxid }, index) => index === 0 || prevZxid === entries[index - 1]!.zxid)) return 'a hole'
      if (meta?.acceptedEpoch !== 3) return 'promises are forgotten'
      const ends = entries.slice(-last.length).map(named)
      const isWhole = ends.join() === last.map(named).join()
      if (damage === 'none' && !isWhole) return `what ends at ${entries.at(-1)?.zxid} is whole, it says`
      if (damage !== 'none' && opening === 0) noticed += 1
    } catch (error) {
      if (!isZkError(error, 'StorageDamaged')) throw error
      if (opening === 0) noticed += 1
      return ''
    } finally {
      await storage.close()
    }
  }
  return ''
}

let noticed = 0

test('a record that lands elsewhere, on whatever is there, is damage unless nobody needs it', async (t) => {
  const history = await write(join(t.tempFolder(), 'data'))
  const { moments } = history.disk
  const records = moments.filter(({ bytes }) => bytes.byteLength < 3 * PAGE_BYTES && bytes.byteLength > 20)
  assert.ok(records.length > 15, `${records.length} records`)
  let images = 0
  const problems: string[] = []
  for (const moment of records) {
    for (const place of placesOf(moment, records)) {
      images += 1
      const image = history.disk.misdirected(moment, place)
      const problem = await problemOf(history, image, join(t.tempFolder(), 'data'))
      if (problem !== '') problems.push(`write ${moment.index} of ${moment.position} at ${place}: ${problem}`)
    }
  }
  assert.equal(problems, [])
  assert.ok(noticed > images / 3, `${noticed} of ${images} were noticed`)
  const whole = history.disk.misdirected(records[0]!, records[0]!.position)
  const before = noticed
  assert.is(await problemOf(history, whole, join(t.tempFolder(), 'data')), '')
  assert.is(noticed, before, 'a write where it belongs is no damage')
}, { timeoutMs: 120_000 })

test.run()
