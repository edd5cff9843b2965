import { makeRandom } from '../../lib/core/random.ts'
import { Buffers, Connection } from '../traffic/connection.ts'
import { Numbered } from '../traffic/generator.ts'
import { BLANK, TOPS, createFrame, deleteFrame, getFrame, setFrame } from '../traffic/requests.ts'
import { once, repeated, sizes, withServer } from './bench.ts'
import type { ScalingBench } from './bench.ts'

const DEPTH = 100
const OPERATIONS = 20_000
const PATH = `/z/d${BLANK}/n${BLANK}`
/** Numbers behind those of the tree, for nodes that come and go. */
const VISITORS = 90_000_000

/** In a tree of a million nodes an operation costs what it costs in a tree of one. */
export const znodes: ScalingBench = {
  name: 'znodes',
  run: (extent) => withServer(extent, async (server) => {
    const data = new Uint8Array(100).fill(120)
    const random = makeRandom(7)
    const connection = await Connection.open(server.host, new Buffers())
    await connection.call(createFrame('/z', null))
    await new Numbered(createFrame(`/z/d${BLANK}`, null), TOPS).on(connection, DEPTH)
    const create = createFrame(PATH, data)
    let nodes = 0
    for (const size of sizes(1, 1_000_000, extent)) {
      const first = nodes
      const grown = async (): Promise<void> => {
        const { errors } = await new Numbered(create, size - first, (at) => first + at).on(connection, DEPTH)
        if (errors > 0) throw new Error(`${errors} creates failed`)
      }
      if (size < 10_000) await grown()
      else await once(extent, server, ['znodes', 'create', size], size - first, grown)
      nodes = size
      const pick = (): number => random.below(size)
      for (const [what, frame] of [['get', getFrame(PATH)], ['set', setFrame(PATH, data)]] as const) {
        await repeated(extent, server, ['znodes', what, size], OPERATIONS,
          () => new Numbered(frame, OPERATIONS, pick).on(connection, DEPTH))
      }
      await repeated(extent, server, ['znodes', 'create and delete', size], OPERATIONS, async () => {
        await new Numbered(create, OPERATIONS / 2, (at) => VISITORS + at).on(connection, DEPTH)
        await new Numbered(deleteFrame(PATH), OPERATIONS / 2, (at) => VISITORS + at).on(connection, DEPTH)
      })
    }
    await connection.close()
  }),
}
