import { ZkError } from '../lib/core/errors.ts'
import type { Link, LinkEvents, Listener, Transport } from '../lib/ports/transport.ts'

/** Bytes a link may have under way before `send` answers false. */
const HIGH_WATER_BYTES = 1024 * 1024
const LOW_WATER_BYTES = 256 * 1024

interface Timers {
  readonly setImmediate?: (callback: () => void) => unknown
  readonly setTimeout: (callback: () => void, delayMs: number) => unknown
}

/** A later turn of the event loop: never a microtask, so that a busy network cannot starve timers and sockets. */
function later(callback: () => void): void {
  const timers = globalThis as unknown as Timers
  if (timers.setImmediate !== undefined) timers.setImmediate(callback)
  else timers.setTimeout(callback, 0)
}

/** The addresses of one process: peers that share a network value reach each other at `memory://name`. */
export class MemoryNetwork {
  readonly #listeners = new Map<string, (link: Link) => void>()
  #due: (() => void)[] = []
  #nextPort = 1

  /** Runs `work` in a later turn, together with all other work of this one. */
  schedule(work: () => void): void {
    this.#due.push(work)
    if (this.#due.length === 1) later(() => this.#run())
  }

  #run(): void {
    const due = this.#due
    this.#due = []
    for (const work of due) work()
  }

  /** Enters a listener; `memory://` alone or with name `0` picks a free name. Returns the address. */
  bind(name: string, onLink: (link: Link) => void): string {
    let free = name
    while (free === '' || free === '0') {
      const candidate = `auto-${this.#nextPort++}`
      if (!this.#listeners.has(candidate)) free = candidate
    }
    if (this.#listeners.has(free)) throw new ZkError('AddressInUse', `the address is in use: memory://${free}`)
    this.#listeners.set(free, onLink)
    return free
  }

  unbind(name: string): void {
    this.#listeners.delete(name)
  }

  listener(name: string): ((link: Link) => void) | undefined {
    return this.#listeners.get(name)
  }

  /** A name for the dialling end of a link. */
  nextDialer(): string {
    return `memory://dialer-${this.#nextPort++}`
  }
}

/** Links within one process; with no network given, a network of its own. */
export function memory(network: MemoryNetwork = new MemoryNetwork()): Transport {
  return {
    schemes: ['memory'],
    features: Object.freeze({ listens: true, network: false }),
    listen: async (address, onLink) => listen(network, address, onLink),
    dial: (address, options = {}) => dial(network, address, options.signal),
  }
}

function nameOf(address: string): string {
  const match = /^memory:\/\/([^/]*)\/?$/.exec(address)
  if (match === null) throw new ZkError('AddressInvalid', `not a memory address: ${address}`)
  return match[1]!
}

function listen(network: MemoryNetwork, address: string, onLink: (link: Link) => void): Listener {
  let open = true
  const name = network.bind(nameOf(address), onLink)
  return {
    address: `memory://${name}`,
    close: async () => {
      if (open) network.unbind(name)
      open = false
    },
  }
}

async function dial(network: MemoryNetwork, address: string, signal: AbortSignal | undefined): Promise<Link> {
  const name = nameOf(address)
  await new Promise<void>((resolve) => network.schedule(resolve))
  if (signal?.aborted === true) {
    throw new ZkError('Aborted', `the attempt was aborted: ${address}`, { cause: signal.reason })
  }
  const onLink = network.listener(name)
  if (onLink === undefined) throw new ZkError('Unreachable', `nobody listens at ${address}`)
  const here = new MemoryLink(network, address)
  const there = new MemoryLink(network, network.nextDialer())
  here.join(there)
  there.join(here)
  onLink(there)
  return here
}

/** One end. What it sent and the other end has not taken waits in the other end's inbox. */
class MemoryLink implements Link {
  readonly remote: string
  readonly #network: MemoryNetwork
  #other: MemoryLink | null = null
  #events: LinkEvents | null = null
  #inbox: Uint8Array[] = []
  #inboxBytes = 0
  #paused = false
  #scheduled = false
  /** The other end ended; its reason follows after what it sent. */
  #ending: { readonly error: Error | undefined } | null = null
  /** This end is over: nothing is delivered to it any more. */
  #over = false
  #closing = false
  #wantsDrain = false

  constructor(network: MemoryNetwork, remote: string) {
    this.#network = network
    this.remote = remote
  }

  join(other: MemoryLink): void {
    this.#other = other
  }

  get queuedBytes(): number {
    return this.#other === null ? 0 : this.#other.#inboxBytes
  }

  attach(events: LinkEvents): void {
    if (this.#events !== null) throw new TypeError('a link is attached once')
    this.#events = events
    this.#wake()
  }

  send(bytes: Uint8Array): boolean {
    const other = this.#other
    if (this.#over || this.#closing || other === null || other.#over) return false
    if (bytes.length > 0) {
      other.#inbox.push(bytes)
      other.#inboxBytes += bytes.length
      other.#wake()
    }
    if (other.#inboxBytes <= HIGH_WATER_BYTES) return true
    this.#wantsDrain = true
    return false
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#wake()
  }

  close(): void {
    if (this.#over || this.#closing) return
    this.#closing = true
    this.#inbox = []
    this.#inboxBytes = 0
    this.#other?.end(undefined)
    this.#finish(undefined)
  }

  abort(reason?: Error): void {
    if (this.#over) return
    const other = this.#other
    if (other !== null) {
      other.#inbox = []
      other.#inboxBytes = 0
      other.end(undefined)
    }
    this.#inbox = []
    this.#inboxBytes = 0
    this.#finish(reason)
  }

  /** The other end is over: tell it here once everything before was delivered. */
  end(error: Error | undefined): void {
    if (this.#over) return
    this.#ending ??= { error }
    // A reader that never comes back must not keep the end of the link from being known.
    this.#paused = false
    this.#wake()
  }

  #finish(error: Error | undefined): void {
    this.#over = true
    const report = (): void => {
      if (this.#events === null) this.#onAttached = report
      else this.#events.onClose(error)
    }
    this.#network.schedule(report)
  }

  /** The end came before anybody attached. */
  #onAttached: (() => void) | null = null

  #wake(): void {
    if (this.#scheduled || this.#events === null) return
    this.#scheduled = true
    this.#network.schedule(() => this.#deliver())
  }

  #deliver(): void {
    this.#scheduled = false
    const events = this.#events
    if (events === null) return
    if (this.#onAttached !== null) {
      const report = this.#onAttached
      this.#onAttached = null
      report()
      return
    }
    const inbox = this.#inbox
    let taken = 0
    while (taken < inbox.length && !this.#paused && !this.#over) {
      const chunk = inbox[taken++]!
      this.#inboxBytes -= chunk.length
      events.onData(chunk)
    }
    if (this.#over) return
    this.#inbox = taken === 0 ? this.#inbox : this.#inbox.slice(taken)
    if (this.#other !== null) this.#other.#drained()
    if (this.#inbox.length > 0) {
      if (!this.#paused) this.#wake()
    } else if (this.#ending !== null) {
      this.#over = true
      events.onClose(this.#ending.error)
    }
  }

  #drained(): void {
    if (!this.#wantsDrain || this.queuedBytes > LOW_WATER_BYTES || this.#over) return
    this.#wantsDrain = false
    this.#network.schedule(() => {
      if (!this.#over) this.#events?.onDrain()
    })
  }
}
