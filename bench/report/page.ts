import { figure } from '../median.ts'
import { BLOCK_MS, STEEP, growths } from '../scaling/row.ts'
import type { Row } from '../scaling/row.ts'
import { misses, ratioAim } from './aims.ts'
import type { Aim } from './aims.ts'
import type { Duel, Report, WorkloadResult } from './report.ts'
import { STYLE } from './style.ts'
import { barChart, escaped, logPlot } from './svg.ts'
import type { Bar } from './svg.ts'

function whole(value: number): string {
  return Math.round(value).toLocaleString('en')
}

/** Cells are markup already. */
function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const head = heads.map((text) => `<th>${escaped(text)}</th>`).join('')
  const body = rows.map((cells) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`).join('\n')
  return `<div class="wide"><table><tr>${head}</tr>\n${body}</table></div>`
}

function settingPart({ setting, notes }: Report): string {
  const entries: (readonly [string, string])[] = [
    ['measured', setting.startedAt], ['machine', `${setting.cpu}, ${setting.cores} cores, ` +
      `${(setting.memoryBytes / 2 ** 30).toFixed(0)} GiB, ${setting.system}; shared by servers and load`],
    ['load average at the start', setting.loadAtStart.toFixed(1)],
    ['Node', setting.node], ['vivarium', setting.vivarium],
    ['Apache ZooKeeper', setting.apache === null ? 'not installed' : `${setting.apache}, Java ${setting.java}, -Xmx4g`],
    ...setting.durability.map(([program, what]) => [`durability, ${program}`, what] as const),
    ['each figure', `median of ${setting.runs} runs of ${setting.seconds} s after one that does not count; ` +
      'p99 is the median of the p99 of the runs'],
  ]
  const list = entries.map(([name, what]) => `<dt>${escaped(name)}</dt><dd>${escaped(what)}</dd>`).join('\n')
  const noted = notes.map((note) => `<p class="bad">${escaped(note)}</p>`).join('\n')
  return `<dl>${list}<dt>repeat it</dt><dd><code>${escaped(setting.command)}</code></dd></dl>\n${noted}`
}

function workloadTable(results: readonly WorkloadResult[]): string {
  return table(
    ['workload', 'ratio', 'aim', 'ZooKeeper /s', 'vivarium /s', 'p50 us, ZooKeeper', 'vivarium', 'p99 us, ZooKeeper',
      'vivarium', 'errors'],
    results.map(({ servers, workload, ratio, ours, theirs }) => {
      const aim = ratioAim(workload, servers)
      const isLater = theirs !== null && ours.p99Us > theirs.p99Us
      const errors = ours.errors + (theirs?.errors ?? 0)
      return [
        escaped(workload),
        ratio === null ? '' : `<b>${marked(figure(ratio), misses(ratio, aim))}</b>`, aimText(aim, figure),
        theirs === null ? '' : whole(theirs.perSecond), whole(ours.perSecond),
        theirs === null ? '' : whole(theirs.p50Us), whole(ours.p50Us),
        theirs === null ? '' : whole(theirs.p99Us), marked(whole(ours.p99Us), isLater),
        marked(String(errors), errors > 0),
      ]
    }))
}

function tailBar(label: string, us: number, style: string): Bar {
  return { label, value: us, text: `${whole(us)} us`, style }
}

function workloadPart(results: readonly WorkloadResult[], servers: number): string {
  const own = results.filter((result) => result.servers === servers)
  if (own.length === 0) return ''
  const ratios = own.flatMap(({ workload, ratio }): Bar[] =>
    ratio === null ? [] : [{ label: workload, value: ratio, text: `x ${figure(ratio)}`, style: 'ours' }])
  const tails = own.flatMap(({ workload, ours, theirs }): Bar[] => [
    ...theirs === null ? [] : [tailBar(workload, theirs.p99Us, 'theirs')],
    tailBar(theirs === null ? workload : '', ours.p99Us, 'ours'),
  ])
  return `<h2>${servers === 1 ? 'One server' : `${servers} servers`}</h2>
<p class="lead">Requests of ZooKeeper's protocol over TCP. A ratio is the median of the ratios of pairs of runs, one
program right after the other.</p>
${ratios.length === 0 ? '' : `<h3>Operations per second, as a multiple of Apache ZooKeeper's</h3>
${barChart(ratios, 'ratio of operations per second', { mark: 1 })}`}
${workloadTable(own)}
<h3>p99, logarithmic; short is good</h3>
${barChart(tails, 'p99 latency', { log: 10 })}`
}

function duelText({ unit }: Duel, value: number): string {
  if (unit !== 'bytes') return `${figure(value)} ${unit}`
  return value > 1e6 ? `${figure(value / 1e6)} MB` : `${whole(value)} bytes`
}

function duelPart(duels: readonly Duel[]): string {
  if (duels.length === 0) return ''
  const rows = duels.map((duel) => [
    escaped(duel.what), duel.theirs === null ? '' : duelText(duel, duel.theirs),
    marked(duelText(duel, duel.ours), misses(duel.ours, duel.aim)), aimText(duel.aim, (value) => duelText(duel, value)),
    duel.ourRuns.map((run) => duelText(duel, run)).join(', '),
  ])
  return `<h2>Failing over, starting, a large tree</h2>
${table(['', 'ZooKeeper', 'vivarium', 'aim', 'each run of vivarium'], rows)}`
}

function inProcessPart({ figures, macro }: Report): string {
  if (figures.length + macro.length === 0) return ''
  const small = figures.map(({ name, unit, value, aim }) => {
    const most = aim === null ? null : { most: aim }
    return [escaped(name), marked(`${figure(value)} ${unit}`, misses(value, most)), aimText(most, figure)]
  })
  const large = macro.map(({ name, unit, aim, median, runs }) =>
    [escaped(name), marked(`${whole(median)} ${escaped(unit)}`, misses(median, aim)), aimText(aim, whole),
      runs.map(whole).join(', ')])
  return `<h2>In the process of an application</h2>
${small.length === 0 ? '' : table(['operation', 'mean', 'aim'], small)}
${large.length === 0 ? '' : `<h3>Whole peers</h3>${table(['', 'median', 'aim', 'runs'], large)}`}`
}

/** What a tree holds of memory, and what writes cost with and without a snapshot under way. */
function memoryPart(rows: readonly Row[]): string {
  const own = rows.filter(({ bench }) => bench === 'memory')
  if (own.length === 0) return ''
  const cells = own.map(({ what, size, unit, cost, blockMs, peakBytes }) => [
    escaped(what), whole(size), unit === 'bytes' && cost > 1e6 ? `${figure(cost / 1e6)} MB` : `${figure(cost)} ${unit}`,
    blockMs === null ? '' : `${figure(blockMs)} ms`, `${whole(peakBytes / 1e6)} MB`,
  ])
  return `<h2>A large tree, and a snapshot of it under load</h2>
<p class="lead">One peer, 100 bytes in each node, 100 sets under way all the time. Apache ZooKeeper's
sets, in the table above, wait for a snapshot that it takes with snapCount=1000000.</p>
${table(['', 'znodes', '', 'longest turn', 'peak resident'], cells)}`
}

function scalingPart(all: readonly Row[]): string {
  const rows = all.filter(({ bench }) => bench !== 'memory')
  if (rows.length === 0) return ''
  const plots = [...new Set(rows.map(({ bench }) => bench))].map((bench) => {
    const own = rows.filter((row) => row.bench === bench && row.unit === 'us')
    const lines = [...new Set(own.map(({ what }) => what))].map((what) => ({
      label: what, points: own.filter((row) => row.what === what).map(({ size, cost }) => [size, cost] as const),
    }))
    return `<figure><figcaption>${escaped(bench)}</figcaption>${logPlot(lines, bench, 'us')}</figure>`
  })
  const grown = [...new Set(rows.map(({ bench }) => bench))].flatMap((bench) =>
    growths(rows.filter((row) => row.bench === bench)).map((growth) => [
      escaped(`${bench}: ${growth.what}`), `${whole(growth.from)} to ${whole(growth.to)}`, `x ${figure(growth.times)}`,
      marked(figure(growth.exponent), growth.exponent >= STEEP),
      marked(figure(growth.longestBlockMs), growth.longestBlockMs > BLOCK_MS),
    ]))
  const every = rows.map(({ bench, what, size, unit, cost, blockMs, peakBytes }) => [
    escaped(`${bench}: ${what}`), whole(size), `${figure(cost)} ${unit}`,
    blockMs === null ? '' : `${figure(blockMs)} ms`, `${whole(peakBytes / 1e6)} MB`,
  ])
  return `<h2>As everything grows</h2>
<p class="lead">What one operation costs, by size, both logarithmic: a flat line does not grow. A turn is the longest
time that the event loop of the peer was away, as far as its process was running.</p>
<div class="plots">${plots.join('\n')}</div>
<h3>Growth</h3>
${table(['', 'sizes', 'cost, last by first', 'exponent of the last step', 'longest turn, ms'], grown)}
<details><summary>Every figure</summary>
${table(['', 'size', 'cost', 'longest turn', 'peak resident'], every)}</details>`
}

/** `>= 10`; empty where nothing is aimed at. */
function aimText(aim: Aim | null, text: (value: number) => string): string {
  if (aim === null) return ''
  return aim.least === undefined ? `&le; ${text(aim.most ?? Infinity)}` : `&ge; ${text(aim.least)}`
}

function marked(text: string, isBad: boolean): string {
  return isBad ? `<span class="bad">${text}</span>` : text
}

/** The whole report as one page that needs nothing else. */
export function page(report: Report): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>vivarium, measured</title><style>${STYLE}</style></head><body>
<h1>vivarium, measured</h1>
<p class="lead"><span class="key l0">vivarium</span> <span class="key l1">Apache ZooKeeper</span></p>
${settingPart(report)}
${[1, 3].map((servers) => workloadPart(report.workloads, servers)).join('\n')}
${duelPart(report.duels)}
${inProcessPart(report)}
${memoryPart(report.scaling)}
${scalingPart(report.scaling)}
<script type="application/json" id="report">${JSON.stringify(report).replaceAll('<', '\\u003c')}</script>
</body></html>
`
}
