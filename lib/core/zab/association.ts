import type { Timing } from '../effects.ts'
import type { SnapshotChunkSource } from './snapshot-stream.ts'
import type { FollowerInfo, Health } from './messages.ts'
import type { LearnerLog } from './sync-plan.ts'
import { ZXID_ZERO } from '../zxid.ts'
import type { Zxid } from '../zxid.ts'

/**
 * The leader's side of one learner, from its FOLLOWERINFO to the end of the link or of the epoch, or
 * until it looks and names this FOLLOWERINFO or a later one.
 * stage: info (waits for an epoch) -> asked (LEADERINFO sent) -> acked (ACKEPOCH in) -> syncing (plan sent) -> live
 * (NEWLEADER sent: everything new is forwarded). A learner is in the forwarding set from the step that made its plan
 * (rule R8): the one log and `cursor` see to that.
 */
export class Association {
  readonly peer: number
  readonly join: number
  readonly role: 'voter' | 'observer'
  readonly acceptedEpoch: number
  health: Health
  stage: 'info' | 'asked' | 'acked' | 'syncing' | 'live' = 'info'
  /** Its ACKEPOCH counts for discovery. */
  epochCounted = false
  /** Its ACK(NEWLEADER) is in: from now on it counts for commits. */
  newLeaderAcked = false
  upToDateSent = false
  /** What it reported of its log. */
  log: LearnerLog | null = null
  snapshot: SnapshotChunkSource | null = null
  /** Last zxid sent to it (its own last one before). */
  cursor: Zxid = ZXID_ZERO
  /** Where its synchronization ends: the end of what it may be told when that began. */
  syncEnd: Zxid | null = null
  /** Last zxid it has on disk, as far as it told. */
  acked: Zxid = ZXID_ZERO
  sentCommit: Zxid = ZXID_ZERO
  /** Pieces of the synchronization stream sent and acknowledged. */
  piecesSent = 0
  piecesAcked = 0
  pongSeq = 0
  /** Sizes of the broadcast frames that are not acknowledged, oldest first, and their sum. */
  readonly #frames: { readonly zxid: Zxid, readonly bytes: number }[] = []
  #unackedBytes = 0
  lastHeardMs: number
  /** Last moment its synchronization moved. */
  progressMs: number
  /** Since when it owes an ack; Infinity while it owes none. */
  owesSinceMs: number = Infinity

  constructor(peer: number, info: FollowerInfo, nowMs: number) {
    this.peer = peer
    this.join = info.join
    this.role = info.role
    this.acceptedEpoch = info.acceptedEpoch
    this.health = info.health
    this.lastHeardMs = nowMs
    this.progressMs = nowMs
  }

  /** True for a voter whose acks of txns count. */
  get counts(): boolean {
    return this.role === 'voter' && this.newLeaderAcked
  }

  /** Its synchronization has begun: it is sent what there is of the log, or new in it. */
  get isUnderWay(): boolean {
    return this.stage === 'syncing' || this.stage === 'live'
  }

  /** True for a voter on its way to be one that counts, heard since then. */
  comesUp(sinceMs: number): boolean {
    return this.role === 'voter' && this.isUnderWay && this.lastHeardMs > sinceMs
  }

  /**
   * It is silent, owes an ack or does not get on, for longer than anybody waits. What it may wait for itself is its
   * leader's way to activation, which moved last at `leaderMs`.
   */
  isLate(nowMs: number, { syncMs, initMs }: Timing, leaderMs: number): boolean {
    if (this.newLeaderAcked) return nowMs - this.lastHeardMs >= syncMs || nowMs - this.owesSinceMs >= syncMs
    return nowMs - Math.max(this.progressMs, this.stage === 'syncing' ? 0 : leaderMs) >= initMs
  }

  /** Bytes of broadcast txns on their way to its disk. */
  get unackedBytes(): number {
    return this.#unackedBytes
  }

  /** A broadcast frame ends at `zxid`. */
  sent(zxid: Zxid, bytes: number): void {
    this.cursor = zxid
    this.#frames.push({ zxid, bytes })
    this.#unackedBytes += bytes
  }

  acknowledged(zxid: Zxid): void {
    if (zxid > this.acked) this.acked = zxid
    let done = 0
    for (let frame = this.#frames[done]; frame !== undefined && frame.zxid <= zxid; frame = this.#frames[done]) {
      this.#unackedBytes -= frame.bytes
      done++
    }
    if (done > 0) this.#frames.splice(0, done)
  }

  close(): void {
    this.snapshot?.close()
    this.snapshot = null
  }
}

/** A voter that does not count yet is on its way to do so, and was heard since then. */
export function isComingUp(learners: ReadonlyMap<number, Association>, sinceMs: number): boolean {
  for (const learner of learners.values()) if (!learner.newLeaderAcked && learner.comesUp(sinceMs)) return true
  return false
}

/** A known bug (ZOOKEEPER-2959): of a leader and its learners, those that count and all observers are a quorum. */
export function areMany(
  learners: ReadonlyMap<number, Association>, counts: (learner: Association) => boolean, voters: readonly number[],
): boolean {
  let count = 1
  for (const learner of learners.values()) if (learner.role === 'observer' || counts(learner)) count++
  return count * 2 > voters.length
}
