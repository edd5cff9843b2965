import { database } from './database.ts'
import type { Database, Range } from './database.ts'
import { Segment, recordBytes } from './journal.ts'
import type { JournalRecord } from './journal.ts'
import type { Operation } from './ledger.ts'
import { syncFolder } from './marker.ts'
import type { NodeModules } from './marker.ts'
import { CHUNK_RANGE } from './records.ts'
import type { Checksum } from './records.ts'
import { segmentFiles } from './segment.ts'
import type { OpenSegment } from './segment.ts'

/** Where the database says which records of the journal it contains: the last one's sequence f64, is it torn u8. */
const JOURNAL_KEY = '!journal'
/** Operations that go into the database at once: handing them over takes its time on this thread. */
const PIECE = 256
/** Larger batches go into the database at once: written twice they would cost more than they save. */
const DIRECT_BYTES = 2 * 1024 * 1024

/** What a journal is made of. */
export interface JournalParts {
  readonly sync: boolean
  readonly checksum: Checksum
  readonly open: OpenSegment
  /** Makes new files of the database's folder durable. */
  readonly syncFolder: () => Promise<void>
}

/** LevelDB behind a journal, in one folder. */
export function journaled(location: string, { fs }: NodeModules, sync: boolean, checksum: Checksum): Database {
  return new JournaledDatabase(location, database(location), {
    sync, checksum, open: segmentFiles(fs), syncFolder: () => syncFolder(fs, location),
  })
}

/**
 * LevelDB behind a journal: a batch is durable as soon as one record of it is in a file that is written over and over
 * again, which takes half the time of a synced LevelDB batch or less; the database gets many batches together, later.
 *
 * The journal has two segments. When one is full, the other takes over while everything of the first goes into the
 * database, in pieces of which the last one says which records it contains: until then they count as not contained,
 * and putting them in once more changes nothing. `open` puts in what the database lacks. So at every moment the
 * database and the records that it lacks are a prefix of the batches, and contain all that resolved.
 *
 * A record that is missing, with later ones there, makes `isTorn` true at every `open` until a batch was written.
 */
export class JournaledDatabase implements Database {
  readonly #db: Database
  readonly #location: string
  readonly #parts: JournalParts
  #segments: readonly [Segment, Segment] | null = null
  /** Of the last record. */
  #sequence = 0
  /** What the database lacks; null deletes. The values are in the memory of a segment, which is used again. */
  #pending = new Map<string, Uint8Array | null>()
  /** What is on its way into the database. */
  #moving: ReadonlyMap<string, Uint8Array | null> = new Map()
  #move: Promise<void> | null = null
  #failure: { readonly error: unknown } | null = null
  isTorn = false

  constructor(location: string, db: Database, parts: JournalParts) {
    this.#db = db
    this.#location = location
    this.#parts = parts
  }

  async open(): Promise<void> {
    await this.#db.open()
    try {
      await this.#recover()
    } catch (error) {
      await this.close()
      throw error
    }
  }

  async #recover(): Promise<void> {
    const { open, sync, checksum, syncFolder } = this.#parts
    const file = async (number: number): Promise<Segment> =>
      new Segment(await open(`${this.#location}/journal-${number}`, sync), checksum)
    this.#segments = [await file(0), await file(1)]
    const readings = [await this.#segments[0].read(), await this.#segments[1].read()]
    const { contained, wasTorn } = unpackMark(await this.#db.get(JOURNAL_KEY))
    const records = readings.flatMap((reading) => reading.records).filter(({ sequence }) => sequence > contained)
    records.sort((one, other) => one.sequence - other.sequence)
    const whole = records.filter(({ sequence }, index) => sequence === contained + 1 + index)
    this.isTorn = wasTorn || whole.length < records.length || readings.some(({ isWhole }) => !isWhole)
    this.#sequence = records.at(-1)?.sequence ?? contained
    for (const record of whole) this.#remember(record)
    if (records.length > 0 || this.isTorn) await this.#flush([], this.isTorn)
    for (const [index, { isWhole }] of readings.entries()) {
      if (index === 0 || !isWhole) await this.#segments[index]?.prepare()
    }
    await syncFolder()
  }

  #remember({ operations }: Pick<JournalRecord, 'operations'>): void {
    for (const operation of operations) {
      this.#pending.set(operation.key, operation.type === 'put' ? operation.value : null)
    }
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    for (const layer of [this.#pending, this.#moving]) {
      const value = layer.get(key)
      if (value !== undefined) return value?.slice()
    }
    return await this.#db.get(key)
  }

  /** One at a time. */
  async batch(operations: Operation[]): Promise<void> {
    this.#check()
    const bytes = recordBytes(operations)
    // What says that records are missing is replaced together with it.
    if (this.isTorn || bytes > DIRECT_BYTES || operations.some(isChunk)) {
      await this.#flush(operations)
      this.isTorn = false
      return
    }
    const segment = await this.#segmentFor(bytes)
    let kept: readonly Operation[]
    try {
      kept = await segment.append(this.#sequence + 1, operations)
    } catch (error) {
      this.#failure = { error }
      throw error
    }
    this.#sequence += 1
    this.#remember({ operations: kept })
  }

  #check(): void {
    if (this.#failure !== null) throw this.#failure.error
  }

  /** The segment that has room. */
  async #segmentFor(bytes: number): Promise<Segment> {
    const [active, other] = this.#segments!
    if (!active.isFullFor(bytes)) return active
    // What is in the other one must be in the database before it is written over.
    await this.#move
    this.#check()
    void this.#startMove([], false)
    other.rewind()
    await other.prepare()
    this.#segments = [other, active]
    return other
  }

  /** Puts everything into the database, and together with the last of it what is in no record. */
  async #flush(more: readonly Operation[] = [], isTorn = false): Promise<void> {
    await this.#move
    this.#check()
    await this.#startMove(more, isTorn)
    this.#check()
    for (const segment of this.#segments!) segment.rewind()
  }

  /** Never rejects: a failure fails the next batch. */
  #startMove(more: readonly Operation[], isTorn: boolean): Promise<void> {
    const moving = this.#pending
    this.#pending = new Map()
    this.#moving = moving
    this.#move = this.#put(moving, [...more, markOf(this.#sequence, isTorn)]).then(() => {
      this.#moving = new Map()
      this.#move = null
    }, (error: unknown) => { this.#failure ??= { error } })
    return this.#move
  }

  async #put(moving: ReadonlyMap<string, Uint8Array | null>, last: Operation[]): Promise<void> {
    const { sync } = this.#parts
    let piece: Operation[] = []
    for (const [key, value] of moving) {
      piece.push(value === null ? { type: 'del', key } : { type: 'put', key, value })
      if (piece.length < PIECE) continue
      await this.#db.batch(piece, { sync })
      piece = []
    }
    await this.#db.batch([...piece, ...last], { sync })
  }

  async compactRange(start: string, end: string): Promise<void> {
    await this.#db.compactRange?.(start, end)
  }

  keys(range: Range): AsyncIterable<string> {
    return this.#db.keys(range)
  }

  iterator(range: Range): AsyncIterable<[string, Uint8Array]> {
    return this.#db.iterator(range)
  }

  async close(): Promise<void> {
    const segments = this.#segments
    try {
      if (segments !== null && this.#failure === null && this.#pending.size > 0) await this.#flush()
      await this.#move
    } finally {
      this.#segments = null
      for (const segment of segments ?? []) await segment.close()
      await this.#db.close()
    }
  }
}

const isChunk = ({ type, key }: Operation): boolean => type === 'put' && key >= CHUNK_RANGE[0] && key < CHUNK_RANGE[1]

function markOf(sequence: number, isTorn: boolean): Operation {
  const value = new Uint8Array(9)
  new DataView(value.buffer, value.byteOffset).setFloat64(0, sequence, true)
  value[8] = isTorn ? 1 : 0
  return { type: 'put', key: JOURNAL_KEY, value }
}

function unpackMark(mark: Uint8Array | undefined): { readonly contained: number, readonly wasTorn: boolean } {
  if (mark === undefined) return { contained: 0, wasTorn: false }
  return { contained: new DataView(mark.buffer, mark.byteOffset).getFloat64(0, true), wasTorn: mark[8] === 1 }
}
