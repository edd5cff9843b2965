import type { IncomingMessage, Server } from 'node:http'
import { isIP } from 'node:net'
import type { AddressInfo } from 'node:net'
import { ZkError } from '../lib/core/errors.ts'
import type { Link, Listener, Transport } from '../lib/ports/transport.ts'
import { ATTEMPT_MS } from './parts/attempts.ts'
import { WebSocketLink, dialWebSocket } from './websocket.ts'
import type { WebSocketClass, WebSocketLike, WebSocketOptions } from './websocket.ts'

/** Options of the WebSocket server transport. */
export interface WebSocketServerOptions extends Omit<WebSocketOptions, 'WebSocket'> {
  /**
   * Origins of web pages that may connect, `https://app.example`, or `*` for all. Always allowed are a client that
   * sends no Origin, since only browsers do, and a page of the listener's own host and port by the name the listener
   * was given, as `localhost` or by IP address: any other name may be one that somebody else made point here.
   */
  readonly allowOrigins?: readonly string[]
  /**
   * Largest message accepted; default 2 MiB. Whoever has sent a part of one holds so much memory, session or not. This
   * transport sends 256 KiB at most; of foreign clients, who may put a request in one, no more than `requestBytes`.
   */
  readonly messageBytes?: number
  /** How long a client may take over the HTTP request that opens a WebSocket. Default 10 s. */
  readonly handshakeMs?: number
}

/** Connections that owe their request are looked at so often. */
const LOOK_EVERY_MS = 1_000
const HANDSHAKE_MS = 10_000
const MESSAGE_BYTES = 2 * 1024 * 1024
const FORBIDDEN = 'HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'

/**
 * Listens at `ws://host:port` and dials `ws://` and `wss://`, with the package `ws`, which is loaded when that is first
 * asked for: with `node:http` below it, it takes a quarter of the time in which a process that serves only TCP starts.
 */
export function websocketServer(options: WebSocketServerOptions = {}): Transport {
  const messageBytes = options.messageBytes ?? MESSAGE_BYTES
  return {
    schemes: ['ws', 'wss'],
    features: Object.freeze({ listens: true, network: true }),
    listen: (address, onLink) => listen(address, onLink, options, messageBytes),
    dial: async (address, { signal } = {}) =>
      dialWebSocket(address, signal, options, await dialledClass(messageBytes)),
  }
}

async function dialledClass(messageBytes: number): Promise<WebSocketClass> {
  const { WebSocket } = await import('ws')
  const Dialled = class extends WebSocket {
    constructor(url: string) {
      const socket = { autoSelectFamilyAttemptTimeout: ATTEMPT_MS }
      super(url, { perMessageDeflate: false, maxPayload: messageBytes, ...socket })
    }
  }
  return Dialled as unknown as WebSocketClass
}

async function listen(
  address: string, onLink: (link: Link) => void, options: WebSocketServerOptions, messageBytes: number,
): Promise<Listener> {
  const match = /^ws:\/\/(?:\[([^\]]+)\]|([^:/[\]@\s]+)):(\d{1,5})\/?$/.exec(address)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) {
    throw new ZkError('AddressInvalid', `not a WebSocket address to listen at: ${address}`)
  }
  const host = match[1] ?? match[2]!
  const [{ createServer }, { WebSocketServer }] = await Promise.all([import('node:http'), import('ws')])
  const { handshakeMs = HANDSHAKE_MS } = options
  const server = createServer({
    headersTimeout: handshakeMs, requestTimeout: handshakeMs,
    connectionsCheckingInterval: Math.min(LOOK_EVERY_MS, handshakeMs),
  }, (_, response) => response.writeHead(426, { Connection: 'close' }).end())
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: messageBytes })
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy())
    if (!isAllowed(request, host, options.allowOrigins ?? [])) {
      // The other side may never end its half.
      socket.once('finish', () => socket.destroy())
      socket.end(FORBIDDEN)
      return
    }
    sockets.handleUpgrade(request, socket, head, (accepted) => {
      const { remoteAddress, remotePort } = request.socket
      const remote = `ws://${remoteAddress ?? 'unknown'}:${remotePort ?? 0}`
      onLink(new WebSocketLink(accepted as unknown as WebSocketLike, remote, options))
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const isInUse = error.code === 'EADDRINUSE'
      const text = isInUse ? `the address is in use: ${address}` : `cannot listen at ${address}: ${error.message}`
      reject(new ZkError(isInUse ? 'AddressInUse' : 'AddressInvalid', text, { cause: error }))
    })
    server.listen({ host, port, exclusive: true }, resolve)
  })
  server.removeAllListeners('error')
  // A failing accept concerns one link that never was.
  server.on('error', () => undefined)
  const bound = (server.address() as AddressInfo).port
  let closed: Promise<void> | null = null
  return {
    address: `ws://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    close: () => closed ??= stop(server),
  }
}

/** Stops accepting; links that exist live on. Nobody looks any more at who owes his request: he is ended now. */
function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => undefined)
    // WebSockets are none of the server's any more.
    server.closeAllConnections()
    setImmediate(resolve)
  })
}

/** The Origin rule: none, one of the list, or the listener's own host by a name that nobody else can give away. */
function isAllowed({ headers: { origin, host } }: IncomingMessage, bound: string, allowed: readonly string[]): boolean {
  if (origin === undefined || allowed.includes('*') || allowed.includes(origin)) return true
  if (!URL.canParse(origin)) return false
  const page = new URL(origin)
  const name = page.hostname.replace(/^\[|\]$/g, '')
  return page.host === host && (name === bound || name === 'localhost' || isIP(name) !== 0)
}
