import type { Client } from '../client/client.ts'
import { checkOptions } from '../client/options.ts'
import { ZkError } from '../core/errors.ts'

type Clock = Client['clock']
type Timer = ReturnType<Clock['setTimer']>

/** Tells whether the program can do its work: true, or anything else. The signal aborts when it has taken too long. */
export type HealthCheck = (given: { readonly signal: AbortSignal }) => boolean | Promise<boolean>

/** How a program's health is looked at. */
export interface HealthOptions {
  readonly check: HealthCheck
  /** From the end of one check to the beginning of the next, in ms. 5,000. */
  readonly everyMs?: number
  /** A check that takes longer has failed. 2,000. */
  readonly limitMs?: number
  /** So many checks in a row must fail. 1. */
  readonly failures?: number
}

const OPTIONS: readonly string[] = ['check', 'everyMs', 'limitMs', 'failures']
const EVERY_MS = 5_000
const LIMIT_MS = 2_000

/** Throws TypeError for what is no way to look. */
export function checkHealth(given: HealthCheck | HealthOptions): Required<HealthOptions> {
  const options: HealthOptions = typeof given === 'function' ? { check: given } : given
  checkOptions(options ?? null, OPTIONS, 'health')
  const { check, everyMs = EVERY_MS, limitMs = LIMIT_MS, failures = 1 } = options
  if (typeof check !== 'function') throw new TypeError('health must be a function, or have a function check')
  for (const [name, value] of Object.entries({ everyMs, limitMs, failures })) {
    if (!Number.isInteger(value) || value < 1) throw new TypeError(`${name} must be a positive integer`)
  }
  return { check, everyMs, limitMs, failures }
}

/** Looks at a program's health again and again, never twice at a time; what it finds changes nothing by itself. */
export class Health {
  readonly #clock: Clock
  readonly #options: Required<HealthOptions>
  readonly #onChange: (isHealthy: boolean) => void
  readonly #onFailure: (error: unknown) => void
  #failed = 0
  #timer: Timer | null = null
  #present: AbortController | null = null
  #isStopped = false
  /** Not before a check has succeeded. */
  isHealthy = false

  constructor(clock: Clock, options: Required<HealthOptions>, owner: {
    onChange(isHealthy: boolean): void
    /** A check threw, or took too long. */
    onFailure(error: unknown): void
  }) {
    this.#clock = clock
    this.#options = options
    this.#onChange = (isHealthy) => owner.onChange(isHealthy)
    this.#onFailure = (error) => owner.onFailure(error)
  }

  /** Looks for the first time, and goes on by itself. Resolves with what was found. */
  async begin(): Promise<boolean> {
    await this.#look()
    return this.isHealthy
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
    this.#present?.abort(new ZkError('Closed'))
  }

  /** Resolves when it is known; the next look comes when the check has ended, be it late. */
  #look(): Promise<void> {
    const { limitMs } = this.#options
    return new Promise((resolve) => {
      const controller = this.#present = new AbortController()
      const limit = this.#clock.setTimer(limitMs, () => {
        const late = new ZkError('OperationTimeout', `the health check took longer than ${limitMs} ms`)
        controller.abort(late)
        if (!this.#isStopped) this.#onFailure(late)
        this.#judge(false)
        resolve()
      }, true)
      const end = (isGood: boolean, error?: unknown): void => {
        limit.cancel()
        if (error !== undefined && !this.#isStopped && !controller.signal.aborted) this.#onFailure(error)
        // What comes too late is known as a failure already.
        if (!controller.signal.aborted) this.#judge(isGood)
        resolve()
        this.#present = null
        if (!this.#isStopped) this.#timer = this.#clock.setTimer(this.#options.everyMs, () => void this.#again(), true)
      }
      this.#check(controller.signal).then((answer) => end(answer), (error: unknown) => end(false, error ?? null))
    })
  }

  async #check(signal: AbortSignal): Promise<boolean> {
    return await this.#options.check({ signal }) === true
  }

  async #again(): Promise<void> {
    if (!this.#isStopped) await this.#look()
  }

  #judge(isGood: boolean): void {
    this.#failed = isGood ? 0 : this.#failed + 1
    const isHealthy = isGood || (this.isHealthy && this.#failed < this.#options.failures)
    if (isHealthy !== this.isHealthy && !this.#isStopped) {
      this.isHealthy = isHealthy
      this.#onChange(isHealthy)
    }
  }
}
