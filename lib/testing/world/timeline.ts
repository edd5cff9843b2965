import { Story } from './story.ts'
import type { WaitOptions } from './options.ts'
import { VirtualTime } from './time.ts'

const LIMIT_MS = 600_000

/** The time of a world, and what happens in it, as whoever waits for it has both. */
export class Timeline {
  readonly seed: number
  protected readonly time: VirtualTime = new VirtualTime()
  readonly #story: Story
  /** Tests that run: they tell what they throw when they end. */
  #runs = 0
  #failure: Error | null = null

  constructor(seed: number) {
    this.seed = seed
    this.#story = new Story(seed, this.time)
  }

  /** Virtual ms since the world began. */
  get nowMs(): number {
    return this.time.nowMs
  }

  /** Events so far: what the run cost. */
  get events(): number {
    return this.time.events
  }

  /** Of the whole run so far: equal for equal runs, and hardly ever for others. */
  get fingerprint(): number {
    return this.time.fingerprint
  }

  /** Lets so much time pass. */
  async advance(ms: number): Promise<void> {
    try {
      await this.time.wait(ms, () => false)
    } catch (error) {
      throw this.tell(error)
    }
  }

  /**
   * Lets time pass until the condition holds or the promise is settled, whose value it gives. Rejects as the promise
   * does, and when that takes longer than `limitMs`.
   */
  async until<T>(what: Promise<T> | (() => boolean), options: WaitOptions = {}): Promise<T | undefined> {
    try {
      return await this.#until(what, options.limitMs ?? LIMIT_MS)
    } catch (error) {
      throw this.tell(error)
    }
  }

  async #until<T>(what: Promise<T> | (() => boolean), limitMs: number): Promise<T | undefined> {
    let isDone = typeof what === 'function' ? what : () => false
    let value: T | undefined
    let failure: { readonly error: unknown } | null = null
    if (typeof what !== 'function') {
      let isSettled = false
      isDone = () => isSettled
      what.then((given) => { value = given }, (error: unknown) => { failure = { error } }).finally(() => {
        isSettled = true
      })
    }
    const isInTime = await this.time.wait(limitMs, isDone)
    if (failure !== null) throw (failure as { readonly error: unknown }).error
    if (!isInTime) throw new Error(`not within ${limitMs} ms of virtual time`)
    return value
  }

  /**
   * Runs a test in this world: time passes until it is over. An error that it throws, whatever it is, is told with the
   * seed that repeats it, and with what happened last; outside `run` that is so of errors that come from the world.
   */
  async run<T>(body: (world: this) => Promise<T>, options: WaitOptions = {}): Promise<T> {
    this.#runs += 1
    try {
      return await this.#until(body(this), options.limitMs ?? LIMIT_MS) as T
    } catch (error) {
      throw this.#story.tell(error)
    } finally {
      this.#runs -= 1
    }
  }

  /** What a test throws is told at its end: until then errors are as they are anywhere. */
  protected tell(error: unknown): unknown {
    return this.#runs > 0 ? error : this.#story.tell(error)
  }

  /** Adds a line to the story, and to the fingerprint. */
  note(text: string): void {
    this.#story.note(text)
  }

  /** The last faults, changes of roles and notes, one a line. */
  story(lines?: number): readonly string[] {
    return this.#story.last(lines)
  }

  /** What no fault explains: nothing happens any more. */
  protected fail(error: Error): void {
    this.#failure ??= error
    this.note(error.message)
    this.time.stop(error)
  }

  /** Nothing happens any more, and whoever waits for it is told. */
  protected end(): void {
    this.time.stop(this.#failure ?? new Error('the world was stopped'))
  }
}
