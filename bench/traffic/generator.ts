import { Buffers, Connection } from './connection.ts'
import type { Traffic } from './connection.ts'
import { LatencyHistogram } from './histogram.ts'
import { BLANK, createFrame, deleteFrame, getFrame, setFrame, syncFrame } from './requests.ts'
import type { RequestFrame } from './requests.ts'
import type { Workload } from './workloads.ts'

/** What one run of a workload came to. */
export interface Measured {
  readonly workload: string
  /** All replies, also those of the warm-up and what was in flight at the end. */
  readonly answered: number
  readonly operations: number
  readonly perSecond: number
  readonly p50Us: number
  readonly p99Us: number
  readonly p999Us: number
  readonly maxUs: number
  /** Replies that were errors; none is expected. */
  readonly errors: number
}

/** Nodes that are read and set. */
const KEYS = 100
const ROOT = '/vivarium-bench'
const NODE_EXISTS = -110
/** The share of writes in a mixed workload: every tenth. */
const WRITE_EVERY = 10
/** Connections that are opened at the same time. */
const OPENED_AT_ONCE = 50
const WARM_SECONDS = 1

/** When is counted, and what was. */
class Window {
  readonly latencies = new LatencyHistogram()
  readonly #fromMs: number
  readonly #toMs: number
  #lastMs = 0
  answered = 0
  errors = 0

  constructor(warmMs: number, countedMs: number) {
    this.#fromMs = performance.now() + warmMs
    this.#toMs = this.#fromMs + countedMs
  }

  /** False once the time is over. */
  add(error: number, us: number, nowMs: number): boolean {
    this.answered++
    if (error !== 0) this.errors++
    if (nowMs >= this.#toMs) return false
    if (nowMs >= this.#fromMs) {
      this.#lastMs = nowMs
      this.latencies.record(us)
    }
    return true
  }

  result(workload: string): Measured {
    const { latencies } = this
    const seconds = Math.max(1, this.#lastMs - this.#fromMs) / 1_000
    return {
      workload, answered: this.answered, operations: latencies.count, perSecond: latencies.count / seconds,
      p50Us: latencies.quantile(0.5), p99Us: latencies.quantile(0.99), p999Us: latencies.quantile(0.999),
      maxUs: latencies.maxUs, errors: this.errors,
    }
  }
}

/** The requests of one connection. */
class Requests implements Traffic {
  readonly frameBytes: number
  readonly #frame: RequestFrame
  /** Sent instead every tenth time. */
  readonly #rare: RequestFrame | null
  readonly #window: Window
  sent = 0

  constructor(frame: RequestFrame, rare: RequestFrame | null, window: Window) {
    this.#frame = frame
    this.#rare = rare
    this.#window = window
    this.frameBytes = Math.max(frame.bytes.length, rare?.bytes.length ?? 0)
  }

  write(out: Uint8Array, at: number, xid: number): number {
    const number = this.sent++
    const frame = this.#rare !== null && number % WRITE_EVERY === 0 ? this.#rare : this.#frame
    return frame.write(out, at, xid, number)
  }

  replied(error: number, us: number, nowMs: number): boolean {
    return this.#window.add(error, us, nowMs)
  }
}

/** So many requests, one for each number. */
export class Numbered implements Traffic {
  readonly frameBytes: number
  readonly #frame: RequestFrame
  readonly #numberOf: (index: number) => number
  readonly #count: number
  #sent = 0
  errors = 0
  /** When a latency is of interest. */
  readonly latencies: LatencyHistogram = new LatencyHistogram()

  constructor(frame: RequestFrame, count: number, numberOf: (index: number) => number = (index) => index) {
    this.#frame = frame
    this.#count = count
    this.#numberOf = numberOf
    this.frameBytes = frame.bytes.length
  }

  write(out: Uint8Array, at: number, xid: number): number {
    return this.#frame.write(out, at, xid, this.#numberOf(this.#sent++))
  }

  replied(error: number, us: number): boolean {
    if (error !== 0) this.errors++
    this.latencies.record(us)
    return this.#sent < this.#count
  }

  /** Sends all on one connection. */
  async on(connection: Connection, depth: number): Promise<this> {
    if (this.#count > 0) await connection.run(this, Math.min(depth, this.#count))
    return this
  }
}

/** Opens sessions in turn on these hosts. */
export async function openAll(hosts: readonly string[], count: number, buffers: Buffers): Promise<Connection[]> {
  const connections: Connection[] = []
  for (let first = 0; first < count; first += OPENED_AT_ONCE) {
    const size = Math.min(OPENED_AT_ONCE, count - first)
    const opening = Array.from({ length: size }, (_, i) =>
      Connection.open(hosts[(first + i) % hosts.length]!, buffers))
    connections.push(...await Promise.all(opening))
  }
  return connections
}

/** Nodes of the wanted size, which every server has heard of. */
async function prepare(connections: readonly Connection[], value: Uint8Array, parent: string): Promise<void> {
  const first = connections[0]!
  for (const path of [ROOT, parent]) expectOk(await first.call(createFrame(path, null)), NODE_EXISTS)
  for (let key = 0; key < KEYS; key++) {
    const path = `${ROOT}/k${key}`
    expectOk(await first.call(createFrame(path, value)), NODE_EXISTS)
    expectOk(await first.call(setFrame(path, value)))
  }
  await Promise.all(connections.map((connection) => connection.call(syncFrame(ROOT))))
}

/** Fails on an error other than the one that is fine. */
export function expectOk(error: number, fine = 0): void {
  if (error !== 0 && error !== fine) throw new Error(`the server answered error ${error}`)
}

function framesOf(
  { operation }: Workload, at: number, value: Uint8Array, parent: string,
): readonly [RequestFrame, RequestFrame | null] {
  const path = `${ROOT}/k${at % KEYS}`
  switch (operation) {
    case 'get': return [getFrame(path), null]
    case 'set': return [setFrame(path, value), null]
    case 'mixed': return [getFrame(path), setFrame(path, value)]
    case 'create': return [createFrame(`${parent}/c${at}-${BLANK}`, value), null]
  }
}

/**
 * Keeps the servers busy for so many seconds after a warm-up of at most one, and removes what it created. The moment of
 * a reply is that of the chunk in which it came.
 */
export async function generate(hosts: readonly string[], workload: Workload, seconds: number): Promise<Measured> {
  const value = new Uint8Array(workload.valueBytes).fill(120)
  const parent = `${ROOT}/run-${process.pid}-${Date.now().toString(36)}`
  const connections = await openAll(hosts, workload.connections, new Buffers())
  await prepare(connections, value, parent)
  const window = new Window(Math.min(WARM_SECONDS, seconds / 4) * 1_000, seconds * 1_000)
  const traffic = connections.map((_, at) => new Requests(...framesOf(workload, at, value, parent), window))
  await Promise.all(connections.map((connection, at) => connection.run(traffic[at]!, workload.depth)))
  if (workload.operation === 'create') {
    await Promise.all(connections.map((connection, at) =>
      new Numbered(deleteFrame(`${parent}/c${at}-${BLANK}`), traffic[at]!.sent).on(connection, workload.depth)))
  }
  await connections[0]!.call(deleteFrame(parent))
  await Promise.all(connections.map((connection) => connection.close()))
  return window.result(workload.name)
}
