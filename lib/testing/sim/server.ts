import type { Input, Now, ReplicaConfig, Timing } from '../../core/effects.ts'
import { DEFAULT_LIMITS } from '../../core/limits.ts'
import type { Limits } from '../../core/limits.ts'
import type { Replica } from '../../core/replica.ts'
import type { LogBatch } from '../../ports/storage.ts'
import { Answered } from './answered.ts'
import type { ClientPlan } from './client-plan.ts'
import type { ConnectionEnd } from './client-world.ts'
import { SimDisk } from './disk.ts'
import type { NetworkFaults } from './network.ts'
import type { PriorityPlan } from './priorities.ts'

const WALL_START_MS = 1_700_000_000_000

/** Shape of one simulated ensemble; see `drawPlan`. */
export interface WorldPlan {
  readonly seed: number
  readonly voters: number
  readonly observers: number
  readonly clients: number
  readonly timing: Timing
  readonly limits: Limits
  readonly network: NetworkFaults
  /** Mean time of a synced write. */
  readonly diskMs: number
  /** Largest drift of a peer's clock, as a fraction. */
  readonly drift: number
  readonly clientPlan: ClientPlan
  /** Null: ways are as fast as the network makes them. */
  readonly priorities: PriorityPlan | null
  /** What links may do to a proposal and live on: learners see what cannot be. */
  readonly spoils: 'lost' | 'twice' | null
  /** Txns of one epoch; 2^32 - 1 when left out. */
  readonly epochTxns?: number
  /** What who serves nobody applies in a turn (`ReplicaConfig.catchUpWork`), and how long such a turn takes. */
  readonly catchUp?: { readonly work: number, readonly turnMs: number }
  readonly mutant?: string
}

/** One simulated process with its disk. */
export interface Server {
  readonly id: number
  disk: SimDisk
  replica: Replica | null
  incarnation: number
  /** Rate of its clock against true time, and its offset. */
  rate: number
  wallOffsetMs: number
  /** Its timers have jumped ahead by so much in all. */
  jumpedMs: number
  writes: { readonly ticket: number, readonly batch: LogBatch }[]
  writing: boolean
  /** Writes completed since ever, and how many batches the one under way syncs. */
  written: number
  syncing: number
  /** Writes are slower by this factor. */
  slowness: number
  failNextWrite: boolean
  /** Its next write lands elsewhere; the dice for where. */
  strayDice: number | null
  /** How many more writes it begins before it dies in one; Infinity while nobody wants that. */
  writesToCrash: number
  /** Every write fails. */
  full: boolean
  /** No write ends. */
  hung: boolean
  paused: boolean
  /** When it was started, or went on after a pause. */
  awakeMs: number
  readonly inbox: Input[]
  ticksMs: number
  readonly conns: Map<number, ConnectionEnd>
  answered: Answered
}

/** One that was never up. */
export function newServer(id: number, rate: number): Server {
  return {
    id, disk: new SimDisk(), replica: null, incarnation: 0, rate, wallOffsetMs: 0, jumpedMs: 0,
    writes: [], writing: false, written: 0, syncing: 0, slowness: 1, failNextWrite: false, strayDice: null,
    writesToCrash: Infinity, full: false, hung: false, paused: false, awakeMs: 0, inbox: [], ticksMs: Infinity,
    conns: new Map(), answered: new Answered(),
  }
}

/** Its process begins anew, with what is on its disk. */
export function begin(server: Server, nowMs: number): void {
  server.incarnation++
  server.writes = []
  server.writing = false
  server.paused = false
  server.awakeMs = nowMs
  server.inbox.length = 0
  server.ticksMs = Infinity
  server.failNextWrite = false
  server.strayDice = null
  server.writesToCrash = Infinity
  server.answered = new Answered()
}

/** What its clocks say. */
export function clockOf(server: Server, nowMs: number): Now {
  const ms = Math.floor(nowMs * server.rate + server.jumpedMs)
  return { ms, wallMs: WALL_START_MS + ms + server.wallOffsetMs }
}

/** Its clock is nearly right from here on, and says what it said. False when it was so already. */
export function steady(server: Server, nowMs: number): boolean {
  const rate = 1 + Math.min(Math.max(server.rate - 1, -0.01), 0.01)
  if (rate === server.rate) return false
  server.jumpedMs += nowMs * (server.rate - rate)
  server.rate = rate
  server.ticksMs = Infinity
  return true
}

/** How a replica of the ensemble is started. */
export function configOf(
  plan: WorldPlan, id: number, of: Pick<ReplicaConfig, 'members' | 'bootstrap' | 'seed' | 'codec'>,
): ReplicaConfig {
  return {
    ...of, peerId: id, ensembleName: 'sim', timing: plan.timing,
    // Of one shape in every run, as with `faultsOf` in network.ts.
    limits: { ...DEFAULT_LIMITS, ...plan.limits },
    tree: {
      skipAcl: false, ttlEnabled: true, enforceQuota: false,
      sessionEphemerals: 10_000, sessionEphemeralBytes: 1_000_000,
      multiOperations: 1_000, containerNeverUsedMs: 0,
    },
    // Of another length at each: it must not come into what they have in common.
    newEnsembleId: id.toString(16).padStart(32, '0'), configData: new Uint8Array(id).fill(id),
    ...(plan.epochTxns === undefined ? {} : { epochTxns: plan.epochTxns }),
    ...(plan.catchUp === undefined ? {} : { catchUpWork: plan.catchUp.work }),
    ...(plan.mutant === undefined ? {} : { mutant: plan.mutant }),
  }
}

/** It serves, and everything is where it belongs on its disk. */
export function isSound({ replica, disk, strayDice }: Server): boolean {
  if (replica?.serving !== true || disk.isAstray || strayDice !== null) return false
  return disk.meta?.health === 'ok' && disk.meta.currentEpoch > 0
}
