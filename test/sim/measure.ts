import { Session } from 'node:inspector/promises'
import type { Profiler } from 'node:inspector'
import { findSourceMap } from 'node:module'
import { drawRun } from '../../lib/testing/sim/reduction.ts'
import type { Run } from '../../lib/testing/sim/reduction.ts'
import { play } from '../../lib/testing/sim/run.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'

/** Whatever is called from these files is a check, or what a check needs to know. */
export const CHECKS = new RegExp('/lib/testing/sim/(ghost|conduct|primaries|lost-promises|leases|outcomes|path-states' +
  '|chronicle|session-states|snapshots|soundness|reference|watch-model|timeliness|tree-scan|type-ok|naive|moves' +
  '|claims|recovery|strays|silences|versions|access|wire-trips|client-watches|windows|followed|deeds)\\.ts$')
/** Until the code is compiled. */
const WARM_SEEDS = 4
const SAMPLE_US = 500
const MB = 1024 * 1024

/** What some runs came to, by the CPU time of the process as by the wall. */
interface Speed {
  readonly seeds: number
  readonly simulatedS: number
  readonly steps: number
  readonly wallS: number
  readonly cpuS: number
}

/** What the plan's figures are for (E.1): five voters, ticks of 2 s, a storm. Of the seeds those that were drawn so. */
function isStandard({ plan: { world, ending, isShort } }: Run): boolean {
  const { voters, observers, timing } = world
  return voters === 5 && observers === 0 && timing.tickMs === 2_000 && ending === 'core heals' && !isShort
}

/** Three voters and five requests per second in the mean; all else as it is drawn. */
function light(run: Run): Run {
  const { plan } = run
  const clientPlan = { ...plan.world.clientPlan, opsPerSecond: 5, pipeline: 1 }
  return { ...run, plan: { ...plan, world: { ...plan.world, voters: 3, observers: 0, clients: 5, clientPlan } } }
}

/** `draw` is null for a seed that is left out. */
function speedOf(from: number, ms: number, draw: (seed: number) => Run | null): Speed {
  const codec = makeTxnCodec()
  const [startMs, startCpu] = [performance.now(), process.cpuUsage()]
  let [seeds, simulatedMs, steps] = [0, 0, 0]
  for (let seed = from; seeds === 0 || performance.now() - startMs < ms; seed++) {
    const run = draw(seed)
    if (run === null) continue
    const result = play(run, codec)
    seeds++
    simulatedMs += result.simulatedMs
    steps += result.steps
  }
  const { user, system } = process.cpuUsage(startCpu)
  return {
    seeds, steps, simulatedS: simulatedMs / 1_000, wallS: (performance.now() - startMs) / 1_000,
    cpuS: (user + system) / 1e6,
  }
}

/** The file that a function comes from, were it in a bundle. */
function sourceOf({ url, lineNumber, columnNumber }: Profiler.ProfileNode['callFrame']): string {
  const entry = findSourceMap(url)?.findEntry(lineNumber, columnNumber)
  return entry !== undefined && 'originalSource' in entry ? entry.originalSource : url
}

/** Of all samples so many were in the checks, or in what they called. */
export function shareOf({ nodes }: Pick<Profiler.Profile, 'nodes'>, files: RegExp): number {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const [root] = nodes
  let [all, within] = [0, 0]
  const queue: [id: number, isWithin: boolean][] = root === undefined ? [] : [[root.id, false]]
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const { hitCount = 0, children = [], callFrame } = byId.get(next[0])!
    const { functionName } = callFrame
    const isWithin = next[1] || files.test(sourceOf(callFrame))
    if (functionName !== '(idle)' && functionName !== '(program)') {
      all += hitCount
      if (isWithin) within += hitCount
    }
    for (const child of children) queue.push([child, isWithin])
  }
  return all === 0 ? 0 : within / all
}

async function checksShare(from: number, ms: number): Promise<number> {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_US })
  await session.post('Profiler.start')
  speedOf(from, ms, drawRun)
  const { profile } = await session.post('Profiler.stop')
  session.disconnect()
  return shareOf(profile, CHECKS)
}

/** How fast one core is (E.1): the standard mix, seeds of all kinds, a light mix, what of the time goes into checks. */
export async function measure(ms: number, from: number, print: (text: string) => void): Promise<void> {
  const row = (what: string, figure: string, must: string): void =>
    print(`  ${what.padEnd(56)}${figure.padStart(12)}${must.padStart(24)}`)
  const rounded = (figure: number): string => Math.round(figure).toLocaleString('en')
  const codec = makeTxnCodec()
  const before = process.memoryUsage.rss()
  for (let seed = from; seed < from + WARM_SEEDS; seed++) play(drawRun(seed), codec)
  const standard = speedOf(from, ms / 3, (seed) => {
    const run = drawRun(seed)
    return isStandard(run) ? run : null
  })
  const drawn = speedOf(from, ms / 3, drawRun)
  const most = process.resourceUsage().maxRSS * 1_024
  const thin = speedOf(from, ms / 6, (seed) => light(drawRun(seed)))
  const share = await checksShare(from, ms / 6)
  print(`${standard.seeds} seeds of the standard mix, ${drawn.seeds} as drawn, ${thin.seeds} of the light mix, ` +
    `Node ${process.version}`)
  row('', '', 'at least (aim)')
  row('standard mix: simulated s per s', rounded(standard.simulatedS / standard.wallS), '1,000 (5,000)')
  row('standard mix: simulated s per CPU s', rounded(standard.simulatedS / standard.cpuS), '')
  row('light mix: simulated s per s', rounded(thin.simulatedS / thin.wallS), '5,000 (30,000)')
  row('light mix: simulated s per CPU s', rounded(thin.simulatedS / thin.cpuS), '')
  row('as drawn, all sizes: simulated s per s', rounded(drawn.simulatedS / drawn.wallS), '')
  row('as drawn, all sizes: simulated s per CPU s', rounded(drawn.simulatedS / drawn.cpuS), '')
  row('steps per s', rounded(standard.steps / standard.wallS), '500,000 (2,000,000)')
  row('seeds of 120 simulated s per minute', rounded(standard.simulatedS / 2 / standard.wallS), '500 (2,500)')
  row('seeds of 120 simulated s per CPU minute', rounded(standard.simulatedS / 2 / standard.cpuS), '')
  row('share of the checks, without those of the clients, %', (share * 100).toFixed(1), 'below 50 (25)')
  row('MB resident, most of all runs', rounded(most / MB), 'below 256 (64)')
  row('MB of these before the first run', rounded(before / MB), '')
}
