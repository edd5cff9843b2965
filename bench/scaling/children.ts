import { makeRandom } from '../../lib/core/random.ts'
import { Buffers, Connection } from '../traffic/connection.ts'
import { Numbered, expectOk } from '../traffic/generator.ts'
import { BLANK, countFrame, createFrame, deleteFrame, getFrame, listFrame } from '../traffic/requests.ts'
import { once, repeated, sizes, withServer } from './bench.ts'
import type { ScalingBench } from './bench.ts'

const DEPTH = 100
const READS = 20_000
/** What a quota says that is only to be counted for. */
const NO_LIMIT = new TextEncoder().encode('count=-1,bytes=-1')

/** One parent with a million children. */
export const children: ScalingBench = {
  name: 'children',
  run: (extent) => withServer(extent, async (server) => {
    const random = makeRandom(7)
    const connection = await Connection.open(server.host, new Buffers())
    for (const size of sizes(1_000, 1_000_000, extent)) {
      const parent = `/p${size}`
      const path = `${parent}/n${BLANK}`
      expectOk(await connection.call(createFrame(parent, null)))
      await once(extent, server, ['children', 'create', size], size,
        () => new Numbered(createFrame(path, null), size).on(connection, DEPTH))
      await repeated(extent, server, ['children', 'list, for each name', size], size,
        () => connection.call(listFrame(parent)))
      await repeated(extent, server, ['children', 'count, for each node', size], size,
        async () => expectOk(await connection.call(countFrame(parent))))
      const quota = `/zookeeper/quota${parent}`
      expectOk(await connection.call(createFrame(quota, null)))
      expectOk(await connection.call(createFrame(`${quota}/zookeeper_limits`, NO_LIMIT)))
      await once(extent, server, ['children', 'count for a quota, for each node', size], size,
        async () => expectOk(await connection.call(createFrame(`${quota}/zookeeper_stats`, NO_LIMIT))))
      for (const path of [`${quota}/zookeeper_stats`, `${quota}/zookeeper_limits`, quota]) {
        expectOk(await connection.call(deleteFrame(path)))
      }
      await repeated(extent, server, ['children', 'get one', size], READS,
        () => new Numbered(getFrame(path), READS, () => random.below(size)).on(connection, DEPTH))
      await once(extent, server, ['children', 'delete', size], size,
        () => new Numbered(deleteFrame(path), size).on(connection, DEPTH))
      expectOk(await connection.call(deleteFrame(parent)))
    }
    await connection.close()
  }),
}
