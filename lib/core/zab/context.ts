import type { Effect, Now, ReplicaConfig } from '../effects.ts'
import type { Random } from '../random.ts'
import type { Journal } from './journal.ts'
import type { Health, Message } from './messages.ts'
import type { QuorumConfig } from './quorum.ts'

/** What the phases of the protocol share: one per replica. */
export interface ZabContext {
  readonly config: ReplicaConfig
  readonly configs: readonly QuorumConfig[]
  readonly random: Random
  readonly journal: Journal
  /** The moment of the step under way. */
  readonly now: Now
  /** Voters, this peer included if it is one, in order of id. */
  readonly voters: readonly number[]
  readonly isVoter: boolean
  readonly founding: Founding
  /** The last number of FOLLOWERINFO that was used; they begin at random and rise. */
  readonly joins: number
  /** Whether this peer is linked with enough others. */
  readonly reach: { readonly isWide: boolean, readonly mayStand: boolean }
  isLinked(peer: number): boolean
  /** Sends on the current link to `peer`; dropped when there is none. */
  send(peer: number, message: Message): void
  /** Sends once the journal's `ticket` is durable, if the link of now is then still current (gate table, rule R1). */
  sendAfter(ticket: number, peer: number, message: Message): void
  /** Closes the link to `peer`, if any. */
  dropLink(peer: number, reason: string): void
  emit(effect: Effect): void
  log(level: 'debug' | 'info' | 'warn' | 'error', text: string, fields?: Readonly<Record<string, unknown>>): void
}

/** Whose storage may be trusted although it is empty: see design, bootstrap. */
export interface Founding {
  /** What this replica's own storage is worth. */
  readonly health: Health
  /** Learns another peer's health, and the epoch of the vote or history it named (0: it knows of none). */
  heard(peer: number, health: Health, peerEpoch: number): void
  /** True when what a peer of this health acknowledges counts. */
  counts(peer: number, health: Health): boolean
  /** True when its vote counts, which is but a hint: it may be a founder that has not heard all others yet. */
  votes(peer: number, health: Health): boolean
}
