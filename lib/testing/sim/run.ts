import type { Replica } from '../../core/replica.ts'
import type { TxnCodec } from '../../core/tree/txn.ts'
import { makeTxnCodec } from '../../wire/txn.ts'
import type { SimClient } from './client.ts'
import { Lanes } from './lanes.ts'
import { drawPlan } from './plan.ts'
import type { Plan } from './plan.ts'
import { Storm, noFaults } from './storm.ts'
import type { FaultCounts } from './storm.ts'
import { Violation } from './violation.ts'
import { SimWorld } from './world.ts'

/** What one seed came to. */
export interface SeedResult {
  readonly seed: number
  readonly simulatedMs: number
  readonly steps: number
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
  const plan = drawPlan(seed, mutant)
  let world: SimWorld | null = null
  let storm: Storm | null = null
  let failure: SeedResult['failure'] = null
  try {
    world = new SimWorld(plan.world, codec)
    if (read !== undefined) read(world.lanes = new Lanes(world.peers))
    storm = new Storm(world, plan)
    world.events.runUntil(plan.stormMs)
    freeze(world, storm, plan)
  } catch (error) {
    const check = error instanceof Violation ? error.check : error instanceof Error ? error.name : 'thrown'
    const message = error instanceof Error ? error.stack ?? error.message : String(error)
    world?.lanes?.add({ atMs: world.events.nowMs, peer: null, kind: 'fault', text: message.split('\n')[0]! })
    failure = { check, message, trace: world?.trace.slice(-120) ?? [] }
  }
  return {
    seed, failure, simulatedMs: world?.events.nowMs ?? 0, steps: world?.events.steps ?? 0,
    commits: world?.ghost.commits ?? 0,
    elections: world?.elections ?? 0, acked: world?.clients.reduce((sum, client) => sum + client.acked, 0) ?? 0,
    expired: world?.clients.reduce((sum, client) => sum + client.expired, 0) ?? 0,
    faults: storm?.counts ?? noFaults(),
    reached: world?.reached.counts ?? {},
    syncs: world?.ghost.syncs ?? { diff: 0, trunc: 0, snap: 0 }, fingerprint: world?.fingerprint ?? 0,
  }
}

/**
 * Heals a core that holds a quorum and measures it against the bounds of the plan: L1 leader, L2 writes, L3 all serve,
 * L4 stable, L5 all answered, L6 equal, L7 abandoned sessions closed.
 */
function freeze(world: SimWorld, storm: Storm, plan: Plan): void {
  const { timing, voters } = plan.world
  const gone = new Set<number>()
  // Outside the core things stay broken for ever; an empty voter may need every other one, so then all come back.
  const allWhole = world.members.every(({ id, role }) => role === 'observer' || world.hasHistory(id))
  const mayLose = storm.counts.wipe === 0 && allWhole ? Math.floor((voters - 1) / 2) : 0
  for (let i = world.random.below(mayLose + 1); i > 0; i--) gone.add(1 + world.random.below(voters))
  storm.end(gone)
  world.note(`freeze: ${[...gone].join(',')} stay away`)
  const boundMs = (2 * timing.initMs + timing.syncMs + 5 * timing.tickMs) * 1.2
  const startMs = world.events.nowMs
  until(world, startMs + boundMs, () => world.leader !== null, 'L1', 'no leader')
  const { commits } = world.ghost
  until(world, world.events.nowMs + boundMs, () => world.ghost.commits > commits + 3, 'L2', 'no commits')
  const core = world.peers.filter((id) => !gone.has(id))
  const serving = (): boolean => core.every((id) => world.servers.get(id)!.replica?.serving === true)
  until(world, world.events.nowMs + boundMs + timing.initMs, serving, 'L3', 'not all of the core serve')
  const { elections } = world
  world.events.runUntil(Math.max(world.events.nowMs + 10 * timing.tickMs, 120_000 - 10 * timing.tickMs))
  // A short epoch ends by itself.
  const changed = plan.world.epochTxns === undefined && (world.elections !== elections || !serving())
  if (changed) throw new Violation('L4', 'the leader changed without a fault')
  for (const client of world.clients) client.stop()
  world.events.runUntil(world.events.nowMs + 4 * timing.tickMs + 2_000)
  const replicas = core.map((id) => world.servers.get(id)!.replica!)
  until(world, world.events.nowMs + boundMs, () => areEqual(replicas), 'L6', 'the core did not converge')
  const waiting = (): SimClient[] => world.clients.filter((client) => client.connected && client.pending > 0)
  until(world, world.events.nowMs + boundMs, () => waiting().length === 0, 'L5', 'a request was never answered')
  world.ghost.checkOrder()
  silence(world, replicas, plan)
  world.events.runUntil(Math.max(world.events.nowMs, 120_000))
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
