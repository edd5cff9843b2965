import { Buffers, Connection } from '../traffic/connection.ts'
import { Numbered, expectOk } from '../traffic/generator.ts'
import { BLANK, createFrame, deleteFrame, getFrame, setFrame } from '../traffic/requests.ts'
import { repeated, withServer } from './bench.ts'
import type { ScalingBench } from './bench.ts'

const DEPTH = 100
const OPERATIONS = 20_000

/** A path of fifty levels costs what its length does. */
export const depth: ScalingBench = {
  name: 'depth',
  run: (extent) => withServer(extent, async (server) => {
    const data = new Uint8Array(100).fill(120)
    const connection = await Connection.open(server.host, new Buffers())
    for (const levels of [2, 10, 50]) {
      let parent = ''
      for (let level = 1; level < levels; level++) {
        parent += `/${levels}-level`
        expectOk(await connection.call(createFrame(parent, null)))
      }
      const path = `${parent}/n${BLANK}`
      await new Numbered(createFrame(path, data), 100).on(connection, DEPTH)
      for (const [what, frame] of [['get', getFrame(path)], ['set', setFrame(path, data)]] as const) {
        await repeated(extent, server, ['depth', what, levels], OPERATIONS,
          () => new Numbered(frame, OPERATIONS, (at) => at % 100).on(connection, DEPTH))
      }
      await repeated(extent, server, ['depth', 'create and delete', levels], OPERATIONS, async () => {
        await new Numbered(createFrame(path, data), OPERATIONS / 2, (at) => 100 + at).on(connection, DEPTH)
        await new Numbered(deleteFrame(path), OPERATIONS / 2, (at) => 100 + at).on(connection, DEPTH)
      })
    }
    await connection.close()
  }),
}
