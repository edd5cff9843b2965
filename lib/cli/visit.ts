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
  /** Asked for every path below the first: true leaves it out, with everything below it. */
  readonly leaveOut?: (path: string) => boolean
  /** Told of every node whose children may not be listed, which is left out; without it the visit ends with NoAuth. */
  readonly onDenied?: (path: string) => void
}

interface Journey {
  readonly depth: number
  readonly leaveOut: (path: string) => boolean
  readonly onDenied: ((path: string) => void) | undefined
  readonly read: ReadOptions
}

/**
 * Visits a node and all below it, parents first and in the order of their names. Lists are read ahead, so that the
 * visit takes far fewer round trips than there are nodes. What disappears on the way is left out.
 */
export async function* visit(zk: Lister, path: string, options: VisitOptions = {}): AsyncGenerator<Visited> {
  const { depth = Infinity, leaveOut = () => false, onDenied, ...read } = options
  const journey = { depth, leaveOut, onDenied, read }
  const names = await list(zk, path, journey)
  if (names !== null) yield* descend(zk, path, names, 0, journey)
}

async function* descend(
  zk: Lister, path: string, names: readonly string[], depth: number, journey: Journey,
): AsyncGenerator<Visited> {
  yield { path, names, depth }
  if (depth >= journey.depth) return
  const lists: Promise<Listed>[] = []
  for (const [index, name] of names.entries()) {
    for (let ahead = lists.length; ahead < names.length && ahead < index + LISTS_AHEAD; ahead++) {
      const child = childOf(path, names[ahead]!)
      lists.push(journey.leaveOut(child) ? VISITED : tryList(zk, child, journey))
    }
    const below = await lists[index]!
    lists[index] = VISITED
    if (below instanceof Error) throw below
    if (below !== null) yield* descend(zk, childOf(path, name), below, depth + 1, journey)
  }
}

/** Names; null when the node went; or why they are not known, which is told when its turn comes. */
type Listed = readonly string[] | null | Error

const VISITED: Promise<Listed> = Promise.resolve(null)

/** Names; null when they may not be known, and that is no error. */
async function list(zk: Lister, path: string, { read, onDenied }: Journey): Promise<string[] | null> {
  try {
    return (await zk.children(path, read)).sort()
  } catch (error) {
    if (!isZkError(error, 'NoAuth') || onDenied === undefined) throw error
    onDenied(path)
    return null
  }
}

async function tryList(zk: Lister, path: string, journey: Journey): Promise<Listed> {
  try {
    return await list(zk, path, journey)
  } catch (error) {
    return isZkError(error, 'NoNode') ? null : error as Error
  }
}
