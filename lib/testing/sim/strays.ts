import type { Random } from '../../core/random.ts'
import type { Log } from '../../core/zab/log.ts'
import type { Zxid } from '../../core/zxid.ts'
import type { LogBatch } from '../../ports/storage.ts'
import type { SimDisk } from './disk.ts'

/** What the next start misses. */
export type Missed = 'nothing' | 'txns' | 'snapshot' | 'promises'

/** A record of the log that is not there. */
interface Hole {
  /** The log as it was before: nothing that was written later is reached any more. */
  readonly log: Log
  /** Once the log begins behind this, nobody needs the record. */
  readonly through: Zxid
}

/**
 * Writes of one disk that landed elsewhere: the disk said that they were written, so the process goes on as with a
 * sound one. The old content is still where they belong, and what they landed on is gone. Records, chunks and promises
 * say where they belong and have checksums, so the next start finds what is missing, unless what was written since made
 * it needless.
 */
export class Strays {
  #hole: Hole | null = null
  /** A snapshot of which a chunk is missing. */
  #snapshot: number | null = null
  #promises = false

  /** Something is missing that the next start will need. */
  get areThere(): boolean {
    return this.#hole !== null || this.#snapshot !== null || this.#promises
  }

  /** Before the disk takes this batch: it is the one that lands elsewhere. */
  stray(disk: SimDisk, batch: LogBatch, dice: Random): void {
    const { chunks = [], entries = [], install } = batch
    if (chunks.length > 0 && dice.below(2) === 0) this.#snapshot = chunks[0]!.id
    else if (this.#hole === null) {
      const through = entries[entries.length - 1]?.zxid ?? install?.zxid ?? disk.log.last
      this.#hole = { log: disk.copyLog(), through: entries.length > 0 ? through : (through + 1) as Zxid }
    }
    this.#overwrite(disk, dice)
  }

  /** It lands where nothing is, on another txn, on the snapshot, or on the promises. */
  #overwrite({ base, log }: SimDisk, dice: Random): void {
    const roll = dice.below(12)
    if (roll === 0) this.#promises = true
    else if (roll < 3) this.#snapshot ??= base?.id ?? null
    else if (roll < 6 && this.#hole !== null) {
      const { length } = log
      const entries = length === 0 ? [] : log.slice(log.floor, log.last, Infinity)
      const hit = entries[dice.below(Math.max(length, 1))]
      if (hit !== undefined && this.#hole.log.holds(hit.prevZxid)) this.#hole.log.truncate(hit.prevZxid)
    }
  }

  /** After the disk took a batch as it should be: what was written since may be all that is needed. */
  written({ log }: SimDisk, { resetLog, meta }: LogBatch): void {
    if (meta !== undefined) this.#promises = false
    if (resetLog === true || (this.#hole !== null && log.floor >= this.#hole.through)) this.#hole = null
  }

  /** The disk has this snapshot now, and forgets every other one. */
  installed(id: number): void {
    if (this.#snapshot !== id) this.#snapshot = null
  }

  /** What a start finds: the log as far as it goes, and what is gone altogether. */
  found({ base, log }: SimDisk): { readonly missed: Missed, readonly log: Log | null } {
    const [hole, isSnapshotLost] = [this.#hole, base !== null && base.id === this.#snapshot]
    const missed = this.#promises ? 'promises' : isSnapshotLost ? 'snapshot' : hole !== null ? 'txns' : 'nothing'
    this.#hole = null
    this.#snapshot = null
    this.#promises = false
    if (missed !== 'txns') return { missed, log: null }
    const before = hole!.log
    // What does not reach the snapshot leads nowhere.
    const begin = base?.zxid ?? log.floor
    if (before.last < Math.max(begin, log.floor)) before.reset(begin, base ?? log.chainAt(log.floor)!)
    else if (log.floor > before.floor) before.trim(log.floor)
    return { missed, log: before }
  }
}
