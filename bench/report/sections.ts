import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Figure } from '../figure.ts'
import { idleBytes, serverFolder, startTime } from '../scaling/start.ts'
import type { Row } from '../scaling/row.ts'
import { VIVARIUM, startServers } from '../servers.ts'
import type { Program, Servers } from '../servers.ts'
import type { Measured } from '../traffic/generator.ts'
import { measurePairs, ratioOf, summary } from '../traffic/pairs.ts'
import { WORKLOADS } from '../traffic/workloads.ts'
import type { Workload } from '../traffic/workloads.ts'
import { FAILOVER_AIM, IDLE_AIM, START_AIMS } from './aims.ts'
import { oneValue, runBench } from './child.ts'
import { failover } from './failover.ts'
import { largeTree } from './large-tree.ts'
import { recipes } from './recipes.ts'
import type { MacroFigure, Report } from './report.ts'
import { duel } from './section.ts'
import type { Extent, Plan, Section } from './section.ts'

const SERVERS = [1, 3]
/** Both programs are loaded for so long before anything counts: a JVM compiles what is used. */
const WARM_SECONDS = 5
const FAILOVERS = 10
const MACRO = ['set-1-memory', 'set-3-memory', 'set-1-durable', 'set-3-processes', 'first-write']
/** Seconds of the scaling benches on two cores that have nothing else to do, in the order in which they are run. */
const SCALING_SECONDS: Readonly<Record<string, number>> = {
  reads: 45, znodes: 30, watches: 70, 'in-flight': 15, connections: 28, children: 62, depth: 8, multi: 18,
  ephemerals: 12,
}
/** Of the same with Apache ZooKeeper, whose largest sizes are left out. */
const APACHE_SCALING_SECONDS = 25
const APACHE_LARGEST = 100_000

async function runOnce(servers: Servers, workload: string, seconds: number): Promise<Measured> {
  const hosts = servers.hosts.join(',')
  try {
    const args = ['--json', '--hosts', hosts, '--only', workload, '--seconds', String(seconds)]
    return await oneValue('traffic/main.js', args)
  } catch (error) {
    const ended = servers.servers.filter(({ child }) => child.exitCode !== null || child.signalCode !== null)
    const reason = error instanceof Error ? error.message : String(error)
    const which = `${servers.program.name}, ${ended.length} of ${servers.servers.length} servers ended`
    throw new Error(`${workload} on ${hosts} (${which}): ${reason}`, { cause: error })
  }
}

async function alone(servers: Servers, workload: string, { runs, seconds }: Plan): Promise<Measured[]> {
  const measured: Measured[] = []
  for (let run = 0; run <= runs; run++) measured.push(await runOnce(servers, workload, seconds))
  return measured.slice(1)
}

/** Of all runs of a workload: a warm-up, many sessions to open and nodes to delete again. */
function workloadSeconds({ operation, connections }: Workload, { runs, seconds, apache }: Extent): number {
  const run = 0.4 + 1.25 * seconds + (operation === 'create' ? seconds : 0) + connections / 700
  return (runs + 1) * (apache === null ? 1 : 2) * run
}

/** The nine workloads against `count` servers of both programs, which run side by side and are loaded in turn. */
async function workloadsOn(count: number, report: Report, plan: Plan): Promise<void> {
  const name = `${count} server${count === 1 ? '' : 's'}`
  plan.step(`${name}: start and warm up`, 5 + 2 * WARM_SECONDS)
  const ours = await startServers(VIVARIUM, count, serverFolder())
  const theirs = plan.apache === null ? null : await startServers(plan.apache, count, serverFolder())
  try {
    for (const servers of [ours, theirs]) {
      if (servers !== null) await runOnce(servers, 'mixed-pipelined', Math.min(WARM_SECONDS, plan.seconds * 3))
    }
    for (const workload of WORKLOADS) {
      plan.step(`${name}, ${workload.name}`, workloadSeconds(workload, plan))
      const pairs = theirs === null
        ? { workload: workload.name, ours: await alone(ours, workload.name, plan), theirs: [] }
        : await measurePairs(workload.name, plan.runs, () => runOnce(theirs, workload.name, plan.seconds),
          () => runOnce(ours, workload.name, plan.seconds))
      report.workloads.push({
        servers: count, workload: workload.name, ratio: theirs === null ? null : ratioOf(pairs),
        ours: summary(pairs.ours), theirs: theirs === null ? null : summary(pairs.theirs), ourRuns: pairs.ours,
        theirRuns: pairs.theirs,
      })
      plan.saved()
    }
  } finally {
    await ours.stop()
    await theirs?.stop()
  }
}

const workloads: Section = {
  seconds: (plan) => SERVERS.length * (5 + 2 * WARM_SECONDS +
    WORKLOADS.reduce((sum, workload) => sum + workloadSeconds(workload, plan), 0)),
  measure: async (report, plan) => {
    for (const count of SERVERS) await workloadsOn(count, report, plan)
  },
}

const failoverRuns = ({ runs }: Extent): number => Math.max(runs, runs > 1 ? FAILOVERS : 1)
const FAILOVER_SECONDS = 8

const failovers: Section = {
  seconds: (plan) => failoverRuns(plan) * FAILOVER_SECONDS,
  measure: async (report, plan) => {
    report.duels.push(await duel(plan, {
      what: 'leader killed: longest time between acknowledged writes', unit: 'ms', aim: FAILOVER_AIM,
      runs: failoverRuns(plan), seconds: FAILOVER_SECONDS, measure: failover,
    }))
  },
}

const START_SECONDS: Readonly<Record<number, number>> = { 1: 2, 3: 4 }
const IDLE_SECONDS = 6

const starts: Section = {
  seconds: ({ runs }) => runs * (START_SECONDS[1]! + START_SECONDS[3]!) + IDLE_SECONDS,
  measure: async (report, plan) => {
    for (const count of SERVERS) {
      report.duels.push(await duel(plan, {
        what: `start to serving, ${count === 1 ? '1 server' : '3 servers together'}`, unit: 'ms',
        aim: START_AIMS[count]!, runs: plan.runs, seconds: START_SECONDS[count]!,
        measure: (program: Program) => startTime(program, count),
      }))
      plan.saved()
    }
    report.duels.push(await duel(plan, {
      what: 'resident when idle', unit: 'bytes', aim: IDLE_AIM, runs: 1, seconds: IDLE_SECONDS, measure: idleBytes,
    }))
  },
}

const SMALL_SECONDS = 19
const macroSeconds = ({ runs, seconds }: Extent): number => runs * (seconds + 1.5)

const inProcess: Section = {
  seconds: (plan) => SMALL_SECONDS + MACRO.length * macroSeconds(plan),
  measure: async (report, plan) => {
    plan.step('in process, small operations', SMALL_SECONDS)
    await runBench('run.js', ['--json', '--only', 'reads,step,tree,codec,storage'], (value) => {
      report.figures.push(value as Figure)
    })
    plan.saved()
    for (const name of MACRO) {
      plan.step(`in process, ${name}`, macroSeconds(plan))
      const args = ['--json', '--only', name, '--runs', String(plan.runs), '--seconds', String(plan.seconds)]
      report.macro.push(await oneValue<MacroFigure>('macro.js', args))
    }
  },
}

const scaling: Section = {
  seconds: ({ apache }) => Object.values(SCALING_SECONDS).reduce((sum, seconds) =>
    sum + seconds + (apache === null ? 0 : APACHE_SCALING_SECONDS), 0),
  measure: async (report, plan) => {
    const run = async (name: string, largest: number, rows: Row[], ...options: readonly string[]): Promise<void> => {
      const extent = Number.isFinite(largest) ? ['--largest', String(largest)] : []
      await runBench('scaling/main.js', ['--json', ...extent, '--only', name, ...options], (value) => {
        rows.push(value as Row)
      })
      plan.saved()
    }
    for (const [name, seconds] of Object.entries(SCALING_SECONDS)) {
      plan.step(`scaling, ${name}`, seconds)
      await run(name, plan.largest, report.scaling)
      if (plan.apache === null) continue
      plan.step(`scaling, ${name}, Apache ZooKeeper`, APACHE_SCALING_SECONDS)
      try {
        await run(name, Math.min(plan.largest, APACHE_LARGEST), report.apacheScaling, '--apache')
      } catch (error) {
        if (!(error instanceof Error)) throw error
        report.notes.push(`scaling, ${name}, with Apache ZooKeeper: ${error.message}`)
      }
    }
  },
}

/** By name, in the order in which they are measured. */
export const SECTIONS: Readonly<Record<string, Section>> =
  { workloads, failover: failovers, start: starts, memory: largeTree, inProcess, scaling, recipes }

/** A folder for what the servers of a report share, until it is done. */
export async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'vivarium-report-'))
  try {
    await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
