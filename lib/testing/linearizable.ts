import type { History, Operation } from './history.ts'
import { describeOperation } from './history-text.ts'
import type { Model } from './linearizable-models.ts'
import { LinearizationSearch } from './linearizable-search.ts'
import type { Budget } from './linearizable-search.ts'

/** How long `checkLinearizable` may take. */
export interface LinearizableOptions {
  /** Wall-clock ms, for all keys together; 10,000 when left out. It blocks the event loop while it searches. */
  readonly limitMs?: number
}

/** Where a history stops to be linearizable. */
export interface OffendingWindow<State, Input, Output> {
  readonly key: string
  /**
   * From the last moment at which no operation on the key was under way, or from the beginning, until the first one
   * that cannot have ended as it did. Earlier operations of unknown outcome, which may still take effect, come first.
   */
  readonly operations: History<Input, Output>
  /** The one whose end cannot be explained: the shortest history that is wrong ends with it. */
  readonly last: Operation<Input, Output>
  /** In which states the object may have been where the window begins; null when there was no time to find out. */
  readonly before: readonly State[] | null
}

/** What `checkLinearizable` found. */
export type LinearizableResult<State, Input, Output> =
  | { readonly ok: true, readonly verdict: 'linearizable', readonly checked: number }
  | {
    readonly ok: false, readonly verdict: 'violated', readonly checked: number
    readonly window: OffendingWindow<State, Input, Output>
    /** The window for people, one operation a line. */
    readonly told: string
  }
  /** There was not time enough. Nothing is known of the keys not named in `decided`; those were linearizable. */
  | { readonly ok: false, readonly verdict: 'undecided', readonly checked: number, readonly decided: readonly string[] }

const LIMIT_MS = 10_000
/** Looking at the clock costs more than a step. */
const STEPS_PER_LOOK = 256

class OutOfTime extends Error {
  override readonly name: string = 'OutOfTime'
}

class Deadline implements Budget {
  readonly #endMs: number
  #steps = 0

  constructor(limitMs: number) {
    this.#endMs = performance.now() + limitMs
  }

  spend(): void {
    this.#steps += 1
    if (this.#steps % STEPS_PER_LOOK === 0 && performance.now() > this.#endMs) throw new OutOfTime('out of time')
  }
}

/**
 * Decides whether a history can be explained by operations that each took effect at once, at some moment between their
 * beginning and their end, one after the other, on objects that do what the model says. Operations of unknown outcome
 * may take effect at any time after their beginning, or never; those that failed are left out.
 *
 * Keys are judged one by one, which is right as long as no operation touches two. The answer is exact in both
 * directions for the model given, which must be deterministic; when it takes longer than `limitMs`, which it may where
 * dozens of operations on one key overlap or have unknown outcomes, it is `undecided` and `ok` is false.
 *
 * Source: J. M. Wing, C. Gong, "Testing and verifying concurrent objects"; G. Lowe, "Testing for linearizability".
 */
export function checkLinearizable<State, Input, Output>(
  history: History<Input, Output>, model: Model<State, Input, Output>, options: LinearizableOptions = {},
): LinearizableResult<State, Input, Output> {
  const { limitMs = LIMIT_MS } = options
  if (!(limitMs > 0)) throw new TypeError('limitMs must be above 0')
  const deadline = new Deadline(limitMs)
  const decided: string[] = []
  let isLate = false
  let checked = 0
  for (const [key, operations] of byKey(history)) {
    try {
      checked += operations.length
      const whole = new LinearizationSearch(model, operations, deadline)
      if (whole.order(model.initial(key)) === null) {
        const window = findWindow(key, operations, model, limitMs)
        return { ok: false, verdict: 'violated', checked, window, told: tell(window) }
      }
      decided.push(key)
    } catch (error) {
      if (!(error instanceof OutOfTime)) throw error
      // The keys that follow get a look all the same, as far as it costs nothing: a violation is worth more than time.
      isLate = true
    }
  }
  return isLate ? { ok: false, verdict: 'undecided', checked, decided } : { ok: true, verdict: 'linearizable', checked }
}

function byKey<Input, Output>(history: History<Input, Output>): Map<string, Operation<Input, Output>[]> {
  const keys = new Map<string, Operation<Input, Output>[]>()
  for (const operation of history) {
    if (operation.outcome === 'failed') continue
    const operations = keys.get(operation.key)
    if (operations === undefined) keys.set(operation.key, [operation])
    else operations.push(operation)
  }
  for (const operations of keys.values()) operations.sort((one, other) => one.invoked - other.invoked)
  return keys
}

/** What was known at a moment: what began later has not begun, what ended later has an unknown outcome. */
function until<Input, Output>(
  operations: readonly Operation<Input, Output>[], at: number,
): Operation<Input, Output>[] {
  return operations.filter(({ invoked }) => invoked <= at).map((operation): Operation<Input, Output> =>
    operation.returned === null || operation.returned <= at ? operation
      : { ...operation, outcome: 'unknown', returned: null, returnedMs: null })
}

/** Of a history of one key that is not linearizable. A history that is wrong stays so, however it goes on. */
function findWindow<State, Input, Output>(
  key: string, operations: readonly Operation<Input, Output>[], model: Model<State, Input, Output>, limitMs: number,
): OffendingWindow<State, Input, Output> {
  const ended = operations.filter(({ returned }) => returned !== null)
    .toSorted((one, other) => one.returned! - other.returned!)
  let good = -1
  let bad = ended.length - 1
  const deadline = new Deadline(limitMs)
  const start = model.initial(key)
  try {
    while (bad - good > 1) {
      const middle = (good + bad) >> 1
      const part = until(operations, ended[middle]!.returned!)
      if (new LinearizationSearch(model, part, deadline).order(start) === null) bad = middle
      else good = middle
    }
  } catch (error) {
    if (!(error instanceof OutOfTime)) throw error
  }
  const last = ended[bad]!
  const upTo = until(operations, last.returned!)
  const cut = lastRest(operations, last)
  if (cut < 0) return { key, operations: upTo, last, before: [start] }
  // What has no end may still take effect, and is part of what follows.
  const later = upTo.filter(({ invoked, returned }) => returned === null || invoked > cut)
  try {
    const search = new LinearizationSearch(model, until(operations, cut), deadline)
    return { key, operations: later, last, before: search.states(start) }
  } catch (error) {
    if (!(error instanceof OutOfTime)) throw error
    return { key, operations: later, last, before: null }
  }
}

/** The last moment before the operation at which none was under way but those that never end; -1 if there is none. */
function lastRest(operations: readonly Operation[], last: Operation): number {
  let cut = -1
  let lastEnd = -1
  for (const { invoked, returned } of operations) {
    if (invoked > last.invoked) break
    if (returned === null) continue
    if (invoked > lastEnd) cut = lastEnd
    lastEnd = Math.max(lastEnd, returned)
  }
  return cut
}

function tell<State, Input, Output>(window: OffendingWindow<State, Input, Output>): string {
  const { key, operations, last, before } = window
  const states = before === null ? 'a state that there was no time to find out'
    : before.map((state) => JSON.stringify(state)).join(' or ')
  return [
    `${key} is not linearizable: nothing explains how the last of these ended. Before them it was ${states}.`,
    ...operations.filter(({ invoked }) => invoked !== last.invoked).map((each) => `  ${describeOperation(each)}`),
    `  ${describeOperation(last)}  <- this one`,
  ].join('\n')
}
