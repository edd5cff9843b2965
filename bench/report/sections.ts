import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Figure } from '../figure.ts'
import { median } from '../median.ts'
import { restartTimes, serverFolder, startTimes } from '../scaling/start.ts'
import type { Row } from '../scaling/row.ts'
import { VIVARIUM, startServers } from '../servers.ts'
import type { Program, Servers } from '../servers.ts'
import type { Measured } from '../traffic/generator.ts'
import { measurePairs, ratioOf, summary } from '../traffic/pairs.ts'
import { WORKLOADS } from '../traffic/workloads.ts'
import { oneValue, runBench } from './child.ts'
import { failover } from './failover.ts'
import type { Duel, MacroFigure, Report } from './report.ts'

/** What is measured, and how long. */
export interface Plan {
  readonly runs: number
  readonly seconds: number
  readonly nodes: number
  /** Sizes of the scaling benches above it are left out. */
  readonly largest: number
  readonly apache: Program | null
  /** Tells what is being done. */
  step(text: string): void
  /** Something is worth being kept. */
  saved(): void
}

/** Adds what it measured to a report. */
export type Section = (report: Report, plan: Plan) => Promise<void>

function runOnce(servers: Servers, workload: string, seconds: number): Promise<Measured> {
  const hosts = servers.hosts.join(',')
  return oneValue('traffic/main.js', ['--json', '--hosts', hosts, '--only', workload, '--seconds', String(seconds)])
}

async function alone(servers: Servers, workload: string, { runs, seconds }: Plan): Promise<Measured[]> {
  const measured: Measured[] = []
  for (let run = 0; run <= runs; run++) measured.push(await runOnce(servers, workload, seconds))
  return measured.slice(1)
}

/** The nine workloads against `count` servers of both programs, which run side by side and are loaded in turn. */
async function workloadsOn(count: number, report: Report, plan: Plan): Promise<void> {
  const ours = await startServers(VIVARIUM, count, serverFolder())
  const theirs = plan.apache === null ? null : await startServers(plan.apache, count, serverFolder())
  try {
    for (const { name } of WORKLOADS) {
      plan.step(`${count} server${count === 1 ? '' : 's'}, ${name}`)
      const pairs = theirs === null
        ? { workload: name, ours: await alone(ours, name, plan), theirs: [] }
        : await measurePairs(name, plan.runs, () => runOnce(theirs, name, plan.seconds),
          () => runOnce(ours, name, plan.seconds))
      report.workloads.push({
        servers: count, workload: name, ratio: theirs === null ? null : ratioOf(pairs), ours: summary(pairs.ours),
        theirs: theirs === null ? null : summary(pairs.theirs), ourRuns: pairs.ours, theirRuns: pairs.theirs,
      })
      plan.saved()
    }
  } finally {
    await ours.stop()
    await theirs?.stop()
  }
}

const workloads: Section = async (report, plan) => {
  for (const count of [1, 3]) await workloadsOn(count, report, plan)
}

/** Both programs in turn. */
async function duel(
  plan: Plan, what: string, unit: Duel['unit'], runs: number, measure: (program: Program) => Promise<number>,
): Promise<Duel> {
  const ourRuns: number[] = []
  const theirRuns: number[] = []
  for (let run = 0; run < runs; run++) {
    plan.step(`${what}, run ${run + 1} of ${runs}`)
    ourRuns.push(await measure(VIVARIUM))
    if (plan.apache !== null) theirRuns.push(await measure(plan.apache))
  }
  const theirs = plan.apache === null ? null : median(theirRuns)
  return { what, unit, ours: median(ourRuns), theirs, ourRuns, theirRuns }
}

const starts: Section = async (report, plan) => {
  for (const count of [1, 3]) {
    const what = `start to serving, ${count === 1 ? '1 server' : '3 servers together'}`
    report.duels.push(await duel(plan, what, 'ms', plan.runs, async (program) =>
      (await startTimes(program, count, 1)).medianMs))
    plan.saved()
  }
  report.duels.push(await duel(plan, 'resident when idle', 'bytes', 1, async (program) =>
    (await startTimes(program, 1, 1)).idleBytes))
}

const failovers: Section = async (report, plan) => {
  const what = 'leader killed, to the next acknowledged write'
  report.duels.push(await duel(plan, what, 'ms', Math.max(plan.runs, plan.runs > 1 ? 10 : 1), failover))
}

const memory: Section = async (report, plan) => {
  const { nodes, apache } = plan
  const tree = `${nodes.toLocaleString('en')} znodes of 100 bytes`
  plan.step(`${tree}: fill, kill, start again`)
  const ours = await restartTimes(VIVARIUM, nodes, plan.runs)
  const theirs = apache === null ? null : await restartTimes(apache, nodes, plan.runs)
  report.duels.push({
    what: `restart on ${tree}`, unit: 'ms', ours: ours.medianMs, theirs: theirs?.medianMs ?? null,
    ourRuns: ours.allMs, theirRuns: theirs?.allMs ?? [],
  })
  for (const [what, figure] of [['filled', 'bytesPerNode'], ['after the restart', 'bytesPerNodeAfter']] as const) {
    const [own, other] = [ours[figure], theirs?.[figure] ?? null]
    report.duels.push({
      what: `resident of each of ${tree}, ${what}`, unit: 'bytes', ours: own, theirs: other,
      ourRuns: [own], theirRuns: other === null ? [] : [other],
    })
  }
}

const inProcess: Section = async (report, plan) => {
  await runBench('run.js', ['--json', '--only', 'reads,step,tree,codec'], (value) => {
    report.figures.push(value as Figure)
    plan.step(`in process, ${(value as Figure).name}`)
  })
  plan.saved()
  const names = ['set-1-memory', 'set-3-memory', 'set-1-durable', 'set-3-processes', 'first-write']
  for (const name of names) {
    plan.step(`in process, ${name}`)
    const args = ['--json', '--only', name, '--runs', String(plan.runs), '--seconds', String(plan.seconds)]
    report.macro.push(await oneValue<MacroFigure>('macro.js', args))
  }
}

const scaling: Section = async (report, plan) => {
  const args = ['--json', ...Number.isFinite(plan.largest) ? ['--largest', String(plan.largest)] : []]
  const only = 'reads,znodes,watches,in-flight,connections,children,depth,multi,ephemerals,memory'
  await runBench('scaling/main.js', [...args, '--only', only], (value) => {
    const row = value as Row
    if (report.scaling.at(-1)?.bench !== row.bench) plan.saved()
    report.scaling.push(row)
    plan.step(`scaling, ${row.bench}, ${row.what}, ${row.size.toLocaleString('en')}`)
  })
}

/** By name, in the order in which they are measured. */
export const SECTIONS: Readonly<Record<string, Section>> =
  { workloads, failover: failovers, start: starts, memory, inProcess, scaling }

/** A folder for what the servers of a report share, until it is done. */
export async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'vivarium-report-'))
  try {
    await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
