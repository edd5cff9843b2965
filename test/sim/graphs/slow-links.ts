import type { Message } from '../../../lib/core/zab/messages.ts'
import type { Watched } from '../../../lib/testing/sim/ghost.ts'
import type { Script } from '../../../lib/testing/sim/script.ts'

/** A link that was dropped is dialled again within so long, and in steps of no more than half of it. */
const DIAL_MS = 40

interface Due {
  readonly atMs: number
  readonly act: () => void
}

/** What is drawn for one message. */
export interface Way {
  /** Ms that it takes; it does not overtake what was sent before it. */
  readonly lagMs: number
  readonly isLost: boolean
}

/**
 * The links of a script, which deliver at once by themselves, with latency: each message of a link comes after its own
 * while and in order, and not at all once the link is gone. Time goes from one event to the next, so whoever uses this
 * lets it pass here.
 */
export class SlowLinks {
  /** Messages that were sent so far, by `from>to`. */
  readonly frames: Map<string, number> = new Map()
  readonly #script: Script
  readonly #wayOf: (from: number, to: number, message: Message) => Way
  readonly #due: Due[] = []
  /** When the last message of each way comes. */
  readonly #lastMs = new Map<string, number>()
  #linked = 0
  #dialsUntilMs = 0

  constructor(script: Script, wayOf: (from: number, to: number, message: Message) => Way) {
    this.#script = script
    this.#wayOf = wayOf
    script.tap = (from, to, message) => {
      this.#sent(from, to, message)
      return []
    }
  }

  /** Does something later. */
  at(atMs: number, act: () => void): void {
    let place = this.#due.length
    while (place > 0 && this.#due[place - 1]!.atMs > atMs) place--
    this.#due.splice(place, 0, { atMs, act })
  }

  /** Lets time pass until `done`, or up to `endMs`; says whether it came to that. */
  passUntil(endMs: number, done: () => boolean = () => false): boolean {
    for (;;) {
      while (this.#due.length > 0 && this.#due[0]!.atMs <= this.#script.ms) this.#due.shift()!.act()
      this.#script.settle()
      if (done()) return true
      if (this.#script.ms >= endMs) return false
      this.#script.pass(Math.min(endMs, this.#nextMs()) - this.#script.ms)
    }
  }

  #nextMs(): number {
    const { ms, peers } = this.#script
    let next = this.#due[0]?.atMs ?? Infinity
    let linked = 0
    for (const { replica } of peers.values()) {
      if (replica === null || replica.stopped) continue
      linked += replica.links.current.size
      next = Math.min(next, Math.max(Math.ceil(replica.deadline()), ms + 1))
    }
    if (linked < this.#linked) this.#dialsUntilMs = ms + DIAL_MS
    this.#linked = linked
    return ms < this.#dialsUntilMs ? Math.min(next, ms + DIAL_MS / 2) : next
  }

  #sent(from: number, to: number, message: Message): void {
    const way = `${from}>${to}`
    this.frames.set(way, (this.frames.get(way) ?? 0) + 1)
    const link = this.#script.replica(from).links.current.get(to)
    const { lagMs, isLost } = this.#wayOf(from, to, message)
    if (isLost || link === undefined) return
    const atMs = Math.max(this.#lastMs.get(way) ?? 0, this.#script.ms + lagMs)
    this.#lastMs.set(way, atMs)
    this.at(atMs, () => this.#arrives(from, link, to, message))
  }

  #arrives(from: number, sentBy: number, to: number, message: Message): void {
    const [sender, receiver] = [this.#script.peer(from), this.#script.peer(to)]
    const link = receiver.replica?.links.current.get(from)
    if (link === undefined || sender.replica?.links.current.get(to) !== sentBy) return
    this.#script.boundary()
    this.#script.ghost.received(receiver as Watched, link, message)
    this.#script.input(to, { kind: 'receive', link, message })
  }
}
