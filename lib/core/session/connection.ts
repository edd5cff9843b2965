import type { Answers, ConnId, KeptReads } from '../effects.ts'
import type { Identity, Request } from '../tree/request.ts'
import { NO_SESSION } from '../tree/stat.ts'
import type { SessionId } from '../tree/stat.ts'
import type { Txn } from '../tree/txn.ts'
import type { Zxid } from '../zxid.ts'

/** A request that cannot be answered yet. */
export interface Waiting {
  readonly xid: number
  readonly request: Request
  /** Mark of a write or sync that is under way at the leader; 0 for a read that waits for its turn. */
  readonly tag: number
  /** Of a sync: the leader confirmed it; the answer is due once this is applied. */
  syncedTo: Zxid | null
  /** They wait here, all in one; `xid` and `request` are none of theirs then. */
  readonly reads: KeptReads | null
}

/** Of kept reads. */
const NONE: Request = { op: 11 }

/** One client connection as its peer sees it. */
export class Connection {
  readonly id: ConnId
  readonly inProcess: boolean
  readonly password: Uint8Array
  readonly timeoutMs: number
  readonly lastZxidSeen: Zxid
  /** Null: its replies and events are effects. */
  readonly answers: Answers | null
  identities: readonly Identity[]
  session: SessionId
  /** waiting: for this peer to serve; opening: for the leader; open. */
  state: 'waiting' | 'opening' | 'open' = 'waiting'
  /** So much of what waited here was answered in the turn of that number: see AnswerTurn. */
  answeredTurn = 0
  answeredBytes = 0
  /** It had its share of a turn, and more waits: others come first. */
  isHeavy = false
  /** For so many turns all that is applied here has waited for its reads, less what is forgiven; and when last. */
  blockedTurns = 0
  blockedMs = 0
  /** Something was heard of it since the leader was last told of its session. */
  isHeard = false
  /** Mark of the leader's answer while opening. */
  openTag = 0
  /** Requests in order; the first one is a write or sync under way, or a read that its turn had no room for. */
  readonly queue: Waiting[] = []
  /** Reads that wait in `queue` besides one for each element. */
  kept = 0
  /** Index of the first live element of `queue`. */
  head = 0

  constructor(options: {
    readonly id: ConnId, readonly session: SessionId | null, readonly password: Uint8Array, readonly timeoutMs: number,
    readonly lastZxidSeen: Zxid, readonly identities: readonly Identity[], readonly inProcess: boolean,
    readonly answers?: Answers,
  }) {
    this.id = options.id
    this.session = options.session ?? NO_SESSION
    this.password = options.password
    this.timeoutMs = options.timeoutMs
    this.lastZxidSeen = options.lastZxidSeen
    this.identities = options.identities
    this.inProcess = options.inProcess
    this.answers = options.answers ?? null
  }

  isOf(password: Uint8Array): boolean {
    return password.length === this.password.length && password.every((byte, index) => byte === this.password[index])
  }

  /** True when who asked for the txn is told by the node that it changed: no outcome is needed. */
  isToldByNode({ body }: Txn): boolean {
    return this.answers !== null && body.kind === 'setData'
  }

  get waiting(): number {
    return this.queue.length - this.head
  }

  get first(): Waiting | undefined {
    return this.queue[this.head]
  }

  /** They wait behind all else. */
  keep(reads: KeptReads): void {
    this.queue.push({ xid: 0, request: NONE, tag: 0, syncedTo: null, reads })
    this.kept += reads.left - 1
  }

  /** One of the first, which are kept reads, was answered. */
  answeredKept({ left }: KeptReads): void {
    if (left === 0) this.shift()
    else this.kept--
  }

  /** Nothing of it is answered any more. */
  clear(): void {
    this.kept = 0
    this.queue.length = 0
    this.head = 0
  }

  /** Drops the first; compacts when half of the array is dead. */
  shift(): void {
    this.head++
    if (this.head === this.queue.length) this.clear()
    else if (this.head > 1024 && this.head * 2 > this.queue.length) {
      this.queue.splice(0, this.head)
      this.head = 0
    }
  }
}
