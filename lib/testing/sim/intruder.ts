import type { Effect } from '../../core/effects.ts'
import { makeRandom } from '../../core/random.ts'
import type { Random } from '../../core/random.ts'
import type { SessionId } from '../../core/tree/stat.ts'
import { ZXID_ZERO } from '../../core/zxid.ts'
import type { ConnectionEnd } from './client-world.ts'
import { Violation } from './violation.ts'
import type { SimWorld } from './world.ts'

/** What an intruder needs of the world. */
type IntruderWorld = Pick<
  SimWorld, 'events' | 'clients' | 'peers' | 'servers' | 'ghost' | 'nextConn' | 'register' | 'input'
>

const PAUSE_MS = 4_000
/** Of its attempts at the peer of the session's own connection, which they end, one in so many is made. */
const RUDE = 16
/** No client has drawn it: they fill theirs with one byte. */
const WRONG = Uint8Array.from({ length: 16 }, (_, at) => at)

/**
 * Somebody who knows the sessions of all clients and not their passwords. C12: he is refused, and where the session is
 * known by the peer alone, so that nothing of it comes to the leader. His dice are his own, and elsewhere than at the
 * peer of the session's connection he changes nothing.
 */
export class Intruder implements ConnectionEnd {
  readonly #world: IntruderWorld
  readonly #random: Random
  readonly #endMs: number
  /** Code of the end of his last connection. */
  #ended: string | null = null

  constructor(world: IntruderWorld, seed: number, endMs: number) {
    this.#world = world
    this.#random = makeRandom(seed ^ 0x1d7e)
    this.#endMs = endMs
    this.#act()
  }

  #act(): void {
    const { events } = this.#world
    events.after(PAUSE_MS * (0.5 + this.#random.unit()), () => {
      if (events.nowMs >= this.#endMs) return
      this.#try()
      this.#act()
    })
  }

  #try(): void {
    const { clients, peers } = this.#world
    const random = this.#random
    const client = clients[random.below(clients.length)]
    const peer = peers[random.below(peers.length)]!
    const isRude = random.below(RUDE) === 0
    const session = client?.session ?? null
    if (session !== null && (isRude || client!.peer !== peer)) this.#intrude(peer, session)
  }

  #intrude(peer: number, session: SessionId): void {
    const { servers, ghost } = this.#world
    const { replica, paused } = servers.get(peer)!
    const isKnown = replica?.serving === true && !paused && replica.tree.sessions.has(session)
    ghost.conduct.intruded.add(session)
    this.#ended = null
    const conn = this.#world.nextConn()
    this.#world.register(conn, peer, this)
    this.#world.input(peer, {
      kind: 'connect', conn, session, password: WRONG, timeoutMs: 10_000, lastZxidSeen: ZXID_ZERO, identities: [],
      inProcess: false,
    })
    if (isKnown && this.#ended !== 'SessionExpired') {
      throw new Violation('C12', `peer ${peer} does not refuse a wrong password at once: ${this.#ended ?? 'it waits'}`)
    }
  }

  hear(effect: Effect & { readonly conn: number }): void {
    if (effect.kind === 'closeConn') this.#ended = effect.code
    else if (effect.kind === 'connected') throw new Violation('C12', `${effect.session} is had by a wrong password`)
  }

  cut(): void {
    // He comes back with another connection anyway.
  }
}
