import { isZkError } from '../../core/errors.ts'
import { makeZxid } from '../../core/zxid.ts'
import type { LogBatch, Meta, Recovered, SnapshotBase, Storage, StorageFeatures } from '../../ports/storage.ts'
import { check, sameBytes, sameEntries, within } from './storage-checks.ts'
import { META, at, base, bytesOf, chunks, entry, run } from './storage-fixtures.ts'

export { STORAGE_FLAWS, sabotagedPlace } from './storage-sabotage.ts'
export type { StorageFlaw } from './storage-sabotage.ts'

/** Where a storage keeps things; each case gets one that is empty. */
export interface StoragePlace {
  /** A new adapter on this place; an adapter that keeps everything in itself may be handed out again. */
  storage(): Storage
  /**
   * Kills the process, as far as the content goes, before it returns its promise: what is not durable then
   * is gone. The next `storage()` sees what is left; the old adapter is not used again.
   */
  crash(): Promise<void>
  /**
   * Alters stored entries behind the adapter's back. Required of what is persistent; called while it is
   * closed.
   */
  damage?(): Promise<void>
  /** Releases the place. */
  remove?(): Promise<void>
}

/** Registers one test with any runner. */
export type RegisterTest = (name: string, body: () => Promise<void>) => void

/** What the runner may add. */
export interface StorageRunOptions {
  /** Closes the storage and opens it again after every awaited write of every case. */
  readonly reopening?: boolean
  /** Told of each case that is left out. */
  readonly skipped?: (name: string, reason: string) => void
}

/** One case. */
export interface StorageCase {
  readonly name: string
  /** Left out, with the reason, when the adapter does not claim this. */
  readonly needs?: keyof StorageFeatures
  readonly run: (context: StorageContext) => Promise<void>
}

const CASE_TIMEOUT_MS = 20_000

/** One storage under test, open. */
export class StorageContext {
  readonly place: StoragePlace
  readonly #reopening: boolean
  #storage: Storage

  constructor(place: StoragePlace, reopening: boolean) {
    this.place = place
    this.#reopening = reopening
    this.#storage = place.storage()
  }

  /** The adapter in use. */
  get storage(): Storage {
    return this.#storage
  }

  /** Writes, and waits until it is durable. What no batch has installed yet need not be there after an opening. */
  async write(batch: LogBatch): Promise<void> {
    await this.#storage.write(batch)
    if (this.#reopening && (batch.chunks === undefined || batch.install !== undefined)) await this.reopen()
  }

  /** Closes the storage and says what a new one finds. */
  async reopen(): Promise<Found> {
    await this.#storage.close()
    return await this.open()
  }

  /** Opens a new adapter. */
  async open(): Promise<Found> {
    this.#storage = this.place.storage()
    return await collect(await this.#storage.open())
  }

  /** Crashes and says what a new one finds. */
  async crash(): Promise<Found> {
    await this.place.crash()
    return await this.open()
  }
}

/** What was recovered, with the snapshot read. */
export interface Found extends Recovered {
  readonly entries: NonNullable<LogBatch['entries']>
  readonly chunks: readonly Uint8Array[]
}

async function collect(recovered: Recovered): Promise<Found> {
  const chunks: Uint8Array[] = []
  for await (const chunk of recovered.snapshot) chunks.push(chunk)
  return { ...recovered, entries: Array.from(recovered.entries), chunks }
}

/** Runs every case on adapters of `make`, each on a place of its own. */
export function runStorageCases(
  test: RegisterTest, make: () => StoragePlace | Promise<StoragePlace>, options: StorageRunOptions = {},
): void {
  for (const { name, needs, run } of storageCases) {
    test(name, async () => {
      const place = await make()
      const context = new StorageContext(place, options.reopening ?? false)
      try {
        if (needs !== undefined && !context.storage.features[needs]) {
          options.skipped?.(name, `the adapter is not ${needs}`)
          return
        }
        await within(CASE_TIMEOUT_MS, run(context))
      } finally {
        await context.storage.close()
        await place.remove?.()
      }
    })
  }
}

function sameSnapshot(found: Found, expected: SnapshotBase, what: string): void {
  check(JSON.stringify(found.base) === JSON.stringify(expected), `${what}: base is ${JSON.stringify(found.base)}`)
  check(found.chunks.length === expected.chunks, `${what}: ${found.chunks.length} chunks, not ${expected.chunks}`)
  const written = chunks(expected.id, expected.chunks)
  found.chunks.forEach((chunk, index) => sameBytes(chunk, written[index]!.bytes, `${what}: chunk ${index}`))
}

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1)

function sameMeta(found: Found, expected: Meta | null, what: string): void {
  const sorted = (meta: Meta | null): string => JSON.stringify(Object.entries(meta ?? {}).sort(byName))
  check(sorted(found.meta) === sorted(expected), `${what}: meta is ${JSON.stringify(found.meta)}`)
}

/** What the promise was rejected with; null when it was not. */
async function rejection(promise: Promise<unknown>): Promise<Error | null> {
  return await promise.then(() => null, (thrown: unknown) => (thrown instanceof Error ? thrown : new Error('no error')))
}

/** Expects a rejection with this library's error. */
async function fails(promise: Promise<unknown>, what: string): Promise<void> {
  const error = await rejection(promise)
  check(error !== null, `${what} did not fail`)
  check(isZkError(error), `${what} failed with another error: ${error.message}`)
}

/** The log must be a contiguous run that ends at `last` and leaves out nothing after `after`. */
function retained(found: Found, after: number, last: number, what: string): void {
  const begin = (found.entries[0]?.zxid ?? at(last + 1)) - at(1) + 1
  check(begin >= 1 && begin <= after + 1, `${what}: the log begins at ${begin}, after ${after} everything is needed`)
  sameEntries(found.entries, run(begin, last), what)
}

const contentCases: readonly StorageCase[] = [
  { name: 'an empty storage holds nothing', async run(context) {
    for (const found of [await context.open(), await context.reopen()]) {
      sameMeta(found, null, 'empty')
      check(found.base === null && found.entries.length === 0 && found.chunks.length === 0, 'something was found')
      check(found.damage === 'none', `damage ${found.damage}`)
    }
  } },
  { name: 'entries and promises are found again', async run(context) {
    await context.open()
    await context.write({ entries: run(1, 3), meta: META })
    await context.write({ entries: run(4, 4) })
    await context.write({ entries: run(5, 9) })
    for (const found of [await context.reopen(), await context.reopen()]) {
      sameEntries(found.entries, run(1, 9), 'log')
      sameMeta(found, META, 'promises')
      check(found.damage === 'none', `damage ${found.damage}`)
    }
  } },
  { name: 'the last promises count, and are kept whole', async run(context) {
    await context.open()
    await context.write({ meta: META })
    await context.write({ meta: { ...META, acceptedEpoch: 9, ensembleId: 'é\u0000"', health: 'log' } })
    await context.write({ entries: run(1, 1) })
    sameMeta(await context.reopen(), { ...META, acceptedEpoch: 9, ensembleId: 'é\u0000"', health: 'log' }, 'promises')
  } },
  { name: 'views with an offset, empty txns and the largest numbers are kept exactly', async run(context) {
    const whole = bytesOf(1, 100)
    const largest = makeZxid(2 ** 21 - 1, 2 ** 32 - 1)
    const entries = [
      entry(at(1), at(0), whole.subarray(10, 20)), entry(at(2), at(1), new Uint8Array(0)),
      entry(makeZxid(2, 1), at(2), whole.subarray(99)), entry(largest, makeZxid(2, 1), new Uint8Array(0)),
    ]
    await context.open()
    await context.write({ entries, meta: { ...META, commitHint: largest } })
    const found = await context.reopen()
    sameEntries(found.entries, entries, 'log')
    sameMeta(found, { ...META, commitHint: largest }, 'promises')
  } },
  { name: 'txns of 1 MiB are kept', async run(context) {
    await context.open()
    await context.write({ entries: run(1, 3, 1024 * 1024 + 3) })
    await context.write({ entries: run(4, 5, 700_000) })
    const found = await context.reopen()
    sameEntries(found.entries, [...run(1, 3, 1024 * 1024 + 3), ...run(4, 5, 700_000)], 'log')
  } },
  { name: 'a batch of 10,000 entries is kept', async run(context) {
    await context.open()
    await context.write({ entries: run(1, 10_000, 150) })
    await context.write({ entries: run(10_001, 10_002, 150) })
    sameEntries((await context.reopen()).entries, run(1, 10_002, 150), 'log')
  } },
  { name: 'bytes handed in are not kept', async run(context) {
    await context.open()
    const bytes = bytesOf(1, 20)
    const piece = bytesOf(100, 30)
    await context.write({ entries: [entry(at(1), at(0), bytes)], chunks: [{ id: 1, index: 0, bytes: piece }] })
    bytes.fill(0)
    piece.fill(0)
    await context.write({ install: base(1, at(1), 1) })
    const found = await context.reopen()
    sameEntries(found.entries, run(1, 1), 'log')
    sameSnapshot(found, base(1, at(1), 1), 'snapshot')
  } },
  { name: 'bytes handed out are the caller\'s', async run(context) {
    await context.open()
    await context.write({ entries: run(1, 2), chunks: chunks(1, 1), install: base(1, at(1), 1) })
    const found = await context.reopen()
    for (const { bytes } of found.entries) bytes.fill(0)
    for (const chunk of found.chunks) chunk.fill(0)
    const again = await context.reopen()
    sameEntries(again.entries, run(1, 2), 'log')
    sameSnapshot(again, base(1, at(1), 1), 'snapshot')
  } },
]

const orderCases: readonly StorageCase[] = [
  { name: 'writes take effect in call order although they are not awaited', async run(context) {
    await context.open()
    const resolved: number[] = []
    const writes: Promise<void>[] = []
    for (let round = 1; round <= 200; round++) {
      const meta = { ...META, acceptedEpoch: round }
      // Every fifth one takes the entry before back and writes it again, as its own batch or with the append.
      const batch: LogBatch = round % 5 === 0
        ? { truncateAfter: at(round - 2), entries: run(round - 1, round), meta }
        : { entries: run(round, round), meta }
      writes.push(context.storage.write(batch).then(() => void resolved.push(round)))
    }
    await Promise.all(writes)
    check(resolved.every((round, index) => round === index + 1), 'writes resolved out of order')
    const found = await context.reopen()
    sameEntries(found.entries, run(1, 200), 'log')
    sameMeta(found, { ...META, acceptedEpoch: 200 }, 'promises')
  } },
  { name: 'close waits for the writes in flight', async run(context) {
    await context.open()
    const writes = [run(1, 3), run(4, 4), run(5, 800)].map((entries) => context.storage.write({ entries }))
    const found = await context.reopen()
    await Promise.all(writes)
    sameEntries(found.entries, run(1, 800), 'log')
  } },
  { name: 'close may be called again', async run(context) {
    await context.open()
    await context.write({ entries: run(1, 2) })
    await Promise.all([context.storage.close(), context.storage.close()])
    await context.storage.close()
    sameEntries((await context.open()).entries, run(1, 2), 'log')
  } },
  { name: 'a write before open or after close fails', async run(context) {
    await fails(context.place.storage().write({ meta: META }), 'a write before open')
    await context.open()
    await context.storage.close()
    await fails(context.storage.write({ meta: META }), 'a write after close')
    sameMeta(await context.open(), null, 'promises')
  } },
  { name: 'a storage that is open cannot be opened', async run(context) {
    await context.open()
    const error = await rejection(context.place.storage().open())
    check(isZkError(error, 'StorageLocked'), `expected StorageLocked, got ${error?.message ?? 'success'}`)
    await context.write({ entries: run(1, 1) })
    sameEntries((await context.reopen()).entries, run(1, 1), 'log')
  } },
  { name: 'a batch that leaves a hole fails, and every write after it', async run(context) {
    await context.open()
    await context.write({ entries: run(1, 2) })
    const hole = fails(context.storage.write({ entries: run(4, 5), meta: META }), 'a batch with a hole')
    const after = fails(context.storage.write({ entries: run(3, 3) }), 'a write queued behind a failing one')
    await Promise.all([hole, after])
    await fails(context.storage.write({ entries: run(3, 3) }), 'a write after a failed one')
    const found = await context.reopen()
    sameEntries(found.entries, run(1, 2), 'log')
    sameMeta(found, null, 'promises')
  } },
]

const truncationCases: readonly StorageCase[] = [
  { name: 'a truncation cuts inside a batch, across batches, at their borders and everything', async run(context) {
    await context.open()
    const stages: readonly [number, number][] = [[25, 30], [20, 20], [18, 18], [13, 19], [10, 11], [9, 9], [0, 1]]
    await context.write({ entries: run(1, 10) })
    await context.write({ entries: run(11, 11) })
    await context.write({ entries: run(12, 20) })
    await context.write({ entries: run(21, 30) })
    for (const [cut, next] of stages) {
      await context.write({ truncateAfter: at(cut) })
      sameEntries((await context.reopen()).entries, run(1, cut), `log cut at ${cut}`)
      await context.write({ entries: run(cut + 1, next) })
      sameEntries((await context.reopen()).entries, run(1, next), `log cut at ${cut} and continued`)
    }
  } },
  { name: 'a truncation above the end changes nothing', async run(context) {
    await context.open()
    await context.write({ entries: run(1, 4) })
    await context.write({ truncateAfter: at(4) })
    await context.write({ truncateAfter: at(1, 7), entries: run(5, 5) })
    sameEntries((await context.reopen()).entries, run(1, 5), 'log')
  } },
  { name: 'a batch truncates before it appends', async run(context) {
    await context.open()
    await context.write({ entries: run(1, 10) })
    const later = [entry(at(1, 2), at(4)), entry(at(2, 2), at(1, 2))]
    await context.write({ truncateAfter: at(4), entries: later, meta: META })
    const found = await context.reopen()
    sameEntries(found.entries, [...run(1, 4), ...later], 'log')
    sameMeta(found, META, 'promises')
  } },
  { name: 'what was truncated does not come back', async run(context) {
    await context.open()
    for (let counter = 1; counter <= 12; counter += 3) await context.write({ entries: run(counter, counter + 2) })
    const shorter = run(3, 7, 5)
    await Promise.all([
      context.storage.write({ truncateAfter: at(2) }), context.storage.write({ entries: shorter.slice(0, 2) }),
      context.storage.write({ entries: shorter.slice(2) }),
    ])
    sameEntries((await context.reopen()).entries, [...run(1, 2), ...shorter], 'log')
    await context.write({ entries: run(8, 12, 6) })
    sameEntries((await context.reopen()).entries, [...run(1, 2), ...shorter, ...run(8, 12, 6)], 'longer log')
  } },
]

const snapshotCases: readonly StorageCase[] = [
  { name: 'chunks count from their installation on', async run(context) {
    await context.open()
    await context.write({ entries: run(1, 9), meta: META })
    await context.write({ chunks: chunks(1, 7) })
    check((await context.reopen()).base === null, 'chunks became the base without being installed')
    await context.write({ chunks: chunks(1, 7) })
    await context.write({ chunks: chunks(1, 13, 7) })
    await context.write({ install: base(1, at(5), 20) })
    const found = await context.reopen()
    sameSnapshot(found, base(1, at(5), 20), 'snapshot')
    retained(found, 5, 9, 'log')
  } },
  { name: 'a snapshot replaces the one before, which does not come back', async run(context) {
    await context.open()
    await context.write({ entries: run(1, 9), chunks: chunks(1, 3), install: base(1, at(2), 3) })
    await context.write({ chunks: chunks(11, 12) })
    sameSnapshot(await context.reopen(), base(1, at(2), 3), 'first snapshot')
    await context.write({ chunks: chunks(11, 12) })
    await context.write({ install: base(11, at(6), 12) })
    await context.write({ entries: run(10, 10) })
    sameSnapshot(await context.reopen(), base(11, at(6), 12), 'second snapshot')
    await context.write({ chunks: chunks(0, 1), install: base(0, at(10), 1), purgeThrough: at(10) })
    const found = await context.reopen()
    sameSnapshot(found, base(0, at(10), 1), 'third snapshot')
    retained(found, 10, 10, 'log')
  } },
  { name: 'a snapshot that is begun anew has nothing of what was written of it before', async run(context) {
    await context.open()
    await context.write({ entries: run(1, 9), meta: META })
    const other = chunks(2, 5).map((chunk) => ({ ...chunk, id: 1 }))
    await context.write({ chunks: other })
    await context.write({ chunks: chunks(1, 2) })
    await context.write({ chunks: [...other.slice(0, 1), ...chunks(1, 3)] })
    await context.write({ install: base(1, at(5), 3) })
    sameSnapshot(await context.reopen(), base(1, at(5), 3), 'snapshot')
    await context.write({ chunks: other.map((chunk) => ({ ...chunk, id: 2 })) })
    await context.write({ chunks: chunks(2, 1) })
    await fails(context.storage.write({ install: base(2, at(6), 5) }), 'an installation of chunks of before')
    sameSnapshot(await context.reopen(), base(1, at(5), 3), 'snapshot after that')
  } },
  { name: 'a snapshot that begins ends the one before, which was given up', async run(context) {
    await context.open()
    await context.write({ entries: run(1, 9), chunks: chunks(1, 3), install: base(1, at(2), 3) })
    for (const late of [{ chunks: chunks(7, 1, 2) }, { install: base(7, at(6), 2) }]) {
      await context.write({ chunks: chunks(7, 2) })
      await context.write({ chunks: chunks(8, 1) })
      await fails(context.storage.write(late), 'what comes late of a snapshot')
      sameSnapshot(await context.reopen(), base(1, at(2), 3), 'snapshot')
    }
  } },
  { name: 'a hole in the chunks of a snapshot fails', async run(context) {
    await context.open()
    await context.write({ entries: run(1, 9), meta: META })
    await context.write({ chunks: chunks(1, 2) })
    await fails(context.storage.write({ chunks: chunks(1, 1, 3) }), 'chunk 3 behind chunk 1')
    await fails(context.storage.write({ entries: run(10, 10) }), 'a write after it')
    check((await context.reopen()).base === null, 'there is a base')
  } },
  { name: 'a purge keeps everything after the snapshot', async run(context) {
    await context.open()
    for (let counter = 1; counter <= 31; counter += 3) await context.write({ entries: run(counter, counter + 2) })
    await context.write({ purgeThrough: at(9) })
    retained(await context.reopen(), 0, 33, 'a purge without a snapshot')
    await context.write({ chunks: chunks(1, 1), install: base(1, at(20), 1), purgeThrough: at(8) })
    retained(await context.reopen(), 20, 33, 'purged with the snapshot')
    await context.write({ purgeThrough: at(33) })
    retained(await context.reopen(), 20, 33, 'purged beyond the snapshot')
    await context.write({ entries: run(34, 34), purgeThrough: at(20) })
    retained(await context.reopen(), 20, 34, 'purged with an append')
    await context.write({ truncateAfter: at(20) })
    retained(await context.reopen(), 20, 20, 'truncated to the snapshot')
    await context.write({ entries: run(21, 22) })
    retained(await context.reopen(), 20, 22, 'continued')
  } },
  { name: 'a reset drops the whole log', async run(context) {
    await context.open()
    await context.write({ entries: run(1, 20), chunks: chunks(1, 2), install: base(1, at(3), 2), meta: META })
    await context.write({ chunks: chunks(2, 4) })
    await context.write({ install: base(2, at(12), 4), resetLog: true })
    const found = await context.reopen()
    sameSnapshot(found, base(2, at(12), 4), 'snapshot')
    check(found.entries.length === 0, `${found.entries.length} entries survived the reset`)
    const later = [entry(at(1, 4), at(12)), entry(at(2, 4), at(1, 4))]
    await context.write({ entries: later })
    const longer = await context.reopen()
    sameEntries(longer.entries, later, 'log after the reset')
    sameMeta(longer, META, 'promises')
    sameSnapshot(longer, base(2, at(12), 4), 'snapshot after the append')
  } },
  { name: 'all parts of a batch take effect together', async run(context) {
    await context.open()
    await context.write({ entries: run(1, 8), chunks: chunks(1, 1), install: base(1, at(2), 1), meta: META })
    const meta = { ...META, currentEpoch: 2 }
    const newer = { chunks: chunks(2, 2), install: base(2, at(9), 2), purgeThrough: at(5) }
    await context.write({ truncateAfter: at(6), entries: run(7, 12), meta, ...newer })
    const found = await context.reopen()
    retained(found, 9, 12, 'log')
    sameMeta(found, meta, 'promises')
    sameSnapshot(found, base(2, at(9), 2), 'snapshot')
  } },
]

const faultCases: readonly StorageCase[] = [
  { name: 'a crash keeps every batch that resolved', async run(context) {
    await context.open()
    for (let counter = 1; counter <= 40; counter++) {
      await context.storage.write({ entries: run(counter, counter), meta: { ...META, acceptedEpoch: counter } })
      if (counter % 10 !== 0) continue
      const found = await context.crash()
      sameEntries(found.entries, run(1, counter), `log after crash at ${counter}`)
      sameMeta(found, { ...META, acceptedEpoch: counter }, `promises after crash at ${counter}`)
      check(found.damage === 'none', `damage ${found.damage} after a mere crash`)
    }
  } },
  { name: 'a crash leaves whole batches, and of them a prefix', async run(context) {
    await context.open()
    let length = 0
    for (let round = 0; round < 10; round++) {
      const start = length
      const writes: Promise<unknown>[] = []
      let resolved = start
      for (let from = start; from < start + 40; from += 5) {
        const meta = { ...META, acceptedEpoch: from + 5 }
        const write = context.storage.write({ entries: run(from + 1, from + 5), meta })
        // The writes behind the crash may fail or never end.
        writes.push(write.then(() => { resolved = from + 5 }, (error: unknown) => error))
      }
      await writes[round % 3]
      // A few turns more or less, so that the crash meets a write at different points.
      for (let turn = 0; turn < round * 2; turn++) await Promise.resolve()
      const acknowledged = resolved
      const found = await context.crash()
      length = found.entries.length
      check(length >= acknowledged, `${acknowledged} entries were acknowledged, ${length} found`)
      check(length % 5 === 0, `${length} entries: a part of a batch`)
      sameEntries(found.entries, run(1, length), 'log')
      sameMeta(found, { ...META, acceptedEpoch: length }, 'promises')
    }
  } },
  { name: 'damage is reported', needs: 'persistent', async run(context) {
    await context.open()
    await context.write({ entries: run(1, 30), meta: META })
    await context.write({ entries: run(31, 60) })
    await context.storage.close()
    const { place } = context
    check(place.damage !== undefined, 'a persistent adapter needs a place that can be damaged')
    await place.damage()
    const found = await context.open().catch((error: unknown) => error)
    if (found instanceof Error) return check(isZkError(found, 'StorageDamaged'), `another error: ${found.message}`)
    const { damage: told, entries, meta } = found as Found
    check(told !== 'none', 'no damage was reported')
    check(entries.length < 60, 'no entry is missing: the place was not damaged')
    sameEntries(entries, run(1, entries.length), 'what is left of the log')
    check(told === 'meta' || meta?.acceptedEpoch === META.acceptedEpoch, 'the promises were lost without saying so')
  } },
]

/** Every case, in the order of the contract. */
export const storageCases: readonly StorageCase[] = [
  ...contentCases, ...orderCases, ...truncationCases, ...snapshotCases, ...faultCases,
]
