/** A terminal, as far as a screen needs one. */
export interface ScreenOutput {
  readonly rows?: number
  write(text: string): unknown
  on(event: 'resize', listener: () => void): unknown
  off(event: 'resize', listener: () => void): unknown
}

const TICK_MS = 1_000
const ROWS = 24
/** The other buffer of the terminal, so that what was on it comes back; long lines are cut off by it. */
const ENTER = '\x1b[?1049h\x1b[?7l'
const LEAVE = '\x1b[?7h\x1b[?1049l'

/**
 * Shows one thing on a terminal, over and over in the same place, until `end`: then the terminal is as it was before,
 * with the last picture below. Times that pass are drawn anew every second.
 */
export class Screen {
  readonly #output: ScreenOutput
  readonly #draw = (): void => this.#paint()
  #lines: (() => readonly string[]) | null = null
  #ticks: NodeJS.Timeout | null = null

  constructor(output: ScreenOutput) {
    this.#output = output
  }

  show(lines: () => readonly string[]): void {
    if (this.#lines === null) {
      this.#output.write(ENTER)
      this.#output.on('resize', this.#draw)
      this.#ticks = setInterval(this.#draw, TICK_MS)
    }
    this.#lines = lines
    this.#paint()
  }

  end(): void {
    if (this.#lines === null) return
    const last = this.#lines()
    this.#lines = null
    if (this.#ticks !== null) clearInterval(this.#ticks)
    this.#output.off('resize', this.#draw)
    this.#output.write(`${LEAVE}${last.join('\n')}\n`)
  }

  #paint(): void {
    if (this.#lines === null) return
    const all = this.#lines()
    // A terminal that does not know its size says 0.
    const { rows = 0 } = this.#output
    const room = (rows > 1 ? rows : ROWS) - 1
    const shown = all.length <= room ? all : [...all.slice(0, room - 1), `… ${all.length - room + 1} more lines`]
    this.#output.write(`\x1b[H${shown.map((line) => `${line}\x1b[K\n`).join('')}\x1b[J`)
  }
}
