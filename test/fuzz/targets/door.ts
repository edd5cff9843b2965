/** A transport without a network, whose turns come when they are told to. */
import { ZkError } from '../../../lib/core/errors.ts'
import type { Link, LinkEvents, Listener, Transport } from '../../../lib/ports/transport.ts'
import { FakeClock } from '../../client/fakes.ts'

/** Time and turns that come when they are told to. */
export class TurnClock extends FakeClock {
  #turns: (() => void)[] = []

  nextTurn(callback: () => void): void {
    this.#turns.push(callback)
  }

  /** Runs what waits, and what that leads to, until nothing does. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 3; quiet++) {
      const turns = this.#turns
      this.#turns = []
      for (const turn of turns) turn()
      if (turns.length > 0) quiet = 0
      // What waits for a write of the storage comes behind a few microtasks.
      for (let left = 6; left > 0; left--) await Promise.resolve()
    }
  }
}

/** The server's end of a connection, of which a target plays the client. */
export class DoorLink implements Link {
  readonly remote: string
  readonly queuedBytes = 0
  readonly #clock: TurnClock
  #events: LinkEvents | null = null
  #waiting: Uint8Array[] = []
  readonly sent: Uint8Array[] = []
  isPaused = false
  isOver = false

  constructor(remote: string, clock: TurnClock) {
    this.remote = remote
    this.#clock = clock
  }

  attach(events: LinkEvents): void {
    this.#events = events
  }

  send(bytes: Uint8Array): boolean {
    if (this.isOver) return false
    this.sent.push(bytes)
    return true
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
    if (this.#waiting.length > 0) this.#clock.nextTurn(() => this.#deliver())
  }

  close(): void {
    if (this.isOver) return
    this.isOver = true
    this.#clock.nextTurn(() => this.#events?.onClose())
  }

  abort(): void {
    this.close()
  }

  /** The client says something. */
  say(bytes: Uint8Array): void {
    this.#waiting.push(bytes)
    this.#deliver()
  }

  #deliver(): void {
    while (!this.isPaused && !this.isOver) {
      const bytes = this.#waiting.shift()
      if (bytes === undefined) return
      this.#events?.onData(bytes)
    }
  }
}

/** Where clients come in. */
export class Door implements Transport {
  readonly schemes = ['tcp']
  readonly features = { listens: true, network: false }
  readonly #clock: TurnClock
  #onLink: ((link: Link) => void) | null = null
  #connections = 0

  constructor(clock: TurnClock) {
    this.#clock = clock
  }

  listen(address: string, onLink: (link: Link) => void): Promise<Listener> {
    this.#onLink = onLink
    return Promise.resolve({ address, close: () => Promise.resolve() })
  }

  dial(): Promise<Link> {
    return Promise.reject(new ZkError('Unreachable'))
  }

  /** A client comes in. */
  open(): DoorLink {
    const link = new DoorLink(`tcp://10.0.0.${1 + this.#connections++ % 200}:5000`, this.#clock)
    this.#onLink?.(link)
    return link
  }
}
