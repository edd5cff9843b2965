import type { ErrorCode } from '../core/errors.ts'
import { isZkError, ZkError } from '../core/errors.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { Link, LinkEvents } from '../ports/transport.ts'
import { FrameReader } from '../wire/frame.ts'
import type { FrameStream } from '../wire/handshake.ts'
import { HANDSHAKE_FRAME_BYTES } from '../wire/handshake.ts'

/** How long a link that was closed may take to send what is queued. */
const LINGER_MS = 1_000
/** Bytes that may wait while a proof is computed. */
const PENDING_BYTES = 1024 * 1024

/** What the owner of an open link hears. */
export interface PeerLinkEvents {
  /** One whole frame; it may be kept. Throws ZkError when it is not valid. */
  onFrame(frame: Uint8Array): void
  /** What arrived is not valid; the owner ends the link, telling the other side why. */
  onBad(error: ZkError): void
  /** The link ended, and not by `end` or `abort`. */
  onEnd(error: ZkError): void
}

/**
 * One transport link of a peer: first a stream of frames that a handshake awaits one by one, then, after `open`, a
 * source of frames that are handed on as they come.
 */
export class PeerLink implements LinkEvents, FrameStream {
  readonly remote: string
  readonly #link: Link
  readonly #clock: Clock
  readonly #reader = new FrameReader(HANDSHAKE_FRAME_BYTES)
  readonly #waiting: Uint8Array[] = []
  #waitingBytes = 0
  #events: PeerLinkEvents | null = null
  #taker: { resolve: (frame: Uint8Array) => void, reject: (error: ZkError) => void } | null = null
  #ended: ZkError | null = null
  /** What arrived is useless from here on. */
  #broken: ZkError | null = null
  #linger: Timer | null = null
  bytesIn = 0
  bytesOut = 0
  framesIn = 0
  framesOut = 0

  constructor(link: Link, clock: Clock) {
    this.#link = link
    this.#clock = clock
    this.remote = link.remote
    link.attach(this)
  }

  get queuedBytes(): number {
    return this.#link.queuedBytes
  }

  get ended(): boolean {
    return this.#ended !== null
  }

  /** Sends one sealed frame. */
  send(frame: Uint8Array): void {
    if (this.#ended) return
    this.framesOut += 1
    this.bytesOut += frame.length
    this.#link.send(frame)
  }

  next(): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const over = this.#ended ?? this.#broken
      if (over) return reject(over)
      this.#taker = { resolve, reject }
      this.#pump()
    })
  }

  /** Hands every further frame, of at most `frameBytes`, to the owner. What came meanwhile is handed over at once. */
  open(events: PeerLinkEvents, frameBytes: number): void {
    this.#events = events
    this.#reader.limitBytes = frameBytes
    if (this.#ended) return events.onEnd(this.#ended)
    this.#pump()
  }

  /** Ends the link after what is queued; `last` is a frame that tells the other side why. No event comes after it. */
  end(error: ZkError, last?: Uint8Array): void {
    if (this.#ended) return
    if (last) this.send(last)
    this.#finish(error)
    this.#linger = this.#clock.setTimer(LINGER_MS, () => this.#link.abort(error), true)
    this.#link.close()
  }

  /** Ends the link at once; queued bytes are lost. No event comes after it. */
  abort(error: ZkError): void {
    if (this.#ended) return
    this.#finish(error)
    this.#link.abort(error)
  }

  onData(chunk: Uint8Array): void {
    if (this.#ended || this.#broken) return
    this.bytesIn += chunk.length
    this.#waiting.push(chunk)
    this.#waitingBytes += chunk.length
    this.#pump()
    if (this.#waitingBytes > PENDING_BYTES) this.#refuse(new ZkError('BadFrame', 'too many bytes before the welcome'))
  }

  onDrain(): void {
    // The bound on queued bytes is checked at each send; nothing waits for a drain.
  }

  onClose(error?: Error): void {
    this.#linger?.cancel()
    if (this.#ended) return
    const events = this.#events
    const reason = new ZkError('ConnectionLoss', error?.message ?? 'the other side closed the link',
      error === undefined ? {} : { cause: error })
    this.#finish(reason)
    events?.onEnd(reason)
  }

  #pump(): void {
    try {
      while (!this.#ended && !this.#broken && (this.#events || this.#taker)) {
        const frame = this.#nextFrame()
        if (!frame) return
        this.framesIn += 1
        if (this.#events) {
          this.#events.onFrame(frame)
        } else {
          const taker = this.#taker
          this.#taker = null
          taker?.resolve(frame)
        }
      }
    } catch (error) {
      this.#refuse(isZkError(error) ? error : new ZkError('BadFrame', 'a frame that cannot be taken', { cause: error }))
    }
  }

  #nextFrame(): Uint8Array | null {
    for (;;) {
      const frame = this.#reader.next()
      if (frame) return frame
      const chunk = this.#waiting.shift()
      if (!chunk) return null
      this.#waitingBytes -= chunk.length
      this.#reader.push(chunk)
    }
  }

  /** What came is not valid. In a handshake its owner learns it from `next`, tells the other side and ends the link. */
  #refuse(error: ZkError): void {
    if (this.#ended || this.#broken) return
    this.#broken = error
    this.#waiting.length = 0
    this.#waitingBytes = 0
    if (this.#events) this.#events.onBad(error)
    this.#taker?.reject(error)
    this.#taker = null
  }

  #finish(error: ZkError): void {
    this.#ended = error
    this.#events = null
    this.#waiting.length = 0
    this.#waitingBytes = 0
    const taker = this.#taker
    this.#taker = null
    taker?.reject(error)
  }
}

/** Codes that a broken or hostile other side causes, as opposed to a link that just ended. */
export function isRefusal(code: ErrorCode): boolean {
  return code === 'ForeignEnsemble' || code === 'MembershipMismatch' || code === 'ProtocolVersion' ||
    code === 'HandshakeFailed' || code === 'BadFrame' || code === 'FrameTooLarge'
}
