import { ZXID_ZERO } from '../zxid.ts'
import type { Zxid } from '../zxid.ts'
import type { ZabContext } from './context.ts'

const UNBOUND = Infinity as Zxid

/** Of a peer whose disk was too slow for its leading. */
export interface Slowness {
  /** All that it had to write then; it stands again when that is written. */
  readonly ticket: number
  /**
   * What its votes name at most: for one that was established, what was on its disk. Others have committed more, so
   * whoever of them are a quorum elect one of theirs, however much it has proposed, and has written by then.
   */
  readonly zxid: Zxid
}

/** True for who was not too slow, and for who may stand again. */
export function mayStand(slow: Slowness | null, { journal, config }: ZabContext): boolean {
  return slow === null || journal.durableTicket >= slow.ticket || config.mutant === 'stalledStands'
}

/** What a vote names of a log that ends there. */
export function votedTail(slow: Slowness | null, tail: Zxid, { config }: ZabContext): Zxid {
  return slow === null || slow.zxid > tail || config.mutant === 'slowVotesItsTail' ? tail : slow.zxid
}

/** It follows somebody. If nothing comes of that, its tail may be needed. */
export function follows(slow: Slowness | null): Slowness | null {
  return slow === null ? null : { ticket: slow.ticket, zxid: UNBOUND }
}

/**
 * What a leader waits for on its own disk: its promise of the epoch, then the mark of it (rule R5), then what others
 * have committed without it. It gives way when that takes longer than it would wait for the disk of one that follows
 * it. But a candidate that was too slow before, and has not served since, waits on (`isPatient`): there may be nobody
 * else who can lead.
 */
export class OwnDisk {
  readonly #context: ZabContext
  readonly #isPatient: boolean
  #acceptedTicket = Infinity
  #currentTicket = Infinity
  /** Committed, and not on this disk when that was looked at last with nothing to wait for. */
  #owed: Zxid = ZXID_ZERO
  /** Since when the latest of them is on its way. */
  #sinceMs = Infinity

  constructor(context: ZabContext, isPatient: boolean) {
    this.#context = context
    this.#isPatient = isPatient
  }

  promises(ticket: number): void {
    this.#acceptedTicket = ticket
    this.#sinceMs = this.#context.now.ms
  }

  marks(ticket: number): void {
    this.#currentTicket = ticket
    this.#sinceMs = this.#context.now.ms
  }

  /** So much is committed. What comes while an earlier part is waited for begins to be waited for after that. */
  commits(zxid: Zxid): void {
    const { journal: { durableZxid }, now, config } = this.#context
    if (zxid <= durableZxid || durableZxid < this.#owed || config.mutant === 'hungLeads') return
    this.#owed = zxid
    this.#sinceMs = now.ms
  }

  /** The ticket of the promise: nobody is told of the epoch before it is written. */
  get acceptedTicket(): number { return this.#acceptedTicket }

  /** True from the end of discovery on. */
  get hasMark(): boolean { return this.#currentTicket !== Infinity }

  get isPromised(): boolean { return this.#context.journal.durableTicket >= this.#acceptedTicket }

  get isMarked(): boolean { return this.#context.journal.durableTicket >= this.#currentTicket }

  /** When it has taken too long; Infinity while there is nothing to wait for. */
  get #slowMs(): number {
    const { durableZxid } = this.#context.journal
    const isWritten = this.hasMark ? this.isMarked && durableZxid >= this.#owed : this.isPromised
    return isWritten ? Infinity : this.#sinceMs + this.#context.config.timing.syncMs
  }

  /** When the leader gives way, unless it is written before. */
  get deadlineMs(): number { return this.#isPatient && !this.isMarked ? Infinity : this.#slowMs }

  /** How it may stand again; null unless it has taken too long and is not written yet. */
  get slowness(): Slowness | null {
    const { now, journal } = this.#context
    if (now.ms < this.#slowMs) return null
    return { ticket: journal.ticket, zxid: this.isMarked ? journal.durableZxid : UNBOUND }
  }
}
