/** The lock: who holds it is alone, its token rises, its signal comes in time, and somebody always gets it. */
import type { Client } from '../../../lib/client/client.ts'
import { acquire, tryAcquire } from '../../../lib/recipes/index.ts'
import type { StormCounts, World } from '../../../lib/testing/index.ts'
import { emptied, play } from '../actors.ts'
import { holdFor, loseAnswers } from '../holding.ts'
import { Ledger } from '../ledger.ts'
import { mutated } from '../mutants.ts'
import { evictor } from '../operator.ts'

const LOCK = '/locks/one'

export async function scenario(world: World, mutant?: string): Promise<StormCounts> {
  const isRude = world.random.below(4) === 0
  const ledger = await Ledger.begin(world, '/ledger', { isRude })
  const counts = await play(world, {
    work: (zk, user) => work({ world, ledger, zk, recipe: mutated(zk, mutant) }, `user ${user}`),
    progress: () => ledger.held,
    ...(isRude ? { others: (curtain) => evictor(world, curtain, LOCK) } : {}),
  })
  await ledger.verify()
  await emptied(world, LOCK)
  return counts
}

interface User {
  readonly world: World
  readonly ledger: Ledger
  readonly zk: Client
  /** As the recipe sees it. */
  readonly recipe: Client
}

async function work({ world, ledger, zk, recipe }: User, name: string): Promise<void> {
  const way = world.random.below(8)
  loseAnswers(world, zk)
  const waitMs = world.random.below(1_000)
  const lock = way === 0 ? await tryAcquire(recipe, LOCK, { name })
    : await acquire(recipe, LOCK, { name, ...(way === 1 ? { waitMs } : {}) })
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
