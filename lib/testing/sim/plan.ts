import { DEFAULT_LIMITS } from '../../core/limits.ts'
import type { Limits } from '../../core/limits.ts'
import type { Timing } from '../../core/effects.ts'
import { makeRandom } from '../../core/random.ts'
import type { Random } from '../../core/random.ts'
import type { WorldPlan } from './world.ts'

/** Which faults exist in a run, and how often: mean ms between two of a kind, Infinity for none. */
export interface FaultPlan {
  readonly crashMs: number
  readonly partitionMs: number
  readonly pauseMs: number
  readonly slowMs: number
  readonly breakMs: number
  readonly stopMs: number
  readonly failMs: number
  readonly wallMs: number
  readonly wipeMs: number
}

/** Everything about one run. */
export interface Plan {
  readonly world: WorldPlan
  readonly faults: FaultPlan
  readonly stormMs: number
}

/** Log-uniform between two bounds. */
function between(random: Random, low: number, high: number): number {
  return low * (high / low) ** random.unit()
}

function sometimes(random: Random, percent: number, low: number, high: number): number {
  const roll = random.below(100)
  const drawn = between(random, low, high)
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
  return {
    ...DEFAULT_LIMITS, outstandingTxns, snapshotTxns: 20 + random.below(200), retainedTxns: random.below(30),
    retainedBytes: 100 + random.below(20_000), syncChunkBytes: 300 + random.below(3_000),
    outstandingBytes: random.below(2) === 0 ? 500 + random.below(20_000) : DEFAULT_LIMITS.outstandingBytes,
    linkQueueBytes: random.below(3) === 0 ? 100_000 + random.below(200_000) : DEFAULT_LIMITS.linkQueueBytes,
  }
}

/**
 * The standard mix: each seed draws which fault classes exist, then how bad they are (a storm of everything at once
 * hides more than it shows: no leader would ever form).
 */
export function drawPlan(seed: number, mutant?: string): Plan {
  const random = makeRandom(seed ^ 0x5eed)
  const voters = [5, 5, 5, 5, 3, 3, 3, 1, 2, 4][random.below(10)]!
  return {
    world: {
      seed, voters, observers: random.below(4) === 0 ? 1 : 0, clients: 20,
      timing: drawTiming(random.below(3) === 0),
      limits: drawLimits(random),
      // Long enough for a history, short enough that it ends several times in a run.
      ...(random.below(10) === 0 ? { epochTxns: 300 + random.below(3_000) } : {}),
      network: {
        latencyMs: between(random, 0.1, 30), tailMs: between(random, 0.05, 20),
        loss: random.below(2) === 0 ? random.unit() * 0.3 : 0,
        duplication: random.below(2) === 0 ? random.unit() * 0.2 : 0,
      },
      diskMs: between(random, 0.1, 15), drift: random.below(5) < 2 ? random.unit() * 0.1 : 0,
      ...(mutant === undefined ? {} : { mutant }),
    },
    faults: {
      crashMs: sometimes(random, 80, 2_000, 40_000), partitionMs: sometimes(random, 60, 4_000, 40_000),
      pauseMs: sometimes(random, 40, 4_000, 40_000), slowMs: sometimes(random, 50, 5_000, 40_000),
      breakMs: sometimes(random, 60, 1_000, 20_000), stopMs: sometimes(random, 50, 5_000, 60_000),
      failMs: sometimes(random, 10, 10_000, 60_000), wallMs: sometimes(random, 40, 5_000, 60_000),
      wipeMs: voters >= 3 ? sometimes(random, 5, 10_000, 60_000) : Infinity,
    },
    stormMs: 80_000,
  }
}
