/** A broken guarantee: which check (names of the correctness plan) and what was seen. */
export class Violation extends Error {
  override readonly name: string = 'Violation'
  readonly check: string

  constructor(check: string, what: string) {
    super(`${check}: ${what}`)
    this.check = check
  }
}
