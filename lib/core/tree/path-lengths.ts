/**
 * How long the paths of a set are: which of those above another path can be in it at all. To look up all that is above
 * a path of thousands of names takes the square of its length; what is as long as none of the set is passed over.
 */
export class PathLengths {
  readonly #counts = new Map<number, number>()
  /** None is longer; it shrinks when the last one goes. */
  #longest = 0

  has({ length }: string): boolean {
    return this.#counts.has(length)
  }

  add({ length }: string): void {
    this.#counts.set(length, (this.#counts.get(length) ?? 0) + 1)
    this.#longest = Math.max(this.#longest, length)
  }

  delete({ length }: string): void {
    const count = this.#counts.get(length) ?? 0
    if (count > 1) this.#counts.set(length, count - 1)
    else this.#counts.delete(length)
    if (this.#counts.size === 0) this.#longest = 0
  }

  /** The lowest path above that may be in the set; `/` if there is none. */
  above(path: string): string {
    let slash = path.lastIndexOf('/', Math.min(path.length - 1, this.#longest))
    while (slash > 0 && !this.#counts.has(slash)) slash = path.lastIndexOf('/', slash - 1)
    return slash <= 0 ? '/' : path.slice(0, slash)
  }
}
