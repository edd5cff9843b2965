/** The partition: no item belongs to two, an item moves when it was let go, and in calm weather none is lost. */
import type { Client } from '../../../lib/client/client.ts'
import { isZkError } from '../../../lib/core/errors.ts'
import { partition } from '../../../lib/recipes/index.ts'
import type { Hold } from '../../../lib/recipes/index.ts'
import type { StormCounts, World } from '../../../lib/testing/index.ts'
import { check, emptied, play, within } from '../actors.ts'
import { Failures } from '../failures.ts'
import { Ledger } from '../ledger.ts'

const PATH = '/shares'
const ITEMS = ['a', 'b', 'c', 'd', 'e']

/** Who owns what, by the ledger of each item. */
interface Ghost {
  readonly world: World
  readonly ledgers: ReadonlyMap<string, Ledger>
  readonly failures: Failures
}

export async function scenario(world: World): Promise<StormCounts> {
  const ledgers = new Map<string, Ledger>()
  for (const item of ITEMS) ledgers.set(item, await Ledger.begin(world, `/ledgers/${item}`))
  const ghost: Ghost = { world, ledgers, failures: new Failures() }
  const counts = await play(world, {
    work: (zk) => belong(ghost, zk),
    progress: () => [...ledgers.values()].reduce((sum, { held }) => sum + held, 0),
  })
  await shared(ghost)
  for (const ledger of ledgers.values()) await ledger.verify()
  await emptied(world, `${PATH}/members`, ...ITEMS.map((item) => `${PATH}/items/${item}`))
  return counts
}

/** One membership. */
async function belong(ghost: Ghost, zk: Client): Promise<void> {
  const { world, failures } = ghost
  const member = await join(ghost, zk)
  for (let left = 1 + world.random.below(8); left > 0 && zk.state !== 'expired'; left--) {
    await world.sleep(zk, world.random.below(800))
    failures.rethrow()
  }
  await member.close()
  check(member.items.length === 0, 'left', 'a member that left holds something')
}

function join({ world, ledgers, failures }: Ghost, zk: Client): ReturnType<typeof partition> {
  return partition(zk, PATH, ITEMS, {
    onItem: (item, hold) => {
      failures.keep(() => ledgers.get(item)!.taken(zk, hold))
      write(world, zk, ledgers.get(item)!, hold).catch((error: unknown) => {
        if (!isZkError(error)) failures.keep(() => { throw error })
      })
    },
    onRelease: () => world.sleep(zk, world.random.below(200)),
  })
}

/** The owner's work on an item, for as long as it is his. */
async function write(world: World, zk: Client, ledger: Ledger, hold: Hold): Promise<void> {
  while (ledger.stillHeld(hold)) {
    await ledger.write(hold)
    await world.sleep(zk, 100 + world.random.below(500))
  }
}

/** Three members in calm weather have everything, and nobody more than his share. */
async function shared(ghost: Ghost): Promise<void> {
  const { world, failures } = ghost
  const clients = await Promise.all([1, 2, 3].map(() => world.connect({ sessionTimeoutMs: 20_000 })))
  const members = await Promise.all(clients.map((zk) => join(ghost, zk)))
  const held = (): number => members.reduce((sum, { items }) => sum + items.length, 0)
  await within(world, 30_000, 'every item has an owner', () => held() === ITEMS.length)
  await within(world, 10_000, 'all are settled', Promise.all(members.map((member) => member.settled())))
  check(new Set(members.flatMap(({ items }) => items)).size === ITEMS.length, 'lost', 'an item is lost or doubled')
  check(members.every(({ items }) => items.length <= 2), 'shares', members.map(({ items }) => items).join(' | '))
  failures.rethrow()
  await Promise.all(members.map((member) => member.close()))
  await Promise.all(clients.map((zk) => zk.close()))
}
