/** The cache: what it tells is what it holds, no node goes back in time, and when all is quiet it is exact. */
import type { Client } from '../../../lib/client/client.ts'
import { isZkError } from '../../../lib/core/errors.ts'
import { cacheOf } from '../../../lib/recipes/index.ts'
import type { Cache, CacheChange } from '../../../lib/recipes/index.ts'
import type { StormCounts, World } from '../../../lib/testing/index.ts'
import { check, play } from '../actors.ts'
import { Failures } from '../failures.ts'

const ROOT = '/tree'
const NAMES = ['a', 'b', 'c']

interface Ghost {
  readonly world: World
  isOver: boolean
  /** Changes that were made, and copies that were compared. */
  steps: number
}

export async function scenario(world: World): Promise<StormCounts> {
  const zk = await world.connect({ sessionTimeoutMs: 30_000 })
  await zk.create(ROOT)
  await zk.close()
  const ghost: Ghost = { world, isOver: false, steps: 0 }
  const counts = await play(world, {
    users: [3, 5], work: (client, user) => user < 2 ? write(ghost, client) : follow(ghost, client),
    progress: () => ghost.steps,
    others: async (curtain) => {
      await curtain.dropped
      ghost.isOver = true
    },
  })
  check(ghost.steps > 0, 'idle', 'nothing was compared')
  return counts
}

async function write(ghost: Ghost, zk: Client): Promise<void> {
  const { world } = ghost
  const { random } = world
  for (let left = 5 + random.below(10); left > 0; left--) {
    const path = ROOT + Array.from({ length: 1 + random.below(3) }, () => `/${NAMES[random.below(3)]}`).join('')
    await change(zk, path, random.below(3), random.below(8) === 0)
    ghost.steps += 1
    if (random.below(2) === 0) await world.sleep(zk, random.below(150))
  }
}

async function change(zk: Client, path: string, way: number, isRecursive: boolean): Promise<void> {
  try {
    if (way === 0) await zk.create(path)
    else if (way === 1) await zk.set(path, '')
    else await zk.delete(path, { recursive: isRecursive })
  } catch (error) {
    const isPlain = isZkError(error, 'NoNode') || isZkError(error, 'NodeExists') || isZkError(error, 'NotEmpty')
    if (!isPlain) throw error
  }
}

async function follow(ghost: Ghost, zk: Client): Promise<void> {
  const { world } = ghost
  const failures = new Failures()
  await using cache = await cacheOf(zk, ROOT)
  const told = new Map([...cache].map(([path, node]) => [path, node.stat.mzxid]))
  cache.on('change', (given) => failures.keep(() => retell(told, given)))
  while (!ghost.isOver && zk.state !== 'expired') {
    await world.sleep(zk, 200 + world.random.below(500))
    failures.rethrow()
    checkTold(told, cache)
  }
  for (let steps = -1; steps !== ghost.steps;) {
    steps = ghost.steps
    await world.sleep(zk, 2_000)
  }
  await cache.caughtUp()
  failures.rethrow()
  checkTold(told, cache)
  check(isExact(world, cache), 'exact', 'the cache differs from what the leader has')
  ghost.steps += 1
}

/** Follows one change, as a reader of changes would. */
function retell(told: Map<string, number>, { kind, path, node }: CacheChange): void {
  const before = told.get(path)
  if (kind === 'deleted') {
    check(before !== undefined, 'told', `${path} is deleted and was not there`)
    const children = [...told.keys()].filter((each) => each.startsWith(`${path}/`))
    check(children.length === 0, 'told', `${path} is deleted before ${children[0] ?? ''}`)
    told.delete(path)
    return
  }
  check((before === undefined) === (kind === 'created'), 'told', `${path} is ${kind}`)
  check(before === undefined || node.stat.mzxid > before, 'back', `${path} goes back to ${node.stat.mzxid}`)
  const parent = path.slice(0, path.lastIndexOf('/'))
  check(path === ROOT || told.has(parent), 'told', `${path} is created before its parent`)
  told.set(path, node.stat.mzxid)
}

function checkTold(told: ReadonlyMap<string, number>, cache: Cache): void {
  check(told.size === cache.size, 'told', `${told.size} nodes were told of, ${cache.size} are there`)
  for (const [path, node] of cache) {
    check(told.get(path) === node.stat.mzxid, 'told', `${path} is at ${node.stat.mzxid}, not at ${told.get(path)}`)
  }
}

/** As the leader has it. */
function isExact(world: World, cache: Cache): boolean {
  const leader = world.leader()
  if (leader === null) return false
  const { tree } = world.peer(leader)
  let count = 0
  const isSame = (path: string): boolean => {
    count += 1
    if (cache.get(path)?.stat.mzxid !== tree.stat(path)?.mzxid) return false
    return (tree.children(path) ?? []).every((name) => isSame(`${path}/${name}`))
  }
  return isSame(ROOT) && count === cache.size
}
