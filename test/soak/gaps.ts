/** What one kind of fault did to writes. */
export interface GapRow {
  faults: number
  /** Of each fault: the longest time in which no client had a write acknowledged. */
  readonly longestMs: number[]
  /** The longest that one client waited for answers, all in all, from one acknowledged write to the next. */
  waitMs: number
}

/** A longer time without a write is a stall. */
const STALL_MS = 1_000

/** The longest times without an acknowledged write, by what was done meanwhile. */
export class Gaps {
  /** By kind. */
  readonly rows = new Map<string, GapRow>()
  /** Begun so far. */
  faults = 0
  #row: GapRow | null = null
  #longestMs = 0
  #lastMs: number
  #stalledMs = 0

  constructor(nowMs: number) {
    this.#lastMs = nowMs
  }

  /** Nothing before counts. */
  start(nowMs: number): void {
    this.#lastMs = nowMs
  }

  /** From now on, gaps are those of this kind; one that is open as well. */
  begin(kind: string): void {
    this.end()
    const row = this.rows.get(kind) ?? { faults: 0, longestMs: [], waitMs: 0 }
    this.rows.set(kind, row)
    row.faults += 1
    this.faults += 1
    this.#row = row
    this.#longestMs = 0
  }

  /** The longest time without a write since the last fault began. */
  get longestMs(): number {
    return this.#longestMs
  }

  end(): void {
    this.#row?.longestMs.push(this.#longestMs)
    this.#row = null
  }

  /** A write was acknowledged, to a client that had waited so long for one. */
  written(nowMs: number, waitedMs: number): void {
    const gapMs = nowMs - this.#lastMs
    this.#lastMs = nowMs
    if (gapMs > this.#longestMs) this.#longestMs = gapMs
    if (gapMs > STALL_MS) this.#stalledMs = nowMs
    if (this.#row !== null && waitedMs > this.#row.waitMs) this.#row.waitMs = waitedMs
  }

  /** How long there has been no write. */
  openMs(nowMs: number): number {
    return nowMs - this.#lastMs
  }

  /** Since then no stall was. */
  calmMs(nowMs: number): number {
    return nowMs - this.#lastMs > STALL_MS ? nowMs : this.#stalledMs
  }

  table(): string[] {
    const seconds = (ms: number): string => (ms / 1_000).toFixed(2)
    const lines = [...this.rows].toSorted(([one], [other]) => one.localeCompare(other))
      .map(([kind, { faults, longestMs, waitMs }]) => {
        const sorted = longestMs.toSorted((one, other) => one - other)
        const median = sorted[(sorted.length - 1) >> 1] ?? 0
        return `| ${kind} | ${faults} | ${seconds(median)} | ${seconds(sorted.at(-1) ?? 0)} | ${seconds(waitMs)} |`
      })
    return [
      '| fault | times | no write, median s | no write, longest s | one client, longest s |',
      '|---|--:|--:|--:|--:|', ...lines,
    ]
  }
}
