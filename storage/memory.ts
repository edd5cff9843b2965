import { ZkError } from '../lib/core/errors.ts'
import type {
  LogBatch, LogEntry, Meta, Recovered, SnapshotBase, Storage, StorageFeatures,
} from '../lib/ports/storage.ts'
import { packEntries, unpackEntries } from './parts/entries.ts'

type Zxid = LogEntry['zxid']

/**
 * The entries of one batch, packed: the caller's bytes are not kept, and a batch is one object, not
 * hundreds.
 */
interface Group {
  readonly first: Zxid
  readonly last: Zxid
  readonly packed: Uint8Array
}

/**
 * A storage that lives as long as the object it is: `close` keeps the content and `open` finds it again, so
 * a peer can be restarted on it. Nothing survives the process. It counts as durable, since the peer and its
 * memory are lost together only in a crash that this storage cannot outlive anyway: use it where every peer
 * shares that fate, or in tests.
 */
export function memory(): Storage {
  return new MemoryStorage()
}

class MemoryStorage implements Storage {
  readonly features: StorageFeatures = Object.freeze({ persistent: false, durable: true })
  #isOpen = false
  #failure: ZkError | null = null
  #meta: Meta | null = null
  #base: SnapshotBase | null = null
  #groups: Group[] = []
  /** Zxid of the last entry, or of the base. */
  #tail = 0 as Zxid
  readonly #snapshots = new Map<number, Uint8Array[]>()

  async open(): Promise<Recovered> {
    if (this.#isOpen) throw new ZkError('StorageLocked', 'the memory storage is open already')
    this.#isOpen = true
    this.#failure = null
    const entries: LogEntry[] = []
    for (const group of this.#groups) for (const entry of unpack(group)) entries.push(entry)
    const base = this.#base
    const chunks = base === null ? undefined : this.#snapshots.get(base.id)
    return { meta: this.#meta, base, snapshot: copies(base?.chunks ?? 0, chunks), entries, damage: 'none' }
  }

  async write(batch: LogBatch): Promise<void> {
    if (this.#failure !== null) throw this.#failure
    if (!this.#isOpen) throw new ZkError('StorageFailed', 'the storage is not open')
    const problem = this.#check(batch)
    if (problem !== null) throw this.#failure = new ZkError('StorageFailed', `not a valid batch: ${problem}`)
    this.#apply(batch)
  }

  async close(): Promise<void> {
    this.#isOpen = false
  }

  /** Says what is wrong with a batch before any of it takes effect. */
  #check(batch: LogBatch): string | null {
    const { truncateAfter, entries, chunks, install, resetLog } = batch
    if (resetLog === true && install === undefined) return 'resetLog without install'
    let tail = resetLog === true && install !== undefined ? install.zxid : this.#tail
    if (resetLog !== true && truncateAfter !== undefined && truncateAfter < tail) {
      if (truncateAfter < (this.#base?.zxid ?? 0)) return 'truncation of the snapshot'
      tail = this.#lastThrough(truncateAfter)
    }
    for (const entry of entries ?? []) {
      if (entry.prevZxid !== tail || entry.zxid <= tail) return `a hole between ${tail} and ${entry.zxid}`
      tail = entry.zxid
    }
    const counts = new Map(Array.from(this.#snapshots, ([id, { length }]) => [id, length]))
    for (const { id, index } of chunks ?? []) {
      if (id === this.#base?.id) return `a chunk of snapshot ${id}, which is installed`
      if (index === 0) this.#dropOthers(counts, id)
      else if (index !== counts.get(id)) return `chunk ${index} of snapshot ${id} out of turn`
      counts.set(id, index + 1)
    }
    if (install === undefined) return null
    const count = counts.get(install.id) ?? 0
    return count >= install.chunks ? null : `chunk ${count} of snapshot ${install.id} was not written`
  }

  /** A snapshot begins: of what is not the base, there is nothing else any more. */
  #dropOthers(snapshots: Map<number, unknown>, begun: number): void {
    for (const id of snapshots.keys()) if (id !== begun && id !== this.#base?.id) snapshots.delete(id)
  }

  /** The last zxid that a truncation at `cut` leaves. */
  #lastThrough(cut: Zxid): Zxid {
    const group = this.#groups.findLast(({ first }) => first <= cut)
    const kept = group === undefined ? undefined : unpack(group).findLast(({ zxid }) => zxid <= cut)
    return kept?.zxid ?? this.#base?.zxid ?? (0 as Zxid)
  }

  #apply(batch: LogBatch): void {
    const { truncateAfter, entries, meta, chunks, install, purgeThrough } = batch
    if (batch.resetLog === true && install !== undefined) this.#reset(install.zxid)
    else if (truncateAfter !== undefined && truncateAfter < this.#tail) this.#truncate(truncateAfter)
    const last = entries?.at(-1)
    if (entries?.[0] !== undefined && last !== undefined) {
      this.#groups.push({ first: entries[0].zxid, last: last.zxid, packed: packEntries(entries) })
      this.#tail = last.zxid
    }
    if (meta !== undefined) this.#meta = { ...meta }
    for (const { id, index, bytes } of chunks ?? []) {
      const copy = new Uint8Array(bytes)
      if (index === 0) {
        this.#dropOthers(this.#snapshots, id)
        this.#snapshots.set(id, [copy])
      } else this.#snapshots.get(id)!.push(copy)
    }
    if (install !== undefined) this.#install(install)
    if (purgeThrough !== undefined) {
      const through = Math.min(purgeThrough, this.#base?.zxid ?? 0)
      const kept = this.#groups.findIndex((group) => group.last > through)
      this.#groups.splice(0, kept < 0 ? this.#groups.length : kept)
    }
  }

  #reset(zxid: Zxid): void {
    this.#groups = []
    this.#tail = zxid
  }

  #truncate(cut: Zxid): void {
    this.#tail = this.#lastThrough(cut)
    while ((this.#groups.at(-1)?.first ?? 0) > cut) this.#groups.pop()
    const straddling = this.#groups.at(-1)
    if (straddling === undefined || straddling.last <= cut) return
    const kept = unpack(straddling).filter((entry) => entry.zxid <= cut)
    this.#groups[this.#groups.length - 1] = { first: straddling.first, last: this.#tail, packed: packEntries(kept) }
  }

  #install(base: SnapshotBase): void {
    this.#base = { ...base }
    for (const id of this.#snapshots.keys()) if (id !== base.id) this.#snapshots.delete(id)
    // A log that ends before its snapshot cannot be continued without a hole.
    if (base.zxid > this.#tail) this.#reset(base.zxid)
  }
}

/** Copies the group first: bytes handed out are the caller's. */
function unpack(group: Group): LogEntry[] {
  const entries = unpackEntries(group.packed.slice())
  if (entries === null) throw new ZkError('StorageDamaged', 'packed entries in memory were overwritten')
  return entries
}

async function* copies(count: number, chunks: readonly Uint8Array[] = []): AsyncIterable<Uint8Array> {
  for (const chunk of chunks.slice(0, count)) yield new Uint8Array(chunk)
}
