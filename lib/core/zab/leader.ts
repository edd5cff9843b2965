import { assert } from '../assert.ts'
import type { ErrorCode } from '../errors.ts'
import type { SessionId } from '../tree/stat.ts'
import type { Tree } from '../tree/tree.ts'
import type { Txn } from '../tree/txn.ts'
import { COUNTER_MAX, EPOCH_LIMIT, ZXID_ZERO, epochOf, makeZxid, counterOf } from '../zxid.ts'
import type { Zxid } from '../zxid.ts'
import { Association, areMany, isComingUp } from './association.ts'
import type { ZabContext } from './context.ts'
import { loyaltyMs } from './election.ts'
import { Feed } from './feed.ts'
import { LaterPromises } from './later-promises.ts'
import type { Ack, AckEpoch, FollowerInfo, LearnerMessage, Pong } from './messages.ts'
import { OwnDisk } from './own-disk.ts'
import { isQuorum, quorumZxid } from './quorum.ts'
import { SyncQueue } from './sync-queue.ts'

/** What the leader needs of the replica around it. */
export interface LeaderOwner {
  tree(): Tree
  /** Applies what is committed, as far as this turn may; true once that is all of the log. */
  hasApplied(): boolean
  /** The epoch is established: serve. */
  activated(): void
  /** Requests of a learner's clients, in order. */
  forwarded(peer: number, message: Extract<LearnerMessage, { kind: 'forward' | 'revalidate' }>): void
  touched(sessions: readonly SessionId[]): void
  /** A sync of one of this peer's own clients is confirmed. */
  synced(tag: number, zxid: Zxid): void
}

/**
 * Leading: discovery (a fresh epoch, proof of the best history), synchronization, broadcast.
 * It never sends a claim before its ticket, counts itself only through its own durable log, and commits nothing of an
 * older epoch by counting copies (rules R1, R5, R6; gate table).
 */
export class Leader {
  readonly #context: ZabContext
  readonly #owner: LeaderOwner
  readonly #learners = new Map<number, Association>()
  readonly #syncs = new SyncQueue()
  /** Set once discovery is over. */
  #feed: Feed | null = null
  readonly #startedMs: number
  /** Its own summary when elected: nobody who counts may have a later one, but behind the promises of a quorum. */
  readonly #electedEpoch: number
  readonly #electedZxid: Zxid
  /** 0 until discovery has chosen it. */
  epoch = 0
  readonly ownDisk: OwnDisk
  /** Last zxid of the initial history; committed as a whole. */
  #historyEnd: Zxid = ZXID_ZERO
  #lastProposed: Zxid = ZXID_ZERO
  active = false
  committed: Zxid
  #pingAtMs: number
  #pingSeq = 0
  /** Voters that have no promises (any more), by the ping whose answers prove that nobody counts on such. */
  readonly #forgetful = new Map<number, number>()
  readonly #promised = new LaterPromises()
  /** Last moment it moved towards activation; after that each learner gets on by itself. */
  #progressMs: number
  /** When that was looked at last it had no quorum that counts; only its log tells. */
  #isShort = false
  /** Why this leader gave up; null while it leads. */
  resigned: string | null = null

  constructor(context: ZabContext, owner: LeaderOwner, committed: Zxid, wasSlow: boolean) {
    this.#context = context
    this.#owner = owner
    this.ownDisk = new OwnDisk(context, wasSlow)
    this.#startedMs = this.#progressMs = context.now.ms
    this.#pingAtMs = context.now.ms + context.config.timing.pingMs
    this.#electedEpoch = context.journal.meta.currentEpoch
    this.#electedZxid = context.journal.log.last
    this.committed = committed
    this.#chooseEpoch()
  }

  get phase(): 'discovery' | 'synchronization' | 'broadcast' {
    return this.active ? 'broadcast' : this.ownDisk.hasMark ? 'synchronization' : 'discovery'
  }
  get learners(): ReadonlyMap<number, Association> { return this.#learners }
  /** Syncs that wait for a quorum. */
  get pendingSyncs(): number { return this.#syncs.size }
  get uptimeMs(): number { return this.#context.now.ms - this.#startedMs }
  /** Txns proposed and not committed yet. */
  get outstanding(): number {
    if (!this.active) return 0
    return counterOf(this.#lastProposed) - (epochOf(this.committed) === this.epoch ? counterOf(this.committed) : 0)
  }

  /** The log must not be trimmed above this: somebody is still being sent what lies behind it. */
  get holdZxid(): Zxid {
    let hold = Number.MAX_SAFE_INTEGER as Zxid
    for (const learner of this.#learners.values()) {
      if (learner.isUnderWay) hold = Math.min(hold, learner.snapshot?.zxid ?? learner.cursor) as Zxid
    }
    return hold
  }

  #resign(reason: string): void { this.resigned ??= reason }

  /** Ends leading: every learner is told. */
  close(reason: string): void {
    for (const learner of this.#learners.values()) {
      this.#refuse(learner.peer, learner.join, 'ConnectionLoss', reason)
      learner.close()
    }
    this.#learners.clear()
  }

  #refuse(peer: number, join: number, code: ErrorCode, reason: string): void {
    this.#context.send(peer, { kind: 'refuse', join, code, reason })
  }

  // --- discovery ---------------------------------------------------------------------------------------------------

  joined(peer: number, info: FollowerInfo): void {
    const previous = this.#learners.get(peer)
    if (previous !== undefined) this.#remove(previous)
    const { config, founding, now } = this.#context
    const member = config.members.find((one) => one.id === peer)
    assert(member !== undefined, 'links exist to members only')
    if (member.role !== info.role) {
      this.#refuse(peer, info.join, 'MembershipMismatch', `peer ${peer} calls itself ${info.role}`)
      return
    }
    // After the last epoch nobody could ever lead again. No ensemble comes that far: such a promise is damage.
    if (info.acceptedEpoch >= EPOCH_LIMIT - 1) return this.#refuse(peer, info.join, 'StorageDamaged', 'the last epoch')
    if (info.role === 'voter' && !founding.counts(peer, info.health)) {
      const missing = this.#missingFor(peer, info)
      if (missing.length > 0) {
        const reason = `a voter without its promises waits for all other voters, now for ${missing.join(', ')}`
        this.#refuse(peer, info.join, 'NotBootstrapped', reason)
        return
      }
    }
    // The promise of an observer binds nobody, as it is counted nowhere.
    const isBound = info.role === 'voter' || config.mutant === 'observersKeepPromises'
    if (isBound && this.epoch !== 0 && info.acceptedEpoch > this.epoch) {
      if (info.role === 'voter') this.#promised.refused(peer, info.acceptedEpoch, now.ms)
      this.#refuse(peer, info.join, 'ConnectionLoss', `peer ${peer} promised epoch ${info.acceptedEpoch}`)
      return
    }
    const learner = new Association(peer, info, now.ms)
    this.#learners.set(peer, learner)
    if (this.epoch === 0) this.#chooseEpoch()
    else this.#ask(learner)
  }

  /**
   * Whom a damaged voter waits for before it is rebuilt. One that lost acknowledged txns keeps its promises: any
   * established leader may do it. One that lost its promises may have promised itself to a candidate that is still on
   * its way. It may return only to a leader that is established without it, and once every other voter has shown after
   * that loss that it is no such candidate: by following this leader still, or by having lost its promises as well.
   */
  #missingFor(peer: number, info: FollowerInfo): readonly number[] {
    const { voters, config } = this.#context
    if (!this.active) return voters.filter((voter) => voter !== peer)
    if (info.health === 'log' || config.mutant === 'wipedRejoinsAnyLeader') return []
    let proof = this.#forgetful.get(peer)
    if (proof === undefined) {
      this.#ping()
      this.#forgetful.set(peer, proof = this.#pingSeq)
    }
    return voters.filter((voter) => {
      if (voter === peer || voter === config.peerId || this.#forgetful.has(voter)) return false
      const learner = this.#learners.get(voter)
      return learner === undefined || !learner.counts || learner.pongSeq < proof
    })
  }

  /** Somebody else has rebuilt this voter: it has promises again. */
  recovered(peer: number): void { this.#forgetful.delete(peer) }

  #chooseEpoch(): void {
    const { config, founding, journal } = this.#context
    let highest = journal.meta.acceptedEpoch
    for (const learner of this.#learners.values()) {
      if (learner.role === 'voter' && learner.acceptedEpoch > highest) highest = learner.acceptedEpoch
    }
    if (!this.#isQuorum((learner) => founding.counts(learner.peer, learner.health))) return
    const counts = founding.counts(config.peerId, founding.health) || config.mutant === 'emptyLeads'
    if (!counts) return this.#resign('its own storage does not count')
    this.epoch = highest + 1
    assert(this.epoch < EPOCH_LIMIT, 'epochs are exhausted')
    // Durable before LEADERINFO (rule R5): a restarted leader must not propose the same epoch again (ZOOKEEPER-1291).
    journal.setMeta({ acceptedEpoch: this.epoch })
    this.ownDisk.promises(config.mutant === 'proposeEpochUnsynced' ? 0 : journal.ticket)
    for (const learner of this.#learners.values()) this.#ask(learner)
    this.settle()
  }

  #ask(learner: Association): void {
    learner.stage = 'asked'
    this.#context.sendAfter(this.ownDisk.acceptedTicket, learner.peer,
      { kind: 'leaderInfo', join: learner.join, epoch: this.epoch })
  }

  #epochAcked(learner: Association, message: AckEpoch): void {
    if (learner.stage !== 'asked' || message.epoch !== this.epoch) {
      this.#remove(learner, 'an epoch ack out of place')
      return
    }
    learner.stage = 'acked'
    learner.log = message
    const counts = learner.role === 'voter' && message.currentEpoch >= 0
    const later = message.currentEpoch > this.#electedEpoch ||
      (message.currentEpoch === this.#electedEpoch && message.lastZxid > this.#electedZxid)
    if (!this.ownDisk.hasMark && counts && later) return this.#resign(`voter ${learner.peer} has a later history`)
    learner.epochCounted = counts && this.#context.founding.counts(learner.peer, learner.health)
    this.settle()
    if (this.phase !== 'discovery') this.#startSync(learner)
  }

  /** Called after every step: what became true by acks or by completed writes. */
  settle(): void {
    if (!this.active) this.#establish()
    if (this.active || this.#context.config.mutant === 'commitOldEpochByCount') this.#advanceCommit()
    if (this.active) this.ownDisk.commits(this.committed)
  }

  #establish(): void {
    const { ownDisk } = this
    const mayMark = !ownDisk.hasMark && ownDisk.isPromised
    if (mayMark && this.#isQuorum((learner) => learner.epochCounted)) this.#finishDiscovery()
    if (ownDisk.isMarked && this.#isQuorum((learner) => learner.counts)) this.#activate()
  }

  /** This peer and the learners that count are a quorum. */
  #isQuorum(counts: (learner: Association) => boolean): boolean {
    const { configs, config } = this.#context
    if (config.mutant === 'observersCount' && areMany(this.#learners, counts, this.#context.voters)) return true
    const has = (learner: Association | undefined): boolean => learner !== undefined && counts(learner)
    return isQuorum(configs, (peer) => peer === config.peerId || has(this.#learners.get(peer)))
  }

  /** True when its acks of txns count: not before that of NEWLEADER (rule R3), unless a known bug is on. */
  #counts(learner: Association | undefined): learner is Association {
    const { mutant } = this.#context.config
    if (mutant === 'ackTxnBeforeEpochMark' || mutant === 'commitOldEpochByCount') return learner?.role === 'voter'
    return learner !== undefined && learner.counts
  }

  #finishDiscovery(): void {
    const { journal } = this.#context
    journal.setMeta({ currentEpoch: this.epoch, health: 'ok' })
    this.ownDisk.marks(journal.ticket)
    this.#feed = new Feed(this.#context, this.epoch, () => this.#owner.tree())
    this.#historyEnd = journal.log.last
    this.#progressMs = this.#context.now.ms
    for (const learner of this.#learners.values()) if (learner.stage === 'acked') this.#startSync(learner)
  }

  // --- synchronization ---------------------------------------------------------------------------------------------

  #startSync(learner: Association): void {
    // An observer is given committed txns only, so it waits for activation.
    if (learner.stage !== 'acked' || (learner.role === 'observer' && !this.active)) return
    assert(this.#feed !== null, 'the epoch is established')
    this.#feed.start(learner, this.active)
  }

  /** The whole history is committed, and this peer leads on it as soon as it has applied it. */
  #activate(): void {
    if (this.#historyEnd > this.committed) this.committed = this.#historyEnd
    this.#progressMs = this.#context.now.ms
    if (!this.#owner.hasApplied()) return
    this.active = true
    this.#lastProposed = makeZxid(this.epoch, 0)
    this.#owner.activated()
    for (const learner of this.#learners.values()) this.#startSync(learner)
  }

  // --- broadcast ---------------------------------------------------------------------------------------------------

  /** The zxid the next txn gets, null when the epoch's counter is used up: then the leader resigns (ZOOKEEPER-1277). */
  nextZxid(): Zxid | null {
    assert(this.active, 'only an established leader proposes')
    const counter = counterOf(this.#lastProposed)
    if (counter >= (this.#context.config.epochTxns ?? COUNTER_MAX)) {
      this.#resign('the zxid counter is used up')
      return null
    }
    return makeZxid(this.epoch, counter + 1)
  }

  /** Logs a txn and so offers it to all; returns its encoded bytes. */
  propose(zxid: Zxid, txn: Txn): number {
    assert(epochOf(zxid) === this.epoch && zxid > this.#lastProposed, 'proposals rise within the epoch')
    this.#lastProposed = zxid
    const { journal, config } = this.#context
    const bytes = config.codec.encodeTxn(txn)
    journal.appendNew(zxid, bytes, txn)
    return bytes.length
  }

  #advanceCommit(): void {
    const { configs, journal } = this.#context
    // All that there is was committed.
    if (this.committed >= journal.log.last) return
    const point = quorumZxid(configs, this.#reached)
    if (point > this.committed) this.committed = point
  }

  readonly #reached = (peer: number): Zxid => {
    const { config, journal } = this.#context
    if (peer === config.peerId) return journal.durableZxid
    const learner = this.#learners.get(peer)
    return this.#counts(learner) ? learner.acked : ZXID_ZERO
  }

  #acked(learner: Association, message: Ack): void {
    const { config } = this.#context
    if (message.epoch !== this.epoch || message.zxid > learner.cursor || !learner.isUnderWay ||
      (message.newLeader && learner.stage !== 'live')) {
      this.#remove(learner, 'an ack out of place')
      return
    }
    if (config.mutant === 'rejectEarlyAck' && !learner.newLeaderAcked && !message.newLeader) {
      this.#remove(learner, 'an ack before the ack of NEWLEADER')
      return
    }
    learner.acknowledged(message.zxid)
    if (message.newLeader) {
      learner.newLeaderAcked = true
      learner.health = 'ok'
      this.#forgetful.delete(learner.peer)
      this.#context.founding.heard(learner.peer, 'ok', this.epoch)
      if (!this.active) this.#progressMs = this.#context.now.ms
    }
    learner.owesSinceMs = learner.acked < learner.cursor ? this.#context.now.ms : Infinity
    this.settle()
  }

  received(peer: number, message: Exclude<LearnerMessage, FollowerInfo>): void {
    const learner = this.#learners.get(peer)
    if (learner === undefined || learner.join !== message.join) return
    learner.lastHeardMs = this.#context.now.ms
    switch (message.kind) {
      case 'ackEpoch': this.#epochAcked(learner, message); break
      case 'ack': this.#acked(learner, message); break
      case 'syncAck':
        if (message.pieces > learner.piecesAcked && message.pieces <= learner.piecesSent) {
          learner.piecesAcked = message.pieces
          if (this.#context.config.mutant === 'commitOldEpochByCount') learner.acknowledged(learner.cursor)
          if (this.#context.config.mutant === 'fixedInitLimit') break
          learner.progressMs = this.#context.now.ms
          if (!this.active) this.#progressMs = this.#context.now.ms
        }
        break
      case 'pong': this.#ponged(learner, message); break
      case 'syncAsk': this.askSync(peer, message.tag); break
      case 'forward': case 'revalidate':
        if (this.active) this.#owner.forwarded(peer, message)
        break
    }
  }

  #ponged(learner: Association, message: Pong): void {
    if (message.seq > learner.pongSeq && message.seq <= this.#pingSeq) learner.pongSeq = message.seq
    if (this.active) this.#owner.touched(message.touches)
    this.#confirmSyncs()
  }

  /** Begins a quorum sync, of all that is proposed: a write whose answer was lost has happened then, or never will. */
  askSync(peer: number, tag: number): void {
    if (this.active) this.#syncs.add({ peer, tag, zxid: this.#context.journal.log.last })
    if (this.#context.config.mutant === 'localSync' && peer === this.#context.config.peerId) {
      this.#owner.synced(tag, this.committed)
    }
  }

  #confirmSyncs(): void {
    if (this.#syncs.empty) return
    const { peerId } = this.#context.config
    const confirmed = this.#syncs.confirmed((seq) =>
      this.#isQuorum((learner) => learner.counts && learner.pongSeq >= seq))
    for (const { peer, tag, zxid } of confirmed) {
      const learner = this.#learners.get(peer)
      if (peer === peerId) this.#owner.synced(tag, zxid)
      else if (learner !== undefined) this.#context.send(peer, { kind: 'synced', join: learner.join, tag, zxid })
    }
  }

  // --- turns, time and loss ----------------------------------------------------------------------------------------

  /** Sends what the turn produced: proposals, commits, pieces of synchronizations, pings that prove leadership. */
  pump(): void {
    if (this.#syncs.needsPing) this.#ping()
    this.#feed?.pump(this.#learners.values(), this.active ? this.committed : null)
    if (this.#context.journal.log.bytes > this.#context.config.limits.linkQueueBytes) this.#dropLaggard()
  }

  /**
   * Somebody takes so long that the log in memory cannot be trimmed: it may come back and begin anew. Not before this
   * leader is active: its log does not grow, and who is needed for a quorum would be sent all of it anew.
   */
  #dropLaggard(): void {
    if (!this.active && this.#context.config.mutant !== 'dropsBeforeActive') return
    let last: Association | null = null
    for (const learner of this.#learners.values()) {
      if (learner.isUnderWay && (last === null || learner.cursor < last.cursor)) last = learner
    }
    const { journal, config } = this.#context
    if (last === null || journal.log.bytesAfter(last.cursor) <= config.limits.linkQueueBytes) return
    this.#remove(last, 'too far behind')
  }

  #ping(): void {
    this.#pingSeq++
    this.#pingAtMs = this.#context.now.ms + this.#context.config.timing.pingMs
    for (const { peer, join, role, newLeaderAcked, sentCommit } of this.#learners.values()) {
      const commit = role === 'voter' && this.active && newLeaderAcked ? sentCommit : ZXID_ZERO
      this.#context.send(peer, { kind: 'ping', join, seq: this.#pingSeq, commit, through: this.committed })
    }
    this.#syncs.pinged(this.#pingSeq)
    this.#confirmSyncs()
  }

  get deadlineMs(): number {
    const joinsMs = this.active ? Infinity : this.#progressMs + this.#context.config.timing.initMs
    return Math.min(this.#pingAtMs, joinsMs, this.ownDisk.deadlineMs)
  }

  tick(): void {
    const { now, journal, config: { timing, mutant } } = this.#context
    if (now.ms >= this.#pingAtMs) this.#ping()
    if (!this.active && now.ms >= this.#progressMs + timing.initMs) this.#resign('no quorum joined in time')
    if (now.ms >= this.ownDisk.deadlineMs) this.#resign('its own disk is too slow')
    for (const learner of this.#learners.values()) {
      if (learner.isLate(now.ms, timing, this.#progressMs)) this.#remove(learner, 'silent or behind for too long')
    }
    for (const { peer, epoch } of mutant === 'neverRaises' ? [] : this.#promised.takeSince(now.ms - timing.initMs)) {
      // Promised here too: the next leader is sure to hear of it, even if it finds its quorum before that voter comes.
      if (epoch > journal.meta.acceptedEpoch) journal.setMeta({ acceptedEpoch: epoch })
      this.#resign(`voter ${peer} promised a later epoch and waits for it`)
    }
    this.#checkQuorum()
  }

  /**
   * An established leader without a quorum that heard from it resigns at once. Here, and nowhere else, who is being
   * brought up counts while it speaks: otherwise it would begin anew, for ever where another voter comes and goes.
   */
  #checkQuorum(): void {
    if (!this.active) return
    const wasShort = this.#isShort
    this.#isShort = !this.#isQuorum((learner) => learner.counts)
    if (!this.#isShort) return
    const { now, config: { timing, mutant } } = this.#context
    const sinceMs = mutant === 'resignsWhileJoining' ? Infinity : now.ms - timing.syncMs
    const isHeld = this.#isQuorum((learner) => learner.counts || learner.comesUp(sinceMs))
    if (!isHeld) this.#resign('lost the quorum')
    else if (!wasShort) this.#context.log('warn', 'leads on without a quorum, as one is being brought up')
  }

  #remove(learner: Association, reason?: string): void {
    if (this.#learners.get(learner.peer) !== learner) return
    this.#learners.delete(learner.peer)
    learner.close()
    if (reason !== undefined) {
      this.#context.log('warn', `peer ${learner.peer} is dropped: ${reason}`)
      this.#context.dropLink(learner.peer, reason)
    }
    this.#checkQuorum()
  }

  linkDown(peer: number): void {
    this.#forgetful.delete(peer)
    const learner = this.#learners.get(peer)
    if (learner !== undefined) this.#remove(learner)
  }

  /** Somebody established an epoch after the one this leader was elected from: no quorum will join this one. */
  heardLeader(peer: number): void { if (!this.active) this.#resign(`peer ${peer} leads a newer epoch`) }

  /**
   * Give up when a voter that is waited for looks, and no quorum can form (ZOOKEEPER-3109). One that looks and has
   * chosen this leader in its round `isComing`: it may not know yet that others have, or not be free to act on it.
   * Whom it brings up would begin anew each time: where all of them are a quorum, who looks finds it again.
   */
  heardLooking(peer: number, joins: number, isComing: boolean): void {
    // What it said before it joined may come late or twice.
    const [{ config, configs, now, voters }, learner] = [this.#context, this.#learners.get(peer)]
    if (learner !== undefined && (joins >= learner.join || config.mutant === 'anyWordLeaves')) this.#remove(learner)
    const isAwaited = voters.includes(peer) || config.mutant === 'observersUnsettle'
    if (this.#learners.has(peer) || this.active || !isAwaited) return
    const { mutant, timing } = config
    const sinceMs = now.ms - timing.syncMs
    const follows = (id: number): boolean => id === config.peerId || this.#learners.get(id)?.comesUp(sinceMs) === true
    const isFound = isComingUp(this.#learners, sinceMs) && isQuorum(configs, (id) => id === peer || follows(id))
    if (isFound && mutant !== 'unsettledWhileJoining') return
    if (now.ms - this.#startedMs < loyaltyMs(timing, isComing && mutant !== 'unsettledByItsOwn')) return
    if (!this.#isQuorum(() => true)) this.#resign(`voter ${peer} looks for another leader`)
  }
}
