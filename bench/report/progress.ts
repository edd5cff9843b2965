/** From so many expected seconds on, the pace so far tells more than what was expected. */
const TELLING_SECONDS = 60

/** How far a report is, by the seconds that its steps are expected to take. */
export class Progress {
  readonly totalSeconds: number
  readonly #startedMs = performance.now()
  #doneSeconds = 0
  /** Of the step under way. */
  #stepSeconds = 0

  constructor(totalSeconds: number) {
    this.totalSeconds = totalSeconds
  }

  /** The next step begins: the one before is done. */
  step(seconds: number): void {
    this.#doneSeconds += this.#stepSeconds
    this.#stepSeconds = seconds
  }

  /** So much is behind us, whatever the steps said: a section may have ended early. */
  reached(doneSeconds: number): void {
    this.#doneSeconds = doneSeconds
    this.#stepSeconds = 0
  }

  /** `  42 %   8.4 min, 12 to go`: what is left takes as much longer than expected as what is done did. */
  get text(): string {
    const minutes = (performance.now() - this.#startedMs) / 60_000
    const pace = this.#doneSeconds < TELLING_SECONDS ? 1 : minutes * 60 / this.#doneSeconds
    const left = Math.max(0, this.totalSeconds - this.#doneSeconds) * pace / 60
    const share = Math.round(100 * Math.min(1, this.#doneSeconds / Math.max(1, this.totalSeconds)))
    return `${String(share).padStart(4)} %  ${minutes.toFixed(1).padStart(5)} min, ${left.toFixed(1).padStart(4)} to go`
  }
}
