/** Reads of a peer in memory, in this process: past the client (`peer.tree`) and through it (`get`). */
import { do_not_optimize } from 'mitata'
import { createPeer } from '../lib/index.ts'
import type { Client } from '../lib/index.ts'
import { memory } from '../storage/memory.ts'
import { nanoseconds } from './figure.ts'
import type { Figure } from './figure.ts'
import { pipelined } from './load.ts'
import { TOPS, randomPaths } from './paths.ts'

const DATA = new Uint8Array(100).fill(120)
const BATCH = 1_000

async function fill(zk: Client, paths: readonly string[]): Promise<void> {
  let next = 0
  await pipelined(() => zk.create(paths[next++]!, DATA), 1_000, Infinity, paths.length)
}

/** Local reads over 100 and 100,000 paths, then `get` over 100. */
export async function* reads(): AsyncGenerator<Figure> {
  const peer = await createPeer({
    id: 1, ensemble: { name: 'bench', members: { 1: [] } }, transports: [], storage: memory(),
  })
  try {
    const zk = await peer.connect()
    await fill(zk, TOPS)
    const many = randomPaths(100_000)
    await fill(zk, many)
    const few = many.slice(0, 100)
    for (const [paths, aim] of [[few, 150], [many, 600]] as const) {
      for (const copy of [false, true]) {
        let next = 0
        const value = await nanoseconds(() => {
          for (let i = 0; i < BATCH; i++) {
            do_not_optimize(peer.tree.get(paths[next]!, { copy }))
            if (++next === paths.length) next = 0
          }
        }, BATCH)
        const name = `peer.tree.get, ${paths.length.toLocaleString('en')} paths, ${copy ? 'copied' : 'not copied'}`
        yield { name, unit: 'ns', value, aim: copy ? null : aim }
      }
    }
    let next = 0
    const get = (): Promise<unknown> => zk.get(few[next++ % few.length]!)
    const all = await nanoseconds(() => Promise.all(Array.from({ length: BATCH }, get)), BATCH)
    yield { name: 'client get, 100 paths, 1,000 at once', unit: 'us', value: all / 1_000, aim: 0.7 }
    const one = await nanoseconds(async () => {
      for (let i = 0; i < 100; i++) await get()
    }, 100)
    yield { name: 'client get, 100 paths, one by one', unit: 'us', value: one / 1_000, aim: 0.7 }
  } finally {
    await peer.stop()
  }
}
