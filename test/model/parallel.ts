/** Breadth first in several threads: each owns the states whose hashes fall to it. */
import { MessageChannel, Worker } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import { actionOf } from './actions.ts'
import type { Action } from './actions.ts'
import { bundleCore, bundleThread } from './bundle.ts'
import { loadCore } from './exposed-core.ts'
import { lineOf, tell } from './search.ts'
import type { Limits, SearchResult } from './search.ts'
import { Shard } from './shard.ts'
import type { Found, Subject } from './shard.ts'
import { storeMemory } from './store.ts'
import type { Order, Report, ThreadData } from './thread.ts'

type LayerReport = Extract<Report, { kind: 'layer' }>

/** MB, per thread: of what lives briefly, there is much. */
const YOUNG_MB = 96
const OLD_MB = 2_500

class Threads {
  readonly #workers: readonly Worker[]
  readonly #over = new Int32Array(new SharedArrayBuffer(4))
  readonly #states: Int32Array

  constructor(thread: string, core: string, subject: Subject, count: number) {
    const ports = portsOf(count)
    this.#states = new Int32Array(new SharedArrayBuffer(4 * count))
    const memory = storeMemory()
    this.#workers = ports.map((mine, index) => {
      const workerData: ThreadData = {
        core, memory, subject, index, count, ports: mine, over: this.#over.buffer as SharedArrayBuffer,
        states: this.#states.buffer as SharedArrayBuffer,
      }
      return new Worker(new URL(thread), {
        workerData, execArgv: [], transferList: mine.filter((port) => port !== null),
        resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB, maxOldGenerationSizeMb: OLD_MB },
      })
    })
  }

  get states(): number {
    return this.#states.reduce((sum, one) => sum + one, 0)
  }

  /** Ends the layer under way. */
  stop(): void {
    Atomics.store(this.#over, 0, 1)
  }

  ask(index: number, order: Order): Promise<Report> {
    const worker = this.#workers[index]!
    return new Promise((resolve, reject) => {
      const settle = (end: () => void): void => {
        worker.off('message', onMessage)
        worker.off('error', onError)
        worker.off('exit', onExit)
        end()
      }
      const onMessage = (report: Report): void => settle(() => resolve(report))
      const onError = (error: Error): void => settle(() => reject(error))
      const onExit = (): void => settle(() => reject(new Error('a thread has ended')))
      worker.on('exit', onExit)
      worker.on('message', onMessage)
      worker.on('error', onError)
      worker.postMessage(order)
    })
  }

  async layer(): Promise<readonly LayerReport[]> {
    const reports = await Promise.all(this.#workers.map((_, index) => this.ask(index, { kind: 'layer' })))
    return reports as LayerReport[]
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()))
  }

  get count(): number {
    return this.#workers.length
  }
}

function portsOf(count: number): (MessagePort | null)[][] {
  const ports: (MessagePort | null)[][] = Array.from({ length: count }, () => Array.from({ length: count }, () => null))
  for (let one = 0; one < count; one++) {
    for (let other = 0; other < one; other++) {
      const { port1, port2 } = new MessageChannel()
      ports[one]![other] = port1
      ports[other]![one] = port2
    }
  }
  return ports
}

function sumOf(reports: readonly LayerReport[], of: (report: LayerReport) => number): number {
  return reports.reduce((sum, report) => sum + of(report), 0)
}

/** Searches with so many threads. */
export async function searchParallel(
  subject: Subject, limits: Limits, count: number, progress: (line: string) => void = () => undefined,
): Promise<SearchResult> {
  const startMs = performance.now()
  const core = await bundleCore()
  const threads = new Threads(await bundleThread(), core, subject, count)
  const timer = setTimeout(() => threads.stop(), limits.ms)
  const watch = setInterval(() => {
    if (threads.states >= limits.states) threads.stop()
  }, 100)
  try {
    for (let depth = 0; ; depth++) {
      if (depth >= limits.depth) threads.stop()
      const reports = await threads.layer()
      const waiting = sumOf(reports, (report) => report.waiting)
      const left = sumOf(reports, (report) => report.left)
      const states = sumOf(reports, (report) => report.states)
      const elapsedMs = performance.now() - startMs
      const found = reports.find((report) => report.found !== null)?.found ?? null
      const localStates = Math.max(...reports.map((report) => report.localStates))
      if (found !== null || left > 0 || waiting === 0) {
        return {
          states, transitions: sumOf(reports, (report) => report.transitions), depth, frontier: left + waiting,
          late: sumOf(reports, (report) => report.late),
          elapsedMs, localStates, coreSteps: sumOf(reports, (report) => report.coreSteps),
          violation: found === null ? null : await explain(threads, core, subject, found),
        }
      }
      progress(lineOf(depth + 1, waiting, states, elapsedMs, localStates))
    }
  } finally {
    clearTimeout(timer)
    clearInterval(watch)
    await threads.close()
  }
}

/** The path to what was found, and what is said on it. */
async function explain(
  threads: Threads, core: string, subject: Subject, { check, message, index, action }: Found,
): Promise<NonNullable<SearchResult['violation']>> {
  const path: Action[] = action < 0 ? [] : [actionOf(action)]
  for (let at = index; at >= 0;) {
    const origin = await threads.ask(at % threads.count, { kind: 'origin', index: Math.floor(at / threads.count) })
    if (origin.kind !== 'origin') throw new Error('a thread answers what it is asked')
    if (origin.parent >= 0) path.unshift(actionOf(origin.action))
    at = origin.parent
  }
  const shard = new Shard(await loadCore(core), storeMemory(), subject, 0, 1)
  return { check, message, depth: path.length, trace: index < 0 ? [] : tell(shard, subject, path) }
}
