import { LatencyHistogram } from '../traffic/histogram.ts'
import { Buffers, Connection } from '../traffic/connection.ts'
import type { Traffic } from '../traffic/connection.ts'
import { Numbered } from '../traffic/generator.ts'
import { BLANK, TOPS, createFrame, setFrame } from '../traffic/requests.ts'
import type { RequestFrame } from '../traffic/requests.ts'
import { withSubject } from './bench.ts'
import type { Extent, ScalingBench } from './bench.ts'
import { rowOf } from './row.ts'
import type { Row } from './row.ts'
import type { Subject, Toll } from './subject.ts'

/** The tree of which README and report speak. */
const NODES = 1_400_000
const DEPTH = 100
const PATH = `/z/d${BLANK}/n${BLANK}`
const DATA_BYTES = 100
/** How long writes are watched without a snapshot, and how long one is waited for. */
const CALM_MS = 3_000
const SNAPSHOT_WITHIN_MS = 180_000
const LOOK_MS = 20

/** Sets until it is told to stop. */
class Sets implements Traffic {
  readonly frameBytes: number
  readonly #frame: RequestFrame
  readonly #nodes: number
  #next = 0
  latencies: LatencyHistogram = new LatencyHistogram()
  stopped = false

  constructor(frame: RequestFrame, nodes: number) {
    this.#frame = frame
    this.#nodes = nodes
    this.frameBytes = frame.bytes.length
  }

  write(out: Uint8Array, at: number, xid: number): number {
    this.#next = (this.#next + 7_919) % this.#nodes
    return this.#frame.write(out, at, xid, this.#next)
  }

  replied(error: number, us: number): boolean {
    if (error !== 0) throw new Error(`a set was answered with error ${error}`)
    this.latencies.record(us)
    return !this.stopped
  }
}

function memoryRow(what: string, size: number, cost: number, { residentBytes, peakBytes }: Toll): Row {
  return { bench: 'memory', what, size, unit: 'bytes', cost, blockMs: null, wallMs: null, residentBytes, peakBytes }
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => { setTimeout(resolve, ms) })
}

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
    await subject.begin()
    const startMs = performance.now()
    const { errors } = await new Numbered(createFrame(PATH, data), nodes).on(connection, DEPTH)
    if (errors > 0) throw new Error(`${errors} creates failed`)
    const filled = await subject.end()
    extent.row(rowOf('memory', 'fill', nodes, (performance.now() - startMs) * 1_000 / nodes, filled))
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

/** Sets all the time: first without a snapshot, then until one was written. */
async function snapshotUnderLoad(
  extent: Extent, subject: Subject, connection: Connection, nodes: number,
): Promise<void> {
  const sets = new Sets(setFrame(PATH, new Uint8Array(DATA_BYTES).fill(121)), nodes)
  const running = connection.run(sets, DEPTH)
  while (await subject.snapshotting()) await wait(LOOK_MS)
  sets.latencies = new LatencyHistogram()
  await subject.begin()
  await wait(CALM_MS)
  const calm = sets.latencies
  report(extent, 'p99 of a set, no snapshot', nodes, calm, await subject.end())
  const deadlineMs = performance.now() + SNAPSHOT_WITHIN_MS
  while (!await subject.snapshotting()) {
    if (performance.now() > deadlineMs) throw new Error('no snapshot began')
    await wait(LOOK_MS)
  }
  await subject.begin()
  sets.latencies = new LatencyHistogram()
  while (await subject.snapshotting()) await wait(LOOK_MS)
  const during = sets.latencies
  report(extent, 'p99 of a set, snapshot under way', nodes, during, await subject.end())
  sets.stopped = true
  await running
}

function report(extent: Extent, what: string, nodes: number, latencies: LatencyHistogram, toll: Toll): void {
  extent.row(rowOf('memory', what, nodes, latencies.quantile(0.99), toll))
}
