import type { Random } from '../../core/random.ts'
import { Log } from '../../core/zab/log.ts'
import { CHAIN_ZERO } from '../../core/zab/chain.ts'
import type { RecoveredState } from '../../core/identity.ts'
import { TreeLoader } from '../../core/tree/loader.ts'
import { Tree } from '../../core/tree/tree.ts'
import type { TxnCodec } from '../../core/tree/txn.ts'
import { ZXID_ZERO } from '../../core/zxid.ts'
import type { Zxid } from '../../core/zxid.ts'
import type { LogBatch, LogEntry, Meta, SnapshotBase } from '../../ports/storage.ts'
import { Strays } from './strays.ts'
import type { Missed } from './strays.ts'
import { Violation } from './violation.ts'

/**
 * What one peer has on disk: batches are atomic and take effect in order, so every crash image is a prefix of them. A
 * batch that would leave a hole, move a promise back or install what was not written is a violation (D1, D4, D6).
 */
export class SimDisk {
  meta: Meta | null = null
  base: SnapshotBase | null = null
  log: Log = new Log(ZXID_ZERO, CHAIN_ZERO, [])
  /** What the next recovery will say is missing, until a promise is written again. */
  damage: RecoveredState['damage'] = 'none'
  /** There is room for the log alone: what comes of snapshots is given up, as the port of storages permits. */
  isCramped = false
  /** So many snapshots of its own peer found no room since one was installed. */
  leftOut = 0
  /** A snapshot of which a chunk found no room. */
  #givenUp: number | null = null
  readonly #chunks = new Map<string, Uint8Array>()
  readonly #strays = new Strays()

  /** False when nothing of it is written: it makes a leader's snapshot the base, and there was no room for that. */
  apply(batch: LogBatch): boolean {
    const part = this.#fitting(batch)
    if (part === null) return false
    this.#take(part)
    this.#strays.written(this, part)
    return true
  }

  /** Says that the batch is written, and it is elsewhere; the next start finds that (correctness plan, B). */
  misdirect(batch: LogBatch, dice: Random): boolean {
    const part = this.#fitting(batch)
    if (part === null) return false
    this.#strays.stray(this, part, dice)
    this.#take(part)
    return true
  }

  /** What of a batch there is room for; null for one that drops a log of which nothing would be left. */
  #fitting(batch: LogBatch): LogBatch | null {
    const chunks = batch.chunks?.filter(({ id, index }) => this.#hasRoom(id, index))
    if (batch.install === undefined || batch.install.id !== this.#givenUp) {
      return chunks?.length === batch.chunks?.length ? batch : { ...batch, chunks: chunks! }
    }
    const { install: _, purgeThrough: __, ...rest } = batch
    if (batch.resetLog === true) return null
    this.leftOut++
    return chunks === undefined ? rest : { ...rest, chunks }
  }

  /** What follows a chunk that is missing is of no use, though there be room for it again. */
  #hasRoom(id: number, index: number): boolean {
    if (index === 0) this.#givenUp = null
    if (this.isCramped) this.#givenUp = id
    return id !== this.#givenUp
  }

  /** It has said that this chunk is written. What was given up counts: who wrote it is told with its installation. */
  hasTaken(id: number, index: number): boolean {
    return id === this.#givenUp || this.#chunks.has(`${id}/${index}`)
  }

  /** Part of a snapshot found no room, and it was not begun anew. */
  get hasGivenUp(): boolean {
    return this.#givenUp !== null
  }

  /** A write landed elsewhere, and what it was to replace is needed still. */
  get isAstray(): boolean {
    return this.#strays.areThere
  }

  /** The process has ended: from here on only what is where it belongs is there. Says what is missed. */
  find(): Missed {
    const { missed, log } = this.#strays.found(this)
    if (missed === 'nothing') return missed
    if (missed !== 'txns') this.#lose()
    if (log !== null) this.log = log
    if (missed === 'promises') {
      this.meta = null
      this.damage = 'meta'
    } else if (this.damage === 'none') this.damage = 'log'
    return missed
  }

  #take(batch: LogBatch): void {
    if (batch.resetLog === true && batch.install !== undefined) this.log.reset(batch.install.zxid, batch.install)
    if (batch.truncateAfter !== undefined && batch.truncateAfter < this.log.last) {
      if (!this.log.holds(batch.truncateAfter)) {
        throw new Violation('D4', `truncation to ${batch.truncateAfter} on disk`)
      }
      this.log.truncate(batch.truncateAfter)
    }
    for (const entry of batch.entries ?? []) {
      if (entry.prevZxid !== this.log.last) {
        const text = `a hole on disk: ${entry.zxid} names ${entry.prevZxid}, the disk ends at ${this.log.last}`
        throw new Violation('D4', text)
      }
      const { zxid, prevZxid, hash1, hash2, bytes } = entry
      this.log.append({ zxid, prevZxid, hash1, hash2, bytes, txn: null })
    }
    if (batch.meta !== undefined) this.#setMeta(batch.meta)
    for (const { id, index, bytes } of batch.chunks ?? []) {
      // Of one that was begun before, nothing may be needed any more.
      if (index === 0) this.#keepChunks(this.base?.id)
      else if (!this.#chunks.has(`${id}/${index - 1}`)) {
        throw new Violation('D4', `chunk ${index} on disk, of a snapshot of which the one before is not there`)
      }
      this.#chunks.set(`${id}/${index}`, bytes)
    }
    if (batch.install !== undefined) this.#install(batch.install)
    if (batch.purgeThrough !== undefined) this.log.trim(batch.purgeThrough)
  }

  /** What is there now, for later. */
  copy(): SimDisk {
    const copy = new SimDisk()
    copy.meta = this.meta
    copy.base = this.base
    copy.damage = this.damage
    copy.log = this.copyLog()
    for (const [key, bytes] of this.#chunks) copy.#chunks.set(key, bytes)
    return copy
  }

  /** Its log now, for later. */
  copyLog(): Log {
    const { floor } = this.log
    return new Log(floor, this.log.chainAt(floor), this.entries())
  }

  /** Its log as a list. */
  entries(): LogEntry[] {
    return this.log.slice(this.log.floor, Number.MAX_SAFE_INTEGER as Zxid, Infinity)
  }

  /** Those of its snapshot, in order; none without one. */
  chunks(): Uint8Array[] {
    const { base } = this
    if (base === null) return []
    return Array.from({ length: base.chunks }, (_, index) => this.#chunks.get(`${base.id}/${index}`)!)
  }

  /**
   * Something rots, as the recovery of a storage finds it: nothing after an altered txn is used, without its snapshot a
   * log leads nowhere, and without the promises nothing is trusted. Says what is lost.
   */
  rot(dice: Random): 'txns' | 'snapshot' | 'promises' {
    const roll = dice.below(10)
    if (roll === 0) {
      this.#lose()
      this.meta = null
      this.damage = 'meta'
      return 'promises'
    }
    if (this.damage === 'none') this.damage = 'log'
    const entries = this.entries()
    const altered = entries[dice.below(Math.max(entries.length, 1))]
    if (this.base !== null && (roll < 4 || altered === undefined || altered.zxid <= this.base.zxid)) {
      this.#lose()
      return 'snapshot'
    }
    if (altered !== undefined) this.log.truncate(altered.prevZxid)
    return 'txns'
  }

  #lose(): void {
    this.base = null
    this.#chunks.clear()
    this.log = new Log(ZXID_ZERO, CHAIN_ZERO, [])
  }

  #setMeta(meta: Meta): void {
    const { meta: before } = this
    if (before !== null && (meta.acceptedEpoch < before.acceptedEpoch || meta.currentEpoch < before.currentEpoch)) {
      throw new Violation('D1', 'a promise on disk moved back')
    }
    if (meta.currentEpoch > meta.acceptedEpoch) throw new Violation('D1', 'currentEpoch above acceptedEpoch on disk')
    this.meta = meta
    this.damage = 'none'
  }

  #install(base: SnapshotBase): void {
    for (let i = 0; i < base.chunks; i++) {
      if (!this.#chunks.has(`${base.id}/${i}`)) throw new Violation('D6', 'a snapshot without all of its chunks')
    }
    this.#keepChunks(base.id)
    this.base = base
    this.leftOut = 0
    this.#strays.installed(base.id)
  }

  /** Those of this snapshot alone. */
  #keepChunks(id: number | undefined): void {
    for (const key of this.#chunks.keys()) if (!key.startsWith(`${id}/`)) this.#chunks.delete(key)
  }

  /** True when this image holds the txn, as an entry or under its snapshot. */
  holds(zxid: Zxid, hash1: number, hash2: number): boolean {
    const entry = this.log.entryAt(zxid)
    if (entry !== undefined) return entry.hash1 === hash1 && entry.hash2 === hash2
    return this.base !== null && this.base.zxid >= zxid
  }

  recover(codec: TxnCodec): RecoveredState {
    let tree = Tree.empty()
    if (this.base !== null) {
      const loader = new TreeLoader()
      for (const chunk of this.chunks()) loader.push(codec.decodeRows(chunk))
      tree = loader.finish()
      if (tree.zxid !== this.base.zxid) throw new Violation('D7', 'a snapshot of another zxid than its base')
    }
    const entries = this.entries()
    return { meta: this.meta, base: this.base, entries, damage: this.damage, tree }
  }
}
