import { connect } from 'node:net'
import type { OnReadOpts, Socket } from 'node:net'
import { closeFrame, helloFrame } from './requests.ts'
import type { RequestFrame } from './requests.ts'

/** Length, xid, zxid and error: all that is looked at of a reply. */
const HEAD_BYTES = 20
const READ_BYTES = 256 * 1024
const OUT_BYTES = 256 * 1024
/** Nothing is sent for a session that has no requests: the longest that servers commonly give. */
const SESSION_TIMEOUT_MS = 120_000
const CLOSE_WITHIN_MS = 1_000
/** For those that measure how long it takes. */
export const CLOSE_AT_LEISURE_MS = 60_000

/** A source of requests for one connection, and who hears of the replies. */
export interface Traffic {
  /** No frame is longer. */
  readonly frameBytes: number
  /** Writes the next request to `at`; answers where it ends. */
  write(out: Uint8Array, at: number, xid: number): number
  /** One reply came, `us` microseconds after its request; false: no further request of this kind. */
  replied(error: number, us: number, nowMs: number): boolean
}

/** Memory that all connections of a process share, since each is done with it before another is heard. */
export class Buffers {
  /** Windows reads into a buffer before it tells: there each connection needs its own. */
  readonly read: () => Uint8Array
  out: Uint8Array = new Uint8Array(OUT_BYTES)
  at = 0

  constructor() {
    const shared = new Uint8Array(READ_BYTES)
    this.read = process.platform === 'win32' ? () => new Uint8Array(READ_BYTES) : () => shared
  }
}

/**
 * One session of ZooKeeper's protocol on a socket of its own. It keeps requests in flight and reads no more of a reply
 * than its head; replies come in the order of the requests, which makes matching them a ring of moments.
 */
export class Connection {
  readonly #buffers: Buffers
  readonly #socket: Socket
  readonly #head = new Uint8Array(HEAD_BYTES)
  #headBytes = 0
  /** Bytes of the present reply that follow its head. */
  #left = 0
  #xid = 0
  #traffic: Traffic | null = null
  #sentMs = new Float64Array(1)
  #first = 0
  #inFlight = 0
  #done: (() => void) | null = null
  #failed: ((error: Error) => void) | null = null
  #error: Error | null = null
  #isOpen = false
  #isOver = false
  /** Watch events that came. */
  events = 0
  onEvents: (() => void) | null = null
  receivedBytes = 0

  private constructor(host: string, buffers: Buffers) {
    this.#buffers = buffers
    const colon = host.lastIndexOf(':')
    const onread: OnReadOpts = {
      buffer: buffers.read(),
      callback: (size, bytes) => {
        this.#received(bytes, size)
        return true
      },
    }
    const address = { host: host.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(host.slice(colon + 1)) }
    this.#socket = connect({ ...address, noDelay: true, onread })
    this.#socket.on('error', (error) => this.#fail(error))
    this.#socket.on('close', () => this.#fail(new Error(`${host} closed the connection`)))
  }

  /** Resolves when the session is open. */
  static open(host: string, buffers: Buffers, timeoutMs: number = SESSION_TIMEOUT_MS): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const connection = new Connection(host, buffers)
      connection.#done = () => resolve(connection)
      connection.#failed = reject
      connection.#socket.once('connect', () => connection.#socket.write(helloFrame(timeoutMs)))
    })
  }

  /** Sends requests, `depth` at a time, and resolves when the traffic has ended and all of them were answered. */
  run(traffic: Traffic, depth: number): Promise<void> {
    if (this.#error !== null) return Promise.reject(this.#error)
    return new Promise((resolve, reject) => {
      this.#traffic = traffic
      if (this.#sentMs.length !== depth) this.#sentMs = new Float64Array(depth)
      this.#first = 0
      this.#done = resolve
      this.#failed = reject
      const nowMs = performance.now()
      for (let i = 0; i < depth; i++) this.#send(traffic, nowMs)
      this.#flush()
    })
  }

  /** One request; resolves to the number of its error. */
  async call(frame: RequestFrame, number = 0): Promise<number> {
    let answer = 0
    await this.run({
      frameBytes: frame.bytes.length,
      write: (out, at, xid) => frame.write(out, at, xid, number),
      replied: (error) => {
        answer = error
        return false
      },
    }, 1)
    return answer
  }

  /** Ends the session and the connection, within so long at most. */
  async close(withinMs: number = CLOSE_WITHIN_MS): Promise<void> {
    this.#isOver = true
    if (this.#error !== null) return
    const timer = setTimeout(() => this.#socket.destroy(), withinMs)
    try {
      await this.call(closeFrame())
    } catch (error) {
      // A server may close before its answer arrives: it is over either way.
      if (!(error instanceof Error)) throw error
    }
    clearTimeout(timer)
    this.#socket.destroy()
  }

  /** Cuts the connection; the session lives on for its timeout. */
  destroy(): void {
    this.#isOver = true
    this.#socket.destroy()
  }

  #fail(error: Error): void {
    this.#error ??= error
    this.#failed?.(error)
    this.#failed = null
    this.#done = null
  }

  #send(traffic: Traffic, nowMs: number): void {
    const buffers = this.#buffers
    if (buffers.at + traffic.frameBytes > buffers.out.length) this.#flush(traffic.frameBytes)
    buffers.at = traffic.write(buffers.out, buffers.at, ++this.#xid)
    const at = this.#first + this.#inFlight
    const ring = this.#sentMs
    ring[at < ring.length ? at : at - ring.length] = nowMs
    this.#inFlight++
  }

  #flush(room = 0): void {
    const buffers = this.#buffers
    if (buffers.at > 0) {
      this.#socket.write(buffers.out.subarray(0, buffers.at))
      // What the kernel did not take at once belongs to the socket.
      if (this.#socket.writableLength > 0) buffers.out = new Uint8Array(OUT_BYTES)
      buffers.at = 0
    }
    if (room > buffers.out.length) buffers.out = new Uint8Array(room)
  }

  #received(bytes: Uint8Array, size: number): void {
    this.receivedBytes += size
    const nowMs = performance.now()
    const eventsBefore = this.events
    let at = 0
    while (at < size) {
      if (this.#left > 0) {
        const skipped = Math.min(this.#left, size - at)
        this.#left -= skipped
        at += skipped
        if (this.#left === 0) this.#reply(this.#head, 0, nowMs)
        continue
      }
      if (this.#headBytes === 0 && size - at >= HEAD_BYTES) {
        const end = at + 4 + int(bytes, at)
        if (end <= size) {
          this.#reply(bytes, at, nowMs)
          at = end
          continue
        }
      }
      at = this.#partial(bytes, at, size, nowMs)
    }
    this.#flush()
    if (this.events > eventsBefore) this.onEvents?.()
    if (this.#inFlight === 0 && this.#done !== null && this.#isOpen) this.#finish()
  }

  /** A reply that does not end in this chunk: its head is kept. */
  #partial(bytes: Uint8Array, from: number, size: number, nowMs: number): number {
    let at = from
    while (at < size && this.#headBytes < HEAD_BYTES) this.#head[this.#headBytes++] = bytes[at++]!
    if (this.#headBytes < HEAD_BYTES) return at
    this.#headBytes = 0
    this.#left = int(this.#head, 0) + 4 - HEAD_BYTES
    if (this.#left === 0) this.#reply(this.#head, 0, nowMs)
    return at
  }

  #reply(bytes: Uint8Array, at: number, nowMs: number): void {
    if (!this.#isOpen) {
      this.#opened(int(bytes, at + 8))
      return
    }
    const xid = int(bytes, at + 4)
    if (xid < 0) {
      this.events++
      return
    }
    const ring = this.#sentMs
    const sentMs = ring[this.#first]!
    this.#first = this.#first + 1 === ring.length ? 0 : this.#first + 1
    this.#inFlight--
    const traffic = this.#traffic!
    if (traffic.replied(int(bytes, at + 16), (nowMs - sentMs) * 1_000, nowMs)) this.#send(traffic, nowMs)
  }

  /** The answer to the first word: no session when its timeout is 0. */
  #opened(timeoutMs: number): void {
    this.#isOpen = true
    if (timeoutMs <= 0) this.#fail(new Error('the server gave no session'))
  }

  #finish(): void {
    const done = this.#done
    this.#done = null
    this.#failed = null
    this.#traffic = null
    done?.()
  }

  /** True once it was closed from this side. */
  get over(): boolean {
    return this.#isOver
  }
}

function int(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}
