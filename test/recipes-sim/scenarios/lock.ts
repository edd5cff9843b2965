/** The lock: who holds it is alone, its token rises, its signal comes in time, and somebody always gets it. */
import type { Client } from '../../../lib/client/client.ts'
import { isZkError } from '../../../lib/core/errors.ts'
import { acquire, tryAcquire } from '../../../lib/recipes/index.ts'
import type { Lock } from '../../../lib/recipes/index.ts'
import type { StormCounts, World } from '../../../lib/testing/index.ts'
import { check, Curtain, live, within } from '../actors.ts'
import { Ledger } from '../ledger.ts'

const LOCK = '/locks/one'
const STORM_MS = 15_000

export async function scenario(world: World): Promise<StormCounts> {
  const ledger = await Ledger.begin(world, '/ledger')
  const curtain = new Curtain()
  const count = 2 + world.random.below(4)
  const users = Array.from({ length: count }, (_, index) => {
    const inside = world.random.below(4) === 0 ? 1 + world.random.below(3) : undefined
    return live(world, { curtain, ...(inside === undefined ? {} : { inside }) }, (zk) => work(world, zk, ledger, index))
  })
  const lives = Promise.all(users)
  lives.catch(ignore)
  const counts = await Promise.race([world.storm(STORM_MS), lives.then(() => ({}))])
  // Everybody who waits gets it, and goes.
  const before = ledger.held
  await within(world, 30_000, 'somebody gets the lock', Promise.race([lives, world.until(() => ledger.held > before)]))
  curtain.drop()
  await within(world, 60_000, 'everybody gets the lock', lives)
  await ledger.verify()
  const zk = await world.connect()
  await within(world, 30_000, 'nothing is left in line', emptied(world, zk))
  return counts
}

async function work(world: World, zk: Client, ledger: Ledger, index: number): Promise<void> {
  const way = world.random.below(8)
  const name = `user ${index}`
  const lock = way === 0 ? await tryAcquire(zk, LOCK, { name })
    : await acquire(zk, LOCK, { name, ...(way === 1 ? { waitMs: world.random.below(1_000) } : {}) })
  if (lock === null) {
    await world.sleep(zk, 100)
    return
  }
  const entry = ledger.taken(zk, lock)
  try {
    await hold(world, zk, ledger, lock)
  } finally {
    await lock.release()
    ledger.left(entry)
  }
  if (world.random.below(2) === 0) await world.sleep(zk, world.random.below(300))
}

async function hold(world: World, zk: Client, ledger: Ledger, lock: Lock): Promise<void> {
  for (let left = world.random.below(5); left >= 0; left--) {
    await world.sleep(zk, world.random.below(left === 0 ? 1_500 : 100))
    if (!ledger.stillHeld(lock)) return
    try {
      await ledger.write(lock)
    } catch (error) {
      if (isZkError(error, 'LockLost')) return
      throw error
    }
  }
}

async function emptied(world: World, zk: Client): Promise<void> {
  for (;;) {
    const names = await zk.children(LOCK).catch((error: unknown) => {
      if (isZkError(error, 'NoNode')) return []
      throw error
    })
    if (names.length === 0) return
    check(world.nowMs > 0, 'clean', 'time passes')
    await world.sleep(zk, 500)
  }
}

function ignore(): void {
  // Awaited below.
}
