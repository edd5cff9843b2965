import { availableParallelism, cpus } from 'node:os'
import { monitorEventLoopDelay } from 'node:perf_hooks'

/** How busy the machine was with everything, so that times can be read for what they are. */
export class Machine {
  readonly #delay = monitorEventLoopDelay({ resolution: 10 })
  readonly #begin = times()

  constructor() {
    this.#delay.enable()
  }

  /** Cores that somebody used, on the mean since the beginning, the soak included. */
  get coresInUse(): number {
    const [begin, now] = [this.#begin, times()]
    const total = now.idle + now.busy - begin.idle - begin.busy
    return total === 0 ? 0 : availableParallelism() * (now.busy - begin.busy) / total
  }

  /**
   * The longest that the process of clients, proxies and checks stood still, in ms: whatever waits for it, it may have
   * been the reason for.
   */
  get longestStallMs(): number {
    return this.#delay.max / 1e6
  }
}

function times(): { readonly idle: number, readonly busy: number } {
  const sum = { idle: 0, busy: 0 }
  for (const { times: { idle, user, sys, nice, irq } } of cpus()) {
    sum.idle += idle
    sum.busy += user + sys + nice + irq
  }
  return sum
}
