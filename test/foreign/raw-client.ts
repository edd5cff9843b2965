/** A connection to a ZooKeeper server at the level of its frames. */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { RawWriter } from './raw-bytes.ts'
import type { Arrival } from './raw-replies.ts'
import { decodeConnect, decodeFrame, Op } from './raw-replies.ts'

/** The first packet of a connection. */
export interface Hello {
  readonly lastZxidSeen: bigint
  readonly timeOut: number
  readonly sessionId: bigint
  readonly password: Uint8Array | null
  /** Null leaves the byte out, as clients before 3.4 do. */
  readonly readOnly: boolean | null
  /** 0 when absent. */
  readonly protocolVersion?: number
}

/** A request as it is sent. */
export interface RawRequest {
  readonly xid: number
  readonly opcode: number
  readonly body: Uint8Array
}

/** Encodes a frame. */
export function frameOf(bytes: Uint8Array): Buffer {
  return new RawWriter().buffer(bytes).bytes()
}

/** Encodes a request with its header. */
export function requestFrame({ xid, opcode, body }: RawRequest): Buffer {
  return frameOf(new RawWriter().int(xid).int(opcode).raw(body).bytes())
}

/** Encodes the first packet, with bytes behind its record. */
export function helloFrame(hello: Hello, more: Uint8Array = Buffer.alloc(0)): Buffer {
  const { protocolVersion, lastZxidSeen, timeOut, sessionId, password } = hello
  const writer = new RawWriter().int(protocolVersion ?? 0).long(lastZxidSeen).int(timeOut).long(sessionId)
  writer.buffer(password)
  if (hello.readOnly !== null) writer.byte(hello.readOnly ? 1 : 0)
  return frameOf(writer.raw(more).bytes())
}

/** Nothing comes any more when nothing came for so long. */
const SILENCE_MS = 20_000
const LARGEST_REPLY = 64 * 1_048_576

/** Keeps what arrives in its order. Nothing is sent but what the caller says. */
export class RawClient {
  readonly #socket: Socket
  readonly #asked = new Map<number, number[]>()
  #arrivals: Arrival[] = []
  #pending: Buffer = Buffer.alloc(0)
  #wake: (() => void) | null = null
  /** When something came last, or was first waited for. */
  #heardMs = 0
  #isGreeted = false
  isClosed = false

  /** Connects and sends the bytes; anything when no `Hello` is given. */
  constructor(port: number, first: Hello | Uint8Array, host = '127.0.0.1') {
    this.#socket = connect(port, host)
    this.#socket.setNoDelay(true)
    this.#socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    // A reset is a way to close.
    this.#socket.on('error', () => this.#socket.destroy())
    this.#socket.once('close', () => {
      this.isClosed = true
      this.#note({ kind: 'closed' })
    })
    this.#socket.write(first instanceof Uint8Array ? first : helloFrame(first))
  }

  #note(arrival: Arrival): void {
    this.#arrivals.push(arrival)
    this.#wake?.()
  }

  #receive(chunk: Buffer): void {
    this.#heardMs = Date.now()
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    while (this.#pending.length >= 4) {
      const length = this.#pending.readInt32BE()
      if (length < 0 || length > LARGEST_REPLY) {
        this.#note({ kind: 'garbage', hex: this.#pending.subarray(0, 64).toString('hex'), reason: 'length' })
        this.#socket.destroy()
        return
      }
      if (this.#pending.length < 4 + length) return
      const frame = this.#pending.subarray(4, 4 + length)
      this.#pending = this.#pending.subarray(4 + length)
      this.#decode(frame)
    }
  }

  #decode(frame: Buffer): void {
    if (!this.#isGreeted) {
      this.#isGreeted = true
      this.#note(decodeConnect(frame))
      return
    }
    this.#note(decodeFrame(frame, (xid) => {
      const opcodes = this.#asked.get(xid)
      const opcode = opcodes?.shift()
      if (opcodes?.length === 0) this.#asked.delete(xid)
      return opcode
    }))
  }

  /** Sends requests in one write. */
  send(requests: readonly RawRequest[]): void {
    this.#ask(requests)
    this.sendBytes(Buffer.concat(requests.map(requestFrame)))
  }

  /** Sends requests in writes of at most so many bytes. */
  async sendInPieces(requests: readonly RawRequest[], pieceBytes: number): Promise<void> {
    this.#ask(requests)
    const bytes = Buffer.concat(requests.map(requestFrame))
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      this.sendBytes(bytes.subarray(at, at + pieceBytes))
      await new Promise(setImmediate)
    }
  }

  #ask(requests: readonly RawRequest[]): void {
    for (const { xid, opcode } of requests) {
      // A ping is answered with its own xid, whatever it carried.
      const echoed = opcode === Op.ping ? -2 : xid
      this.#asked.set(echoed, [...this.#asked.get(echoed) ?? [], opcode])
    }
  }

  sendBytes(bytes: Uint8Array): void {
    if (!this.isClosed) this.#socket.write(bytes)
  }

  /** Takes what has arrived. */
  take(): Arrival[] {
    const arrivals = this.#arrivals
    this.#arrivals = []
    return arrivals
  }

  /** Takes what has arrived once that satisfies `enough`, or the connection has ended, or nothing comes any more. */
  async takeUntil(enough: (arrivals: readonly Arrival[]) => boolean): Promise<Arrival[]> {
    this.#heardMs = Date.now()
    while (!this.isClosed && !enough(this.#arrivals)) {
      const deadline = this.#heardMs + SILENCE_MS
      if (Date.now() >= deadline) {
        this.#note({ kind: 'garbage', hex: '', reason: `silence for ${SILENCE_MS} ms` })
        break
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, deadline - Date.now())
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      this.#wake = null
    }
    return this.take()
  }

  /** Ends the connection and resolves when the server has closed it too; the session stays. */
  async leave(): Promise<void> {
    this.#socket.end()
    const arrivals = await this.takeUntil(() => false)
    if (!this.isClosed) throw new Error(`the server keeps an ended connection open: ${arrivals.length} arrivals`)
  }

  /** Drops the connection; the session stays. */
  destroy(): void {
    this.#socket.destroy()
  }
}
