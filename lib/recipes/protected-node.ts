import type { Client } from '../client/client.ts'
import { Moment } from '../client/moment.ts'
import type { Created } from '../client/outcomes.ts'
import type { CreateOptions } from '../client/requests.ts'
import type { Data } from '../client/values.ts'
import { isZkError } from '../core/errors.ts'
import { isLost, isOver, untilConnected } from './connection.ts'
import { Lifeline } from './lifeline.ts'
import { aborted, backOff } from './pause.ts'
import { uniqueId } from './unique-id.ts'

export { isLost } from './connection.ts'

/** What a protected node is made of. */
export interface ProtectedNode {
  /** The node's parent; missing ones are made, as containers. */
  readonly dir: string
  /** What follows the id of the attempt in the name, before the number: `__lock__`. */
  readonly mark: string
  readonly data: Data
  /** Ephemeral when left out. */
  readonly mode?: 'ephemeralSequential' | 'persistentSequential'
  readonly acl?: NonNullable<CreateOptions['acl']>
  readonly signal?: AbortSignal | undefined
}

/**
 * Creates a sequential node exactly once, whatever becomes of the connection meanwhile: its name begins with an id of
 * its own, by which it is found again when the answer was lost (Curator's "protection"). A create that was lost cannot
 * happen any more after a `sync` on the next connection of the session: the ensemble takes a session's writes from its
 * newest connection alone. Errors: those of create; SessionExpired, Aborted (whatever may have been made is deleted).
 */
export async function createProtected(zk: Client, node: ProtectedNode): Promise<Created> {
  const { dir, mark, data, mode = 'ephemeralSequential', acl, signal } = node
  const prefix = `${uniqueId(zk)}${mark}`
  const path = dir === '/' ? `/${prefix}` : `${dir}/${prefix}`
  for (let attempt = 0; ; attempt++) {
    if (signal?.aborted === true) throw aborted(signal)
    const sent = Moment.now(zk.clock)
    try {
      const options = { mode, parents: 'container', ...(acl === undefined ? {} : { acl }) } as const
      const created = await zk.createWithStat(path, data, options)
      // It proves that the leader knew the session of this connection, and says nothing about one that follows it.
      Lifeline.of(zk).credit(sent)
      return created
    } catch (error) {
      if (!isZkError(error) || !(error.mayHaveHappened || isLost(error))) throw error
      if (!error.mayHaveHappened) {
        if (!isOver(zk)) await backOff(zk, attempt, signal)
        await untilConnected(zk, signal)
        continue
      }
    }
    await untilConnected(zk)
    const found = await findProtected(zk, dir, prefix)
    if (found !== null) return found
  }
}

async function findProtected(zk: Client, dir: string, prefix: string): Promise<Created | null> {
  const children = await reliably(zk, async () => {
    await zk.sync(dir)
    return zk.children(dir)
  })
  const name = children?.find((child) => child.startsWith(prefix))
  if (name === undefined) return null
  const path = dir === '/' ? `/${name}` : `${dir}/${name}`
  const stat = await reliably(zk, () => zk.exists(path))
  return stat === null || stat === undefined ? null : { path, stat }
}

/** Reads until an answer comes; undefined when the node is not there. Rejects when the session is over. */
async function reliably<T>(zk: Client, read: () => Promise<T>): Promise<T | undefined> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await read()
    } catch (error) {
      if (isZkError(error, 'NoNode')) return undefined
      if (!isLost(error)) throw error
    }
    await untilWorthwhile(zk, attempt)
  }
}

/**
 * Deletes a node that is surely ours, over as many connections as it takes; it is gone then, or dies with the session.
 * Never rejects.
 */
export async function deleteSurely(zk: Client, path: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await zk.delete(path)
      return
    } catch (error) {
      if (!isLost(error)) return
    }
    try {
      await untilWorthwhile(zk, attempt)
    } catch {
      return
    }
  }
}

/** What fails on a connection that there is (Overloaded, Throttled) would fail again at once, without end. */
async function untilWorthwhile(zk: Client, attempt: number): Promise<void> {
  if (zk.state === 'connected') await backOff(zk, attempt)
  await untilConnected(zk)
}
