/**
 * Sends the same random operations to Apache ZooKeeper and to this package, and compares all that comes back:
 *   node --import tsx test/foreign/differential/run.ts [--seed N] [--ops N] [--rounds N] [--against apache|vivarium]
 *     [--mismatches N] [--verbose] [--no-plants]
 * Against `apache`, Apache ZooKeeper is compared with itself, and then with answers spoilt on purpose, each of which
 * must be noticed. Every round has new servers and its own seed, one higher each, with which it can be repeated alone.
 * Ends with `N passed, N failed`, counting operations.
 */
import type { Servers } from '../servers.ts'
import { startApache } from '../apache.ts'
import { KNOWN } from './known.ts'
import { Play } from './play.ts'
import type { Played } from './play.ts'
import { PLANTS } from './plants.ts'
import type { Plant } from './server.ts'
import { Server } from './server.ts'
import { startVivarium } from './vivarium.ts'
import { ENDING } from './ending.ts'

interface Options {
  readonly seed: number
  readonly operations: number
  readonly rounds: number
  readonly against: string
  readonly mismatches: number
  readonly isVerbose: boolean
  readonly hasPlants: boolean
}

interface Target {
  readonly name: string
  readonly port: number
  stop(): Promise<void>
}

const JVM: readonly string[] = [
  '-Dzookeeper.DigestAuthenticationProvider.superDigest=super:xQJmxLMiHGwaqBvst5y6rkB6HQs=',
  '-Dzookeeper.forceSync=no', '-Dznode.container.checkIntervalMs=86400000',
]

function readOptions(args: readonly string[]): Options {
  const text = (name: string, otherwise: string): string => {
    const at = args.indexOf(`--${name}`)
    return at < 0 ? otherwise : args[at + 1] ?? ''
  }
  const number = (name: string, otherwise: number): number => {
    const value = Number(text(name, String(otherwise)))
    if (!Number.isInteger(value) || value < 0) throw new Error(`--${name} needs a number`)
    return value
  }
  const rounds = number('rounds', 3)
  return {
    seed: number('seed', 1), rounds, operations: number('ops', 6_000), against: text('against', 'vivarium'),
    mismatches: number('mismatches', 1),
    isVerbose: args.includes('--verbose'), hasPlants: !args.includes('--no-plants'),
  }
}

const print = (text: string): void => void process.stdout.write(`${text}\n`)

async function apache(): Promise<Target> {
  const started: Servers = await startApache({ servers: 1, jvm: JVM })
  const port = Number(started.hosts[0]?.split(':')[1])
  return { name: started.name, port, stop: () => started.stop() }
}

async function playOn(options: Options, seed: number, operations: number, plant?: Plant): Promise<Played> {
  const other = (): Promise<Target> => options.against === 'apache' ? apache() : startVivarium()
  const targets = await Promise.all([apache(), other()])
  try {
    const servers = targets.map(({ name, port }) => new Server(name, port)) as [Server, Server]
    if (plant !== undefined) servers[1].plant = plant
    const known = options.against === 'apache' ? [] : KNOWN
    const { mismatches } = options
    return await new Play(servers[0], servers[1], { seed, operations, ending: ENDING, known, mismatches }).run()
  } finally {
    await Promise.all(targets.map((target) => target.stop()))
  }
}

function report(played: Played, options: Options): void {
  for (const { text } of played.mismatches) print(`\nNOT EQUAL ${text}`)
  for (const [name, count] of played.known) print(`known difference, met ${count} times: ${name}`)
  if (!options.isVerbose) return
  for (const [key, count] of [...played.answers].sort(([a], [b]) => a < b ? -1 : 1)) print(`  ${key}: ${count}`)
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2))
  let passed = 0
  let failed = 0
  for (let round = 0; round < options.rounds; round += 1) {
    const seed = options.seed + round
    const started = Date.now()
    const played = await playOn(options, seed, Math.ceil(options.operations / options.rounds))
    report(played, options)
    passed += played.operations - played.mismatches.length
    failed += played.mismatches.length
    print(`seed ${seed}: ${played.operations} operations, ${played.mismatches.length} not equal, ` +
      `${Date.now() - started} ms`)
  }
  for (const { name, make } of options.against === 'apache' && options.hasPlants ? PLANTS : []) {
    const plant = make()
    const played = await playOn({ ...options, mismatches: 1 }, options.seed, 3_000, plant.spoil)
    const isNoticed = plant.isSpoilt() && played.mismatches.length > 0
    print(`${isNoticed ? 'noticed' : plant.isSpoilt() ? 'NOT NOTICED' : 'NEVER SPOILT'}: ${name}`)
    if (isNoticed) passed += 1
    else failed += 1
  }
  print(`${passed} passed, ${failed} failed`)
  process.exitCode = failed === 0 ? 0 : 1
}

await main()
