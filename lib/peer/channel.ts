import type { Channel, ChannelEvents, Endpoint, Hello } from '../client/channel.ts'
import { isTaken } from '../client/request-size.ts'
import type { ConnectedEffect } from '../core/effects.ts'
import type { ErrorCode } from '../core/errors.ts'
import { ZkError } from '../core/errors.ts'
import type { Replica } from '../core/replica.ts'
import type { Identity, MultiOp, Outcome, Request, WatchEvent } from '../core/tree/request.ts'
import type { Zxid } from '../core/zxid.ts'
import type { Clock } from '../ports/clock.ts'
import { digestIdentities } from './digest.ts'
import type { ConnectionEvents, Host } from './host.ts'
import type { Metrics } from './metrics.ts'
import type { NextTurn } from './system-clock.ts'

const PASSWORD_BYTES = 16
/** What ZooKeeper's `ip` scheme would say of a client of this very process. */
const LOCAL: readonly Identity[] = [{ scheme: 'ip', id: '127.0.0.1' }]

/** What in-process channels need of their peer. */
export interface LocalParts {
  readonly peerId: number
  readonly host: Host
  readonly replica: Replica
  readonly metrics: Metrics
  readonly nextTurn: NextTurn
  readonly superDigest: string | undefined
  readonly clock: Clock
  /** Limits.requestBytes. */
  readonly requestBytes: number
  /**
   * A peer cut off from its leader serves on for one `syncMs`; before that, its last touch may have taken another to be
   * given up. The leader surely counted the session as alive that long ago, no later.
   */
  readonly touchDelayMs: number
}

/** Opens channels from this process straight into a peer: values, no bytes. */
export class LocalEndpoint implements Endpoint {
  readonly name: string
  readonly #parts: LocalParts

  constructor(parts: LocalParts) {
    this.#parts = parts
    this.name = `peer ${parts.peerId}`
  }

  get gone(): boolean {
    return this.#parts.host.over
  }

  get ready(): boolean {
    return this.#parts.replica.serving
  }

  open(hello: Hello, events: ChannelEvents): Channel {
    return new LocalChannel(this.#parts, hello, events)
  }
}

class LocalChannel implements Channel, ConnectionEvents {
  readonly #parts: LocalParts
  readonly #conn: number
  #events: ChannelEvents | null

  constructor(parts: LocalParts, hello: Hello, events: ChannelEvents) {
    this.#parts = parts
    this.#events = events
    const { host, metrics } = parts
    this.#conn = host.connect(this)
    metrics.connects += 1
    if (host.over) {
      parts.nextTurn(() => this.onClose('PeerStopped'))
      return
    }
    host.push({
      kind: 'connect', conn: this.#conn, session: hello.session,
      password: hello.session === null && hello.password.length !== PASSWORD_BYTES
        ? crypto.getRandomValues(new Uint8Array(PASSWORD_BYTES)) : hello.password.slice(),
      timeoutMs: hello.timeoutMs, lastZxidSeen: hello.lastZxidSeen, identities: LOCAL, inProcess: true,
    })
  }

  get zxid(): Zxid {
    return this.#parts.replica.tree.zxid
  }

  get requestBytes(): number {
    return this.#parts.requestBytes
  }

  touchedAtMs(): number {
    return this.#parts.clock.now() - this.#parts.touchDelayMs
  }

  request(xid: number, request: Request): void {
    if (!this.#events) return
    this.#parts.metrics.countRequest(request.op)
    // What could not travel to the leader is refused here: a link must never break over one client's argument.
    const conn = this.#conn
    const isGood = isSendable(request) && isTaken(request, this.#parts.requestBytes)
    this.#parts.host.push({ kind: 'request', conn, xid, request: isGood ? request : REFUSED })
  }

  readNow(request: Request): Outcome | null {
    // Another client may hear of a change first, and ask this one: it has its own event before it sees that change.
    if (!this.#events || this.#parts.host.telling) return null
    const outcome = this.#parts.replica.readers?.readNow(this.#conn, request) ?? null
    if (outcome) this.#parts.metrics.countRequest(request.op)
    return outcome
  }

  async authenticate(scheme: string, auth: Uint8Array): Promise<readonly Identity[]> {
    if (scheme !== 'digest') throw new ZkError('AuthFailed', `no authentication by '${scheme}'`)
    const identities = await digestIdentities(auth, this.#parts.superDigest)
    if (!this.#events) throw new ZkError('ConnectionLoss')
    this.#parts.host.push({ kind: 'identify', conn: this.#conn, identities })
    return identities
  }

  close(): void {
    this.#events = null
    this.#parts.host.disconnect(this.#conn)
  }

  onConnected(effect: ConnectedEffect): void {
    this.#events?.onConnected(effect.session, effect.password, effect.timeoutMs)
  }

  onReply(xid: number, zxid: Zxid, outcome: Outcome): void {
    this.#events?.onReply(xid, zxid, outcome)
  }

  onEvent(event: WatchEvent): void {
    this.#events?.onEvent(event)
  }

  onClose(code: ErrorCode): void {
    const events = this.#events
    this.#events = null
    events?.onClose(code)
  }
}

/** Stands for a request that is too large or has a wrong argument: the tree answers BadArguments, in its turn. */
const REFUSED: Request = { op: 1, path: '', data: null, acl: null, flags: 0, ttlMs: -1 }

function isInt32(value: number): boolean {
  return (value | 0) === value
}

function isBytes(value: unknown): boolean {
  return value === null || value instanceof Uint8Array
}

/** True unless a request holds something that the tree cannot look at or the peer protocol cannot carry. */
function isSendable(request: Request | MultiOp): boolean {
  if ('path' in request && typeof request.path !== 'string') return false
  switch (request.op) {
    case 5: return isBytes(request.data) && isInt32(request.version)
    case 1: case 15: case 19: case 21:
      return isBytes(request.data) && isInt32(request.flags) && Number.isSafeInteger(request.ttlMs) &&
        isAcl(request.acl)
    case 2: case 13: return isInt32(request.version)
    case 7: return isInt32(request.version) && isAcl(request.acl)
    case 14: return request.ops.every(isSendable)
    default: return true
  }
}

function isAcl(acl: (Request & { op: 7 })['acl']): boolean {
  return acl === null || acl.every((entry) =>
    isInt32(entry.perms) && typeof entry.scheme === 'string' && typeof entry.id === 'string')
}
