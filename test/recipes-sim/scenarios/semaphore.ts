/** The semaphore: never more holders than leases, and no lease is lost for good. */
import type { Client } from '../../../lib/client/client.ts'
import { acquireLease } from '../../../lib/recipes/index.ts'
import type { StormCounts, World } from '../../../lib/testing/index.ts'
import { emptied, play } from '../actors.ts'
import { holdFor } from '../holding.ts'
import { Ledger } from '../ledger.ts'

const SEMAPHORE = '/semaphore'

export async function scenario(world: World): Promise<StormCounts> {
  const leases = 1 + world.random.below(3)
  const ledger = await Ledger.begin(world, '/ledger', { leases })
  const counts = await play(world, {
    users: [leases, leases + 3], work: (zk) => work(world, zk, ledger, leases), progress: () => ledger.held,
  })
  await ledger.verify()
  await emptied(world, `${SEMAPHORE}/leases`, `${SEMAPHORE}/locks`)
  return counts
}

async function work(world: World, zk: Client, ledger: Ledger, leases: number): Promise<void> {
  const options = world.random.below(6) === 0 ? { waitMs: world.random.below(1_000) } : {}
  const lease = await acquireLease(zk, SEMAPHORE, { leases, ...options })
  ledger.taken(zk, lease, true)
  try {
    await holdFor(world, zk, ledger, lease)
  } finally {
    await lease.release()
  }
}
