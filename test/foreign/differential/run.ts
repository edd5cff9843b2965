/**
 * Sends the same random operations to Apache ZooKeeper and to this package, and compares all that comes back:
 *   node --import tsx test/foreign/differential/run.ts [--seed N] [--ops N] [--rounds N] [--servers 1|3]
 *     [--against apache|vivarium] [--mismatches N] [--verbose] [--no-plants]
 * Rounds with one server have one peer in this process; those with three have three processes of either kind, and the
 * connections are all on the leader, all on a follower, or each on a server of its own, in turn. Without `--servers`
 * there are rounds of both kinds. Against `apache`, Apache ZooKeeper is compared with itself, and then with answers
 * spoilt on purpose, each of which must be noticed. Every round has new servers and its own seed, one higher each, with
 * which it can be repeated alone. Ends with `N passed, N failed`, counting operations.
 */
import type { Servers } from '../servers.ts'
import { startApache } from '../apache.ts'
import { startVivarium } from '../vivarium.ts'
import { ENDING } from './ending.ts'
import { KNOWN } from './known.ts'
import { Play } from './play.ts'
import type { Played } from './play.ts'
import { PLANTS } from './plants.ts'
import type { Plant } from './server.ts'
import { SCENES } from './scenes.ts'
import { Server } from './server.ts'
import { LONG_MS } from './step.ts'
import { startPeer } from './vivarium.ts'

type Target = Pick<Servers, 'name' | 'hosts' | 'mode' | 'stop'>

interface Options {
  readonly seed: number
  readonly operations: number
  readonly rounds: number
  /** Servers of every round; null for some with one and some with three. */
  readonly servers: 1 | 3 | null
  readonly against: string
  readonly mismatches: number
  readonly isVerbose: boolean
  readonly hasPlants: boolean
}

/** Where the connections are. */
type Place = 'alone' | 'leader' | 'follower' | 'spread'

interface RoundOptions {
  readonly seed: number
  readonly operations: number
  readonly place: Place
  readonly plant?: Plant
}

const SUPER_DIGEST = 'super:xQJmxLMiHGwaqBvst5y6rkB6HQs='
const EXTRA: readonly string[] = [
  `DigestAuthenticationProvider.superDigest=${SUPER_DIGEST}`, `maxSessionTimeout=${LONG_MS}`,
  'znode.container.checkIntervalMs=86400000', 'enforceQuota=true',
]
const JVM: readonly string[] = [
  '-Dzookeeper.forceSync=no', '-Dznode.container.checkIntervalMs=86400000', '-Dzookeeper.enforceQuota=true',
]
const PLACES: readonly Place[] = ['leader', 'follower', 'spread']
/** Connections by the server they begin at, the leader being the first. */
const HOMES: Readonly<Record<Place, readonly number[]>> = {
  alone: [0, 0, 0], leader: [0, 0, 0], follower: [1, 1, 1], spread: [0, 1, 2],
}

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
  const servers = text('servers', '')
  if (servers !== '' && servers !== '1' && servers !== '3') throw new Error('--servers needs 1 or 3')
  return {
    seed: number('seed', 1), rounds: number('rounds', 4), operations: number('ops', 5_000),
    servers: servers === '' ? null : servers === '1' ? 1 : 3, against: text('against', 'vivarium'),
    mismatches: number('mismatches', 1),
    isVerbose: args.includes('--verbose'), hasPlants: !args.includes('--no-plants'),
  }
}

const print = (text: string): void => void process.stdout.write(`${text}\n`)

/** Rounds of both kinds begin with one server. */
function placeOf(options: Options, round: number): Place {
  if (options.servers === 1) return 'alone'
  const place = PLACES[(options.servers === 3 ? round : round + PLACES.length) % (PLACES.length + 1)]
  return place ?? (options.servers === 3 ? 'spread' : 'alone')
}

function start(kind: string, place: Place): Promise<Target> {
  const servers = place === 'alone' ? 1 : 3
  if (kind === 'apache') return startApache({ servers, extra: EXTRA, jvm: JVM })
  return servers === 1 ? startPeer(SUPER_DIGEST) : startVivarium({ servers, extra: EXTRA })
}

/** The connections of a play, the ports in such an order that the leader's is the first. */
async function connectTo(target: Target, place: Place): Promise<Server> {
  const modes = await Promise.all(target.hosts.map((_, index) => target.mode(index)))
  const leader = Math.max(0, modes.indexOf('leader'))
  const ports = target.hosts.map((host) => Number(host.split(':')[1]))
  return new Server(target.name, [...ports.slice(leader), ...ports.slice(0, leader)], HOMES[place])
}

async function playOn(options: Options, { seed, operations, place, plant }: RoundOptions): Promise<Played> {
  const targets = await Promise.all([start('apache', place), start(options.against, place)])
  try {
    const [left, right] = await Promise.all([connectTo(targets[0], place), connectTo(targets[1], place)])
    if (plant !== undefined) right.plant = plant
    const known = options.against === 'apache' ? [] : KNOWN
    const avoids = { halfWrites: place !== 'alone' }
    const { mismatches } = options
    // Wherever the connections are on one server, its answers are made in the same way.
    const ending = place === 'leader' || place === 'follower' ? ENDING : [...SCENES, ...ENDING]
    return await new Play(left, right, { seed, operations, avoids, ending, known, mismatches }).run()
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
    const place = placeOf(options, round)
    const played = await playOn(options, { seed, operations: Math.ceil(options.operations / options.rounds), place })
    report(played, options)
    passed += played.operations - played.mismatches.length
    failed += played.mismatches.length
    print(`seed ${seed}, ${place}: ${played.operations} operations, ${played.mismatches.length} not equal, ` +
      `${Date.now() - started} ms`)
  }
  for (const { name, make } of options.against === 'apache' && options.hasPlants ? PLANTS : []) {
    const plant = make()
    const round: RoundOptions = { seed: options.seed, operations: 3_000, place: 'alone', plant: plant.spoil }
    const played = await playOn({ ...options, mismatches: 1 }, round)
    const isNoticed = plant.isSpoilt() && played.mismatches.length > 0
    print(`${isNoticed ? 'noticed' : plant.isSpoilt() ? 'NOT NOTICED' : 'NEVER SPOILT'}: ${name}`)
    if (isNoticed) passed += 1
    else failed += 1
  }
  print(`${passed} passed, ${failed} failed`)
  process.exitCode = failed === 0 ? 0 : 1
}

await main()
