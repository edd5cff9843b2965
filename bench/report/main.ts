/** `npm run bench:report`: see HELP. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, release, tmpdir, totalmem, type } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { diskOf } from '../disk.ts'
import { growths } from '../scaling/row.ts'
import { VIVARIUM, apacheZooKeeper } from '../servers.ts'
import type { Program } from '../servers.ts'
import { markdown } from './markdown.ts'
import { page } from './page.ts'
import { Progress } from './progress.ts'
import type { Report, Setting } from './report.ts'
import type { Extent, Plan } from './section.ts'
import { SECTIONS, withFolder } from './sections.ts'

const RUNS = 5
const SECONDS = 1.5
const QUICK_NODES = 20_000
const NODES = 1_400_000

const HELP = `npm run bench:report -- [--runs ${RUNS}] [--seconds ${SECONDS}] [--only SECTION,...] [--quick] [--out DIR]

Measures everything, side by side with Apache ZooKeeper where Debian's package and Java are installed, and writes
index.html, which needs nothing else, report.json and ratios.md to bench-report/ or DIR. What is done so far is
kept after each step.
--quick: 1 run of 1 s, and small sizes: to see that all works.

Sections, with the minutes that they take with these options on two cores that have nothing else to do:
`
const { values } = parseArgs({
  options: {
    runs: { type: 'string' }, seconds: { type: 'string' }, only: { type: 'string', default: '' },
    out: { type: 'string', default: 'bench-report' }, quick: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const runs = Number(values.runs ?? (values.quick ? 1 : RUNS))
const seconds = Number(values.seconds ?? (values.quick ? 1 : SECONDS))

function extentOf(apache: Program | null): Extent {
  return {
    runs, seconds, apache, nodes: values.quick ? QUICK_NODES : NODES, largest: values.quick ? QUICK_NODES : Infinity,
  }
}

function secondsOf(names: readonly string[], extent: Extent): number {
  return names.reduce((sum, name) => sum + SECTIONS[name]!.seconds(extent), 0)
}

const TELLS: Readonly<Record<string, string>> = {
  workloads: 'nine workloads over TCP, 1 and 3 servers of each program: medians of pairs of runs',
  failover: 'the leader of three killed, ten times',
  start: 'start to serving, 1 and 3 servers, and what an idle one takes of memory',
  memory: '1.4 million znodes: memory, restart, a snapshot under load',
  inProcess: 'reads, writes, encodings, the storage alone and whole peers in one process',
  scaling: 'what an operation costs as everything grows, and the longest turn of the event loop',
  recipes: 'locks alone, handed over and left behind, and a cache that catches up',
}

function help(names: readonly string[], extent: Extent): string {
  const lines = names.map((name) =>
    `  ${name.padEnd(10)} ${(secondsOf([name], extent) / 60).toFixed(1).padStart(5)}  ${TELLS[name] ?? ''}\n`)
  const all = `  ${'all'.padEnd(10)} ${(secondsOf(names, extent) / 60).toFixed(1).padStart(5)}\n`
  return HELP + lines.join('') + all
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

function javaVersion(): string | null {
  const { stderr } = spawnSync('java', ['-version'], { encoding: 'utf8' })
  return /"(.+?)"/.exec(stderr ?? '')?.[1] ?? null
}

function commit(): string {
  try {
    return ` (${execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8', stdio: 'pipe' }).trim()})`
  } catch (error) {
    if (!(error instanceof Error)) throw error
    return ''
  }
}

function setting(apache: Program | null): Setting {
  const programs = apache === null ? [VIVARIUM] : [VIVARIUM, apache]
  return {
    startedAt: new Date().toISOString(), cpu: cpus()[0]?.model ?? 'unknown CPU', cores: cpus().length,
    memoryBytes: totalmem(), system: `${type()} ${release()}`, loadAtStart: loadavg()[0]!, disk: diskOf(tmpdir()),
    node: process.version, vivarium: `${VIVARIUM.version}${commit()}`, apache: apache?.version ?? null,
    java: apache === null ? null : javaVersion(), runs, seconds,
    durability: programs.map(({ name, durability }) => [name, durability]),
    command: ['npm run bench:report --', ...process.argv.slice(2)].join(' '),
  }
}

async function measure(names: readonly string[], folder: string): Promise<void> {
  const apache = apacheZooKeeper(folder)
  const report: Report = {
    setting: setting(apache), workloads: [], duels: [], figures: [], macro: [], scaling: [], apacheScaling: [],
    growths: [], apacheGrowths: [], recipes: [], notes: [],
  }
  if (apache === null) report.notes.push('Apache ZooKeeper (/usr/share/java/zookeeper.jar) or Java is not installed.')
  const { folder: data, fileSystem, isMemory } = report.setting.disk
  if (isMemory) {
    report.notes.push(`Data lie in ${data}, which is memory (${fileSystem}): durable figures say nothing of a disk. ` +
      'Another folder by TMPDIR.')
  }
  for (const note of report.notes) print(note)
  mkdirSync(values.out, { recursive: true })
  const save = (): void => {
    report.growths = growths(report.scaling)
    report.apacheGrowths = growths(report.apacheScaling)
    writeFileSync(join(values.out, 'report.json'), `${JSON.stringify(report, null, 1)}\n`)
    writeFileSync(join(values.out, 'index.html'), page(report))
    writeFileSync(join(values.out, 'ratios.md'), markdown(report))
  }
  const extent = extentOf(apache)
  const progress = new Progress(secondsOf(names, extent))
  const tell = (text: string): void => {
    print(`${progress.text}  load ${loadavg()[0]!.toFixed(1).padStart(4)}  ${text}`)
  }
  const plan: Plan = {
    ...extent, saved: save,
    step: (text, stepSeconds) => {
      progress.step(stepSeconds)
      tell(text)
    },
  }
  for (const [at, name] of names.entries()) {
    try {
      await SECTIONS[name]!.measure(report, plan)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      report.notes.push(`${name} ended early: ${reason}`)
      print(`${name} ended early: ${reason}`)
      process.exitCode = 1
    }
    progress.reached(secondsOf(names.slice(0, at + 1), extent))
    save()
  }
  tell(`written: ${join(values.out, 'index.html')}`)
}

async function main(): Promise<void> {
  const names = values.only === '' ? Object.keys(SECTIONS) : values.only.split(',')
  const unknown = names.filter((name) => !Object.hasOwn(SECTIONS, name))
  if (unknown.length > 0) print(`no section named ${unknown.join(', ')}`)
  if (values.help || unknown.length > 0) {
    await withFolder(async (folder) => {
      process.stdout.write(help(Object.keys(SECTIONS), extentOf(apacheZooKeeper(folder))))
    })
    process.exitCode = values.help ? 0 : 2
    return
  }
  await withFolder((folder) => measure(names, folder))
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
  process.exit(1)
})
