import type { Client } from '../client/client.ts'

/** When an instance that failed is avoided; Curator's DownInstancePolicy. */
export interface AvoidOptions {
  /** An instance is avoided from so many failures on. 1; Curator's is 2. */
  readonly threshold?: number
  /** So long after the first of them everything is forgotten. 30,000. */
  readonly forMs?: number
}

interface Failures {
  readonly fromMs: number
  count: number
}

const THRESHOLD = 1
const FOR_MS = 30_000

/** Instances that somebody was told are down, and for how long they are avoided. */
export class DownList {
  readonly #clock: Client['clock']
  readonly #threshold: number
  readonly #forMs: number
  readonly #failures = new Map<string, Failures>()

  constructor(clock: Client['clock'], { threshold = THRESHOLD, forMs = FOR_MS }: AvoidOptions) {
    for (const [name, value] of Object.entries({ threshold, forMs })) {
      if (!Number.isInteger(value) || value < 1) throw new TypeError(`${name} must be a positive integer`)
    }
    this.#clock = clock
    this.#threshold = threshold
    this.#forMs = forMs
  }

  add(key: string): void {
    this.#purge()
    const known = this.#failures.get(key)
    if (known === undefined) this.#failures.set(key, { fromMs: this.#clock.now(), count: 1 })
    else known.count += 1
  }

  /** Forgets what was told of it. */
  delete(key: string): void {
    this.#failures.delete(key)
  }

  get isEmpty(): boolean {
    if (this.#failures.size > 0) this.#purge()
    return this.#failures.size === 0
  }

  /** It is avoided now. */
  has(key: string): boolean {
    const known = this.#failures.get(key)
    return known !== undefined && known.count >= this.#threshold && this.#leftMs(known) > 0
  }

  /** Until the first of those that are avoided is not any more; null when none is. */
  get nextMs(): number | null {
    this.#purge()
    const all = [...this.#failures.values()].filter(({ count }) => count >= this.#threshold)
    return all.length === 0 ? null : Math.min(...all.map((each) => this.#leftMs(each)))
  }

  #leftMs({ fromMs }: Failures): number {
    return fromMs + this.#forMs - this.#clock.now()
  }

  #purge(): void {
    for (const [key, each] of this.#failures) if (this.#leftMs(each) <= 0) this.#failures.delete(key)
  }
}
