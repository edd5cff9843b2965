/** Clients of kazoo and of this package contend for the same lock, election, read-write lock and counter. */
import { strict as assert } from 'node:assert'
import { ALL_ROUNDS, contend, exact, sumOf } from './contention.ts'
import type { Side } from './contention.ts'
import type { Meeting } from './meeting.ts'

const KAZOO: Side = { layout: 'kazoo', start: async (scene, ...words) => scene.script('contend.py', ...words) }

/** By name. */
export const MEETINGS: Readonly<Record<string, Meeting>> = {
  'they exclude each other from a lock': (scene) => exact(scene, KAZOO, '/both/lock', ['lock']),
  'they lead one after the other, many times': (scene) => exact(scene, KAZOO, '/both/election', ['election']),
  'their readers see what no writer is at': async (scene) => {
    if (!scene.kazoo.hasSoundReaders) return null
    return exact(scene, KAZOO, '/both/rw', ['writer', 'reader'])
  },
  'they count together': async (scene) => {
    await contend(scene, KAZOO, '/both/counter', ['counter'])
    assert.equal(await sumOf(scene, '/both/counter'), ALL_ROUNDS)
    return `${ALL_ROUNDS} additions`
  },
}
