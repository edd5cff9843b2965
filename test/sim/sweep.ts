/**
 * Crash-point sweep (correctness plan, F.2): a scenario is run again and again, cut off before its k-th delivery or
 * completed write; there one server crashes, with every image its disk may have; the others must go on without it, and
 * with it once it is back.
 *   npm run sweep [-- --all] [--short 200] [--only S-4643] [--stride 10] [--part 3/20] [--mutant NAME]
 * The first three groups of the plan are swept, with `--all` every scenario, with `--short 200` so many short runs of
 * random acts instead. Where a scenario makes as many nodes as there may be it makes few here: what can come between is
 * the same.
 * `--part 3/20` is the third twentieth of all boundaries: all parts together are everything.
 */
import { pathToFileURL } from 'node:url'
import { optionWords } from '../option-words.ts'
import type { Replica } from '../../lib/core/replica.ts'
import type { Script } from '../../lib/testing/sim/script.ts'
import { Violation } from '../../lib/testing/sim/violation.ts'
import { SCENARIOS } from './scenarios/all.ts'
import { DISCOVERY } from './scenarios/discovery.ts'
import { MEMORY_AND_DISK } from './scenarios/memory-disk.ts'
import { convergeWith, plain } from './scenarios/scenario.ts'
import type { RunOptions, Scenario } from './scenarios/scenario.ts'
import { shortRun } from './scenarios/short-run.ts'
import { SYNC_PHASE } from './scenarios/sync-phase.ts'

/** What is swept before every change. */
export const SWEPT: readonly Scenario[] = [...DISCOVERY, ...MEMORY_AND_DISK, ...SYNC_PHASE]

/** Nodes of a scenario that makes as many as there may be. */
const NODES = 300

/** Where a run was cut off: before this boundary, this server crashed with so many of its writes on disk. */
export interface Cut {
  readonly boundary: number
  readonly server: number
  readonly landed: number
}

/** What a sweep came to. */
export interface SweepResult {
  readonly boundaries: number
  readonly cuts: number
  readonly failures: readonly { readonly cut: Cut, readonly message: string }[]
}

class CutOff extends Error {}

/** Runs a scenario up to a boundary; null when it ends before. */
function runTo(scenario: Scenario, boundary: number, options: RunOptions): Script | null {
  let script: Script | null = null
  let count = 0
  const begin = (started: Script): void => {
    script = started
    started.boundary = () => {
      if (count++ !== boundary) return
      started.boundary = () => undefined
      throw new CutOff()
    }
  }
  try {
    scenario.run({ nodes: NODES, ...options, begin })
  } catch (error) {
    if (error instanceof CutOff) return script
    throw error
  }
  return null
}

/** A voter whose disk was lost or damaged may wait for every other one. */
function needsAll(script: Script, id: number): boolean {
  const { disk } = script.peer(id)
  const isDamaged = disk.damage !== 'none' || (disk.meta !== null && disk.meta.health !== 'ok')
  return isDamaged || script.ghost.excused.has(id)
}

/** Has promised nothing and did not see the founding: where others lead already it waits for every voter. */
function isLate(script: Script, id: number): boolean {
  const { replica, disk } = script.peer(id)
  return replica === null ? (disk.meta?.acceptedEpoch ?? 0) === 0 : replica.founding.health === 'empty'
}

function mayNotFound({ config, founding }: Replica): boolean {
  return !config.bootstrap || founding.health === 'empty'
}

/**
 * A disk was lost before most had a history: what an empty storage was part of is known to processes alone, so that
 * whoever crashes may leave nobody to go on from. Nothing was acknowledged; nothing may be broken either.
 */
function isUnfounded(script: Script): boolean {
  const peers = [...script.peers.values()]
  const marked = peers.filter(({ disk }) => (disk.meta?.currentEpoch ?? 0) > 0)
  return marked.length > 0 && marked.length * 2 <= peers.length &&
    peers.some(({ id, disk }) => script.ghost.excused.has(id) && disk.meta === null)
}

/** The server dies here; the rest goes on without it and then with it. */
function crashAndGoOn(script: Script, { server, landed }: Cut): void {
  script.land(server, landed)
  script.crash(server)
  plain(script)
  for (const { disk } of script.peers.values()) disk.isCramped = false
  // What a schedule has swallowed within a link is made up by no one: all links begin anew.
  for (const id of script.peers.keys()) script.isolate(id)
  script.heal()
  const others = [...script.peers.keys()].filter((id) => id !== server)
  const late = others.filter((id) => isLate(script, id))
  script.release(...others)
  for (const id of others) {
    if (script.peer(id).backlog !== null) script.wake(id)
    if (script.peer(id).replica?.stopped === true) script.crash(id)
    if (script.peer(id).replica === null) script.up(id)
  }
  if (isUnfounded(script)) {
    if (script.peer(server).replica === null) script.up(server)
    script.pass(10_000)
    return
  }
  // A voter that was never up helps no quorum: without another that has a history it needs all of them, and so it does
  // where the one that is away alone has a history, or the user did not allow fewer to found the ensemble.
  const hasHistory = (id: number): boolean => (script.peer(id).disk.meta?.currentEpoch ?? 0) > 0
  const whole = others.filter(hasHistory)
  const needAll = whole.length === 0 ? hasHistory(server) || others.some((id) => mayNotFound(script.replica(id)))
    : whole.length * 2 <= script.peers.size || others.some((id) => needsAll(script, id))
  if (needAll) {
    convergeWith(script, [])
    return
  }
  script.serve(...others.filter((id) => whole.length === 0 || !late.includes(id)))
  script.connect(script.leader, 800)
  script.write(script.leader, 800, '/without')
  script.pass(500)
  convergeWith(script, ['/without'])
}

/** Every way in which one server may die at a boundary: with none, some or all of its writes on disk. */
function imagesAt(scenario: Scenario, boundary: number, options: RunOptions): Cut[] | null {
  const script = runTo(scenario, boundary, options)
  if (script === null) return null
  const cuts: Cut[] = []
  for (const { id, replica, writes } of script.peers.values()) {
    if (replica === null || replica.stopped) continue
    for (let landed = 0; landed <= writes.length; landed++) cuts.push({ boundary, server: id, landed })
  }
  return cuts
}

/** Sweeps one scenario: all cuts at every `stride`-th of its boundaries, from `first` on. */
export function sweep(scenario: Scenario, stride = 1, first = 0, options: RunOptions = {}): SweepResult {
  const failures: SweepResult['failures'][number][] = []
  let cuts = 0
  for (let boundary = first; ; boundary += stride) {
    const images = imagesAt(scenario, boundary, options)
    if (images === null) return { boundaries: boundary, cuts, failures }
    for (const cut of images) {
      cuts++
      try {
        crashAndGoOn(runTo(scenario, boundary, options)!, cut)
      } catch (error) {
        if (!(error instanceof Violation)) throw error
        failures.push({ cut, message: error.message })
      }
    }
  }
}

/** `3/20`: every twentieth of whatever there is, from the third on. */
export function readPart(text: string | undefined): { readonly stride: number, readonly first: number } {
  if (text === undefined) return { stride: 1, first: 0 }
  const [part, parts] = text.split('/').map(Number)
  const areNumbers = Number.isSafeInteger(part) && Number.isSafeInteger(parts)
  if (!areNumbers || part! < 1 || part! > parts!) throw new RangeError(`--part ${text} is no part such as 3/20`)
  return { stride: parts!, first: part! - 1 }
}

function main(): void {
  const { value, number, has } = optionWords('npm run sweep', 'A crash at each point of a scenario.', {
    all: ['', 'the scenarios of all groups, not of the first three alone'],
    short: ['N', 'so many short runs of random acts instead'],
    only: ['TEXT', 'of scenarios whose name begins so; all when left out'],
    stride: ['N', 'every so many-th boundary, 1'],
    part: ['I/N', 'every N-th boundary from the I-th on'],
    mutant: ['NAME', 'with this bug switched on'],
  })
  const only = value('only')
  const part = readPart(value('part'))
  const given = number('stride', 1)
  const mutant = value('mutant')
  const short = number('short', 1)
  const scenarios = short === undefined ? has('all') ? SCENARIOS : SWEPT
    : Array.from({ length: short }, (_, seed) => shortRun(seed))
  let passed = 0
  let failed = 0
  for (const [at, scenario] of scenarios.entries()) {
    if (only !== undefined && !scenario.name.startsWith(only)) continue
    const { stride, first } = given === undefined ? part : { stride: given, first: at % given }
    const { boundaries, cuts, failures } = sweep(scenario, stride, first, mutant === undefined ? {} : { mutant })
    passed += cuts - failures.length
    failed += failures.length
    process.stdout.write(`${String(boundaries).padStart(6)} boundaries ${String(cuts).padStart(7)} cuts ` +
      `${String(failures.length).padStart(4)} failed  ${scenario.name}\n`)
    for (const { cut, message } of failures.slice(0, 3)) {
      process.stdout.write(`  before ${cut.boundary}, server ${cut.server} with ${cut.landed} written: ${message}\n`)
    }
  }
  process.stdout.write(`${passed} passed, ${failed} failed\n`)
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main()
