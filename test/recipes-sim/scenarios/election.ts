/** Elections: one leads at a time, terms fence, and observers come to see who does. */
import type { Client } from '../../../lib/client/client.ts'
import { lead, leaderOf, standFor, watchLeader } from '../../../lib/recipes/index.ts'
import type { Term } from '../../../lib/recipes/index.ts'
import type { StormCounts, World } from '../../../lib/testing/index.ts'
import { check, emptied, play, within } from '../actors.ts'
import { holdFor } from '../holding.ts'
import { Ledger } from '../ledger.ts'

const ELECTION = '/election'

export async function scenario(world: World): Promise<StormCounts> {
  const ledger = await Ledger.begin(world, '/ledger')
  const counts = await play(world, {
    work: (zk, user) => work(world, zk, ledger, `user ${user}`), progress: () => ledger.held,
  })
  await ledger.verify()
  await emptied(world, ELECTION)
  await observed(world)
  return counts
}

async function work(world: World, zk: Client, ledger: Ledger, name: string): Promise<void> {
  if (world.random.below(2) === 0) await byWork(world, zk, ledger, name)
  else await byStanding(world, zk, ledger, name)
}

async function byWork(world: World, zk: Client, ledger: Ledger, name: string): Promise<void> {
  let terms = 1 + world.random.below(3)
  const enough = new AbortController()
  await lead(zk, ELECTION, async (term) => {
    ledger.taken(zk, term)
    await holdFor(world, zk, ledger, term)
    terms -= 1
    if (terms === 0) enough.abort()
  }, { name, requeue: true, signal: enough.signal })
}

async function byStanding(world: World, zk: Client, ledger: Ledger, name: string): Promise<void> {
  await using election = standFor(zk, ELECTION, { name })
  for (let terms = 1 + world.random.below(3); terms > 0; terms--) {
    const term: Term = await election.elected()
    ledger.taken(zk, term)
    await holdFor(world, zk, ledger, term)
    if (election.isLeader) election.resign()
  }
}

/** In calm weather everybody comes to see the same one. */
async function observed(world: World): Promise<void> {
  const [candidate, observer] = await Promise.all([
    world.connect({ sessionTimeoutMs: 20_000 }), world.connect({ sessionTimeoutMs: 20_000 }),
  ])
  const view = await watchLeader(observer, ELECTION)
  const election = standFor(candidate, ELECTION, { name: 'the last' })
  await within(world, 10_000, 'a leader', election.elected())
  await within(world, 5_000, 'the view of the leader', () => view.leader?.name === 'the last')
  check((await leaderOf(observer, ELECTION))?.name === 'the last', 'leader', 'somebody else leads')
  await election.close()
  await within(world, 5_000, 'the view of no leader', () => view.leader === null)
  await view.close()
  await Promise.all([candidate.close(), observer.close()])
}
