import type { LogBatch } from '../ports/storage.ts'
import type { ErrorCode } from './errors.ts'
import type { Limits } from './limits.ts'
import type { Outcome, Identity, NodeAnswer, Request, WatchableRead, WatchEvent } from './tree/request.ts'
import type { SessionId } from './tree/stat.ts'
import type { TreeOptions } from './tree/prepare.ts'
import type { TxnCodec } from './tree/txn.ts'
import type { Znode } from './tree/znode.ts'
import type { Message, Role } from './zab/messages.ts'
import type { Zxid } from './zxid.ts'

/**
 * The core's interface on one page. A driver (lib/peer, lib/testing) owns a Replica and does, per turn:
 *
 *     for (const input of arrived) replica.step(now, input)
 *     for (const effect of replica.take()) carry it out, in order
 *     arm one timer for replica.deadline() and answer it with { kind: 'tick' }
 *
 * `step` never throws for anything that a peer, client or disk can cause. Messages that claim durability are held
 * inside the replica until the `persisted` of the write they rest on came in: the driver cannot get it wrong (rule R1).
 */

/** The moment of a step: monotonic and wall-clock milliseconds, integers; `ms` never goes back. */
export interface Now {
  readonly ms: number
  readonly wallMs: number
}

/** One live connection to a peer: a number that the driver never uses twice for one replica. */
export type LinkId = number
/** One client connection (in-process or remote): a number that the driver never uses twice for one replica. */
export type ConnId = number

/** Everything that can happen to a replica. */
export type Input =
  /** The deadline was reached, or any time. */
  | { readonly kind: 'tick' }
  /** A handshaken link to `peer` is up; it replaces an earlier one to the same peer. */
  | { readonly kind: 'linkUp', readonly link: LinkId, readonly peer: number }
  | { readonly kind: 'linkDown', readonly link: LinkId }
  | { readonly kind: 'receive', readonly link: LinkId, readonly message: Message }
  /** The batch of this ticket, and all before it, is durable. */
  | { readonly kind: 'persisted', readonly ticket: number }
  /** It failed: the replica stops (rule R10). */
  | { readonly kind: 'persistFailed', readonly ticket: number, readonly reason: string }
  /**
   * A client wants a session: a new one (session null) or the named one back. Answered by `connected` or `closeConn`.
   */
  | ConnectInput
  /** Adds identities to a connection; requests already stepped keep the old ones. */
  | { readonly kind: 'identify', readonly conn: ConnId, readonly identities: readonly Identity[] }
  | { readonly kind: 'request', readonly conn: ConnId, readonly xid: number, readonly request: Request }
  /** Reads of a connection that hears its answers, in their order among its other requests. */
  | { readonly kind: 'reads', readonly conn: ConnId, readonly reads: KeptReads }
  /** The connection is gone; its session lives on until its timeout. */
  | { readonly kind: 'disconnect', readonly conn: ConnId }
  /** Resign, stop serving, produce nothing any more after the effects of this step. */
  | { readonly kind: 'stop' }

/** A client's first word. */
export interface ConnectInput {
  readonly kind: 'connect'
  readonly conn: ConnId
  readonly session: SessionId | null
  /** 16 bytes: proof for a session that is resumed; for a new one, the random password it gets. */
  readonly password: Uint8Array
  readonly timeoutMs: number
  readonly lastZxidSeen: Zxid
  readonly identities: readonly Identity[]
  /** A session of this very process: alive as long as the replica runs, it needs no pings. */
  readonly inProcess: boolean
  /** Who hears replies and events of this connection; when left out they are effects. */
  readonly answers?: Answers
}

/**
 * Hears the replies and events of one connection, in their order, in the moment they are made: while the replica steps
 * or its effects are taken; so they come ahead of all effects of that turn. What is written from the node itself needs
 * no copy of it, no reply and no effect, which was a tenth of the CPU time where each tenth request is a set. It must
 * neither throw nor call the replica.
 */
export interface Answers {
  onReply(xid: number, zxid: Zxid, outcome: Outcome): void
  /** The success of a request that is answered with its node (`nodeOutcome`), to be read at once. */
  onNode(xid: number, zxid: Zxid, op: NodeAnswer, node: Znode): void
  onEvent(event: WatchEvent): void
}

/**
 * Reads that wait behind what their session asked for before, kept as they came: what is made of a read is made when it
 * is answered, by whoever kept it. Where nine of ten requests are reads a peer answers 7 to 23 % more of all for it.
 * There is one at least, and none comes to them any more once they are stepped.
 */
export interface KeptReads {
  /** How many are not answered. */
  readonly left: number
  /** Answers the first of these, by one call of `by`; it is told in there. It must not throw. */
  answer(by: ReadAnswering): void
}

/** Answers a read of the connection that asked for it. */
export interface ReadAnswering {
  /**
   * By the node whose path is these bytes, ASCII, without a watch. False: nothing is answered, as there is none that is
   * found so and may be read; `read` tells.
   */
  byNode(xid: number, op: 3 | 4, bytes: Uint8Array, at: number, length: number): boolean
  read(xid: number, request: WatchableRead): void
}

/** Everything a replica can ask of its driver. */
export type Effect =
  /**
   * Write the batch; tickets rise by one. Answer with `persisted` or `persistFailed`, in order; several may be open.
   */
  | { readonly kind: 'persist', readonly ticket: number, readonly batch: LogBatch }
  | { readonly kind: 'send', readonly link: LinkId, readonly message: Message }
  /** Close the link, telling the other side the reason; the driver dials again by itself (no `linkDown` is needed). */
  | { readonly kind: 'dropLink', readonly link: LinkId, readonly code: ErrorCode, readonly reason: string }
  | ConnectedEffect
  | {
    readonly kind: 'reply', readonly conn: ConnId, readonly xid: number, readonly zxid: Zxid, readonly outcome: Outcome,
  }
  | { readonly kind: 'event', readonly conn: ConnId, readonly event: WatchEvent }
  /**
   * The client must go: SessionExpired (for ever), SessionMoved, ConnectionLoss (try another peer or again), Closed
   * (it asked).
   */
  | { readonly kind: 'closeConn', readonly conn: ConnId, readonly code: ErrorCode }
  /** For logs, metrics, status and checkers. */
  | RoleEffect
  | {
    readonly kind: 'log', readonly level: 'debug' | 'info' | 'warn' | 'error', readonly text: string,
    readonly fields: Readonly<Record<string, unknown>>,
  }
  /** The replica has stopped for good: storage failed, damaged, refused membership, foreign ensemble. */
  | { readonly kind: 'fatal', readonly code: ErrorCode, readonly reason: string }

/** The session is open on this connection. */
export interface ConnectedEffect {
  readonly kind: 'connected'
  readonly conn: ConnId
  readonly session: SessionId
  readonly password: Uint8Array
  readonly timeoutMs: number
}

/** The replica changed its role or its readiness. */
export interface RoleEffect {
  readonly kind: 'role'
  readonly role: Role
  /** True when clients are served: leader after activation, learner after UPTODATE and apply. */
  readonly serving: boolean
  readonly epoch: number
  readonly leader: number | null
  readonly reason: string
}

/** One member of the ensemble, as configured. */
export interface Member {
  readonly id: number
  readonly role: 'voter' | 'observer'
}

/** Every duration of the protocol, in ms. */
export interface Timing {
  /** Unit of session buckets. */
  readonly tickMs: number
  /** Bound of discovery and of a synchronization without progress. */
  readonly initMs: number
  /** A link silent for so long is dead; a leader without a quorum heard for so long resigns. */
  readonly syncMs: number
  readonly pingMs: number
  /** How long a candidate waits for a better vote, once a quorum agrees. */
  readonly finalizeMs: number
  /** First and largest pause between notifications while nothing is heard. */
  readonly resendMs: number
  readonly resendMaxMs: number
  readonly sessionMinMs: number
  readonly sessionMaxMs: number
  /** Between searches for containers and TTL nodes to reap. */
  readonly reapMs: number
}

/** What a replica is told at birth. */
export interface ReplicaConfig {
  readonly peerId: number
  readonly ensembleName: string
  /** All members, this one included, sorted by id. */
  readonly members: readonly Member[]
  /** May found an ensemble from empty storages without hearing from every voter. */
  readonly bootstrap: boolean
  readonly timing: Timing
  readonly limits: Limits
  readonly tree: TreeOptions
  /** Seeds jitter, tags and join numbers; must differ between incarnations. */
  readonly seed: number
  /** 32 hexadecimal digits from the system's random source: the ensemble's id, should this peer found it. */
  readonly newEnsembleId: string
  readonly codec: TxnCodec
  /** What /zookeeper/config says. */
  readonly configData: Readonly<Uint8Array>
  /** Txns of one epoch, after which the leader resigns; 2^32 - 1 when left out. The simulator makes it small. */
  readonly epochTxns?: number
  /** What a replica that serves nobody applies in one turn; see work.ts. The simulator makes it small. */
  readonly catchUpWork?: number
  /** Tests only: switches on one known bug, to prove that the checkers see it (correctness plan, mutants). */
  readonly mutant?: string
}
