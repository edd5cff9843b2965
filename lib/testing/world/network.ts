import { ZkError } from '../../core/errors.ts'
import type { Random } from '../../core/random.ts'
import type { Link, Listener, Transport } from '../../ports/transport.ts'
import { LinkEnd } from './link.ts'
import type { Program } from './program.ts'
import type { VirtualTime } from './time.ts'

interface Listening {
  readonly program: Program
  readonly onLink: (link: Link) => void
}

/** How long bytes are under way, in ms. */
export interface Latency {
  readonly minMs: number
  readonly maxMs: number
}

/** Every link between programs: ordered streams of bytes that can be cut, and places that cannot reach each other. */
export class VirtualNetwork {
  readonly #time: VirtualTime
  readonly #random: Random
  readonly #latency: Latency
  readonly #listening = new Map<string, Listening>()
  readonly #ends = new Set<LinkEnd>()
  readonly #blocked = new Set<string>()
  readonly #isolated = new Set<string>()
  /** What waits until a way is free again. */
  #stuck: (() => void)[] = []
  #ports = 40_000

  constructor(time: VirtualTime, random: Random, latency: Latency) {
    this.#time = time
    this.#random = random
    this.#latency = latency
  }

  /** Streams of one program; addresses are `tcp://place:port`, and may have the schemes of other transports. */
  transport(program: Program): Transport {
    return {
      schemes: ['tcp', 'ws', 'wss'],
      features: { listens: true, network: true },
      listen: (address, onLink) => this.#listen(program, address, onLink),
      dial: (address, options) => this.#dial(program, address, options?.signal),
    }
  }

  #listen(program: Program, address: string, onLink: (link: Link) => void): Promise<Listener> {
    const host = hostOf(address)
    if (this.#listening.has(host)) return Promise.reject(new ZkError('AddressInUse', address))
    const listening: Listening = { program, onLink }
    this.#listening.set(host, listening)
    return Promise.resolve({
      address,
      close: async () => {
        if (this.#listening.get(host) === listening) this.#listening.delete(host)
      },
    })
  }

  #dial(program: Program, address: string, signal: AbortSignal | undefined): Promise<Link> {
    return new Promise((resolve, reject) => {
      const abort = (): void => reject(new ZkError('Aborted'))
      if (signal?.aborted === true) return abort()
      signal?.addEventListener('abort', abort, { once: true })
      const arrive = (): void => {
        if (signal?.aborted === true || program.isOver) return
        if (!this.isFree(program.place, placeOf(address))) {
          this.whenFree(() => this.#later(arrive))
          return
        }
        const listening = this.#listening.get(hostOf(address))
        if (listening === undefined) {
          const refused = new ZkError('Unreachable', `nobody listens at ${address}`)
          this.#later(() => program.post(() => reject(refused)))
          return
        }
        const near = this.#connect(program, listening, address)
        this.#later(() => program.post(() => {
          if (signal?.aborted === true) near.abort()
          else resolve(near)
        }))
      }
      this.#later(arrive)
    })
  }

  /** The system of the other side takes the link, also while the program there stands still. */
  #connect(program: Program, { program: other, onLink }: Listening, address: string): LinkEnd {
    const baseMs = this.#draw()
    const parts = { network: this, time: this.#time, random: this.#random, baseMs }
    const near = new LinkEnd(parts, program, address)
    const far = new LinkEnd(parts, other, `tcp://${program.place}:${this.#ports++}`)
    LinkEnd.join(near, far)
    this.#ends.add(near).add(far)
    other.post(() => onLink(far))
    return near
  }

  #later(run: () => void): void {
    this.#time.at(this.#time.nowMs + this.#draw(), run)
  }

  #draw(): number {
    const { minMs, maxMs } = this.#latency
    return minMs + this.#random.unit() * (maxMs - minMs)
  }

  forget(end: LinkEnd): void {
    this.#ends.delete(end)
  }

  // --- faults ------------------------------------------------------------------------------------------------------

  isFree(from: string, to: string): boolean {
    if (from === to) return true
    return !this.#blocked.has(`${from}>${to}`) && !this.#isolated.has(from) && !this.#isolated.has(to)
  }

  /** Calls back as soon as any way is free again. */
  whenFree(run: () => void): void {
    this.#stuck.push(run)
  }

  /** Nothing of `from` reaches `to` any more. */
  block(from: string, to: string): void {
    this.#blocked.add(`${from}>${to}`)
  }

  unblock(from: string, to: string): void {
    if (this.#blocked.delete(`${from}>${to}`)) this.#release()
  }

  /** Cuts a place off from all others, whatever else is healed meanwhile. */
  isolate(place: string): void {
    this.#isolated.add(place)
  }

  isIsolated(place: string): boolean {
    return this.#isolated.has(place)
  }

  rejoin(place: string): void {
    if (this.#isolated.delete(place)) this.#release()
  }

  /** Nobody is isolated any more. */
  rejoinAll(): void {
    this.#isolated.clear()
    this.#release()
  }

  /** No way is blocked any more. */
  heal(): void {
    this.#blocked.clear()
    this.#release()
  }

  #release(): void {
    for (const run of this.#stuck.splice(0)) run()
  }

  /** Links that this place has dialled. */
  #dialled(place: string): LinkEnd[] {
    return [...this.#ends].filter((end) => !end.isAccepted && end.program.place === place)
  }

  /** Links between a place and all others break; each side learns it in its own time. */
  cut(place: string): void {
    for (const end of this.#ends) if (end.program.place === place) end.breakLink()
  }

  /** What is sent to this place on the links that it dialled is lost from now on; they break after `ms`. */
  loseReplies(place: string, ms: number): void {
    for (const end of this.#dialled(place)) {
      end.deafen()
      this.#time.at(this.#time.nowMs + ms, () => end.breakLink())
    }
  }

  /** A program was killed: its system ends its links and listens no more. */
  kill(program: Program): void {
    for (const [host, listening] of this.#listening) {
      if (listening.program === program) this.#listening.delete(host)
    }
    for (const end of this.#ends) if (end.program === program) end.die()
  }
}

/** `peer1:7000` of `tcp://peer1:7000`, and of `ws://peer1:7000/`. */
function hostOf(address: string): string {
  return address.slice(address.indexOf('//') + 2).replace(/\/.*$/, '')
}

/** `peer1` of it. */
function placeOf(address: string): string {
  return hostOf(address).replace(/:\d*$/, '')
}
