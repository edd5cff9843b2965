import type { Random } from '../../core/random.ts'
import { FAULT_KINDS } from './faults.ts'
import type { Fault, FaultKind } from './faults.ts'
import { drawPlan } from './plan.ts'
import type { Plan } from './plan.ts'

/** What of a plan can be as another seed draws it. */
export const CROSSED_PARTS = ['limits', 'network', 'clients', 'drift', 'disk'] as const

/** One of them. */
export type CrossedPart = typeof CROSSED_PARTS[number]

/** One draw of a run that is not as its seed has it; faults by their place in the list, added ones at its end. */
export type Change =
  | { readonly of: 'dice', readonly at: number, readonly dice: number }
  | { readonly of: 'moment', readonly at: number, readonly atMs: number }
  | { readonly of: 'kind', readonly at: number, readonly kind: FaultKind }
  | { readonly of: 'fault', readonly atMs: number, readonly kind: FaultKind, readonly dice: number }
  | { readonly of: 'part', readonly part: CrossedPart, readonly seed: number }
  | { readonly of: 'salt', readonly salt: number }

/** A plan and its faults with some draws changed; the salt changes all that is drawn while the run goes on. */
export function bred(
  plan: Plan, faults: readonly Fault[], changes: readonly Change[],
): { readonly plan: Plan, readonly faults: readonly Fault[], readonly salt: number } {
  const changed = [...faults]
  let made = plan
  let salt = 0
  const put = (at: number, part: Partial<Fault>): void => {
    if (changed[at] !== undefined) changed[at] = { ...changed[at], ...part }
  }
  for (const change of changes) {
    switch (change.of) {
      case 'dice': put(change.at, { dice: change.dice }); break
      case 'moment': put(change.at, { atMs: change.atMs }); break
      case 'kind': put(change.at, { kind: change.kind }); break
      case 'fault': changed.push({ atMs: change.atMs, kind: change.kind, dice: change.dice }); break
      case 'part': made = crossed(made, change.part, drawPlan(change.seed)); break
      case 'salt': salt ^= change.salt; break
    }
  }
  return { plan: made, faults: changed.sort((a, b) => a.atMs - b.atMs), salt }
}

/** One part comes from another plan. Links carry whatever that asks of them. */
function crossed(plan: Plan, part: CrossedPart, { world: other }: Plan): Plan {
  const { world } = plan
  const network = { ...part === 'network' ? other.network : world.network, bytesPerMs: Infinity }
  return {
    ...plan, world: {
      ...world, network,
      ...(part === 'limits' ? { limits: other.limits } : {}),
      ...(part === 'clients' ? { clientPlan: other.clientPlan } : {}),
      ...(part === 'drift' ? { drift: other.drift } : {}),
      ...(part === 'disk' ? { diskMs: other.diskMs } : {}),
    },
  }
}

/** Another draw for one thing in a run of this plan with so many faults. */
export function drawChange(random: Random, { stormMs }: Plan, faults: number): Change {
  const roll = faults === 0 ? 8 : random.below(12)
  const kind = FAULT_KINDS[random.below(FAULT_KINDS.length)]!
  const atMs = random.below(stormMs)
  if (roll < 3) return { of: 'dice', at: random.below(faults), dice: random.next() }
  if (roll < 5) return { of: 'moment', at: random.below(faults), atMs }
  if (roll < 7) return { of: 'kind', at: random.below(faults), kind }
  if (roll < 9) return { of: 'fault', atMs, kind, dice: random.next() }
  if (roll < 11) return { of: 'salt', salt: random.next() }
  return { of: 'part', part: CROSSED_PARTS[random.below(CROSSED_PARTS.length)]!, seed: random.below(1_000_000) }
}
