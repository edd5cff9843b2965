import { epochOf } from '../../core/zxid.ts'
import type { Zxid } from '../../core/zxid.ts'
import type { Watched } from './ghost.ts'

/** One txn as somebody logged it: by its bytes, whatever came before it. */
export interface Logged {
  readonly zxid: Zxid
  readonly text: string
}

/** One life of a server, from its start to its crash. */
export interface Life {
  readonly server: number
  readonly name: string
  /** What it delivered, in order. */
  readonly delivered: Logged[]
}

/** A server leads an epoch. */
export interface Reign {
  readonly epoch: number
  readonly by: string
  /** Its log when its epoch was established, and what anybody had delivered then; null before. */
  initial: { readonly log: readonly Logged[], readonly delivered: readonly Logged[] } | null
  /** What it proposed, and what it had delivered before the first of these. */
  readonly proposed: Logged[]
  before: readonly Logged[]
}

/** A server marks an epoch as its own. */
export interface Mark {
  readonly epoch: number
  readonly by: string
  readonly log: readonly Logged[]
}

/** A server drops the end of its log. */
export interface Cut {
  readonly by: string
  readonly removed: readonly Logged[]
  /** What anybody had delivered then. */
  readonly delivered: readonly Logged[]
}

/** All that the formulas of the protocol speak of, as it happened. */
export interface History {
  readonly lives: readonly Life[]
  readonly reigns: readonly Reign[]
  readonly marks: readonly Mark[]
  readonly cuts: readonly Cut[]
}

interface Own extends Life {
  readonly log: (Logged & { readonly hash1: number, readonly hash2: number })[]
  currentEpoch: number
  reign: Reign | null
}

/**
 * Writes down what a short run comes to, for the naive check at its end (see naive.ts): from the logs and trees of the
 * servers alone, without a word from the checkers that work step by step. Logs must be whole: no snapshot, no purge.
 */
export class Chronicle implements History {
  readonly lives: Own[] = []
  readonly reigns: Reign[] = []
  readonly marks: Mark[] = []
  readonly cuts: Cut[] = []
  readonly #current = new Map<number, Own>()
  /** False once a log did not begin at its beginning. */
  isWhole = true

  /** After a step of this server. */
  observe(server: Watched): void {
    const { replica } = server
    const { log, meta } = replica.journal
    if (log.floor !== 0) this.isWhole = false
    if (!this.isWhole) return
    const life = this.#lifeOf(server)
    this.#readLog(life, server)
    for (let at = life.delivered.length; (life.log[at]?.zxid ?? Infinity) <= replica.tree.zxid; at++) {
      life.delivered.push(life.log[at]!)
    }
    this.#readReign(life, server)
    if (meta.currentEpoch === life.currentEpoch) return
    life.currentEpoch = meta.currentEpoch
    this.marks.push({ epoch: meta.currentEpoch, by: life.name, log: [...life.log] })
  }

  /** Nothing is left of that epoch: the ensemble is founded anew, with the same numbers. */
  undo(undone: number): void {
    const isOther = ({ epoch }: { readonly epoch: number }): boolean => epoch !== undone
    this.reigns.splice(0, Infinity, ...this.reigns.filter(isOther))
    this.marks.splice(0, Infinity, ...this.marks.filter(isOther))
  }

  #lifeOf({ id, incarnation, replica }: Watched): Own {
    const name = `${id}/${incarnation}`
    const known = this.#current.get(id)
    if (known?.name === name) return known
    const { currentEpoch } = replica.journal.meta
    const life: Own = { server: id, name, delivered: [], log: [], currentEpoch, reign: null }
    this.#current.set(id, life)
    this.lives.push(life)
    return life
  }

  #readLog(life: Own, { replica: { journal: { log } } }: Watched): void {
    const removed: Logged[] = []
    for (let last = life.log.at(-1); last !== undefined; last = life.log.at(-1)) {
      const chain = log.chainAt(last.zxid)
      if (chain?.hash1 === last.hash1 && chain.hash2 === last.hash2) break
      removed.push(life.log.pop()!)
    }
    if (removed.length > 0) this.cuts.push({ by: life.name, removed, delivered: this.#delivered() })
    for (let next = log.zxidAfter(life.log.at(-1)?.zxid ?? 0 as Zxid); next !== null; next = log.zxidAfter(next)) {
      const { zxid, bytes, hash1, hash2 } = log.entryAt(next)!
      life.log.push({ zxid, text: `${zxid}:${bytes.join()}`, hash1, hash2 })
    }
  }

  #readReign(life: Own, { replica: { leader } }: Watched): void {
    if (leader !== null && leader.phase !== 'discovery' && life.reign?.epoch !== leader.epoch) {
      life.reign = { epoch: leader.epoch, by: life.name, initial: null, proposed: [], before: [] }
      this.reigns.push(life.reign)
    }
    const { reign } = life
    if (reign === null) return
    const own = life.log.filter(({ zxid }) => epochOf(zxid) === reign.epoch)
    if (reign.initial === null && (leader?.active === true || own.length > 0)) {
      reign.initial = { log: life.log.filter(({ zxid }) => epochOf(zxid) < reign.epoch), delivered: this.#delivered() }
    }
    if (reign.proposed.length === 0 && own.length > 0) {
      reign.before = life.delivered.filter(({ zxid }) => epochOf(zxid) < reign.epoch)
    }
    for (const entry of own.slice(reign.proposed.length)) reign.proposed.push(entry)
  }

  /** The longest of what anybody has delivered. */
  #delivered(): readonly Logged[] {
    let longest: readonly Logged[] = []
    for (const { delivered } of this.lives) if (delivered.length > longest.length) longest = delivered
    return [...longest]
  }
}
