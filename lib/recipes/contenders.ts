import type { Client, ReadOptions, SessionInfo } from '../client/client.ts'
import { isZkError } from '../core/errors.ts'
import { REVOKE } from './hold.ts'
import { aheadOf, lineOf } from './line.ts'
import type { Place } from './line.ts'
import { below } from './pause.ts'

/** One who has a lock or waits for it. */
export interface Contender {
  /** As it called itself; empty when it did not, or when it was asked to let go. */
  readonly name: string
  readonly path: string
  readonly session: SessionInfo['id']
  /** When it came to the line, in ms since 1970 by the leader's clock. */
  readonly since: number
  /** It has what it came for. */
  readonly holds: boolean
  /** It shares with others who read. */
  readonly reads: boolean
  /** It was asked to let go. */
  readonly revoked: boolean
}

interface CallOptions {
  readonly signal?: AbortSignal
}

/**
 * Who stands in line at a lock (or an election, or a read-write lock), the first first. A picture of one moment: it may
 * have changed when it arrives. Empty when nobody does. Errors: those of `children` and `get`.
 */
export async function contenders(zk: Client, path: string, options: CallOptions = {}): Promise<Contender[]> {
  let names: string[]
  try {
    names = await zk.children(path, options)
  } catch (error) {
    if (isZkError(error, 'NoNode')) return []
    throw error
  }
  const line = lineOf(names)
  const all = await Promise.all(line.map(({ name }) => contenderAt(zk, below(path, name), line, options)))
  return all.filter((contender) => contender !== null)
}

/** One of a line; null when it has gone meanwhile. */
export async function contenderAt(
  zk: Client, path: string, line: readonly Place[], options: ReadOptions,
): Promise<Contender | null> {
  const place = line.find(({ name }) => path.endsWith(`/${name}`))
  if (place === undefined) return null
  try {
    const node = await zk.get(path, options)
    const text = node.text()
    return {
      name: text === REVOKE ? '' : text, path, session: node.stat.ephemeralOwner, since: node.stat.ctime,
      holds: aheadOf(line, place.name) === null, reads: place.reads, revoked: text === REVOKE,
    }
  } catch (error) {
    if (isZkError(error, 'NoNode')) return null
    throw error
  }
}

/**
 * Asks whoever holds the lock to let go: its `lock.revoked` aborts, and what it does about it is its own affair. Works
 * both ways with Curator's Revocable. Gives how many were asked. Errors: those of `contenders` and `set`.
 */
export async function requestRelease(zk: Client, path: string, options: CallOptions = {}): Promise<number> {
  let asked = 0
  for (const { path: node, holds } of await contenders(zk, path, options)) {
    if (!holds) continue
    try {
      await zk.set(node, REVOKE, options)
      asked += 1
    } catch (error) {
      if (!isZkError(error, 'NoNode')) throw error
    }
  }
  return asked
}
