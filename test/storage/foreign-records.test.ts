/** Records that no storage of ours wrote, under a checksum that is right: refused as damage, whatever is wrong. */
import * as fs from 'node:fs'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { META, run } from '../../lib/testing/conformance/storage-fixtures.ts'
import { nativeChecksum } from '../../storage/level/records.ts'
import { segmentFiles } from '../../storage/level/segment-file.ts'
import { Scratch, Segment } from '../../storage/level/segment.ts'
import { level } from '../../storage/level.ts'
import { assert, rejects, suite } from '../harness.ts'
import { found } from './snapshot-files.ts'

const test = suite('records of somebody else')

/** Where a record has the length of its circumstances, and where those begin. */
const LENGTH_AT = 32
const TEXT_AT = 36
const NOT_ONE = /record \d+ is not one/

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** Where the entries of a record begin. */
const entriesAt = (payload: Uint8Array): number => TEXT_AT + viewOf(payload).getUint32(LENGTH_AT, true)

/** The same, with other circumstances, filled up with blanks. */
function saying(payload: Uint8Array, text: string): Uint8Array {
  const end = entriesAt(payload)
  payload.fill(0x20, TEXT_AT, end)
  payload.set(new TextEncoder().encode(text), TEXT_AT)
  return payload
}

function changed(payload: Uint8Array, change: (view: DataView, entries: number) => void): Uint8Array {
  change(viewOf(payload), entriesAt(payload))
  return payload
}

const WAYS: Readonly<Record<string, readonly [change: (payload: Uint8Array) => Uint8Array, why: RegExp]>> = {
  'too short for its numbers': [(payload) => payload.subarray(0, 30), NOT_ONE],
  'circumstances beyond its end': [
    (payload) => changed(payload, (view) => view.setUint32(LENGTH_AT, 0xffffffff, true)), NOT_ONE],
  'needs what comes after it': [(payload) => changed(payload, (view) => view.setFloat64(0, 1e6, true)), NOT_ONE],
  'ends at half a zxid': [(payload) => changed(payload, (view) => view.setFloat64(16, 1.5, true)), NOT_ONE],
  'entries too short to be any': [(payload) => payload.subarray(0, entriesAt(payload) + 5), NOT_ONE],
  'entries after less than nothing': [
    (payload) => changed(payload, (view, at) => view.setFloat64(at + 4, -1, true)), NOT_ONE],
  'more entries than bytes': [
    (payload) => changed(payload, (view, at) => view.setUint32(at, 0xffff, true)), NOT_ONE],
  'an entry at zxid 0': [(payload) => changed(payload, (view, at) => view.setFloat64(at + 12, 0, true)), NOT_ONE],
  'bytes behind its entries': [(payload) => Uint8Array.of(...payload, 0), NOT_ONE],
  'circumstances that are no JSON': [(payload) => saying(payload, 'nothing'), /the newest record is not one/],
  'circumstances of another kind': [(payload) => saying(payload, '{}'), /the newest record is not one/],
  'circumstances that are null': [(payload) => saying(payload, 'null'), /the newest record is not one/],
}

/** A storage with three entries in its newest record. */
async function written(folder: string): Promise<void> {
  const storage = level(folder)
  await storage.open()
  await storage.write({ entries: run(1, 3), meta: META })
  await storage.close()
}

/** Appends a record made of the newest one. */
async function append(folder: string, change: (payload: Uint8Array) => Uint8Array): Promise<void> {
  const segment = new Segment(await segmentFiles(fs)(join(folder, 'db', 'log-0'), true), nativeChecksum())
  const { sequence, payload } = (await segment.read()).records.at(-1)!
  const made = change(payload.slice())
  await segment.append(sequence + 1, { bytes: made.byteLength, pack: (into) => into.set(made) }, new Scratch())
  await segment.close()
}

/** Refused without a marker; with one it is set aside, and what the marker says is kept. */
async function isRefused(folder: string, why: RegExp): Promise<void> {
  const marker = readFileSync(join(folder, 'marker'))
  rmSync(join(folder, 'marker'))
  const error = await rejects(found(folder), 'StorageDamaged')
  assert.match(error.message, why)
  assert.not.ok(existsSync(join(folder, 'db.damaged-1')))
  writeFileSync(join(folder, 'marker'), marker)
  const { damage, meta, entries } = await found(folder)
  assert.equal([damage, meta, Array.from(entries)], ['log', META, []])
  assert.ok(existsSync(join(folder, 'db.damaged-1')))
}

for (const [what, [change, why]] of Object.entries(WAYS)) {
  test(`the newest record: ${what}`, async (t) => {
    const folder = join(t.tempFolder(), 'data')
    await written(folder)
    await append(folder, change)
    await isRefused(folder, why)
  })
}

test('the only file of the log has another head', async (t) => {
  const folder = join(t.tempFolder(), 'data')
  await written(folder)
  const log = join(folder, 'db', 'log-0')
  const content = readFileSync(log)
  content[3]! ^= 1
  writeFileSync(log, content)
  await isRefused(folder, /no record of the log is what was written/)
})

test.run()
