import { countOf, joined, overlap } from './ranges.ts'
import type { Range } from './ranges.ts'

/** What is added up. Times are in seconds; wall is that of the run, whatever number of cores it had. */
export const SUMMED = [
  'simulatedS', 'wallS', 'steps', 'commits', 'elections', 'faults', 'diff', 'trunc', 'snap',
] as const

/** The sums of some seeds. */
export type Sums = Readonly<Record<typeof SUMMED[number], number>>

/** A seed that failed. `why` is written by hand, by who has found what it was. */
export interface Failing {
  readonly seed: number
  readonly check: string
  readonly why?: string
}

/** What one run came to. */
export interface Entry extends Sums {
  /** The state of the core: see core-hash.ts. */
  readonly core: string
  /** When the run began. */
  readonly date: string
  readonly commit: string
  readonly seeds: readonly Range[]
  readonly failing: readonly Failing[]
  /** Of the simulated time, what was after the clients had stopped. Earlier runs have not told. */
  readonly quietS?: number
}

/** Everything of some runs together. */
export interface Balance extends Sums {
  readonly runs: number
  readonly seeds: number
  /** Simulated time in which there were clients, of the runs that tell it. */
  readonly busyS: number
  readonly failing: readonly Failing[]
  readonly first: string
  readonly last: string
}

/** Which seeds have been run against which state of the core, and what they came to. A seed counts once for a state. */
export class Ledger {
  readonly #entries: Entry[]

  constructor(entries: readonly Entry[] = []) {
    this.#entries = [...entries]
  }

  /** What `text` once gave. Throws what it is for anything else: nothing may be counted on a misread sum. */
  static parse(text: string): Ledger {
    const { entries } = JSON.parse(text) as { readonly entries: readonly Entry[] }
    for (const entry of entries) {
      const areWhole = SUMMED.every((name) => Number.isFinite(entry[name])) &&
        entry.seeds.every(([from, to]) => Number.isSafeInteger(from) && Number.isSafeInteger(to) && from <= to)
      if (!areWhole) throw new Error(`the ledger's run of ${entry.date} is spoiled`)
    }
    return new Ledger(entries)
  }

  /** A line for each run, so that a change is seen as what it is. */
  get text(): string {
    const lines = this.#entries.map((entry) => `    ${JSON.stringify(entry)}`)
    return `{\n  "entries": [${lines.length === 0 ? '' : `\n${lines.join(',\n')}\n  `}]\n}\n`
  }

  /** Seeds that have been counted for a state of the core. */
  counted(core: string): Range[] {
    return joined(this.#of(core).flatMap(({ seeds }) => seeds))
  }

  /** The first seed that is beyond all that have been run against any state of the core. */
  get next(): number {
    return this.#entries.reduce((next, { seeds }) => seeds.reduce((most, [, to]) => Math.max(most, to + 1), next), 1)
  }

  /** The states of the core, the one that was run last at the end. */
  get cores(): string[] {
    return Array.from(new Set(this.#entries.map(({ core }) => core).toReversed())).toReversed()
  }

  /**
   * Adds what a run came to, or has come to since it was added last. False, and nothing added, when a seed of it has
   * been counted for this state of the core: what it came to cannot be taken out of the sums.
   */
  add(entry: Entry): boolean {
    if (overlap(this.counted(entry.core), entry.seeds)) return false
    const at = this.#entries.findIndex(({ core, date }) => core === entry.core && date === entry.date)
    const earlier = this.#entries[at]
    if (earlier === undefined) this.#entries.push(entry)
    else {
      const { quietS: _, ...rest } = earlier
      const seeds = joined([...earlier.seeds, ...entry.seeds])
      this.#entries[at] = {
        ...rest, ...added([earlier, entry]), ...quietOf(earlier, entry), seeds,
        failing: [...earlier.failing, ...entry.failing],
      }
    }
    return true
  }

  /** Of a state of the core, or of all. */
  balance(core?: string): Balance {
    const entries = core === undefined ? this.#entries : this.#of(core)
    const dates = entries.map(({ date }) => date).sort()
    const busyS = entries.reduce((sum, { simulatedS, quietS = simulatedS }) => sum + simulatedS - quietS, 0)
    return {
      ...added(entries), busyS: tenths(busyS), runs: entries.length,
      seeds: entries.reduce((sum, { seeds }) => sum + countOf(seeds), 0),
      failing: entries.flatMap(({ failing }) => failing), first: dates[0] ?? '', last: dates.at(-1) ?? '',
    }
  }

  #of(wanted: string): Entry[] {
    return this.#entries.filter(({ core }) => core === wanted)
  }
}

function added(entries: readonly Sums[]): Sums {
  const sums = SUMMED.map((name) => {
    const sum = entries.reduce((total, entry) => total + entry[name], 0)
    return [name, tenths(sum)] as const
  })
  return Object.fromEntries(sums) as Sums
}

function quietOf({ quietS: one }: Entry, { quietS: other }: Entry): Pick<Entry, 'quietS'> {
  return one === undefined || other === undefined ? {} : { quietS: tenths(one + other) }
}

function tenths(sum: number): number {
  return Math.round(sum * 10) / 10
}
