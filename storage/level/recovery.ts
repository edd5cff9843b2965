import { ZkError } from '../../lib/core/errors.ts'
import type { LogEntries, LogEntry, Meta, SnapshotBase } from '../../lib/ports/storage.ts'
import type { EntryRun } from '../parts/entries.ts'
import type { ChunkStore } from './chunks.ts'
import type { Database } from './database.ts'
import type { Group, LedgerContent } from './ledger.ts'
import type { Marker } from './marker.ts'
import { LAYOUT_VERSION, STATE_KEY } from './records.ts'
import { unpackCircumstances, unpackRecord } from './state.ts'
import type { Circumstances, LogRecord, SequenceRange } from './state.ts'
import type { StoreContent, StoredRecord } from './store.ts'

/** The result of reading a storage. */
export interface Reading {
  readonly content: LedgerContent
  readonly entries: LogEntries
}

type Damage = Circumstances['damage']

/** `none` of an empty database; the layouts before are those of earlier.ts. */
export type Layout = 'none' | 'first' | 'second' | 'current'

/** Which layout the database has; there may be a journal of layout 1 beside it. */
export async function readLayout(db: Database, hasJournal: boolean): Promise<Layout> {
  const value = await db.get(STATE_KEY)
  if (value === undefined) {
    if (hasJournal) return 'first'
    for await (const key of db.keys({ limit: 1 })) throw damaged(`${key} is there, but no version of a layout`)
    return 'none'
  }
  const version = value[0]
  if (version === LAYOUT_VERSION) return 'current'
  if (version === 1) return 'first'
  if (version === 2) return 'second'
  throw new ZkError('StorageVersion', `the storage has layout version ${version}, this software reads versions 1 to 3`)
}

/** Says that the layout is the current one. */
export async function writeLayout(db: Database, sync: boolean): Promise<void> {
  await db.batch([{ type: 'put', key: STATE_KEY, value: Uint8Array.of(LAYOUT_VERSION) }], { sync })
}

/** Reads what the newest record names; what cannot be had is left out and counts as damage. */
export async function readContent(
  chunks: ChunkStore, stored: StoreContent, marker: Marker | null,
): Promise<Reading> {
  const newest = newestOf(stored.records)
  if (newest === null && !stored.isWhole) throw damaged('no record of the log is what was written')
  const written = newest === null ? NOTHING : unpackCircumstances(newest.circumstances)
  if (written === null) throw damaged('the newest record is not one')
  const { meta: writtenMeta, base: writtenBase, damage: writtenDamage, voids: writtenVoids } = written
  const log = newest === null ? EMPTY_LOG : readLog(stored.records, newest, writtenVoids)
  const isWholeSnapshot = writtenBase === null || await isWhole(chunks, writtenBase)
  const base = isWholeSnapshot ? writtenBase : null
  const lastSequence = newest?.sequence ?? 0
  const sequence = Math.max(lastSequence, marker?.sequence ?? 0)
  const isTailLost = sequence > lastSequence
  const meta = isTailLost ? higher(writtenMeta, marker!.meta) : writtenMeta
  let damage = newest === null && meta !== null ? healthOf(meta) : writtenDamage
  if (log.isTorn || isTailLost || !isWholeSnapshot || !stored.isWhole) damage = worse('log', damage)
  // A log that does not reach its snapshot, or has lost it, leads nowhere.
  const isCut = !isWholeSnapshot || log.end < (base?.zxid ?? 0)
  const { entries, groups } = isCut ? EMPTY_LOG : log
  const end = entries.length > 0 ? entries.lastZxid : base?.zxid ?? 0
  const voids: SequenceRange[] = log.lost === null ? writtenVoids.slice() : [...writtenVoids, log.lost]
  if (isTailLost) voids.push([lastSequence + 1, sequence])
  return {
    content: {
      sequence, circumstances: { meta, base, damage, voids }, groups: groups.slice(),
      begin: entries.length > 0 ? entries.prevZxid : end, end, isCut, snapshots: await chunks.list(),
    },
    entries,
  }
}

/** For what cannot be used at all. */
export function damaged(why: string): ZkError {
  return new ZkError('StorageDamaged', `the stored data is damaged: ${why}`)
}

const NOTHING: Circumstances = { meta: null, base: null, damage: 'none', voids: [] }

/** Entries of many records. */
class Runs implements LogEntries {
  readonly #runs: readonly EntryRun[]
  readonly length: number

  constructor(runs: readonly EntryRun[]) {
    this.#runs = runs
    this.length = runs.reduce((sum, { length }) => sum + length, 0)
  }

  /** Zxid before the first entry, and of the last one; 0 without any. */
  get prevZxid(): number {
    return this.#runs[0]?.prevZxid ?? 0
  }

  get lastZxid(): number {
    return this.#runs.at(-1)?.lastZxid ?? 0
  }

  * [Symbol.iterator](): Generator<LogEntry, undefined> {
    for (const run of this.#runs) for (const entry of run) yield entry
    return undefined
  }
}

interface LogReading {
  readonly entries: Runs
  readonly groups: readonly Group[]
  /** Zxid of the last entry, or the one before the first. */
  readonly end: number
  /** Something of the log is missing. */
  readonly isTorn: boolean
  /** Records that are missing, or useless because they lie behind some that are. */
  readonly lost: SequenceRange | null
}

const EMPTY_LOG: LogReading = { entries: new Runs([]), groups: [], end: 0, isTorn: false, lost: null }

function newestOf(records: readonly StoredRecord[]): LogRecord | null {
  let newest: StoredRecord | null = null
  for (const record of records) if (record.sequence > (newest?.sequence ?? 0)) newest = record
  const record = newest === null ? null : unpackRecord(newest)
  if (newest !== null && record === null) throw damaged(`record ${newest.sequence} is not one`)
  return record
}

/** Goes through the records from the oldest that is needed to the newest, and stops at the first that does not fit. */
function readLog(records: readonly StoredRecord[], newest: LogRecord, voids: readonly SequenceRange[]): LogReading {
  const needed = new Map<number, StoredRecord>()
  for (const record of records) if (record.sequence >= newest.first) needed.set(record.sequence, record)
  const replay = new Replay()
  let lost: SequenceRange | null = null
  for (let sequence = newest.first; sequence <= newest.sequence; sequence++) {
    const range = voids.find(([from, to]) => sequence >= from && sequence <= to)
    if (range !== undefined) {
      sequence = range[1]
      continue
    }
    const stored = needed.get(sequence)
    const record = stored === undefined ? null : unpackRecord(stored)
    if (record !== null && replay.add(record)) continue
    lost = [sequence, newest.sequence]
    break
  }
  const { entries, groups } = replay.after(newest.begin)
  const isBegun = entries.length === 0 || entries.prevZxid === newest.begin
  if (!isBegun) return { ...EMPTY_LOG, isTorn: true, lost: [newest.first, newest.sequence] }
  const end = entries.length > 0 ? entries.lastZxid : newest.begin
  return { entries, groups, end, isTorn: lost !== null || end !== newest.end, lost }
}

/** The log as its records made it. */
class Replay {
  readonly #groups: Group[] = []
  /** What is left of the entries of each group. */
  readonly #runs: EntryRun[] = []

  /** False, and nothing is changed, for a record that does not continue the log. */
  add({ sequence, cut, entries }: LogRecord): boolean {
    this.#cut(cut)
    if (entries.length === 0) return true
    if (entries.prevZxid !== (this.#runs.at(-1)?.lastZxid ?? entries.prevZxid)) return false
    this.#runs.push(entries)
    this.#groups.push({ sequence, first: entries.firstZxid, last: entries.lastZxid })
    return true
  }

  #cut(cut: number): void {
    while ((this.#groups.at(-1)?.first ?? cut) > cut) {
      this.#groups.pop()
      this.#runs.pop()
    }
    const group = this.#groups.at(-1)
    if (group === undefined || group.last <= cut) return
    const run = this.#runs.at(-1)!.between(0, cut)
    this.#runs[this.#runs.length - 1] = run
    this.#groups[this.#groups.length - 1] = { ...group, last: run.lastZxid }
  }

  /** What lies above this zxid. */
  after(begin: number): { readonly entries: Runs, readonly groups: readonly Group[] } {
    const runs = this.#runs.map((run) => run.between(begin, Infinity)).filter(({ length }) => length > 0)
    return { entries: new Runs(runs), groups: this.#groups.filter(({ last }) => last > begin) }
  }
}

/** Reads the snapshot once, one chunk at a time, so that `open` can tell before anybody builds on it. */
async function isWhole(chunks: ChunkStore, base: SnapshotBase): Promise<boolean> {
  for await (const chunk of chunks.chunksOf(base)) if (chunk === null) return false
  return true
}

function healthOf(meta: Meta): Damage {
  return meta.health === 'ok' ? 'none' : meta.health
}

/** Of two the one that costs more. */
export function worse(one: Damage, other: Damage): Damage {
  return one === 'meta' || other === 'meta' ? 'meta' : one === 'log' || other === 'log' ? 'log' : 'none'
}

/** Promises only grow: of two copies the higher ones count. */
export function higher(stored: Meta | null, marked: Meta): Meta {
  return {
    ...marked,
    acceptedEpoch: Math.max(marked.acceptedEpoch, stored?.acceptedEpoch ?? 0),
    currentEpoch: Math.max(marked.currentEpoch, stored?.currentEpoch ?? 0),
  }
}
