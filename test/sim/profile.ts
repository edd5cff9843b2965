import type { FaultKind } from '../../lib/testing/sim/faults.ts'
import type { Run } from '../../lib/testing/sim/reduction.ts'

/** A storm of so few kinds of faults is one that was drawn for them. */
const FOCUS_MOST = 3

/** What kind of a run it is, in a line. */
export function profileOf({ plan: { world, faults, ending } }: Run): string {
  const kinds = (Object.keys(faults) as FaultKind[]).filter((kind) => faults[kind] !== Infinity)
  const storm = kinds.length === 0 ? 'no storm'
    : `${kinds.length <= FOCUS_MOST ? 'focus on' : 'storm of'} ${kinds.join(', ')}`
  return `${world.voters} voters, ${world.observers} observers, ${world.clients} clients, ` +
    `ticks of ${world.timing.tickMs} ms, ${ending}; ${storm}`
}
