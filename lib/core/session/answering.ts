import type { ConnId, KeptReads, ReadAnswering } from '../effects.ts'
import { assert } from '../assert.ts'
import { permits } from '../tree/acl.ts'
import { lookCost, readCost } from '../tree/answer-size.ts'
import { look, read } from '../tree/reads.ts'
import type { Missing } from '../tree/reads.ts'
import { Perm } from '../tree/request.ts'
import type { Outcome, Request, WatchableRead, WatchEvent } from '../tree/request.ts'
import type { Tree } from '../tree/tree.ts'
import type { Watches } from '../tree/watches.ts'
import type { Znode } from '../tree/znode.ts'
import type { Zxid } from '../zxid.ts'
import type { AnswerTurn } from './answer-turn.ts'
import type { ClientsOwner } from './clients.ts'
import type { Connection } from './connection.ts'

/** What connections are told: by effects, or by whoever hears their answers. Whether they may be is not asked here. */
export class Answering implements ReadAnswering {
  readonly #owner: Pick<ClientsOwner, 'options' | 'tree' | 'emit'>
  readonly #watches: Watches
  readonly #turn: AnswerTurn
  /** Whose kept reads are answered. */
  #keeper: Connection | null = null

  constructor(owner: Pick<ClientsOwner, 'options' | 'tree' | 'emit'>, watches: Watches, turn: AnswerTurn) {
    this.#owner = owner
    this.#watches = watches
    this.#turn = turn
  }

  get #tree(): Tree {
    return this.#owner.tree()
  }

  tell(conn: ConnId, connection: Connection | undefined, event: WatchEvent): void {
    const answers = connection?.answers ?? null
    if (answers !== null) answers.onEvent(event)
    else this.#owner.emit({ kind: 'event', conn, event })
  }

  reply({ id: conn, answers }: Connection, xid: number, zxid: Zxid, outcome: Outcome): void {
    if (answers !== null) answers.onReply(xid, zxid, outcome)
    else this.#owner.emit({ kind: 'reply', conn, xid, zxid, outcome })
  }

  synced(connection: Connection, xid: number, path: string): void {
    this.reply(connection, xid, this.#tree.zxid, { code: 'Ok', result: { op: 9, path } })
  }

  /** The reply to a txn that was just applied, and of which `Connection.isToldByNode` is true. */
  changed({ answers }: Connection, xid: number, zxid: Zxid): void {
    answers!.onNode(xid, zxid, 5, this.#tree.changed!)
  }

  /** The first of the reads that are kept for a connection. */
  kept(connection: Connection, reads: KeptReads): void {
    const { left } = reads
    this.#keeper = connection
    reads.answer(this)
    this.#keeper = null
    assert(reads.left === left - 1, 'kept reads are answered one by one')
    connection.answeredKept(reads)
  }

  byNode(xid: number, op: 3 | 4, bytes: Uint8Array, at: number, length: number): boolean {
    const connection = this.#keeper!
    const node = this.lookByAscii(connection, op, bytes, at, length)
    if (node === null) return false
    connection.answers!.onNode(xid, this.#tree.zxid, op, node)
    return true
  }

  read(xid: number, request: WatchableRead): void {
    this.answer(this.#keeper!, xid, request)
  }

  /** A read that was asked for. */
  answer(connection: Connection, xid: number, request: Request): void {
    const { answers } = connection
    const { zxid } = this.#tree
    // A list of children counts by its names: as long as its client does not read, they are kept.
    if (answers === null || (request.op !== 3 && request.op !== 4)) {
      this.reply(connection, xid, zxid, this.#read(connection, request, true))
      return
    }
    const { op, path, watch } = request
    const found = this.look(connection, op, path, watch)
    if (typeof found === 'string') answers.onReply(xid, zxid, { code: found, result: null })
    else answers.onNode(xid, zxid, op, found)
  }

  /** See Clients.readNow. */
  readNow(connection: Connection, request: Request): Outcome | null {
    const isCounted = !connection.inProcess
    return isCounted && !this.#turn.hasRoom(request.op) ? null : this.#read(connection, request, isCounted)
  }

  #read(connection: Connection, request: Request, isCounted: boolean): Outcome {
    const outcome: Outcome = request.op === 20 || request.op === 13 ? { code: 'Unimplemented', result: null }
      : read(this.#tree, request, connection, connection.id, this.#watches, this.#owner.options)
    if (isCounted) this.#turn.bytes += readCost(request, outcome, this.#tree, connection.session)
    return outcome
  }

  /** The node that an exists, getData or children asks for. */
  look(connection: Connection, op: WatchableRead['op'], path: string, watch: boolean): Znode | Missing {
    const found = look(this.#tree, op, path, watch, connection, connection.id, this.#watches, this.#owner.options)
    this.#turn.bytes += lookCost(op, found)
    return found
  }

  /** See Clients.lookNowByAscii. */
  lookByAscii(
    { identities }: Connection, op: WatchableRead['op'], bytes: Uint8Array, at: number, length: number,
  ): Znode | null {
    const node = this.#tree.nodeByAscii(bytes, at, length)
    if (node === undefined || !permits(node.acl, Perm.read, identities, this.#owner.options.skipAcl)) return null
    this.#turn.bytes += lookCost(op, node)
    return node
  }
}
