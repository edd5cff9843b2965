import { Buffers, CLOSE_AT_LEISURE_MS, Connection } from '../traffic/connection.ts'
import { Numbered, expectOk } from '../traffic/generator.ts'
import { BLANK, createFrame, ephemeralsFrame } from '../traffic/requests.ts'
import { once, repeated, sizes, withServer } from './bench.ts'
import type { ScalingBench } from './bench.ts'

const EPHEMERAL = 1

/** A session that ends with a hundred thousand ephemeral nodes. */
export const ephemerals: ScalingBench = {
  name: 'ephemerals',
  run: (extent) => withServer(extent, async (server) => {
    const buffers = new Buffers()
    const first = await Connection.open(server.host, buffers)
    expectOk(await first.call(createFrame('/e', null)))
    for (const size of sizes(100, 100_000, extent)) {
      const owner = await Connection.open(server.host, buffers)
      await once(extent, server, ['ephemerals', 'create', size], size, async () => {
        const { errors } = await new Numbered(createFrame(`/e/n${BLANK}`, null, EPHEMERAL), size).on(owner, 100)
        if (errors > 0) throw new Error(`${errors} creates failed`)
      })
      await repeated(extent, server, ['ephemerals', 'list, for each name', size], size,
        async () => expectOk(await owner.call(ephemeralsFrame('/'))))
      await once(extent, server, ['ephemerals', 'close, for each node', size], size,
        () => owner.close(CLOSE_AT_LEISURE_MS))
    }
    await first.close()
  }),
}
