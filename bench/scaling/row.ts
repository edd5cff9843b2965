import { figure } from '../median.ts'
import type { Toll } from './subject.ts'

/** One figure of a scaling bench: what an operation costs at a size. */
export interface Row {
  readonly bench: string
  /** What is done. */
  readonly what: string
  readonly size: number
  readonly unit: 'us' | 'ms' | 'bytes'
  /** Of one operation. */
  readonly cost: number
  /** The longest that the event loop was away meanwhile; null where the bench itself holds it. */
  readonly blockMs: number | null
  readonly wallMs: number | null
  readonly residentBytes: number
  readonly peakBytes: number
}

/** The row of an operation and what its peer spent on it. */
export function rowOf(bench: string, what: string, size: number, costUs: number, toll: Toll): Row {
  const { blockMs, wallMs, residentBytes, peakBytes } = toll
  return { bench, what, size, unit: 'us', cost: costUs, blockMs, wallMs, residentBytes, peakBytes }
}

/** How the cost of an operation develops, from the smallest size to the largest. */
export interface Growth {
  readonly what: string
  readonly from: number
  readonly to: number
  /** Cost at the largest size by the cost at the smallest. */
  readonly times: number
  /** Over the last step: 0 is flat, 1 is proportional to the size, which for many operations is quadratic. */
  readonly exponent: number
  readonly longestBlockMs: number
}

/** Beyond this an operation's cost grows with the size in earnest. */
export const STEEP = 0.7
/** No turn of the event loop may take longer without being named in the README. */
export const BLOCK_MS = 50

/** One entry for each thing that is done. */
export function growths(rows: readonly Row[]): Growth[] {
  return [...new Set(rows.map(({ what }) => what))].map((what) => {
    const own = rows.filter((row) => row.what === what)
    const first = own[0]!
    const last = own.at(-1)!
    const before = own.at(-2) ?? first
    const exponent = last === before ? 0 : Math.log(last.cost / before.cost) / Math.log(last.size / before.size)
    return {
      what, from: first.size, to: last.size, times: last.cost / first.cost, exponent,
      longestBlockMs: Math.max(...own.map(({ blockMs }) => blockMs ?? 0)),
    }
  })
}

/** One line of a table. */
export function rowText({ what, size, unit, cost, blockMs, wallMs, peakBytes }: Row): string {
  const block = blockMs === null ? '' : `longest turn ${figure(blockMs)} ms (${figure(wallMs ?? 0)} by the clock)`
  const columns = [what.padEnd(34), size.toLocaleString('en').padStart(10), figure(cost).padStart(10), unit.padEnd(5)]
  return `  ${columns.join(' ')} peak ${String(Math.round(peakBytes / 1e6)).padStart(5)} MB  ${block}`
}

/** One line of a summary. */
export function growthText({ what, from, to, times, exponent, longestBlockMs }: Growth): string {
  const steep = exponent >= STEEP ? '  GROWS WITH THE SIZE' : ''
  const block = longestBlockMs > BLOCK_MS ? `  BLOCKS ${Math.round(longestBlockMs)} ms` : ''
  const range = `from ${from.toLocaleString('en')} to ${to.toLocaleString('en')}`
  return `  ${what.padEnd(34)} x ${figure(times)} ${range}${steep}${block}`
}
