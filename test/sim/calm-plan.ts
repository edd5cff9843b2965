import { DEFAULT_LIMITS } from '../../lib/core/limits.ts'
import { drawPlan } from '../../lib/testing/sim/plan.ts'
import type { Plan } from '../../lib/testing/sim/plan.ts'
import { NOTHING_LARGE } from '../../lib/testing/sim/workload.ts'
import type { LargePlan } from '../../lib/testing/sim/workload.ts'

const TICK_MS = 200

/** A small, fast ensemble in which nothing goes wrong by itself; its clients ask for much, and stay where they are. */
export function calmPlan(large: LargePlan = NOTHING_LARGE): Plan {
  const plan = drawPlan(1)
  const { epochTxns: _, ...world } = plan.world
  return {
    ...plan, stormMs: 10_000, finalSilenceMs: 0, calms: [], founding: null, ending: 'core heals',
    world: {
      ...world, seed: 7, voters: 3, observers: 0, drift: 0, diskMs: 1, clients: 12, priorities: null, spoils: null,
      timing: {
        tickMs: TICK_MS, initMs: 10 * TICK_MS, syncMs: 5 * TICK_MS, pingMs: TICK_MS / 2, finalizeMs: 40, resendMs: 50,
        resendMaxMs: TICK_MS, sessionMinMs: 2 * TICK_MS, sessionMaxMs: 30_000, reapMs: 10_000,
      },
      limits: DEFAULT_LIMITS,
      network: { latencyMs: 1, tailMs: 1, loss: 0, duplication: 0, replay: 0, bytesPerMs: Infinity },
      clientPlan: {
        opsPerSecond: 200, requests: Infinity, pipeline: 4, restless: 1_000_000, areSlow: false, areExtreme: false,
        workload: { tops: 12, depth: 1, bytes: 4, multi: 4, syncs: 3, lists: false, large },
      },
    },
  }
}
