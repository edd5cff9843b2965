import { isZkError } from '../core/errors.ts'
import { childOf } from '../core/tree/path.ts'
import type { ReadOptions } from '../client/client.ts'

/** Lists asked for before they are needed, per level. */
const LISTS_AHEAD = 64

/** What a visit needs of a client. */
export interface Lister {
  children(path: string, options?: ReadOptions): Promise<string[]>
}

/** A node and what lies below it. */
export interface Visited {
  readonly path: string
  /** The names of its children, sorted; none when it went in the meantime. */
  readonly names: readonly string[]
  /** 0 for the node where the visit began. */
  readonly depth: number
}

/** Where a visit goes. */
export interface VisitOptions extends ReadOptions {
  /** Levels below the first that are visited; all when left out. */
  readonly depth?: number
}

/**
 * Visits a node and all below it, parents first and in the order of their names. Lists are read ahead, so that the
 * visit takes far fewer round trips than there are nodes. What disappears on the way is left out.
 */
export async function* visit(zk: Lister, path: string, options: VisitOptions = {}): AsyncGenerator<Visited> {
  const { depth = Infinity, ...read } = options
  yield* descend(zk, path, await list(zk, path, read), 0, depth, read)
}

async function* descend(
  zk: Lister, path: string, names: readonly string[], depth: number, deepest: number, read: ReadOptions,
): AsyncGenerator<Visited> {
  yield { path, names, depth }
  if (depth >= deepest) return
  const lists: Promise<string[] | null>[] = []
  for (const [index, name] of names.entries()) {
    for (let ahead = lists.length; ahead < names.length && ahead < index + LISTS_AHEAD; ahead++) {
      const promise = listIfThere(zk, childOf(path, names[ahead]!), read)
      // It is awaited when its turn comes, unless an earlier one fails.
      promise.catch(() => undefined)
      lists.push(promise)
    }
    const below = await lists[index]!
    lists[index] = GONE
    if (below !== null) yield* descend(zk, childOf(path, name), below, depth + 1, deepest, read)
  }
}

const GONE = Promise.resolve(null)

async function list(zk: Lister, path: string, read: ReadOptions): Promise<string[]> {
  return (await zk.children(path, read)).sort()
}

async function listIfThere(zk: Lister, path: string, read: ReadOptions): Promise<string[] | null> {
  try {
    return await list(zk, path, read)
  } catch (error) {
    if (isZkError(error, 'NoNode')) return null
    throw error
  }
}
