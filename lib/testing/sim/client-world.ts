import type { Effect, Input } from '../../core/effects.ts'
import type { Random } from '../../core/random.ts'
import type { Zxid } from '../../core/zxid.ts'
import type { ClientPlan } from './client-plan.ts'
import type { ClientWays } from './client-ways.ts'
import type { EventQueue } from './events.ts'
import type { Ghost } from './ghost.ts'

/** Who is at the other end of a peer's connection. */
export interface ConnectionEnd {
  /** An effect of the peer for this connection. */
  hear(effect: Effect & { readonly conn: number }): void
  /** The peer died under the connection. */
  cut(conn: number): void
}

/** What is counted while somebody wants to know whether answers keep pace with requests. */
export interface Meter {
  /** Requests at these peers, by clients that read what they are sent; while it is open and not held (Shortage). */
  readonly peers: ReadonlySet<number>
  isOpen: boolean
  isHeld: boolean
  /** An answer that takes longer holds its client back: what it would ask meanwhile counts as sent. */
  readonly patienceMs: number
  sent: number
  answered: number
}

/** What a client needs of the world. */
export interface ClientWorld {
  readonly events: EventQueue
  readonly plan: { readonly seed: number, readonly clients: number, readonly clientPlan: ClientPlan }
  readonly ghost: Ghost
  readonly peers: readonly number[]
  readonly clientWays: ClientWays
  /** Largest zxid in any success reply to anybody, and of any acknowledged write. */
  acked: { read: Zxid, write: Zxid }
  /** How many more requests clients may send, and how many they have sent in the storm. */
  requestsLeft: number
  asked: number
  meter: Meter | null
  latencyMs(random: Random): number
  nextConn(): number
  /** Hands an input to a peer if it is up and knows the connection; false when it does not. */
  input(peer: number, input: Input): boolean
  register(conn: number, peer: number, client: ConnectionEnd): void
}
