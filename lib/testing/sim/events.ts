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
