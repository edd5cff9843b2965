import { Buffers, Connection } from '../traffic/connection.ts'
import { Numbered, expectOk } from '../traffic/generator.ts'
import { BLANK, createFrame } from '../traffic/requests.ts'
import { once, sizes, withSubject } from './bench.ts'
import type { ScalingBench } from './bench.ts'

const EPHEMERAL = 1

/** A session that ends with a hundred thousand ephemeral nodes. */
export const ephemerals: ScalingBench = {
  name: 'ephemerals',
  run: (extent) => withSubject(async (subject) => {
    const buffers = new Buffers()
    const first = await Connection.open(subject.host, buffers)
    expectOk(await first.call(createFrame('/e', null)))
    for (const size of sizes(100, 100_000, extent)) {
      const owner = await Connection.open(subject.host, buffers)
      await once(extent, subject, ['ephemerals', 'create', size], size, async () => {
        const { errors } = await new Numbered(createFrame(`/e/n${BLANK}`, null, EPHEMERAL), size).on(owner, 100)
        if (errors > 0) throw new Error(`${errors} creates failed`)
      })
      await once(extent, subject, ['ephemerals', 'close, for each node', size], size, () => owner.close())
    }
    await first.close()
  }),
}
