import type { Member } from './effects.ts'
import type { Role } from './zab/messages.ts'
import type { Zxid } from './zxid.ts'

/** A replica as it sees itself and, on the leader, the others. */
export interface ReplicaStatus {
  readonly peerId: number
  readonly role: Role
  readonly serving: boolean
  /** currentEpoch. */
  readonly epoch: number
  readonly leader: number | null
  /** Last applied txn, last logged, last durable here. */
  readonly appliedZxid: Zxid
  readonly loggedZxid: Zxid
  readonly durableZxid: Zxid
  readonly ensembleId: string
  readonly health: 'ok' | 'log' | 'meta' | 'empty'
  readonly members: readonly MemberStatus[]
  readonly sessions: number
  readonly connections: number
  readonly nodes: number
  readonly outstanding: number
  /** The last elections and resignations, newest last, at most 16. */
  readonly elections: readonly ElectionRecord[]
}

/** One member; what lies beyond connectivity is known to the leader alone. */
export interface MemberStatus extends Member {
  readonly connected: boolean
  /** Leader only: last zxid acknowledged, and how many txns it is behind; null when unknown. */
  readonly ackedZxid: Zxid | null
  readonly behindTxns: number | null
}

/** Why a leader came or went, as this replica saw it. */
export interface ElectionRecord {
  readonly atMs: number
  readonly role: Role
  readonly epoch: number
  readonly leader: number | null
  readonly reason: string
}
