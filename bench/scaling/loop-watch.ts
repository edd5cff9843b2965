import { readFileSync } from 'node:fs'

/** How long the event loop was away. */
export interface Block {
  /** The longest turn, in ms, as far as this process was running: what the code can answer for. */
  readonly blockMs: number
  /** The longest turn by the clock, other processes of a busy machine included. */
  readonly wallMs: number
}

/** Where Linux tells how long this process's first thread ran, in ns. */
const SCHEDULED = `/proc/self/task/${process.pid}/schedstat`

/** What the thread of the event loop used of the processor, in ms; elsewhere than on Linux all threads together. */
function cpuMs(): number {
  try {
    return Number.parseInt(readFileSync(SCHEDULED, 'utf8'), 10) / 1e6
  } catch {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1_000
  }
}

/**
 * Samples the event loop once per ms. A turn that took long by the clock counts only as far as its thread used the
 * processor meanwhile.
 */
export class LoopWatch {
  #blockMs = 0
  #wallMs = 0
  #lastMs = 0
  #lastCpuMs = 0
  #timer: NodeJS.Timeout | null = null

  start(): void {
    this.stop()
    this.#blockMs = 0
    this.#wallMs = 0
    this.#lastMs = performance.now()
    this.#lastCpuMs = cpuMs()
    this.#timer = setInterval(() => { this.#sample() }, 1)
  }

  #sample(): void {
    const nowMs = performance.now()
    const nowCpuMs = cpuMs()
    const wallMs = nowMs - this.#lastMs
    this.#wallMs = Math.max(this.#wallMs, wallMs)
    this.#blockMs = Math.max(this.#blockMs, Math.min(wallMs, nowCpuMs - this.#lastCpuMs))
    this.#lastMs = nowMs
    this.#lastCpuMs = nowCpuMs
  }

  get block(): Block {
    return { blockMs: this.#blockMs, wallMs: this.#wallMs }
  }

  /** The turn in which it is called counts as far as it has come. */
  stop(): void {
    if (this.#timer === null) return
    this.#sample()
    clearInterval(this.#timer)
    this.#timer = null
  }
}
