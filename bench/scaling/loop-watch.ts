/** How long the event loop was away. */
export interface Block {
  /** The longest turn, in ms, as far as this process was running: what the code can answer for. */
  readonly blockMs: number
  /** The longest turn by the clock, other processes of a busy machine included. */
  readonly wallMs: number
}

/**
 * Samples the event loop once per ms. A turn that took long by the clock counts only as far as the process used the
 * processor meanwhile, all of its threads together.
 */
export class LoopWatch {
  #blockMs = 0
  #wallMs = 0
  #timer: NodeJS.Timeout | null = null

  start(): void {
    this.stop()
    this.#blockMs = 0
    this.#wallMs = 0
    let lastMs = performance.now()
    let lastCpu = process.cpuUsage()
    this.#timer = setInterval(() => {
      const nowMs = performance.now()
      const cpu = process.cpuUsage()
      const wallMs = nowMs - lastMs
      const cpuMs = (cpu.user - lastCpu.user + cpu.system - lastCpu.system) / 1_000
      this.#wallMs = Math.max(this.#wallMs, wallMs)
      this.#blockMs = Math.max(this.#blockMs, Math.min(wallMs, cpuMs))
      lastMs = nowMs
      lastCpu = cpu
    }, 1)
  }

  get block(): Block {
    return { blockMs: this.#blockMs, wallMs: this.#wallMs }
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }
}
