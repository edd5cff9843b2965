import { Agenda } from '../agenda.ts'

/** Virtual time: equal moments run in the order in which they were asked for. */
export class EventQueue {
  readonly #agenda = new Agenda()
  #order = 0
  nowMs = 0
  /** Events run so far. */
  steps = 0

  at(atMs: number, run: () => void): void {
    this.#agenda.add({ atMs: atMs < this.nowMs ? this.nowMs : atMs, order: this.#order++, run })
  }

  after(delayMs: number, run: () => void): void {
    this.at(this.nowMs + delayMs, run)
  }

  /** Runs it now and each `periodMs` from then on, until the returned function is called. */
  every(periodMs: number, run: () => void): () => void {
    let isOver = false
    const again = (): void => {
      if (isOver) return
      this.after(periodMs, again)
      run()
    }
    again()
    return () => { isOver = true }
  }

  /** Runs everything due before `endMs`, then stands at `endMs`. */
  runUntil(endMs: number): void {
    const agenda = this.#agenda
    for (let { first } = agenda; first !== undefined && first.atMs <= endMs; first = agenda.first) {
      agenda.take()
      this.nowMs = first.atMs
      this.steps++
      first.run()
    }
    this.nowMs = endMs
  }
}
