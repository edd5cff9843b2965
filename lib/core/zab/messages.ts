import type { LogEntry } from '../../ports/storage.ts'
import type { ErrorCode } from '../errors.ts'
import type { Identity, WriteRequest } from '../tree/request.ts'
import type { SessionId } from '../tree/stat.ts'
import type { Zxid } from '../zxid.ts'

/**
 * What peers say to each other once their handshake is done. `from` is the link's peer and never travels.
 *
 * Notifications are datagrams: they may be lost, doubled or late. All others belong to one *association* of a learner
 * with a leader, named by `join`, a number that the learner picks anew for each attempt and that both sides repeat;
 * a message of another association is dropped (rule R9). They rely on the order of the link.
 */
export type Message = Notification | LearnerMessage | LeaderMessage

/** Where a peer stands. */
export type Role = 'looking' | 'following' | 'leading' | 'observing'

/** A vote: compared by peerEpoch, zxid, leader, in this order. */
export interface Vote {
  readonly leader: number
  /** Last zxid of the candidate's log. */
  readonly zxid: Zxid
  /** The candidate's currentEpoch. */
  readonly peerEpoch: number
}

/**
 * What a peer can say of its storage: whole; damaged in its log or its promises (Meta.health); empty; or new, which is
 * empty, but this process knows of itself that it takes part in the founding.
 */
export type Health = 'ok' | 'log' | 'meta' | 'empty' | 'new'

/** Fast leader election: my state, my round, my vote, and whether my vote may count. */
export interface Notification {
  readonly kind: 'notify'
  readonly state: Role
  readonly round: number
  readonly vote: Vote
  readonly health: Health
  /** The sender's own currentEpoch, which a vote of before may not know: 0 while it has no history. */
  readonly epoch: number
  /** The last number of FOLLOWERINFO that the sender has used: who looks has left all up to it. */
  readonly joins: number
  /** The sender is linked with a quorum, itself included. */
  readonly isWide: boolean
}

/** A learner's side of an association. */
export type LearnerMessage = FollowerInfo | AckEpoch | Ack | SyncAck | Forward | Pong | Revalidate | SyncAsk
/** The leader's side of it. */
export type LeaderMessage = LeaderInfo | Diff | Trunc | Snap | SnapChunkMessage | Proposal | Commit | Inform |
  NewLeader | UpToDate | Ping | Revalidated | Synced | Refuse

/** First word of an association (FOLLOWERINFO, OBSERVERINFO). */
export interface FollowerInfo {
  readonly kind: 'followerInfo'
  readonly join: number
  readonly role: 'voter' | 'observer'
  readonly acceptedEpoch: number
  /** See Meta.health: a damaged voter does not count until it is rebuilt. */
  readonly health: Health
}
/** The leader proposes its epoch; its own acceptedEpoch is durable. */
export interface LeaderInfo { readonly kind: 'leaderInfo', readonly join: number, readonly epoch: number }
/** The learner's acceptedEpoch is durable. currentEpoch -1: "sync me, but do not count me". */
export interface AckEpoch {
  readonly kind: 'ackEpoch'
  readonly join: number
  readonly epoch: number
  readonly currentEpoch: number
  readonly lastZxid: Zxid
  readonly hash1: number
  readonly hash2: number
  /** Zxid of the learner's snapshot: it cannot truncate below it. */
  readonly base: Zxid
}
/** Plan: entries after `fromZxid`, the learner's own last, follow as proposals. */
export interface Diff { readonly kind: 'diff', readonly join: number, readonly fromZxid: Zxid }
/** Plan: drop everything after `toZxid`, whose chain hash is given, then entries follow. */
export interface Trunc {
  readonly kind: 'trunc', readonly join: number, readonly toZxid: Zxid, readonly hash1: number, readonly hash2: number
}
/** Plan: chunks of the snapshot at `zxid` follow, then entries after it. */
export interface Snap {
  readonly kind: 'snap', readonly join: number, readonly zxid: Zxid, readonly hash1: number, readonly hash2: number
}
/** One piece of it; the last one carries `last`. */
export interface SnapChunkMessage {
  readonly kind: 'snapChunk'
  readonly join: number
  readonly index: number
  readonly last: boolean
  readonly bytes: Uint8Array
}
/** Flow control of the synchronization stream: so many pieces (chunks and proposals) since its plan are on disk. */
export interface SyncAck { readonly kind: 'syncAck', readonly join: number, readonly pieces: number }
/** Log entries in order; the first one's prevZxid is the learner's last. */
export interface Proposal {
  readonly kind: 'proposal', readonly join: number, readonly epoch: number, readonly entries: readonly LogEntry[]
}
/** Everything up to `zxid` is committed. */
export interface Commit { readonly kind: 'commit', readonly join: number, readonly epoch: number, readonly zxid: Zxid }
/** To observers: committed entries. */
export interface Inform {
  readonly kind: 'inform', readonly join: number, readonly epoch: number, readonly entries: readonly LogEntry[]
}
/** End of the history of the new epoch. */
export interface NewLeader { readonly kind: 'newLeader', readonly join: number, readonly epoch: number }
/** Cumulative: everything up to `zxid` is durable here; `newLeader`: so is currentEpoch = epoch. */
export interface Ack {
  readonly kind: 'ack'
  readonly join: number
  readonly epoch: number
  readonly zxid: Zxid
  readonly newLeader: boolean
}
/**
 * Everything up to `commit` is committed. The learner may serve once it has applied up to `through`, which the leader
 * has committed and may hold for it still.
 */
export interface UpToDate {
  readonly kind: 'upToDate'
  readonly join: number
  readonly epoch: number
  readonly commit: Zxid
  readonly through: Zxid
}
/** Liveness, every ping interval; `seq` also proves leadership to a waiting quorum sync. The others as in UpToDate. */
export interface Ping {
  readonly kind: 'ping', readonly join: number, readonly seq: number, readonly commit: Zxid, readonly through: Zxid,
}
/** Answers a ping; sessions heard from since the last one, a request for closing included by its absence. */
export interface Pong {
  readonly kind: 'pong', readonly join: number, readonly seq: number, readonly touches: readonly SessionId[]
}
/** What a peer asks of the leader for its clients. */
export type ForwardedBody =
  | { readonly kind: 'write', readonly request: WriteRequest, readonly identities: readonly Identity[] }
  | { readonly kind: 'createSession', readonly timeoutMs: number, readonly password: Uint8Array }
  | { readonly kind: 'closeSession' }
/** One forwarded request. */
export interface ForwardedRequest {
  readonly tag: number
  readonly session: SessionId
  readonly cxid: number
  readonly body: ForwardedBody
}
/** Requests for the leader, in each session's order. */
export interface Forward {
  readonly kind: 'forward', readonly join: number, readonly requests: readonly ForwardedRequest[]
}
/** A client resumed its session here: is it alive? Then it is touched and owned by this learner. */
export interface Revalidate {
  readonly kind: 'revalidate', readonly join: number, readonly tag: number, readonly session: SessionId
}
/** The answer; `timeoutMs` 0 means there is no such session any more. */
export interface Revalidated {
  readonly kind: 'revalidated', readonly join: number, readonly tag: number, readonly timeoutMs: number
}
/** sync: tell me when a quorum has confirmed you after this. */
export interface SyncAsk { readonly kind: 'syncAsk', readonly join: number, readonly tag: number }
/** Confirmed; the answer is due once `zxid` is applied. */
export interface Synced { readonly kind: 'synced', readonly join: number, readonly tag: number, readonly zxid: Zxid }
/** The leader does not take this learner. */
export interface Refuse {
  readonly kind: 'refuse', readonly join: number, readonly code: ErrorCode, readonly reason: string,
}
