import type { ErrorCode } from '../core/errors.ts'
import { isZkError, ZkError } from '../core/errors.ts'
import type { EventTypeNumber, Identity, Request } from '../core/tree/request.ts'
import { NO_SESSION } from '../core/tree/stat.ts'
import type { Zxid } from '../core/zxid.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { Logger } from '../ports/logger.ts'
import type { Link, Transport } from '../ports/transport.ts'
import { FrameReader } from '../wire/frame.ts'
import { JuteReader } from '../wire/jute/reader.ts'
import { PASSWORD_BYTES, readConnectResponse, writeConnectRequest, Xid } from '../wire/jute/records.ts'
import { Outgoing } from '../wire/jute/outgoing.ts'
import { readOutcome } from '../wire/jute/replies.ts'
import { writeAuth, writeRequest } from '../wire/jute/requests.ts'
import { JuteWriter } from '../wire/jute/writer.ts'
import type { Channel, ChannelEvents, Hello } from './channel.ts'
import type { Chroot } from './chroot.ts'
import { Moment } from './moment.ts'
import { GRACE_MS, judgeAfter } from './verdict.ts'

/** What a connection to a server is made of. */
export interface RemoteChannelParts {
  readonly address: string
  readonly transport: Transport
  readonly clock: Clock
  readonly logger: Logger
  readonly unref: boolean
  readonly chroot: Chroot
  /** Take a server that only reads, too. */
  readonly readOnly: boolean
  /** The link must be open and the session known by then. */
  readonly connectMs: number
  /** The server only reads: begins to look for a better one, for which `leave` ends this connection. */
  search(leave: () => void): { stop(): void }
}

/** A reply may hold the names of many children; a length above this is no reply. */
const REPLY_BYTES = 256 * 1024 * 1024
/** A connection with nothing to say says so after this part of the session's timeout ... */
const PING_SHARE = 3
/** ... or after this, when that is less. */
const PING_MS = 10_000
const READ_SHARE = 2 / 3
/** A follower tells its leader within this part of the timeout who was heard: half a tick, and timeouts have two. */
const TOLD_SHARE = 4

/** No greeting can ask for more; the server bounds it anyway. */
const LONGEST_MS = 2 ** 31 - 1

/** A request, and when its answer came. */
interface Answered {
  readonly sent: Moment
  readonly answeredMs: number
}

interface Sent {
  readonly xid: number
  readonly request: Request
  readonly at: Moment
}

interface Authentication {
  readonly resolve: (identities: readonly Identity[]) => void
  readonly reject: (error: Error) => void
}

/** One connection of a session to a ZooKeeper server, Apache's or one of ours, over any transport. */
export class RemoteChannel implements Channel {
  readonly #parts: RemoteChannelParts
  readonly #hello: Hello
  #events: ChannelEvents | null
  readonly #dialling = new AbortController()
  #link: Link | null = null
  readonly #frames = new FrameReader(REPLY_BYTES)
  readonly #reader = new JuteReader()
  readonly #writer = new JuteWriter()
  readonly #outgoing = new Outgoing()
  #isFlushing = false
  #sent: Sent[] = []
  #head = 0
  readonly #authentications: Authentication[] = []
  /** When the pings under way were sent. */
  readonly #pings: Moment[] = []
  #isOpen = false
  #isReadOnly = false
  #search: { stop(): void } | null = null
  #timeoutMs = 0
  #timer: Timer | null = null
  #lastSentMs = 0
  #heard: Moment
  /** The last moment of which the server proved that it had heard from us: when what it answered was sent. */
  #proven: Moment
  /** When the greeting was sent: the leader itself takes a session up, or opens it. */
  #greeted: Moment
  /** Two that were answered, the second later by what it takes to tell the leader of the first. */
  #touches: readonly [Answered | null, Answered | null] = [null, null]
  #isGraced = false

  constructor(parts: RemoteChannelParts, hello: Hello, events: ChannelEvents) {
    this.#parts = parts
    this.#hello = hello
    this.#events = events
    this.#heard = Moment.now(parts.clock)
    this.#proven = this.#greeted = this.#heard
    const { clock, unref, address, transport } = parts
    this.#timer = judgeAfter(clock, parts.connectMs, () => {
      this.#end('OperationTimeout', new ZkError('OperationTimeout', `no answer from ${address}`))
    }, unref)
    transport.dial(address, { signal: this.#dialling.signal }).then((link) => this.#dialled(link), (error: unknown) => {
      this.#end('ConnectionLoss', error)
    })
  }

  get readOnly(): boolean {
    return this.#isReadOnly
  }

  touchedAtMs(): number {
    const { clock } = this.#parts
    return clock.now() - this.#proven.elapsedMs(clock)
  }

  /**
   * What a follower heard, it tells the leader at the next ping; a write goes there in its turn. So a committed write
   * proves what had been answered half a tick before it was sent, and the touch of the greeting in any case.
   */
  touchedBefore({ ms }: Moment): Moment {
    const toldMs = ms - this.#timeoutMs / TOLD_SHARE
    const [older, newer] = this.#touches
    if (newer !== null && newer.answeredMs <= toldMs) return newer.sent
    if (older !== null && older.answeredMs <= toldMs) return older.sent
    return this.#greeted
  }

  #prove(sent: Moment): void {
    this.#proven = sent
    const answeredMs = this.#heard.ms
    const [, newer] = this.#touches
    if (newer !== null && answeredMs - newer.answeredMs < this.#timeoutMs / TOLD_SHARE) return
    this.#touches = [newer, { sent, answeredMs }]
  }

  #dialled(link: Link): void {
    if (this.#events === null) {
      link.attach({ onData: ignore, onDrain: ignore, onClose: ignore })
      link.abort()
      return
    }
    this.#link = link
    link.attach({
      onData: (chunk) => this.#received(chunk),
      onDrain: ignore,
      onClose: (error) => this.#end('ConnectionLoss', error),
    })
    const { session, password, timeoutMs, lastZxidSeen } = this.#hello
    this.#proven = this.#greeted = Moment.now(this.#parts.clock)
    writeConnectRequest(this.#writer, {
      lastZxidSeen, timeoutMs: Math.min(timeoutMs, LONGEST_MS), session: session ?? NO_SESSION,
      password: session === null ? new Uint8Array(PASSWORD_BYTES) : password, readOnly: this.#parts.readOnly,
    })
    this.#leave()
  }

  // --- what arrives ------------------------------------------------------------------------------------------------

  #received(chunk: Uint8Array): void {
    this.#heard = Moment.now(this.#parts.clock)
    try {
      this.#frames.push(chunk)
      for (let frame = this.#frames.next(); frame !== null; frame = this.#frames.next()) {
        if (this.#events === null) return
        this.#reader.reset(frame)
        if (this.#isOpen) this.#packet()
        else this.#opened()
      }
    } catch (error) {
      if (!isZkError(error)) throw error
      this.#parts.logger.warn('bytes that are no reply end the connection', { address: this.#parts.address, error })
      this.#end('ConnectionLoss', error)
    }
  }

  #opened(): void {
    const { timeoutMs, session, password, readOnly } = readConnectResponse(this.#reader)
    this.#timer?.cancel()
    this.#timer = null
    if (timeoutMs <= 0) {
      this.#end('SessionExpired', undefined)
      return
    }
    this.#isOpen = true
    this.#isReadOnly = readOnly === true
    this.#timeoutMs = timeoutMs
    if (this.#isReadOnly) this.#search = this.#parts.search(() => this.#end('ConnectionLoss', undefined))
    this.#arm()
    this.#events?.onConnected(session, password.slice(), timeoutMs)
  }

  #packet(): void {
    const reader = this.#reader
    const xid = reader.int()
    const zxid = reader.long() as Zxid
    const number = reader.int()
    switch (xid) {
      case Xid.notification: {
        const type = reader.int() as EventTypeNumber
        reader.int()
        const path = this.#parts.chroot.inward(reader.textOf('path'))
        this.#events?.onEvent({ type, path, zxid })
        return
      }
      case Xid.ping: {
        const at = this.#pings.shift()
        if (at !== undefined) this.#prove(at)
        return
      }
      case Xid.auth: this.#authenticated(number); return
      default: this.#replied(xid, zxid, number)
    }
  }

  #replied(xid: number, zxid: Zxid, number: number): void {
    const sent = this.#sent[this.#head]
    if (sent === undefined || sent.xid !== xid) {
      throw new ZkError('BadFrame', `a reply to ${xid}, where ${sent?.xid ?? 'none'} was due`)
    }
    this.#head += 1
    if (this.#head === this.#sent.length) {
      this.#sent = []
      this.#head = 0
    } else if (this.#head > 1_024 && this.#head * 2 > this.#sent.length) {
      this.#sent = this.#sent.slice(this.#head)
      this.#head = 0
    }
    this.#prove(sent.at)
    const outcome = readOutcome(number, sent.request, this.#reader)
    this.#events?.onReply(xid, zxid, this.#parts.chroot.outcome(outcome))
  }

  // --- what leaves -------------------------------------------------------------------------------------------------

  request(xid: number, request: Request): void {
    if (this.#events === null) return
    this.#sent.push({ xid, request, at: Moment.now(this.#parts.clock) })
    writeRequest(this.#writer, xid, this.#parts.chroot.request(request))
    this.#leave()
  }

  /** What one turn writes leaves together. */
  #leave(): void {
    this.#outgoing.add(this.#writer)
    if (this.#isFlushing) return
    this.#isFlushing = true
    queueMicrotask(() => {
      this.#isFlushing = false
      if (this.#events !== null) this.#send()
    })
  }

  #send(): void {
    const bytes = this.#outgoing.take(this.#writer)
    if (bytes === null || this.#link === null) return
    this.#lastSentMs = this.#parts.clock.now()
    this.#link.send(bytes)
  }

  authenticate(scheme: string, auth: Uint8Array): Promise<readonly Identity[]> {
    if (this.#events === null) return Promise.reject(new ZkError('ConnectionLoss'))
    writeAuth(this.#writer, Xid.auth, scheme, auth)
    this.#leave()
    return new Promise((resolve, reject) => this.#authentications.push({ resolve, reject }))
  }

  #authenticated(number: number): void {
    const waiting = this.#authentications.shift()
    if (number === 0) {
      waiting?.resolve([])
      return
    }
    waiting?.reject(new ZkError('AuthFailed'))
    this.#end('AuthFailed', undefined)
  }

  // --- liveness ----------------------------------------------------------------------------------------------------

  #arm(): void {
    const { clock, unref } = this.#parts
    const nowMs = clock.now()
    const pingMs = Math.min(PING_MS, this.#timeoutMs / PING_SHARE)
    const readMs = this.#timeoutMs * READ_SHARE
    const delayMs = Math.min(this.#lastSentMs + pingMs - nowMs, readMs - this.#heard.elapsedMs(clock))
    this.#timer = clock.setTimer(Math.max(1, Math.ceil(delayMs)), () => this.#beat(pingMs, readMs), unref)
  }

  #beat(pingMs: number, readMs: number): void {
    const { clock, unref } = this.#parts
    if (this.#heard.elapsedMs(clock) >= readMs) {
      if (!this.#isGraced) {
        // The process, or the machine, may have stood still: what the server said meanwhile is read first.
        this.#isGraced = true
        this.#timer = clock.setTimer(GRACE_MS, () => this.#beat(pingMs, readMs), unref)
        return
      }
      this.#end('ConnectionLoss', new ZkError('OperationTimeout', `${this.#parts.address} has gone silent`))
      return
    }
    this.#isGraced = false
    if (clock.now() - this.#lastSentMs >= pingMs) {
      this.#pings.push(Moment.now(clock))
      this.#lastSentMs = clock.now()
      writeRequest(this.#writer, Xid.ping, { op: 11 })
      this.#leave()
    }
    this.#arm()
  }

  // --- the end -----------------------------------------------------------------------------------------------------

  close(): void {
    this.#shut()
  }

  #end(code: ErrorCode, error: unknown): void {
    const events = this.#events
    this.#shut()
    events?.onClose(code, error instanceof Error ? error : undefined)
  }

  #shut(): void {
    if (this.#events === null) return
    this.#events = null
    this.#timer?.cancel()
    this.#search?.stop()
    this.#dialling.abort()
    for (const { reject } of this.#authentications.splice(0)) reject(new ZkError('ConnectionLoss'))
    this.#send()
    this.#link?.close()
  }
}

function ignore(): void {
  // Nothing is told to a channel that is over, and its window bounds what is queued.
}
