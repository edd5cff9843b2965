import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { createEnsemble } from '../../lib/node.ts'
import type { Client } from '../../lib/node.ts'
import { acquire } from '../../lib/recipes/index.ts'
import type { Kazoo } from '../../test/foreign/kazoo/install.ts'
import { show } from './sample.ts'
import type { Sample } from './sample.ts'

/** Locks that nobody else wants, taken at a time over one session. */
const AT_A_TIME = 32
const WARM_UP_MS = 500
/** The sources: Python is not compiled with the rest. */
const SOURCES = join(dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url))))), 'bench', 'recipes')

async function inTurn(zk: Client, path: string, forMs: number): Promise<number[]> {
  const millis: number[] = []
  for (const endMs = performance.now() + forMs; performance.now() < endMs;) {
    const startMs = performance.now()
    await (await acquire(zk, path)).release()
    millis.push(performance.now() - startMs)
  }
  return millis
}

/** Takes and releases locks that nobody else wants: `atATime` of them, each again and again. */
async function uncontended(zk: Client, name: string, seconds: number, atATime: number): Promise<Sample> {
  const all = async (forMs: number): Promise<number[]> =>
    (await Promise.all(Array.from({ length: atATime }, (_, at) => inTurn(zk, `/bench/${at}`, forMs)))).flat()
  await all(WARM_UP_MS)
  const startMs = performance.now()
  const millis = await all(seconds * 1_000)
  return { name, millis, perSecond: millis.length / (performance.now() - startMs) * 1_000 }
}

async function both(zk: Client, where: string, seconds: number, program?: string): Promise<void> {
  const name = `lock and unlock, ${where}`
  show({ ...await uncontended(zk, name, seconds, 1), program })
  show({ ...await uncontended(zk, `${name}, ${AT_A_TIME} at a time`, seconds, AT_A_TIME), program })
}

/** Ensembles of one and of three in this process, in memory. */
export async function locksInProcess(seconds: number): Promise<void> {
  for (const size of [1, 3] as const) {
    const ensemble = await createEnsemble({ size })
    try {
      await both(await ensemble.connect(), size === 1 ? 'in process, alone' : 'in process, three peers', seconds)
    } finally {
      await ensemble.stop()
    }
  }
}

/** A session over TCP. */
export async function locksOverTcp(zk: Client, program: string, seconds: number): Promise<void> {
  await both(zk, 'over TCP', seconds, program)
}

/** The same with kazoo, one session of one thread. */
export async function locksByKazoo(
  kazoo: Kazoo, hosts: readonly string[], program: string, seconds: number,
): Promise<void> {
  const child = spawn(kazoo.python, ['-B', join(SOURCES, 'lock.py'), hosts.join(','), String(seconds)], {
    stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, PYTHONPATH: kazoo.folder },
  })
  const [said] = await Promise.all([text(child.stdout), once(child, 'close')])
  const { millis, perSecond } = JSON.parse(said) as { readonly millis: readonly number[], readonly perSecond: number }
  show({ name: `lock and unlock, over TCP, by ${kazoo.name}`, program, millis, perSecond })
}
