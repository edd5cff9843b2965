/** Clients of Curator and of this package contend for the same lock, election, read-write lock and semaphore. */
import { fileURLToPath } from 'node:url'
import { compiled } from '../java/curator.ts'
import type { Compiled } from '../java/curator.ts'
import { contend, exact } from './contention.ts'
import type { Kind, Side } from './contention.ts'
import type { Meeting } from './meeting.ts'
import type { Scene } from './scene.ts'
import { Script } from './script.ts'

const JAVA = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']

let compiling: Promise<Compiled> | null = null

/** Compiled once, and removed when the process ends. */
function contender(): Promise<Compiled> {
  return compiling ??= compiled([fileURLToPath(new URL('Contend.java', import.meta.url))]).then((program) => {
    process.once('exit', () => program.remove())
    return program
  })
}

async function curator(): Promise<Side> {
  const { classPath } = await contender()
  return {
    layout: 'curator',
    start: (scene, ...words) => {
      const args = [...JAVA, '-cp', classPath, 'Contend', scene.hosts, ...words]
      return scene.keep(new Script('java', args))
    },
  }
}

async function exclude(scene: Scene, path: string, kinds: readonly Kind[]): Promise<string> {
  return exact(scene, await curator(), path, kinds)
}

/** By name. */
export const MEETINGS: Readonly<Record<string, Meeting>> = {
  'Curator and ours exclude each other from a lock': (scene) => exclude(scene, '/curator/lock', ['lock']),
  'Curator and ours lead one after the other': (scene) => exclude(scene, '/curator/election', ['election']),
  'readers of Curator and ours see what no writer is at': (scene) =>
    exclude(scene, '/curator/rw', ['writer', 'reader']),
  'Curator and ours share the leases of a semaphore': async (scene) => {
    const zk = await scene.connect()
    await zk.create('/curator/leases-inside', '', { parents: true })
    await contend(scene, await curator(), '/curator/leases', ['lease'])
  },
}
