/** The shared value: updates happen exactly once, and whoever follows it sees them in order and never back. */
import type { Client } from '../../../lib/client/client.ts'
import { sharedValue } from '../../../lib/recipes/index.ts'
import type { SharedValue } from '../../../lib/recipes/index.ts'
import type { StormCounts, World } from '../../../lib/testing/index.ts'
import { check, emptied, play, within } from '../actors.ts'
import { Failures } from '../failures.ts'
import { loseAnswers } from '../holding.ts'
import { Tally } from '../tally.ts'

const PATH = '/values/one'

export async function scenario(world: World): Promise<StormCounts> {
  const tally = new Tally(world)
  const counts = await play(world, { work: (zk) => work(world, zk, tally), progress: () => tally.done })
  const clients = await Promise.all([1, 2].map(() => world.connect({ sessionTimeoutMs: 20_000 })))
  const [writer, reader] = await Promise.all(clients.map((zk) => sharedValue<number>(zk, PATH)))
  const final = await writer!.update((value) => (value ?? 0) + 1)
  await within(world, 5_000, 'all see the last value', () => reader!.value === final)
  tally.verify(final! - 1)
  for (const zk of clients) await zk.close()
  await emptied(world, PATH)
  return counts
}

/** The value is its own version, as it begins with 0 and rises by 1. */
async function work(world: World, zk: Client, tally: Tally): Promise<void> {
  const failures = new Failures()
  await using shared: SharedValue<number> = await sharedValue<number>(zk, PATH, { initial: 0 })
  let seen = shared.version
  shared.on('change', (value, version) => failures.keep(() => {
    check(value === version, 'torn', `${value} at version ${version}`)
    check(version > seen, 'order', `version ${version} after ${seen}`)
    seen = version
  }))
  for (let left = world.random.below(10); left >= 0; left--) {
    loseAnswers(world, zk)
    if (world.random.below(3) === 0) await world.sleep(zk, world.random.below(1_000))
    else await tally.change(async () => (await shared.update((value) => (value ?? 0) + 1))!)
    failures.rethrow()
  }
}
