/** Ids: nobody gets one twice, and those of one object rise. */
import type { Client } from '../../../lib/client/client.ts'
import { idsAt } from '../../../lib/recipes/index.ts'
import type { StormCounts, World } from '../../../lib/testing/index.ts'
import { check, play } from '../actors.ts'
import { loseAnswers } from '../holding.ts'

export async function scenario(world: World): Promise<StormCounts> {
  const given = new Set<number>()
  return play(world, { work: (zk) => work(world, zk, given), progress: () => given.size })
}

async function work(world: World, zk: Client, given: Set<number>): Promise<void> {
  const ids = idsAt(zk, '/ids', { block: 1 + world.random.below(5) })
  let last = 0
  for (let left = world.random.below(20); left >= 0; left--) {
    loseAnswers(world, zk)
    const id = await ids.next()
    check(!given.has(id), 'twice', `${id} was given twice`)
    check(id > last, 'order', `${id} was given after ${last}`)
    given.add(id)
    last = id
    if (world.random.below(3) === 0) await world.sleep(zk, world.random.below(200))
  }
}
