import type { Checks, Horizon, Sight } from './checks.ts'

/** Sequential nodes below one parent, which many clients make and take away. */
export class Line {
  /** Creations of which nobody knows whether they happened. */
  unknown = 0
  readonly #checks: Checks
  readonly #horizon: Horizon
  /** By number: who made it, and whether somebody asked for its deletion. */
  readonly #items = new Map<number, { readonly text: string, readonly zxid: number, isDoomed: boolean }>()
  readonly #taken = new Set<number>()
  /** What was asked for and not answered. */
  readonly #candidates = new Set<string>()
  #newest = -1

  constructor(checks: Checks, horizon: Horizon) {
    this.#checks = checks
    this.#horizon = horizon
  }

  /** The creation is asked for. What is returned is told the outcome: the number, or null for certainly not. */
  making(text: string): (number: number | null, czxid: number, sight: Sight) => void {
    const [floor, after] = [this.#horizon.zxid, this.#newest]
    this.#candidates.add(text)
    this.unknown += 1
    return (number, czxid, sight) => {
      this.#candidates.delete(text)
      this.unknown -= 1
      if (number === null) return
      this.#checks.expect('order', czxid > floor, () => `number ${number} is of ${czxid}, after ${floor}`)
      this.#checks.expect('sequence', number > after && !this.#items.has(number), () =>
        `number ${number} was given to ${text}, after ${after}; it was of ${this.#items.get(number)?.text ?? 'nobody'}`)
      this.#items.set(number, { text, zxid: czxid, isDoomed: false })
      this.#newest = Math.max(this.#newest, number)
      sight.raise(czxid)
    }
  }

  /** The deletion is asked for. What is returned tells that it was acknowledged. */
  taking(number: number): () => void {
    const item = this.#items.get(number)
    if (item !== undefined) item.isDoomed = true
    return () => {
      this.#checks.expect('written', !this.#taken.has(number), () => `number ${number} was taken twice`)
      this.#taken.add(number)
    }
  }

  /** Somebody found it there; an item whose creation nobody was told of becomes known so. */
  read(number: number, text: string): void {
    const item = this.#items.get(number)
    const isRight = item === undefined ? this.#candidates.has(text) : item.text === text
    this.#checks.expect('sequence', isRight, () =>
      `number ${number} is ${text}, and should be ${item?.text ?? 'of somebody who asked'}`)
  }

  /** In the end, with the texts by number that a dump has, and how many children the parent ever had. */
  final(found: ReadonlyMap<number, string | null>, creations: number): void {
    this.#checks.expect('sequence', creations - this.#items.size <= this.unknown && this.#newest < creations, () =>
      `${creations} numbers were given: up to ${this.#newest}, to ${this.#items.size} who were told, and at most ` +
      `${this.unknown} who were not`)
    let last = 0
    for (const [number, { zxid }] of [...this.#items].toSorted(([one], [other]) => one - other)) {
      this.#checks.expect('sequence', zxid > last, () => `number ${number} is of ${zxid}, after ${last}`)
      last = zxid
    }
    for (const [number, { text, isDoomed }] of this.#items) {
      const there = found.get(number)
      if (!isDoomed) {
        this.#checks.expect('written', there === text, () => `number ${number} should be ${text}, and is ${there}`)
      }
    }
    for (const number of this.#taken) {
      this.#checks.expect('written', !found.has(number), () => `number ${number} was taken, and is there`)
    }
    for (const [number, text] of found) this.read(number, text ?? '')
  }
}
