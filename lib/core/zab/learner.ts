import { isZkError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import { TreeLoader } from '../tree/loader.ts'
import type { Tree } from '../tree/tree.ts'
import type { SessionId } from '../tree/stat.ts'
import { Words } from '../words.ts'
import { ZXID_ZERO, epochOf } from '../zxid.ts'
import type { Zxid } from '../zxid.ts'
import type { LogEntry } from '../../ports/storage.ts'
import { chainNext } from './chain.ts'
import type { Chain } from './chain.ts'
import type { ZabContext } from './context.ts'
import { Lag } from './lag.ts'
import { follows } from './log.ts'
import type { LeaderMessage, NewLeader, Notification, Snap, SnapChunkMessage, Trunc, Vote } from './messages.ts'

/** A ping is late after so many times pingMs. */
const PATIENCE_PINGS = 2

/** What the learner needs of the replica around it. */
export interface LearnerOwner {
  tree(): Tree
  /** A leader's snapshot replaced everything. */
  replaceTree(tree: Tree): void
  revalidated(tag: number, timeoutMs: number): void
  synced(tag: number, zxid: Zxid): void
  /** Sessions heard from since the last call. */
  touches(): readonly SessionId[]
  /** The tree is behind what may be applied, as clients are told of very many changes. */
  isTelling(): boolean
  /** The leader refused us for a reason that does not pass by itself. */
  fatal(code: ErrorCode, reason: string): void
}

interface Incoming {
  readonly id: number
  readonly zxid: Zxid
  readonly chain: Readonly<Chain>
  readonly loader: TreeLoader
  chunks: number
}

/**
 * Following or observing one leader: discovery, synchronization, broadcast from the learner's side.
 * Everything received is appended in order; acks are read off the durable log, so none can leave too early (rules R1,
 * R3).
 */
export class Learner {
  readonly #context: ZabContext
  readonly #owner: LearnerOwner
  readonly leader: number
  readonly join: number
  stage: 'asked' | 'promised' | 'syncing' | 'synced' | 'upToDate' = 'asked'
  epoch = 0
  /** What the leader said is committed and this log holds. */
  committed: Zxid
  /** Serve once this much is applied; Infinity before UPTODATE. */
  #serveFrom = Infinity
  readonly #lag: Lag
  #newLeaderTicket = Infinity
  #newLeaderAcked = false
  /** End of the log when NEWLEADER came; only a mutant asks. */
  #syncedThrough: Zxid = ZXID_ZERO
  #lastAck: Zxid = ZXID_ZERO
  #pieces = 0
  #installed = false
  #incoming: Incoming | null = null
  readonly #chain: Chain = { hash1: 0, hash2: 0 }
  readonly #words = new Words()
  #lastHeardMs: number
  #pingSeq = 0
  /** When its sessions were last reported, with the answer to a ping or without one. */
  #toldMs: number
  /** Why this association is over; null while it lives. */
  abandoned: string | null = null
  /** The leader ended it with a reason: it is to be asked later. */
  refused = false
  /** The leader does not lead any more. */
  leaderLeft = false
  /**
   * It was none yet: whom it has chosen in the round in which this peer chose it, null otherwise. That round goes on:
   * another would take the votes away from whoever is about to lead by them.
   */
  turnedTo: Vote | null = null

  constructor(context: ZabContext, owner: LearnerOwner, leader: number, join: number, committed: Zxid) {
    this.#context = context
    this.#owner = owner
    this.leader = leader
    this.join = join
    this.committed = committed
    this.#lastHeardMs = context.now.ms
    this.#toldMs = context.now.ms
    this.#lag = new Lag(context.config.timing.syncMs)
    const { founding, journal, isVoter } = context
    context.sendAfter(this.#mutant('readTailBeforeDrain') ? 0 : journal.ticket, leader, {
      kind: 'followerInfo', join, role: isVoter ? 'voter' : 'observer', acceptedEpoch: journal.meta.acceptedEpoch,
      health: founding.health,
    })
  }

  get phase(): 'discovery' | 'synchronization' | 'broadcast' {
    if (this.stage === 'upToDate') return 'broadcast'
    return this.stage === 'asked' || this.stage === 'promised' ? 'discovery' : 'synchronization'
  }

  /** True while clients may be served, given what is applied: what they see is no older than syncMs, and a ping. */
  serves(applied: Zxid): boolean {
    const isEarly = applied < this.#serveFrom && !this.#mutant('serveBeforeApply')
    return this.stage === 'upToDate' && !isEarly && !(this.#lag.isLong && !this.#mutant('servesBehind'))
  }

  #abandon(reason: string): void {
    this.abandoned ??= reason
  }

  #mutant(name: string): boolean {
    return this.#context.config.mutant === name
  }

  close(): void {
    this.#incoming = null
  }

  received(message: LeaderMessage): void {
    if (message.join !== this.join || this.abandoned !== null) return
    this.#lastHeardMs = this.#context.now.ms
    switch (message.kind) {
      case 'leaderInfo': this.#leaderInfo(message.epoch); break
      case 'diff':
        if (this.#beginSync()) this.#diff(message.fromZxid)
        break
      case 'trunc': if (this.#beginSync()) this.#truncate(message); break
      case 'snap': if (this.#beginSync()) this.#beginSnapshot(message); break
      case 'snapChunk': this.#snapshotChunk(message); break
      case 'proposal': this.#proposal(message.epoch, message.entries); break
      case 'inform':
        this.#proposal(message.epoch, message.entries)
        this.#commit(message.epoch, message.entries[message.entries.length - 1]?.zxid ?? ZXID_ZERO)
        break
      case 'newLeader': this.#newLeader(message); break
      case 'commit': this.#commit(message.epoch, message.zxid); break
      case 'upToDate':
        this.#commit(message.epoch, message.commit)
        if (this.abandoned !== null) break
        this.stage = 'upToDate'
        if (this.#mutant('epochAtUpToDate')) this.#context.journal.setMeta({ currentEpoch: this.epoch, health: 'ok' })
        this.#serveFrom = this.#mutant('servesFarBehind') ? message.commit : message.through
        this.#told(message.through)
        break
      case 'ping':
        if (this.stage === 'upToDate') {
          if (message.commit > this.committed) this.#commit(this.epoch, message.commit)
          this.#told(message.through)
        }
        this.#pingSeq = message.seq
        this.#pong()
        break
      case 'revalidated': this.#owner.revalidated(message.tag, message.timeoutMs); break
      case 'synced': this.#owner.synced(message.tag, message.zxid); break
      case 'refuse': this.#refuse(message.code, message.reason); break
    }
  }

  #told(through: Zxid): void {
    this.#lag.told(through, this.#owner.tree().zxid, this.#context.now.ms, this.#owner.isTelling())
  }

  #pong(): void {
    this.#toldMs = this.#context.now.ms
    this.#context.send(this.leader, {
      kind: 'pong', join: this.join, seq: this.#pingSeq, touches: this.#owner.touches(),
    })
  }

  /**
   * When its sessions are reported unless a ping has come by then: it may be behind many proposals. Not to a leader of
   * which nothing comes: what is said to it unasked would let it lead on.
   */
  get #tellsMs(): number {
    const isSilent = this.stage !== 'upToDate' || this.#lastHeardMs <= this.#toldMs
    return isSilent ? Infinity : this.#toldMs + PATIENCE_PINGS * this.#context.config.timing.pingMs
  }

  #refuse(code: ErrorCode, reason: string): void {
    this.refused = true
    if (code === 'MembershipMismatch' || code === 'ForeignEnsemble') this.#owner.fatal(code, reason)
    this.#abandon(`the leader refused: ${reason}`)
  }

  #leaderInfo(epoch: number): void {
    const { journal, founding, isVoter, config } = this.#context
    const { acceptedEpoch, currentEpoch } = journal.meta
    if (this.stage !== 'asked' || (isVoter && epoch < acceptedEpoch) || epoch < currentEpoch) {
      this.#abandon(`epoch ${epoch} is below the promised ${acceptedEpoch}`)
      return
    }
    // One counting ack per epoch, ever: a second one for the same epoch says -1 (two candidates cannot both pass).
    const isFirst = epoch > acceptedEpoch || this.#mutant('countRepeatAck')
    const counts = isVoter && isFirst && founding.counts(config.peerId, founding.health)
    if (epoch > acceptedEpoch) {
      const forgetful = founding.health === 'empty' && isVoter
      journal.setMeta(forgetful ? { acceptedEpoch: epoch, health: 'meta' } : { acceptedEpoch: epoch })
    }
    this.stage = 'promised'
    this.epoch = epoch
    const last = reportedTail(this.#context, this.#owner.tree())
    const lastChain = journal.log.chainAt(last) ?? journal.log.lastChain
    this.#context.sendAfter(journal.ticket, this.leader, {
      kind: 'ackEpoch', join: this.join, epoch, currentEpoch: counts ? currentEpoch : -1, lastZxid: last,
      hash1: lastChain.hash1, hash2: lastChain.hash2, base: journal.baseZxid,
    })
  }

  #beginSync(): boolean {
    if (this.stage !== 'promised') {
      this.#abandon('a synchronization out of place')
      return false
    }
    this.stage = 'syncing'
    if (this.#mutant('epochBeforeHistory')) this.#context.journal.setMeta({ currentEpoch: this.epoch })
    return true
  }

  #diff(from: Zxid): void {
    const { log } = this.#context.journal
    if (from === log.last || this.#mutant('diffWithoutTrunc')) return
    if (this.#mutant('readTailBeforeDrain')) log.truncate(from)
    else this.#abandon('a diff from elsewhere')
  }

  #truncate(message: Trunc): void {
    const { journal } = this.#context
    const chain = journal.log.chainAt(message.toZxid)
    // What is known to be committed may not be applied yet.
    const least = Math.max(journal.baseZxid, this.#owner.tree().zxid, this.committed)
    if (!journal.log.holds(message.toZxid) || message.toZxid < least ||
      (chain !== null && (chain.hash1 !== message.hash1 || chain.hash2 !== message.hash2))) {
      this.#owner.fatal('StorageDamaged', `told to truncate to ${message.toZxid}, which this log cannot`)
      return
    }
    this.#context.log('info', 'truncates its log', { from: journal.log.last, to: message.toZxid })
    if (this.#mutant('applyDuringTruncSync')) journal.log.truncate(message.toZxid)
    else journal.truncate(message.toZxid)
  }

  #beginSnapshot(message: Snap): void {
    const { journal } = this.#context
    if (message.zxid < Math.max(this.#owner.tree().zxid, this.committed)) {
      this.#owner.fatal('StorageDamaged', 'the leader sent a snapshot older than what is committed here')
      return
    }
    this.#incoming = {
      id: (journal.base?.id ?? 0) + 1 + this.#context.random.below(2 ** 30), zxid: message.zxid,
      chain: { hash1: message.hash1, hash2: message.hash2 }, loader: new TreeLoader(), chunks: 0,
    }
  }

  #snapshotChunk(message: SnapChunkMessage): void {
    const incoming = this.#incoming
    if (incoming === null || message.index !== incoming.chunks) {
      this.#abandon('a snapshot chunk out of place')
      return
    }
    const { journal, config } = this.#context
    try {
      if (message.last) {
        this.#install(incoming)
      } else {
        incoming.loader.push(config.codec.decodeRows(message.bytes))
        journal.chunk(incoming.id, incoming.chunks++, message.bytes)
      }
    } catch (error) {
      if (!isZkError(error)) throw error
      this.#abandon(`a snapshot chunk that cannot be read: ${error.message}`)
      return
    }
    this.#pieceReceived()
  }

  #install(incoming: Incoming): void {
    const tree = incoming.loader.finish()
    if (tree.zxid !== incoming.zxid) {
      this.#abandon('a snapshot of another zxid than announced')
      return
    }
    const { hash1, hash2 } = incoming.chain
    const { journal } = this.#context
    if (this.#mutant('snapInMemoryOnly')) journal.log.reset(incoming.zxid, { hash1, hash2 })
    else journal.replace({ id: incoming.id, zxid: incoming.zxid, hash1, hash2, chunks: incoming.chunks })
    this.#installed = true
    this.#incoming = null
    this.committed = incoming.zxid
    this.#owner.replaceTree(tree)
  }

  #pieceReceived(): void {
    this.#pieces++
    // Only once it is on disk: a slow disk slows its own synchronization, instead of filling the memory here.
    this.#context.sendAfter(this.#context.journal.ticket, this.leader,
      { kind: 'syncAck', join: this.join, pieces: this.#pieces })
  }

  #proposal(epoch: number, entries: readonly LogEntry[]): void {
    if (epoch !== this.epoch || this.#incoming !== null || this.stage === 'asked' || this.stage === 'promised') {
      this.#abandon('a proposal out of place')
      return
    }
    const { journal } = this.#context
    for (const entry of entries) {
      const { last } = journal.log
      const takesGaps = this.#mutant('diffWithoutTrunc') || this.#mutant('gapIsWarning')
      if (takesGaps && entry.prevZxid !== last && entry.zxid > last) {
        journal.append({ ...entry, prevZxid: last, txn: null })
        continue
      }
      if (entry.zxid <= last && !this.#mutant('duplicateIsGap')) {
        const known = journal.log.chainAt(entry.zxid)
        if (known !== null && known.hash1 === entry.hash1 && known.hash2 === entry.hash2) continue
      }
      // A gap is never a warning (rule R7): this log would be a lie from here on.
      if (entry.prevZxid !== last || !follows(entry.zxid, last)) {
        this.#abandon(`a proposal with a gap: ${entry.prevZxid} after ${last}`)
        return
      }
      const { zxid, prevZxid, hash1, hash2, bytes } = entry
      chainNext(journal.log.lastChain, zxid, bytes, this.#chain, this.#words)
      if (this.#chain.hash1 !== hash1 || this.#chain.hash2 !== hash2) {
        this.#abandon(`a proposal that does not continue this log: ${zxid}`)
        return
      }
      journal.append({ zxid, prevZxid, hash1, hash2, bytes, txn: null })
    }
    if (this.stage === 'syncing') this.#pieceReceived()
  }

  #newLeader(message: NewLeader): void {
    const { journal, isVoter } = this.#context
    if (this.stage !== 'syncing' || this.#incoming !== null || message.epoch !== this.epoch ||
      (isVoter && journal.meta.acceptedEpoch !== message.epoch)) {
      this.#abandon('NEWLEADER out of place')
      return
    }
    // History before epoch before ack (rule R3): the journal is first in first out, so the order of calls is the
    // order on disk.
    if (!this.#mutant('epochAtUpToDate')) journal.setMeta({ currentEpoch: message.epoch, health: 'ok' })
    this.#newLeaderTicket = this.#acksEarly ? 0 : journal.ticket
    this.#syncedThrough = journal.log.last
    this.stage = 'synced'
  }

  #commit(epoch: number, zxid: Zxid): void {
    if (this.abandoned !== null) return
    if (epoch !== this.epoch || zxid > this.#context.journal.log.last ||
      (this.stage !== 'synced' && this.stage !== 'upToDate')) {
      this.#abandon(`a commit out of place: ${zxid}`)
      return
    }
    if (this.#mutant('commitNeedsPostNewleaderProposal') && this.stage === 'synced' && zxid <= this.#syncedThrough) {
      this.#abandon('a commit without its proposal')
      return
    }
    if (zxid > this.committed) this.committed = zxid
  }

  /** Called after every step: acknowledges what has become durable. */
  settle(): void {
    const { journal } = this.#context
    if (this.#mutant('ackTxnBeforeEpochMark')) this.#ackUnmarked()
    if (this.abandoned !== null || journal.durableTicket < this.#newLeaderTicket) return
    const zxid = this.#acksEarly ? journal.log.last : journal.durableZxid
    if (this.#newLeaderAcked && zxid <= this.#lastAck) return
    if (!this.#newLeaderAcked && this.#mutant('rejectEarlyAck')) {
      this.#context.send(this.leader, { kind: 'ack', join: this.join, epoch: this.epoch, zxid, newLeader: false })
    }
    this.#context.send(this.leader, {
      kind: 'ack', join: this.join, epoch: this.epoch, zxid, newLeader: !this.#newLeaderAcked,
    })
    this.#newLeaderAcked = true
    this.#lastAck = zxid
  }

  get #acksEarly(): boolean {
    return this.#mutant('ackNewLeaderEarly') || (this.#installed && this.#mutant('snapUnsynced'))
  }

  #ackUnmarked(): void {
    const zxid = this.#context.journal.durableZxid
    if (this.abandoned !== null || this.#newLeaderAcked || epochOf(zxid) !== this.epoch || zxid <= this.#lastAck) return
    this.#lastAck = zxid
    this.#context.send(this.leader, { kind: 'ack', join: this.join, epoch: this.epoch, zxid, newLeader: false })
  }

  /** The leader ended it, or looks itself: it expects nothing more of it. */
  get mayKeepLink(): boolean {
    return this.refused || (this.leaderLeft && !this.#mutant('leavesWithItsLink'))
  }

  get deadlineMs(): number {
    return Math.min(this.#silentMs, this.#tellsMs)
  }

  /** Until it is up to date its leader is on its way to be one, which takes longer than to say that it is. */
  get #silentMs(): number {
    const { initMs, syncMs } = this.#context.config.timing
    return this.#lastHeardMs + (this.stage === 'upToDate' ? syncMs : initMs)
  }

  tick(): void {
    const { ms } = this.#context.now
    if (ms >= this.#silentMs) this.#abandon('the leader is silent')
    else if (ms >= this.#tellsMs) this.#pong()
  }

  /**
   * What the leader itself says. That it does not lead: no need to wait for the timeout, nor to drop the link. That
   * link is what the next election needs: where each of many left with its link, the best candidate never had a quorum
   * of them.
   *
   * It may say so of the `round` in which this peer chose it: that it votes for another. Within a round a vote only
   * gets better, so it does not come back to itself; only who could not be elected yet may have said that before it
   * stood. Such a word that comes late costs at most this try: once the leader has answered, it is known to be old.
   */
  heardLeader({ state, round: of, vote }: Notification, round: number): void {
    const votesForAnother = of === round && state === 'looking' && vote.leader !== -1 && vote.leader !== this.leader
    const isOpen = this.stage === 'asked' || this.#mutant('anyVoteLeaves')
    const isTurnedDown = isOpen && votesForAnother && !this.#mutant('waitsForWhoVotes')
    if (state === 'leading' || (of <= round && !isTurnedDown)) return
    this.leaderLeft = true
    if (isTurnedDown && !this.#mutant('turnsRound')) this.turnedTo = vote
    this.#abandon('the leader does not lead')
  }
}

/** Up to where txns may be applied: what is committed and on this replica's own disk; two mutants go further. */
export function applicableZxid({ config, journal }: ZabContext, committed: Zxid): Zxid {
  if (config.mutant === 'applyBeyondDurable') return committed
  const durable = journal.durableZxid
  if (config.mutant === 'snapshotUncommitted') return durable
  return committed < durable ? committed : durable
}

/** The last zxid of the log, which is what votes and summaries state (rule R4); two mutants read it elsewhere. */
export function reportedTail(context: ZabContext, tree: Tree): Zxid {
  const { journal, config } = context
  if (config.mutant === 'voteFromTree') return tree.zxid
  if (config.mutant === 'readTailBeforeDrain') return journal.durableZxid
  return journal.log.last
}

/** Behind which zxid txns are applied: all that the tree has; a mutant takes a snapshot for less than it holds. */
export function appliedZxid({ config, journal }: ZabContext, tree: Tree): Zxid {
  if (config.mutant === 'replayTwice' && tree.zxid === journal.baseZxid) return journal.log.floor
  return tree.zxid
}
