import { connectRemote } from '../../lib/client/connect.ts'
import type { RemoteConnectOptions } from '../../lib/client/connect.ts'
import type { Client } from '../../lib/client/client.ts'
import { ZkError } from '../../lib/core/errors.ts'
import type { Outcome, Request } from '../../lib/core/tree/request.ts'
import { NO_SESSION, sessionIdOf } from '../../lib/core/tree/stat.ts'
import { makeZxid } from '../../lib/core/zxid.ts'
import type { Link, LinkEvents, Transport } from '../../lib/ports/transport.ts'
import { FrameReader } from '../../lib/wire/frame.ts'
import { JuteReader } from '../../lib/wire/jute/reader.ts'
import { readConnectRequest, writeConnectResponse, Xid } from '../../lib/wire/jute/records.ts'
import type { ConnectRequest } from '../../lib/wire/jute/records.ts'
import { writePlainReply, writeReply } from '../../lib/wire/jute/replies.ts'
import { readAuth, readRequest, WireOp } from '../../lib/wire/jute/requests.ts'
import { JuteWriter } from '../../lib/wire/jute/writer.ts'
import { FakeClock, settle } from './fakes.ts'

/** A connection of which the test plays the server, byte by byte. */
export class WireLink implements Link {
  readonly remote: string
  readonly queuedBytes = 0
  readonly #frames = new FrameReader(2 ** 24)
  #events: LinkEvents | null = null
  #heldEvents: (() => void)[] = []
  hello: ConnectRequest | null = null
  /** What came after the hello: `ping`, `auth alice:pw`, `op 4`. */
  readonly said: string[] = []
  readonly requests: { readonly xid: number, readonly request: Request }[] = []
  /** Bytes of the largest frame. */
  largestBytes = 0
  /** What was sent instead of a hello, when its first four bytes are a word. */
  word = ''
  isOver = false

  constructor(address: string) {
    this.remote = address
  }

  attach(events: LinkEvents): void {
    this.#events = events
    for (const tell of this.#heldEvents.splice(0)) queueMicrotask(tell)
  }

  send(bytes: Uint8Array): boolean {
    if (this.isOver) return false
    if (this.hello === null && bytes.length === 4) {
      this.word = new TextDecoder().decode(bytes)
      return true
    }
    this.#frames.push(bytes)
    for (let frame = this.#frames.next(); frame !== null; frame = this.#frames.next()) this.#frame(frame)
    return true
  }

  #frame(frame: Uint8Array): void {
    this.largestBytes = Math.max(this.largestBytes, frame.length)
    const reader = new JuteReader().reset(frame)
    if (this.hello === null) {
      this.hello = readConnectRequest(reader)
      return
    }
    const xid = reader.int()
    const op = reader.int()
    if (op === WireOp.auth) {
      this.said.push(`auth ${new TextDecoder().decode(readAuth(reader).auth ?? new Uint8Array(0))}`)
      return
    }
    this.said.push(xid === Xid.ping ? 'ping' : `op ${op}`)
    const request = readRequest(op, reader)
    if (request !== null && xid !== Xid.ping) this.requests.push({ xid, request })
  }

  pause(): void {
    // The server of a test says no more than it is told to.
  }

  resume(): void {
    // As above.
  }

  close(): void {
    this.isOver = true
  }

  abort(): void {
    this.isOver = true
  }

  // --- what the server says ----------------------------------------------------------------------------------------

  #tell(tell: (events: LinkEvents) => void): void {
    const events = this.#events
    if (events === null) this.#heldEvents.push(() => { if (this.#events !== null && !this.isOver) tell(this.#events) })
    else if (!this.isOver) tell(events)
  }

  /** Any bytes. */
  bytes(bytes: Uint8Array): void {
    this.#tell((events) => events.onData(bytes))
  }

  /** The frames that `write` makes. */
  frames(write: (writer: JuteWriter) => void): void {
    const writer = new JuteWriter()
    write(writer)
    this.bytes(writer.frame())
  }

  welcome(timeoutMs: number, readOnly = false): void {
    const asked = this.hello?.session ?? NO_SESSION
    const session = asked === NO_SESSION ? sessionIdOf(makeZxid(1, 7)) : asked
    this.frames((writer) => writeConnectResponse(writer, {
      timeoutMs, session, password: new Uint8Array(16).fill(3), readOnly,
    }))
  }

  /** Answers a ping (-2) or an authentication (-4). */
  plain(xid: number, errorNumber = 0): void {
    this.frames((writer) => writePlainReply(writer, xid, 1, errorNumber))
  }

  reply(xid: number, outcome: Outcome): void {
    this.frames((writer) => writeReply(writer, xid, makeZxid(1, 1), outcome))
  }

  end(): void {
    this.#tell((events) => events.onClose())
    this.isOver = true
  }
}

/** Servers without a network. */
export class WireServers implements Transport {
  readonly schemes = ['tcp']
  readonly features = { listens: false, network: true }
  readonly links: WireLink[] = []
  /** Addresses where nobody listens. */
  readonly dead = new Set<string>()
  /** Welcomes clients by itself, with this timeout; asked for `isro` it answers `rw`. */
  welcomeMs = 0

  async dial(address: string): Promise<Link> {
    await Promise.resolve()
    if (this.dead.has(address)) throw new ZkError('Unreachable', `nobody listens at ${address}`)
    const link = new WireLink(address)
    this.links.push(link)
    if (this.welcomeMs > 0) {
      queueMicrotask(() => queueMicrotask(() => setImmediate(() => {
        if (link.word === '') link.welcome(this.welcomeMs)
      })))
    }
    return link
  }

  get last(): WireLink {
    const link = this.links.at(-1)
    if (link === undefined) throw new Error('nobody connected')
    return link
  }
}

/** Time in two clocks, the monotonic one of which stands still while the machine sleeps. */
export class SleepyClock extends FakeClock {
  #sleptMs = 0

  override wall(): number {
    return super.wall() + this.#sleptMs
  }

  sleep(ms: number): void {
    this.#sleptMs += ms
  }
}

/** A client connected to fake servers. */
export interface Wired {
  readonly zk: Client
  readonly clock: SleepyClock
  readonly servers: WireServers
  /** States in their order. */
  readonly states: string[]
}

/** Connects to `hosts`, in their order; the session lives for `timeoutMs`. */
export async function wired(
  timeoutMs = 9_000, options: RemoteConnectOptions = {}, hosts = 'one:1,two:2', isReadOnly = false,
): Promise<Wired> {
  const clock = new SleepyClock()
  const servers = new WireServers()
  const connecting = connectRemote(`zk://${hosts}`, { shuffle: false, sessionTimeoutMs: timeoutMs, ...options }, {
    clock, transports: [servers],
  })
  await settle()
  servers.last.welcome(timeoutMs, isReadOnly)
  const zk = await connecting
  const states: string[] = []
  zk.on('state', ({ state }) => void states.push(state))
  return { zk, clock, servers, states }
}

/** Lets time pass in steps, so that what it sets off happens at its time. */
export async function pass(clock: FakeClock, ms: number, stepMs = 50): Promise<void> {
  for (let leftMs = ms; leftMs > 0; leftMs -= stepMs) {
    clock.pass(Math.min(stepMs, leftMs))
    await settle()
  }
}
