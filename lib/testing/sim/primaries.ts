import { ZXID_ZERO, epochOf, formatZxid } from '../../core/zxid.ts'
import type { Zxid } from '../../core/zxid.ts'
import { CHAIN_ZERO } from '../../core/zab/chain.ts'
import type { Chain } from '../../core/zab/chain.ts'
import type { Log, LoggedTxn } from '../../core/zab/log.ts'
import type { Watched } from './ghost.ts'
import { Violation } from './violation.ts'

/** One txn by its place and its history. */
export interface Point extends Chain {
  readonly zxid: Zxid
}

interface Primary {
  /** It, and what ran on it; something else or nothing once it is gone. */
  readonly server: Watched
  readonly replica: Watched['replica']
  /** The same server restarted is another primary. */
  readonly id: number
  readonly incarnation: number
  /** End of the initial history of its epoch. */
  readonly end: Zxid
  readonly chain: Readonly<Chain>
  active: boolean
}

interface Seen {
  readonly incarnation: number
  /** Up to here its log was compared with what was proposed. */
  verified: Zxid
  currentEpoch: number
}

/** Whom the primaries tell. */
export interface PrimaryEvents {
  /** An epoch is established. */
  led(server: Watched, epoch: number): void
  /** What was said of this epoch so far is of another one, of which nothing is left. */
  undone(epoch: number): void
  /** The primary of its epoch has logged a txn first. */
  proposed(server: Watched, entry: LoggedTxn): void
}

/** Who led which epoch and proposed what; checks P1, P3, P8, P9, P10, P11, P12, P14 and P15 of the correctness plan. */
export class Primaries {
  readonly #primaries = new Map<number, Primary>()
  readonly #proposed = new Map<Zxid, Readonly<Chain>>()
  readonly #seen = new Map<number, Seen>()
  readonly #servers = new Map<number, Watched>()
  readonly #told: PrimaryEvents
  /** The highest epoch that was established. */
  #established = 0

  constructor(told: PrimaryEvents) {
    this.#told = told
  }

  get epochs(): number {
    return this.#primaries.size
  }

  /**
   * Whoever led that epoch is gone, none was ever established, and no other server knows of any, as disks were lost:
   * the ensemble is founded anew, with the same numbers.
   */
  #isUndone({ server, replica }: Primary, by: Watched): boolean {
    if (this.#established > 0 || server.replica === replica) return false
    return Array.from(this.#servers.values()).every((other) => other.id === by.id ||
      ((other.disk.meta?.currentEpoch ?? 0) === 0 && epochIn(other) === 0))
  }

  /** After a step of a server; `last` is the newest delivered txn, its own deliveries of the step included. */
  observe(server: Watched, last: Point | undefined): void {
    const { leader } = server.replica
    this.#servers.set(server.id, server)
    if (leader !== null && leader.phase !== 'discovery') this.#primary(server, leader.epoch, leader.active, last)
    this.#checkLog(server)
  }

  #primary(server: Watched, epoch: number, active: boolean, last: Point | undefined): void {
    const { id, incarnation, replica } = server
    let primary = this.#primaries.get(epoch)
    const isOther = primary !== undefined && (primary.id !== id || primary.incarnation !== incarnation)
    if (primary !== undefined && isOther && this.#isUndone(primary, server)) {
      this.#told.undone(epoch)
      primary = undefined
    }
    if (primary === undefined) {
      const { log } = replica.journal
      this.#checkHistory(server, epoch, last)
      // A leader alone can pass discovery, activate and propose in one step; then its history ends before its epoch.
      const first = log.slice(log.floor, log.last, Infinity).find((entry) => epochOf(entry.zxid) === epoch)
      const end = first?.prevZxid ?? log.last
      const chain = log.chainAt(end)
      if (chain === null) throw new Violation('P9', `the history of epoch ${epoch} has no chain`)
      const { hash1, hash2 } = chain
      primary = { server, replica, id, incarnation, end, chain: { hash1, hash2 }, active: false }
      this.#primaries.set(epoch, primary)
    } else if (isOther) {
      const other = `${primary.id}/${primary.incarnation}`
      throw new Violation('P1', `epoch ${epoch} is led by ${other} and by ${id}/${incarnation}`)
    }
    if (replica.journal.meta.currentEpoch !== epoch) {
      throw new Violation('P16', `server ${id} leads ${epoch}, is of another`)
    }
    if (!active || primary.active) return
    primary.active = true
    if (last !== undefined && epochOf(last.zxid) < epoch && replica.tree.zxid < last.zxid) {
      throw new Violation('P14', `epoch ${epoch} is established without the delivered ${formatZxid(last.zxid)}`)
    }
    if (epoch > this.#established) this.#established = epoch
    this.#told.led(server, epoch)
  }

  /**
   * P12: everything delivered; P9: the initial history of the last established epoch. Both before this epoch: a leader
   * with a slow disk may come so far by acks from before a later epoch, and after that one delivered txns.
   */
  #checkHistory(server: Watched, epoch: number, last: Point | undefined): void {
    const { log } = server.replica.journal
    const holds = (zxid: Zxid, chain: Readonly<Chain>): boolean => {
      const own = log.chainAt(zxid)
      return own === null ? log.floor >= zxid : own.hash1 === chain.hash1 && own.hash2 === chain.hash2
    }
    if (last !== undefined && epochOf(last.zxid) < epoch && !holds(last.zxid, last)) {
      throw new Violation('P12', `server ${server.id} leads without ${formatZxid(last.zxid)}`)
    }
    const established = this.#primaries.get(this.#established)
    if (established !== undefined && this.#established < epoch && !holds(established.end, established.chain)) {
      throw new Violation('P9', `server ${server.id} leads without the history of epoch ${this.#established}`)
    }
  }

  /** P3, P11: whatever is in a log was proposed by the primary of its epoch, with this very history before it. */
  #checkLog(server: Watched): void {
    const { id, incarnation, replica } = server
    const { log, meta } = replica.journal
    let seen = this.#seen.get(id)
    if (seen === undefined || seen.incarnation !== incarnation) {
      seen = { incarnation, verified: 0 as Zxid, currentEpoch: meta.currentEpoch }
      this.#seen.set(id, seen)
    }
    if (log.last < seen.verified) seen.verified = log.last
    if (log.last !== seen.verified) {
      const { last } = log
      for (let next = log.zxidAfter(seen.verified); next !== null;) {
        this.#checkLogged(server, log, next)
        next = next === last ? null : log.zxidAfter(next)
      }
      seen.verified = last
    }
    if (meta.currentEpoch === seen.currentEpoch) return
    seen.currentEpoch = meta.currentEpoch
    this.#checkEpoch(server)
  }

  #checkLogged(server: Watched, log: Log, zxid: Zxid): void {
    const { hash1, hash2 } = log.chainAt(zxid)!
    const proposed = this.#proposed.get(zxid)
    if (proposed === undefined) {
      // It may have proposed and resigned within one step.
      const primary = this.#primaries.get(epochOf(zxid))
      if (primary?.id !== server.id || primary.incarnation !== server.incarnation) {
        throw new Violation('P3', `server ${server.id} logged ${formatZxid(zxid)}, which no primary proposed`)
      }
      this.#proposed.set(zxid, { hash1, hash2 })
      this.#told.proposed(server, log.entryAt(zxid)!)
    } else if (proposed.hash1 !== hash1 || proposed.hash2 !== hash2) {
      throw new Violation('P11', `server ${server.id} logged another ${formatZxid(zxid)} than its primary proposed`)
    }
  }

  /** P15: who marks an epoch holds its initial history, or that and some of its proposals. */
  #checkEpoch(server: Watched): void {
    const { id, incarnation, replica } = server
    const { log, meta } = replica.journal
    const primary = this.#primaries.get(meta.currentEpoch)
    if (primary === undefined) {
      // A follower is told by a leader that was seen here; a leader may have passed discovery and resigned in one step.
      const { hash1, hash2 } = log.lastChain
      const led = { server, replica, id, incarnation, end: log.last, chain: { hash1, hash2 }, active: false }
      this.#primaries.set(meta.currentEpoch, led)
      return
    }
    if (epochOf(log.last) === meta.currentEpoch) return
    const { hash1, hash2 } = log.lastChain
    if (log.last !== primary.end || hash1 !== primary.chain.hash1 || hash2 !== primary.chain.hash2) {
      const end = formatZxid(log.last)
      throw new Violation('P15', `server ${id} marks epoch ${meta.currentEpoch} with its log at ${end}`)
    }
  }

  /** P8: a primary has delivered all of the lower epochs before it broadcasts, so nothing of them comes later. */
  checkDelivered(zxid: Zxid, chain: Readonly<Chain>, last: Point | undefined): void {
    if (epochOf(zxid) < this.#established) {
      throw new Violation('P8', `${formatZxid(zxid)} was delivered after epoch ${this.#established} was established`)
    }
    if (last === undefined || epochOf(last.zxid) < epochOf(zxid)) this.#checkBegun(zxid, last)
    const proposed = this.#proposed.get(zxid)
    if (proposed !== undefined && (proposed.hash1 !== chain.hash1 || proposed.hash2 !== chain.hash2)) {
      throw new Violation('P3', `another ${formatZxid(zxid)} was delivered than was proposed`)
    }
  }

  /** P10: the first txn of an epoch comes right after the initial history of that epoch. */
  #checkBegun(zxid: Zxid, last: Point | undefined): void {
    const primary = this.#primaries.get(epochOf(zxid))
    // One that proposed and resigned within one step was not seen where its history ended.
    if (primary === undefined || epochOf(primary.end) === epochOf(zxid)) return
    const { hash1, hash2 } = last ?? CHAIN_ZERO
    if ((last?.zxid ?? ZXID_ZERO) !== primary.end || hash1 !== primary.chain.hash1 || hash2 !== primary.chain.hash2) {
      const [here, end] = [formatZxid(zxid), formatZxid(primary.end)]
      throw new Violation('P10', `${here} was delivered, and not the history of its epoch to ${end} right before it`)
    }
  }
}

/** The epoch that it has marked in its memory; 0 when nothing runs on it. */
function epochIn({ replica }: { readonly replica: Watched['replica'] | null }): number {
  return replica?.journal.meta.currentEpoch ?? 0
}
