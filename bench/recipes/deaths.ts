import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { connect } from '../../lib/node.ts'
import type { Client } from '../../lib/node.ts'
import { acquire } from '../../lib/recipes/index.ts'
import { show } from './sample.ts'

const TIMEOUTS_MS: readonly number[] = [1_000, 2_000, 4_000]

/** What a process of holders is told. */
export interface Holding {
  readonly address: string
  readonly timeoutMs: number
  /** A lock for each of its sessions. */
  readonly paths: readonly string[]
}

/** Sessions of one process have a lock each; it is killed, and others have them after so long, in ms. */
async function kill(zk: Client, holding: Holding): Promise<number[]> {
  const script = fileURLToPath(new URL('holder.js', import.meta.url))
  const child = fork(script, [JSON.stringify(holding)], { execArgv: [] })
  try {
    await once(child, 'message')
    let killedMs = 0
    const waiting = holding.paths.map(async (path) => {
      const lock = await acquire(zk, path)
      const tookMs = performance.now() - killedMs
      await lock.release()
      return tookMs
    })
    // Each of its sessions is at another point between two signs of life.
    await pause(holding.timeoutMs)
    killedMs = performance.now()
    child.kill('SIGKILL')
    return await Promise.all(waiting)
  } finally {
    child.kill('SIGKILL')
  }
}

/** From the SIGKILL of a holder to the next one, for several session timeouts. */
export async function deaths(address: string, program: string, count: number): Promise<void> {
  const zk = await connect(address)
  try {
    for (const timeoutMs of TIMEOUTS_MS) {
      const paths = Array.from({ length: count }, (_, at) => `/bench/dies-${timeoutMs}-${at}`)
      const millis = await kill(zk, { address, timeoutMs, paths })
      const largest = Math.max(...millis) / timeoutMs
      const name = `SIGKILL to next holder, session of ${timeoutMs} ms`
      show({ name, program, millis, more: { 'largest per timeout': largest } })
    }
  } finally {
    await zk.close()
  }
}
