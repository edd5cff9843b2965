/** `npm run bench:report`: see HELP. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem, type } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { VIVARIUM, apacheZooKeeper } from '../servers.ts'
import type { Program } from '../servers.ts'
import { markdown } from './markdown.ts'
import { page } from './page.ts'
import type { Report, Setting } from './report.ts'
import { SECTIONS, withFolder } from './sections.ts'

const HELP = `npm run bench:report -- [--runs 5] [--seconds 4] [--only SECTION,...] [--out bench-report] [--quick]

Measures everything, side by side with Apache ZooKeeper where Debian's package and Java are installed, and writes
index.html, which needs nothing else, report.json, and ratios.md. What is done so far is kept after each step.
Sections: ${Object.keys(SECTIONS).join(', ')}
--quick: 1 run of 1 s, and small sizes: to see that all works. All of it takes about an hour and a half.
`
const { values } = parseArgs({
  options: {
    runs: { type: 'string' }, seconds: { type: 'string' }, only: { type: 'string', default: '' },
    out: { type: 'string', default: 'bench-report' }, quick: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const runs = Number(values.runs ?? (values.quick ? 1 : 5))
const seconds = Number(values.seconds ?? (values.quick ? 1 : 4))
const QUICK_NODES = 20_000
const NODES = 1_400_000

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
    memoryBytes: totalmem(), system: `${type()} ${release()}`, loadAtStart: loadavg()[0]!, node: process.version,
    vivarium: `${VIVARIUM.version}${commit()}`, apache: apache?.version ?? null,
    java: apache === null ? null : javaVersion(), runs, seconds,
    durability: programs.map(({ name, durability }) => [name, durability]),
    command: ['npm run bench:report --', ...process.argv.slice(2)].join(' '),
  }
}

async function measure(names: readonly string[], folder: string): Promise<void> {
  const apache = apacheZooKeeper(folder)
  const report: Report = {
    setting: setting(apache), workloads: [], duels: [], figures: [], macro: [], scaling: [], notes: [],
  }
  if (apache === null) report.notes.push('Apache ZooKeeper (/usr/share/java/zookeeper.jar) or Java is not installed.')
  for (const note of report.notes) print(note)
  mkdirSync(values.out, { recursive: true })
  const save = (): void => {
    writeFileSync(join(values.out, 'report.json'), `${JSON.stringify(report, null, 1)}\n`)
    writeFileSync(join(values.out, 'index.html'), page(report))
    writeFileSync(join(values.out, 'ratios.md'), markdown(report))
  }
  const startedMs = performance.now()
  const step = (text: string): void => {
    const minutes = ((performance.now() - startedMs) / 60_000).toFixed(1)
    print(`${minutes.padStart(6)} min  load ${loadavg()[0]!.toFixed(1).padStart(4)}  ${text}`)
  }
  const plan = {
    runs, seconds, apache, step, saved: save, nodes: values.quick ? QUICK_NODES : NODES,
    largest: values.quick ? QUICK_NODES : Infinity,
  }
  for (const name of names) {
    try {
      await SECTIONS[name]!(report, plan)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      report.notes.push(`${name} ended early: ${reason}`)
      print(`${name} ended early: ${reason}`)
      process.exitCode = 1
    }
    save()
  }
  step(`written: ${join(values.out, 'index.html')}`)
}

async function main(): Promise<void> {
  const names = values.only === '' ? Object.keys(SECTIONS) : values.only.split(',')
  const unknown = names.filter((name) => !Object.hasOwn(SECTIONS, name))
  if (values.help || unknown.length > 0) {
    if (unknown.length > 0) print(`no section named ${unknown.join(', ')}`)
    process.stdout.write(HELP)
    process.exitCode = values.help ? 0 : 2
    return
  }
  await withFolder((folder) => measure(names, folder))
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
  process.exit(1)
})
