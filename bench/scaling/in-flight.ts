import { Buffers, Connection } from '../traffic/connection.ts'
import { Numbered } from '../traffic/generator.ts'
import { BLANK, createFrame, getFrame, setFrame } from '../traffic/requests.ts'
import { repeated, sizes, withServer } from './bench.ts'
import type { ScalingBench } from './bench.ts'
import { rowOf } from './row.ts'
import { Subject } from './subject.ts'

const NODES = 1_000
const PATH = `/f/n${BLANK}`

/** A hundred thousand requests of one connection under way at once. */
export const inFlight: ScalingBench = {
  name: 'in-flight',
  run: (extent) => withServer(extent, async (server) => {
    const data = new Uint8Array(100).fill(120)
    const connection = await Connection.open(server.host, new Buffers())
    await connection.call(createFrame('/f', null))
    await new Numbered(createFrame(PATH, data), NODES).on(connection, 100)
    for (const [what, frame] of [['get', getFrame(PATH)], ['set', setFrame(PATH, data)]] as const) {
      for (const size of sizes(10, 100_000, extent)) {
        const count = Math.max(20_000, 2 * size)
        await repeated(extent, server, ['in-flight', `${what} over TCP`, size], count,
          () => new Numbered(frame, count, (at) => at % NODES).on(connection, size))
      }
    }
    await connection.close()
    if (!(server instanceof Subject)) return
    for (const size of sizes(10, 100_000, extent)) {
      await server.begin()
      const costUs = await server.inside('clientInFlight', size)
      extent.row(rowOf('in-flight', 'set in the process', size, costUs, await server.end()))
    }
  }),
}
