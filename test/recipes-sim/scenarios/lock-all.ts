/** Several locks as one: all or none, each of them exclusive, and nobody waits in a circle. */
import type { Client } from '../../../lib/client/client.ts'
import { isZkError } from '../../../lib/core/errors.ts'
import { acquireAll } from '../../../lib/recipes/index.ts'
import type { LockSet } from '../../../lib/recipes/index.ts'
import type { StormCounts, World } from '../../../lib/testing/index.ts'
import { check, emptied, play } from '../actors.ts'
import { Ledger } from '../ledger.ts'

const NAMES = ['a', 'b', 'c']

export async function scenario(world: World): Promise<StormCounts> {
  const ledgers = new Map<string, Ledger>()
  for (const name of NAMES) ledgers.set(`/locks/${name}`, await Ledger.begin(world, `/ledgers/${name}`))
  const sum = (): number => [...ledgers.values()].reduce((total, { held }) => total + held, 0)
  const counts = await play(world, { work: (zk) => work(world, zk, ledgers), progress: sum })
  for (const ledger of ledgers.values()) await ledger.verify()
  await emptied(world, ...ledgers.keys())
  return counts
}

async function work(world: World, zk: Client, ledgers: ReadonlyMap<string, Ledger>): Promise<void> {
  const { random } = world
  const wanted = [...ledgers.keys()].filter(() => random.below(3) > 0)
  const paths = wanted.length === 0 ? ['/locks/a', '/locks/c'] : random.below(2) === 0 ? wanted : wanted.toReversed()
  const set = await acquireAll(zk, paths, random.below(8) === 0 ? { waitMs: random.below(2_000) } : {})
  check(set.locks.length === paths.length, 'all', `${set.locks.length} of ${paths.length} locks`)
  for (const [index, path] of paths.entries()) ledgers.get(path)!.taken(zk, set.locks[index]!)
  try {
    await writeAll(world, zk, set, paths.map((path) => ledgers.get(path)!))
  } finally {
    await set.release()
  }
}

/** One multi for all of them: refused if one of the locks is lost. */
async function writeAll(world: World, zk: Client, set: LockSet, ledgers: readonly Ledger[]): Promise<void> {
  for (let left = world.random.below(3); left >= 0; left--) {
    await world.sleep(zk, world.random.below(300))
    for (const [index, ledger] of ledgers.entries()) ledger.stillHeld(set.locks[index]!)
    if (!set.held) return
    const multi = set.guard.multi()
    for (const [index, { path }] of ledgers.entries()) {
      multi.create(`${path}/n-`, `a${set.locks[index]!.token.zxid}`, { mode: 'persistentSequential' })
    }
    try {
      await multi.commit()
      for (const ledger of ledgers) ledger.writes += 1
    } catch (error) {
      if (isZkError(error, 'LockLost')) return
      throw error
    }
  }
}
