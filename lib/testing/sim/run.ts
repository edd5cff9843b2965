import type { Replica } from '../../core/replica.ts'
import type { TxnCodec } from '../../core/tree/txn.ts'
import { makeTxnCodec } from '../../wire/txn.ts'
import { meanThinkMs } from './client.ts'
import type { SimClient } from './client.ts'
import { Lanes } from './lanes.ts'
import type { Plan } from './plan.ts'
import { noFaults } from './faults.ts'
import type { FaultCounts } from './faults.ts'
import { drawRun } from './reduction.ts'
import type { Run } from './reduction.ts'
import { Storm } from './storm.ts'
import { Violation } from './violation.ts'
import { SimWorld } from './world.ts'

/** Least time of a run after its storm. */
const CALM_MS = 40_000
const IDLE_TICKS = 10
/** What one outside the core may say and be answered in a tick, for each peer. */
const IDLE_TALK = 4
const CALLED = 'resigned: a voter promised a later epoch'

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
  /** Ends there, with nothing wrong. */
  readonly limitMs?: number
}

/** Plays a run, or what is left of one. */
export function play(
  { plan, faults }: Run, codec: TxnCodec, { read, limitMs = Infinity }: PlayOptions = {},
): SeedResult {
  let world: SimWorld | null = null
  let storm: Storm | null = null
  let failure: SeedResult['failure'] = null
  try {
    world = new SimWorld(plan.world, codec)
    if (read !== undefined) read(world.lanes = new Lanes(world.peers))
    storm = new Storm(world, plan, faults)
    const began = plan.ending === 'no faults' ? begin(world, plan) : null
    world.events.runUntil(Math.min(plan.stormMs + plan.finalSilenceMs, limitMs))
    if (limitMs === Infinity && plan.ending !== 'never heals') freeze(world, storm, plan)
    world.ghost.checkOrder()
    if (began !== null && disturbances(world) !== began) {
      throw new Violation('L4', `${disturbances(world)} without a fault, ${began} when all served`)
    }
  } catch (error) {
    failure = failureOf(error, world)
  }
  return resultOf(world, storm, plan, failure)
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
): SeedResult {
  return {
    seed: plan.world.seed, failure, simulatedMs: simulatedMs(world, plan), endedMs: world?.events.nowMs ?? 0,
    steps: world?.events.steps ?? 0, asked: world?.asked ?? 0,
    commits: world?.ghost.commits ?? 0,
    elections: world?.elections ?? 0, acked: world?.clients.reduce((sum, client) => sum + client.acked, 0) ?? 0,
    expired: world?.clients.reduce((sum, client) => sum + client.expired, 0) ?? 0,
    faults: storm?.counts ?? noFaults(),
    reached: world === null ? {} : reachedOf(world, plan),
    syncs: world?.ghost.syncs ?? { diff: 0, trunc: 0, snap: 0 }, fingerprint: world?.fingerprint ?? 0,
  }
}

function reachedOf({ reached, network }: SimWorld, { ending }: Plan): Record<string, number> {
  const counts = { ...reached.counts, [`ending: ${ending}`]: 1 }
  if (network.replays > 0) counts['election: a notification of long ago'] = network.replays
  if (network.halfOpens > 0) counts['link: half-open'] = network.halfOpens
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

/** L1: twice the bound of discovery, once that of silence, five ticks, by clocks that are nearly right. */
export function boundMsOf({ world: { timing } }: Plan): number {
  return (2 * timing.initMs + timing.syncMs + 5 * timing.tickMs) * 1.02
}

/**
 * Heals a core that holds a quorum and measures it against the bounds of the plan: L1 leader, L2 writes, L3 all serve,
 * L4 stable, L5 all answered, L6 equal, L7 abandoned sessions closed, L8 quiet.
 */
function freeze(world: SimWorld, storm: Storm, plan: Plan): void {
  const { timing, voters } = plan.world
  const gone = new Set<number>()
  // Outside the core things stay broken for ever.
  const most = plan.ending === 'no faults' ? 0 : storm.spare
  for (let i = world.random.below(most + 1); i > 0; i--) gone.add(1 + world.random.below(voters))
  storm.end(gone, world.random)
  world.requestsLeft = Infinity
  world.note(`freeze: ${[...gone].join(',')} stay away`)
  const boundMs = boundMsOf(plan)
  const startMs = world.events.nowMs
  until(world, startMs + boundMs, () => world.leader !== null, 'L1', 'no leader')
  const { commits } = world.ghost
  const wordMs = boundMs + longestThinkMs(plan)
  until(world, world.events.nowMs + wordMs, () => world.ghost.commits > commits + 3, 'L2', 'no commits')
  const core = world.peers.filter((id) => !gone.has(id))
  const serving = (): boolean => core.every((id) => world.servers.get(id)!.replica?.serving === true)
  const allServe = (): void =>
    until(world, world.events.nowMs + boundMs + timing.initMs, serving, 'L3', 'not all of the core serve')
  allServe()
  const endMs = plan.stormMs + plan.finalSilenceMs + CALM_MS
  for (;;) {
    const { elections, reached, leader } = world
    const called = reached.counts[CALLED] ?? 0
    // One outside the core who crashes again and again may lead in between.
    const isDoomed = leader !== null && Array.from(gone).some((id) => world.servers.get(id)!.replica === leader)
    world.events.runUntil(Math.max(world.events.nowMs, endMs - 20 * timing.tickMs) + 10 * timing.tickMs)
    // A short epoch ends by itself.
    if (plan.world.epochTxns !== undefined || (world.elections === elections && serving())) break
    // A voter outside the core that promised a later epoch may call for one once: after that the epochs are above it.
    if (!isDoomed && (reached.counts[CALLED] ?? 0) === called) {
      throw new Violation('L4', 'the leader changed without a fault')
    }
    allServe()
    if (isDoomed) break
  }
  for (const client of world.clients) client.stop()
  world.events.runUntil(world.events.nowMs + 4 * timing.tickMs + 2_000)
  const replicas = core.map((id) => world.servers.get(id)!.replica!)
  until(world, world.events.nowMs + boundMs, () => areEqual(replicas), 'L6', 'the core did not converge')
  const waiting = (): SimClient[] => world.clients.filter((client) =>
    client.connected && client.pending > 0 && core.includes(client.peer))
  until(world, world.events.nowMs + boundMs, () => waiting().length === 0, 'L5', 'a request was never answered')
  silence(world, replicas, plan)
  checkIdle(world, gone.size, plan)
  world.events.runUntil(Math.max(world.events.nowMs, endMs))
}

/** Clients with many requests under way at once write seldom; after so long each of them has. */
function longestThinkMs({ world }: Plan): number {
  return 1.5 * 1.5 * meanThinkMs(world, world.clientPlan.pipeline)
}

/** Nobody speaks any more: every session ends in its time. A new leader, after a short epoch, grants all of it anew. */
function silence(world: SimWorld, replicas: readonly Replica[], { world: { timing } }: Plan): void {
  const timeMs = (timing.sessionMaxMs + 4 * timing.tickMs) * 1.2
  const isOpen = (): boolean => replicas.some(({ tree }) => tree.sessions.size > 0)
  for (let granted = -1; isOpen() && granted !== world.elections;) {
    granted = world.elections
    const isOver = (): boolean => !isOpen() || world.elections !== granted
    until(world, world.events.nowMs + timeMs, isOver, 'L7', 'an abandoned session is open still')
  }
}

/**
 * L8: where nobody asks for anything there are pings and their answers, two of each a tick, and what those say who look
 * for a leader outside the core, and are answered.
 */
function checkIdle({ events, network, peers }: SimWorld, away: number, { world: { timing } }: Plan): void {
  const { frames } = network
  events.runUntil(events.nowMs + IDLE_TICKS * timing.tickMs)
  // And what is left to reap.
  const most = IDLE_TICKS * peers.length * (2 * timing.tickMs / timing.pingMs + away * IDLE_TALK + 1)
  if (network.frames - frames > most) throw new Violation('L8', `${network.frames - frames} frames and nothing to do`)
}

/** Same applied txn, same digest. */
function areEqual(replicas: readonly Replica[]): boolean {
  const [first, ...others] = replicas
  const { hash1, hash2 } = first!.tree.digest()
  return others.every(({ tree }) => {
    const digest = tree.digest()
    return tree.zxid === first!.tree.zxid && digest.hash1 === hash1 && digest.hash2 === hash2
  })
}

function until(world: SimWorld, limitMs: number, done: () => boolean, check: string, what: string): void {
  while (!done()) {
    if (world.events.nowMs >= limitMs) throw new Violation(check, `${what} by ${limitMs.toFixed(0)} ms`)
    world.events.runUntil(Math.min(world.events.nowMs + 50, limitMs))
  }
}
