import { foldText } from './fold-text.ts'

const LENGTH = 400

/** What happened last, one line each, and a number that changes with everything that ever did. */
export class Trace {
  readonly #lines: string[] = []
  #hash = 0

  /** Equal seeds must end with equal numbers. */
  get fingerprint(): number {
    return this.#hash >>> 0
  }

  add(atMs: number, text: string): void {
    const line = `${atMs.toFixed(2)} ${text}`
    this.#hash = foldText(this.#hash, line)
    this.#lines.push(line)
    if (this.#lines.length > LENGTH * 2) this.#lines.splice(0, LENGTH)
  }

  /** The newest lines. */
  last(count: number): string[] {
    return this.#lines.slice(-count)
  }
}
