/** A command that is done sooner needs no progress. */
const PATIENCE_MS = 1_000

/** How far one command is: shown after a second, and then once a second. */
export class Progress {
  readonly #name: string
  readonly #print: ((text: string | null) => void) | undefined
  #shownAtMs = Date.now()
  #isShown = false

  constructor(name: string, print: ((text: string | null) => void) | undefined) {
    this.#name = name
    this.#print = print
  }

  show(text: string): void {
    const nowMs = Date.now()
    if (this.#print === undefined || nowMs - this.#shownAtMs < PATIENCE_MS) return
    this.#shownAtMs = nowMs
    this.#isShown = true
    this.#print(`${this.#name}: ${text}`)
  }

  /** Something else is about to be printed. */
  clear(): void {
    if (this.#isShown) this.#print?.(null)
    this.#isShown = false
  }

  end(): void {
    this.clear()
  }
}
