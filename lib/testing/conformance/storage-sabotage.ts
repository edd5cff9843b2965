import { ZkError } from '../../core/errors.ts'
import type {
  LogBatch, LogEntry, Meta, Recovered, SnapshotBase, SnapshotChunk, Storage, StorageFeatures,
} from '../../ports/storage.ts'
import type { StoragePlace } from './storage.ts'

/** The bugs a storage can be given on purpose, each with the case that must notice it. */
export const STORAGE_FLAWS = {
  'acknowledges before it is durable': 'a crash keeps every batch that resolved',
  'writes half a batch': 'a crash leaves whole batches, and of them a prefix',
  'reorders waiting writes': 'writes take effect in call order although they are not awaited',
  'acknowledges out of order': 'writes take effect in call order although they are not awaited',
  'leaves a hole in the log': 'a batch of 10,000 entries is kept',
  'accepts a hole in the log': 'a batch that leaves a hole fails, and every write after it',
  'goes on after a failure': 'a batch that leaves a hole fails, and every write after it',
  'forgets truncations': 'a truncation cuts inside a batch, across batches, at their borders and everything',
  'appends before it truncates': 'a batch truncates before it appends',
  'lets truncated entries come back': 'what was truncated does not come back',
  'keeps the bytes handed in': 'bytes handed in are not kept',
  'hands out its own bytes': 'bytes handed out are the caller\'s',
  'loses the last entry': 'entries and promises are found again',
  'merges promises': 'the last promises count, and are kept whole',
  'brings an old snapshot back': 'a snapshot replaces the one before, which does not come back',
  'takes chunks of a sibling': 'a snapshot replaces the one before, which does not come back',
  'keeps chunks of a snapshot begun anew': 'a snapshot that is begun anew has nothing of what was written of it before',
  'keeps a snapshot that was given up': 'a snapshot that begins ends the one before, which was given up',
  'accepts a hole in a snapshot': 'a hole in the chunks of a snapshot fails',
  'sorts chunks as text': 'chunks count from their installation on',
  'trusts chunks too early': 'chunks count from their installation on',
  'purges what is not in the snapshot': 'a purge keeps everything after the snapshot',
  'keeps entries over a reset': 'a reset drops the whole log',
  'accepts writes after close': 'a write before open or after close fails',
  'does not wait when it closes': 'close waits for the writes in flight',
  'opens twice': 'a storage that is open cannot be opened',
} as const

/** The name of one bug. */
export type StorageFlaw = keyof typeof STORAGE_FLAWS

/** What survives a crash of the sabotaged storage. */
interface Disk {
  meta: Meta | null
  base: SnapshotBase | null
  firstBase: SnapshotBase | null
  entries: LogEntry[]
  truncated: LogEntry[]
  chunks: SnapshotChunk[]
  isOpen: boolean
}

/**
 * A place whose storage has this bug; with null it has none, which proves that the bug is what the suite
 * notices.
 */
export function sabotagedPlace(flaw: StorageFlaw | null): StoragePlace {
  let disk: Disk = {
    meta: null, base: null, firstBase: null, entries: [], truncated: [], chunks: [], isOpen: false,
  }
  return {
    storage: () => new FlawedStorage(disk, flaw),
    async crash() {
      disk = { ...disk, entries: [...disk.entries], chunks: [...disk.chunks], isOpen: false }
    },
  }
}

/** As simple as a storage can be, so that its only bug is the one asked for. */
class FlawedStorage implements Storage {
  readonly features: StorageFeatures = { persistent: false, durable: true }
  readonly #disk: Disk
  readonly #flaw: StorageFlaw | null
  #isOpen = false
  #failure: ZkError | null = null
  #last: Promise<void> = Promise.resolve()
  #held: Meta | null = null

  constructor(disk: Disk, flaw: StorageFlaw | null) {
    this.#disk = disk
    this.#flaw = flaw
  }

  async open(): Promise<Recovered> {
    const disk = this.#disk
    if (disk.isOpen && this.#flaw !== 'opens twice') throw new ZkError('StorageLocked')
    disk.isOpen = true
    this.#isOpen = true
    if (this.#flaw === 'loses the last entry') disk.entries.pop()
    const isOwn = this.#flaw === 'hands out its own bytes'
    const entries = disk.entries.map((entry) => ({ ...entry, bytes: isOwn ? entry.bytes : entry.bytes.slice() }))
    const base = this.#flaw === 'brings an old snapshot back' ? disk.firstBase : this.#base()
    const chunks = this.#chunks(base).map(({ bytes }) => (isOwn ? bytes : bytes.slice()))
    return { meta: disk.meta, base, snapshot: iterate(chunks), entries, damage: 'none' }
  }

  write(batch: LogBatch): Promise<void> {
    const isOpen = this.#isOpen || this.#flaw === 'accepts writes after close'
    if (!isOpen) return Promise.reject(new ZkError('StorageFailed'))
    const own = this.#flaw === 'keeps the bytes handed in' ? batch : copy(batch)
    const written = this.#after(this.#last, own)
    this.#last = written.catch((error: unknown) => void error)
    if (this.#flaw === 'acknowledges before it is durable') return Promise.resolve()
    if (this.#flaw === 'acknowledges out of order' && (batch.entries?.[0]?.zxid ?? 0) % 2 === 0) {
      return written.then(() => turns(5))
    }
    return written
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    if (this.#flaw !== 'does not wait when it closes') {
      await this.#last
    } else {
      this.#failure = new ZkError('StorageFailed')
    }
    this.#disk.isOpen = false
  }

  async #after(before: Promise<void>, batch: LogBatch): Promise<void> {
    await before
    await turns(1)
    if (this.#failure !== null && this.#flaw !== 'goes on after a failure') throw this.#failure
    await this.#apply(batch)
  }

  async #apply(batch: LogBatch): Promise<void> {
    const disk = this.#disk
    const { truncateAfter, entries = [], meta, chunks = [], install, resetLog, purgeThrough } = batch
    if (this.#flaw === 'appends before it truncates') this.#append(entries)
    if (resetLog === true && this.#flaw !== 'keeps entries over a reset') disk.entries = []
    if (truncateAfter !== undefined && this.#flaw !== 'forgets truncations') this.#truncate(truncateAfter)
    const last = disk.entries.at(-1)?.zxid ?? (resetLog === true ? install?.zxid : disk.base?.zxid) ?? 0
    const isHole = entries[0] !== undefined && entries[0].prevZxid !== last
    if (isHole && this.#flaw !== 'accepts a hole in the log') throw this.#failure = new ZkError('StorageFailed')
    if (this.#flaw !== 'appends before it truncates') this.#append(entries)
    if (this.#flaw === 'writes half a batch') await turns(3)
    if (meta !== undefined) this.#promise(meta)
    for (const chunk of chunks) this.#chunk(chunk)
    if (install !== undefined) this.#install(install)
    if (purgeThrough !== undefined) {
      const limit = this.#flaw === 'purges what is not in the snapshot' ? Infinity : disk.base?.zxid ?? 0
      disk.entries = disk.entries.filter(({ zxid }) => zxid > Math.min(purgeThrough, limit))
    }
  }

  #chunk(chunk: SnapshotChunk): void {
    const disk = this.#disk
    if (chunk.index === 0) this.#begin(chunk.id)
    const count = disk.chunks.filter(({ id }) => id === chunk.id).length
    const isHole = chunk.index > count && this.#flaw !== 'accepts a hole in a snapshot'
    if (isHole) throw this.#failure = new ZkError('StorageFailed')
    disk.chunks.push(chunk)
  }

  #begin(begun: number): void {
    const disk = this.#disk
    const keepsOwn = this.#flaw === 'keeps chunks of a snapshot begun anew'
    const keepsOthers = this.#flaw === 'keeps a snapshot that was given up'
    disk.chunks = disk.chunks.filter(({ id }) => id === disk.base?.id || (id === begun ? keepsOwn : keepsOthers))
  }

  #promise(meta: Meta): void {
    if (this.#flaw === 'merges promises') {
      this.#disk.meta = { ...meta, ...this.#disk.meta }
    } else if (this.#flaw === 'reorders waiting writes') {
      // Every second one is overtaken by the one after it.
      this.#disk.meta = this.#held ?? meta
      this.#held = this.#held === null ? meta : null
    } else {
      this.#disk.meta = meta
    }
  }

  #append(entries: readonly LogEntry[]): void {
    const disk = this.#disk
    const isGapped = this.#flaw === 'leaves a hole in the log' && entries.length > 1_000
    disk.entries.push(...(isGapped ? entries.filter((_, index) => index !== 700) : entries))
    const back = this.#flaw === 'lets truncated entries come back' ? disk.truncated : []
    const last = disk.entries.at(-1)?.zxid ?? 0
    disk.entries.push(...back.filter(({ prevZxid }) => prevZxid >= last && entries.length > 0))
  }

  #truncate(cut: number): void {
    const { entries } = this.#disk
    this.#disk.truncated = entries.filter(({ zxid }) => zxid > cut)
    this.#disk.entries = entries.filter(({ zxid }) => zxid <= cut)
  }

  #install(base: SnapshotBase): void {
    const disk = this.#disk
    if (disk.chunks.filter(({ id }) => id === base.id).length < base.chunks) {
      throw this.#failure = new ZkError('StorageFailed')
    }
    disk.base = base
    disk.firstBase ??= base
    if (this.#flaw !== 'brings an old snapshot back') disk.chunks = disk.chunks.filter(({ id }) => id === base.id)
  }

  #base(): SnapshotBase | null {
    const { base, chunks } = this.#disk
    const [first] = chunks
    if (this.#flaw !== 'trusts chunks too early' || base !== null || first === undefined) return base
    return { id: first.id, zxid: first.id as LogEntry['zxid'], hash1: 0, hash2: 0, chunks: chunks.length }
  }

  #chunks(base: SnapshotBase | null): readonly SnapshotChunk[] {
    if (base === null) return []
    const isMixed = this.#flaw === 'takes chunks of a sibling'
    const matches = ({ id }: SnapshotChunk): boolean => (isMixed ? `${id}`.startsWith(`${base.id}`) : id === base.id)
    // Nothing but the base's own chunks is left after an installation; a sibling comes from chunks written since.
    const chosen = this.#disk.chunks.filter(matches)
    if (this.#flaw === 'sorts chunks as text') return chosen.sort((a, b) => (`${a.index}` < `${b.index}` ? -1 : 1))
    return chosen.sort((a, b) => a.index - b.index)
  }
}

/** Lets others run, without a clock. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count * 4; turn++) await Promise.resolve()
}

function copy(batch: LogBatch): LogBatch {
  const own = <T extends { readonly bytes: Uint8Array }>(parts: readonly T[] = []): T[] =>
    parts.map((part) => ({ ...part, bytes: part.bytes.slice() }))
  return { ...batch, entries: own(batch.entries), chunks: own(batch.chunks) }
}

async function* iterate(chunks: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  for (const chunk of chunks) yield chunk
}
