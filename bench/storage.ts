import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chainNext } from '../lib/core/zab/chain.ts'
import { makeZxid } from '../lib/core/zxid.ts'
import type { LogEntry, Storage } from '../lib/ports/storage.ts'
import { level } from '../storage/level.ts'
import { memory } from '../storage/memory.ts'

/** One row of the table. */
export interface StorageFigure {
  readonly storage: string
  readonly batchTxns: number
  readonly txnsPerSecond: number
  readonly batchMs: number
  readonly worstMs: number
}

const TXN_BYTES = 150
/** A snapshot is simulated after so many txns, so that the log is purged as in a real peer. */
const SNAPSHOT_TXNS = 100_000

/** Writes one batch after the other for `durationMs`; entries are made beforehand, only the storage is timed. */
export async function measureWrites(
  name: string, storage: Storage, batchTxns: number, durationMs: number,
): Promise<StorageFigure> {
  await storage.open()
  // Nothing to compress: the worst case.
  const noise = randomBytes(1024 * 1024)
  const chain = { hash1: 0, hash2: 0 }
  let counter = 0
  let spentMs = 0
  let worstMs = 0
  let batches = 0
  let snapshots = 0
  while (spentMs < durationMs) {
    const entries: LogEntry[] = []
    for (let index = 0; index < batchTxns; index++) {
      const prevZxid = makeZxid(counter === 0 ? 0 : 1, counter)
      const zxid = makeZxid(1, ++counter)
      const bytes = noise.subarray((counter * 7919) % 1_000_000).subarray(0, TXN_BYTES)
      chainNext(chain, zxid, bytes, chain)
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
    const took = performance.now() - start
    spentMs += took
    worstMs = Math.max(worstMs, took)
    batches += 1
  }
  await storage.close()
  return {
    storage: name, batchTxns, txnsPerSecond: Math.round(counter / spentMs * 1_000),
    batchMs: spentMs / batches, worstMs,
  }
}

/** Every storage at 1, 100 and 1,000 txns a batch, and how long LevelDB takes to open what it wrote. */
export async function benchStorage(print: (line: string) => void, durationMs = 1_500): Promise<void> {
  for (const batchTxns of [1, 100, 1_000]) {
    const folder = mkdtempSync(join(tmpdir(), 'vivarium-bench-'))
    const location = join(folder, 'data')
    try {
      const rows = [
        await measureWrites('memory', memory(), batchTxns, durationMs / 3),
        await measureWrites('level', level(location), batchTxns, durationMs),
      ]
      for (const { storage, txnsPerSecond, batchMs, worstMs } of rows) {
        const label = `storage ${storage.padEnd(6)} ${String(batchTxns).padStart(5)} txns a batch`
        const times = `${batchMs.toFixed(3)} ms a batch, worst ${worstMs.toFixed(1)} ms`
        print(`${label}: ${txnsPerSecond.toLocaleString('en')} txn/s, ${times}`)
      }
      const start = performance.now()
      const storage = level(location)
      const { entries } = await storage.open()
      const openMs = performance.now() - start
      await storage.close()
      const db = join(location, 'db')
      const bytes = readdirSync(db).reduce((sum, file) => sum + statSync(join(db, file)).size, 0)
      print(`storage level  open: ${openMs.toFixed(0)} ms for ${entries.length.toLocaleString('en')} txns, ` +
        `${(bytes / 1e6).toFixed(0)} MB on disk`)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
}

if (import.meta.url === new URL(process.argv[1] ?? '', 'file:').href) {
  await benchStorage((line) => void process.stdout.write(`${line}\n`))
}
