import type { VirtualTime } from './time.ts'

const LINES = 200
/** Told with a failure. */
const TOLD = 25

/** What happened last in a world, a line each, and how an error tells it. */
export class Story {
  readonly #seed: number
  readonly #time: VirtualTime
  readonly #lines: string[] = []
  readonly #told = new WeakSet<Error>()

  constructor(seed: number, time: VirtualTime) {
    this.#seed = seed
    this.#time = time
  }

  note(text: string): void {
    this.#lines.push(`${(this.#time.nowMs / 1_000).toFixed(3)} s  ${text}`)
    if (this.#lines.length > LINES) this.#lines.shift()
    for (let at = 0; at < text.length; at++) this.#time.mix(text.charCodeAt(at))
  }

  last(lines: number = LINES): readonly string[] {
    return this.#lines.slice(-lines)
  }

  /** The same error, which says now how to repeat it; once, however often it is told. What is none becomes one. */
  tell(thrown: unknown): Error {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown })
    if (this.#told.has(error)) return error
    const { message, stack } = error
    const told = [`in simulate({ seed: ${this.#seed} }) after ${Math.round(this.#time.nowMs)} ms:`, ...this.last(TOLD)]
    const text = `${message}\n${told.join('\n  ')}`
    if (!Reflect.set(error, 'message', text)) return this.tell(new Error(message, { cause: error }))
    if (stack !== undefined) Reflect.set(error, 'stack', stack.replace(message, () => text))
    this.#told.add(error)
    return error
  }
}
