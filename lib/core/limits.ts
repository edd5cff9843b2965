import { assert } from './assert.ts'

/** Every bound of a replica, with its unit as the last word. */
export interface Limits {
  /** Data, path and access-control list of one request; ZooKeeper's jute.maxbuffer. */
  readonly requestBytes: number
  /** One frame between peers. */
  readonly frameBytes: number
  /** Proposals that are not committed yet: above it the leader stops taking requests from its queue. */
  readonly outstandingTxns: number
  /** Their bytes. */
  readonly outstandingBytes: number
  /**
   * Bytes of txns that one learner has not acknowledged, and of requests that a peer has not had answered. What keeps a
   * link alive waits behind them, on a link that is first in first out: it must carry so much within syncMs.
   */
  readonly linkWindowBytes: number
  /** Bytes queued on a link, or held for one learner by an established leader, above which the link is dropped. */
  readonly linkQueueBytes: number
  /**
   * Bytes of watch events and replies queued for one client above which it is cut; of its requests under way, above
   * which nothing more is read from it until half of them are answered.
   */
  readonly clientQueueBytes: number
  /** Requests one connection may have in flight. */
  readonly connectionRequests: number
  /**
   * Paths one connection may watch, a long one counting once more for each 256 characters: each takes the peer some 250
   * bytes besides its text, for as long as it does.
   */
  readonly connectionWatches: number
  /** Ephemeral nodes one session may own, so that its closing txn stays sendable (ZOOKEEPER-4306). */
  readonly sessionEphemerals: number
  /** Bytes of their paths. */
  readonly sessionEphemeralBytes: number
  /** Operations in one multi. */
  readonly multiOperations: number
  /** A snapshot begins after so many txns ... */
  readonly snapshotTxns: number
  /** ... or so many bytes of them since the last one. */
  readonly snapshotBytes: number
  /** Txns kept in the log behind the newest snapshot, so that a peer that was away briefly gets a DIFF. */
  readonly retainedTxns: number
  readonly retainedBytes: number
  /**
   * One piece of a snapshot or of a synchronization stream, of which so many may be unacknowledged; one proposal, if it
   * is of more than one txn. So many of them together are one write.
   */
  readonly syncChunkBytes: number
  readonly syncChunksInFlight: number
  /** Containers and TTL nodes reaped at a time. */
  readonly reapedNodes: number
  /** Sessions that expire in one turn, fewer where they own much; the others of their bucket follow in the next. */
  readonly expiredSessions: number
}

/** The bounds used when nothing else is said. */
export const DEFAULT_LIMITS: Limits = {
  requestBytes: 1_048_575,
  frameBytes: 16 * 1024 * 1024,
  outstandingTxns: 50_000,
  outstandingBytes: 64 * 1024 * 1024,
  linkWindowBytes: 4 * 1024 * 1024,
  linkQueueBytes: 256 * 1024 * 1024,
  clientQueueBytes: 64 * 1024 * 1024,
  connectionRequests: 100_000,
  connectionWatches: 200_000,
  sessionEphemerals: 100_000,
  sessionEphemeralBytes: 8 * 1024 * 1024,
  multiOperations: 100_000,
  snapshotTxns: 100_000,
  snapshotBytes: 64 * 1024 * 1024,
  retainedTxns: 20_000,
  retainedBytes: 8 * 1024 * 1024,
  syncChunkBytes: 256 * 1024,
  syncChunksInFlight: 4,
  reapedNodes: 1_000,
  expiredSessions: 1_000,
}

/**
 * Characters of all access-control lists of one txn: more than a request of the usual bound can spell out, as `auth`
 * stands for all that the requester has proved.
 */
export const ACL_LENGTH_MAX: number = 1024 * 1024
/** Bytes of such lists as they are packed, for each character: three at most, and the heads of the entries. */
const ACL_CHARACTER_BYTES = 4

/**
 * Bytes of the answer to one multiRead: a request of 64 KB may ask for the same megabyte 4,000 times, which no frame
 * holds. As with one frame between peers, a turn is short enough for it.
 */
export const MULTI_READ_BYTES_MAX: number = 16 * 1024 * 1024

/**
 * Bytes of the answers to reads, of all clients, that are made while a turn is stepped, and again when it is taken; one
 * answer may go beyond. 100 KB of requests may ask for gigabytes: what is left is answered in the next turns.
 */
export const TURN_ANSWER_BYTES: number = 8 * 1024 * 1024
/** What one connection has of that before others have theirs. */
export const SHARED_ANSWER_BYTES: number = 4 * 1024 * 1024
/**
 * Bytes of answers that a turn has besides, for those that had no more than a little of it; and so much of it is for
 * one who had more, before others.
 */
export const SPARE_ANSWER_BYTES: number = 1024 * 1024
/** That little of one connection. */
export const LITTLE_ANSWER_BYTES: number = 64 * 1024

/**
 * Watch events of changes that one turn applies: some 20 ms with their frames. What is committed behind them is applied
 * in the next turns; those of one txn are told in one turn, however many they are.
 */
export const TURN_EVENTS: number = 32_768

/**
 * A frame must hold a piece of a snapshot, which ends with any node: its path came with one request, its data with
 * another, and its list may be longer than both. No txn is larger.
 */
export function leastFrameBytes({ requestBytes, syncChunkBytes }: Limits): number {
  return syncChunkBytes + 2 * requestBytes + ACL_CHARACTER_BYTES * ACL_LENGTH_MAX + 65_536
}

/** Asserts the relations between bounds that the code relies on. */
export function checkLimits(limits: Limits): void {
  assert(limits.frameBytes >= limits.sessionEphemeralBytes + 65_536, 'a frame must hold the txn that closes a session')
  assert(limits.frameBytes >= leastFrameBytes(limits), 'a frame must hold a sync chunk')
  assert(limits.snapshotTxns >= 1 && limits.outstandingTxns >= 1 && limits.syncChunksInFlight >= 1 &&
    limits.expiredSessions >= 1 && limits.linkWindowBytes >= 1, 'limits must be positive')
}
