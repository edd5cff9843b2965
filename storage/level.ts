import { ZkError, isZkError } from '../lib/core/errors.ts'
import type { Logger } from '../lib/ports/logger.ts'
import type { LogBatch, Meta, Recovered, SnapshotBase, Storage, StorageFeatures } from '../lib/ports/storage.ts'
import { ChunkQueue } from './level/chunk-queue.ts'
import type { ChunkStore } from './level/chunks.ts'
import { database } from './level/database.ts'
import type { Database } from './level/database.ts'
import { convertFirst, convertSecond, dropJournal, hasJournal } from './level/earlier.ts'
import { FileChunks } from './level/file-chunks.ts'
import { KeyChunks } from './level/key-chunks.ts'
import { KeyStore } from './level/key-store.ts'
import { Ledger } from './level/ledger.ts'
import { folderSize } from './level/folder-size.ts'
import { holdFolder } from './level/held-folder.ts'
import { isUnfinished, makeFolder, markerFile, nodeModules, setAside, syncFolder } from './level/marker.ts'
import type { Marker, MarkerFile, NodeModules } from './level/marker.ts'
import { nativeChecksum } from './level/records.ts'
import type { Checksum } from './level/records.ts'
import { readContent, readLayout, writeLayout } from './level/recovery.ts'
import { closeAll, isNoRoom, segmentFiles } from './level/segment-file.ts'
import type { OpenSegment } from './level/segment-file.ts'
import { SegmentStore } from './level/segments.ts'
import type { RecordStore, StoreContent } from './level/store.ts'

/** Options of the LevelDB storage. */
export interface LevelOptions {
  /**
   * False: writes are not flushed to the disk, no marker is written, and what was acknowledged is lost with the
   * power, although `features` says otherwise. Dangerous: it exists so that a test of power loss can show that it
   * would notice.
   */
  readonly sync?: boolean
  /** Makes the database, for tests that need a failing one; its own: LevelDB. */
  readonly database?: (location: string) => Database
  /**
   * Opens the files of the log and of snapshots, for tests that need failing ones; its own: files of Node. Null: there
   * are none, as in browsers.
   */
  readonly segments?: OpenSegment | null
  /** Is told of snapshots for which there was no room. */
  readonly logger?: Logger
}

/**
 * Log batches that wait behind a write become one record up to this size. None of them is acknowledged before all of it
 * is written, and a disk of 2 MB/s that gets on is not to look like one that stands still.
 */
const MERGED_BYTES = 1024 * 1024
/** The marker says of every write that it happened after at most so long. */
const MARKER_INTERVAL_MS = 1_000

/**
 * Keeps the log, the promises and the snapshots in the folder `location`, which it makes: the log and the promises in
 * files of their own (`db/log-N`), every snapshot in one (`db/snap-N`), and in LevelDB (`db`) which layout that is; it
 * also keeps other processes out. In browsers all of it is in IndexedDB.
 *
 * Every write is one record of the log, flushed to the disk: one write at one position of a file that is there in its
 * full length (see `SegmentStore`). Chunks of a snapshot are appended to its file, flushed, beside the records: the
 * one that installs them is written when all of them are durable, and no other waits for them, unless 8 MiB of chunks
 * wait already. Then the file of the snapshot before waits to be used for the next. What was written of one that was
 * given up is removed when the next one begins; what a killed process left of one, by `open`, or likewise where that
 * finds damage. Every record and every chunk has a checksum; the records are numbered without a gap, and each
 * says which of them must be there. A marker beside the database names a record that was durable, at least once a
 * second while there is room for it, and repeats the promises whenever they change.
 *
 * A snapshot for which the disk has no room (or whose file may not grow, or be opened, as too many are open) is given
 * up, its file is removed, the logger is told, and the log stays as long as it is; without room for the log, for
 * promises that change, or for the snapshot of a leader, the storage fails.
 *
 * So `open` recognises as damage: a lost acknowledged tail older than the marker, a lost or altered record or file
 * anywhere before the last record, a lost snapshot, a folder put back from a copy, and a lost database (its promises
 * come from the marker). What is unusable is set aside as `db.damaged-N`, never deleted. Not recognised: an
 * acknowledged tail younger than the marker (at most the last second before a crash, without a change of promises) that
 * the disk loses; and the loss of the whole folder, which is an empty storage. In browsers there is no marker and no
 * durability: `features.durable` is false there.
 *
 * On the disk there are: the log since the last snapshot and what is retained before it, at most 64 MiB of files that
 * wait for being used again and one that is made ahead (8 MiB each; a storage whose log never grew has one of 1 MiB),
 * and two snapshots.
 *
 * A folder of layout 1, which had all in LevelDB, or of layout 2, which had the snapshots there, is converted by
 * `open`; an interrupted conversion begins anew. Software of before refuses the folder from then on: StorageVersion.
 */
export function level(location: string, options: LevelOptions = {}): Storage {
  if (typeof location !== 'string' || location === '') throw new TypeError('level needs the name of its folder')
  return new LevelStorage(location, options)
}

interface Waiting {
  readonly batch: LogBatch
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** What exists between `open` and `close`. */
interface Session {
  readonly db: Database
  readonly store: RecordStore
  readonly snapshots: ChunkStore
  readonly ledger: Ledger
  readonly marker: MarkerFile | null
  readonly queue: Waiting[]
  readonly chunks: ChunkQueue
  /** Acknowledges that a write has come, while only chunks are under way. */
  onArrival: (() => void) | null
  failure: ZkError | null
  /** The write under way. */
  pump: Promise<void> | null
  /** What the last completed write left on disk. */
  durable: Marker | null
  /** What the marker file says. */
  marked: Marker | null
  /** Marker writes, one after the other. */
  marking: Promise<void>
  timer: ReturnType<typeof setTimeout> | null
}

/** What is opened before it is read what it says. */
interface Opened {
  readonly store: RecordStore
  readonly stored: StoreContent
  readonly snapshots: ChunkStore
}

class LevelStorage implements Storage {
  readonly features: StorageFeatures
  readonly location: string
  /** The same, whatever folder the process goes to. */
  readonly #folder: string
  readonly #sync: boolean
  readonly #database: (location: string) => Database
  readonly #segments: OpenSegment | null
  readonly #logger: Logger | undefined
  readonly #checksum: Checksum = nativeChecksum()
  #session: Session | null = null
  #opening: Promise<Recovered> | null = null
  #closing: Promise<void> | null = null
  /** Gives the folder back. */
  #release: (() => void) | null = null

  constructor(location: string, options: LevelOptions) {
    this.location = location
    this.#sync = options.sync ?? true
    this.#database = options.database ?? database
    const node = nodeModules()
    this.#folder = node === undefined ? location : node.path.resolve(location)
    const { segments } = options
    this.#logger = options.logger
    this.#segments = node === undefined ? null : segments === undefined ? segmentFiles(node.fs) : segments
    this.features = Object.freeze({ persistent: true, durable: node !== undefined })
  }

  async open(): Promise<Recovered> {
    if (this.#session !== null || this.#opening !== null) {
      throw new ZkError('StorageLocked', `the storage is open already: ${this.location}`)
    }
    this.#opening = this.#open(this.#closing)
    this.#closing = null
    try {
      return await this.#opening
    } finally {
      this.#opening = null
    }
  }

  write(batch: LogBatch): Promise<void> {
    const session = this.#session
    if (session === null || this.#closing !== null) {
      return Promise.reject(new ZkError('StorageFailed', 'the storage is not open'))
    }
    if (session.failure !== null) return Promise.reject(session.failure)
    return new Promise((resolve, reject) => {
      session.queue.push({ batch, resolve, reject })
      session.onArrival?.()
      session.pump ??= this.#pump(session)
    })
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close()
  }

  size(): number {
    const node = nodeModules()
    return node === undefined ? 0 : folderSize(node, this.#folder)
  }

  async #open(closing: Promise<void> | null): Promise<Recovered> {
    await closing
    const node = nodeModules()
    const folder = this.#folder
    try {
      if (node === undefined) return await this.#read(folder, null, null, false)
      await makeFolder(node, folder)
      this.#release = holdFolder(node, folder)
      if (this.#release === null) throw locked(this.location)
      const marker = markerFile(node.fs, node.path, folder, this.#checksum)
      return await this.#read(node.path.join(folder, 'db'), marker, node, true)
    } catch (error) {
      this.#giveBack()
      if (isZkError(error)) throw error
      if (isCorruption(error)) throw damaged(this.location, 'the database cannot be read', error)
      if (levelCode(error) === 'LEVEL_LOCKED') throw locked(this.location, error)
      const text = `the storage cannot be opened: ${this.location}: ${reasonOf(error)}`
      throw new ZkError('StorageFailed', text, { cause: error })
    }
  }

  /**
   * Reads the database; when that cannot be used, but the marker can or nothing was ever written, sets it aside and
   * begins a new one.
   */
  async #read(
    location: string, marker: MarkerFile | null, node: NodeModules | null, mayDiscard: boolean,
  ): Promise<Recovered> {
    const db = this.#database(location)
    let opened: Opened | null = null
    try {
      await db.open()
      if (node !== null) await syncNames(node, location)
      const marked = await marker?.read() ?? null
      opened = await this.#openStores(db, location, node, marked)
      const { store, stored, snapshots } = opened
      const { content, entries } = await readContent(snapshots, stored, marked)
      const { meta, base, damage } = content.circumstances
      checkFormat(meta)
      const orphans = content.snapshots.filter((id) => id !== base?.id)
      // What a killed process left of one that it was writing. Of a damaged storage nothing is deleted before the next
      // snapshot begins: then a leader brings it up.
      if (damage === 'none') await snapshots.remove(orphans)
      const ledger = new Ledger(content, (sequence) => store.load(sequence))
      this.#session = {
        db, store, snapshots, ledger, marker: this.#sync ? marker : null, queue: [],
        chunks: new ChunkQueue(snapshots), onArrival: null, failure: null, pump: null, durable: null, marked,
        marking: Promise.resolve(), timer: null,
      }
      return { meta, base, snapshot: this.#snapshot(snapshots, base), entries, damage }
    } catch (error) {
      if (opened !== null) await Promise.allSettled([opened.store.close(), opened.snapshots.close()])
      await db.close()
      const isLost = isCorruption(error) || isZkError(error, 'StorageDamaged')
      if (!isLost || node === null || !mayDiscard) throw error
      if (await marker?.read() === null && !await isUnfinished(node, location)) throw error
      await setAside(node.fs, location)
      return await this.#read(location, marker, node, false)
    }
  }

  /** Opens the records of the log and the snapshots, in the current layout. */
  async #openStores(
    db: Database, location: string, node: NodeModules | null, marked: Marker | null,
  ): Promise<Opened> {
    const open = this.#segments
    const [sync, checksum] = [this.#sync, this.#checksum]
    const parts = node === null || open === null ? null : { sync, checksum, open, node }
    const make = (): RecordStore =>
      parts === null ? new KeyStore(db, checksum, sync) : new SegmentStore(location, parts)
    const snapshots = parts === null ? new KeyChunks(db, checksum, sync) : new FileChunks(location, parts)
    const layout = await readLayout(db, hasJournal(location, node))
    const place = { db, location, node, checksum, sync }
    if (layout === 'first') await convertFirst(place, marked, make)
    else if (node !== null) await dropJournal(location, node)
    const store = make()
    try {
      if (parts !== null && (layout === 'first' || layout === 'second')) await convertSecond(place, snapshots)
      const stored = await store.read()
      if (layout !== 'none' && stored.isAbsent) throw damaged(location, 'its log is gone')
      await store.prepare()
      if (layout !== 'current') await writeLayout(db, sync)
      return { store, stored, snapshots }
    } catch (error) {
      await Promise.allSettled([store.close(), snapshots.close()])
      throw error
    }
  }

  async *#snapshot(snapshots: ChunkStore, base: SnapshotBase | null): AsyncIterable<Uint8Array> {
    let index = 0
    for await (const chunk of base === null ? [] : snapshots.chunksOf(base)) {
      if (chunk === null) throw damaged(this.location, `chunk ${index} of its snapshot is damaged`)
      index += 1
      yield chunk
    }
  }

  /**
   * Writes what waits, one record after the other. What is chunks alone is acknowledged with the next record or when
   * the chunks are durable, whichever comes first: the order of the calls stays, and no record waits for it.
   */
  async #pump(session: Session): Promise<void> {
    const { queue } = session
    let held: Waiting[] = []
    while (session.failure === null) {
      if (queue.length === 0 && (held.length === 0 || await isSettled(session))) break
      const taken = queue.splice(0, mergeable(queue))
      held = held.concat(taken)
      try {
        if (!await this.#writeMerged(session, taken)) continue
        for (const { resolve } of held.splice(0)) resolve()
      } catch (error) {
        fail(session, error)
      }
    }
    const { failure } = session
    if (failure === null) for (const { resolve } of held) resolve()
    else for (const { reject } of held.concat(queue.splice(0))) reject(failure)
    session.pump = null
  }

  /** False when nothing but chunks was there, which are on their way. */
  async #writeMerged(session: Session, taken: readonly Waiting[]): Promise<boolean> {
    const { store, ledger, marker, chunks } = session
    for (const { batch: { chunks: written = [] } } of taken) {
      chunks.add(ledger.expect(written))
    }
    const install = taken.at(-1)?.batch.install
    // Without a wait where none is needed: the disk begins before the peer goes on to what it has for its clients.
    const hold = install === undefined ? chunks.room() : chunks.settled()
    if (hold !== undefined) await hold
    const reason = install === undefined ? undefined : chunks.reasonAgainst(install.id)
    for (const { batch } of taken) {
      const reading = ledger.apply(reason === undefined ? batch : this.#withoutSnapshot(batch, reason))
      if (reading !== undefined) await reading
    }
    const { sequence, record, dropped } = ledger.finish()
    if (record === null) return false
    await store.append(sequence, record)
    store.release(ledger.first)
    if (dropped !== null) chunks.installed(ledger.baseId, dropped)
    if (marker === null || ledger.meta === null) return true
    session.durable = { sequence: ledger.sequence, meta: ledger.meta }
    if (isPromise(session.marked?.meta, ledger.meta)) await mark(session, marker)
    else session.timer ??= this.#markLater(session, marker)
    return true
  }

  /** What is left of a batch whose snapshot was given up. */
  #withoutSnapshot(batch: LogBatch, reason: unknown): LogBatch {
    const { install, purgeThrough: _, ...rest } = batch
    if (install === undefined) return batch
    // The log before it is of no use.
    if (batch.resetLog === true) throw reason
    const { location } = this
    this.#logger?.warn('no room for a snapshot: the log stays as long as it is', { location, error: reason })
    return rest
  }

  #markLater(session: Session, marker: MarkerFile): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => {
      session.timer = null
      mark(session, marker).catch((error: unknown) => {
        // The old one is true, too, and room may come. In the log there is some already.
        if (!isNoRoom(error)) fail(session, error)
        else if (this.#closing === null) session.timer ??= this.#markLater(session, marker)
      })
    }, MARKER_INTERVAL_MS)
    // Browsers have numbers for timers, and no marker either.
    timer.unref()
    return timer
  }

  async #close(): Promise<void> {
    if (this.#opening !== null) await this.#opening.catch((error: unknown) => error)
    const session = this.#session
    if (session === null) return
    try {
      await session.pump
      await session.chunks.settled().catch((error: unknown) => fail(session, error))
      if (session.timer !== null) clearTimeout(session.timer)
      const { marker } = session
      const marking = marker === null || session.failure !== null ? session.marking : mark(session, marker)
      // An old marker is as true as a new one: closing does not fail for it.
      await marking.catch((error: unknown) => fail(session, error))
    } finally {
      this.#session = null
      try {
        await closeAll([session.store, session.snapshots])
      } finally {
        await session.db.close()
        this.#giveBack()
      }
    }
  }

  #giveBack(): void {
    this.#release?.()
    this.#release = null
  }
}

/** Waits until all chunks are durable or something is to be written. True: nothing is. */
async function isSettled(session: Session): Promise<boolean> {
  const arrival = new Promise<void>((resolve) => { session.onArrival = resolve })
  try {
    await Promise.race([session.chunks.settled(), arrival])
  } catch (error) {
    fail(session, error)
  }
  session.onArrival = null
  return session.queue.length === 0
}

/** Writes the marker for what is durable now, after the marker writes under way, whatever comes of those. */
function mark(session: Session, marker: MarkerFile): Promise<void> {
  const write = async (): Promise<void> => {
    const { durable } = session
    if (durable === null || durable.sequence === session.marked?.sequence) return
    await marker.write(durable)
    session.marked = durable
  }
  return session.marking = session.marking.then(write, write)
}

/** How many of the waiting batches fit one record; at least one. What installs a snapshot is the last of its record. */
function mergeable(queue: readonly Waiting[]): number {
  let count = 0
  let bytes = 0
  for (const { batch } of queue) {
    for (const entry of batch.entries ?? []) bytes += entry.bytes.byteLength
    for (const chunk of batch.chunks ?? []) bytes += chunk.bytes.byteLength
    if (count > 0 && bytes > MERGED_BYTES) break
    count += 1
    if (batch.install !== undefined) break
  }
  return count
}

/** True when the marker must be durable before the write is: anything but the commit hint changed. */
function isPromise(marked: Meta | undefined, meta: Meta): boolean {
  if (marked === undefined) return true
  const keys = Object.keys(meta) as (keyof Meta)[]
  return keys.some((key) => key !== 'commitHint' && meta[key] !== marked[key])
}

function fail(session: Session, error: unknown): ZkError {
  session.failure ??= isZkError(error, 'StorageFailed') ? error
    : new ZkError('StorageFailed', `the storage could not be written: ${reasonOf(error)}`, { cause: error })
  return session.failure
}

function locked(location: string, cause?: unknown): ZkError {
  return new ZkError('StorageLocked', `the storage ${location} is in use, by another process or by this one`, { cause })
}

function damaged(location: string, why: string, cause?: unknown): ZkError {
  return new ZkError('StorageDamaged', `the storage ${location} is damaged: ${why}`, { cause })
}

/** Makes it durable that the database is there, and what is in it. */
async function syncNames({ fs, path }: NodeModules, location: string): Promise<void> {
  await syncFolder(fs, location)
  await syncFolder(fs, path.dirname(location))
}

/** The code of LevelDB's own error, which `open` wraps. */
function levelCode(error: unknown): unknown {
  if (!(error instanceof Error)) return undefined
  const { code } = error as { code?: unknown }
  return code === 'LEVEL_DATABASE_NOT_OPEN' && error.cause !== undefined ? levelCode(error.cause) : code
}

function isCorruption(error: unknown): boolean {
  const code = levelCode(error)
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : ''
  const text = error instanceof Error ? `${error.message} ${cause}` : ''
  return code === 'LEVEL_CORRUPTION' || (code === 'LEVEL_IO_ERROR' && /MANIFEST-\d+: No such file/.test(text))
}

function checkFormat(meta: Meta | null): void {
  if (meta === null || meta.format === 1) return
  throw new ZkError('StorageVersion', `the promises have format ${meta.format}, this software reads format 1`)
}

/** What the file system or LevelDB says, which `level` puts below an error of its own. */
function reasonOf(error: unknown): string {
  const { cause, message } = error as Error
  return cause instanceof Error ? cause.message : message
}
