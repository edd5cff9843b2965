import { figure } from '../median.ts'

/** What a server spent on an operation. */
export interface Spent {
  /**
   * The longest that the event loop was away meanwhile, in ms, as far as its thread was running, and by the clock; null
   * where the bench itself holds it, and of a server that has none.
   */
  readonly blockMs: number | null
  readonly wallMs: number | null
  /** Resident memory at the end, and the most there ever was. */
  readonly residentBytes: number
  readonly peakBytes: number
}

/** One figure of a scaling bench: what an operation costs at a size. */
export interface Row extends Spent {
  readonly bench: string
  /** What is done. */
  readonly what: string
  readonly size: number
  readonly unit: 'us' | 'ms' | 'bytes'
  /** Of one operation. */
  readonly cost: number
}

/** The row of an operation and what its server spent on it. */
export function rowOf(bench: string, what: string, size: number, costUs: number, spent: Spent): Row {
  const { blockMs, wallMs, residentBytes, peakBytes } = spent
  return { bench, what, size, unit: 'us', cost: costUs, blockMs, wallMs, residentBytes, peakBytes }
}

/** How the cost of an operation develops, from the smallest size to the largest. */
export interface Growth {
  readonly bench: string
  readonly what: string
  readonly from: number
  readonly to: number
  /** Cost at the largest size by the cost at the smallest. */
  readonly times: number
  /**
   * From each size to the next: 0 is flat, 1 is proportional to the size, which for many operations is quadratic. Empty
   * where one size was measured, which says nothing of growth.
   */
  readonly exponents: readonly number[]
  /** Of all sizes; see `Spent`. */
  readonly longestBlockMs: number | null
  readonly longestWallMs: number | null
}

/** Beyond this an operation's cost grows with the size in earnest. */
export const STEEP = 0.7
/** No turn of the event loop may take longer without being named in the README. */
export const BLOCK_MS = 50

/** One entry for each thing that is done, whose rows come in the order of their sizes. */
export function growths(rows: readonly Row[]): Growth[] {
  const things = new Map<string, Row[]>()
  for (const row of rows) {
    const thing = `${row.bench}: ${row.what}`
    things.set(thing, [...things.get(thing) ?? [], row])
  }
  return [...things.values()].map(growthOf)
}

function growthOf(rows: readonly Row[]): Growth {
  const first = rows[0]!
  const last = rows.at(-1)!
  return {
    bench: first.bench, what: first.what, from: first.size, to: last.size, times: last.cost / first.cost,
    exponents: rows.slice(1).map((row, at) => exponent(rows[at]!, row)),
    longestBlockMs: longest(rows.map(({ blockMs }) => blockMs)),
    longestWallMs: longest(rows.map(({ wallMs }) => wallMs)),
  }
}

function exponent(before: Row, after: Row): number {
  return Math.log(after.cost / before.cost) / Math.log(after.size / before.size)
}

function longest(turns: readonly (number | null)[]): number | null {
  const known = turns.filter((ms) => ms !== null)
  return known.length === 0 ? null : Math.max(...known)
}

/** One line of a table. */
export function rowText({ what, size, unit, cost, blockMs, wallMs, peakBytes }: Row): string {
  const block = blockMs === null ? '' : `longest turn ${figure(blockMs)} ms (${figure(wallMs ?? 0)} by the clock)`
  const columns = [what.padEnd(34), size.toLocaleString('en').padStart(10), figure(cost).padStart(10), unit.padEnd(5)]
  return `  ${columns.join(' ')} peak ${String(Math.round(peakBytes / 1e6)).padStart(5)} MB  ${block}`
}

/** One line of a summary. */
export function growthText({ what, from, to, times, exponents, longestBlockMs }: Growth): string {
  const steep = (exponents.at(-1) ?? 0) >= STEEP ? '  GROWS WITH THE SIZE' : ''
  const blockMs = longestBlockMs ?? 0
  const block = blockMs > BLOCK_MS ? `  BLOCKS ${Math.round(blockMs)} ms` : ''
  const grown = exponents.length === 0 ? `at ${from.toLocaleString('en')} alone`
    : `x ${figure(times)} from ${from.toLocaleString('en')} to ${to.toLocaleString('en')}`
  return `  ${what.padEnd(34)} ${grown}${steep}${block}`
}
