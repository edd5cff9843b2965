/**
 * A run that failed, as a file: its plan and its faults as they were drawn and reduced, not the seed that they were
 * drawn from. So it is the same run still when draws have changed.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { DEFAULT_LIMITS } from '../../lib/core/limits.ts'
import { CALM_MS } from '../../lib/testing/sim/plan.ts'
import type { Plan } from '../../lib/testing/sim/plan.ts'
import type { Run } from '../../lib/testing/sim/reduction.ts'

/** What is kept of it. */
export interface SavedRun {
  /** What went wrong, in words. */
  readonly what: string
  /** The check that saw it. */
  readonly check: string
  /** The core that it was seen on. */
  readonly commit: string
  readonly run: Run
}

const ENDLESS = 'Infinity'
/** What plans did not say once. */
const AS_EVER: Pick<Plan, 'calmMs'> = { calmMs: CALM_MS }

/** Plans have Infinity for what never happens, which JSON does not. */
export function saveRun(path: string, saved: SavedRun): void {
  const text = JSON.stringify(saved, (_key, value: unknown) => value === Infinity ? ENDLESS : value, 1)
  writeFileSync(path, `${text}\n`)
}

export function readRun(path: string): SavedRun {
  const revive = (_key: string, value: unknown): unknown => value === ENDLESS ? Infinity : value
  const saved = JSON.parse(readFileSync(path, 'utf8'), revive) as SavedRun
  const { run: { plan, faults } } = saved
  // Limits that were made since are as ever.
  const world = { ...plan.world, limits: { ...DEFAULT_LIMITS, ...plan.world.limits } }
  return { ...saved, run: { plan: { ...AS_EVER, ...plan, world }, faults } }
}
