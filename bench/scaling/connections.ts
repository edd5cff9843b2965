import { Buffers, Connection } from '../traffic/connection.ts'
import { openAll } from '../traffic/generator.ts'
import { createFrame, getFrame, setFrame } from '../traffic/requests.ts'
import { once, sizes, withSubject } from './bench.ts'
import type { Extent, ScalingBench } from './bench.ts'
import type { Subject } from './subject.ts'

const ROUNDS = 5

/** Ten thousand sessions, all of them busy. */
export const connections: ScalingBench = {
  name: 'connections',
  run: (extent) => withSubject(async (subject) => {
    const data = new Uint8Array(100).fill(120)
    const buffers = new Buffers()
    const all: Connection[] = [await Connection.open(subject.host, buffers)]
    await all[0]!.call(createFrame('/c', data))
    const before = await subject.end(true)
    let last = 1
    for (const size of sizes(100, 10_000, extent)) {
      await once(extent, subject, ['connections', 'open a session', size], size - all.length, async () => {
        all.push(...await openAll([subject.host], size - all.length, buffers))
      })
      for (const [what, frame] of [['get', getFrame('/c')], ['set', setFrame('/c', data)]] as const) {
        await once(extent, subject, ['connections', `${what}, one each`, size], size * ROUNDS, async () => {
          for (let i = 0; i < ROUNDS; i++) await Promise.all(all.map((connection) => connection.call(frame)))
        })
      }
      last = size
    }
    await memoryOfEach(extent, subject, before.residentBytes, last)
    await once(extent, subject, ['connections', 'close a session', last], last,
      () => Promise.all(all.map((connection) => connection.close())))
  }),
}

async function memoryOfEach(extent: Extent, subject: Subject, beforeBytes: number, size: number): Promise<void> {
  const after = await subject.end(true)
  extent.row({
    bench: 'connections', what: 'resident memory of a session', size, unit: 'bytes', blockMs: null, wallMs: null,
    cost: (after.residentBytes - beforeBytes) / size, residentBytes: after.residentBytes, peakBytes: after.peakBytes,
  })
}
