import { clearLine, cursorTo } from 'node:readline'

const REWRITE_MS = 250
const LINE_MS = 5_000

/** What it is written to. */
export interface Output {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

/**
 * How far something has come: in a terminal one line that is rewritten all the time, and makes way for what is printed
 * in between; elsewhere a line every five seconds.
 */
export class LiveLine {
  readonly #out: Output
  readonly #text: () => string
  #timer: NodeJS.Timeout | undefined
  #isShown = false

  constructor(text: () => string, out: Output = process.stdout) {
    this.#text = text
    this.#out = out
  }

  begin(): void {
    this.#timer = setInterval(() => this.tick(), this.#out.isTTY === true ? REWRITE_MS : LINE_MS)
  }

  /** Shows what is so now. */
  tick(): void {
    if (this.#out.isTTY !== true) {
      this.#out.write(`${this.#text()}\n`)
      return
    }
    this.clear()
    // A line that is broken could not be rewritten.
    this.#out.write(this.#text().slice(0, (this.#out.columns ?? 80) - 1))
    this.#isShown = true
  }

  /** Makes way for something that stays. */
  clear(): void {
    if (!this.#isShown) return
    cursorTo(this.#out as NodeJS.WriteStream, 0)
    clearLine(this.#out as NodeJS.WriteStream, 0)
    this.#isShown = false
  }

  /** The last one stays. */
  end(): void {
    clearInterval(this.#timer)
    this.clear()
    this.#out.write(`${this.#text()}\n`)
  }
}
