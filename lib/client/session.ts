import type { ErrorCode } from '../core/errors.ts'
import { isZkError, ZkError } from '../core/errors.ts'
import type { Identity, Outcome, Request, SetWatchesRequest, WatchEvent } from '../core/tree/request.ts'
import { ZXID_ZERO } from '../core/zxid.ts'
import type { Zxid } from '../core/zxid.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { Logger } from '../ports/logger.ts'
import { Attempts } from './attempts.ts'
import { Call, CallQueue } from './call-queue.ts'
import type { Channel, Endpoint } from './channel.ts'
import { Copies } from './copies.ts'
import { isSame } from './credential.ts'
import type { Credential } from './credential.ts'
import { Lease } from './lease.ts'
import type { Moment } from './moment.ts'
import { offAbort, onAbort } from './on-abort.ts'
import { aborted, ended, lost, mayChange, pathOf, pickNothing } from './outcomes.ts'
import { isTaken, tooLarge } from './request-size.ts'
import type { SessionKey, SessionState, StateChange } from './session-state.ts'
import { judgeAfter } from './verdict.ts'

/** What a session is made of. */
export interface SessionOptions {
  readonly endpoints: readonly Endpoint[]
  readonly clock: Clock
  /** 0 to 1. */
  readonly random?: () => number
  readonly logger: Logger
  readonly timeoutMs: number
  readonly resume: SessionKey | null
  readonly unref: boolean
  /** Calls that may wait for an answer. */
  readonly pendingCalls: number
}

/** Who is told. */
export interface SessionOwner {
  onState(change: StateChange): void
  onEvent(event: WatchEvent): void
  /** The requests that bring the watches back on a new connection, in order. */
  rearm(relativeZxid: Zxid): readonly SetWatchesRequest[]
  /** One of them was answered; the last one is. */
  onRearmed(request: SetWatchesRequest, isLast: boolean, zxid: Zxid, error: ZkError | null): void
  /** The session is over; no call is open any more. Null: it was closed as asked. */
  onEnd(error: ZkError | null): void
}

const NO_PASSWORD: readonly number[] = []
const LARGEST_XID = 2 ** 31 - 1
const WINDOW = 16_384
const CLOSE_MS = 5_000
const CLOSE_UNCONNECTED_MS = 1_000
/** An attempt that was given up may still claim the session for so long. */
const STRAY_MS = 60_000

/** A session that outlives its connections: calls in order, each settled once, over one channel after the other. */
export class Session {
  readonly #options: SessionOptions
  readonly #owner: SessionOwner
  readonly #attempts: Attempts
  /** Takes the data of requests. */
  readonly copies: Copies = new Copies()
  #queue = new CallQueue()
  #state: SessionState = 'connecting'
  #channel: Channel | null = null
  /** Names the current channel: what an older one still says is not heard. */
  #attempt = 0
  /** The channel is open, authenticated and re-armed: calls may go. */
  #isReady = false
  /** The server of the channel has taken the session up. */
  #isHeld = false
  #heldSinceMs = 0
  /** Identities on their way to it; calls wait for them. */
  #identifying = 0
  #isDelivering = false
  #isClosing = false
  #closed: Promise<void> | null = null
  #onClosed: (() => void) | null = null
  #key: SessionKey | null
  #timeoutMs: number
  readonly #lease: Lease
  #credentials: Credential[] = []
  #timer: Timer | null = null
  #xid = 0
  #window = WINDOW
  /** Of the last reply: what setWatches is relative to. */
  #repliedZxid = ZXID_ZERO
  /** Also of events: a server that has not come so far would take the client back in time. */
  #seenZxid = ZXID_ZERO
  #gaveUpAtMs = -Infinity
  #error: { readonly code: ErrorCode } | null = null
  /** Why the last connection came to nothing, as far as the network tells. */
  lastFailure: Error | null = null
  /** A key that a server without a quorum gave holds there alone; one that it only took up holds everywhere. */
  #isKeyLocal = false
  /** A server that only reads cannot tell whether the ensemble still has the session. */
  #isUnsure = false

  constructor(options: SessionOptions, owner: SessionOwner) {
    this.#options = options
    this.#owner = owner
    this.#attempts = new Attempts(options.endpoints, options.random)
    this.#key = options.resume
    this.#timeoutMs = options.timeoutMs
    this.#lease = new Lease({
      clock: options.clock, unref: options.unref, ends: options.endpoints.some(({ isRemote }) => isRemote === true),
      onLost: () => this.#change('lost', 'ConnectionLoss'),
      onOver: () => this.#end('expired', 'SessionExpired'),
    })
  }

  get state(): SessionState {
    return this.#state
  }

  get key(): SessionKey | null {
    return this.#key
  }

  get timeoutMs(): number {
    return this.#timeoutMs
  }

  /** Zxid of the newest state that was read or written here. */
  get zxid(): Zxid {
    return this.#repliedZxid
  }

  get pendingCalls(): number {
    return this.#queue.waiting
  }

  /** How long the session is surely alive without a connection; Infinity while connected, 0 when it is not sure. */
  get aliveForMs(): number {
    if (this.#isUnsure) return 0
    if (this.#state === 'connected') return Infinity
    return this.#state === 'suspended' ? this.#lease.leftMs : 0
  }

  /** Of a write that was sent at `sent` and committed; null without a connection that writes. */
  touchedBefore(sent: Moment): Moment | null {
    const channel = this.#channel
    if (this.#state !== 'connected' || channel === null || this.readOnly) return null
    return channel.touchedBefore?.(sent) ?? sent
  }

  /** Connected to a server that only reads. */
  get readOnly(): boolean {
    return this.#channel?.readOnly === true
  }

  /** The error that every call gets from now on; null while the session lives. */
  get error(): ZkError | null {
    return this.#error === null ? null : new ZkError(this.#error.code)
  }

  start(): void {
    this.#connect()
  }

  // --- calls -------------------------------------------------------------------------------------------------------

  /** Answers a read on the spot when nothing of this session is under way; else null. */
  readNow(request: Request): Outcome | null {
    if (!this.#isReady || this.#isDelivering || this.#isClosing || this.#queue.size !== 0) return null
    const channel = this.#channel
    if (channel?.readNow === undefined) return null
    const outcome = channel.readNow(request)
    if (outcome !== null) this.#replied(channel.zxid ?? ZXID_ZERO)
    return outcome
  }

  /** Queues a request. Exactly one of `resolve` and `reject` is called, as its reply is delivered or before. */
  submit<T>(
    request: Request, pick: (outcome: Outcome, request: Request) => T | ZkError, signal: AbortSignal | undefined,
    resolve: (value: T) => void, reject: (error: Error) => void,
  ): void {
    if (this.#error !== null || this.#isClosing) {
      reject(new ZkError(this.#error?.code ?? 'Closed', undefined, pathOf(request)))
    } else if (signal?.aborted) {
      reject(aborted(signal, request, false))
    } else if (this.#queue.waiting >= this.#options.pendingCalls) {
      reject(new ZkError('Overloaded', 'too many calls wait for an answer', pathOf(request)))
    } else {
      this.#push(new Call(request, pick, resolve as (value: never) => void, reject), signal)
    }
  }

  #push(call: Call, signal: AbortSignal | undefined): void {
    if (signal !== undefined) {
      call.signal = signal
      call.onAbort = () => this.#abort(call, signal)
      onAbort(signal, call.onAbort)
    }
    this.#queue.push(call)
    if (this.#isReady) this.#pump()
  }

  #pump(): void {
    const channel = this.#channel
    const queue = this.#queue
    while (channel !== null && this.#isReady && queue.sent < this.#window) {
      const call = queue.takeUnsent()
      if (call === undefined) break
      if (call.isOver) continue
      if (channel.requestBytes !== undefined && !isTaken(call.request, channel.requestBytes)) {
        this.#settle(call, tooLarge(call.request, channel.requestBytes))
        continue
      }
      this.#xid = this.#xid === LARGEST_XID ? 1 : this.#xid + 1
      call.xid = this.#xid
      channel.request(call.xid, call.request)
    }
    queue.dropPassed()
  }

  #abort(call: Call, signal: AbortSignal): void {
    if (call.isOver) return
    call.isOver = true
    if (call.xid === 0) this.#queue.passOver()
    call.reject(aborted(signal, call.request, call.xid !== 0 && mayChange(call.request)))
  }

  #settle(call: Call, value: unknown): void {
    if (call.isOver) return
    call.isOver = true
    if (call.onAbort !== undefined) offAbort(call.signal, call.onAbort)
    if (value instanceof ZkError) call.reject(value)
    else call.resolve(value as never)
  }

  #replied(zxid: Zxid): void {
    if (zxid > this.#repliedZxid) this.#repliedZxid = zxid
  }

  #onReply(xid: number, zxid: Zxid, outcome: Outcome): void {
    const queue = this.#queue
    queue.dropPassed()
    const call = queue.shift()
    if (call === undefined || call.xid !== xid) {
      if (call !== undefined) this.#settle(call, lost(call.request))
      this.#options.logger.error('a reply out of order ends the connection', { xid, expected: call?.xid })
      this.#dropChannel('ConnectionLoss')
      return
    }
    this.#replied(zxid)
    if (!call.isOver) {
      this.#isDelivering = true
      try {
        this.#settle(call, call.pick(outcome, call.request))
      } finally {
        this.#isDelivering = false
      }
    }
    if (queue.sent < queue.size) this.#pump()
    else queue.dropPassed()
  }

  #onEvent(event: WatchEvent): void {
    if (event.zxid > this.#seenZxid) this.#seenZxid = event.zxid as Zxid
    this.#isDelivering = true
    try {
      this.#owner.onEvent(event)
    } finally {
      this.#isDelivering = false
    }
  }

  // --- connections -------------------------------------------------------------------------------------------------

  #connect(): void {
    const step = this.#attempts.next(this.#timeoutMs)
    if (step === null) {
      this.#end('closed', 'PeerStopped')
      return
    }
    if (step.pauseMs === 0) this.#open(step.endpoint, step.limitMs)
    else this.#later(step.pauseMs, () => this.#connectNow())
  }

  /** After a pause other endpoints may be the better choice. */
  #connectNow(): void {
    const step = this.#attempts.next(this.#timeoutMs)
    if (step === null) this.#end('closed', 'PeerStopped')
    else this.#open(step.endpoint, step.limitMs)
  }

  #later(delayMs: number, callback: () => void): void {
    this.#timer?.cancel()
    this.#timer = this.#options.clock.setTimer(delayMs, () => {
      this.#timer = null
      callback()
    }, this.#options.unref)
  }

  #open(endpoint: Endpoint, limitMs: number): void {
    this.#attempt += 1
    const attempt = this.#attempt
    const isCurrent = (): boolean => this.#attempt === attempt
    const key = this.#isKeyLocal ? null : this.#key
    const seen = this.#seenZxid > this.#repliedZxid ? this.#seenZxid : this.#repliedZxid
    this.#options.logger.debug('connecting', { endpoint: endpoint.name, session: key?.id })
    this.#channel = endpoint.open({
      session: key?.id ?? null, password: key?.password ?? new Uint8Array(NO_PASSWORD),
      timeoutMs: this.#options.timeoutMs, lastZxidSeen: seen,
    }, {
      onConnected: (id, password, timeoutMs) => {
        if (isCurrent()) this.#onConnected({ id, password }, timeoutMs, key === null)
      },
      onReply: (xid, zxid, outcome) => {
        if (isCurrent()) this.#onReply(xid, zxid, outcome)
      },
      onEvent: (event) => {
        if (isCurrent()) this.#onEvent(event)
      },
      onClose: (code, error) => {
        if (!isCurrent()) return
        if (error !== undefined) this.lastFailure = error
        this.#onClose(code, isZkError(error, 'OperationTimeout'))
      },
    })
    if (limitMs === Infinity) return
    const { clock, unref } = this.#options
    this.#timer?.cancel()
    this.#timer = judgeAfter(clock, limitMs, () => {
      this.#gaveUpAtMs = clock.now()
      this.#dropChannel('OperationTimeout')
    }, unref)
  }

  #onConnected(key: SessionKey, timeoutMs: number, isNew: boolean): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#isKeyLocal = isNew && this.readOnly
    this.#isUnsure = this.readOnly
    this.#key = key
    this.#timeoutMs = timeoutMs
    this.lastFailure = null
    this.#attempts.succeeded()
    // The server holds the session now, and the channel sees whether it goes on doing so.
    this.#lease.stop()
    this.#isHeld = true
    this.#heldSinceMs = this.#options.clock.now()
    this.#identifying = 0
    if (this.#credentials.length === 0) this.#resume()
    // Identities belong to a connection: a new one gets them before anything else.
    for (const credential of this.#credentials) {
      this.#identify(credential).catch((error: unknown) => {
        this.#options.logger.warn('an identity was refused on a new connection', { scheme: credential.scheme, error })
      })
    }
  }

  /** The calls that waited go; on a new connection the watches before them. */
  #resume(): void {
    this.#isReady = true
    if (this.#state !== 'connected') this.#rearm()
    this.#pump()
  }

  #rearm(): void {
    const requests = this.#owner.rearm(this.#repliedZxid)
    const last = requests.at(-1)
    for (const request of requests.toReversed()) {
      const answered = (error: Error | null): void => {
        const failed = isZkError(error) ? error : null
        this.#owner.onRearmed(request, request === last, this.#repliedZxid, failed)
      }
      this.#queue.unshift(new Call(request, pickNothing, () => answered(null), answered))
    }
    this.#change('connected', null)
  }

  #dropChannel(code: ErrorCode): void {
    this.#channel?.close()
    this.#onClose(code)
  }

  #onClose(code: ErrorCode, isSilent = false): void {
    const channel = this.#channel
    const wasReady = this.#isReady
    const wasHeld = this.#isHeld
    this.#attempt += 1
    this.#channel = null
    this.#isReady = false
    this.#isHeld = false
    this.#timer?.cancel()
    this.#timer = null
    if (code === 'SessionExpired' || code === 'Closed') {
      if (this.#isClosing) this.#end('closed', null)
      else this.#end('expired', 'SessionExpired')
      return
    }
    // Somebody took the session up elsewhere: fighting for it would never end. Unless it was a stray attempt of ours.
    if (code === 'SessionMoved' && this.#options.clock.now() - this.#gaveUpAtMs > STRAY_MS) {
      this.#end('closed', 'SessionMoved')
      return
    }
    if (this.#attempts.isOver || code === 'AuthFailed') {
      this.#end('closed', code === 'AuthFailed' ? code : 'PeerStopped')
      return
    }
    if (code === 'Overloaded') this.#window = Math.max(1, this.#window >> 1)
    this.#queue.lose((call) => this.#settle(call, lost(call.request)))
    if (!wasReady) this.#attempts.failed()
    else if (isSilent) this.#attempts.wentSilent()
    if (wasHeld) this.#attempts.ended(this.#options.clock.now() - this.#heldSinceMs)
    if (wasHeld) this.#suspend(code, channel)
    if (this.#error === null) this.#connect()
  }

  #suspend(code: ErrorCode, channel: Channel | null): void {
    this.#lease.begin(channel?.touchedAtMs?.() ?? this.#options.clock.now(), this.#timeoutMs)
    if (this.#state === 'connected') this.#change('suspended', code)
    if (this.#state === 'suspended' || this.#state === 'lost') this.#lease.watch()
  }

  #change(state: SessionState, code: ErrorCode | null): void {
    const previous = this.#state
    if (previous === state) return
    this.#state = state
    const aliveForMs = state === 'suspended' ? this.aliveForMs : null
    this.#options.logger.debug('session state', { state, code, session: this.#key?.id })
    this.#owner.onState({ state, previous, code, aliveForMs })
  }

  // --- identities --------------------------------------------------------------------------------------------------

  /** Later calls carry the identity, on this connection and those to come. */
  async authenticate(scheme: string, auth: Uint8Array): Promise<readonly Identity[]> {
    for (;;) {
      if (this.#error !== null || this.#isClosing) throw new ZkError(this.#error?.code ?? 'Closed')
      const credential: Credential = { scheme, auth }
      try {
        // Without a connection it goes with the next one.
        const identities = this.#isHeld ? await this.#identify(credential) : []
        if (!this.#credentials.some((one) => isSame(one, credential))) this.#credentials.push(credential)
        return identities
      } catch (error) {
        // The connection went; the next one may have been told of the others already.
        if (!isZkError(error, 'ConnectionLoss')) throw error
      }
    }
  }

  /** Calls that follow must carry the identity: they wait until all that are on their way are known. */
  async #identify({ scheme, auth }: Credential): Promise<readonly Identity[]> {
    const attempt = this.#attempt
    this.#isReady = false
    this.#identifying += 1
    try {
      return await this.#channel?.authenticate(scheme, auth) ?? []
    } finally {
      if (this.#attempt === attempt) {
        this.#identifying -= 1
        if (this.#identifying === 0) this.#resume()
      }
    }
  }

  // --- the end -----------------------------------------------------------------------------------------------------

  /** Closes the session after the calls made so far; ends within 5 s, whatever the ensemble does. Never rejects. */
  close(): Promise<void> {
    if (this.#closed !== null) return this.#closed
    if (this.#error !== null) return Promise.resolve()
    this.#closed = new Promise((resolve) => { this.#onClosed = resolve })
    const done = (): void => this.#end('closed', null)
    this.#push(new Call({ op: -11 }, pickNothing, done, done), undefined)
    this.#isClosing = true
    const { clock, unref } = this.#options
    const limit = clock.setTimer(this.#state === 'connected' ? CLOSE_MS : CLOSE_UNCONNECTED_MS, done, unref)
    return this.#closed.finally(() => limit.cancel())
  }

  /** Ends at once; the session itself lives on at the ensemble until it expires. */
  abandon(code: ErrorCode): void {
    this.#end('closed', code)
  }

  #end(state: 'closed' | 'expired', code: ErrorCode | null): void {
    if (this.#error !== null) return
    this.#error = { code: code ?? 'Closed' }
    const channel = this.#channel
    this.#attempt += 1
    this.#channel = null
    this.#isReady = false
    channel?.close()
    this.#timer?.cancel()
    this.#lease.stop()
    for (const call of this.#queue.drain()) this.#settle(call, ended(call.request, call.xid !== 0, this.#error.code))
    this.#change(state, code)
    this.#owner.onEnd(code === null ? null : new ZkError(code))
    this.#onClosed?.()
  }
}
