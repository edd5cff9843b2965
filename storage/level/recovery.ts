import { ZkError } from '../../lib/core/errors.ts'
import type { LogEntry, Meta, SnapshotBase } from '../../lib/ports/storage.ts'
import { unpackEntries } from '../parts/entries.ts'
import type { Database } from './database.ts'
import type { Group, LedgerContent } from './ledger.ts'
import type { Marker } from './marker.ts'
import {
  CHUNK_RANGE, GROUP_RANGE, SEAL_BYTES, STATE_KEY, chunkKey, groupKey, isSealed, parseChunkKey, unpackState,
} from './records.ts'
import type { Checksum, StateRecord } from './records.ts'

/** The result of reading a database. */
export interface Reading {
  readonly content: LedgerContent
  readonly entries: readonly LogEntry[]
}

const EMPTY: StateRecord = {
  sequence: 0, meta: null, base: null, begin: 0, end: 0, hash1: 0, hash2: 0, stale: [], damage: 'none',
}

/** The state record; null in an empty database. */
export async function readState(db: Database, checksum: Checksum): Promise<StateRecord | null> {
  const packed = await db.get(STATE_KEY)
  if (packed === undefined) {
    for await (const key of db.keys({ limit: 1 })) throw damaged(`${key} is there, but no state record`)
    return null
  }
  const state = unpackState(packed, checksum)
  if (state === null) throw damaged('the state record is not what was written')
  if (state !== 'version') return state
  throw new ZkError('StorageVersion', `the storage has layout version ${packed[0]}, this software reads version 1`)
}

function damaged(why: string): ZkError {
  return new ZkError('StorageDamaged', `the stored data is damaged: ${why}`)
}

/** What is left when nothing of the database can be used: the promises of the marker, if there is one. */
export function stateWithout(marker: Marker | null): StateRecord {
  if (marker === null) return EMPTY
  return { ...EMPTY, sequence: marker.sequence, meta: marker.meta, damage: worse('log', healthOf(marker.meta)) }
}

/** Reads everything the state record names; what cannot be had is left out and counts as damage. */
export async function readContent(
  db: Database, state: StateRecord, marker: Marker | null, checksum: Checksum,
): Promise<Reading> {
  const chunks = await readChunkKeys(db)
  const isWholeSnapshot = state.base === null || await verifySnapshot(db, state.base, chunks, checksum)
  const log = await readLog(db, state, checksum)
  let { damage, meta } = state
  if (db.isTorn === true) damage = worse('log', damage)
  if (marker !== null && marker.sequence > state.sequence) {
    damage = worse('log', damage)
    meta = newest(state.meta, marker.meta)
  }
  const base = isWholeSnapshot ? state.base : null
  let { entries, groups } = log
  const doomed = log.doomed
  const reached = entries.at(-1)?.zxid ?? state.begin
  if (!isWholeSnapshot || reached !== state.end || log.isBeyond) {
    damage = worse('log', damage)
    // A log that does not reach its snapshot, or has lost it, leads nowhere.
    if (!isWholeSnapshot || reached < (base?.zxid ?? 0)) {
      for (const group of groups) doomed.push(groupKey(group.first))
      entries = []
      groups = []
    }
  }
  const last = entries.at(-1)
  const end = last ?? base ?? EMPTY_END
  const begin = entries[0]?.prevZxid ?? end.zxid
  const sequence = Math.max(state.sequence, marker?.sequence ?? 0)
  const garbage = [...log.garbage, ...staleChunks(chunks, state.stale)]
  const { zxid, hash1, hash2 } = end
  const kept: StateRecord = { sequence, meta, base, begin, end: zxid, hash1, hash2, stale: state.stale, damage }
  return { content: { state: kept, groups, chunks, garbage, doomed }, entries }
}

const EMPTY_END = { zxid: 0, hash1: 0, hash2: 0 } as const

interface LogReading {
  readonly entries: LogEntry[]
  readonly groups: Group[]
  readonly garbage: string[]
  readonly doomed: string[]
  /** Groups lie above the end that the state record names. */
  readonly isBeyond: boolean
}

/** Follows the chain of groups from `begin`, and stops at the first one that does not fit. */
async function readLog(db: Database, state: StateRecord, checksum: Checksum): Promise<LogReading> {
  const entries: LogEntry[] = []
  const groups: Group[] = []
  const garbage: string[] = []
  const doomed: string[] = []
  const beginKey = groupKey(state.begin)
  let cursor = state.begin
  let isBroken = false
  let isBeyond = false
  for await (const [key, stored] of db.iterator({ gte: GROUP_RANGE[0], lt: GROUP_RANGE[1] })) {
    // Not a Buffer, whatever the platform hands out.
    const value = new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength)
    if (key <= beginKey) {
      garbage.push(key)
      continue
    }
    const found = isBroken || !isSealed(value, checksum) ? null : unpackEntries(value, SEAL_BYTES)
    const first = found?.[0]
    const last = found?.at(-1)
    const isNext = first?.prevZxid === cursor && groupKey(first.zxid) === key && last !== undefined
    if (found === null || !isNext || last.zxid > state.end) {
      isBroken = true
      isBeyond ||= key > groupKey(state.end)
      doomed.push(key)
      continue
    }
    for (const entry of found) entries.push(entry)
    groups.push({ first: found[0]!.zxid, last: last.zxid, hash1: last.hash1, hash2: last.hash2 })
    cursor = last.zxid
  }
  return { entries, groups, garbage, doomed, isBeyond }
}

async function readChunkKeys(db: Database): Promise<Map<number, Set<number>>> {
  const chunks = new Map<number, Set<number>>()
  for await (const key of db.keys({ gte: CHUNK_RANGE[0], lt: CHUNK_RANGE[1] })) {
    const parsed = parseChunkKey(key)
    if (parsed === null) continue
    const indexes = chunks.get(parsed.id)
    if (indexes === undefined) chunks.set(parsed.id, new Set([parsed.index]))
    else indexes.add(parsed.index)
  }
  return chunks
}

/** Reads the snapshot once, one chunk at a time, so that `open` can tell before anybody builds on it. */
async function verifySnapshot(
  db: Database, base: SnapshotBase, chunks: ReadonlyMap<number, ReadonlySet<number>>, checksum: Checksum,
): Promise<boolean> {
  for (let index = 0; index < base.chunks; index++) {
    if (chunks.get(base.id)?.has(index) !== true) return false
    const value = await db.get(chunkKey(base.id, index))
    if (value === undefined || !isSealed(value, checksum)) return false
  }
  return true
}

/** The keys of superseded snapshots, which leave the map of chunks that can be installed. */
function staleChunks(chunks: Map<number, Set<number>>, stale: readonly number[]): string[] {
  const keys: string[] = []
  for (const id of stale) {
    for (const index of chunks.get(id) ?? []) keys.push(chunkKey(id, index))
    chunks.delete(id)
  }
  return keys
}

function healthOf(meta: Meta): StateRecord['damage'] {
  return meta.health === 'ok' ? 'none' : meta.health
}

function worse(one: StateRecord['damage'], other: StateRecord['damage']): StateRecord['damage'] {
  return one === 'meta' || other === 'meta' ? 'meta' : one === 'log' || other === 'log' ? 'log' : 'none'
}

/** Promises only grow: of two copies the higher ones count. */
function newest(stored: Meta | null, marked: Meta): Meta {
  return {
    ...marked,
    acceptedEpoch: Math.max(marked.acceptedEpoch, stored?.acceptedEpoch ?? 0),
    currentEpoch: Math.max(marked.currentEpoch, stored?.currentEpoch ?? 0),
  }
}
