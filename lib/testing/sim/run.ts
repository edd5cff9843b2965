import type { TxnCodec } from '../../core/tree/txn.ts'
import { makeTxnCodec } from '../../wire/txn.ts'
import { Chronicle } from './chronicle.ts'
import { boundMsOf, freeze, until } from './freeze.ts'
import type { FreezeFigures } from './freeze.ts'
import type { Coverage } from './coverage.ts'
import { Intruder } from './intruder.ts'
import { Lanes } from './lanes.ts'
import type { Plan } from './plan.ts'
import { noFaults } from './faults.ts'
import type { FaultCounts } from './faults.ts'
import { checkNaively } from './naive.ts'
import { drawRun } from './reduction.ts'
import type { Run } from './reduction.ts'
import { Storm } from './storm.ts'
import { Violation } from './violation.ts'
import { SimWorld } from './world.ts'

/** What one seed came to. */
export interface SeedResult {
  readonly seed: number
  readonly simulatedMs: number
  /** Moment at which it ended. */
  readonly endedMs: number
  readonly steps: number
  /** Requests sent within the storm. */
  readonly asked: number
  readonly commits: number
  readonly elections: number
  readonly acked: number
  readonly expired: number
  readonly faults: FaultCounts
  readonly syncs: { readonly diff: number, readonly trunc: number, readonly snap: number }
  /** How often what matters was reached: see reached.ts. */
  readonly reached: Readonly<Record<string, number>>
  /** Null where nothing was healed, or something failed before. */
  readonly freeze: FreezeFigures | null
  readonly fingerprint: number
  /** Null when every check held. */
  readonly failure: { readonly check: string, readonly message: string, readonly trace: readonly string[] } | null
}

/** Who wants to read everything that happens in a run gets it here, as soon as the peers are known. */
export type Reader = (lanes: Lanes) => void

/** Runs one seed: a storm, then a healed core that must come to life and agree. */
export function runSeed(
  seed: number, codec: TxnCodec = makeTxnCodec(), mutant?: string, read?: Reader,
): SeedResult {
  return play(drawRun(seed, mutant), codec, read === undefined ? {} : { read })
}

/** How a run is played. */
export interface PlayOptions {
  readonly read?: Reader
  /** Is told what the run reaches. */
  readonly coverage?: Coverage
  /** Ends there, with nothing wrong. */
  readonly limitMs?: number
  /** Of so many frames one goes through the peer protocol's codec: see wire-trips.ts. */
  readonly codedEvery?: number
}

/** Plays a run, or what is left of one. */
export function play(
  { plan, faults }: Run, codec: TxnCodec, { read, limitMs = Infinity, coverage, codedEvery }: PlayOptions = {},
): SeedResult {
  let world: SimWorld | null = null
  let storm: Storm | null = null
  let failure: SeedResult['failure'] = null
  let figures: FreezeFigures | null = null
  try {
    world = new SimWorld(plan.world, codec)
    if (codedEvery !== undefined) world.network.trips.every = codedEvery
    if (coverage !== undefined) world.reached.coverage = coverage
    if (read !== undefined) read(world.lanes = new Lanes(world.peers))
    storm = new Storm(world, plan, faults)
    new Intruder(world, plan.world.seed, plan.stormMs)
    if (plan.isShort) world.ghost.chronicle = new Chronicle()
    const began = plan.ending === 'no faults' ? begin(world, plan) : null
    world.events.runUntil(Math.min(plan.stormMs + plan.finalSilenceMs, limitMs))
    if (limitMs === Infinity && plan.ending !== 'never heals') figures = freeze(world, storm, plan)
    world.ghost.checkAll()
    if (plan.isShort) recheck(world)
    if (began !== null && disturbances(world) !== began) {
      throw new Violation('L4', `${disturbances(world)} without a fault, ${began} when all served`)
    }
  } catch (error) {
    failure = failureOf(error, world)
  }
  return resultOf(world, storm, plan, failure, figures)
}

/** T3: all of it once more, naively. */
function recheck({ ghost: { chronicle }, reached }: SimWorld): void {
  if (chronicle?.isWhole === true && checkNaively(chronicle)) reached.hit('history: checked naively')
}

/** What was thrown, with what happened before. */
export function failureOf(error: unknown, world: SimWorld | null): NonNullable<SeedResult['failure']> {
  const check = error instanceof Violation ? error.check : error instanceof Error ? error.name : 'thrown'
  const message = error instanceof Error ? error.stack ?? error.message : String(error)
  world?.lanes?.add({ atMs: world.events.nowMs, peer: null, kind: 'fault', text: message.split('\n')[0]! })
  return { check, message, trace: world?.trace.last(120) ?? [] }
}

/** What a run came to. */
export function resultOf(
  world: SimWorld | null, storm: Storm | null, plan: Plan, failure: SeedResult['failure'],
  figures: FreezeFigures | null = null,
): SeedResult {
  return {
    seed: plan.world.seed, failure, freeze: figures, simulatedMs: simulatedMs(world, plan) - (figures?.idleMs ?? 0),
    endedMs: world?.events.nowMs ?? 0,
    steps: world?.events.steps ?? 0, asked: world?.asked ?? 0,
    commits: world?.ghost.commits ?? 0,
    elections: world?.elections ?? 0, acked: world?.clients.reduce((sum, client) => sum + client.acked, 0) ?? 0,
    expired: world?.clients.reduce((sum, client) => sum + client.expired, 0) ?? 0,
    faults: storm?.counts ?? noFaults(),
    reached: world === null ? {} : reachedOf(world, plan),
    syncs: world?.ghost.syncs ?? { diff: 0, trunc: 0, snap: 0 }, fingerprint: world?.fingerprint ?? 0,
  }
}

/** Operations at once that a search must have had to deal with now and then. */
const WIDE = 8

function reachedOf({ reached, network, clientWays, ghost }: SimWorld, { ending }: Plan): Record<string, number> {
  const counts = { ...reached.counts, [`ending: ${ending}`]: 1 }
  if (network.replays > 0) counts['election: a notification of long ago'] = network.replays
  if (network.overtaken > 0) counts['election: a notification is overtaken'] = network.overtaken
  if (network.halfOpens > 0) counts['link: half-open'] = network.halfOpens
  if (clientWays.waited > 0) counts['client: its way is held'] = clientWays.waited
  if (clientWays.late > 0) counts['client: a message is late'] = clientWays.late
  const { searched, operations, skipped, widest } = ghost.windows.counts
  if (searched > 0) counts['windows: searched'] = searched
  if (operations > 0) counts['windows: operations in them'] = operations
  if (skipped > 0) counts['windows: skipped'] = skipped
  if (widest >= WIDE) counts[`windows: one of ${WIDE} at once or more`] = 1
  const changes = network.priorities?.changes ?? 0
  if (changes > 0) counts['order: a way falls to the bottom'] = changes
  return counts
}

/** Time in which nobody hears anybody does not count: nothing happens in it. */
function simulatedMs(world: SimWorld | null, { stormMs, finalSilenceMs }: Plan): number {
  const nowMs = world?.events.nowMs ?? 0
  return nowMs - Math.max(0, Math.min(nowMs - stormMs, finalSilenceMs))
}

/** Everybody serves within the bound; what happened until then, as links came up one by one, does not count. */
function begin(world: SimWorld, plan: Plan): string {
  const servers = Array.from(world.servers.values())
  const allServe = (): boolean => servers.every(({ replica }) => replica?.serving === true)
  until(world, boundMsOf(plan) + plan.world.timing.initMs, allServe, 'L3', 'not all serve')
  return disturbances(world)
}

/** Where nothing goes wrong none of this happens again. */
function disturbances({ elections, network, ghost: { syncs } }: SimWorld): string {
  const joined = syncs.diff + syncs.trunc + syncs.snap
  return `${elections} elections, ${network.breaks} links dropped, ${joined} learners joined`
}
