/** The storages alone, without peers: what the log of one txn costs, by how many are written together. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Words } from '../lib/core/words.ts'
import { chainNext } from '../lib/core/zab/chain.ts'
import { makeZxid } from '../lib/core/zxid.ts'
import type { LogEntry, Storage } from '../lib/ports/storage.ts'
import { level } from '../storage/level.ts'
import { memory } from '../storage/memory.ts'
import type { Figure } from './figure.ts'
import { LatencyHistogram } from './traffic/histogram.ts'

const TXN_BYTES = 150
const BATCHES: readonly number[] = [1, 100, 1_000]
/** How long each is written to. */
const MEMORY_MS = 300
const LEVEL_MS = 800
/** A snapshot is simulated after so many txns, so that the log is purged as in a real peer. */
const SNAPSHOT_TXNS = 100_000

interface Writes {
  readonly txns: number
  readonly spentMs: number
  /** Of batches. */
  readonly latencies: LatencyHistogram
}

/** Writes one batch after the other for `durationMs`; entries are made beforehand, only the storage is timed. */
async function writes(storage: Storage, batchTxns: number, durationMs: number): Promise<Writes> {
  await storage.open()
  // Nothing to compress: the worst case.
  const noise = randomBytes(1024 * 1024)
  const chain = { hash1: 0, hash2: 0 }
  const latencies = new LatencyHistogram()
  const words = new Words()
  let counter = 0
  let spentMs = 0
  let snapshots = 0
  while (spentMs < durationMs) {
    const entries: LogEntry[] = []
    for (let index = 0; index < batchTxns; index++) {
      const prevZxid = makeZxid(counter === 0 ? 0 : 1, counter)
      const zxid = makeZxid(1, ++counter)
      const bytes = noise.subarray((counter * 7919) % 1_000_000).subarray(0, TXN_BYTES)
      chainNext(chain, zxid, bytes, chain, words)
      entries.push({ zxid, prevZxid, hash1: chain.hash1, hash2: chain.hash2, bytes })
    }
    const isSnapshot = counter / SNAPSHOT_TXNS >= snapshots + 1
    const base = { id: snapshots, zxid: makeZxid(1, counter), ...chain, chunks: 1 }
    const start = performance.now()
    await storage.write({ entries })
    if (isSnapshot) {
      const chunks = [{ id: snapshots++, index: 0, bytes: new Uint8Array(100_000) }]
      await storage.write({ chunks, install: base, purgeThrough: base.zxid })
    }
    const tookMs = performance.now() - start
    spentMs += tookMs
    latencies.record(tookMs * 1_000)
  }
  await storage.close()
  return { txns: counter, spentMs, latencies }
}

function txnsAWrite(storage: string, count: number): string {
  return `storage ${storage}, ${count.toLocaleString('en')} txn${count === 1 ? '' : 's'} a write`
}

/** Mean of one txn. */
function mean(what: string, { txns, spentMs }: Writes): Figure {
  return { name: `${what}: each txn`, unit: 'us', value: spentMs * 1_000 / txns, aim: null }
}

function quantile(what: string, share: number, { latencies }: Writes): Figure {
  return { name: `${what}: p${share * 100} of a write`, unit: 'us', value: latencies.quantile(share), aim: null }
}

/** Until it answers what it has; nothing when the last snapshot left no txn. */
async function* opening(location: string): AsyncGenerator<Figure> {
  const startMs = performance.now()
  const storage = level(location)
  const { entries } = await storage.open()
  const spentUs = (performance.now() - startMs) * 1_000
  await storage.close()
  if (entries.length === 0) return
  yield { name: 'storage level, opened: each txn', unit: 'us', value: spentUs / entries.length, aim: null }
}

/** Both storages at 1, 100 and 1,000 txns a write; a write of `level` is on the disk when it has ended. */
export async function* storages(): AsyncGenerator<Figure> {
  for (const batchTxns of BATCHES) {
    yield mean(txnsAWrite('memory', batchTxns), await writes(memory(), batchTxns, MEMORY_MS))
    const folder = mkdtempSync(join(tmpdir(), 'vivarium-bench-'))
    const location = join(folder, 'data')
    try {
      const what = txnsAWrite('level', batchTxns)
      const found = await writes(level(location), batchTxns, LEVEL_MS)
      yield quantile(what, 0.5, found)
      yield quantile(what, 0.99, found)
      yield mean(what, found)
      if (batchTxns === BATCHES.at(-1)) yield* opening(location)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
}
