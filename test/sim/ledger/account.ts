import type { SeedResult } from '../../../lib/testing/sim/run.ts'
import { changeLedger, readLedger } from './file.ts'
import { SUMMED } from './ledger.ts'
import type { Entry, Failing, Sums } from './ledger.ts'
import { countOf, holds, rangesOf } from './ranges.ts'
import type { Range } from './ranges.ts'

/** What is known of a run when it begins. */
export interface Begun {
  readonly path: string
  readonly core: string
  readonly commit: string
  readonly date: Date
}

/**
 * The part of the ledger that one run writes. What it has come to is added when `save` is called, so that little is
 * lost with the process; seeds that have been counted before, in this run or another, are left out.
 */
export class Account {
  readonly #begun: Begun
  /** Counted in the file, as it was read last. */
  #counted: readonly Range[]
  readonly #seeds = new Set<number>()
  #sums: Record<keyof Sums, number> = { ...NOTHING }
  #quietS = 0
  #failing: Failing[] = []
  #savedMs: number
  #added = 0
  #again = 0
  #refused = 0

  /** `nowMs` is a clock that never goes back. */
  constructor(begun: Begun, nowMs: number) {
    this.#begun = begun
    this.#counted = readLedger(begun.path).counted(begun.core)
    this.#savedMs = nowMs
  }

  /** What one seed came to. */
  add(result: SeedResult): void {
    const { seed, failure, commits, elections, steps, syncs: { diff, trunc, snap } } = result
    if (this.#seeds.has(seed) || holds(this.#counted, seed)) {
      this.#again += 1
      return
    }
    this.#seeds.add(seed)
    const faults = Object.values(result.faults).reduce((sum, count) => sum + count, 0)
    const simulatedS = result.simulatedMs / 1_000
    const sums = { simulatedS, wallS: 0, steps, commits, elections, faults, diff, trunc, snap }
    for (const name of SUMMED) this.#sums[name] += sums[name]
    this.#quietS += (result.freeze?.quietMs ?? 0) / 1_000
    if (failure !== null) this.#failing.push({ seed, check: failure.check })
  }

  /** Writes what has been added since it was called last. */
  save(nowMs: number): void {
    this.#sums.wallS = (nowMs - this.#savedMs) / 1_000
    this.#savedMs = nowMs
    const { path, core, commit, date } = this.#begun
    const seeds = rangesOf(this.#seeds)
    const entry: Entry = {
      core, date: date.toISOString(), commit, seeds, ...rounded(this.#sums), failing: this.#failing,
      quietS: Math.round(this.#quietS * 10) / 10,
    }
    this.#seeds.clear()
    this.#sums = { ...NOTHING }
    this.#quietS = 0
    this.#failing = []
    if (seeds.length === 0) return
    changeLedger(path, (ledger) => {
      if (ledger.add(entry)) this.#added += countOf(seeds)
      else this.#refused += countOf(seeds)
      this.#counted = ledger.counted(core)
    })
  }

  /** What became of this run, in a line. */
  get line(): string {
    const again = this.#again === 0 ? '' : `, ${this.#again} were there already`
    const refused = this.#refused === 0 ? ''
      : `, ${this.#refused} were left out: another run counted some of the same meanwhile`
    return `ledger: ${this.#added} seeds added for core ${this.#begun.core}${again}${refused}`
  }
}

const NOTHING = Object.fromEntries(SUMMED.map((name) => [name, 0])) as Sums

function rounded(sums: Sums): Sums {
  return Object.fromEntries(SUMMED.map((name) => [name, Math.round(sums[name] * 10) / 10])) as Sums
}
