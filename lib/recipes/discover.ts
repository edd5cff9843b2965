import type { CallOptions } from '../client/multi.ts'
import { checkCall } from '../client/multi.ts'
import { checkPath } from '../client/requests.ts'
import { isZkError } from '../core/errors.ts'
import { Discovery } from './discovery.ts'
import { checkDiscover } from './discovery-options.ts'
import type { DiscoverOptions } from './discovery-options.ts'
import { retried, signalOf } from './pause.ts'
import { checkSource, sessionOf } from './sessions.ts'
import type { SessionSource } from './sessions.ts'

/**
 * The instances of the service `name`, live: `instances` is sorted by id and replaced at every change; `up`, `down`,
 * `update` and `change` tell. `pick` chooses one, and waits while there is none. Resolves when the list is complete,
 * which it also is when it is empty.
 *
 * Promises: those of `cacheOf` for the list, also from session to session when `source` is what `sessionsFrom` gave:
 * what happened in between is told as differences. While disconnected the last known list stays in use, and `isStale`
 * says so: services are called directly, and mostly still there. An instance whose program died stays in the list until
 * its session has timed out: tell `down`, and it is avoided for `avoid.forMs`, 30 s; when all are avoided, they are
 * picked all the same (`fallBack`), since then the fault is more likely here.
 *
 * Does not promise that an instance that is picked answers, nor that it has not stepped out a moment ago.
 *
 * What others store that is no instance is told by `invalid` and left out; if it was one before, that one stays. Ends
 * when its one session does, and with the error of `end`. Errors: those of `cacheOf`; Aborted; TypeError.
 *
 * Layout: Curator's x-discovery. Servers: ours, and Apache ZooKeeper from 3.6 on.
 */
export async function discover<P = unknown>(
  source: SessionSource, basePath: string, name: string, options: DiscoverOptions<P> = {},
): Promise<Discovery<P>> {
  checkSource(source)
  checkDiscover(options)
  if (typeof name !== 'string' || name === '' || name.includes('/')) {
    throw new TypeError('the name of a service must be a text that is not empty and has no slash')
  }
  const discovery = new Discovery<P>(source, basePath, name, options)
  try {
    await discovery.open()
    return discovery
  } catch (error) {
    await discovery.close()
    throw error
  }
}

/**
 * Names of the services that there are, sorted; one whose last instance has gone may stay for a while. Errors: those of
 * `children`, but none when nothing is there.
 */
export async function services(source: SessionSource, basePath: string, options?: CallOptions): Promise<string[]> {
  checkSource(source)
  checkPath(basePath)
  checkCall(options)
  const signal = options?.signal
  const zk = await sessionOf(source, signal)
  try {
    return (await retried(zk, signal, () => zk.children(basePath, signalOf(signal)))).toSorted()
  } catch (error) {
    if (isZkError(error, 'NoNode')) return []
    throw error
  }
}
