import type { Client } from '../../lib/client/client.ts'
import { isZkError } from '../../lib/core/errors.ts'
import type { Hold } from '../../lib/recipes/index.ts'
import type { World } from '../../lib/testing/index.ts'
import type { Ledger } from './ledger.ts'

/** So often a holder is hit by a fault that only holders fear. */
const AFFLICTIONS_ONE_IN = 12

/** Now and then: the program stands still for longer than its session lives, or the ensemble expires it. */
function afflict(world: World, zk: Client): void {
  const timeoutMs = zk.session?.timeoutMs ?? 0
  if (timeoutMs === 0 || world.random.below(AFFLICTIONS_ONE_IN) > 0) return
  if (world.random.below(2) === 0) world.pause(zk, timeoutMs * 1.5)
  else world.expire(zk).catch(ignore)
}

/** Before a write whose answer matters: now and then it is lost. */
export function loseAnswers(world: World, zk: Client): void {
  if (world.random.below(AFFLICTIONS_ONE_IN) === 0) world.loseReplies(zk, 10 + world.random.below(100))
}

function ignore(): void {
  // The world is over.
}

/** Holds something for a while, and writes meanwhile; returns early when it is lost. Errors: those of the writes. */
export async function holdFor(world: World, zk: Client, ledger: Ledger, hold: Hold): Promise<void> {
  const { random } = world
  afflict(world, zk)
  for (let left = random.below(5); left >= 0; left--) {
    await world.sleep(zk, random.below(left === 0 && random.below(3) === 0 ? 1_500 : 100))
    if (!ledger.stillHeld(hold)) return
    try {
      await ledger.write(hold)
    } catch (error) {
      if (isZkError(error, 'LockLost')) return
      throw error
    }
  }
  loseAnswers(world, zk)
}
