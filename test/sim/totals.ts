import { REACHED_BY_FULL } from '../../lib/testing/sim/reached.ts'
import type { SeedResult } from '../../lib/testing/sim/run.ts'

/** syncMs is five ticks in every run. */
const MEDIAN_TICKS = 5 + 3
/** Of fewer runs a median says little. */
const MEDIAN_RUNS = 30

/** Sums over seeds, for the progress line and the closing table. */
export class Totals {
  passed = 0
  failed = 0
  #simulatedMs = 0
  #steps = 0
  readonly #counts = new Map<string, number>()
  readonly #failures: string[] = []
  readonly #reached = new Map<string, number>()
  /** Ticks until somebody led, of each run in which nobody did at the end of the storm. */
  readonly #leaderTicks: number[] = []
  #writeTicks = 0

  add(result: SeedResult): void {
    if (result.failure === null) this.passed++
    else {
      this.failed++
      this.#failures.push(`seed ${result.seed}: ${result.failure.message.split('\n')[0] ?? result.failure.check}`)
    }
    this.#simulatedMs += result.simulatedMs
    this.#steps += result.steps
    const { commits, elections, acked, expired, faults, syncs } = result
    this.#count({ commits, elections, 'replies checked': acked, 'sessions expired': expired })
    this.#count({ 'sync DIFF': syncs.diff, 'sync TRUNC': syncs.trunc, 'sync SNAP': syncs.snap })
    for (const [kind, count] of Object.entries(faults)) this.#count({ [`fault ${kind}`]: count })
    const { freeze } = result
    if (freeze !== null) {
      if (freeze.leaderTicks !== null) this.#leaderTicks.push(freeze.leaderTicks)
      this.#writeTicks = Math.max(this.#writeTicks, freeze.writeTicks)
    }
    for (const [what, count] of Object.entries(result.reached)) {
      this.#reached.set(what, (this.#reached.get(what) ?? 0) + count)
    }
  }

  /** More rows for the table. */
  note(counts: Readonly<Record<string, number>>): void {
    this.#count(counts)
  }

  /** What of this was never reached. */
  unreached(wanted: readonly string[]): string[] {
    return wanted.filter((what) => !this.#reached.has(what))
  }

  /** Ticks within which so great a share of the healed ensembles without a leader had one; 0 when there were none. */
  leaderTicks(share: number): number {
    const sorted = this.#leaderTicks.sort((a, b) => a - b)
    return sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? 0
  }

  /** What is wrong with the median of L1, if anything: the bound of silence and three ticks (correctness plan, E.2). */
  get slow(): string | null {
    const median = this.leaderTicks(0.5)
    if (this.#leaderTicks.length < MEDIAN_RUNS || median <= MEDIAN_TICKS) return null
    return `L1: half of the healed ensembles needed more than ${MEDIAN_TICKS} ticks for a leader: ${median.toFixed(2)}`
  }

  #count(counts: Readonly<Record<string, number>>): void {
    for (const [name, count] of Object.entries(counts)) this.#counts.set(name, (this.#counts.get(name) ?? 0) + count)
  }

  #of(name: string): number {
    return this.#counts.get(name) ?? 0
  }

  /** The most frequent first. */
  get #faultsByKind(): string {
    const kinds = Array.from(this.#counts).filter(([name, count]) => name.startsWith('fault ') && count > 0)
    const sum = kinds.reduce((total, [, count]) => total + count, 0)
    const each = kinds.sort(([, a], [, b]) => b - a).map(([name, count]) => `${name.slice(6)} ${short(count)}`)
    return `${short(sum)} faults${each.length === 0 ? '' : `: ${each.join(' ')}`}`
  }

  /** `cores`: how many processes have run. */
  line(elapsedMs: number, cores: number): string {
    const seconds = this.#simulatedMs / 1_000
    const speed = seconds / (elapsedMs / 1_000)
    return `${this.passed + this.failed} seeds, ${this.failed} failed; ${hours(seconds)} simulated ` +
      `(${Math.round(speed)} s per s, ${Math.round(speed / cores)} a core), ${short(this.#steps)} steps, ` +
      `${short(this.#of('commits'))} commits, ${short(this.#of('elections'))} elections, ${this.#states} states, ` +
      this.#faultsByKind
  }

  /** How many of those that a long run must come to it has come to. */
  get #states(): string {
    return `${REACHED_BY_FULL.length - this.unreached(REACHED_BY_FULL).length}/${REACHED_BY_FULL.length}`
  }

  table(): string[] {
    const rows: [string, string][] = [
      ['seeds', String(this.passed + this.failed)], ['simulated', hours(this.#simulatedMs / 1_000)],
      ['steps', String(this.#steps)], ['states of those that are asked for', this.#states],
    ]
    if (this.#leaderTicks.length > 0) {
      const ticks = [0.5, 0.99, 1].map((share) => this.leaderTicks(share).toFixed(2))
      rows.push(['ticks to a leader: median, 99 %, most', ticks.join(' ')])
    }
    rows.push(['ticks of the slowest write in the calm', this.#writeTicks.toFixed(2)])
    for (const [name, count] of this.#counts) rows.push([name, String(count)])
    for (const [what, count] of Array.from(this.#reached).sort(([a], [b]) => a < b ? -1 : 1)) {
      rows.push([what, String(count)])
    }
    const lines = rows.map(([name, value]) => `  ${name.padEnd(44)}${value.padStart(16)}`)
    return ['', ...lines, ...this.#failures.map((failure) => `  ${failure}`)]
  }
}

/** Three digits of it. */
function short(count: number): string {
  for (const [unit, size] of [['G', 1e9], ['M', 1e6], ['k', 1e3]] as const) {
    if (count >= size) return `${(count / size).toPrecision(3)}${unit}`.replace(/^(\d{4,})\D.*/, '$1')
  }
  return String(count)
}

function hours(seconds: number): string {
  return seconds < 3_600 ? `${seconds.toFixed(0)} s` : `${(seconds / 3_600).toFixed(1)} h`
}
