import type { Requester } from '../tree/request.ts'
import { NO_SESSION, sessionIdOf } from '../tree/stat.ts'
import type { SessionId } from '../tree/stat.ts'
import { Preparer } from '../tree/prepare.ts'
import type { SoftQuota } from '../tree/quotas.ts'
import type { TreeOptions } from '../tree/prepare.ts'
import type { Tree } from '../tree/tree.ts'
import type { Txn, TxnBody } from '../tree/txn.ts'
import type { ForwardedRequest } from '../zab/messages.ts'
import type { Leader } from '../zab/leader.ts'
import type { Limits } from '../limits.ts'
import type { Zxid } from '../zxid.ts'
import type { Now, Timing } from '../effects.ts'
import { MOVED, SessionTracker } from './tracker.ts'
import { OUTSTANDING_WORK, TURN_WORK, requestWork, txnWork } from './work.ts'

/** The ensemble itself asks: to reap, to found. It may do everything. */
const ENSEMBLE: Requester = { session: NO_SESSION, identities: [{ scheme: 'super', id: '' }] }

/** An application that goes on for days would fill the log. */
const SOFT_QUOTA_MS = 60_000

interface Queued {
  readonly peer: number
  readonly request: ForwardedRequest
  /**
   * How often the session had been attached to a connection when this came; MOVED if it acted through another peer: it
   * stays refused then, even if the session comes back.
   */
  readonly attachments: number
}

/** What the intake needs of the replica around it. */
export interface IntakeOwner {
  readonly peerId: number
  readonly options: TreeOptions
  readonly limits: Limits
  readonly timing: Timing
  /** See ReplicaConfig.mutant. */
  readonly mutant: string | undefined
  now(): Now
  log(level: 'warn', text: string, fields: Readonly<Record<string, unknown>>): void
}

/**
 * Where requests become txns: on the established leader, in order of arrival. A request that fails takes its zxid
 * too, so that its answer keeps its place in the session's order. Lives from activation to resignation.
 */
export class Intake {
  readonly #owner: IntakeOwner
  readonly #leader: Leader
  readonly #preparer: Preparer
  readonly #appliedPaths: (session: SessionId) => string[]
  readonly sessions: SessionTracker
  #queue: Queued[] = []
  #head = 0
  /** Encoded bytes of txns proposed here and not applied yet. */
  #outstandingBytes = 0
  /** Their work. */
  #outstandingWork = 0
  /** Of that, what closes sessions. */
  #closingWork = 0
  /** The last turn ended before there was too much outstanding, or nothing left. */
  #isCutShort = false
  #reapAtMs: number
  #lastTickMs: number
  /** No soft quota is told of before this. */
  #tellFromMs = 0
  /** No session expires before this. */
  #expireFromMs = 0
  /** When this process was held up last, by its clock: what had come by then is read by `#expireFromMs`. */
  #heldUpMs = 0
  /** When it was the time before that. */
  #earlierMs = 0
  /** Whose time was over by then is judged: who is still tracked, and not heard of since, is left of a full turn. */
  #judgedMs = 0

  constructor(owner: IntakeOwner, leader: Leader, tree: Tree) {
    this.#owner = owner
    this.#leader = leader
    this.#preparer = new Preparer(tree, owner.options, (exceeded) => this.#tellSoftQuota(exceeded))
    this.#appliedPaths = (session) => Array.from(tree.ephemeralsOf(session)).sort()
    this.sessions = new SessionTracker(owner.timing.tickMs)
    const nowMs = owner.now().ms
    // Every session begins with its full timeout: nobody was listening to it while there was no leader.
    for (const [session, { timeoutMs }] of tree.sessions) this.sessions.add(session, timeoutMs, null, nowMs)
    this.#reapAtMs = nowMs + owner.timing.reapMs
    this.#lastTickMs = nowMs
  }

  get deadlineMs(): number {
    // What this turn has prepared leaves first.
    if (this.#isCutShort) return this.#owner.now().ms
    const dueMs = this.sessions.deadlineMs
    const leftMs = this.#mayExpire ? dueMs : Infinity
    return Math.min(this.#hasLeft ? leftMs : Math.max(dueMs, this.#expireFromMs), this.#reapAtMs)
  }

  /** Some of those judged are left for the next turn: they wait for nothing more. */
  get #hasLeft(): boolean {
    return this.sessions.deadlineMs <= this.#judgedMs
  }

  /** Requests that wait for the outstanding txns to become fewer. */
  get waiting(): number {
    return this.#queue.length - this.#head
  }

  /** Room of its own: a leader with more requests than it can take still expires sessions. */
  get #mayExpire(): boolean {
    return this.#closingWork < OUTSTANDING_WORK
  }

  #tellSoftQuota({ path, what, used, limit }: SoftQuota): void {
    const nowMs = this.#owner.now().ms
    if (nowMs < this.#tellFromMs) return
    this.#tellFromMs = nowMs + SOFT_QUOTA_MS
    this.#owner.log('warn', `quota exceeded: ${path} has ${used} ${what}, and should have ${limit} at most`,
      { path, what, used, limit })
  }

  add(peer: number, request: ForwardedRequest): void {
    // It is alive from now on, however long its request waits.
    this.#queue.push({ peer, request, attachments: this.sessions.act(request.session, peer, this.#clock()) })
  }

  /** The first txn of an ensemble. */
  found(ensembleId: string, members: string): void {
    this.#propose(NO_SESSION, 0, this.#owner.peerId, 0, () => ({ kind: 'found', ensembleId, members }))
  }

  /**
   * Turns waiting requests into proposals, once a turn, as far as the bounds on what is outstanding allow and no
   * further than leaves the turn short: nothing leaves before it ends, and learners would take a leader for gone that
   * prepares all of very many operations in one.
   */
  admit(): void {
    const { outstandingTxns, outstandingBytes } = this.#owner.limits
    let work = 0
    while (this.#head < this.#queue.length && this.#leader.outstanding < outstandingTxns &&
      this.#outstandingBytes < outstandingBytes && this.#outstandingWork < OUTSTANDING_WORK && work < TURN_WORK) {
      const queued = this.#queue[this.#head++]!
      const before = this.#outstandingWork
      this.#prepare(queued)
      if (this.#leader.resigned !== null) return
      work += Math.max(requestWork(queued.request), this.#outstandingWork - before)
    }
    this.#isCutShort = work >= TURN_WORK
    if (this.#head === this.#queue.length) {
      this.#queue = []
      this.#head = 0
    } else if (this.#head > 4096) {
      this.#queue = this.#queue.slice(this.#head)
      this.#head = 0
    }
  }

  #propose(session: SessionId, cxid: number, origin: number, tag: number, make: (zxid: Zxid) => TxnBody): void {
    const zxid = this.#leader.nextZxid()
    if (zxid === null) return
    this.#offer(zxid, { session, cxid, origin, tag, time: this.#owner.now().wallMs, body: make(zxid) })
  }

  #offer(zxid: Zxid, txn: Txn): void {
    this.#outstandingBytes += this.#leader.propose(zxid, txn)
    this.#count(txn.body, 1)
  }

  #count(body: TxnBody, sign: 1 | -1): void {
    const work = sign * txnWork(body)
    this.#outstandingWork += work
    if (body.kind === 'closeSession') this.#closingWork += work
  }

  #prepare(queued: Queued): void {
    const { peer, request } = queued
    const zxid = this.#leader.nextZxid()
    if (zxid === null) return
    const { body } = request
    let { session } = request
    let made: TxnBody
    if (body.kind === 'createSession') {
      session = sessionIdOf(zxid)
      made = this.#preparer.createSession(zxid, body.timeoutMs, body.password)
      this.sessions.add(session, body.timeoutMs, peer, this.#clock())
    } else if (!this.#preparer.hasSession(session)) {
      made = { kind: 'error', code: 'SessionExpired' }
    } else if (!this.#mayAct(queued)) {
      made = { kind: 'error', code: 'SessionMoved' }
    } else if (body.kind === 'closeSession') {
      made = this.#preparer.closeSession(zxid, session)
      if (this.#owner.mutant === 'closeIgnoresOutstanding') made = { ...made, paths: this.#appliedPaths(session) }
      this.sessions.remove(session)
    } else {
      made = this.#preparer.prepare(zxid, body.request, { session, identities: body.identities })
    }
    this.#offer(zxid, {
      session, cxid: request.cxid, origin: peer, tag: request.tag, time: this.#owner.now().wallMs, body: made,
    })
  }

  /**
   * Not through a peer that its session has left, nor if it had when this came; and nothing but an end through a
   * connection before the one of now, which may have heard by a sync that nothing of before is still to happen.
   */
  #mayAct({ peer, request: { session, body }, attachments }: Queued): boolean {
    const { mutant } = this.#owner
    if (mutant === 'movesForgotten') return true
    if (attachments === MOVED) return false
    const mayBeLate = body.kind === 'closeSession' || mutant === 'resumesForgotten'
    return this.sessions.act(session, peer, this.#clock(), mayBeLate ? null : attachments) !== MOVED
  }

  /** A client resumed its session at `peer`: its timeout if it lives, else 0. */
  revalidate(peer: number, session: SessionId): number {
    if (!this.#preparer.hasSession(session)) return 0
    this.sessions.own(session, peer)
    this.sessions.touch(session, this.#clock())
    return this.sessions.timeoutOf(session) ?? 0
  }

  touch(sessions: Iterable<SessionId>): void {
    const nowMs = this.#clock()
    for (const session of sessions) this.sessions.touch(session, nowMs)
  }

  applied(zxid: Zxid, bytes: number, body: TxnBody): void {
    this.#outstandingBytes -= bytes
    this.#count(body, -1)
    this.#preparer.applied(zxid)
    // Its client hears of it now, however long that took.
    if (body.kind === 'createSession') this.sessions.touch(sessionIdOf(zxid), this.#clock())
  }

  /**
   * The time, and the first thing to ask for after a pause of `syncMs`, in which nobody could be heard: nobody is
   * expired for it (a leader paused is not a client dead). The sessions' clock stood still too, with all moments by
   * which they are judged. Others have taken over by then, but where this is the only voter.
   */
  #clock(): number {
    const nowMs = this.#owner.now().ms
    const { syncMs, pingMs } = this.#owner.timing
    const gapMs = nowMs - this.#lastTickMs
    if (gapMs < syncMs) return nowMs
    this.#lastTickMs = nowMs
    this.sessions.stoodStill(gapMs)
    this.#heldUpMs += gapMs
    this.#earlierMs += gapMs
    this.#judgedMs = this.#heldUp(nowMs, pingMs).earlierMs
    return nowMs
  }

  /** What had come by now is read in so long. Returns when it was held up last, and the time before that. */
  #heldUp(nowMs: number, readMs: number): { readonly lastMs: number, readonly earlierMs: number } {
    const held = { lastMs: this.#heldUpMs, earlierMs: this.#earlierMs }
    this.#earlierMs = held.lastMs
    this.#heldUpMs = nowMs
    this.#expireFromMs = nowMs + readMs
    return held
  }

  /**
   * Up to when all that came is read: whose time was over by then may be judged. What comes in time counts, even if
   * this process is held up just then, so that its timers run late and before its sockets: it is given as long as it
   * is late to read, and a bucket waits for that once. After a long pause that is a ping.
   * Who is held up again and again would wait without end. It judges whose time was over two hold-ups ago: it has read
   * its sockets twice since, what had come by then and the pongs that say what its learners had heard by then. So a
   * session is closed within three times such a pause and a ping after its bucket, each pause shorter than `syncMs`,
   * and the turns that those judged with it take.
   */
  #readUntil(nowMs: number): number {
    const { timing: { pingMs }, mutant } = this.#owner
    const gapMs = nowMs - this.#lastTickMs
    this.#lastTickMs = nowMs
    const lateMs = this.#hasLeft ? -1 : nowMs - Math.max(this.sessions.deadlineMs, this.#expireFromMs)
    const isLong = gapMs >= 2 * pingMs
    if (lateMs <= 0 && !isLong) return lateMs < 0 ? 0 : nowMs
    const { lastMs, earlierMs } = this.#heldUp(nowMs, isLong ? pingMs : Math.min(pingMs, lateMs))
    if (!isLong || mutant === 'stutterJudgesLast') return lastMs
    return mutant === 'stutterNeverExpires' ? 0 : earlierMs
  }

  /**
   * Expires sessions and reaps nodes. No more in a turn than leaves it short: learners would take a leader for gone
   * that closes all of very many sessions in one, or some that own very much, and the next leader would do the same.
   */
  tick(): void {
    const now = this.#owner.now()
    this.#judgedMs = Math.max(this.#judgedMs, this.#readUntil(this.#clock()))
    if (this.#mayExpire) this.#expire()
    if (now.ms >= this.#reapAtMs) {
      this.#reapAtMs = now.ms + this.#owner.timing.reapMs
      for (const path of this.#preparer.reapable(now.wallMs, this.#owner.limits.reapedNodes)) {
        this.#propose(NO_SESSION, 0, this.#owner.peerId, 0,
          (zxid) => this.#preparer.prepare(zxid, { op: 20, path }, ENSEMBLE))
      }
    }
  }

  #expire(): void {
    const isBorn = (session: SessionId): boolean =>
      !this.#preparer.isOpening(session) || this.#owner.mutant === 'expiresAtBirth'
    let [left, work] = [this.#owner.limits.expiredSessions, 0]
    const isLast = (session: SessionId): boolean => {
      work += 1 + this.#preparer.ephemeralCount(session)
      return --left === 0 || work >= TURN_WORK
    }
    for (const session of this.sessions.expire(this.#judgedMs, isBorn, isLast)) {
      if (!this.#preparer.hasSession(session)) continue
      this.#propose(session, 0, this.#owner.peerId, 0, (zxid) => this.#preparer.closeSession(zxid, session))
    }
  }
}
