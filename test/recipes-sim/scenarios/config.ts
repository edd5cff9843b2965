/** The configuration: versions in order, keys that change together are seen together, each write happens once. */
import type { Client } from '../../../lib/client/client.ts'
import { isZkError } from '../../../lib/core/errors.ts'
import { config } from '../../../lib/recipes/index.ts'
import type { Config } from '../../../lib/recipes/index.ts'
import type { StormCounts, World } from '../../../lib/testing/index.ts'
import { check, emptied, play, within } from '../actors.ts'
import { Failures } from '../failures.ts'
import { loseAnswers } from '../holding.ts'
import { Tally } from '../tally.ts'

const PATH = '/config/app'
const KEPT = 5

/** Both keys are the version of the document. */
interface Settings {
  readonly a: number
  readonly b: number
}

export async function scenario(world: World): Promise<StormCounts> {
  const first = await world.connect({ sessionTimeoutMs: 20_000 })
  await first.create(PATH, JSON.stringify({ a: 0, b: 0 }), { parents: true })
  const tally = new Tally(world)
  const counts = await play(world, { work: (zk) => work(world, zk, tally), progress: () => tally.done })
  await judged(world, tally)
  await emptied(world, `${PATH}/env`)
  return counts
}

function open(zk: Client): Promise<Config<Settings>> {
  return config<Settings>(zk, PATH, { history: KEPT })
}

async function work(world: World, zk: Client, tally: Tally): Promise<void> {
  const failures = new Failures()
  await using live = await open(zk)
  let seen = live.version
  checkWhole(live)
  live.on('change', () => failures.keep(() => {
    checkWhole(live)
    check(live.version > seen, 'order', `version ${live.version} after ${seen}`)
    seen = live.version
  }))
  for (let left = world.random.below(8); left >= 0; left--) {
    loseAnswers(world, zk)
    if (world.random.below(3) === 0) await world.sleep(zk, world.random.below(1_000))
    else await write(world, zk, live, tally)
    failures.rethrow()
  }
}

/** A write upon the version that is known; a race is lost without harm. */
async function write(world: World, zk: Client, live: Config<Settings>, tally: Tally): Promise<void> {
  const { version } = live
  const next = { a: version + 1, b: version + 1 }
  try {
    await tally.change(() => world.random.below(2) === 0
      ? live.publish(next, { version }) : live.set(next, { version }))
  } catch (error) {
    if (!isZkError(error, 'BadVersion')) throw error
    await world.sleep(zk, world.random.below(100))
  }
}

function checkWhole({ current, version }: Config<Settings>): void {
  check(current.a === version && current.b === version, 'torn', `${JSON.stringify(current)} at version ${version}`)
}

async function judged(world: World, tally: Tally): Promise<void> {
  const clients = await Promise.all([1, 2].map(() => world.connect({ sessionTimeoutMs: 20_000 })))
  const [one, other] = await Promise.all(clients.map(open))
  await clients[0]!.sync(PATH)
  const { version } = (await clients[0]!.get(PATH)).stat
  const isThere = (): boolean => one!.version === version && other!.version === version
  await within(world, 5_000, 'all come to the last version', isThere)
  tally.verify(version)
  const kept = await one!.versions()
  for (const [index, { version: at, document }] of kept.entries()) {
    check(at === version - index, 'history', `version ${at} in place of ${version - index}`)
    check((document as unknown as Settings).a === at, 'history', `${JSON.stringify(document)} as version ${at}`)
  }
  check(kept.length === Math.min(KEPT, version + 1), 'history', `${kept.length} versions are kept`)
  for (const zk of clients) await zk.close()
}
