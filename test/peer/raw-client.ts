/** A client of the wire that does exactly what it is told, and peers for it to connect to. */
import type { Outcome, Request } from '../../lib/core/tree/request.ts'
import { OPEN_ACL } from '../../lib/core/tree/request.ts'
import type { SessionId } from '../../lib/core/tree/stat.ts'
import type { Zxid } from '../../lib/core/zxid.ts'
import type { Peer } from '../../lib/peer/peer.ts'
import type { PeerOptions } from '../../lib/peer/options.ts'
import type { Link } from '../../lib/ports/transport.ts'
import { FrameReader, makeFrame } from '../../lib/wire/frame.ts'
import { JuteReader } from '../../lib/wire/jute/reader.ts'
import type { ConnectRequest, ConnectResponse } from '../../lib/wire/jute/records.ts'
import { readConnectResponse, writeConnectRequest } from '../../lib/wire/jute/records.ts'
import { readOutcome } from '../../lib/wire/jute/replies.ts'
import { writeAuth, writeRequest } from '../../lib/wire/jute/requests.ts'
import { JuteWriter } from '../../lib/wire/jute/writer.ts'
import { memory as memoryStorage } from '../../storage/memory.ts'
import { tcp } from '../../transports/tcp.ts'
import { websocketServer } from '../../transports/websocket-server.ts'
import type { Case } from '../harness.ts'
import { startPeer } from './fixture.ts'

/** A reply or notification without its length: the header's fields, and a reader of what follows. */
export interface Answer {
  readonly xid: number
  readonly zxid: number
  readonly number: number
  readonly bytes: number
  readonly body: JuteReader
}

const LARGEST_BYTES = 2 ** 28

export class RawClient {
  readonly link: Link
  /** How the connection ended; pending while it lasts. */
  readonly ended: Promise<void>
  session: SessionId = '0x0' as SessionId
  password: Uint8Array = new Uint8Array(16)
  timeoutMs = 0
  readonly #frames = new FrameReader(LARGEST_BYTES)
  #arrived: (Uint8Array | null)[] = []
  #waiting: ((frame: Uint8Array | null) => void)[] = []
  #text = ''
  #isOver = false

  constructor(link: Link) {
    this.link = link
    this.ended = new Promise((resolve) => {
      link.attach({
        onData: (chunk) => this.#take(chunk),
        onDrain: () => undefined,
        onClose: () => {
          this.#isOver = true
          this.#tell(null)
          resolve()
        },
      })
    })
  }

  /** Takes what comes as text instead, until the connection ends. */
  async text(): Promise<string> {
    this.#isText = true
    await this.ended
    return this.#text
  }

  #isText = false

  #take(chunk: Uint8Array): void {
    if (this.#isText) {
      this.#text += new TextDecoder('latin1').decode(chunk)
      return
    }
    this.#frames.push(chunk)
    for (let frame = this.#frames.next(); frame !== null; frame = this.#frames.next()) this.#tell(frame)
  }

  #tell(frame: Uint8Array | null): void {
    const waiting = this.#waiting.shift()
    if (waiting === undefined) this.#arrived.push(frame)
    else waiting(frame)
  }

  /** The next frame; null when the connection ended instead. */
  next(): Promise<Uint8Array | null> {
    const arrived = this.#arrived.shift()
    if (arrived !== undefined && arrived !== null) return Promise.resolve(arrived)
    if (this.#isOver) return Promise.resolve(null)
    return new Promise((resolve) => { this.#waiting.push(resolve) })
  }

  /** The next reply or notification. Fails when the connection ends instead. */
  async answer(): Promise<Answer> {
    const frame = await this.next()
    if (frame === null) throw new Error('the connection ended, and an answer was expected')
    const body = new JuteReader().reset(frame)
    return { xid: body.int(), zxid: body.long(), number: body.int(), bytes: frame.length, body }
  }

  send(bytes: Uint8Array): void {
    this.link.send(bytes)
  }

  /** A frame around these bytes. */
  frame(payload: Uint8Array): void {
    this.send(makeFrame(payload))
  }

  write(write: (writer: JuteWriter) => void): void {
    const writer = new JuteWriter()
    write(writer)
    this.send(writer.frame())
  }

  request(xid: number, request: Request): void {
    this.write((writer) => writeRequest(writer, xid, request))
  }

  auth(scheme: string, text: string): void {
    this.write((writer) => writeAuth(writer, -4, scheme, new TextEncoder().encode(text)))
  }

  /** Says the first word; what is answered, or null when the connection ends. */
  async hello(changes: Partial<ConnectRequest> = {}): Promise<ConnectResponse | null> {
    const request = {
      lastZxidSeen: 0 as Zxid, timeoutMs: 10_000, session: this.session, password: this.password, readOnly: false,
      ...changes,
    }
    this.write((writer) => writeConnectRequest(writer, request))
    const frame = await this.next()
    if (frame === null) return null
    const response = readConnectResponse(new JuteReader().reset(frame))
    this.session = response.session
    this.password = response.password.slice()
    this.timeoutMs = response.timeoutMs
    return response
  }

  /** One request and its answer, when nothing else is under way. */
  async call(xid: number, request: Request): Promise<Answer & { readonly outcome: Outcome }> {
    this.request(xid, request)
    const answer = await this.answer()
    return { ...answer, outcome: readOutcome(answer.number, request, answer.body) }
  }

  /** The number of the answer. */
  async code(xid: number, request: Request): Promise<number> {
    return (await this.call(xid, request)).number
  }
}

export function create(path: string, data: Uint8Array | null = new Uint8Array(0), flags = 0): Request {
  return { op: 1, path, data, acl: OPEN_ACL, flags, ttlMs: -1 }
}

export const READ = { get: 4, exists: 3, children: 8 } as const

/** A read that may leave a watch. */
export function look(op: 3 | 4 | 8 | 12, path: string, watch = false): Request {
  return { op, path, watch }
}

/** A peer alone with a port for clients, serving. */
export async function serve(t: Case, options: Partial<PeerOptions> = {}): Promise<Peer> {
  const peer = await startPeer(t, {
    id: 1, ensemble: { name: 'test', members: { 1: [] } }, storage: memoryStorage(),
    transports: [tcp(), websocketServer()], clients: ['tcp://127.0.0.1:0'], ...options,
  })
  return peer
}

/** A connection to an address of the peer, by the transport it names; ended with the case. */
export async function dial(t: Case, peer: Peer, index = 0): Promise<RawClient> {
  const address = peer.status().clientAddresses[index]!
  const transport = address.startsWith('tcp') ? tcp() : websocketServer()
  const client = new RawClient(await transport.dial(address))
  t.defer(() => client.link.abort())
  return client
}

/** A client with a session of its own. */
export async function join(t: Case, peer: Peer, index = 0): Promise<RawClient> {
  const client = await dial(t, peer, index)
  const response = await client.hello()
  if (response === null || response.timeoutMs <= 0) throw new Error('no session')
  return client
}
