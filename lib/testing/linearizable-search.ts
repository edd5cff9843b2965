import type { Operation } from './history.ts'
import type { Model } from './linearizable-models.ts'

/** Ends a search that takes too long. */
export interface Budget {
  /** Called for every operation tried; throws when it is spent. */
  spend(): void
}

/** An operation that begins, or one that ends, in a list in the order of time. */
interface Event {
  readonly at: number
  /** Its operation's number. */
  readonly index: number
  readonly isCall: boolean
  /** The end of a call's operation; null when that is unknown. */
  end: Event | null
  previous: Event | null
  next: Event | null
}

interface Taken<State> {
  readonly event: Event
  /** Before it. */
  readonly state: State
}

const HEAD = -1
const WORD_BITS = 16

/**
 * The search of Wing and Gong, as Lowe made it fast: take a call that is not preceded by the end of another, see
 * whether the model gives what was given, lift both ends out of the list and go on; where an end stands in the way,
 * take the last choice back. A set of operations that led to a state once is not tried again. Operations of unknown
 * outcome have no end: they may be taken anywhere after their call, and need not be.
 */
export class LinearizationSearch<State, Input, Output> {
  readonly #model: Model<State, Input, Output>
  readonly #operations: readonly Operation<Input, Output>[]
  readonly #head: Event
  readonly #budget: Budget
  readonly #seen = new Set<string>()
  readonly #taken: Taken<State>[] = []
  /** One bit for each operation that was taken. */
  readonly #words: Uint16Array
  #endsLeft = 0

  /** Of one key; those that failed must be left out. */
  constructor(
    model: Model<State, Input, Output>, operations: readonly Operation<Input, Output>[], budget: Budget,
  ) {
    this.#model = model
    this.#operations = operations
    this.#budget = budget
    this.#words = new Uint16Array(Math.ceil(operations.length / WORD_BITS))
    this.#head = { at: HEAD, index: HEAD, isCall: false, end: null, previous: null, next: null }
    this.#link()
  }

  #link(): void {
    const events: Event[] = []
    this.#operations.forEach(({ invoked, returned, outcome }, index) => {
      const call: Event = { at: invoked, index, isCall: true, end: null, previous: null, next: null }
      events.push(call)
      if (returned === null || outcome === 'unknown') return
      call.end = { at: returned, index, isCall: false, end: null, previous: null, next: null }
      events.push(call.end)
      this.#endsLeft += 1
    })
    let last = this.#head
    for (const event of events.sort((one, other) => one.at - other.at)) {
      last.next = event
      event.previous = last
      last = event
    }
  }

  /**
   * An order that explains everything, as numbers of operations: those of unknown outcome that are in it happened. Null
   * when there is none. May be called once.
   */
  order(initial: State): readonly number[] | null {
    let order: readonly number[] | null = null
    this.#search(initial, () => {
      order = this.#taken.map(({ event }) => event.index)
      return true
    })
    return order
  }

  /** Every state in which the object may be after all of it. May be called once. */
  states(initial: State): readonly State[] {
    const states = new Map<string, State>()
    this.#search(initial, (state) => {
      states.set(this.#identify(state), state)
      return false
    })
    return [...states.values()]
  }

  /** Calls `onFound` for each way to have everything explained, until it says that this is enough. */
  #search(initial: State, onFound: (state: State) => boolean): void {
    let state = initial
    if (this.#endsLeft === 0 && onFound(state)) return
    let event = this.#head.next
    for (;;) {
      if (event?.isCall === true) {
        const next = this.#try(event, state)
        if (next === null) {
          event = event.next
          continue
        }
        this.#taken.push({ event, state })
        this.#lift(event)
        state = next.state
        if (this.#endsLeft === 0 && onFound(state)) return
        event = this.#head.next
        continue
      }
      const back = this.#taken.pop()
      if (back === undefined) return
      this.#unlift(back.event)
      state = back.state
      event = back.event.next
    }
  }

  /** The state after the operation; null when it cannot come now, or this was tried. */
  #try(call: Event, state: State): { readonly state: State } | null {
    this.#budget.spend()
    const operation = this.#operations[call.index]!
    const next = this.#model.apply(state, operation.input)
    if (call.end === null) {
      // One of unknown outcome that changes nothing explains nothing.
      if (this.#identify(next.state) === this.#identify(state)) return null
    } else if (!this.#agrees(operation.output as Output, next.output)) {
      return null
    }
    const word = Math.floor(call.index / WORD_BITS)
    const bit = 1 << (call.index % WORD_BITS)
    this.#words[word]! |= bit
    const key = `${String.fromCharCode(...this.#words)}${this.#identify(next.state)}`
    if (this.#seen.has(key)) {
      this.#words[word]! &= ~bit
      return null
    }
    this.#seen.add(key)
    return next
  }

  #agrees(given: Output, due: Output): boolean {
    const { agrees } = this.#model
    return agrees === undefined ? JSON.stringify(given) === JSON.stringify(due) : agrees(given, due)
  }

  #identify(state: State): string {
    const { identify } = this.#model
    return identify === undefined ? JSON.stringify(state) ?? '' : identify(state)
  }

  #lift(call: Event): void {
    unlink(call)
    if (call.end === null) return
    unlink(call.end)
    this.#endsLeft -= 1
  }

  #unlift(call: Event): void {
    this.#words[Math.floor(call.index / WORD_BITS)]! &= ~(1 << (call.index % WORD_BITS))
    if (call.end !== null) {
      relink(call.end)
      this.#endsLeft += 1
    }
    relink(call)
  }
}

function unlink(event: Event): void {
  event.previous!.next = event.next
  if (event.next !== null) event.next.previous = event.previous
}

/** Where it was: its neighbours are those of when it was taken out. */
function relink(event: Event): void {
  event.previous!.next = event
  if (event.next !== null) event.next.previous = event
}
