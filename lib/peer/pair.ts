import type { LinkId } from '../core/effects.ts'
import type { ErrorCode } from '../core/errors.ts'
import { isZkError, ZkError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import type { Message } from '../core/zab/messages.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { Logger } from '../ports/logger.ts'
import type { Transport } from '../ports/transport.ts'
import type { HandshakeResult, HandshakeSecret, Hello } from '../wire/handshake.ts'
import { RefusedError, shakeHands } from '../wire/handshake.ts'
import type { PeerCodec } from '../wire/peer-protocol.ts'
import { isRefusal, PeerLink } from './peer-link.ts'

/** Pauses between rounds of dials, doubling from the first to the last, with jitter downwards. */
const BACKOFF_FIRST_MS = 20
const BACKOFF_LAST_MS = 500
/** The peer with the lower id lets the other one dial first where that one can. */
const COURTESY_MS = 25
/** An address that neither answers nor refuses, and a handshake that does not end. */
const DIAL_MS = 2_000
/** A link that lived for so long was good: the next dial comes at once and pauses begin small again. */
const STABLE_MS = 1_000

/** What a pair needs of the mesh around it. */
export interface PairContext {
  readonly self: number
  readonly clock: Clock
  readonly logger: Logger
  readonly random: Random
  readonly codec: PeerCodec
  readonly frameBytes: number
  readonly linkQueueBytes: number
  readonly unref: boolean
  secret(): HandshakeSecret | null
  hello(target: number, attempt: number): Hello
  /** All dials so far, and one more. */
  dialsMade(): number
  nextDial(): number
  nextLink(): LinkId
  onUp(link: LinkId, peer: number, pair: Pair): void
  onMessages(link: LinkId, messages: Message[]): void
  onDown(link: LinkId, peer: number, error: ZkError): void
  onRefused(refusal: Refusal): void
  onTraffic(link: PeerLink): void
}

/** Two peers that do not get together. */
export interface Refusal {
  readonly peer: number | null
  readonly remote: string
  readonly code: ErrorCode
  readonly reason: string
}

interface Dial {
  readonly attempt: number
  readonly controller: AbortController
  link: PeerLink | null
  /** Set once our proof left: the other side may take this link for open, so no other may be welcomed. */
  committedTo: Hello | null
}

interface Established {
  readonly id: LinkId
  readonly link: PeerLink
  readonly incarnation: number
  readonly voidThrough: number
  readonly sinceMs: number
  /** Counts of the last look, for keepalive. */
  framesSeen: number
  framesSent: number
  silentLooks: number
}

/**
 * This peer and one other: at most one open link, whoever dialled it.
 *
 * Both may dial at the same time. Both then must keep the same one of the two links, without a message that could be
 * lost: (a) who has sent its proof on its own dial and has the higher id refuses crossing dials; who has the lower id
 * welcomes them and gives up its own; (b) a welcome says how many dials its sender has made so far, and all of them are
 * void from then on, so that bytes of a given-up dial cannot replace the link that won; (c) a dial that is not void is
 * proof that the other side has no link any more, even if it looks alive here, and replaces it.
 */
export class Pair {
  readonly peer: number
  readonly #context: PairContext
  readonly #routes: readonly { readonly transport: Transport, readonly address: string }[]
  readonly #courtesyMs: number
  #established: Established | null = null
  #dial: Dial | null = null
  #timer: Timer | null = null
  #round = 0
  #route = 0
  #closed = false
  /** Causes told since the last good link. */
  readonly #reported = new Set<ErrorCode>()
  lastError: Refusal | null = null

  constructor(
    context: PairContext, peer: number, routes: readonly { transport: Transport, address: string }[],
    canBeDialled: boolean,
  ) {
    this.#context = context
    this.peer = peer
    this.#routes = routes
    this.#courtesyMs = context.self < peer && canBeDialled ? COURTESY_MS : 0
  }

  get link(): PeerLink | null {
    return this.#established?.link ?? null
  }

  get linkId(): LinkId | null {
    return this.#established?.id ?? null
  }

  start(): void {
    this.#schedule(this.#courtesyMs)
  }

  /** The acceptor's part of the tie-break; throws to refuse the dial whose hello this is. */
  admit(hello: Hello): void {
    if (this.#closed) throw new ZkError('Closed', `peer ${this.#context.self} is stopping`)
    const { incarnation, attempt } = hello
    const open = this.#established
    if (open && open.incarnation === incarnation && attempt <= open.voidThrough) {
      throw new ZkError('Aborted', 'another link of this pair is open')
    }
    const crossing = this.#dial?.committedTo
    if (!open && crossing?.incarnation === incarnation && this.#context.self > this.peer) {
      throw new ZkError('Aborted', 'another link of this pair is being opened')
    }
  }

  /** Takes a link whose handshake is done; it replaces whatever there was. */
  establish(link: PeerLink, result: HandshakeResult): void {
    if (this.#closed) return link.end(new ZkError('Closed'))
    this.#giveUpDial(new ZkError('Aborted', 'another link of this pair is open'), link)
    this.close('Aborted', 'replaced by a newer link')
    this.#timer?.cancel()
    this.#timer = null
    const id = this.#context.nextLink()
    const established: Established = {
      id, link, incarnation: result.other.incarnation, voidThrough: result.voidThrough,
      sinceMs: this.#context.clock.now(), framesSeen: 0, framesSent: 0, silentLooks: 0,
    }
    this.#established = established
    this.#reported.clear()
    this.lastError = null
    this.#context.onUp(id, this.peer, this)
    link.open({
      onFrame: (frame) => this.#onFrame(established, frame),
      onBad: (error) => this.#lose(established, error, true),
      onEnd: (error) => this.#lose(established, error, false),
    }, this.#context.frameBytes)
  }

  /** Sends sealed frames; a link whose other end does not take them is dropped. */
  send(frames: readonly Uint8Array[]): void {
    const open = this.#established
    if (!open) return
    for (const frame of frames) open.link.send(frame)
    if (open.link.queuedBytes > this.#context.linkQueueBytes) {
      const error = new ZkError('Overloaded', `${open.link.queuedBytes} bytes wait for peer ${this.peer}`)
      open.link.abort(error)
      this.#lose(open, error, false)
    }
  }

  /** Ends the open link, if any, telling the other side why. */
  close(code: ErrorCode, reason: string): void {
    const open = this.#established
    if (open) this.#lose(open, new ZkError(code, reason), true)
  }

  /** Ends everything; no further dial. */
  stop(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.#timer = null
    this.#giveUpDial(new ZkError('Closed'), null)
    this.close('Closed', 'the peer is stopping')
  }

  /** Called at a steady beat: keeps the link alive and ends it when nothing was heard for `silentLooks` beats. */
  look(silentLooks: number): void {
    const open = this.#established
    if (!open) return
    if (open.link.framesOut === open.framesSent) open.link.send(this.#context.codec.encode([]))
    open.framesSent = open.link.framesOut
    open.silentLooks = open.link.bytesIn === open.framesSeen ? open.silentLooks + 1 : 0
    open.framesSeen = open.link.bytesIn
    if (open.silentLooks >= silentLooks) {
      const error = new ZkError('ConnectionLoss', 'nothing was heard on the link')
      open.link.abort(error)
      this.#lose(open, error, false)
    }
  }

  /** Notes a failed handshake, and logs it once until something else happens. */
  report(refusal: Refusal): void {
    this.lastError = refusal
    if (this.#reported.has(refusal.code) || !isRefusal(refusal.code)) return
    this.#reported.add(refusal.code)
    this.#context.onRefused(refusal)
  }

  #onFrame(open: Established, frame: Uint8Array): void {
    const messages: Message[] = []
    const goodbye = this.#context.codec.decode(frame, messages)
    if (messages.length > 0) this.#context.onMessages(open.id, messages)
    if (!goodbye) return
    const error = new ZkError(goodbye.code, goodbye.reason)
    open.link.end(error)
    this.#lose(open, error, false)
  }

  #lose(open: Established, error: ZkError, isOurs: boolean): void {
    if (this.#established !== open) return
    this.#established = null
    if (isOurs) open.link.end(error, this.#context.codec.encodeGoodbye({ code: error.code, reason: error.message }))
    this.#context.onTraffic(open.link)
    if (isRefusal(error.code)) {
      this.report({ peer: this.peer, remote: open.link.remote, code: error.code, reason: error.message })
    }
    this.#context.onDown(open.id, this.peer, error)
    const lived = this.#context.clock.now() - open.sinceMs
    if (lived >= STABLE_MS) this.#round = 0
    this.#schedule(this.#round === 0 ? this.#courtesyMs : this.#courtesyMs + this.#backoffMs())
    this.#round += 1
  }

  #backoffMs(): number {
    const full = Math.min(BACKOFF_LAST_MS, BACKOFF_FIRST_MS * 2 ** Math.min(this.#round, 16))
    return Math.ceil(full * (0.5 + this.#context.random.unit() / 2))
  }

  #schedule(delayMs: number): void {
    if (this.#closed || this.#established || this.#routes.length === 0) return
    this.#timer?.cancel()
    this.#timer = this.#context.clock.setTimer(delayMs, () => {
      this.#timer = null
      void this.#dialOnce()
    }, this.#context.unref)
  }

  #giveUpDial(error: ZkError, except: PeerLink | null): void {
    const dial = this.#dial
    this.#dial = null
    if (!dial || (except && dial.link === except)) return
    dial.controller.abort(error)
    dial.link?.abort(error)
  }

  /** One attempt at one address. Never throws. */
  async #dialOnce(): Promise<void> {
    const route = this.#routes[this.#route % this.#routes.length]
    if (!route || this.#dial || this.#established || this.#closed) return
    const dial: Dial = {
      attempt: this.#context.nextDial(), controller: new AbortController(), link: null, committedTo: null,
    }
    this.#dial = dial
    const limit = this.#context.clock.setTimer(DIAL_MS, () => {
      const error = new ZkError('Unreachable', `${route.address} did not answer`)
      dial.controller.abort(error)
      dial.link?.abort(error)
    }, this.#context.unref)
    try {
      const result = await this.#shake(dial, route)
      if (this.#dial === dial && dial.link) this.establish(dial.link, result)
    } catch (error) {
      this.#failed(dial, route.address, error)
    } finally {
      limit.cancel()
    }
  }

  async #shake(dial: Dial, route: { transport: Transport, address: string }): Promise<HandshakeResult> {
    const link = await route.transport.dial(route.address, { signal: dial.controller.signal })
    dial.link = new PeerLink(link, this.#context.clock)
    if (this.#dial !== dial) throw new ZkError('Aborted', 'another link of this pair is open')
    return await shakeHands({
      role: 'dial',
      secret: this.#context.secret(),
      hello: () => this.#context.hello(this.peer, dial.attempt),
      commit: (other) => {
        if (this.#dial !== dial) throw new ZkError('Aborted', 'another link of this pair is open')
        dial.committedTo = other
      },
      dialsMade: () => this.#context.dialsMade(),
    }, dial.link)
  }

  #failed(dial: Dial, address: string, error: unknown): void {
    const reason = isZkError(error) ? error : new ZkError('Unreachable', String(error), { cause: error })
    dial.link?.end(reason)
    if (this.#dial !== dial) return
    this.#dial = null
    const { code, message } = reason
    const told = error instanceof RefusedError ? `refused by peer ${this.peer}: ${message}` : message
    this.report({ peer: this.peer, remote: address, code, reason: told })
    this.#context.logger.debug('dial failed', { peer: this.peer, address, code, reason: told })
    this.#route += 1
    if (this.#route % this.#routes.length === 0) this.#round += 1
    this.#schedule(this.#route % this.#routes.length === 0 ? this.#backoffMs() : 0)
  }
}
