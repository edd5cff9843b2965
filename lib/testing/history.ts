/** How an operation ended: it happened and gave its output; it certainly did not happen; nobody knows. */
export type OperationOutcome = 'ok' | 'failed' | 'unknown'

/** One operation of a history. */
export interface Operation<Input = unknown, Output = unknown> {
  /** Who did it. */
  readonly process: string
  /** The object on which it was done. Different keys are different objects: no operation may touch two. */
  readonly key: string
  readonly input: Input
  readonly outcome: OperationOutcome
  /** What it gave; present when the outcome is `ok`. */
  readonly output?: Output
  /** Its place in the order in which all operations of the history began and ended: unique, from 0. */
  readonly invoked: number
  /** Likewise; null when the outcome is unknown, since it may then take effect at any later time, or never. */
  readonly returned: number | null
  /** When it began and ended, in ms of the recorder's clock: to be read by people, no verdict depends on it. */
  readonly invokedMs: number
  readonly returnedMs: number | null
}

/** What was done, ordered by when it began. */
export type History<Input = unknown, Output = unknown> = readonly Operation<Input, Output>[]

/** An operation under way: exactly one of these ends it, a second one throws. */
export interface Invocation<Output> {
  /** It happened, and gave this. An error that tells of the object's state (no such node, another version) is one. */
  ok(output: Output): void
  /** It certainly did not happen, and will not. */
  failed(): void
  /** Nobody knows: it may have happened, may happen later, or never will. */
  unknown(): void
}

/** How `HistoryRecorder.record` tells what an error means. */
export interface RecordOptions<Output> {
  /**
   * Called with what the operation threw: `{ output }` when that is an answer, `'failed'` when it certainly did not
   * happen. Anything else, or no such function, and the outcome is unknown: the only safe guess.
   */
  readonly onError?: (error: unknown) => { readonly output: Output } | 'failed' | 'unknown'
}

interface Entry<Input, Output> {
  readonly process: string
  readonly key: string
  readonly input: Input
  readonly invoked: number
  readonly invokedMs: number
  end: { readonly outcome: OperationOutcome, readonly output?: Output, readonly at: number, readonly ms: number } | null
}

/**
 * Notes who asked for what, when, and what came of it: of any system whose clients can be called from one process.
 *
 *   const recorder = new HistoryRecorder<string, string>()
 *   await recorder.record('worker 1', 'x', 'read', () => read('x'))
 *   const result = checkLinearizable(recorder.history(), model)
 *
 * The order in which operations began and ended is that of the calls to one recorder, not that of a clock: two
 * recorders' histories cannot be merged. What is still under way when `history` is asked for counts as unknown, which
 * is right for the calls of programs that were killed.
 */
export class HistoryRecorder<Input = unknown, Output = unknown> {
  readonly #entries: Entry<Input, Output>[] = []
  readonly #now: () => number
  #moments = 0

  /** `now` gives the ms to note, of a virtual clock for example; `performance.now` when left out. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** Operations so far, under way or not. */
  get size(): number {
    return this.#entries.length
  }

  /** An operation begins: to be called before anything of it can have happened. */
  invoke(process: string, key: string, input: Input): Invocation<Output> {
    const invoked = this.#moments++
    const entry: Entry<Input, Output> = { process, key, input, invoked, invokedMs: this.#now(), end: null }
    this.#entries.push(entry)
    const end = (outcome: OperationOutcome, given: { readonly output?: Output }): void => {
      if (entry.end !== null) throw new Error(`the operation of ${process} on ${key} has ended already`)
      entry.end = { outcome, ...given, at: this.#moments++, ms: this.#now() }
    }
    return { ok: (output) => end('ok', { output }), failed: () => end('failed', {}), unknown: () => end('unknown', {}) }
  }

  /** Does it, notes how it ended, and resolves or rejects as it does. */
  async record(
    process: string, key: string, input: Input, work: () => Promise<Output>, options: RecordOptions<Output> = {},
  ): Promise<Output> {
    const invocation = this.invoke(process, key, input)
    let output: Output
    try {
      output = await work()
    } catch (error) {
      const meaning = options.onError?.(error) ?? 'unknown'
      if (meaning === 'failed') invocation.failed()
      else if (meaning === 'unknown') invocation.unknown()
      else invocation.ok(meaning.output)
      throw error
    }
    invocation.ok(output)
    return output
  }

  /** All so far, in the order in which they began. Values are those that were given, not copies. */
  history(): History<Input, Output> {
    return this.#entries.map(({ end, ...begin }): Operation<Input, Output> => {
      if (end === null) return { ...begin, outcome: 'unknown', returned: null, returnedMs: null }
      const { outcome, at, ms, ...given } = end
      return { ...begin, outcome, ...given, returned: outcome === 'unknown' ? null : at, returnedMs: ms }
    })
  }
}
