import { ZkError } from '../lib/core/errors.ts'
import type { Link, LinkEvents, Transport } from '../lib/ports/transport.ts'
import { reasonOf } from './parts/reason.ts'

/** The part of the standard WebSocket class that is used; the browser's own and the one of package `ws` have it. */
export interface WebSocketLike {
  binaryType: string
  readonly readyState: number
  readonly bufferedAmount: number
  send(data: Uint8Array): void
  close(code?: number, reason?: string): void
  addEventListener(type: string, listener: (event: never) => void): void
  /** Only outside browsers: reading can be stopped and the socket cut. */
  pause?(): void
  resume?(): void
  terminate?(): void
}

/** A class that opens WebSockets. */
export type WebSocketClass = new (url: string) => WebSocketLike

/** Options of the WebSocket transport. */
export interface WebSocketOptions {
  /** The class to dial with; the platform's own unless said otherwise (Node 20 has none: hand in that of `ws`). */
  readonly WebSocket?: WebSocketClass
  /** Bytes queued on a link above which `send` answers false. Default 1 MiB. */
  readonly highWaterBytes?: number
  /** How long a closed link may take to send what is queued. Default 5 s. */
  readonly closeMs?: number
}

const OPEN = 1
const NORMAL = 1000
/** The first code that an application may use as it likes. */
const BAD_FRAME = 4000
/** What is sent at once goes in messages of so many bytes: the other side bounds them, whatever a frame may have. */
const PIECE_BYTES = 256 * 1024
/** WebSockets have no drain event: while a sender waits, the queue is looked at so often. */
const DRAIN_POLL_MS = 10

/**
 * Dials `ws://` and `wss://`: the same byte stream, cut into binary messages whose borders mean nothing. Runs in
 * browsers; throws Unimplemented where there is no WebSocket and none is handed in. A browser's WebSocket cannot stop
 * reading, so there `pause` keeps what arrives in memory until `resume`.
 */
export function websocket(options: WebSocketOptions = {}): Transport {
  const Class = options.WebSocket ?? (globalThis as { WebSocket?: WebSocketClass }).WebSocket
  if (Class === undefined) {
    throw new ZkError('Unimplemented', 'this platform has no WebSocket: hand one in, or take websocket-server')
  }
  return {
    schemes: ['ws', 'wss'],
    features: Object.freeze({ listens: false, network: true }),
    dial: (address, dialling = {}) => dialWebSocket(address, dialling.signal, options, Class),
  }
}

/** Opens a link; shared with the server side, which dials too. */
export async function dialWebSocket(
  address: string, signal: AbortSignal | undefined, options: WebSocketOptions, Class: WebSocketClass,
): Promise<Link> {
  if (!/^wss?:\/\/[^/\s]+(\/\S*)?$/.test(address)) {
    throw new ZkError('AddressInvalid', `not a WebSocket address: ${address}`)
  }
  const aborted = (): ZkError =>
    new ZkError('Aborted', `the attempt was aborted: ${address}`, { cause: signal?.reason })
  if (signal?.aborted === true) throw aborted()
  let socket: WebSocketLike
  try {
    socket = new Class(address)
  } catch (error) {
    throw new ZkError('AddressInvalid', `not a WebSocket address: ${address}`, { cause: error })
  }
  const link = new WebSocketLink(socket, address, options)
  return new Promise<Link>((resolve, reject) => {
    const onAbort = (): void => {
      link.abort()
      reject(aborted())
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    socket.addEventListener('open', () => {
      signal?.removeEventListener('abort', onAbort)
      resolve(link)
    })
    socket.addEventListener('close', () => {
      signal?.removeEventListener('abort', onAbort)
      const { failure } = link
      const reason = failure === undefined ? '' : `: ${reasonOf(failure)}`
      reject(new ZkError('Unreachable', `cannot reach ${address}${reason}`, { cause: failure }))
    })
  })
}

interface MessageEventLike {
  readonly data: unknown
}

interface ErrorEventLike {
  readonly error?: unknown
  readonly message?: string
}

/** A WebSocket as an ordered byte stream. */
export class WebSocketLink implements Link {
  readonly remote: string
  readonly #socket: WebSocketLike
  readonly #highWaterBytes: number
  readonly #closeMs: number
  #events: LinkEvents | null = null
  /** What arrived before `attach` or while paused. */
  #inbox: Uint8Array[] = []
  #paused = false
  #ended = false
  #closed = false
  #polling = false
  #delivering = false
  #linger: ReturnType<typeof setTimeout> | null = null
  failure: Error | undefined

  constructor(socket: WebSocketLike, remote: string, options: WebSocketOptions) {
    this.#socket = socket
    this.remote = remote
    this.#highWaterBytes = options.highWaterBytes ?? 1024 * 1024
    this.#closeMs = options.closeMs ?? 5_000
    socket.binaryType = 'arraybuffer'
    socket.addEventListener('message', (event: MessageEventLike) => this.#onMessage(event.data))
    socket.addEventListener('error', (event: ErrorEventLike) => {
      this.failure ??= event.error instanceof Error ? event.error : new Error(event.message ?? 'the WebSocket failed')
    })
    socket.addEventListener('close', () => this.#onClose())
  }

  get queuedBytes(): number {
    return this.#socket.bufferedAmount
  }

  attach(events: LinkEvents): void {
    if (this.#events !== null) throw new TypeError('a link is attached once')
    this.#events = events
    this.#deliverLater()
  }

  #onMessage(data: unknown): void {
    if (this.#ended) return
    if (!(data instanceof ArrayBuffer)) {
      this.failure ??= new ZkError('BadFrame', 'a WebSocket message that is not binary')
      this.#finish(BAD_FRAME, 'BadFrame: binary messages only')
      return
    }
    const chunk = new Uint8Array(data)
    if (this.#events === null || this.#paused || this.#inbox.length > 0) this.#inbox.push(chunk)
    else this.#events.onData(chunk)
  }

  #deliverLater(): void {
    if (this.#delivering) return
    this.#delivering = true
    setTimeout(() => {
      this.#delivering = false
      this.#deliver()
    }, 0)
  }

  #deliver(): void {
    const events = this.#events
    if (events === null) return
    while (this.#inbox.length > 0 && !this.#paused && !this.#ended) events.onData(this.#inbox.shift()!)
    if (this.#closed && !this.#reported && (this.#inbox.length === 0 || this.#ended)) this.#report(events)
  }

  #reported = false

  #report(events: LinkEvents): void {
    this.#reported = true
    events.onClose(this.failure)
  }

  send(bytes: Uint8Array): boolean {
    if (this.#ended || this.#closed || this.#socket.readyState !== OPEN) return false
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) this.#socket.send(bytes.subarray(at, at + PIECE_BYTES))
    if (this.queuedBytes <= this.#highWaterBytes) return true
    this.#pollDrain()
    return false
  }

  #pollDrain(): void {
    if (this.#polling) return
    this.#polling = true
    const look = (): void => {
      if (this.#ended || this.#closed) return
      if (this.queuedBytes > this.#highWaterBytes / 4) {
        setTimeout(look, DRAIN_POLL_MS)
        return
      }
      this.#polling = false
      this.#events?.onDrain()
    }
    setTimeout(look, DRAIN_POLL_MS)
  }

  /** After the end there is nothing to wait for: what is left and the end itself are told. */
  pause(): void {
    if (this.#closed) return
    this.#paused = true
    // One that is closing has nothing more to say, and must read on to see its socket end.
    if (this.#socket.readyState === OPEN) this.#socket.pause?.()
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#socket.resume?.()
    this.#deliverLater()
  }

  close(): void {
    this.#finish(NORMAL, '')
  }

  /** Sends what is queued and ends; a reader that takes too long is cut. */
  #finish(code: number, reason: string): void {
    if (this.#ended) return
    this.#ended = true
    this.#inbox = []
    this.#socket.resume?.()
    this.#socket.close(code, reason)
    this.#linger = setTimeout(() => this.#socket.terminate?.(), this.#closeMs)
    const timer = this.#linger as { unref?: () => void }
    timer.unref?.()
  }

  abort(reason?: Error): void {
    if (this.#closed) return
    this.#ended = true
    this.#inbox = []
    this.failure ??= reason
    if (this.#socket.terminate === undefined) this.#socket.close()
    else this.#socket.terminate()
  }

  #onClose(): void {
    if (this.#closed) return
    this.#closed = true
    // A paused reader that never comes back must not keep the end from being known.
    this.#paused = false
    if (this.#linger !== null) clearTimeout(this.#linger)
    this.#deliverLater()
  }
}
