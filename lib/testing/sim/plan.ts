import { DEFAULT_LIMITS } from '../../core/limits.ts'
import type { Limits } from '../../core/limits.ts'
import type { Timing } from '../../core/effects.ts'
import { makeRandom } from '../../core/random.ts'
import type { Random } from '../../core/random.ts'
import { logUniform } from '../draws.ts'
import type { ClientPlan } from './client-plan.ts'
import { FAULT_KINDS, FIRST_KINDS } from './faults.ts'
import type { Calm, FaultKind, FaultPlan, FoundingPlan } from './faults.ts'
import type { WorldPlan } from './server.ts'
import { meanLargeBytes, NOTHING_LARGE } from './workload.ts'
import type { LargePlan } from './workload.ts'

const NOTHING = Object.fromEntries(FAULT_KINDS.map((kind) => [kind, Infinity])) as FaultPlan

/**
 * How a run ends: its core is healed and must come to life; nothing is ever healed, and only safety is asked for; or
 * there is nothing to heal, as nothing ever goes wrong.
 */
export type Ending = 'core heals' | 'never heals' | 'no faults'

/** How much of a seed's storm is played: all of it, or what `abridged` leaves of it. */
export type StormLength = 'whole' | 'brief'

/** Everything about one run. */
export interface Plan {
  readonly world: WorldPlan
  readonly faults: FaultPlan
  /** Null: the ensemble comes to be as far as the storm lets it. */
  readonly founding: FoundingPlan | null
  /** It begins with the run, and holds its calms. */
  readonly stormMs: number
  /** Within the storm, one after the other: no fault happens in them. */
  readonly calms: readonly Calm[]
  /** At the end of the storm nobody hears anybody for so long. */
  readonly finalSilenceMs: number
  /** It lasts at least so long after its storm. */
  readonly calmMs: number
  readonly ending: Ending
  /** Few txns, and no snapshot: its whole history is checked once more at the end (T3). */
  readonly isShort: boolean
}

/** One of so many seeds is a short run. */
const SHORT = 40
/** Of all the phases of a storm together. */
export const STORM_MS = 80_000
/** Least time of a run after its storm. */
export const CALM_MS = 40_000
/** What a brief run leaves of the times of a whole one. */
const BRIEF = 1 / 4

/** Five most often, three often, every size up to seven. */
const VOTERS: readonly number[] = [5, 5, 5, 5, 5, 5, 5, 5, 3, 3, 3, 3, 3, 3, 1, 2, 4, 4, 6, 7]

function sometimes(random: Random, percent: number, low: number, high: number): number {
  const roll = random.below(100)
  const drawn = logUniform(random, low, high)
  return roll < percent ? drawn : Infinity
}

function drawTiming(fast: boolean): Timing {
  const tickMs = fast ? 200 : 2_000
  return {
    tickMs, initMs: 10 * tickMs, syncMs: 5 * tickMs, pingMs: tickMs / 2, finalizeMs: fast ? 40 : 200,
    resendMs: fast ? 50 : 200, resendMaxMs: tickMs, sessionMinMs: 2 * tickMs, sessionMaxMs: 30_000, reapMs: 10_000,
  }
}

/** Half of the runs have tiny bounds, so that snapshots, purges, windows and their ends happen all the time. */
function drawLimits(random: Random): Limits {
  const outstandingTxns = random.below(5) === 0 ? 20 + random.below(100) : DEFAULT_LIMITS.outstandingTxns
  if (random.below(2) === 0) return { ...DEFAULT_LIMITS, outstandingTxns }
  const limits = {
    ...DEFAULT_LIMITS, outstandingTxns, snapshotTxns: 20 + random.below(200), retainedTxns: random.below(30),
    retainedBytes: 100 + random.below(20_000), syncChunkBytes: 300 + random.below(3_000),
    syncChunksInFlight: random.below(3) === 0 ? 1 : DEFAULT_LIMITS.syncChunksInFlight,
    outstandingBytes: random.below(2) === 0 ? 500 + random.below(20_000) : DEFAULT_LIMITS.outstandingBytes,
    linkQueueBytes: random.below(3) === 0 ? 10_000 + random.below(50_000) : DEFAULT_LIMITS.linkQueueBytes,
  }
  return { ...limits, linkWindowBytes: Math.min(limits.linkWindowBytes, limits.outstandingBytes) }
}

/** About fifty requests per second in the mean, of twenty clients (correctness plan, E.1). */
function drawClients(random: Random, rare: Random, watches: number): ClientPlan {
  const isBig = random.below(8) === 0
  return {
    opsPerSecond: logUniform(random, 12, 130), requests: Infinity, pipeline: random.below(8) === 0 ? 64 : 8,
    restless: random.below(3) === 0 ? 40 : 300, areSlow: random.below(5) === 0,
    workload: {
      tops: random.below(4) === 0 ? 2 : isBig ? 200 : 12, depth: random.below(6) === 0 ? 6 : 1,
      bytes: isBig ? 5_000 : 4,
      multi: random.below(6) === 0 ? 30 : 4, syncs: random.below(5) === 0 ? 25 : 3,
      lists: rare.below(3) === 0, large: { ...drawLarge(rare), watches },
    },
    areExtreme: rare.below(6) === 0,
  }
}

/** One run in eighteen has requests of a size that would make all others slow, were they common. */
function drawLarge(random: Random): LargePlan {
  switch (random.below(90)) {
    case 0: return { ...NOTHING_LARGE, owned: Math.floor(logUniform(random, 1_000, 5_000)) }
    case 1: case 2: return { ...NOTHING_LARGE, bytes: 1_000_000 }
    case 3: case 4: return { ...NOTHING_LARGE, parts: 1_000 }
    default: return NOTHING_LARGE
  }
}

/** One run in forty-five has clients that watch more than anybody arms one by one. */
function drawWatches(seed: number): number {
  const random = makeRandom(seed ^ 0x3a7c)
  return random.below(45) === 0 ? Math.floor(logUniform(random, 200, 5_000)) : 0
}

/** Clocks that run wrong by a tenth are common, by half they are rare. */
function drawDrift(random: Random): number {
  const roll = random.below(40)
  const share = random.unit()
  return roll === 0 ? 0.5 * share : roll < 16 ? 0.1 * share : 0
}

/** A storm of one to three kinds alone: among all the others some never get far enough to matter. */
function drawFocus(random: Random, voters: number): FaultPlan {
  const plan: Record<FaultKind, number> = { ...NOTHING }
  for (let i = 1 + random.below(3); i > 0; i--) {
    const drawn = FAULT_KINDS[random.below(FIRST_KINDS)]!
    const kind = voters < 3 && (drawn === 'wipe' || drawn === 'rot') ? 'crash' : drawn
    plan[kind] = logUniform(random, 2_000, 15_000)
  }
  return plan
}

/**
 * One storm in six is of few kinds. The shares of the others are what brings those of all seeds to the table of the
 * correctness plan (B): crash 80 %, partition 60, slow 50, pause 40, clocks 40, clean stop 50, fail, full and rot 10.
 */
function drawFaultPlan(random: Random, voters: number): FaultPlan {
  if (random.below(6) === 0) return drawFocus(random, voters)
  const isReplicated = voters >= 3
  return {
    crash: sometimes(random, 97, 2_000, 40_000), partition: sometimes(random, 73, 4_000, 40_000),
    pause: sometimes(random, 49, 4_000, 40_000), slow: sometimes(random, 61, 5_000, 40_000),
    break: sometimes(random, 60, 1_000, 20_000), stop: sometimes(random, 61, 5_000, 60_000),
    fail: sometimes(random, 12, 10_000, 60_000), wall: sometimes(random, 49, 5_000, 60_000),
    wipe: isReplicated ? sometimes(random, 5, 10_000, 60_000) : Infinity,
    rot: isReplicated ? sometimes(random, 13, 5_000, 40_000) : Infinity,
    halfOpen: sometimes(random, 30, 2_000, 30_000), clog: sometimes(random, 20, 5_000, 40_000),
    full: sometimes(random, 12, 10_000, 60_000), rolling: sometimes(random, 10, 20_000, 60_000),
    jump: sometimes(random, 15, 10_000, 60_000), spoil: sometimes(random, 5, 3_000, 20_000),
    promise: sometimes(random, 10, 8_000, 60_000), misdirect: Infinity, clients: Infinity, cramped: Infinity,
    hang: Infinity,
  }
}

/** One seed in ten has disks without room for snapshots at times: a fifth of those that take them often. */
function drawCramped(seed: number, { snapshotTxns }: Limits, faults: FaultPlan): FaultPlan {
  const random = makeRandom(seed ^ 0xc4a6)
  if (random.below(5) > 0 || snapshotTxns === DEFAULT_LIMITS.snapshotTxns) return faults
  return { ...faults, cramped: logUniform(random, 5_000, 40_000) }
}

/** One seed in eighteen has writes that land elsewhere: besides all else, or with crashes alone. */
function drawMisdirected(seed: number, voters: number, faults: FaultPlan): FaultPlan {
  const random = makeRandom(seed ^ 0x57a9)
  if (random.below(18) > 0 || voters < 3) return faults
  const misdirect = logUniform(random, 2_000, 20_000)
  if (random.below(2) === 0) return { ...faults, misdirect }
  return { ...NOTHING, misdirect, crash: logUniform(random, 3_000, 20_000) }
}

/** Three seeds in ten have faults between clients and peers, besides all else. */
function drawClientFaults(seed: number, faults: FaultPlan): FaultPlan {
  const random = makeRandom(seed ^ 0xc11e)
  return random.below(10) < 3 ? { ...faults, clients: logUniform(random, 3_000, 40_000) } : faults
}

/**
 * One seed in ten has disks that stand still one after the other: besides all else, or with some crashes alone, as what
 * comes of it takes a while. Fewer than three voters do nothing without one of them.
 */
function drawHangs(seed: number, voters: number, faults: FaultPlan): FaultPlan {
  const random = makeRandom(seed ^ 0x4a_0248)
  if (random.below(9) > 0 || voters < 3) return faults
  const hang = logUniform(random, 3_000, 30_000)
  if (random.below(4) > 0) return { ...faults, hang }
  return { ...NOTHING, hang, crash: logUniform(random, 10_000, 60_000) }
}

/** As many txns as hardly any start has to apply, and the ticks that they take at most: some of an initMs. */
const MANY_TXNS = 3_000
const MANY_TICKS = 4

/**
 * In half of the seeds who starts, or is brought up, applies what it has in many turns, between which anything may
 * happen. The dice are its own.
 */
function drawCatchUp(seed: number, { tickMs }: Timing): Pick<WorldPlan, 'catchUp'> {
  const random = makeRandom(seed ^ 0xca7c)
  if (random.below(2) === 0) return {}
  const turnTicks = logUniform(random, 0.001, 0.5)
  return { catchUp: { work: Math.ceil(MANY_TXNS * turnTicks / MANY_TICKS), turnMs: turnTicks * tickMs } }
}

/**
 * The standard mix: each seed draws which fault classes exist, then how bad they are (a storm of everything at once
 * hides more than it shows: no leader would ever form).
 */
export function drawPlan(seed: number, mutant?: string, length: StormLength = 'whole'): Plan {
  const random = makeRandom(seed ^ 0x5eed)
  const voters = VOTERS[random.below(VOTERS.length)]!
  const isFast = random.below(3) === 0 || length === 'brief'
  const timing = drawTiming(isFast)
  const limits = drawLimits(random)
  const first = drawCramped(seed, limits, drawFaultPlan(random, voters))
  const disks = drawHangs(seed, voters, drawMisdirected(seed, voters, first))
  const faults = drawClientFaults(seed, disks)
  const silenceMs = isFast ? logUniform(random, 20_000, 300_000) : logUniform(random, 5_000, 30_000)
  const plan: Plan = {
    world: {
      seed, voters, observers: random.below(4) === 0 ? 1 + random.below(random.below(3) === 0 ? 4 : 2) : 0, clients: 20,
      timing, limits,
      // Long enough for a history, short enough that it ends several times in a run.
      ...(random.below(10) === 0 ? { epochTxns: 100 + random.below(1_500) } : {}),
      ...drawCatchUp(seed, timing),
      network: {
        latencyMs: logUniform(random, 0.05, 50), tailMs: logUniform(random, 0.05, 20),
        loss: random.below(2) === 0 ? random.unit() * 0.3 : 0,
        duplication: random.below(2) === 0 ? random.unit() * 0.2 : 0,
        replay: random.below(2) === 0 ? random.unit() * 0.01 : 0,
        // A piece of a synchronization takes an eighth of its limit at most: a slower link is no link.
        bytesPerMs: random.below(8) === 0
          ? 8 * limits.syncChunkBytes / timing.initMs * logUniform(random, 1, 100) : Infinity,
      },
      diskMs: logUniform(random, 0.05, 20), drift: drawDrift(random),
      clientPlan: drawClients(random, makeRandom(seed ^ 0x2a2e), drawWatches(seed)),
      priorities: random.below(5) === 0
        ? { windowMs: logUniform(random, 1, isFast ? 200 : 1_500), changeSteps: logUniform(random, 100, 20_000) }
        : null,
      spoils: faults.spoil === Infinity ? null : random.below(2) === 0 ? 'lost' : 'twice',
      ...(mutant === undefined ? {} : { mutant }),
    },
    faults, founding: null, stormMs: STORM_MS, calms: [], finalSilenceMs: random.below(10) === 0 ? silenceMs : 0,
    calmMs: CALM_MS, ending: 'core heals', isShort: false,
  }
  const { network, clientPlan } = plan.world
  const bytesPerMs = isLarge(clientPlan) ? Infinity : Math.max(network.bytesPerMs, loadOf(clientPlan))
  const world = { ...plan.world, limits: roomy(plan.world), network: { ...network, bytesPerMs } }
  const drawn = withScatter(withFounding(withCalms(drawEnding(random, { ...plan, world }), drawCalms(seed))))
  const run = seed % SHORT === SHORT - 1 ? shorten(drawn) : drawn
  return length === 'brief' ? abridged(run) : run
}

/**
 * The same storm in a quarter of the time, for a gate that has minutes: as many faults, of the same dice, so much
 * closer to each other. Its ticks are short in every seed: elections, and most faults, last a tenth of what they last
 * where ticks are long. Clients ask for as much in a second, and their sessions die sooner. A founding that is soon
 * over is brief as it is.
 */
function abridged(plan: Plan): Plan {
  if (plan.founding?.isReckless === true) return plan
  const { world } = plan
  const timing = { ...world.timing, sessionMaxMs: BRIEF * world.timing.sessionMaxMs }
  const faults: Record<FaultKind, number> = { ...plan.faults }
  for (const kind of FAULT_KINDS) faults[kind] *= BRIEF
  return {
    ...plan, faults, stormMs: BRIEF * plan.stormMs, finalSilenceMs: BRIEF * plan.finalSilenceMs,
    calmMs: BRIEF * plan.calmMs, world: { ...world, timing },
    calms: plan.calms.map(({ fromMs, toMs }) => ({ fromMs: BRIEF * fromMs, toMs: BRIEF * toMs })),
  }
}

/**
 * In one seed of four notifications have no order: each is late by a time of its own, up to one that outlasts several
 * rounds. The dice are its own, and strike none of the seeds that tests name.
 */
function withScatter(plan: Plan): Plan {
  const { world, ending } = plan
  const random = makeRandom(world.seed ^ 0x5d13)
  if (random.below(4) > 0 || ending === 'no faults') return plan
  const scatterMs = logUniform(random, 1, world.timing.resendMaxMs)
  return { ...plan, world: { ...world, network: { ...world.network, scatterMs } } }
}

/** Few clients that seldom ask for anything, and logs that begin at their beginning. */
function shorten(plan: Plan): Plan {
  const { snapshotTxns, retainedTxns, retainedBytes } = DEFAULT_LIMITS
  const limits = { ...plan.world.limits, snapshotTxns, retainedTxns, retainedBytes }
  const clientPlan = { ...plan.world.clientPlan, opsPerSecond: 1, pipeline: 4 }
  return { ...plan, isShort: true, world: { ...plan.world, limits, clients: 3, clientPlan } }
}

/** A calm at the beginning in half of the runs, and none to two in between. */
function drawCalms(seed: number): Calm[] {
  const random = makeRandom(seed ^ 0xca1f)
  const calms: Calm[] = []
  let fromMs = 0
  for (let left = random.below(3) + 1, isFirst = random.below(2) === 0; left > 0; left--, isFirst = true) {
    const forMs = logUniform(random, 3_000, 15_000)
    if (isFirst) {
      calms.push({ fromMs, toMs: fromMs + forMs })
      fromMs += forMs
    }
    fromMs += STORM_MS / 4 + random.unit() * STORM_MS / 6
  }
  return calms
}

/** The storm is longer by them. */
function withCalms(plan: Plan, calms: readonly Calm[]): Plan {
  const calmMs = calms.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0)
  return plan.ending === 'no faults' ? plan : { ...plan, calms, stormMs: plan.stormMs + calmMs }
}

/**
 * One seed in eight of those that may lose a disk is hit while its ensemble is being founded: no calm goes before that.
 * Half of these are over soon after, and nobody asks whether the ensemble comes to be.
 */
function withFounding(plan: Plan): Plan {
  const { world: { seed, voters, timing: { tickMs } }, calms, stormMs } = plan
  const random = makeRandom(seed ^ 0xf_0002)
  if (random.below(8) > 0 || voters < 3 || plan.ending === 'no faults') return plan
  const isReckless = random.below(2) === 0
  const forMs = logUniform(random, 3 * tickMs, 20 * tickMs)
  const founding = { forMs, everyMs: logUniform(random, 0.02, 0.5) * tickMs, isReckless }
  return isReckless
    ? { ...plan, founding, calms: [], stormMs: forMs + 10 * tickMs, finalSilenceMs: 0, ending: 'never heals' }
    : { ...plan, founding, calms: calms.filter(({ fromMs }) => fromMs > 0), stormMs }
}

/** What a tree takes at most besides its data: sessions, paths, access-control lists. */
const BARE_TREE_BYTES = 24_000
/** The same of a txn, about. */
const BARE_TXN_BYTES = 100

/**
 * A tree must fit through its synchronization: its pieces cross one round trip after the other within `initMs`, and
 * what is written meanwhile is no more than a leader keeps for one learner. Otherwise whoever needs a snapshot is
 * dropped before its end, each time anew, and nothing that a core could do would bring it up. And who was brought up
 * must get twice what is asked for: it never serves where it only falls further behind.
 */
function roomy(world: WorldPlan): Limits {
  const { limits, timing, network, diskMs, priorities, clientPlan: { opsPerSecond, workload } } = world
  // Lengths are drawn log-uniformly: of 1 to 5,000 the mean is 587.
  const meanBytes = workload.bytes / 8
  // Where epochs are short a synchronization must fit into one, with what ways delay; elsewhere it only takes longer.
  const waitMs = world.epochTxns === undefined ? 0 : priorities?.windowMs ?? 0
  const pieceMs = 2 * (1.5 * network.latencyMs + network.tailMs + diskMs + waitMs)
  const { tree, written, single } = meanLargeBytes(workload)
  const pieces = Math.floor(timing.initMs / pieceMs) * limits.syncChunksInFlight
  const treeBytes = BARE_TREE_BYTES + workload.tops * meanBytes + tree
  const syncChunkBytes = Math.max(limits.syncChunkBytes, Math.ceil(treeBytes / Math.max(pieces, 1)))
  const writtenBytes = Math.ceil(timing.initMs * opsPerSecond / 1_000 * (meanBytes + written) + 2 * single)
  const askedBytes = Math.ceil(2 * pieceMs * opsPerSecond / 1_000 * (BARE_TXN_BYTES + meanBytes + written))
  return {
    ...limits, syncChunkBytes, linkQueueBytes: Math.max(limits.linkQueueBytes, writtenBytes),
    linkWindowBytes: Math.max(limits.linkWindowBytes, askedBytes),
  }
}

/** One run in sixteen never heals, one in thirty-two has no fault at all. */
function drawEnding(random: Random, plan: Plan): Plan {
  const roll = random.below(32)
  if (roll > 2) return plan
  if (roll > 0) return { ...plan, ending: 'never heals', stormMs: 120_000, finalSilenceMs: 0 }
  const { epochTxns: _, ...world } = plan.world
  const network = { ...world.network, loss: 0, duplication: 0, replay: 0, bytesPerMs: Infinity }
  return {
    ...plan, ending: 'no faults', faults: NOTHING, finalSilenceMs: 0,
    world: { ...world, network, limits: DEFAULT_LIMITS, drift: 0, priorities: null, spoils: null },
  }
}

/** What is large takes longer on a slow link than anybody waits. */
function isLarge({ workload: { large: { bytes, parts, owned } } }: ClientPlan): boolean {
  return bytes + parts + owned > 0
}

/** Bytes per ms that a link must carry for its clients' writes to get through twice over. */
function loadOf({ opsPerSecond, workload: { bytes, multi } }: ClientPlan): number {
  return 2 * opsPerSecond / 1_000 * (200 + bytes) * Math.max(1, multi / 2)
}
