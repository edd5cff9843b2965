/** Load for any server of ZooKeeper's protocol, and two of them side by side: see HELP. */
import { spawn } from 'node:child_process'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { fileURLToPath } from 'node:url'
import { figure } from '../median.ts'
import { generate } from './generator.ts'
import type { Measured } from './generator.ts'
import { measurePairs, ratioOf, summary } from './pairs.ts'
import { WORKLOADS, workloads } from './workloads.ts'

const HELP = `npm run bench:load -- --hosts HOST:PORT[,...] [--only NAME,...] [--seconds 4] [--runs 1] [--json]
npm run bench:load -- --hosts HOST:PORT[,...] --against HOST:PORT[,...] [--runs 5]   both in turn, and their ratio
npm run bench:load -- --canned                      against a server that does nothing: the most that can be measured

Workloads: ${WORKLOADS.map(({ name }) => name).join(', ')}
With --runs the figures are medians. A ratio is the median of the ratios of pairs that ran one after the other.
`
const { values } = parseArgs({
  options: {
    hosts: { type: 'string', default: '' }, against: { type: 'string', default: '' },
    only: { type: 'string', default: '' }, seconds: { type: 'string', default: '4' },
    runs: { type: 'string', default: '1' }, json: { type: 'boolean', default: false },
    canned: { type: 'boolean', default: false }, help: { type: 'boolean', default: false },
  },
})
const seconds = Number(values.seconds)
const runs = Number(values.runs)

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

function row(name: string, columns: readonly string[]): void {
  print([name.padEnd(20), ...columns.map((column) => column.padStart(12))].join(' '))
}

async function alone(hosts: readonly string[]): Promise<void> {
  if (!values.json) row('workload', ['ops/s', 'p50 us', 'p99 us', 'p99.9 us', 'max us', 'errors'])
  for (const workload of workloads(values.only)) {
    const all: Measured[] = []
    for (let run = 0; run < runs; run++) all.push(await generate(hosts, workload, seconds))
    if (values.json) {
      print(JSON.stringify(runs === 1 ? all[0] : { workload: workload.name, median: summary(all), runs: all }))
      continue
    }
    const { perSecond, p50Us, p99Us, p999Us, maxUs, errors } = summary(all)
    row(workload.name, [perSecond, p50Us, p99Us, p999Us, maxUs, errors].map(whole))
  }
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en')
}

async function beside(ours: readonly string[], theirs: readonly string[]): Promise<void> {
  if (!values.json) {
    row('workload', ['against /s', 'hosts /s', 'ratio', 'against p50', 'hosts p50', 'against p99', 'hosts p99'])
  }
  for (const workload of workloads(values.only)) {
    const pairs = await measurePairs(workload.name, runs,
      () => generate(theirs, workload, seconds), () => generate(ours, workload, seconds))
    if (values.json) {
      print(JSON.stringify({ ratio: ratioOf(pairs), ...pairs }))
      continue
    }
    const their = summary(pairs.theirs)
    const our = summary(pairs.ours)
    const failed = their.errors + our.errors === 0 ? '' : `  errors: ${their.errors} ${our.errors}`
    row(workload.name, [whole(their.perSecond), whole(our.perSecond), figure(ratioOf(pairs)), whole(their.p50Us),
      whole(our.p50Us), whole(their.p99Us), whole(our.p99Us) + failed])
  }
}

async function canned(): Promise<void> {
  const script = fileURLToPath(new URL('canned.js', import.meta.url))
  const server = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const port = await new Promise<string>((resolve) => server.stdout.once('data', (chunk) => resolve(String(chunk))))
    await alone([`127.0.0.1:${port.trim()}`])
  } finally {
    server.kill()
  }
}

function hostsOf(text: string): string[] {
  return text.split(',').map((host) => host.trim()).filter((host) => host !== '')
}

async function main(): Promise<number> {
  const hosts = hostsOf(values.hosts)
  if (values.help || (hosts.length === 0 && !values.canned)) {
    process.stdout.write(HELP)
    return values.help ? 0 : 2
  }
  if (!values.json) print(`Node ${process.version}, ${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores`)
  if (values.canned) await canned()
  else if (values.against === '') await alone(hosts)
  else await beside(hosts, hostsOf(values.against))
  return 0
}

main().then((code) => { process.exitCode = code }, (error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
})
