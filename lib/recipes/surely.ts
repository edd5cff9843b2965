import type { Client } from '../client/client.ts'
import type { Multi } from '../client/multi.ts'
import { SURELY_TAKEN_BYTES } from '../client/request-size.ts'
import type { Data, NodeData } from '../client/values.ts'
import { isZkError, ZkError } from '../core/errors.ts'
import { isLost, isOver } from './connection.ts'
import { aborted, backOff, below, makeSurely, retried, signalOf } from './pause.ts'
import { deleteSurely } from './protected-node.ts'
import { uniqueId } from './unique-id.ts'

/** A large request that so many connections did not survive is what ends them. */
const LOSSES = 5

/**
 * Commits changes exactly once, whatever becomes of the connection meanwhile. A witness is made in the same multi, an
 * ephemeral child of `path` with a name of its own: when the answer is lost, it is there or not, and after a `sync` on
 * the next connection of the session a write that was lost cannot happen any more. It is deleted at once, so that the
 * node has a child for a moment only.
 *
 * Resolves when the changes surely happened. Rejects when they surely did not, with the error of the one that failed;
 * but with `mayHaveHappened` when the session ended, or the caller aborted, before it could be known. Changes that may
 * be more than the server takes reject with ConnectionLoss when five connections did not survive them.
 */
export async function commitSurely(
  zk: Client, path: string, add: (multi: Multi) => void, signal: AbortSignal | undefined,
): Promise<void> {
  const witness = below(path, uniqueId(zk))
  for (let attempt = 0, losses = 1; ; attempt++) {
    const multi = zk.multi()
    add(multi)
    multi.create(witness, '', { ephemeral: true })
    try {
      await multi.commit(signalOf(signal))
      void deleteSurely(zk, witness)
      return
    } catch (error) {
      if (!isLost(error)) {
        if (isZkError(error) && error.mayHaveHappened) void deleteSurely(zk, witness)
        throw error
      }
      if (!isZkError(error) || !error.mayHaveHappened) {
        await backOff(zk, attempt, signal)
        continue
      }
    }
    if (await hasHappened(zk, path, witness, signal)) return
    if (multi.bytes > SURELY_TAKEN_BYTES && losses++ === LOSSES) {
      throw new ZkError('ConnectionLoss', `${multi.bytes} bytes may be more than the server takes`, { path })
    }
  }
}

async function hasHappened(
  zk: Client, path: string, witness: string, signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    const stat = await retried(zk, signal, async () => {
      await zk.sync(path, signalOf(signal))
      return zk.exists(witness, signalOf(signal))
    })
    if (stat !== null) void deleteSurely(zk, witness)
    return stat !== null
  } catch (error) {
    if (!isOver(zk)) void deleteSurely(zk, witness)
    if (isZkError(error, 'Aborted')) throw aborted(signal, true)
    throw new ZkError(isZkError(error) ? error.code : 'ConnectionLoss', undefined, {
      path, cause: error, mayHaveHappened: true,
    })
  }
}

/** Reads a node, null when there is none; the newest state when `isNewest`, else what the session's server has. */
export function readSurely(
  zk: Client, path: string, isNewest: boolean, signal: AbortSignal | undefined,
): Promise<NodeData | null> {
  return retried(zk, signal, async () => {
    try {
      if (!isNewest) return await zk.get(path, signalOf(signal))
      const [, node] = await Promise.all([zk.sync(path, signalOf(signal)), zk.get(path, signalOf(signal))])
      return node
    } catch (error) {
      if (isZkError(error, 'NoNode')) return null
      throw error
    }
  })
}

/** Makes the parents of a node that could not be created for want of them. Throws when there is nothing to make. */
export async function makeParents(
  zk: Client, path: string, error: unknown, signal: AbortSignal | undefined,
): Promise<void> {
  const end = path.lastIndexOf('/')
  if (end <= 0) throw error
  await makeSurely(zk, path.slice(0, end), 'container', signal)
}

/** How a node is to be changed. */
export interface Change {
  readonly path: string
  /** What the node is to hold, given what it holds (null: there is no node); undefined leaves it as it is. */
  readonly decide: (node: NodeData | null) => Data | Promise<Data>
  /** The first read asks for the newest state; the later ones always do. */
  readonly isNewest: boolean
  readonly signal: AbortSignal | undefined
}

/** Changes a node by compare-and-set, exactly once, as often as it takes; the node is created when there is none. */
export async function changeSurely(zk: Client, change: Change): Promise<void> {
  const { path, decide, isNewest, signal } = change
  for (let attempt = 0; ; attempt++) {
    const node = await readSurely(zk, path, isNewest || attempt > 0, signal)
    const data = await decide(node)
    if (data === undefined || await tryWrite(zk, path, node, data, signal)) return
    await backOff(zk, attempt, signal)
  }
}

/** Writes the node if it is still as it was read (null: still missing); false when it is not. */
export async function tryWrite(
  zk: Client, path: string, read: { readonly stat: { readonly version: number } } | null, data: Data,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  for (;;) {
    try {
      await commitSurely(zk, path, (multi) => {
        if (read === null) multi.create(path, data)
        else multi.set(path, data, { version: read.stat.version })
      }, signal)
      return true
    } catch (error) {
      if (isZkError(error, 'BadVersion') || isZkError(error, 'NodeExists')) return false
      if (!isZkError(error, 'NoNode')) throw error
      if (read !== null) return false
      await makeParents(zk, path, error, signal)
    }
  }
}
