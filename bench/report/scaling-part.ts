import { figure } from '../median.ts'
import { BLOCK_MS, STEEP } from '../scaling/row.ts'
import type { Growth, Row } from '../scaling/row.ts'
import { marked, table, whole } from './markup.ts'
import type { Report } from './report.ts'
import { escaped, logPlot } from './svg.ts'
import type { Point } from './svg.ts'

/** Measured with a large tree, and shown there. */
const MEMORY = 'memory'

function turnText(ms: number | null): string {
  return ms === null ? '' : `${figure(ms)} ms`
}

/** What a tree holds of memory, and what writes cost with and without a snapshot under way. */
export function memoryPart(rows: readonly Row[]): string {
  const own = rows.filter(({ bench }) => bench === MEMORY)
  if (own.length === 0) return ''
  const cells = own.map(({ what, size, unit, cost, blockMs, wallMs, peakBytes }) => [
    escaped(what), whole(size), unit === 'bytes' && cost > 1e6 ? `${figure(cost / 1e6)} MB` : `${figure(cost)} ${unit}`,
    turnText(blockMs), turnText(wallMs), `${whole(peakBytes / 1e6)} MB`,
  ])
  return `<h2>A large tree, and a snapshot of it under load</h2>
<p class="lead">One peer, 100 bytes in each node, 100 sets under way all the time, in one run. Apache ZooKeeper's
sets, in the table above, wait for a snapshot that it takes with snapCount=1000000.</p>
${table(['', 'znodes', '', 'longest turn', 'by the clock', 'peak resident'], cells)}`
}

function pointsOf(rows: readonly Row[], bench: string, what: string): Point[] {
  return rows.filter((row) => row.bench === bench && row.what === what).map(({ size, cost }) => [size, cost])
}

function plots(ours: readonly Row[], theirs: readonly Row[]): string {
  return [...new Set(ours.map(({ bench }) => bench))].map((bench) => {
    const own = ours.filter((row) => row.bench === bench && row.unit === 'us')
    const lines = [...new Set(own.map(({ what }) => what))].map((what) =>
      ({ label: what, points: pointsOf(own, bench, what), dashed: pointsOf(theirs, bench, what) }))
    return `<figure><figcaption>${escaped(bench)}</figcaption>${logPlot(lines, bench, 'us')}</figure>`
  }).join('\n')
}

/** At the largest size of both: how many times as much theirs costs, and at which size. */
function timesOurs(ours: readonly Row[], theirs: readonly Row[], { bench, what }: Growth): string {
  const isOwn = (row: Row): boolean => row.bench === bench && row.what === what
  const other = theirs.filter((row) => isOwn(row) && ours.some((our) => isOwn(our) && our.size === row.size)).at(-1)
  const our = ours.find((row) => isOwn(row) && row.size === other?.size)
  return our === undefined || other === undefined ? '' : `x ${figure(other.cost / our.cost)} at ${whole(our.size)}`
}

function growthTable({ growths, apacheGrowths, scaling, apacheScaling }: Report): string {
  const isBeside = apacheGrowths.length > 0
  const grown = growths.filter(({ bench }) => bench !== MEMORY).map((growth) => {
    const { bench, what, from, to, times, exponents, longestBlockMs, longestWallMs } = growth
    const isAlone = exponents.length === 0
    const their = apacheGrowths.find((one) => one.bench === bench && one.what === what)
    return [
      escaped(`${bench}: ${what}`), isAlone ? whole(from) : `${whole(from)} to ${whole(to)}`,
      isAlone ? '' : `x ${figure(times)}`, exponents.map((one) => marked(figure(one), one >= STEEP)).join(', '),
      longestBlockMs === null ? '' : marked(figure(longestBlockMs), longestBlockMs > BLOCK_MS),
      longestWallMs === null ? '' : figure(longestWallMs),
      ...isBeside ? [
        their === undefined || their.exponents.length === 0 ? '' : `x ${figure(their.times)} to ${whole(their.to)}`,
        timesOurs(scaling, apacheScaling, growth),
      ] : [],
    ]
  })
  return table(['', 'sizes', 'cost, last by first', 'exponent of each step', 'longest turn, ms', 'by the clock, ms',
    ...isBeside ? ['ZooKeeper: last by first', 'its cost by ours'] : []], grown)
}

function everyFigure(ours: readonly Row[], theirs: readonly Row[]): string {
  const every = ours.map(({ bench, what, size, unit, cost, blockMs, wallMs, peakBytes }) => {
    const their = theirs.find((row) => row.bench === bench && row.what === what && row.size === size)
    return [
      escaped(`${bench}: ${what}`), whole(size), their === undefined ? '' : `${figure(their.cost)} ${unit}`,
      `${figure(cost)} ${unit}`, turnText(blockMs), turnText(wallMs), `${whole(peakBytes / 1e6)} MB`,
    ]
  })
  return table(['', 'size', 'ZooKeeper', 'vivarium', 'longest turn', 'by the clock', 'peak resident'], every)
}

/** Plots, growth, and each figure. */
export function scalingPart(report: Report): string {
  const { apacheScaling } = report
  const rows = report.scaling.filter(({ bench }) => bench !== MEMORY)
  if (rows.length === 0) return ''
  const beside = apacheScaling.length === 0 ? '' : `
Dashed is Apache ZooKeeper, up to sizes of ${whole(Math.max(...apacheScaling.map(({ size }) => size)))}.`
  return `<h2>As everything grows</h2>
<p class="lead">What one operation costs, by size, both logarithmic: a flat line does not grow. One run of each, small
sizes repeated for a tenth of a second. A turn is the longest time that the event loop of the peer was away, as far as
its thread had a processor, and by the clock. An exponent of 0 is flat, of 1 proportional to the size.${beside}</p>
<div class="plots">${plots(rows, apacheScaling)}</div>
<h3>Growth</h3>
${growthTable(report)}
<details><summary>Every figure</summary>
${everyFigure(rows, apacheScaling)}</details>`
}
