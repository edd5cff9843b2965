/** A network and a clock under one seed: every delay is drawn, every run can be repeated. */
import { ZkError } from '../../lib/core/errors.ts'
import type { Random } from '../../lib/core/random.ts'
import type { Clock } from '../../lib/ports/clock.ts'
import type { Link, LinkEvents, Listener, Transport } from '../../lib/ports/transport.ts'

interface Due {
  readonly atMs: number
  readonly order: number
  run(): void
  isCancelled: boolean
}

/** Calls of WebCrypto under way: they take real time, in other threads, for which virtual time must stand still. */
let computing = 0

for (const name of ['importKey', 'sign', 'verify'] as const) {
  const real = crypto.subtle[name].bind(crypto.subtle) as (...args: readonly unknown[]) => Promise<unknown>
  Object.defineProperty(crypto.subtle, name, {
    value: (...args: readonly unknown[]) => {
      computing++
      return real(...args).finally(() => { computing-- })
    },
  })
}

/** Virtual time: `run` takes the next event that is due, again and again, and lets promises settle in between. */
export class VirtualTime implements Clock {
  #nowMs = 0
  #order = 0
  #queue: Due[] = []

  now(): number {
    return Math.floor(this.#nowMs)
  }

  /** The same with its fraction, so that what is due in an order stays in it. */
  get exactMs(): number {
    return this.#nowMs
  }

  wall(): number {
    return 1_760_000_000_000 + this.now()
  }

  setTimer(delayMs: number, callback: () => void): { cancel(): void } {
    return this.at(this.#nowMs + delayMs, callback)
  }

  at(atMs: number, callback: () => void): { cancel(): void } {
    const due: Due = { atMs, order: this.#order++, run: callback, isCancelled: false }
    this.#queue.push(due)
    return { cancel: () => { due.isCancelled = true } }
  }

  /** Runs until `isDone`, at most `limitMs` of virtual time; says whether it came true. */
  async run(limitMs: number, isDone: () => boolean): Promise<boolean> {
    const endMs = this.#nowMs + limitMs
    for (;;) {
      do await new Promise((resolve) => setImmediate(resolve))
      while (computing > 0)
      if (isDone()) return true
      this.#queue = this.#queue.filter((due) => !due.isCancelled)
        .toSorted((one, other) => one.atMs - other.atMs || one.order - other.order)
      const next = this.#queue[0]
      if (!next || next.atMs > endMs) {
        this.#nowMs = endMs
        return false
      }
      this.#queue.shift()
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.run()
    }
  }
}

/** Streams between `net://name` addresses with a random delay per link and direction; chunks are chopped and joined. */
export class VirtualNetwork {
  readonly #time: VirtualTime
  readonly #random: Random
  readonly #listeners = new Map<string, (link: Link) => void>()
  readonly #ends = new Set<VirtualEnd>()
  readonly maxDelayMs: number
  /** What every link claims to have queued. */
  queuedBytes = 0
  /** Set: bytes vanish without a word, and so do ends of links. */
  isMute = false

  constructor(time: VirtualTime, random: Random, maxDelayMs: number) {
    this.#time = time
    this.#random = random
    this.maxDelayMs = maxDelayMs
  }

  get openLinks(): number {
    return [...this.#ends].filter((end) => !end.isOver).length / 2
  }

  transport(): Transport {
    return {
      schemes: ['net'],
      features: { listens: true, network: false },
      listen: (address, onLink) => {
        this.#listeners.set(address, onLink)
        const listener: Listener = { address, close: async () => void this.#listeners.delete(address) }
        return Promise.resolve(listener)
      },
      dial: (address, options) => this.#dial(address, options?.signal),
    }
  }

  /** Cuts one open link at random, at one end first. */
  cutOne(): void {
    const open = [...this.#ends].filter((end) => !end.isOver)
    open[this.#random.below(Math.max(1, open.length))]?.abort()
  }

  #dial(address: string, signal?: AbortSignal): Promise<Link> {
    return new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(new ZkError('Aborted')))
      this.#time.setTimer(this.#random.unit() * this.maxDelayMs, () => {
        const onLink = this.#listeners.get(address)
        if (signal?.aborted || !onLink) return reject(new ZkError('Unreachable'))
        const near = new VirtualEnd(this, this.#time, this.#random)
        const far = new VirtualEnd(this, this.#time, this.#random)
        near.other = far
        far.other = near
        this.#ends.add(near).add(far)
        onLink(far)
        resolve(near)
      })
    })
  }
}

class VirtualEnd implements Link {
  readonly remote = 'net://far'
  other: VirtualEnd | null = null
  isOver = false
  #events: LinkEvents | null = null
  #lastMs = 0
  readonly #time: VirtualTime
  readonly #random: Random
  readonly #network: VirtualNetwork

  constructor(network: VirtualNetwork, time: VirtualTime, random: Random) {
    this.#network = network
    this.#time = time
    this.#random = random
  }

  get queuedBytes(): number {
    return this.#network.queuedBytes
  }

  attach(events: LinkEvents): void {
    this.#events = events
  }

  send(bytes: Uint8Array): boolean {
    if (this.isOver) return false
    const cut = this.#random.below(bytes.length + 1)
    for (const part of [bytes.slice(0, cut), bytes.slice(cut)]) {
      if (part.length > 0) this.#later((far) => far.isOver || far.#events?.onData(part))
    }
    return true
  }

  pause(): void {
    throw new Error('not used')
  }

  resume(): void {
    throw new Error('not used')
  }

  close(): void {
    this.abort()
  }

  abort(): void {
    if (this.isOver) return
    this.isOver = true
    this.#later((far) => {
      if (far.isOver) return
      far.isOver = true
      far.#events?.onClose()
    })
    this.#time.setTimer(0, () => this.#events?.onClose())
  }

  /** In order: nothing overtakes what was sent before. */
  #later(deliver: (far: VirtualEnd) => void): void {
    const far = this.other
    if (!far || this.#network.isMute) return
    const atMs = Math.max(this.#lastMs, this.#time.exactMs + this.#random.unit() * this.#network.maxDelayMs)
    this.#lastMs = atMs
    this.#time.at(atMs, () => deliver(far))
  }
}
