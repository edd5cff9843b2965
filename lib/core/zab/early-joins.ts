import type { FollowerInfo, Message } from './messages.ts'

/**
 * FOLLOWERINFO of peers that decided for this one before it decided itself. Each is answered in the end: by the leader
 * that this peer becomes, or by a refusal once it follows another one; but for those of peers that are gone, or that
 * look again, for whom it was over before it was read.
 */
export class EarlyJoins {
  readonly #send: (peer: number, message: Message) => void
  #byPeer = new Map<number, FollowerInfo>()

  constructor(send: (peer: number, message: Message) => void) {
    this.#send = send
  }

  add(peer: number, info: FollowerInfo): void {
    this.#byPeer.set(peer, info)
  }

  /** Its link is down. */
  lost(peer: number): void {
    this.#byPeer.delete(peer)
  }

  /** It looks, and has left all that it asked for with numbers up to `joins`; such words come late, or twice. */
  heardLooking(peer: number, joins: number): void {
    const info = this.#byPeer.get(peer)
    if (info !== undefined && joins >= info.join) this.#byPeer.delete(peer)
  }

  /** One that comes while this peer follows, or all that wait once it does. */
  refuse(peer: number, { join }: FollowerInfo): void {
    this.#send(peer, { kind: 'refuse', join, code: 'ConnectionLoss', reason: 'this peer does not lead' })
  }

  refuseAll(): void {
    for (const [peer, info] of this.take()) this.refuse(peer, info)
  }

  /** Those that wait, which are nobody's from here on. */
  take(): ReadonlyMap<number, FollowerInfo> {
    const all = this.#byPeer
    this.#byPeer = new Map()
    return all
  }
}
