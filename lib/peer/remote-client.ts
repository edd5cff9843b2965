import type { Answers, ConnectedEffect } from '../core/effects.ts'
import type { ErrorCode } from '../core/errors.ts'
import { errorNumber, isZkError, ZkError } from '../core/errors.ts'
import { outcomeBytes } from '../core/tree/answer-size.ts'
import { nodeOutcome } from '../core/tree/reads.ts'
import type { Identity, NodeAnswer, Outcome, Request, WatchableRead, WatchEvent } from '../core/tree/request.ts'
import { NO_SESSION } from '../core/tree/stat.ts'
import type { SessionId } from '../core/tree/stat.ts'
import type { Znode } from '../core/tree/znode.ts'
import { ZXID_ZERO } from '../core/zxid.ts'
import type { Zxid } from '../core/zxid.ts'
import type { Link } from '../ports/transport.ts'
import { FrameReader } from '../wire/frame.ts'
import { PASSWORD_BYTES, readConnectRequest, writeConnectResponse, writeEvent, Xid } from '../wire/jute/records.ts'
import { writeNodeReply, writeNullReply, writePlainReply, writeReply } from '../wire/jute/replies.ts'
import { readAuth, readRequest, readSasl, WireOp } from '../wire/jute/requests.ts'
import type { JuteWriter } from '../wire/jute/writer.ts'
import { isAnswerable, undecodable } from './answerable.ts'
import { Asking } from './asking.ts'
import { ClaimedIdentities } from './claimed-identities.ts'
import { ClientOutput } from './client-output.ts'
import { digestIdentities } from './digest.ts'
import type { ConnectionEvents } from './host.ts'
import { InFlight } from './in-flight.ts'
import type { RemoteParts } from './remote-parts.ts'
import { OPEN_SESSION } from './words/server-stats.ts'
import type { ConnectionStats } from './words/server-stats.ts'

/** The first frame holds a password and five numbers. */
const HELLO_BYTES = 1_024
const PING = 11
const CHECK = 13
const UNIMPLEMENTED = errorNumber('Unimplemented')
const AUTH_FAILED = errorNumber('AuthFailed')
/** Zxid of an answer that no state stands behind. */
const NO_ZXID = -1

/**
 * One connection of a ZooKeeper client. Frames are taken in order; reads with nothing before them are answered on the
 * spot, everything else by the replica. Nothing is read from the socket while too much is under way or unsent.
 */
export class RemoteClient implements ConnectionEvents, Answers {
  readonly host: string
  readonly port: number
  readonly openedAtMs: number
  readonly stats: ConnectionStats
  readonly #parts: RemoteParts
  readonly #link: Link
  readonly #frames = new FrameReader(HELLO_BYTES)
  readonly #output: ClientOutput
  #chunks: Uint8Array[] = []
  #state: 'hello' | 'opening' | 'open' | 'over' = 'hello'
  #conn = 0
  #identities: readonly Identity[]
  /** What the replica has not answered. */
  readonly #inFlight: InFlight
  readonly #asking: Asking
  #isAuthenticating = false
  readonly #claimed = new ClaimedIdentities()
  #isPaused = false
  #isTouched = false
  /** Why it is cut once the turn is over: whatever that takes, and whoever is told, the replica is not in between. */
  #doom: unknown = null
  /** When the first reply of this turn was made: a look at the clock for each was 2 % of a set. */
  #repliesMs: number | null = null
  #hasReadOnlyByte = false
  #isNew = false
  session: SessionId = NO_SESSION
  timeoutMs = 0
  lastHeardMs: number

  constructor(
    link: Link, remote: { readonly host: string, readonly port: number }, stats: ConnectionStats, parts: RemoteParts,
  ) {
    this.#link = link
    this.#parts = parts
    const { writer, queueBytes } = parts
    this.#inFlight = new InFlight(queueBytes)
    this.#asking = new Asking(parts, this.#inFlight)
    this.#output = new ClientOutput(link, { writer, stats, queueBytes, onOverflow: () => this.#overflow() })
    this.host = remote.host
    this.port = remote.port
    const nowMs = parts.clock.now()
    this.openedAtMs = nowMs
    this.lastHeardMs = nowMs
    this.stats = stats
    this.#identities = [{ scheme: 'ip', id: remote.host }]
  }

  /** Requests that are not answered yet. */
  get inFlight(): number {
    return this.#inFlight.size
  }

  get isReading(): boolean {
    return !this.#isPaused
  }

  get queuedBytes(): number {
    return this.#output.bytes
  }

  /** Replies and events that wait for the link to take more. */
  get held(): number {
    return this.#output.held
  }

  get hasSession(): boolean {
    return this.#state === 'open'
  }

  // --- what arrives ------------------------------------------------------------------------------------------------

  /** Bytes behind the first four, which were no four-letter word. */
  onData(chunk: Uint8Array): void {
    if (this.#state === 'over') return
    this.lastHeardMs = this.#parts.clock.now()
    this.#chunks.push(chunk)
    this.#pump()
    this.#touch()
  }

  onDrain(): void {
    if (this.#state === 'over') return
    try {
      this.#output.drained()
    } catch (error) {
      this.#broken(error)
    }
    this.#pump()
    this.#output.flush()
  }

  onLinkClosed(): void {
    if (this.#state === 'over') return
    this.#leave()
  }

  /** Takes frames until there is none, or something must be waited for. */
  #pump(): void {
    const frames = this.#frames
    const { reader } = this.#parts
    try {
      while (this.#mayRead()) {
        if (frames.advance()) {
          reader.reset(frames.bytes, frames.start, frames.end)
          if (this.#state === 'open') this.#request()
          else this.#hello()
          continue
        }
        const chunk = this.#chunks.shift()
        if (chunk === undefined) break
        frames.push(chunk)
      }
    } catch (error) {
      this.#broken(error)
    }
  }

  /**
   * The connection is useless, and says nothing more: for bytes that are no frame, or no first word. Anything else is
   * a mistake of ours, which may cost this client its connection, and never the process.
   */
  #broken(error: unknown): void {
    if (isZkError(error)) {
      this.abort(error.code)
      return
    }
    this.#parts.logger.error('a client could not be served', { remote: `${this.host}:${this.port}`, error })
    this.abort('SystemError')
  }

  #mayRead(): boolean {
    const may = (this.#state === 'hello' || this.#state === 'open') && !this.#isAuthenticating &&
      this.#doom === null && this.#output.isClear && !this.#inFlight.isFull
    if (may === this.#isPaused && this.#state !== 'over') {
      this.#isPaused = !may
      if (may) this.#link.resume()
      else this.#link.pause()
    }
    return may
  }

  #hello(): void {
    const hello = readConnectRequest(this.#parts.reader)
    const { host, metrics } = this.#parts
    metrics.connects += 1
    this.stats.received()
    this.#hasReadOnlyByte = hello.readOnly !== null
    this.#state = 'opening'
    const isNew = hello.session === NO_SESSION
    this.#isNew = isNew
    this.#conn = host.connect(this)
    this.session = hello.session
    host.push({
      kind: 'connect', conn: this.#conn, session: isNew ? null : hello.session,
      password: isNew ? crypto.getRandomValues(new Uint8Array(PASSWORD_BYTES)) : hello.password.slice(),
      timeoutMs: hello.timeoutMs, lastZxidSeen: hello.lastZxidSeen, identities: this.#identities, inProcess: false,
      answers: this,
    })
  }

  #request(): void {
    const { reader } = this.#parts
    const xid = reader.int()
    const op = reader.int()
    this.stats.received()
    const isIdle = this.#inFlight.size === 0
    switch (op) {
      case 3: case 4: case 8: case 12: this.#readNode(xid, op, isIdle); return
      case WireOp.auth: this.#authenticate(xid); return
      case WireOp.sasl:
        readSasl(reader)
        this.#plain(xid, ZXID_ZERO, 0, true)
        return
      case CHECK: this.#unknown(xid); return
      default: this.#decoded(xid, op, isIdle)
    }
  }

  /** An exists, getData or children: answered straight from the node if nothing must be waited for. */
  #readNode(xid: number, op: WatchableRead['op'], isIdle: boolean): void {
    const { reader, replica } = this.#parts
    let watch: boolean
    try {
      reader.passTextOf('path')
      watch = reader.bool()
    } catch (error) {
      this.#submit(xid, op, undecodable(error), isIdle)
      return
    }
    const readers = isIdle && this.#output.isClear ? replica.readers : null
    const { bytes, textAt, textLength } = reader
    const node = watch ? null : readers?.lookNowByAscii(this.#conn, op, bytes, textAt, textLength) ?? null
    if (node !== null) {
      this.#answerNode(xid, op, node)
      return
    }
    const found = readers?.lookNow(this.#conn, op, reader.passedText(), watch) ?? null
    if (found === null) {
      this.#asking.keep(this.#conn, op, xid, watch, this.#frames.end - this.#frames.start, this.lastHeardMs)
    } else if (typeof found !== 'string') this.#answerNode(xid, op, found)
    else this.#answerNow(xid, op, { code: found, result: null })
  }

  #answerNode(xid: number, op: WatchableRead['op'], node: Znode): void {
    const { replica: { tree: { zxid } }, writer, metrics } = this.#parts
    metrics.countRequest(op)
    writeNodeReply(writer, xid, zxid, op, node)
    this.#output.added(true)
    this.stats.replied(op, xid, zxid, 0, this.lastHeardMs)
  }

  #decoded(xid: number, op: number, isIdle: boolean): void {
    let request: Request | null
    try {
      request = readRequest(op, this.#parts.reader)
    } catch (error) {
      request = undecodable(error)
    }
    if (request === null) this.#unknown(xid)
    else this.#submit(op === PING ? Xid.ping : xid, op, request, isIdle)
  }

  #submit(xid: number, op: number, request: Request, isIdle: boolean): void {
    const { replica } = this.#parts
    if (isIdle && this.#output.isClear && isAnswerable(request)) {
      const outcome = replica.readers?.readNow(this.#conn, request) ?? null
      if (outcome !== null) {
        this.#answerNow(xid, op, outcome)
        return
      }
    }
    this.#parts.metrics.countRequest(op)
    this.#asking.push(this.#conn, op, xid, request, this.#frames.end - this.#frames.start, this.lastHeardMs)
  }

  #answerNow(xid: number, op: number, outcome: Outcome): void {
    const { replica: { tree: { zxid } }, metrics } = this.#parts
    metrics.countRequest(op)
    this.#reply(xid, zxid, outcome)
    this.stats.replied(op, xid, zxid, 0, this.lastHeardMs, outcome.code !== 'Ok')
  }

  /** Answered out of turn, as ZooKeeper does, and then closed. */
  #unknown(xid: number): void {
    this.#plain(xid, NO_ZXID, UNIMPLEMENTED, false)
    this.close()
  }

  /** A reply that nothing in the tree stands behind. */
  #plain(xid: number, zxid: number, number: number, withNull: boolean): void {
    this.#write(0, (writer) => {
      if (withNull) writeNullReply(writer, xid, zxid)
      else writePlainReply(writer, xid, zxid, number)
    })
    this.stats.notified()
  }

  // --- identities --------------------------------------------------------------------------------------------------

  /** What follows must carry the identity, so it waits; what came before keeps the old ones. */
  #authenticate(xid: number): void {
    const { scheme, auth } = readAuth(this.#parts.reader)
    const { superDigest, metrics } = this.#parts
    metrics.countRequest(WireOp.auth)
    if (scheme === 'ip') {
      this.#plain(xid, ZXID_ZERO, 0, false)
      return
    }
    if (scheme !== 'digest' || auth === null) {
      this.#refuseAuth(xid)
      return
    }
    this.#isAuthenticating = true
    digestIdentities(auth, superDigest).then((identities) => {
      if (this.#state === 'over') return
      this.#isAuthenticating = false
      if (!this.#claimed.add(identities)) {
        this.#refuseAuth(xid)
        return
      }
      this.#parts.host.push({ kind: 'identify', conn: this.#conn, identities })
      // Reads on the spot must not pass the identity that is on its way to the replica.
      this.#authXids.push(xid)
      this.#asking.push(this.#conn, WireOp.auth, xid, { op: PING }, 0, this.lastHeardMs)
      this.#pump()
      this.#output.flush()
    }, (error: unknown) => {
      this.#parts.logger.error('a digest could not be computed', { error })
      this.abort('AuthFailed')
    })
  }

  #refuseAuth(xid: number): void {
    this.#parts.metrics.authFailures += 1
    this.#plain(xid, ZXID_ZERO, AUTH_FAILED, false)
    this.close()
  }

  /** Xids of the authentications that the replica is being told of. */
  readonly #authXids: number[] = []

  // --- what the replica says ---------------------------------------------------------------------------------------

  #overflow(): void {
    this.#doom ??= new ZkError('Overloaded')
    this.#touch()
  }

  #touch(): void {
    if (this.#isTouched) return
    this.#isTouched = true
    this.#parts.touched(this)
  }

  onConnected(effect: ConnectedEffect): void {
    this.#touch()
    this.#state = 'open'
    this.session = effect.session
    this.timeoutMs = effect.timeoutMs
    this.#frames.limitBytes = this.#parts.frameBytes
    this.#respond(effect.timeoutMs, effect.session, effect.password)
    const nowMs = this.#parts.clock.now()
    if (this.#isNew) this.stats.replied(OPEN_SESSION, 0, this.#parts.replica.tree.zxid, nowMs - this.lastHeardMs, nowMs)
    else this.stats.notified()
  }

  #respond(timeoutMs: number, session: SessionId, password: Uint8Array): void {
    const readOnly = this.#hasReadOnlyByte ? false : null
    this.#write(0, (writer) => writeConnectResponse(writer, { timeoutMs, session, password, readOnly }))
  }

  onReply(xid: number, zxid: Zxid, outcome: Outcome): void {
    if (!this.#shift()) return
    try {
      if (this.#inFlight.op === WireOp.auth) {
        this.#plain(this.#authXids.shift() ?? Xid.auth, ZXID_ZERO, 0, false)
        return
      }
      this.#reply(xid, zxid, outcome)
      this.#replied(xid, zxid, outcome.code !== 'Ok')
    } catch (error) {
      this.#doom ??= error
    }
  }

  onNode(xid: number, zxid: Zxid, op: NodeAnswer, node: Znode): void {
    // What has to wait is kept as values.
    if (!this.#output.isClear) {
      this.onReply(xid, zxid, nodeOutcome(op, node))
      return
    }
    if (!this.#shift()) return
    try {
      writeNodeReply(this.#parts.writer, xid, zxid, op, node)
      this.#output.added(true)
      this.#replied(xid, zxid, false)
    } catch (error) {
      this.#doom ??= error
    }
  }

  /** The first of what is in flight is answered. False: nobody is to hear of it any more. */
  #shift(): boolean {
    if (!this.#hears()) return false
    this.#parts.metrics.replies += 1
    this.#inFlight.shift()
    return true
  }

  #hears(): boolean {
    if (this.#state === 'over' || this.#doom !== null) return false
    this.#touch()
    return true
  }

  #replied(xid: number, zxid: Zxid, hasFailed: boolean): void {
    const { op, sinceMs } = this.#inFlight
    this.#repliesMs ??= this.#parts.clock.now()
    this.stats.replied(op, xid, zxid, this.#repliesMs - sinceMs, this.#repliesMs, hasFailed)
  }

  onEvent(event: WatchEvent): void {
    if (!this.#hears()) return
    this.#parts.metrics.events += 1
    try {
      this.#write(event.path.length, (writer) => writeEvent(writer, event))
      this.stats.notified()
    } catch (error) {
      this.#doom ??= error
    }
  }

  onClose(code: ErrorCode): void {
    if (this.#state === 'over') return
    this.#conn = 0
    if (code === 'SessionExpired' && this.#state === 'opening') {
      this.#respond(0, NO_SESSION, new Uint8Array(PASSWORD_BYTES))
    }
    if (code === 'Overloaded') this.abort(code)
    else this.close()
  }

  // --- what leaves -------------------------------------------------------------------------------------------------

  #reply(xid: number, zxid: Zxid, outcome: Outcome): void {
    if (this.#state === 'over') return
    if (this.#output.isClear) {
      writeReply(this.#parts.writer, xid, zxid, outcome)
      this.#output.added(true)
    } else {
      this.#output.put(outcomeBytes(outcome), (writer) => writeReply(writer, xid, zxid, outcome), true)
    }
  }

  #write(dataBytes: number, write: (writer: JuteWriter) => void): void {
    if (this.#state !== 'over') this.#output.put(dataBytes, write)
  }

  /** The turn is over: sends what it wrote, then goes on reading if it may again. */
  turnOver(): void {
    this.#isTouched = false
    this.#repliesMs = null
    if (this.#state === 'over') return
    if (this.#doom !== null) return this.#broken(this.#doom)
    if (this.#isPaused) this.#pump()
    this.#output.flush()
  }

  // --- the end -----------------------------------------------------------------------------------------------------

  /** Sends what is written, then ends the connection; the session lives on. */
  close(): void {
    if (this.#state === 'over') return
    this.#output.flush()
    this.#leave()
    this.#link.close()
  }

  /** Ends the connection at once. */
  abort(code: ErrorCode): void {
    if (this.#state === 'over') return
    this.#parts.logger.debug('a client is cut', { remote: `${this.host}:${this.port}`, code })
    this.#leave()
    this.#link.abort()
  }

  #leave(): void {
    this.#state = 'over'
    this.#chunks = []
    this.#output.drop()
    if (this.#conn !== 0) this.#parts.host.disconnect(this.#conn)
    this.#parts.left(this)
  }
}
