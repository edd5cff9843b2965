/** The read-write lock: readers share it, a writer is alone, and neither waits for ever. */
import type { Client } from '../../../lib/client/client.ts'
import { acquireRead, acquireWrite } from '../../../lib/recipes/index.ts'
import type { StormCounts, World } from '../../../lib/testing/index.ts'
import { emptied, play } from '../actors.ts'
import { holdFor } from '../holding.ts'
import { Ledger } from '../ledger.ts'

const LOCK = '/locks/rw'

export async function scenario(world: World): Promise<StormCounts> {
  const ledger = await Ledger.begin(world, '/ledger')
  const counts = await play(world, { work: (zk) => work(world, zk, ledger), progress: () => ledger.held })
  await ledger.verify()
  await emptied(world, LOCK)
  return counts
}

async function work(world: World, zk: Client, ledger: Ledger): Promise<void> {
  const reads = world.random.below(5) < 3
  const options = world.random.below(8) === 0 ? { waitMs: world.random.below(1_000) } : {}
  const lock = reads ? await acquireRead(zk, LOCK, options) : await acquireWrite(zk, LOCK, options)
  ledger.taken(zk, lock, reads)
  try {
    await holdFor(world, zk, ledger, lock)
  } finally {
    await lock.release()
  }
}
