import type { ErrorCode } from '../core/errors.ts'
import type { Identity, Outcome, Request, WatchEvent } from '../core/tree/request.ts'
import type { SessionId } from '../core/tree/stat.ts'
import type { Zxid } from '../core/zxid.ts'
import type { Moment } from './moment.ts'

/** A place where a client can open channels: a peer of this process, or a server at the end of a link. */
export interface Endpoint {
  /** For logs and `client.status()`: `peer 1`, `tcp://10.0.0.7:2181`. */
  readonly name: string
  /** True when the endpoint will never open a channel again (the peer was stopped). */
  readonly gone: boolean
  /** False when it is known not to serve clients at this moment: others are tried first. */
  readonly ready?: boolean
  /** True when a network lies in between: the session may be over without anybody who could say so. */
  readonly isRemote?: boolean
  /** Begins a connection. Events come in later turns, never from within `open`. */
  open(hello: Hello, events: ChannelEvents): Channel
}

/** The first word of a client. */
export interface Hello {
  /** Null asks for a new session. */
  readonly session: SessionId | null
  /** 16 bytes. Of the resumed session, or empty for a new one. */
  readonly password: Uint8Array
  readonly timeoutMs: number
  readonly lastZxidSeen: Zxid
}

/** One connection of one session. */
export interface Channel {
  /** Sends a request; its reply comes through `onReply`, in request order. */
  request(xid: number, request: Request): void
  /**
   * Answers a read (getData, exists, children, without watch) at once from the local tree when that keeps the
   * session's order, that is when none of its writes is in flight; null when the request must be sent. In-process only.
   */
  readNow?(request: Request): Outcome | null
  /** Largest request that is taken, counted as `requestBytes` does. No bound when absent. */
  readonly requestBytes?: number
  /** The server only reads, because it has no quorum. */
  readonly readOnly?: boolean
  /** The zxid up to which `readNow` answers. */
  readonly zxid?: Zxid
  /**
   * Monotonic ms of the last moment at which the leader surely counted the session as alive; when absent, the end of
   * the channel is taken for it.
   */
  touchedAtMs?(): number
  /**
   * A write that was sent at `sent` was committed: the newest moment of which that proves that the **leader** counted
   * the session as alive. `sent` itself when absent.
   */
  touchedBefore?(sent: Moment): Moment
  /**
   * Adds an identity (ZooKeeper's addAuth): `digest` with `user:password` bytes. Resolves when later requests carry it.
   */
  authenticate(scheme: string, auth: Uint8Array): Promise<readonly Identity[]>
  /** Ends the connection without closing the session. Idempotent; no event comes after it. */
  close(): void
}

/** What the owner of a channel hears, in the server's order; none may throw. */
export interface ChannelEvents {
  onConnected(session: SessionId, password: Uint8Array, timeoutMs: number): void
  onReply(xid: number, zxid: Zxid, outcome: Outcome): void
  onEvent(event: WatchEvent): void
  /**
   * The connection ended: SessionExpired is final for the session, PeerStopped for the endpoint; others may be tried
   * again. AuthFailed: an identity was refused. The error says more of a network's failure.
   */
  onClose(code: ErrorCode, error?: Error): void
}
