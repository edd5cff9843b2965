import type { Checks } from './checks.ts'
import type { Registers } from './registers.ts'

/** Zxids after `from`, up to `to`, of whose changes a watch has told. */
interface Stretch {
  readonly from: number
  to: number
  /** By path. */
  readonly told: Map<string, Set<number>>
}

/** What a watch has told of registers: between its gaps everything, each once and in order. */
export class Testimony {
  readonly #name: string
  readonly #checks: Checks
  readonly #stretches: Stretch[] = []

  constructor(name: string, checks: Checks) {
    this.#name = name
    this.#checks = checks
  }

  /** Everything after this zxid is told from now on: the watch began, or had a gap. */
  begin(zxid: number): void {
    this.#stretches.push({ from: zxid, to: zxid, told: new Map() })
  }

  told(path: string, zxid: number): void {
    const stretch = this.#stretches.at(-1)!
    this.#checks.expect('watch', zxid > stretch.to, () =>
      `${this.#name} is told of ${zxid} at ${path} after ${stretch.to}`)
    stretch.to = zxid
    const told = stretch.told.get(path) ?? new Set()
    stretch.told.set(path, told)
    told.add(zxid)
  }

  /** How often it began; the last one is known to be complete up to a zxid when that is still the same afterwards. */
  get beginnings(): number {
    return this.#stretches.length
  }

  complete(zxid: number): void {
    const last = this.#stretches.at(-1)
    if (last !== undefined && zxid > last.to) last.to = zxid
  }

  /** Compares it with what was written to these paths. */
  judge(registers: Registers, paths: readonly string[]): void {
    for (const path of paths) {
      for (const zxid of registers.zxids(path)) {
        const stretch = this.#stretches.find(({ from, to }) => from < zxid && zxid <= to)
        if (stretch === undefined) continue
        this.#checks.expect('watch', stretch.told.get(path)?.has(zxid) === true, () =>
          `${this.#name} was told of all from ${stretch.from} to ${stretch.to} but ${zxid} at ${path}`)
      }
    }
  }
}
