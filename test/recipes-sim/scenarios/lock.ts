/** The lock: who holds it is alone, its token rises, its signal comes in time, and somebody always gets it. */
import type { Client } from '../../../lib/client/client.ts'
import { acquire, tryAcquire } from '../../../lib/recipes/index.ts'
import type { StormCounts, World } from '../../../lib/testing/index.ts'
import { emptied, play } from '../actors.ts'
import { holdFor } from '../holding.ts'
import { Ledger } from '../ledger.ts'

const LOCK = '/locks/one'

export async function scenario(world: World): Promise<StormCounts> {
  const ledger = await Ledger.begin(world, '/ledger')
  const counts = await play(world, {
    work: (zk, user) => work(world, zk, ledger, `user ${user}`), progress: () => ledger.held,
  })
  await ledger.verify()
  await emptied(world, LOCK)
  return counts
}

async function work(world: World, zk: Client, ledger: Ledger, name: string): Promise<void> {
  const way = world.random.below(8)
  const waitMs = world.random.below(1_000)
  const lock = way === 0 ? await tryAcquire(zk, LOCK, { name })
    : await acquire(zk, LOCK, { name, ...(way === 1 ? { waitMs } : {}) })
  if (lock === null) {
    await world.sleep(zk, 100)
    return
  }
  ledger.taken(zk, lock)
  try {
    await holdFor(world, zk, ledger, lock)
  } finally {
    await lock.release()
  }
  if (world.random.below(2) === 0) await world.sleep(zk, world.random.below(300))
}
