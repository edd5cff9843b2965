/** The counter: every change happens exactly once, and what it gives is nobody else's. */
import type { Client } from '../../../lib/client/client.ts'
import { counterAt } from '../../../lib/recipes/index.ts'
import type { StormCounts, World } from '../../../lib/testing/index.ts'
import { emptied, play } from '../actors.ts'
import { loseAnswers } from '../holding.ts'
import { Tally } from '../tally.ts'

const COUNTER = '/counters/one'

export async function scenario(world: World): Promise<StormCounts> {
  const tally = new Tally(world)
  const counts = await play(world, { work: (zk) => work(world, zk, tally), progress: () => tally.done })
  await emptied(world, COUNTER)
  const zk = await world.connect()
  await zk.sync(COUNTER)
  tally.verify(await counterAt(zk, COUNTER).get())
  await zk.close()
  return counts
}

async function work(world: World, zk: Client, tally: Tally): Promise<void> {
  const counter = counterAt(zk, COUNTER)
  for (let left = world.random.below(6); left >= 0; left--) {
    loseAnswers(world, zk)
    await tally.change(async () => (await counter.add(1)).after)
    await world.sleep(zk, world.random.below(300))
  }
}
