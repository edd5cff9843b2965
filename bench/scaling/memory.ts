import { Buffers, Connection } from '../traffic/connection.ts'
import { Numbered } from '../traffic/generator.ts'
import { BLANK, TOPS, createFrame } from '../traffic/requests.ts'
import { once, withSubject } from './bench.ts'
import type { Extent, ScalingBench } from './bench.ts'
import { rowOf } from './row.ts'
import type { Row } from './row.ts'
import type { Subject, Toll } from './subject.ts'
import { LARGE_TREE_PATH, setsUnderSnapshot } from './under-snapshot.ts'

/** The tree of which README and report speak. */
const NODES = 1_400_000
const DEPTH = 100
const DATA_BYTES = 100

function memoryRow(what: string, size: number, cost: number, { residentBytes, peakBytes }: Toll): Row {
  return { bench: 'memory', what, size, unit: 'bytes', cost, blockMs: null, wallMs: null, residentBytes, peakBytes }
}

/** How a phase is called in the rows. */
export const SET_WHEN = { calm: 'no snapshot', snapshot: 'snapshot under way' } as const

/** What a tree costs in memory, and what a snapshot of it costs those who write meanwhile. */
export const memory: ScalingBench = {
  name: 'memory',
  run: (extent) => withSubject(async (subject) => {
    const nodes = Math.min(NODES, Math.max(10_000, extent.largest))
    const idle = await subject.end()
    extent.row(memoryRow('resident, idle', 1, idle.residentBytes, idle))
    const connection = await Connection.open(subject.host, new Buffers())
    await connection.call(createFrame('/z', null))
    await new Numbered(createFrame(`/z/d${BLANK}`, null), TOPS).on(connection, DEPTH)
    const data = new Uint8Array(DATA_BYTES).fill(120)
    let from = 0
    for (const size of [Math.floor(nodes / 100), Math.floor(nodes / 10), nodes]) {
      const first = from
      await once(extent, subject, ['memory', 'fill', size], size - first, async () => {
        const { errors } = await new Numbered(createFrame(LARGE_TREE_PATH, data), size - first, (at) => first + at)
          .on(connection, DEPTH)
        if (errors > 0) throw new Error(`${errors} creates failed`)
      })
      from = size
    }
    const filled = await subject.end()
    extent.row(memoryRow('resident of a znode, as it stands', nodes, filled.residentBytes / nodes, filled))
    const collected = await subject.end(true)
    extent.row(memoryRow('resident of a znode, collected', nodes, collected.residentBytes / nodes, collected))
    extent.row(memoryRow('of it above idle', nodes, (collected.residentBytes - idle.residentBytes) / nodes, collected))
    extent.row(memoryRow('of it objects', nodes, collected.heapBytes / nodes, collected))
    extent.row(memoryRow('of it binary data', nodes, collected.bufferBytes / nodes, collected))
    await snapshotUnderLoad(extent, subject, connection, nodes)
    connection.destroy()
  }),
}

/** What the sets of a phase waited, and the longest turn of the event loop meanwhile. */
async function snapshotUnderLoad(
  extent: Extent, subject: Subject, connection: Connection, nodes: number,
): Promise<void> {
  await setsUnderSnapshot(connection, nodes, {
    isUnderWay: () => subject.snapshotting(),
    begins: () => subject.begin(),
    ended: async (phase, latencies) => {
      const toll = await subject.end()
      const when = SET_WHEN[phase]
      extent.row(rowOf('memory', `p99 of a set, ${when}`, nodes, latencies.quantile(0.99), toll))
      extent.row(rowOf('memory', `slowest set, ${when}`, nodes, latencies.maxUs, toll))
    },
  })
}
