import type { ScenarioResult } from './harness.ts'

interface Sum {
  seeds: number
  failed: number
  simulatedMs: number
  wallMs: number
  events: number
  readonly faults: Map<string, number>
}

/** Sums over seeds, by recipe. */
export class Totals {
  readonly #sums = new Map<string, Sum>()
  seeds = 0
  failed = 0

  add({ recipe, failure, simulatedMs, wallMs, events, faults }: ScenarioResult): void {
    let sum = this.#sums.get(recipe)
    if (sum === undefined) {
      this.#sums.set(recipe, sum = { seeds: 0, failed: 0, simulatedMs: 0, wallMs: 0, events: 0, faults: new Map() })
    }
    this.seeds += 1
    sum.seeds += 1
    if (failure !== null) {
      this.failed += 1
      sum.failed += 1
    }
    sum.simulatedMs += simulatedMs
    sum.wallMs += wallMs
    sum.events += events
    for (const [kind, count] of Object.entries(faults)) sum.faults.set(kind, (sum.faults.get(kind) ?? 0) + count)
  }

  /** One line while it runs. */
  line(total: number, elapsedMs: number): string {
    let simulatedMs = 0
    let faults = 0
    for (const sum of this.#sums.values()) {
      simulatedMs += sum.simulatedMs
      for (const count of sum.faults.values()) faults += count
    }
    const rate = (simulatedMs / elapsedMs).toFixed(0)
    return `${this.seeds} of ${total} seeds, ${this.failed} failed, ${hours(simulatedMs)} simulated (${rate} s/s), ` +
      `${faults} faults`
  }

  table(): string[] {
    const lines: string[] = []
    for (const [recipe, { seeds, failed, simulatedMs, wallMs, events, faults }] of this.#sums) {
      const counts = [...faults].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([kind, count]) => `${kind} ${count}`)
      lines.push(`${recipe}: ${seeds} seeds, ${failed} failed, ${hours(simulatedMs)} simulated, ` +
        `${(wallMs / 1_000).toFixed(0)} s of one core, ${events} events`, `  ${counts.join(', ')}`)
    }
    return lines
  }
}

function hours(ms: number): string {
  return ms < 3_600_000 ? `${(ms / 1_000).toFixed(0)} s` : `${(ms / 3_600_000).toFixed(1)} h`
}
