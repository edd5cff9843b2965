/**
 * How long a cache takes to catch up with many nodes: at first, and after its connection went for a while.
 *
 *     npm run -s bench:build
 *     node --expose-gc .build-bench/bench/recipes/cache.js [--nodes N] [--runs N] [--at zk://127.0.0.1:2181]
 */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { connect, createEnsemble } from '../../lib/node.ts'
import type { Client } from '../../lib/node.ts'
import { cacheOf } from '../../lib/recipes/index.ts'
import type { Cache } from '../../lib/recipes/index.ts'
import { Proxy } from '../../test/client/proxy.ts'
import { pipelined } from '../load.ts'
import { median } from '../median.ts'
import { TOPS, randomPaths } from '../paths.ts'
import { head, show } from './sample.ts'

const DATA = new Uint8Array(100).fill(120)
/** Nodes that change while the connection is away. */
const CHANGES = 1_000

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '100000' },
    runs: { type: 'string', default: '3' },
    at: { type: 'string' },
    serve: { type: 'boolean', default: false },
  },
})
const paths = randomPaths(Number(values.nodes)).map((path) => `/c${path}`)
const NODES = `${paths.length.toLocaleString('en')} nodes of ${DATA.length} bytes`

async function fill(zk: Client): Promise<void> {
  for (const path of ['/c', ...TOPS.map((top) => `/c${top}`)]) await zk.create(path)
  let next = 0
  await pipelined(() => zk.create(paths[next++]!, DATA), 500, Infinity, paths.length)
}

async function timed<T>(work: () => Promise<T>): Promise<[ms: number, result: T]> {
  const startMs = performance.now()
  const result = await work()
  return [performance.now() - startMs, result]
}

function heapBytes(): number {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers
}

/** In a function of its own: a cache that is done with must not count as memory of the next one. */
async function openOnce(zk: Client): Promise<{ readonly ms: number, readonly bytes: number }> {
  await new Promise((resolve) => { setImmediate(resolve) })
  const before = heapBytes()
  const [ms, cache] = await timed(() => cacheOf(zk, '/c'))
  if (cache.size !== paths.length + TOPS.length + 1) throw new Error(`the cache holds ${cache.size} nodes`)
  const bytes = (heapBytes() - before) / cache.size
  await cache.close()
  return { ms, bytes }
}

/** Opens a cache of it all, as often as asked. */
async function opening(where: string, zk: Client): Promise<void> {
  const opened: { readonly ms: number, readonly bytes: number }[] = []
  for (let run = 0; run < Number(values.runs); run++) opened.push(await openOnce(zk))
  show({
    name: `cache of ${NODES}, first copy, ${where}`, millis: opened.map(({ ms }) => ms),
    more: { 'bytes per node': median(opened.map(({ bytes }) => bytes)) },
  })
}

function fresh(cache: Cache): Promise<void> {
  return new Promise((resolve) => {
    const off = cache.on('stale', (isStale) => {
      if (isStale) return
      off()
      resolve()
    })
  })
}

function state(zk: Client, wanted: string): Promise<void> {
  return new Promise((resolve) => {
    const off = zk.on('state', ({ state: now }) => {
      if (now !== wanted) return
      off()
      resolve()
    })
  })
}

/** From the moment at which the connection is back until the copy is exact again. */
async function afterGap(where: string, url: URL): Promise<void> {
  const proxy = await Proxy.start(url.host)
  const zk = await connect(`tcp://${proxy.host}`, { sessionTimeoutMs: 30_000 })
  const other = await connect(`tcp://${url.host}`)
  const millis: number[] = []
  const cache = await cacheOf(zk, '/c')
  let told = 0
  cache.on('change', () => void told++)
  for (let run = 0; run < Number(values.runs); run++) {
    const away = state(zk, 'suspended')
    proxy.refuse()
    await away
    let next = 0
    await pipelined(() => other.set(paths[next++]!, DATA), 500, Infinity, CHANGES)
    const back = state(zk, 'connected')
    const isFresh = fresh(cache)
    proxy.welcome()
    await back
    const [ms] = await timed(() => isFresh)
    millis.push(ms)
  }
  if (told !== millis.length * CHANGES) throw new Error(`${told} changes were told`)
  show({ name: `cache of ${NODES}, after a gap with ${CHANGES} changes, ${where}`, millis })
  await cache.close()
  await zk.close()
  await other.close()
  await proxy.stop()
}

/** Another process: an ensemble of one, which says where it is. */
async function serve(): Promise<void> {
  const ensemble = await createEnsemble({ size: 1, clients: () => ({ listen: ['tcp://127.0.0.1:0'] }) })
  process.once('disconnect', () => void ensemble.stop())
  process.send?.(ensemble.peer(1)?.status().clientAddresses[0])
}

async function overWire(where: string, address: string): Promise<void> {
  const url = new URL(address)
  const zk = await connect(`tcp://${url.host}`)
  if (await zk.exists('/c') !== null) throw new Error('there is a /c already')
  try {
    await fill(zk)
    await opening(where, zk)
    await afterGap(where, url)
  } finally {
    await zk.delete('/c', { recursive: true })
    await zk.close()
  }
}

async function inProcess(): Promise<void> {
  const ensemble = await createEnsemble({ size: 1 })
  try {
    const zk = await ensemble.connect()
    await fill(zk)
    await opening('in this process', zk)
  } finally {
    await ensemble.stop()
  }
}

async function main(): Promise<void> {
  head()
  if (values.at !== undefined) return overWire('TCP', values.at)
  await inProcess()
  const child: ChildProcess = fork(import.meta.filename, ['--serve'], { execArgv: [] })
  try {
    const [address] = await once(child, 'message') as [string]
    await overWire('TCP, other process', address)
  } finally {
    child.disconnect()
  }
}

await (values.serve ? serve() : main())
