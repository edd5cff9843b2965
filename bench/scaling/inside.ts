/** What an application that embeds a peer does, measured in its process; each answers the microseconds of one. */
import { isZkError } from '../../lib/node.ts'
import type { Client, Peer } from '../../lib/node.ts'
import { pipelined } from '../load.ts'
import type { LoopWatch } from './loop-watch.ts'
import type { Inside } from './subject.ts'

const NODES = 1_000
const DATA = new Uint8Array(100).fill(120)
/** Sessions that are opened at the same time. */
const OPENED_AT_ONCE = 500
const LEAST_MS = 100
/** So many warm themselves up. */
const MANY = 1_000_000

async function filled(peer: Peer): Promise<{ readonly zk: Client, readonly paths: readonly string[] }> {
  const zk = await peer.connect()
  const paths = Array.from({ length: NODES }, (_, at) => `/inside/n${at}`)
  await zk.create('/inside/n0', DATA, { parents: true }).catch(existing)
  await Promise.all(paths.slice(1).map((path) => zk.create(path, DATA).catch(existing)))
  return { zk, paths }
}

function existing(error: unknown): void {
  if (!isZkError(error, 'NodeExists')) throw error
}

/** Small sizes are repeated until there is something to measure. */
async function mean(size: number, work: () => Promise<void> | void): Promise<number> {
  if (size < MANY) await work()
  const startMs = performance.now()
  let rounds = 0
  do {
    await work()
    rounds++
  } while (performance.now() - startMs < LEAST_MS)
  return (performance.now() - startMs) * 1_000 / (rounds * size)
}

async function treeReads(peer: Peer, size: number): Promise<number> {
  const { zk, paths } = await filled(peer)
  await zk.close()
  let found = 0
  const cost = await mean(size, () => {
    for (let i = 0; i < size; i++) if (peer.tree.get(paths[i % NODES]!, { copy: false }) !== undefined) found++
  })
  if (found === 0) throw new Error('nothing was read')
  return cost
}

async function clientReads(peer: Peer, size: number): Promise<number> {
  const { zk, paths } = await filled(peer)
  let next = 0
  const cost = await mean(size, async () => {
    await pipelined(() => zk.get(paths[next++ % NODES]!), 10, Infinity, size)
  })
  await zk.close()
  return cost
}

async function clientInFlight(peer: Peer, size: number): Promise<number> {
  const { zk, paths } = await filled(peer)
  const cost = await mean(size, async () => {
    await Promise.all(Array.from({ length: size }, (_, at) => zk.set(paths[at % NODES]!, DATA)))
  })
  await zk.close()
  return cost
}

/**
 * One change that so many sessions watch, from its call until the last of them was told; the event loop is watched so
 * long alone, not while they are opened and closed.
 */
async function fan(peer: Peer, size: number, loop: LoopWatch): Promise<number> {
  const { zk, paths } = await filled(peer)
  const path = paths[0]!
  let told = 0
  let onAll = (): void => undefined
  const clients: Client[] = []
  for (let first = 0; first < size; first += OPENED_AT_ONCE) {
    const opening = Array.from({ length: Math.min(OPENED_AT_ONCE, size - first) },
      () => peer.connect({ sessionTimeoutMs: 120_000 }))
    clients.push(...await Promise.all(opening))
  }
  const watch = (): void => {
    told++
    if (told === size) onAll()
  }
  for (const client of clients) await client.get(path, { watch })
  loop.start()
  const startMs = performance.now()
  const all = new Promise<void>((resolve) => { onAll = resolve })
  await Promise.all([zk.set(path, DATA), all])
  const tookMs = performance.now() - startMs
  loop.stop()
  for (let first = 0; first < size; first += OPENED_AT_ONCE) {
    await Promise.all(clients.slice(first, first + OPENED_AT_ONCE).map((client) => client.close()))
  }
  await zk.close()
  return tookMs * 1_000 / size
}

/** By name, for the process of a peer. */
export const INSIDE: Readonly<Record<Inside, (peer: Peer, size: number, loop: LoopWatch) => Promise<number>>> =
  { treeReads, clientReads, clientInFlight, fan }
