import { Buffers, Connection } from '../traffic/connection.ts'
import { Numbered, expectOk } from '../traffic/generator.ts'
import { BLANK, createFrame, getFrame } from '../traffic/requests.ts'
import { repeated, sizes, withServer } from './bench.ts'
import type { ScalingBench } from './bench.ts'
import { rowOf } from './row.ts'
import { Subject } from './subject.ts'

const NODES = 1_000
const DEPTH = 10
const WARM_READS = 200_000

/** The ten millionth read costs what the tenth did. */
export const reads: ScalingBench = {
  name: 'reads',
  run: (extent) => withServer(extent, async (server) => {
    const connection = await Connection.open(server.host, new Buffers())
    expectOk(await connection.call(createFrame('/r', null)))
    await new Numbered(createFrame(`/r/n${BLANK}`, new Uint8Array(100)), NODES).on(connection, DEPTH)
    const frame = getFrame(`/r/n${BLANK}`)
    await new Numbered(frame, WARM_READS, (at) => at % NODES).on(connection, DEPTH)
    for (const size of sizes(10, 10_000_000, extent)) {
      await repeated(extent, server, ['reads', 'get over TCP, 10 in flight', size], size,
        () => new Numbered(frame, size, (at) => at % NODES).on(connection, DEPTH))
    }
    await connection.close()
    if (!(server instanceof Subject)) return
    for (const [name, what] of [['treeReads', 'peer.tree.get'], ['clientReads', 'await get, 10 in flight']] as const) {
      await server.inside(name, WARM_READS)
      for (const size of sizes(10, 10_000_000, extent)) {
        await server.begin()
        const costUs = await server.inside(name, size)
        extent.row({ ...rowOf('reads', what, size, costUs, await server.end()), blockMs: null, wallMs: null })
      }
    }
  }),
}
