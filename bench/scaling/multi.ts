import { Buffers, Connection } from '../traffic/connection.ts'
import { Numbered, expectOk } from '../traffic/generator.ts'
import { BLANK, createFrame, multiSetFrame } from '../traffic/requests.ts'
import { repeated, sizes, withSubject } from './bench.ts'
import type { ScalingBench } from './bench.ts'

const NODES = 10_000
const numbered = (at: number): string => `/m/n${String(at).padStart(BLANK.length, '0')}`

/** One write of ten thousand operations. */
export const multi: ScalingBench = {
  name: 'multi',
  run: (extent) => withSubject(async (subject) => {
    const data = new Uint8Array(20).fill(120)
    const connection = await Connection.open(subject.host, new Buffers())
    await connection.call(createFrame('/m', null))
    await new Numbered(createFrame(`/m/n${BLANK}`, data), NODES).on(connection, 100)
    for (const size of sizes(10, NODES, extent)) {
      const frame = multiSetFrame(Array.from({ length: size }, (_, at) => numbered(at)), data)
      await repeated(extent, subject, ['multi', 'one set of a multi', size], size,
        async () => expectOk(await connection.call(frame)))
    }
    await connection.close()
  }),
}
