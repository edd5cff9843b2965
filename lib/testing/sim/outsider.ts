import type { Random } from '../../core/random.ts'
import type { Plan } from './plan.ts'
import type { SimWorld } from './world.ts'

/** What becomes of one outside the core. */
const WAYS = ['down', 'down', 'deaf', 'mute', 'slow', 'restless'] as const
/** The same where disks stood still in the storm as well. */
const WAYS_WITH_HANGS = [...WAYS, 'hung', 'hung', 'hung', 'hung', 'hung', 'hung'] as const
/** Writes of one that is slow take so many times longer. */
const SLOWNESS = 20

/**
 * One outside a healed core is as bad as it can be, for ever: down, heard by nobody, hearing nobody, slow, coming and
 * going, or up and linked with all with a disk that ends no write.
 */
export function banish(world: SimWorld, { faults, world: { timing } }: Plan, id: number, dice: Random): void {
  const { network, peers, events } = world
  const ways = faults.hang < Infinity ? WAYS_WITH_HANGS : WAYS
  const how = ways[dice.below(ways.length)]!
  world.note(`${id} is ${how} from here on`)
  world.reached.hit(`freeze: one is ${how}`)
  // It may have led until now, and could not be told from a leader of the core.
  world.crash(id)
  if (how !== 'down' && how !== 'restless') world.start(id)
  if (how === 'slow') world.slow(id, SLOWNESS)
  if (how === 'hung') world.hang(id, true)
  for (const other of peers) {
    if (how === 'deaf' && other !== id) network.block(other, id)
    if (how === 'mute' && other !== id) network.block(id, other)
  }
  const again = (): void => {
    world.crash(id)
    world.start(id)
    events.after((0.3 + dice.unit()) * timing.syncMs, again)
  }
  if (how === 'restless') events.after(timing.syncMs, again)
}
