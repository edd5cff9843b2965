import { makeRandom } from '../../lib/core/random.ts'
import type { Random } from '../../lib/core/random.ts'
import type { Coverage } from './coverage.ts'
import { mutated, pick } from './mutate.ts'
import type { Runner, Target } from './target.ts'

/** What must not have happened. */
export interface Failure {
  readonly target: string
  readonly kind: 'error' | 'slow' | 'memory'
  readonly text: string
  readonly input: Uint8Array
}

/** How a fuzzer works. */
export interface FuzzerOptions {
  readonly target: Target
  readonly seed: number
  /** Guides by blocks of the code; without it by the words of the target alone. */
  readonly coverage: Coverage | null
  /** What one input may take of the processor; 400 ms. */
  readonly slowMs?: number
  /** Told of each input before it is run. */
  readonly onInput?: (input: Uint8Array) => void
  readonly onFailure: (failure: Failure) => void
}

const LONGEST_BYTES = 8 * 1024
/** Inputs between two looks at the coverage. */
const BATCH = 128
const BATCH_MS = 500
/** A target with more words than that says too much to be guided by them. */
const WORDS_MAX = 5_000
/** One input may take so much time of the processor ... */
const SLOW_MS = 400
/** ... and a batch that took so many times as long is looked at input by input. */
const SLOW_BATCH = 3
/** One input may make so much memory, besides a multiple of its own length. */
const LARGE_BYTES = 24 * 1024 * 1024
const LARGE_BATCH_BYTES = 96 * 1024 * 1024

/** Changes inputs that were worth keeping, again and again, and keeps those that came to something new. */
export class Fuzzer {
  readonly #options: FuzzerOptions
  readonly #random: Random
  readonly #corpus: Uint8Array[] = []
  readonly #words = new Set<string>()
  readonly #tokens: readonly Uint8Array[]
  readonly #failures = new Set<string>()
  #runner: Runner | null = null
  #runs = 0
  #heldBytes = 0
  /** Inputs that were run. */
  inputs = 0

  constructor(options: FuzzerOptions) {
    this.#options = options
    this.#random = makeRandom(options.seed)
    const encoder = new TextEncoder()
    this.#tokens = (options.target.tokens ?? []).map((token) =>
      typeof token === 'string' ? encoder.encode(token) : token)
  }

  get corpus(): number {
    return this.#corpus.length
  }

  get words(): number {
    return this.#words.size
  }

  get failures(): number {
    return this.#failures.size
  }

  get blocks(): number {
    return this.#options.coverage?.blocks ?? 0
  }

  /** Runs the valid inputs, which must all come to something. */
  async begin(): Promise<void> {
    for (const seed of this.#options.target.seeds()) {
      const word = await this.#one(seed)
      if (word !== null) this.#words.add(word)
      this.#corpus.push(seed)
    }
    this.#options.coverage?.take()
    this.#heldBytes = heldBytes()
  }

  /** Runs so many inputs, or a batch when nothing is said. */
  async batch(size: number = BATCH): Promise<void> {
    const { coverage } = this.#options
    const inputs: Uint8Array[] = []
    const startedMs = performance.now()
    for (let left = size; left > 0; left--) {
      // Slow ones come to few; without coverage the same inputs must come on every machine.
      if (coverage !== null && performance.now() - startedMs > BATCH_MS) break
      const input = this.#next()
      inputs.push(input)
      const word = await this.#one(input)
      if (word !== null && this.#words.size < WORDS_MAX && !this.#words.has(word)) {
        this.#words.add(word)
        this.#corpus.push(input)
      }
    }
    const tookMs = performance.now() - startedMs
    const held = heldBytes()
    const found = coverage?.take() ?? null
    const isLarge = held - this.#heldBytes > LARGE_BATCH_BYTES
    const { slowMs = SLOW_MS } = this.#options
    if (tookMs > SLOW_BATCH * slowMs || isLarge) await this.#inspect(inputs)
    this.#heldBytes = isLarge ? heldBytes() : held
    if (coverage !== null && found !== null && found.size > 0) await this.#keepNew(inputs, coverage, found)
  }

  async close(): Promise<void> {
    await this.#runner?.close?.()
    this.#runner = null
  }

  #next(): Uint8Array {
    const { target } = this.#options
    const random = this.#random
    const corpus = this.#corpus
    // Half of the time one of the newest: what was just found leads on.
    const newest = Math.min(corpus.length, 32)
    const base = random.below(2) === 0 ? pick(corpus, random) : corpus[corpus.length - 1 - random.below(newest)]!
    const other = pick(corpus, random)
    let input = base
    const way = target.mutate === undefined ? 0 : random.below(5)
    if (way > 0) input = target.mutate!(input, random, other)
    if (way <= 1) input = mutated(input, random, other, this.#tokens)
    return input.slice(0, target.longest ?? LONGEST_BYTES)
  }

  /** The word that it came to; null when it failed. */
  async #one(input: Uint8Array): Promise<string | null> {
    const { target, onInput } = this.#options
    if (this.#runner === null || this.#runs >= (target.renewAfter ?? Number.MAX_SAFE_INTEGER)) {
      await this.#runner?.close?.()
      this.#runner = await target.make()
      this.#runs = 0
    }
    onInput?.(input)
    this.inputs += 1
    this.#runs += 1
    try {
      const word = this.#runner.run(input)
      return typeof word === 'string' ? word : await word
    } catch (error) {
      await this.#explain(input, error)
      return null
    }
  }

  /** Runs a failed input once more, by itself: where it fails, and whether it does without those before it. */
  async #explain(input: Uint8Array, first: unknown): Promise<void> {
    await this.close()
    const limit = Error.stackTraceLimit
    Error.stackTraceLimit = 12
    this.#runner = await this.#options.target.make()
    let text = `only after other inputs: ${String(first)}`
    try {
      await this.#runner.run(input)
    } catch (error) {
      text = error instanceof Error ? error.stack ?? error.message : String(error)
      if (error instanceof Error && error.cause instanceof Error) text += `\ncaused by ${error.cause.stack ?? ''}`
    } finally {
      Error.stackTraceLimit = limit
    }
    // It may be broken: the next input gets another one.
    this.#runs = Infinity
    this.#fail('error', input, text)
  }

  /** Which of them it was that came to something new: each again, until every new block has its input. */
  async #keepNew(inputs: readonly Uint8Array[], coverage: Coverage, wanted: Set<string>): Promise<void> {
    for (const input of inputs) {
      if (wanted.size === 0) return
      await this.#one(input)
      if (coverage.strike(wanted)) this.#corpus.push(input)
    }
  }

  /** Which of them took long, or much memory. */
  async #inspect(inputs: readonly Uint8Array[]): Promise<void> {
    for (const input of inputs) {
      globalThis.gc?.()
      const before = heldBytes()
      const startedUs = process.cpuUsage()
      await this.#one(input)
      const { user, system } = process.cpuUsage(startedUs)
      const tookMs = (user + system) / 1_000
      const bytes = heldBytes() - before
      const { slowMs = SLOW_MS } = this.#options
      if (tookMs > slowMs) this.#fail('slow', input, `${input.length} bytes took ${tookMs.toFixed(0)} ms`)
      if (globalThis.gc !== undefined && bytes > LARGE_BYTES + 64 * input.length) {
        this.#fail('memory', input, `${input.length} bytes took ${bytes} bytes of memory`)
      }
    }
  }

  #fail(kind: Failure['kind'], input: Uint8Array, text: string): void {
    // One of each kind and place is enough.
    const frames = text.split('\n').filter((line) => /^\s+at .*(lib|storage|targets)\//.test(line)).slice(0, 2)
    const place = kind !== 'error' ? kind : frames.length > 0 ? frames.join() : text.replace(/\d+/g, '#').slice(0, 100)
    if (this.#failures.has(place)) return
    this.#failures.add(place)
    this.#options.onFailure({ target: this.#options.target.name, kind, text, input })
  }
}

function heldBytes(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
