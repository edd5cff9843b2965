import type { Disk } from '../disk.ts'
import { figure } from '../median.ts'
import type { SampleFigures } from '../recipes/sample.ts'
import { misses, ratioAim } from './aims.ts'
import { aimText, marked, table, whole } from './markup.ts'
import type { Duel, RecipeResult, Report, WorkloadResult } from './report.ts'
import { memoryPart, scalingPart } from './scaling-part.ts'
import { STYLE } from './style.ts'
import { barChart, escaped } from './svg.ts'
import type { Bar } from './svg.ts'

function settingPart({ setting, notes }: Report): string {
  const entries: (readonly [string, string])[] = [
    ['measured', setting.startedAt], ['machine', `${setting.cpu}, ${setting.cores} cores, ` +
      `${(setting.memoryBytes / 2 ** 30).toFixed(0)} GiB, ${setting.system}; shared by servers and load`],
    ['data in', diskText(setting.disk)], ['load average at the start', setting.loadAtStart.toFixed(1)],
    ['Node', setting.node], ['vivarium', setting.vivarium],
    ['Apache ZooKeeper', setting.apache === null ? 'not installed' : `${setting.apache}, Java ${setting.java}, -Xmx4g`],
    ...setting.durability.map(([program, what]) => [`durability, ${program}`, what] as const),
  ]
  const list = entries.map(([name, what]) => `<dt>${escaped(name)}</dt><dd>${escaped(what)}</dd>`).join('\n')
  const noted = notes.map((note) => `<p class="bad">${escaped(note)}</p>`).join('\n')
  return `<dl>${list}<dt>repeat it</dt><dd><code>${escaped(setting.command)}</code></dd></dl>\n${noted}`
}

function diskText({ folder, fileSystem, appendUs, overwriteUs }: Disk): string {
  return `${folder}, ${fileSystem}; 4 KiB written and flushed in ${whole(appendUs)} us at the end of a file, in ` +
    `${whole(overwriteUs)} us within it (medians)`
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

function workloadPart({ workloads, setting: { runs, seconds } }: Report, servers: number): string {
  const own = workloads.filter((result) => result.servers === servers)
  if (own.length === 0) return ''
  const ratios = own.flatMap(({ workload, ratio }): Bar[] =>
    ratio === null ? [] : [{ label: workload, value: ratio, text: `x ${figure(ratio)}`, style: 'ours' }])
  const tails = own.flatMap(({ workload, ours, theirs }): Bar[] => [
    ...theirs === null ? [] : [tailBar(workload, theirs.p99Us, 'theirs')],
    tailBar(theirs === null ? workload : '', ours.p99Us, 'ours'),
  ])
  return `<h2>${servers === 1 ? 'One server' : `${servers} servers`}</h2>
<p class="lead">Requests of ZooKeeper's protocol over TCP. A figure is the median of ${runs} runs of ${seconds} s after
one that does not count, p99 the median of the p99 of the runs. A ratio is the median of the ratios of pairs of runs,
one program right after the other.</p>
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
<p class="lead">Medians of as many runs as are listed, none left out; where there are several, the programs took turns,
but for the restarts, which follow each other.</p>
${table(['', 'ZooKeeper', 'vivarium', 'aim', 'each run of vivarium'], rows)}`
}

function inProcessPart({ figures, macro, setting: { seconds } }: Report): string {
  if (figures.length + macro.length === 0) return ''
  const small = figures.map(({ name, unit, value, aim }) => {
    const most = aim === null ? null : { most: aim }
    return [escaped(name), marked(`${figure(value)} ${unit}`, misses(value, most)), aimText(most, figure)]
  })
  const large = macro.map(({ name, unit, aim, median, runs }) =>
    [escaped(name), marked(`${whole(median)} ${escaped(unit)}`, misses(median, aim)), aimText(aim, whole),
      runs.map(whole).join(', ')])
  return `<h2>In the process of an application</h2>
${small.length === 0 ? '' : `<p class="lead">Means over at least 0.3 s of processor time, garbage that was collected
included; of storages also quantiles, over 0.8 s.</p>${table(['operation', '', 'aim'], small)}`}
${large.length === 0 ? '' : `<h3>Whole peers</h3><p class="lead">Medians of the runs that are listed; sets are
counted for ${seconds} s each time, when half a second or more of them is over.</p>
${table(['', 'median', 'aim', 'runs'], large)}`}`
}

/** What recipes take. */
function recipesPart(recipes: readonly RecipeResult[]): string {
  if (recipes.length === 0) return ''
  const rate = (one: SampleFigures | null): string => one?.perSecond === undefined ? '' : whole(one.perSecond)
  const rows = recipes.map(({ what, ours, theirs }) => [
    escaped(what), theirs === null ? '' : `${figure(theirs.p50Ms)} ms`, `${figure(ours.p50Ms)} ms`,
    theirs === null ? '' : `${figure(theirs.p99Ms)} ms`, `${figure(ours.p99Ms)} ms`, rate(theirs), rate(ours),
    whole(ours.count),
  ])
  return `<h2>Recipes</h2>
<p class="lead">By vivarium's client; over TCP on three servers of either program, on the disk, whose sessions may be
as short as a second. One run; a lock is taken and let go for half a second before it counts.</p>
${table(['', 'p50, ZooKeeper', 'vivarium', 'p99, ZooKeeper', 'vivarium', 'per second, ZooKeeper', 'vivarium', 'times'],
    rows)}`
}

/** The whole report as one page that needs nothing else. */
export function page(report: Report): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>vivarium, measured</title><style>${STYLE}</style></head><body>
<h1>vivarium, measured</h1>
<p class="lead"><span class="key l0">vivarium</span> <span class="key l1">Apache ZooKeeper</span></p>
${settingPart(report)}
${[1, 3].map((servers) => workloadPart(report, servers)).join('\n')}
${duelPart(report.duels)}
${inProcessPart(report)}
${memoryPart(report.scaling)}
${scalingPart(report)}
${recipesPart(report.recipes)}
<script type="application/json" id="report">${JSON.stringify(report).replaceAll('<', '\\u003c')}</script>
</body></html>
`
}
