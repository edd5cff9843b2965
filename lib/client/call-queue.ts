import type { Outcome, Request } from '../core/tree/request.ts'
import { mayChange } from './outcomes.ts'

/** Turns an outcome into what the caller gets; a ZkError is thrown at him. */
export type Pick = (outcome: Outcome, request: Request) => unknown

/** A power of two, as every later size. */
const FIRST_SLOTS = 64
/** A call that so many connections did not survive may be what ends them: one too large for the server does. */
const LOSSES = 5

function emptySlots(count: number): (Call | undefined)[] {
  return Array.from({ length: count }, () => undefined)
}

/** One request on its way. */
export class Call {
  readonly request: Request
  readonly pick: Pick
  readonly resolve: (value: never) => void
  readonly reject: (error: Error) => void
  /** Given when it is sent; 0 before. */
  xid = 0
  /** Connections that ended after it was sent, and before it was answered. */
  losses = 0
  /** The caller has his answer already: he aborted. */
  isOver = false
  signal: AbortSignal | undefined
  onAbort: (() => void) | undefined

  constructor(request: Request, pick: Pick, resolve: (value: never) => void, reject: (error: Error) => void) {
    this.request = request
    this.pick = pick
    this.resolve = resolve
    this.reject = reject
  }
}

/**
 * Requests in order: first those that are sent and not answered, then those that wait. A ring, because replies come in
 * the order of the requests.
 */
export class CallQueue {
  #slots: (Call | undefined)[] = emptySlots(FIRST_SLOTS)
  #head = 0
  #size = 0
  /** How many of them, from the head on, were sent (or passed over because their caller aborted before). */
  #sent = 0
  /** How many of those that were not sent are over: their callers aborted. */
  #over = 0

  get size(): number {
    return this.#size
  }

  get sent(): number {
    return this.#sent
  }

  /** Without those that nobody waits for and that will not be sent. */
  get waiting(): number {
    return this.#size - this.#over
  }

  push(call: Call): void {
    if (this.#size === this.#slots.length) this.#grow()
    this.#slots[(this.#head + this.#size) & (this.#slots.length - 1)] = call
    this.#size += 1
  }

  /** Puts a call before all others; only while none is sent. */
  unshift(call: Call): void {
    if (this.#size === this.#slots.length) this.#grow()
    this.#head = (this.#head - 1) & (this.#slots.length - 1)
    this.#slots[this.#head] = call
    this.#size += 1
  }

  /** The oldest call leaves. */
  shift(): Call | undefined {
    if (this.#size === 0) return undefined
    const call = this.#slots[this.#head]
    this.#slots[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#slots.length - 1)
    this.#size -= 1
    if (this.#sent > 0) this.#sent -= 1
    return call
  }

  /** The next call that was not sent; it counts as sent from now on. */
  takeUnsent(): Call | undefined {
    if (this.#sent === this.#size) return undefined
    const call = this.#slots[(this.#head + this.#sent) & (this.#slots.length - 1)]
    this.#sent += 1
    if (call?.isOver === true) this.#over -= 1
    return call
  }

  /** The caller of a call that was not sent has aborted. They leave when they are more than the others. */
  passOver(): void {
    if (this.#sent === this.#size) return
    this.#over += 1
    if (this.#over < FIRST_SLOTS || this.#over * 2 < this.#size) return
    const sent = this.#sent
    const left = this.drain()
    for (const [index, call] of left.entries()) if (index < sent || !call.isOver) this.push(call)
    this.#sent = sent
  }

  /** Lets go of calls at the head that were passed over: no reply will come for them. */
  dropPassed(): void {
    while (this.#sent > 0 && this.#slots[this.#head]?.xid === 0) this.shift()
  }

  /**
   * The connection went: `fail` gets the writes that were sent, as nobody knows what became of them; all else is to be
   * sent again on the next connections, a few times. What belongs to one connection alone is forgotten.
   */
  lose(fail: (call: Call) => void): void {
    const sent = this.#sent
    for (const [index, call] of this.drain().entries()) {
      if (call.isOver || call.request.op === 101 || call.request.op === 105) continue
      if (index < sent) call.losses += 1
      if (index < sent && (mayChange(call.request) || call.losses === LOSSES)) {
        fail(call)
      } else {
        call.xid = 0
        this.push(call)
      }
    }
    // Whoever was told may have aborted others.
    this.#over = this.#slots.reduce((count, call) => count + (call?.isOver === true ? 1 : 0), 0)
  }

  /** Empties the queue. */
  drain(): Call[] {
    const calls: Call[] = []
    for (let call = this.shift(); call !== undefined; call = this.shift()) calls.push(call)
    this.#sent = 0
    this.#over = 0
    return calls
  }

  #grow(): void {
    const { length } = this.#slots
    const slots = emptySlots(length * 2)
    for (let i = 0; i < this.#size; i++) slots[i] = this.#slots[(this.#head + i) & (length - 1)]
    this.#slots = slots
    this.#head = 0
  }
}
