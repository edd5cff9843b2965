import type { ErrorCode } from '../errors.ts'
import type { ConnId, ConnectInput, Effect, KeptReads, ReplicaConfig } from '../effects.ts'
import type { Limits } from '../limits.ts'
import type { ForwardedBody, ForwardedRequest } from '../zab/messages.ts'
import { isWrite } from '../tree/request.ts'
import type { Identity, Outcome, Request, WatchableRead } from '../tree/request.ts'
import type { Znode } from '../tree/znode.ts'
import { NO_SESSION, sessionIdOf } from '../tree/stat.ts'
import type { SessionId } from '../tree/stat.ts'
import type { Missing } from '../tree/reads.ts'
import { permits } from '../tree/acl.ts'
import type { Acl } from '../tree/request.ts'
import type { TreeOptions } from '../tree/prepare.ts'
import type { Tree } from '../tree/tree.ts'
import type { Txn } from '../tree/txn.ts'
import { Watches } from '../tree/watches.ts'
import type { Zxid } from '../zxid.ts'
import { Answering } from './answering.ts'
import { AnswerTurn } from './answer-turn.ts'
import { Connection } from './connection.ts'
import type { Waiting } from './connection.ts'
import { PendingTxns } from './pending-txns.ts'
import { Postponed } from './postponed.ts'

/** What the connections need of the replica around them. */
export interface ClientsOwner {
  readonly peerId: number
  readonly options: TreeOptions
  readonly limits: Pick<Limits, 'connectionRequests' | 'connectionWatches'>
  readonly timing: Pick<ReplicaConfig['timing'], 'sessionMinMs' | 'sessionMaxMs'>
  /** See ReplicaConfig.mutant. */
  readonly mutant: string | undefined
  nowMs(): number
  tree(): Tree
  serving(): boolean
  emit(effect: Effect): void
  forward(request: ForwardedRequest): void
  withdraw(tags: readonly number[]): void
  revalidate(tag: number, session: SessionId): void
  askSync(tag: number): void
}

/** What the leader was asked besides txns: an open, or a sync. */
interface Asked {
  readonly connection: Connection
  readonly sync: Waiting | null
}

/**
 * The clients of one peer: first in, first out per session (a read never passes the session's own earlier write), watch
 * events before the replies that could reveal the change, one owner per session.
 */
export class Clients {
  readonly #owner: ClientsOwner
  readonly #connections = new Map<ConnId, Connection>()
  readonly #bySession = new Map<SessionId, Connection>()
  readonly watches: Watches
  readonly #pending = new PendingTxns()
  /** Opens and syncs by tag: few, so a Map. */
  readonly #asked = new Map<number, Asked>()
  readonly #firstTag: number
  #nextTag: number
  /** Those that were heard from; a session that moved may be among them twice. */
  #heard: Connection[] = []
  /** Connections whose confirmed sync waits for the tree. */
  readonly #lagging = new Set<Connection>()
  readonly #postponed = new Postponed()
  readonly #turn: AnswerTurn
  readonly #answering: Answering
  /** True while some connection waits for the tree to reach what its client has seen. */
  #late = false

  constructor(owner: ClientsOwner, firstTag: number) {
    this.#owner = owner
    this.#firstTag = firstTag
    this.#nextTag = firstTag
    this.#turn = new AnswerTurn(owner.tree().zxid)
    this.watches = new Watches(
      (conn, event) => this.#answering.tell(conn, this.#connections.get(conn), event),
      (conn, acl) => this.#mayRead(conn, acl), owner.limits.connectionWatches)
    this.#answering = new Answering(owner, this.watches, this.#turn)
  }

  get count(): number {
    return this.#connections.size
  }

  /** The session of a connection that is open. */
  sessionOf(conn: ConnId): SessionId | null {
    const connection = this.#connections.get(conn)
    return connection?.state === 'open' ? connection.session : null
  }

  #mayRead(conn: ConnId, acl: readonly Acl[]): boolean {
    const connection = this.#connections.get(conn)
    return connection !== undefined && permits(acl, 1, connection.identities, this.#owner.options.skipAcl)
  }

  /** Sessions heard from since the last call; those of this very process always are, while they wait for it too. */
  touches(): SessionId[] {
    const sessions = new Set<SessionId>()
    for (const connection of this.#heard) {
      connection.isHeard = false
      sessions.add(connection.session)
    }
    this.#heard = []
    for (const [session, connection] of this.#bySession) if (connection.inProcess) sessions.add(session)
    for (const connection of this.#owner.serving() ? [] : this.#connections.values()) {
      if (connection.inProcess && this.#isKnown(connection)) sessions.add(connection.session)
    }
    return [...sessions]
  }

  #hear(connection: Connection): void {
    if (connection.inProcess || connection.isHeard) return
    connection.isHeard = true
    this.#heard.push(connection)
  }

  // --- connecting --------------------------------------------------------------------------------------------------

  connect(input: ConnectInput): void {
    const connection = new Connection({ ...input, id: input.conn })
    this.#connections.set(connection.id, connection)
    this.#open(connection)
  }

  /** In-process clients wait for service; others are told to try elsewhere. */
  #open(connection: Connection): void {
    const isBlind = this.#owner.mutant === 'ignoresLastSeen'
    const behind = !isBlind && connection.lastZxidSeen > this.#owner.tree().zxid
    if (!this.#owner.serving() || behind) {
      // A client that has seen more than is applied here must not go back in time: it waits, or goes elsewhere.
      if (!connection.inProcess) this.#drop(connection, 'ConnectionLoss')
      else if (behind) this.#late = true
      return
    }
    const isWrong = this.#isWrong(connection)
    const previous = this.#bySession.get(connection.session)
    // Who knows the password has the session now; of one who does not, its client knows nothing, and comes back.
    if (previous !== undefined) this.#drop(previous, isWrong ? 'ConnectionLoss' : 'SessionMoved')
    if (isWrong && this.#owner.mutant !== 'wrongPasswordTouches') {
      // The leader is not asked: the session would be attached to this peer, and heard of.
      this.#drop(connection, 'SessionExpired')
      return
    }
    connection.state = 'opening'
    const tag = this.#nextTag++
    connection.openTag = tag
    if (connection.session === NO_SESSION) {
      const { sessionMinMs, sessionMaxMs } = this.#owner.timing
      const timeoutMs = Math.min(Math.max(connection.timeoutMs, sessionMinMs), sessionMaxMs)
      this.#ask(tag, connection, 0, { kind: 'createSession', timeoutMs, password: connection.password })
      return
    }
    this.#asked.set(tag, { connection, sync: null })
    this.#owner.revalidate(tag, connection.session)
  }

  /** It waits for this peer with a session that lives, as far as is known here. */
  #isKnown(connection: Connection): boolean {
    return this.#owner.tree().sessions.has(connection.session) && !this.#isWrong(connection)
  }

  /** The session is known here by another password; one that this peer has not heard of yet is not. */
  #isWrong(connection: Connection): boolean {
    const record = this.#owner.tree().sessions.get(connection.session)
    return record !== undefined && !connection.isOf(record.password)
  }

  /** The leader's answer to a resumed session; 0: there is none. */
  revalidated(tag: number, timeoutMs: number): void {
    const connection = this.#asked.get(tag)?.connection
    this.#asked.delete(tag)
    if (connection === undefined || connection.state !== 'opening' || connection.openTag !== tag) return
    const record = this.#owner.tree().sessions.get(connection.session)
    if (timeoutMs > 0 && record === undefined) {
      this.#drop(connection, 'ConnectionLoss')
    } else if (timeoutMs === 0 || this.#isWrong(connection)) {
      this.#drop(connection, 'SessionExpired')
    } else {
      this.#opened(connection, connection.session, timeoutMs)
    }
  }

  #opened(connection: Connection, session: SessionId, timeoutMs: number): void {
    connection.state = 'open'
    connection.session = session
    const previous = this.#bySession.get(session)
    if (previous !== undefined && previous !== connection) this.#drop(previous, 'SessionMoved')
    this.#bySession.set(session, connection)
    this.#owner.emit({
      kind: 'connected', conn: connection.id, session, password: connection.password, timeoutMs,
    })
  }

  identify(conn: ConnId, identities: readonly Identity[]): void {
    const connection = this.#connections.get(conn)
    if (connection === undefined) return
    const known = connection.identities
    const fresh = identities.filter((one) => !known.some((old) => old.scheme === one.scheme && old.id === one.id))
    if (fresh.length > 0) connection.identities = [...known, ...fresh]
  }

  disconnect(conn: ConnId): void {
    const connection = this.#connections.get(conn)
    if (connection !== undefined) this.#forget(connection)
  }

  /**
   * Writes of a connection that is gone are not sent any more: the session may act elsewhere by then, and come back.
   * That it is to be closed stays true.
   */
  #forget(connection: Connection): void {
    const writes = connection.queue.slice(connection.head).filter(({ tag, request }) => tag !== 0 && request.op !== -11)
    if (writes.length > 0) this.#owner.withdraw(writes.map(({ tag }) => tag))
    this.#connections.delete(connection.id)
    if (this.#bySession.get(connection.session) === connection) this.#bySession.delete(connection.session)
    this.watches.removeConnection(connection.id)
    this.#postponed.delete(connection)
    connection.clear()
    connection.state = 'waiting'
  }

  #drop(connection: Connection, code: ErrorCode): void {
    if (this.#connections.get(connection.id) !== connection) return
    this.#forget(connection)
    this.#owner.emit({ kind: 'closeConn', conn: connection.id, code })
  }

  /** This peer begins to serve, or has caught up: those who waited may go on. */
  admit(): void {
    for (const connection of this.#connections.values()) {
      if (connection.state === 'waiting') this.#open(connection)
    }
    this.#late = [...this.#connections.values()].some((connection) => connection.state === 'waiting')
  }

  /** This peer no longer serves: what is under way has an unknown outcome. Those who only waited go on waiting. */
  suspend(code: ErrorCode, everybody: boolean): void {
    this.#pending.clear()
    this.#asked.clear()
    for (const connection of this.#heard) connection.isHeard = false
    this.#heard = []
    for (const connection of this.#connections.values()) {
      if (everybody || connection.state === 'open' || !connection.inProcess) this.#drop(connection, code)
      else connection.state = 'waiting'
    }
  }

  // --- requests ----------------------------------------------------------------------------------------------------

  #ask(tag: number, connection: Connection, cxid: number, body: ForwardedBody): void {
    this.#pending.push({ tag, connection })
    this.#owner.forward({ tag, session: connection.session, cxid, body })
  }

  /** The connection, if it may ask for so many things more; it was heard of. */
  #asking(conn: ConnId, count: number): Connection | null {
    const connection = this.#connections.get(conn)
    if (connection === undefined || connection.state !== 'open') return null
    this.#hear(connection)
    if (connection.waiting + connection.kept + count <= this.#owner.limits.connectionRequests) return connection
    this.#drop(connection, 'Overloaded')
    return null
  }

  /** Kept reads; if nothing is before them they are answered at once, up to what the turn has for who had no share. */
  reads(conn: ConnId, reads: KeptReads): void {
    const connection = this.#asking(conn, reads.left)
    if (connection === null) return
    connection.keep(reads)
    if (connection.waiting > 1) return
    connection.isHeavy = false
    this.#drain(connection)
  }

  request(conn: ConnId, xid: number, request: Request): void {
    const connection = this.#asking(conn, 1)
    if (connection === null) return
    const write = isWrite(request) && request.op !== 20
    if (!write && request.op !== -11 && request.op !== 9) {
      if (connection.waiting === 0) {
        if (this.#turn.hasRoom(request.op)) {
          this.#answering.answer(connection, xid, request)
          return
        }
        this.#postponed.add(connection)
        connection.isHeavy = false
      }
      connection.queue.push({ xid, request, tag: 0, syncedTo: null, reads: null })
      return
    }
    const tag = this.#nextTag++
    const waiting: Waiting = { xid, request, tag, syncedTo: null, reads: null }
    connection.queue.push(waiting)
    if (request.op === 9) {
      this.#asked.set(tag, { connection, sync: waiting })
      this.#owner.askSync(tag)
    } else if (write) {
      this.#ask(tag, connection, xid, { kind: 'write', request, identities: connection.identities })
    } else {
      this.#ask(tag, connection, xid, { kind: 'closeSession' })
    }
  }

  get #tree(): Tree {
    return this.#owner.tree()
  }

  /**
   * A read answered on the spot; null when it must wait behind what the session asked for before, or for the next turn,
   * as enough was answered in this one. Who is in this process stops itself alone.
   */
  readNow(conn: ConnId, request: Request): Outcome | null {
    const connection = this.#idle(conn)
    return connection === null ? null : this.#answering.readNow(connection, request)
  }

  /** The same for exists, getData and children, without an outcome in between: the node itself, to be read at once. */
  lookNow(conn: ConnId, op: WatchableRead['op'], path: string, watch: boolean): Znode | Missing | null {
    const connection = this.#idle(conn)
    if (connection === null || !this.#turn.hasRoom(op)) return null
    return this.#answering.look(connection, op, path, watch)
  }

  /**
   * The same without a watch, by the bytes of the path, which need not become a text: 18 % of the CPU time of a
   * pipelined get. Null also for a node that is not found or not to be read: `lookNow` says why.
   */
  lookNowByAscii(conn: ConnId, op: WatchableRead['op'], bytes: Uint8Array, at: number, length: number): Znode | null {
    const connection = this.#idle(conn)
    if (connection === null || !this.#turn.hasRoom(op)) return null
    return this.#answering.lookByAscii(connection, op, bytes, at, length)
  }

  /** The connection, if nothing of its session is under way; it was heard of. */
  #idle(conn: ConnId): Connection | null {
    const connection = this.#connections.get(conn)
    if (connection === undefined || connection.state !== 'open' || connection.waiting > 0) return null
    this.#hear(connection)
    return connection
  }

  // --- outcomes ----------------------------------------------------------------------------------------------------

  /**
   * A connection of this peer asked for it, in this life: what was asked for in an earlier one may come as late as
   * this, and its tags, which were drawn anew, say nothing.
   */
  isOwn(txn: Txn): boolean {
    if (txn.origin !== this.#owner.peerId) return false
    return (txn.tag >= this.#firstTag && txn.tag < this.#nextTag) || this.#owner.mutant === 'earlierLivesCount'
  }

  /**
   * The connection that waits for this txn, an own one that is applied next. Tags of skipped ones are never answered.
   * 'later': it is to be applied when the reads before it are answered, as they must not see it; it `isBehind` then.
   */
  claim(txn: Txn): Connection | 'later' | null {
    const pending = this.#pending
    let { first } = pending
    if (first === undefined || first.tag > txn.tag) return null
    while (first !== undefined && first.tag < txn.tag) {
      pending.shift()
      this.#drop(first.connection, 'ConnectionLoss')
      first = pending.first
    }
    if (first === undefined || first.tag !== txn.tag) return null
    const { connection } = first
    const isHere = this.#connections.get(connection.id) === connection
    if (isHere && connection.first?.tag !== txn.tag) this.#finishSyncs(connection, txn.tag)
    if (this.#postponed.has(connection) && this.#owner.mutant !== 'appliesPastReads') {
      if (!this.#turn.isTooMuch(connection, this.#tree.zxid, this.#owner.nowMs())) {
        this.#postponed.blocking = connection
        return 'later'
      }
      this.#drop(connection, 'Overloaded')
    }
    pending.shift()
    return this.#connections.get(connection.id) === connection ? connection : null
  }

  /**
   * What the session asked for before this txn is answered before it is applied: all that was proposed when a sync
   * came is in the tree, and a txn that was proposed after that and is committed proves that its leader led.
   */
  #finishSyncs(connection: Connection, tag: number): void {
    if (this.#owner.mutant === 'syncsLoseTxns') return
    for (let i = connection.head; i < connection.queue.length; i++) {
      const waiting = connection.queue[i]!
      if (waiting.tag === tag) break
      if (waiting.request.op === 9) waiting.syncedTo = this.#tree.zxid
    }
    this.#drain(connection, this.#turn.limitBeforeTxn(connection))
  }

  /**
   * A txn was applied (its events are out): answer who asked, and end the connections of a closed session. True if
   * another one may be applied in this turn; there were too many events otherwise, and it `isBehind`.
   */
  applied(zxid: Zxid, txn: Txn, claimed: Connection | null, outcome: Outcome | null): boolean {
    const { body } = txn
    if (claimed !== null) {
      if (body.kind === 'createSession') {
        if (claimed.state === 'opening') this.#opened(claimed, sessionIdOf(zxid), body.timeoutMs)
      } else {
        this.#finish(claimed, zxid, txn, outcome)
      }
    }
    if (body.kind === 'closeSession') {
      const connection = this.#bySession.get(txn.session)
      if (connection !== undefined) this.#drop(connection, connection === claimed ? 'Closed' : 'SessionExpired')
    }
    return !this.watches.isSpent
  }

  #finish(connection: Connection, zxid: Zxid, txn: Txn, outcome: Outcome | null): void {
    const first = connection.first
    if (first === undefined || first.tag !== txn.tag || (outcome === null && !connection.isToldByNode(txn))) {
      this.#drop(connection, 'ConnectionLoss')
      return
    }
    if (outcome?.code === 'SessionMoved') {
      this.#drop(connection, 'SessionMoved')
      return
    }
    connection.shift()
    if (outcome === null) this.#answering.changed(connection, first.xid, zxid)
    else this.#answering.reply(connection, first.xid, zxid, outcome)
    this.#drain(connection)
  }

  /** Answers reads and finished syncs up to the next write under way, or until the turn has answered so much. */
  #drain(connection: Connection, most?: number): void {
    this.#postponed.delete(connection)
    const turn = this.#turn
    const before = turn.bytes
    let limit = most
    for (let next = connection.first; next !== undefined; next = connection.first) {
      if (next.tag !== 0 && !this.#isSynced(next)) {
        if (next.syncedTo !== null) this.#lagging.add(connection)
        break
      }
      limit ??= turn.limitOf(connection)
      if (turn.bytes >= limit) {
        this.#postponed.add(connection)
        break
      }
      const { xid, request, reads } = next
      if (reads !== null) {
        this.#answering.kept(connection, reads)
        continue
      }
      connection.shift()
      if (request.op === 9) this.#answering.synced(connection, xid, request.path)
      else this.#answering.answer(connection, xid, request)
    }
    if (turn.bytes > before) turn.took(connection, turn.bytes - before)
  }

  /** There are reads that may be answered, or txns that may be applied: the next turn is due at once. */
  get isBehind(): boolean {
    return this.#postponed.size > 0 || this.watches.isSpent
  }

  /** The next turn, before anything else is answered in it. */
  resume(): void {
    const turn = this.#turn
    turn.begin(this.#tree.zxid)
    this.watches.begin()
    this.#postponed.resume(turn, (connection, most) => this.#drain(connection, most))
  }

  #isSynced(waiting: Waiting): boolean {
    return waiting.syncedTo !== null && waiting.syncedTo <= this.#tree.zxid
  }

  /** The leader confirmed a sync. */
  synced(tag: number, zxid: Zxid): void {
    const asked = this.#asked.get(tag)
    this.#asked.delete(tag)
    if (asked === undefined || asked.sync === null || asked.connection.state !== 'open') return
    asked.sync.syncedTo = zxid
    this.#drain(asked.connection)
  }

  /** The tree moved: syncs that waited for it may be answered, and who had seen more than it may go on. */
  caughtUp(): void {
    for (const connection of this.#lagging) {
      const first = connection.first
      if (connection.state !== 'open' || first === undefined) this.#lagging.delete(connection)
      else if (this.#isSynced(first)) {
        this.#lagging.delete(connection)
        this.#drain(connection)
      }
    }
    if (this.#late) this.admit()
  }
}
