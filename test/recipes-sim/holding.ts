import type { Client } from '../../lib/client/client.ts'
import { isZkError } from '../../lib/core/errors.ts'
import type { Hold } from '../../lib/recipes/index.ts'
import type { World } from '../../lib/testing/index.ts'
import type { Ledger } from './ledger.ts'

/** Holds something for a while, and writes meanwhile; returns early when it is lost. Errors: those of the writes. */
export async function holdFor(world: World, zk: Client, ledger: Ledger, hold: Hold): Promise<void> {
  const { random } = world
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
}
