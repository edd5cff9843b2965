/** Elections: one leads at a time, terms fence, and observers come to see who does. */
import type { Client } from '../../../lib/client/client.ts'
import { lead, leaderOf, standFor, watchLeader } from '../../../lib/recipes/index.ts'
import type { Term } from '../../../lib/recipes/index.ts'
import type { StormCounts, World } from '../../../lib/testing/index.ts'
import { check, emptied, play, within } from '../actors.ts'
import { holdFor, loseAnswers } from '../holding.ts'
import { Ledger } from '../ledger.ts'
import { mutated } from '../mutants.ts'
import { evictor } from '../operator.ts'

const ELECTION = '/election'

export async function scenario(world: World, mutant?: string): Promise<StormCounts> {
  const isRude = world.random.below(4) === 0
  const ledger = await Ledger.begin(world, '/ledger', { isRude })
  const counts = await play(world, {
    work: (zk, user) => work({ world, ledger, zk, recipe: mutated(zk, mutant) }, `user ${user}`),
    progress: () => ledger.held,
    ...(isRude ? { others: (curtain) => evictor(world, curtain, ELECTION) } : {}),
  })
  await ledger.verify()
  await emptied(world, ELECTION)
  await observed(world)
  return counts
}

interface User {
  readonly world: World
  readonly ledger: Ledger
  readonly zk: Client
  /** As the recipe sees it. */
  readonly recipe: Client
}

async function work(user: User, name: string): Promise<void> {
  loseAnswers(user.world, user.zk)
  if (user.world.random.below(2) === 0) await byWork(user, name)
  else await byStanding(user, name)
}

async function byWork({ world, zk, ledger, recipe }: User, name: string): Promise<void> {
  let terms = 1 + world.random.below(3)
  const enough = new AbortController()
  await lead(recipe, ELECTION, async (term) => {
    ledger.taken(zk, term)
    await holdFor(world, zk, ledger, term)
    terms -= 1
    if (terms === 0) enough.abort()
  }, { name, requeue: true, signal: enough.signal })
}

async function byStanding({ world, zk, ledger, recipe }: User, name: string): Promise<void> {
  await using election = standFor(recipe, ELECTION, { name })
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
