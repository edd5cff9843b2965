import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { ZkError } from '../lib/core/errors.ts'
import type { Link, LinkEvents, Listener, Transport } from '../lib/ports/transport.ts'
import { ATTEMPT_MS } from './parts/attempts.ts'
import { reasonOf } from './parts/reason.ts'
import { Reading, takeOver } from './tcp/reading.ts'
import type { ReadingPort } from './tcp/reading.ts'
import { writeAtOnce } from './tcp/writing.ts'

/** Options of the TCP transport. */
export interface TcpOptions {
  /** Bytes queued on a link above which `send` answers false: 1 MiB, and at least the socket's own mark of 16 KiB. */
  readonly highWaterBytes?: number
  /** How long a closed link may take to send what is queued. Default 5 s. */
  readonly closeMs?: number
}

/** Links over TCP: `tcp://host:port`, IPv6 in brackets, port 0 picks one. Binds exactly the host that is named. */
export function tcp(options: TcpOptions = {}): Transport {
  const { highWaterBytes = 1024 * 1024, closeMs = 5_000 } = options
  const settings = { highWaterBytes, closeMs, reading: new Reading() }
  return {
    schemes: ['tcp'],
    features: Object.freeze({ listens: true, network: true }),
    listen: (address, onLink) => listen(address, onLink, settings),
    dial: (address, dialling = {}) => dial(address, dialling.signal, settings),
  }
}

type Settings = Required<TcpOptions> & { readonly reading: Reading }

/** Host and port of `tcp://host:port`. */
function parse(address: string): { readonly host: string, readonly port: number } {
  const match = /^tcp:\/\/(?:\[([0-9a-fA-F:.%\w]+)\]|([^:/[\]@\s]+)):(\d{1,5})\/?$/.exec(address)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) throw new ZkError('AddressInvalid', `not a TCP address: ${address}`)
  return { host: match[1] ?? match[2]!, port }
}

function format(host: string, port: number): string {
  return `tcp://${host.includes(':') ? `[${host}]` : host}:${port}`
}

async function listen(address: string, onLink: (link: Link) => void, settings: Settings): Promise<Listener> {
  const { host, port } = parse(address)
  const server = createServer({ noDelay: true, keepAlive: true, pauseOnConnect: true }, (accepted) => {
    const remote = format(accepted.remoteAddress ?? 'unknown', accepted.remotePort ?? 0)
    const readingPort = settings.reading.port()
    const socket = takeOver(accepted, readingPort)
    onLink(new TcpLink(socket ?? accepted, remote, settings, socket === null ? null : readingPort))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(address, error)))
    server.listen({ host, port, exclusive: true }, resolve)
  })
  server.removeAllListeners('error')
  // A failing accept concerns one link that never was.
  server.on('error', () => undefined)
  const bound = (server.address() as AddressInfo).port
  let closed: Promise<void> | null = null
  return { address: format(host, bound), close: () => closed ??= stop(server) }
}

/** Stops listening at once; the address is free although links live on. */
function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => undefined)
    setImmediate(resolve)
  })
}

function listenError(address: string, error: NodeJS.ErrnoException): ZkError {
  const isInUse = error.code === 'EADDRINUSE'
  if (isInUse) return new ZkError('AddressInUse', `the address is in use: ${address}`, { cause: error })
  return new ZkError('AddressInvalid', `cannot listen at ${address}: ${error.message}`, { cause: error })
}

async function dial(address: string, signal: AbortSignal | undefined, settings: Settings): Promise<Link> {
  const { host, port } = parse(address)
  const aborted = (): ZkError =>
    new ZkError('Aborted', `the attempt was aborted: ${address}`, { cause: signal?.reason })
  if (signal?.aborted === true) throw aborted()
  return new Promise<Link>((resolve, reject) => {
    const readingPort = settings.reading.port()
    const socket = connect({
      host, port, noDelay: true, keepAlive: true, autoSelectFamilyAttemptTimeout: ATTEMPT_MS, onread: readingPort,
    })
    const settle = (): void => {
      socket.off('error', onError)
      socket.off('connect', onConnect)
      signal?.removeEventListener('abort', onAbort)
    }
    const onError = (error: Error): void => {
      settle()
      socket.destroy()
      reject(new ZkError('Unreachable', `cannot reach ${address}: ${reasonOf(error)}`, { cause: error }))
    }
    const onAbort = (): void => {
      settle()
      socket.on('error', () => undefined)
      socket.destroy()
      reject(aborted())
    }
    const onConnect = (): void => {
      settle()
      socket.pause()
      resolve(new TcpLink(socket, address, settings, readingPort))
    }
    socket.once('error', onError)
    socket.once('connect', onConnect)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

class TcpLink implements Link {
  readonly remote: string
  readonly #socket: Socket
  readonly #port: ReadingPort | null
  readonly #settings: Settings
  #events: LinkEvents | null = null
  #error: Error | undefined
  /** This side ended it: nothing but `onClose` is heard any more. */
  #ended = false
  #closed = false
  #wantsDrain = false
  #linger: NodeJS.Timeout | null = null

  /** `port`: where the socket says what it read, unless it does so by events. */
  constructor(socket: Socket, remote: string, settings: Settings, port: ReadingPort | null) {
    this.#socket = socket
    this.#port = port
    this.remote = remote
    this.#settings = settings
    socket.on('error', (error) => { this.#error ??= error })
    socket.on('drain', () => this.#onDrain())
    socket.on('close', () => this.#onClose())
  }

  get queuedBytes(): number {
    return this.#socket.writableLength
  }

  get hasTaken(): boolean {
    return this.#socket.writableLength === 0
  }

  attach(events: LinkEvents): void {
    if (this.#events !== null) throw new TypeError('a link is attached once')
    this.#events = events
    if (this.#closed) {
      setImmediate(() => events.onClose(this.#error))
      return
    }
    const socket = this.#socket
    const take = (chunk: Uint8Array): void => {
      if (!this.#ended) events.onData(chunk)
    }
    if (this.#port === null) socket.on('data', take)
    else this.#port.onChunk = take
    socket.on('end', () => {
      if (!this.#ended) this.#finish()
    })
    socket.resume()
  }

  send(bytes: Uint8Array): boolean {
    const socket = this.#socket
    if (this.#ended || this.#closed || socket.destroyed || socket.writableEnded) return false
    if (bytes.length > 0) {
      const taken = writeAtOnce(socket, bytes)
      if (taken === bytes.length) return true
      // Without a callback: each costs the stream as much as the write itself.
      socket.write(bytes.subarray(taken))
    }
    // Below its own mark the socket would not tell when it is drained.
    if (socket.writableLength <= this.#settings.highWaterBytes || !socket.writableNeedDrain) return true
    this.#wantsDrain = true
    return false
  }

  /** All of it is written: the socket tells no earlier. */
  #onDrain(): void {
    if (!this.#wantsDrain || this.#ended) return
    this.#wantsDrain = false
    this.#events?.onDrain()
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    if (!this.#ended) this.#socket.resume()
  }

  close(): void {
    if (this.#ended) return
    this.#ended = true
    this.#finish()
  }

  /** Sends what is queued and ends; a reader that takes too long is cut. */
  #finish(): void {
    this.#socket.resume()
    this.#socket.end()
    this.#linger ??= setTimeout(() => this.#socket.destroy(), this.#settings.closeMs).unref()
  }

  abort(reason?: Error): void {
    this.#ended = true
    this.#error ??= reason
    // libuv refuses to reset a socket that is shutting down, and Node then neither closes nor tells.
    if (this.#socket.writableEnded) this.#socket.destroy()
    else this.#socket.resetAndDestroy()
  }

  #onClose(): void {
    this.#closed = true
    this.#ended = true
    if (this.#linger !== null) clearTimeout(this.#linger)
    this.#events?.onClose(this.#error)
  }
}
