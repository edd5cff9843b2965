import type { LogEntry, Meta, SnapshotBase } from '../../lib/ports/storage.ts'
import { unpackEntries } from '../parts/entries.ts'
import type { ChunkStore, PackedChunk } from './chunks.ts'
import type { Database, Operation } from './database.ts'
import { Segment } from './segment.ts'
import { Ledger } from './ledger.ts'
import type { Marker, NodeModules } from './marker.ts'
import { CHUNK_RANGE, LAYOUT_VERSION, RECORD_RANGE, SEAL_BYTES, STATE_KEY, isSealed, parseChunkKey } from './records.ts'
import type { Checksum } from './records.ts'
import { damaged, higher, worse } from './recovery.ts'
import type { Circumstances } from './state.ts'
import type { RecordStore } from './store.ts'
import { isCount, isDescription, parseObject } from './valid.ts'

/*
 * Layout 1 had the log in the database: groups of entries, each under the zxid of its first, beside a state record,
 * both sealed; and in front of the database two segments of operations, not all of which the database contained.
 * Layout 2 has the log in files, and the snapshots in the database.
 */

const GROUP_RANGE = ['e', 'f'] as const
/** Which records of the journal the database contains: the last one's sequence f64, is it torn u8. */
const JOURNAL_KEY = '!journal'
const JOURNAL_FILES = ['journal-0', 'journal-1'] as const
/** Kind u8, length of the key u16, length of the value u32. */
const OPERATION_HEAD_BYTES = 7
/** Groups become records of about this size. */
const RECORD_BYTES = 1024 * 1024

/** The state record of layout 1: sealed JSON behind a byte with the version. */
export interface EarlierState {
  readonly sequence: number
  readonly meta: Meta | null
  readonly base: SnapshotBase | null
  readonly begin: number
  readonly end: number
  readonly damage: Circumstances['damage']
}

/** Where a storage of an earlier layout is. */
export interface EarlierPlace {
  readonly db: Database
  readonly location: string
  /** Null in browsers, which had no journal. */
  readonly node: NodeModules | null
  readonly checksum: Checksum
  readonly sync: boolean
}

/**
 * Makes a storage of layout 1 one of layout 2; the snapshot stays where it is. Until the last step nothing of it is
 * lost, and a conversion that was cut short begins anew. Damage is kept as damage.
 */
export async function convertFirst(
  place: EarlierPlace, marker: Marker | null, makeStore: () => RecordStore,
): Promise<void> {
  const { db, node, location, sync } = place
  await dropUnfinished(place)
  const isTorn = node !== null && await bringHome(place, node)
  const state = await readState(place)
  const log = await readGroups(place, state)
  const isTailLost = marker !== null && marker.sequence > state.sequence
  const isLost = isTorn || isTailLost || log.isTorn
  const circumstances: Circumstances = {
    meta: isTailLost ? higher(state.meta, marker.meta) : state.meta, base: state.base,
    damage: isLost ? worse('log', state.damage) : state.damage, voids: [],
  }
  const ledger = new Ledger({
    sequence: Math.max(state.sequence, marker?.sequence ?? 0), circumstances, groups: [], begin: state.begin,
    end: state.begin, isCut: true, snapshots: [],
  }, () => Promise.resolve(null))
  const store = makeStore()
  try {
    await store.read()
    await store.prepare()
    for (const entries of [...joined(log.groups), []]) {
      await ledger.apply({ entries })
      const { sequence, record } = ledger.finish()
      await store.append(sequence, record!)
    }
  } finally {
    await store.close()
  }
  await db.batch([
    ...log.keys.map((key): Operation => ({ type: 'del', key })), { type: 'del', key: JOURNAL_KEY },
    { type: 'put', key: STATE_KEY, value: Uint8Array.of(2) },
  ], { sync })
  await db.compactRange?.(...GROUP_RANGE)
  if (node !== null) await dropJournal(location, node)
}

/**
 * Makes a storage of layout 2 one of layout 3: moves the snapshots to where they are kept now. What is damaged is not
 * moved, and is missed then. Until the last step nothing is lost.
 */
export async function convertSecond({ db, checksum, sync }: EarlierPlace, chunks: ChunkStore): Promise<void> {
  await chunks.remove(await chunks.list())
  const moved: Operation[] = []
  let next: Omit<PackedChunk, 'bytes'> = { id: -1, index: 0 }
  for await (const [key, value] of db.iterator({ gte: CHUNK_RANGE[0], lt: CHUNK_RANGE[1] })) {
    moved.push({ type: 'del', key })
    const parsed = parseChunkKey(key)
    if (parsed === null || !isSealed(value, checksum)) continue
    const { id, index } = parsed
    if (index !== 0 && (id !== next.id || index !== next.index)) continue
    const bytes = chunks.pack({ id, index, bytes: value.subarray(SEAL_BYTES) })
    await chunks.write([{ id, index, bytes }])
    next = { id, index: index + 1 }
  }
  await chunks.close()
  await db.batch([...moved, { type: 'put', key: STATE_KEY, value: Uint8Array.of(LAYOUT_VERSION) }], { sync })
  if (moved.length > 0) await db.compactRange?.(...CHUNK_RANGE)
}

/** Few large groups instead of many small ones. */
function* joined(groups: readonly (readonly LogEntry[])[]): Iterable<readonly LogEntry[]> {
  let waiting: LogEntry[] = []
  let bytes = 0
  for (const group of groups) {
    for (const entry of group) {
      waiting.push(entry)
      bytes += entry.bytes.byteLength
    }
    if (bytes < RECORD_BYTES) continue
    yield waiting
    waiting = []
    bytes = 0
  }
  if (waiting.length > 0) yield waiting
}

/** A young storage of layout 1 had everything in its journal. */
export function hasJournal(location: string, node: NodeModules | null): boolean {
  return node !== null && JOURNAL_FILES.some((name) => node.fs.existsSync(node.path.join(location, name)))
}

/** Once the layout is the current one the journal is of no use: a conversion may have ended before it was deleted. */
export async function dropJournal(location: string, { fs, path }: NodeModules): Promise<void> {
  for (const name of JOURNAL_FILES) await fs.promises.rm(path.join(location, name), { force: true })
}

/** Removes what an earlier attempt made. */
async function dropUnfinished({ db, node, location }: EarlierPlace): Promise<void> {
  for (const name of node?.fs.readdirSync(location) ?? []) {
    if (/^log-\d+$/.test(name)) await node!.fs.promises.rm(node!.path.join(location, name))
  }
  const made: Operation[] = []
  for await (const key of db.keys({ gte: RECORD_RANGE[0], lt: RECORD_RANGE[1] })) made.push({ type: 'del', key })
  if (made.length > 0) await db.batch(made, { sync: false })
}

/** Puts into the database what only the journal has. True when something of it is missing. */
async function bringHome({ db, location, checksum, sync }: EarlierPlace, node: NodeModules): Promise<boolean> {
  const mark = await db.get(JOURNAL_KEY)
  const contained = mark === undefined ? 0 : new DataView(mark.buffer, mark.byteOffset).getFloat64(0, true)
  let isTorn = mark?.[8] === 1
  const records: { readonly sequence: number, readonly operations: readonly Operation[] }[] = []
  for (const name of JOURNAL_FILES) {
    const content = await contentOf(node, node.path.join(location, name))
    const reading = await new Segment(fileOf(content), checksum).read()
    isTorn ||= !reading.isWhole
    for (const { sequence, payload } of reading.records) {
      const operations = operationsOf(payload)
      if (sequence > contained && operations !== null) records.push({ sequence, operations })
    }
  }
  records.sort((one, other) => one.sequence - other.sequence)
  const whole = records.filter(({ sequence }, index) => sequence === contained + 1 + index)
  isTorn ||= whole.length < records.length
  const latest = new Map<string, Operation>()
  for (const { operations } of whole) for (const operation of operations) latest.set(operation.key, operation)
  const value = new Uint8Array(9)
  new DataView(value.buffer, value.byteOffset).setFloat64(0, records.at(-1)?.sequence ?? contained, true)
  value[8] = isTorn ? 1 : 0
  await db.batch([...latest.values(), { type: 'put', key: JOURNAL_KEY, value }], { sync })
  return isTorn
}

async function contentOf({ fs }: NodeModules, path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await fs.promises.readFile(path))
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return new Uint8Array()
    throw error
  }
}

/** A segment that is only read. */
function fileOf(content: Uint8Array): ConstructorParameters<typeof Segment>[0] {
  return {
    size: content.byteLength, read: () => Promise.resolve(content),
    write: () => Promise.reject(new Error('this segment is only read')), close: () => Promise.resolve(),
  }
}

/** What a record of the journal says; null for what is no list of operations. */
export function operationsOf(payload: Uint8Array): Operation[] | null {
  const operations: Operation[] = []
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  for (let at = 0; at < payload.byteLength;) {
    if (payload.byteLength - at < OPERATION_HEAD_BYTES) return null
    const isPut = view.getUint8(at) === 1
    const keyEnd = at + OPERATION_HEAD_BYTES + view.getUint16(at + 1, true)
    const end = keyEnd + view.getUint32(at + 3, true)
    if (end > payload.byteLength) return null
    const key = String.fromCharCode(...payload.subarray(at + OPERATION_HEAD_BYTES, keyEnd))
    operations.push(isPut ? { type: 'put', key, value: payload.subarray(keyEnd, end) } : { type: 'del', key })
    at = end
  }
  return operations
}

async function readState({ db, checksum }: EarlierPlace): Promise<EarlierState> {
  const packed = await db.get(STATE_KEY)
  if (packed === undefined) {
    for await (const key of db.keys({ gte: '"' })) throw damaged(`${key} is there, but no state record`)
    return { sequence: 0, meta: null, base: null, begin: 0, end: 0, damage: 'none' }
  }
  if (!isSealed(packed.subarray(1), checksum)) {
    throw damaged('the state record is not what was written')
  }
  const state = parseState(new TextDecoder().decode(packed.subarray(1 + SEAL_BYTES)))
  if (state === null) throw damaged('the state record is not one')
  return state
}

/** Null for what no state record says. */
export function parseState(text: string): EarlierState | null {
  const state = parseObject(text)
  if (state === null || !isDescription(state)) return null
  return isCount(state.sequence) && isCount(state.begin) && isCount(state.end) ? state as unknown as EarlierState : null
}

interface EarlierLog {
  readonly groups: readonly (readonly LogEntry[])[]
  /** Those of all groups, also of useless ones. */
  readonly keys: readonly string[]
  readonly isTorn: boolean
}

/** Follows the chain of groups from the beginning of the log, and stops at the first one that does not fit. */
async function readGroups({ db, checksum }: EarlierPlace, state: EarlierState): Promise<EarlierLog> {
  const groups: LogEntry[][] = []
  const keys: string[] = []
  const beginKey = `e${state.begin.toString(16).padStart(14, '0')}`
  let cursor = state.begin
  let isBroken = false
  for await (const [key, stored] of db.iterator({ gte: GROUP_RANGE[0], lt: GROUP_RANGE[1] })) {
    keys.push(key)
    if (key <= beginKey || isBroken) continue
    const value = new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength)
    const entries = isSealed(value, checksum) ? unpackEntries(value.subarray(SEAL_BYTES)) : null
    const last = entries?.at(-1)
    if (entries === null || last === undefined || entries[0]!.prevZxid !== cursor || last.zxid > state.end) {
      isBroken = true
      continue
    }
    groups.push(entries)
    cursor = last.zxid
  }
  return { groups, keys, isTorn: isBroken || cursor !== state.end }
}
