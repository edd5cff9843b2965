/** What went wrong in a callback whose caller swallows it. */
export class Failures {
  #first: { readonly error: unknown } | null = null

  /** Runs a callback of a recipe; what it throws is kept. */
  keep<T>(run: () => T): T | undefined {
    try {
      return run()
    } catch (error) {
      this.#first ??= { error }
      return undefined
    }
  }

  /** Throws what was kept first. */
  rethrow(): void {
    if (this.#first !== null) throw this.#first.error
  }
}
