/**
 * Crash images of what peers really write (correctness plan, B): the batches of simulated storms go through the
 * storage, the power goes within a write, at any byte or with any of its pages missing, and what `open` finds must be
 * what the simulator's own disk holds after some batch that was under way. So the simulator may keep whole batches in
 * order.
 */
import { join } from 'node:path'
import { makeRandom } from '../../lib/core/random.ts'
import type { Random } from '../../lib/core/random.ts'
import { SimDisk } from '../../lib/testing/sim/disk.ts'
import { drawRun } from '../../lib/testing/sim/reduction.ts'
import { Storm } from '../../lib/testing/sim/storm.ts'
import { SimWorld } from '../../lib/testing/sim/world.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'
import type { LogBatch } from '../../lib/ports/storage.ts'
import { ZXID_ZERO } from '../../lib/core/zxid.ts'
import { level } from '../../storage/level.ts'
import { assert, suite } from '../harness.ts'
import type { Case } from '../harness.ts'
import { RecordedDisk } from './recorded-disk.ts'
import type { Moment, Torn } from './recorded-disk.ts'

const test = suite('images of histories')
const PAGE_BYTES = 4096
const STORM_MS = 40_000
const LAST = Number.MAX_SAFE_INTEGER as typeof ZXID_ZERO

/** Faults that change a disk by other means than a write, or leave out a part of one. */
const DAMAGE: readonly string[] = ['wipe', 'rot', 'promise', 'cramped']

/** What each peer wrote in the storm of a seed. */
function batchesOf(seed: number): LogBatch[][] {
  const { plan, faults } = drawRun(seed)
  const world = new SimWorld(plan.world, makeTxnCodec())
  const written = Array.from(world.servers.values(), ({ disk }) => {
    const batches: LogBatch[] = []
    disk.apply = (batch): boolean => {
      batches.push(batch)
      return SimDisk.prototype.apply.call(disk, batch)
    }
    return batches
  })
  const storm = new Storm(world, plan, faults.filter(({ kind }) => !DAMAGE.includes(kind)))
  world.events.runUntil(STORM_MS)
  assert.ok(storm.spare >= 0)
  return written
}

/** All that `open` tells of a disk. */
function told({ meta, base, log }: Pick<SimDisk, 'meta' | 'base' | 'log'>): string {
  const entries = log.slice(log.floor, LAST, Infinity).map(({ zxid, hash1, hash2, bytes }) =>
    `${zxid} ${hash1} ${hash2} ${Buffer.from(bytes).toString('hex')}`)
  return JSON.stringify([meta, base, log.last, entries])
}

/** A byte prefix, or any of the pages of the file that it touches. */
function drawTorn(random: Random, { position }: Moment): Torn {
  if (random.below(2) === 0) return ({ byteLength }) => [[0, random.below(byteLength + 1)]]
  return ({ byteLength }) => {
    const parts: [number, number][] = []
    for (let from = 0; from < byteLength;) {
      const to = Math.min(byteLength, from + PAGE_BYTES - (position + from) % PAGE_BYTES)
      if (random.below(2) === 0) parts.push([from, to])
      from = to
    }
    return parts
  }
}

/** What the disk holds that `open` finds; null when it finds damage. */
async function openedOf(image: RecordedDisk, expected: readonly SimDisk[], folder: string): Promise<number | null> {
  image.lay(folder)
  const storage = level(folder, { segments: image.open, database: image.database })
  try {
    const { damage, entries, meta, base } = await storage.open()
    if (damage !== 'none') return null
    return expected.findIndex((disk) => {
      // A storage purges whole records: it may keep more than it must.
      const kept = Array.from(entries).filter(({ zxid }) => zxid > disk.log.floor)
        .map(({ zxid, hash1, hash2, bytes }) => `${zxid} ${hash1} ${hash2} ${Buffer.from(bytes).toString('hex')}`)
      const last = Array.from(entries).at(-1)?.zxid ?? base?.zxid ?? ZXID_ZERO
      return told(disk) === JSON.stringify([meta, base, last, kept])
    })
  } finally {
    await storage.close()
  }
}

interface Tally {
  images: number
  /** Images in which something of the write under way is there. */
  torn: number
  readonly parts: Set<string>
}

/**
 * Writes a history, several batches at a time, and opens images of some of its writes, often of those that cut the log
 * or install a snapshot.
 */
async function tearHistory(t: Case, batches: readonly LogBatch[], random: Random, tally: Tally): Promise<void> {
  const recorded = new RecordedDisk()
  const folder = join(t.tempFolder(), 'data')
  const storage = level(folder, { segments: recorded.open, database: recorded.database })
  await storage.open()
  const mirror = new SimDisk()
  const states: SimDisk[] = [mirror.copy()]
  let begun: number | null = null
  for (let at = 0; at < batches.length;) {
    const group = batches.slice(at, at + 1 + random.below(4))
    recorded.label = `${at} ${at + group.length}`
    const writes = group.map((batch) => storage.write(batch))
    for (const batch of group) {
      for (const part of Object.keys(batch)) tally.parts.add(part)
      for (const { id } of batch.chunks ?? []) {
        if (begun !== null && begun !== id) tally.parts.add('another snapshot')
        begun = id
      }
      if (batch.install !== undefined) begun = null
      mirror.apply(batch)
      states.push(mirror.copy())
    }
    await Promise.all(writes)
    at += group.length
  }
  await storage.close()
  const moments = recorded.moments.filter(({ label }) => label !== '')
  const isRare = ({ label }: Moment): boolean => {
    const [from, to] = label.split(' ').map(Number)
    return batches.slice(from, to).some((batch) => 'truncateAfter' in batch || 'install' in batch)
  }
  const rare = moments.filter(isRare)
  for (let i = 0; i < 12; i++) {
    const drawn = i % 2 === 0 && rare.length > 0 ? rare : moments
    const moment = drawn[random.below(drawn.length)]!
    const [from = 0, to = 0] = moment.label.split(' ').map(Number)
    const image = recorded.image(moment, drawTorn(random, moment))
    const found = await openedOf(image, states.slice(from, to + 1), join(t.tempFolder(), 'data'))
    assert.is.not(found, null, `damage after ${moment.label}`)
    assert.is.not(found, -1, `another state after ${moment.label}, ${moment.name} at ${moment.position}`)
    tally.images++
    if (found! > 0) tally.torn++
  }
}

test('a storm loses its power within any write: what is found is what was there after some batch', async (t) => {
  const random = makeRandom(7)
  const tally: Tally = { images: 0, torn: 0, parts: new Set() }
  for (const seed of [27, 28, 29, 43, 44]) {
    for (const batches of batchesOf(seed)) {
      if (batches.length > 20) await tearHistory(t, batches.slice(0, 400), random, tally)
    }
  }
  assert.ok(tally.images > 100 && tally.torn > 20 && tally.torn < tally.images, JSON.stringify(tally))
  const parts = [
    'entries', 'meta', 'chunks', 'another snapshot', 'install', 'purgeThrough', 'truncateAfter', 'resetLog',
  ]
  for (const part of parts) {
    assert.ok(tally.parts.has(part), `no batch has ${part}`)
  }
}, { timeoutMs: 120_000 })

test.run()
