/** Clients of Curator and of this package contend for the same lock, election, read-write lock and semaphore. */
import { contend, exact } from './contention.ts'
import type { Kind, Side } from './contention.ts'
import { CuratorProgram } from './curator-program.ts'
import type { Meeting } from './meeting.ts'
import type { Scene } from './scene.ts'

const contender = new CuratorProgram('Contend')

const CURATOR: Side = {
  layout: 'curator',
  start: async (scene, ...words) => scene.keep(await contender.start(scene.hosts, ...words)),
}

async function exclude(scene: Scene, path: string, kinds: readonly Kind[]): Promise<string> {
  return exact(scene, CURATOR, path, kinds)
}

/** By name. */
export const MEETINGS: Readonly<Record<string, Meeting>> = {
  'Curator and ours exclude each other from a lock': (scene) => exclude(scene, '/curator/lock', ['lock']),
  'Curator and ours lead one after the other': (scene) => exclude(scene, '/curator/election', ['election']),
  'a LeaderLatch of Curator and ours lead one after the other': (scene) => exclude(scene, '/curator/latch', ['latch']),
  'readers of Curator and ours see what no writer is at': (scene) =>
    exclude(scene, '/curator/rw', ['writer', 'reader']),
  'Curator and ours share the leases of a semaphore': async (scene) => {
    const zk = await scene.connect()
    await zk.create('/curator/leases-inside', '', { parents: true })
    await contend(scene, CURATOR, '/curator/leases', ['lease'])
  },
}
