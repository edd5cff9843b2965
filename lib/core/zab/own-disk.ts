import type { ZabContext } from './context.ts'

/**
 * What a candidate waits for on its own disk: its promise of the epoch, then the mark of it (rule R5). It gives way
 * when that takes longer than it would wait for the disk of one that follows it. But one that was too slow before, and
 * has not served since, waits on (`isPatient`): there may be nobody else who can lead.
 */
export class OwnDisk {
  readonly #context: ZabContext
  readonly #isPatient: boolean
  #acceptedTicket = Infinity
  #currentTicket = Infinity
  /** Since when the later of them is on its way. */
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

  /** The ticket of the promise: nobody is told of the epoch before it is written. */
  get acceptedTicket(): number { return this.#acceptedTicket }

  /** True from the end of discovery on. */
  get hasMark(): boolean { return this.#currentTicket !== Infinity }

  get isPromised(): boolean { return this.#context.journal.durableTicket >= this.#acceptedTicket }

  get isMarked(): boolean { return this.#context.journal.durableTicket >= this.#currentTicket }

  /** When it has taken too long; Infinity while there is nothing to wait for. */
  get #slowMs(): number {
    const isWritten = this.hasMark ? this.isMarked : this.isPromised
    return isWritten ? Infinity : this.#sinceMs + this.#context.config.timing.syncMs
  }

  /** When the candidate gives way, unless it is written before. */
  get deadlineMs(): number { return this.#isPatient ? Infinity : this.#slowMs }

  /** True when it has taken too long and is not written yet. */
  get isSlow(): boolean { return this.#context.now.ms >= this.#slowMs }
}
