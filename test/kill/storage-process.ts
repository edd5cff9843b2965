/**
 * Uses the storage in the folder `data` below its argument in every way, and makes a folder `held-N` beside it when the
 * entries up to N of epoch 1 are acknowledged: so the journal of the disk says when that was.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { META, at, base, bytesOf, chunks, run } from '../../lib/testing/conformance/storage-fixtures.ts'
import type { LogBatch, Storage } from '../../lib/ports/storage.ts'
import { level } from '../../storage/level.ts'

const root = process.argv[2] ?? ''
const ENTRY_BYTES = 200_000

async function write(storage: Storage, batch: LogBatch, held: number): Promise<void> {
  await storage.write(batch)
  mkdirSync(join(root, `held-${held}`), { recursive: true })
}

const storage = level(join(root, 'data'))
await storage.open()
await write(storage, { entries: run(1, 5), meta: META }, 5)
await write(storage, { entries: run(6, 10) }, 10)
await storage.close()
await storage.open()
await write(storage, { entries: run(11, 11), meta: { ...META, acceptedEpoch: 3 } }, 11)
await write(storage, { chunks: chunks(1, 3) }, 11)
await write(storage, { install: base(1, at(8), 3), purgeThrough: at(4) }, 11)
// More than the write buffer of LevelDB: it changes its log, and writes tables beside.
let next = 12
for (let batch = 0; batch < 20; batch++) {
  await write(storage, { entries: run(next, next + 4, ENTRY_BYTES) }, next + 4)
  next += 5
}
for (const id of [2, 3]) {
  await write(storage, { chunks: chunks(40 + id, 3) }, next - 1)
  for (let index = 0; index < 4; index++) {
    const chunk = { id, index, bytes: bytesOf(id + index, ENTRY_BYTES) }
    await write(storage, { entries: run(next, next, ENTRY_BYTES), chunks: [chunk] }, next)
    next += 1
  }
  await write(storage, { install: base(id, at(next - 3), 4), purgeThrough: at(next - 8) }, next - 1)
}
await write(storage, { entries: run(next, next), chunks: chunks(4, 2) }, next)
next += 1
await storage.close()
await storage.open()
await write(storage, { entries: run(next, next) }, next)
process.kill(process.pid, 'SIGKILL')
