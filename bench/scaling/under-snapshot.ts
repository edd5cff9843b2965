import { LatencyHistogram } from '../traffic/histogram.ts'
import type { Connection, Traffic } from '../traffic/connection.ts'
import { BLANK, setFrame } from '../traffic/requests.ts'
import type { RequestFrame } from '../traffic/requests.ts'

const DEPTH = 100
const DATA_BYTES = 100
/** Numbered nodes of the large tree, as its fill and the sets name them. */
export const LARGE_TREE_PATH: string = `/z/d${BLANK}/n${BLANK}`
/** A JVM compiles what is used. */
const WARM_MS = 5_000
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

/** The server whose sets are watched. */
export interface Snapshotting {
  /** A snapshot is being written. */
  isUnderWay(): Promise<boolean>
  /** A phase begins; that of the snapshot a while before it, so that its first turn is seen. */
  begins(): Promise<void>
  /** A phase has ended, with the latencies of the sets during it. */
  ended(phase: 'calm' | 'snapshot', latencies: LatencyHistogram): Promise<void>
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => { setTimeout(resolve, ms) })
}

/** Sets of so many nodes all the time, 100 under way: first without a snapshot, then until one was written. */
export async function setsUnderSnapshot(connection: Connection, nodes: number, server: Snapshotting): Promise<void> {
  const sets = new Sets(setFrame(LARGE_TREE_PATH, new Uint8Array(DATA_BYTES).fill(121)), nodes)
  const running = connection.run(sets, DEPTH)
  const deadlineMs = performance.now() + SNAPSHOT_WITHIN_MS
  const look = async (): Promise<boolean> => {
    if (performance.now() > deadlineMs) throw new Error('no snapshot began, or none ended')
    await wait(LOOK_MS)
    return server.isUnderWay()
  }
  try {
    await wait(WARM_MS)
    while (await look());
    sets.latencies = new LatencyHistogram()
    await server.begins()
    const calmUntilMs = performance.now() + CALM_MS
    while (performance.now() < calmUntilMs && !await look());
    await server.ended('calm', sets.latencies)
    await server.begins()
    // Those of the look before the snapshot was seen belong to it: they may have waited for its first turn.
    do sets.latencies = new LatencyHistogram()
    while (!await look())
    while (await look());
    await server.ended('snapshot', sets.latencies)
  } finally {
    sets.stopped = true
    await Promise.race([running, wait(LOOK_MS * 100)])
  }
}
