/** Words for cases about caches. */
import type { Client } from '../../lib/node.ts'
import { isZkError } from '../../lib/core/errors.ts'
import type { Cache, CacheChange } from '../../lib/recipes/index.ts'
import { assert } from '../harness.ts'

/** A change as `kind path`. */
export const text = ({ kind, path }: CacheChange): string => `${kind} ${path}`

/** All that the cache holds, in its order: path, data and the txns that made the node and its data. */
export function held(cache: Cache): string[] {
  return [...cache].map(([path, node]) => `${path} ${node.text()} ${node.stat.czxid} ${node.stat.mzxid}`)
}

/** The same, read from the ensemble. */
export async function present(zk: Client, path: string): Promise<string[]> {
  await zk.sync(path)
  const all: string[] = []
  const visit = async (at: string): Promise<void> => {
    const node = await zk.get(at)
    all.push(`${at} ${node.text()} ${node.stat.czxid} ${node.stat.mzxid}`)
    const names = await zk.children(at)
    for (const name of names.sort()) await visit(at === '/' ? `/${name}` : `${at}/${name}`)
  }
  if (await zk.exists(path) !== null) await visit(path)
  return all
}

/** Checks that changes are what turns one copy into another, each parent around its children. */
export class Replay {
  readonly #known = new Map<string, string>()
  readonly told: string[] = []
  faults: string[] = []

  constructor(cache: Cache) {
    for (const [path, node] of cache) this.#known.set(path, node.text())
    cache.on('change', (change) => this.#take(change, cache))
  }

  get size(): number {
    return this.#known.size
  }

  #take(change: CacheChange, cache: Cache): void {
    const { kind, path, node, previous } = change
    const known = this.#known.get(path)
    const parent = path.slice(0, path.lastIndexOf('/'))
    const fault = (what: string): void => void this.faults.push(`${kind} ${path}: ${what}`)
    if (known !== previous?.text()) fault(`previous is ${previous?.text()}, not ${known}`)
    if ((kind === 'created') !== (known === undefined)) fault(`known as ${known}`)
    if (kind === 'changed' && node.stat.mzxid <= previous.stat.mzxid) fault('not newer')
    if (kind === 'created' && path !== cache.path && !this.#known.has(parent)) fault('without its parent')
    if (kind === 'deleted' && [...this.#known.keys()].some((one) => one.startsWith(`${path}/`))) fault('has children')
    if (cache.get(path) !== node) fault('told before it was so')
    if (node === undefined) this.#known.delete(path)
    else this.#known.set(path, node.text())
    this.told.push(text(change))
  }

  /** What was told adds up to what the cache holds. */
  check(cache: Cache): void {
    assert.equal(this.faults, [])
    assert.equal([...this.#known.keys()].sort(), [...cache].map(([path]) => path).sort())
    for (const [path, node] of cache) assert.is(this.#known.get(path), node.text())
  }
}

/** Numbers below `limit` that are the same in every run. */
export function dice(seed: number): (limit: number) => number {
  let state = seed
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor(state / 2 ** 32 * limit)
  }
}

/** One change at random below a node that exists; what cannot be done is left. */
export async function changeOne(zk: Client, root: string, roll: (limit: number) => number): Promise<void> {
  const path = Array.from({ length: 1 + roll(3) }, () => roll(4)).reduce((at, name) => `${at}/${name}`, root)
  const value = String(roll(1_000_000))
  const what = roll(8)
  try {
    if (what < 3) await zk.create(path, value, { parents: true })
    else if (what < 6) await zk.set(path, value)
    else if (what < 7) await zk.delete(path)
    else {
      await zk.delete(path, { recursive: true })
      await zk.create(path, value)
    }
  } catch (error) {
    if (!isZkError(error, 'NoNode') && !isZkError(error, 'NodeExists') && !isZkError(error, 'NotEmpty')) throw error
  }
}

/** Resolves when the cache is stale, or no longer so. */
export function stale(cache: Cache, wanted: boolean): Promise<void> {
  return new Promise((resolve) => {
    if (cache.isStale === wanted) return resolve()
    const off = cache.on('stale', (isStale) => {
      if (isStale !== wanted) return
      off()
      resolve()
    })
  })
}
