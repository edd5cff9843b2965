/** What is known of the state of one peer, of its disk, and of what it sends. */
import type { Replica } from '../../lib/core/replica.ts'
import type { Message } from '../../lib/core/zab/messages.ts'
import type { Meta } from '../../lib/ports/storage.ts'
import type { Shape } from './shapes.ts'

/** What one peer has on disk. */
export interface Disk {
  readonly meta: Meta | null
  /** Numbers of its log entries. */
  readonly log: readonly number[]
}

/** A message, as it is kept. */
export interface Sent {
  readonly message: Message
  /** The entry whose chain it names; -1 for none. */
  readonly names: number
  readonly shape: Shape
}

/** What the checkers see of a local state. */
export interface Local {
  readonly peer: number
  readonly role: Replica['role']
  readonly serving: boolean
  readonly stopped: boolean
  readonly currentEpoch: number
  readonly acceptedEpoch: number
  /** The epoch that it is on its way to lead or to mark; 0 when there is none. */
  readonly pendingEpoch: number
  /** The epoch that it leads, once discovery is over; 0 else. */
  readonly leads: number
  readonly active: boolean
  readonly log: readonly number[]
  /** The same, as the number of a list. */
  readonly entries: number
  /** How many entries of its log are applied. */
  readonly applied: number
  /** Time until its next timeout, in ms. */
  readonly deadlineMs: number
  readonly decided: boolean
  /** Of the election, if it looks. */
  readonly round: number
  /** Nothing about it tells which election was the last. */
  readonly isCalm: boolean
  /** What of itself is wrong, if anything (P16). */
  readonly wrong: string | null
  /** By peer, from 1: the join under which it follows that one; -1 for none. */
  readonly follows: readonly number[]
  /** By peer: the join of that one that it answers as a leader, or will when it is one. */
  readonly joined: readonly number[]
  /** All of it, up to the names of epochs. */
  readonly shape: Shape
}

/** What a step did. */
export interface Row {
  readonly to: number
  /** Peer and message number by turns. */
  readonly sends: readonly number[]
  /** The same for notifications of elections. */
  readonly notices: readonly number[]
  readonly writes: readonly number[]
  readonly drops: readonly number[]
  /** What the core said: for traces. */
  readonly said: readonly string[]
  /** An invariant that the core checks itself does not hold. */
  readonly broken: string | null
}
