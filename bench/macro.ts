/**
 * Whole peers under load: what an application that embeds them sees. Each figure is the median of the runs asked for.
 *
 *     npm run bench:macro -- [--only NAME,NAME] [--runs N] [--seconds S] [--json]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createEnsemble, createPeer } from '../lib/index.ts'
import type { Client } from '../lib/index.ts'
import { level } from '../storage/level.ts'
import { pipelined } from './load.ts'
import { median } from './median.ts'
import { failover, startThree, writeOnThree } from './processes.ts'
import { misses } from './report/aims.ts'
import type { Aim } from './report/aims.ts'

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    runs: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const runs = Number(values.runs)
const seconds = Number(values.seconds)

interface Benchmark {
  readonly name: string
  readonly unit: string
  readonly aim: Aim
  readonly run: () => Promise<number>
}

const KEYS = 100
const DATA = new Uint8Array(100).fill(120)

async function fill(zk: Client): Promise<void> {
  for (let key = 0; key < KEYS; key++) await zk.create(`/k${key}`, DATA)
}

/** Pipelined sets per second through one in-process session. */
async function sets(zk: Client): Promise<number> {
  await fill(zk)
  let next = 0
  const set = (): Promise<unknown> => zk.set(`/k${next++ % KEYS}`, DATA)
  await pipelined(set, 2_000, 0.5)
  return pipelined(set, 2_000, seconds)
}

async function inMemory(size: number): Promise<number> {
  const ensemble = await createEnsemble({ size })
  try {
    return await sets(await ensemble.connect())
  } finally {
    await ensemble.stop()
  }
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'vivarium-bench-'))
  try {
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function alone(folder: string): ReturnType<typeof createPeer> {
  return createPeer({ id: 1, ensemble: { name: 'bench', members: { 1: [] } }, transports: [], storage: level(folder) })
}

async function onDisk(): Promise<number> {
  return inFolder(async (folder) => {
    const peer = await alone(folder)
    try {
      return await sets(await peer.connect())
    } finally {
      await peer.stop()
    }
  })
}

async function firstWrite(): Promise<number> {
  return inFolder(async (folder) => {
    const startedMs = performance.now()
    const peer = await alone(join(folder, 'data'))
    const zk = await peer.connect()
    await zk.create('/first', 'x')
    const tookMs = performance.now() - startedMs
    await peer.stop()
    return tookMs
  })
}

async function bytesPerNode(): Promise<number> {
  const nodes = 1_400_000
  return inFolder(async (folder) => {
    const peer = await alone(folder)
    const zk = await peer.connect()
    for (let top = 0; top < 1_000; top++) await zk.create(`/d${top}`)
    const resident = (): number => {
      for (let i = 0; i < 3; i++) (globalThis as { gc?: () => void }).gc?.()
      return process.memoryUsage().rss
    }
    const before = resident()
    let made = 0
    const create = (): Promise<unknown> => {
      const at = made++
      return zk.create(`/d${at % 1_000}/node-${at}`, DATA)
    }
    await pipelined(create, 2_000, Infinity, nodes)
    const grown = (resident() - before) / nodes
    await peer.stop()
    return grown
  })
}

const BENCHMARKS: readonly Benchmark[] = [
  { name: 'set-1-memory', unit: '/s', aim: { least: 600_000 }, run: () => inMemory(1) },
  { name: 'set-3-memory', unit: '/s', aim: { least: 200_000 }, run: () => inMemory(3) },
  { name: 'set-1-durable', unit: '/s', aim: { least: 350_000 }, run: onDisk },
  { name: 'set-3-processes', unit: '/s', aim: { least: 40_000 }, run: () => inFolder(async (folder) => {
    const three = await startThree(folder)
    try {
      return await writeOnThree(three, seconds)
    } finally {
      await three.stop()
    }
  }) },
  { name: 'failover', unit: 'ms', aim: { most: 120 }, run: () => inFolder(failover) },
  { name: 'first-write', unit: 'ms', aim: { most: 150 }, run: firstWrite },
  { name: 'memory-per-node', unit: 'bytes', aim: { most: 400 }, run: bytesPerNode },
]

function aimText({ least, most }: Aim): string {
  return least === undefined ? `<= ${(most ?? Infinity).toLocaleString('en')}` : `>= ${least.toLocaleString('en')}`
}

async function measure({ name, unit, aim, run }: Benchmark): Promise<void> {
  const figures: number[] = []
  for (let i = 0; i < (name === 'memory-per-node' ? 1 : runs); i++) figures.push(await run())
  const middle = median(figures)
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ name, unit, aim, median: middle, runs: figures })}\n`)
    return
  }
  const all = figures.map((figure) => Math.round(figure).toLocaleString('en')).join(' ')
  const measured = `${Math.round(middle).toLocaleString('en').padStart(10)} ${unit.padEnd(5)}`
  const verdict = `aim ${aimText(aim)}: ${misses(middle, aim) ? 'MISSED' : 'met'}`
  const load = `load ${loadavg()[0]!.toFixed(1)}`
  process.stdout.write(`${name.padEnd(18)} ${measured} ${verdict.padEnd(24)} (${all}) ${load}\n`)
}

const names = BENCHMARKS.map(({ name }) => name)
const only = values.only === '' ? names : values.only.split(',')
const unknown = only.filter((name) => !names.includes(name))
if (values.help) {
  process.stdout.write('npm run bench:macro -- [--only NAME,NAME] [--runs N] [--seconds S] [--json]\n\n' +
    `Names: ${names.join(', ')}\n`)
} else if (unknown.length > 0) {
  process.stdout.write(`no benchmark named ${unknown.join(', ')}; there are ${names.join(', ')}\n`)
  process.exitCode = 2
} else {
  const machine = `Node ${process.version}, ${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores\n`
  if (!values.json) process.stdout.write(machine)
  for (const benchmark of BENCHMARKS) if (only.includes(benchmark.name)) await measure(benchmark)
}
