import type { Effect, LinkId } from '../effects.ts'
import type { Message } from './messages.ts'

interface Gated {
  readonly ticket: number
  readonly link: LinkId
  readonly message: Message
}

/**
 * The current link to each peer and the messages that wait for the disk. One peer has at most one link; a message
 * of a replaced link is dropped, also one that was gated while that link was current (rule R9).
 */
export class Links {
  readonly #links = new Map<number, LinkId>()
  readonly #peers = new Map<LinkId, number>()
  #gated: Gated[] = []
  readonly #emit: (effect: Effect) => void
  readonly #durableTicket: () => number

  constructor(emit: (effect: Effect) => void, durableTicket: () => number) {
    this.#emit = emit
    this.#durableTicket = durableTicket
  }

  isUp(peer: number): boolean {
    return this.#links.has(peer)
  }

  /** The peer behind a current link, undefined for a link that is none any more. */
  peerOf(link: LinkId): number | undefined {
    return this.#peers.get(link)
  }

  up(link: LinkId, peer: number): void {
    this.down(this.#links.get(peer))
    this.#links.set(peer, link)
    this.#peers.set(link, peer)
  }

  down(link: LinkId | undefined): void {
    if (link === undefined) return
    const peer = this.#peers.get(link)
    if (peer === undefined) return
    this.#peers.delete(link)
    this.#links.delete(peer)
    this.#gated = this.#gated.filter((one) => one.link !== link)
  }

  send(peer: number, message: Message): void {
    const link = this.#links.get(peer)
    if (link !== undefined) this.#emit({ kind: 'send', link, message })
  }

  sendAfter(ticket: number, peer: number, message: Message): void {
    const link = this.#links.get(peer)
    if (link === undefined) return
    if (ticket <= this.#durableTicket()) this.#emit({ kind: 'send', link, message })
    else this.#gated.push({ ticket, link, message })
  }

  /** Writes completed: what waited for them leaves. */
  release(): void {
    const durable = this.#durableTicket()
    let count = 0
    while (count < this.#gated.length && this.#gated[count]!.ticket <= durable) {
      const { link, message } = this.#gated[count++]!
      this.#emit({ kind: 'send', link, message })
    }
    if (count > 0) this.#gated.splice(0, count)
  }

  /** What waits for the disk to be sent there is not to be sent any more; the link stays. */
  forget(peer: number): void {
    const link = this.#links.get(peer)
    this.#gated = this.#gated.filter((one) => one.link !== link)
  }

  drop(peer: number, reason: string): void {
    const link = this.#links.get(peer)
    if (link === undefined) return
    this.down(link)
    this.#emit({ kind: 'dropLink', link, code: 'ConnectionLoss', reason })
  }

  get current(): ReadonlyMap<number, LinkId> {
    return this.#links
  }
}
