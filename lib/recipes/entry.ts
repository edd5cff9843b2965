import type { Client } from '../client/client.ts'
import { offAbort, onAbort } from '../client/on-abort.ts'
import type { Created } from '../client/outcomes.ts'
import type { CreateOptions } from '../client/requests.ts'
import { aborted } from './pause.ts'
import { createProtected, deleteSurely } from './protected-node.ts'

/** What the node of one who enters a line says. */
export interface EntryOptions {
  readonly name?: string
  readonly acl?: NonNullable<CreateOptions['acl']>
}

/** A node that was created, and the names beside it if they were read. */
export interface Entry {
  readonly created: Created
  /** The node's own. */
  readonly name: string
  readonly names: readonly string[] | null
}

/**
 * Creates the node, or leaves nothing behind: whoever gives up does not wait for a server that is not there. The names
 * are asked for in the same breath: a session's requests are answered in their order.
 */
export function enter(
  zk: Client, dir: string, mark: string, { name = '', acl }: EntryOptions, signal: AbortSignal,
): Promise<Entry> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(aborted(signal))
      return
    }
    let isGone = false
    const abort = (): void => {
      isGone = true
      reject(aborted(signal))
    }
    onAbort(signal, abort)
    const creating = createProtected(zk, { dir, mark, data: name, ...(acl === undefined ? {} : { acl }), signal })
    const reading = zk.children(dir).catch(noNames)
    Promise.all([creating, reading]).then(([created, names]) => {
      offAbort(signal, abort)
      if (isGone) void deleteSurely(zk, created.path)
      else resolve(entryOf(created, names))
    }, (error: unknown) => {
      offAbort(signal, abort)
      reject(error instanceof Error ? error : new Error(String(error)))
    })
  })
}

function entryOf(created: Created, names: readonly string[] | null): Entry {
  const { path } = created
  const name = path.slice(path.lastIndexOf('/') + 1)
  // What was read before the node was there says nothing about its place.
  return { created, name, names: names?.includes(name) === true ? names : null }
}

/** They are read again, by whoever needs them. */
function noNames(): null {
  return null
}
