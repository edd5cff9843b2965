import { Buffers, CLOSE_AT_LEISURE_MS, Connection } from '../traffic/connection.ts'
import { expectOk, openAll } from '../traffic/generator.ts'
import { createFrame, getFrame, setFrame } from '../traffic/requests.ts'
import { once, sizes, withServer } from './bench.ts'
import type { Extent, ScalingBench } from './bench.ts'
import { heard } from './heard.ts'
import type { Served } from './served.ts'

const ROUNDS = 5

/** Ten thousand sessions, all of them busy, and all of them gone at once. */
export const connections: ScalingBench = {
  name: 'connections',
  run: (extent) => withServer(extent, async (server) => {
    const data = new Uint8Array(100).fill(120)
    const buffers = new Buffers()
    const first = await Connection.open(server.host, buffers)
    expectOk(await first.call(createFrame('/c', data)))
    const before = await server.end(true)
    const all = sizes(100, 10_000, extent)
    for (const size of all) {
      let opened: Connection[] = []
      await once(extent, server, ['connections', 'open a session', size], size, async () => {
        opened = await openAll([server.host], size, buffers)
      })
      for (const [what, frame] of [['get', getFrame('/c')], ['set', setFrame('/c', data)]] as const) {
        await once(extent, server, ['connections', `${what}, one each`, size], size * ROUNDS, async () => {
          for (let i = 0; i < ROUNDS; i++) await Promise.all(opened.map((connection) => connection.call(frame)))
        })
      }
      await Promise.all(opened.map((connection) => connection.call(getFrame('/c', true))))
      await once(extent, server, ['connections', 'tell each of one change', size], size,
        () => Promise.all([first.call(setFrame('/c', data)), heard(opened, size)]))
      // The memory of sessions that were before is not given back at once: only the most of them tell.
      if (size === all.at(-1)) await memoryOfEach(extent, server, before.residentBytes, size)
      await once(extent, server, ['connections', 'close a session', size], size,
        () => Promise.all(opened.map((connection) => connection.close(CLOSE_AT_LEISURE_MS))))
    }
    await first.close()
  }),
}

async function memoryOfEach(extent: Extent, server: Served, beforeBytes: number, size: number): Promise<void> {
  const { residentBytes, peakBytes } = await server.end(true)
  extent.row({
    bench: 'connections', what: 'resident memory of a session', size, unit: 'bytes', blockMs: null, wallMs: null,
    cost: (residentBytes - beforeBytes) / size, residentBytes, peakBytes,
  })
}
