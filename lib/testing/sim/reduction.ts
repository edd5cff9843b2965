import { DEFAULT_LIMITS } from '../../core/limits.ts'
import { bred } from './breed.ts'
import type { Change } from './breed.ts'
import { drawFaults, drawFoundingFaults } from './faults.ts'
import type { Fault } from './faults.ts'
import { drawPlan } from './plan.ts'
import type { Plan, StormLength } from './plan.ts'
import { NOTHING_LARGE } from './workload.ts'

/** What of a plan can be made plain: nothing of it happens any more, or everything is as it is by default. */
export const PLAIN_PARTS = [
  'silence', 'spoilt links', 'priorities', 'loss', 'bandwidth', 'drift', 'observers', 'clients', 'limits', 'epochs',
  'latency',
] as const

/** One of them. */
export type PlainPart = typeof PLAIN_PARTS[number]

/** What is left of a run; everything that is not named is as the seed draws it. */
export interface Reduction {
  /** Before anything else: its whole storm, when left out. */
  readonly storm?: StormLength
  /** Draws that are not as the seed has them, before anything is left out. */
  readonly bred?: readonly Change[]
  /** Places in the list of drawn faults. */
  readonly faults?: readonly number[]
  readonly clients?: number
  readonly voters?: number
  readonly stormMs?: number
  /** All faults happen so much earlier. */
  readonly earlierMs?: number
  /** What is left of the times of faults, by their place: see Fault. */
  readonly brief?: Readonly<Record<string, number>>
  /** What is left of the mean time of a message and of a write. */
  readonly latency?: number
  /** Requests of all clients within the storm. */
  readonly requests?: number
  readonly plain?: readonly PlainPart[]
  /** Other dice for all that is not in the list of faults. */
  readonly salt?: number
}

/** Everything that makes a run. */
export interface Run {
  readonly plan: Plan
  readonly faults: readonly Fault[]
}

/** The run of a seed, or what is left of it. */
export function drawRun(seed: number, mutant?: string, reduction: Reduction = {}): Run {
  const own = drawPlan(seed, mutant, reduction.storm)
  const { plan: drawn, faults: all, salt: other } =
    bred(own, faultsOf(seed, own), reduction.bred ?? [])
  let plan: Plan = reduction.stormMs === undefined ? drawn : { ...drawn, stormMs: reduction.stormMs }
  for (const part of reduction.plain ?? []) plan = plainer(plan, part)
  const { clients = plan.world.clients, voters = plan.world.voters, salt = 0 } = reduction
  const { requests = plan.world.clientPlan.requests } = reduction
  const clientPlan = { ...plan.world.clientPlan, requests }
  plan = { ...plan, world: { ...plan.world, seed: seed ^ salt ^ other, clients, voters, clientPlan } }
  if (reduction.latency !== undefined) plan = closer(plan, reduction.latency)
  const { faults: kept, earlierMs = 0, brief = {} } = reduction
  const faults = all.map((fault, at): Fault => {
    const share = brief[at]
    const atMs = Math.max(0, fault.atMs - earlierMs)
    return share === undefined ? { ...fault, atMs } : { ...fault, atMs, share }
  })
  return { plan, faults: kept === undefined ? faults : faults.filter((_fault, at) => kept.includes(at)) }
}

function faultsOf(seed: number, { faults, founding, stormMs, calms }: Plan): Fault[] {
  const drawn = drawFaults(seed, faults, stormMs, calms)
  return founding === null ? drawn : [...drawFoundingFaults(seed, founding), ...drawn].sort((a, b) => a.atMs - b.atMs)
}

function closer(plan: Plan, share: number): Plan {
  const { world } = plan
  const { latencyMs, tailMs } = world.network
  const network = { ...world.network, latencyMs: latencyMs * share, tailMs: tailMs * share }
  return { ...plan, world: { ...world, diskMs: world.diskMs * share, network } }
}

function plainer(plan: Plan, part: PlainPart): Plan {
  const { world } = plan
  const { network } = world
  switch (part) {
    case 'silence': return { ...plan, finalSilenceMs: 0 }
    case 'spoilt links': return { ...plan, world: { ...world, spoils: null } }
    case 'priorities': return { ...plan, world: { ...world, priorities: null } }
    case 'loss': {
      const { scatterMs: _, ...inOrder } = network
      return { ...plan, world: { ...world, network: { ...inOrder, loss: 0, duplication: 0, replay: 0 } } }
    }
    case 'bandwidth': return { ...plan, world: { ...world, network: { ...network, bytesPerMs: Infinity } } }
    case 'latency': {
      const plain = { ...network, latencyMs: 1, tailMs: 0.05 }
      return { ...plan, world: { ...world, diskMs: 1, network: plain } }
    }
    case 'drift': return { ...plan, world: { ...world, drift: 0 } }
    case 'observers': return { ...plan, world: { ...world, observers: 0 } }
    case 'limits': {
      const { catchUp: _, ...rest } = world
      return { ...plan, world: { ...rest, limits: DEFAULT_LIMITS } }
    }
    case 'epochs': {
      const { epochTxns: _, ...rest } = world
      return { ...plan, world: rest }
    }
    case 'clients': {
      const { clientPlan } = world
      const workload = { tops: 3, depth: 1, bytes: 4, multi: 2, syncs: 3, lists: false, large: NOTHING_LARGE }
      const plain = { ...clientPlan, pipeline: 1, restless: 1_000_000, areSlow: false, areExtreme: false, workload }
      return { ...plan, world: { ...world, clientPlan: plain } }
    }
  }
}
