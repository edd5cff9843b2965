import type { Channel, ChannelEvents, Endpoint, Hello } from '../../lib/client/channel.ts'
import { Client } from '../../lib/client/client.ts'
import type { ConnectOptions } from '../../lib/client/connect-options.ts'
import { ZkError } from '../../lib/core/errors.ts'
import type { ErrorCode } from '../../lib/core/errors.ts'
import type { Identity, Outcome, Request, Result } from '../../lib/core/tree/request.ts'
import { sessionIdOf } from '../../lib/core/tree/stat.ts'
import type { Stat } from '../../lib/core/tree/stat.ts'
import { makeZxid } from '../../lib/core/zxid.ts'
import type { Zxid } from '../../lib/core/zxid.ts'
import type { Clock, Timer } from '../../lib/ports/clock.ts'

/** Time that passes when the test says so. */
export class FakeClock implements Clock {
  #nowMs = 1_000
  readonly #timers = new Set<{ readonly atMs: number, readonly callback: () => void }>()

  now(): number {
    return this.#nowMs
  }

  wall(): number {
    return 1_700_000_000_000 + this.#nowMs
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const timer = { atMs: this.#nowMs + delayMs, callback }
    this.#timers.add(timer)
    return { cancel: () => void this.#timers.delete(timer) }
  }

  get timers(): number {
    return this.#timers.size
  }

  /** The event loop is blocked: all timers that are due by then fire afterwards, in their order. */
  stall(ms: number): void {
    this.#nowMs += ms
    const due = [...this.#timers].filter(({ atMs }) => atMs <= this.#nowMs).sort((one, other) => one.atMs - other.atMs)
    for (const timer of due) if (this.#timers.delete(timer)) timer.callback()
  }

  pass(ms: number): void {
    const endMs = this.#nowMs + ms
    for (;;) {
      const due = [...this.#timers].filter(({ atMs }) => atMs <= endMs).sort((one, other) => one.atMs - other.atMs)[0]
      if (due === undefined) break
      this.#timers.delete(due)
      this.#nowMs = due.atMs
      due.callback()
    }
    this.#nowMs = endMs
  }
}

/** One request as it arrived. */
export interface Arrived {
  readonly xid: number
  readonly request: Request
}

/** A connection of which the test plays the server. */
export class FakeChannel implements Channel {
  readonly hello: Hello
  readonly #events: ChannelEvents
  readonly arrived: Arrived[] = []
  readonly identities: string[] = []
  isClosed = false
  /** Answers `readNow` when set. */
  local: ((request: Request) => Outcome | null) | null = null
  touchedMs: number | null = null
  zxid: Zxid = makeZxid(1, 0)
  #answered = 0

  constructor(hello: Hello, events: ChannelEvents) {
    this.hello = hello
    this.#events = events
  }

  request(xid: number, request: Request): void {
    this.arrived.push({ xid, request })
  }

  readNow(request: Request): Outcome | null {
    return this.local === null ? null : this.local(request)
  }

  async authenticate(scheme: string, auth: Uint8Array): Promise<readonly Identity[]> {
    await Promise.resolve()
    if (scheme !== 'digest') throw new ZkError('AuthFailed')
    const id = new TextDecoder().decode(auth)
    this.identities.push(`${scheme} ${id} after ${this.arrived.length}`)
    return [{ scheme, id }]
  }

  close(): void {
    this.isClosed = true
  }

  /** The operations that were asked for, in order. */
  get ops(): number[] {
    return this.arrived.map(({ request }) => request.op)
  }

  connect(session = 7, timeoutMs = 9_000): void {
    const id = this.hello.session ?? sessionIdOf(makeZxid(0, session))
    this.#events.onConnected(id, new Uint8Array(16).fill(session), timeoutMs)
  }

  /** Answers the next request that has no answer yet. */
  reply(result: Result, zxid = 1): void {
    this.outcome({ code: 'Ok', result }, zxid)
  }

  fail(code: Exclude<ErrorCode, 'Ok'>, zxid = 1): void {
    this.outcome({ code, result: null }, zxid)
  }

  outcome(outcome: Outcome, zxid = 1): void {
    const request = this.arrived[this.#answered]
    this.#answered += 1
    this.#events.onReply(request?.xid ?? 0, makeZxid(1, zxid), outcome)
  }

  event(type: 1 | 2 | 3 | 4, path: string, counter: number): void {
    this.#events.onEvent({ type, path, zxid: counter < 0 ? -1 : makeZxid(1, counter) })
  }

  end(code: ErrorCode, error?: Error): void {
    this.isClosed = true
    this.#events.onClose(code, error)
  }
}

/** A place to connect to; it keeps every channel that was opened. */
export class FakeEndpoint implements Endpoint {
  readonly name: string
  gone = false
  ready = true
  readonly channels: FakeChannel[] = []
  /** Connects each channel by itself, in a later turn. */
  isWilling = false

  constructor(name = 'fake') {
    this.name = name
  }

  open(hello: Hello, events: ChannelEvents): Channel {
    const channel = new FakeChannel(hello, events)
    this.channels.push(channel)
    if (this.isWilling) queueMicrotask(() => channel.connect())
    return channel
  }

  get last(): FakeChannel {
    const channel = this.channels.at(-1)
    if (channel === undefined) throw new Error('nobody connected')
    return channel
  }
}

/** A stat whose numbers do not matter. */
export function someStat(counter = 1): Stat {
  const zxid = makeZxid(1, counter)
  return {
    czxid: zxid, mzxid: zxid, ctime: 0, mtime: 0, version: 0, cversion: 0, aversion: 0,
    ephemeralOwner: sessionIdOf(makeZxid(0, 0)), dataLength: 0, numChildren: 0, pzxid: zxid,
  }
}

/** A connected client over fakes. */
export async function connected(options: ConnectOptions = {}, count = 1): Promise<{
  readonly zk: Client, readonly clock: FakeClock, readonly endpoints: FakeEndpoint[], readonly endpoint: FakeEndpoint,
}> {
  const clock = new FakeClock()
  const endpoints = Array.from({ length: count }, (_, index) => new FakeEndpoint(`fake ${index + 1}`))
  const connecting = Client.connect({ endpoints, clock }, options)
  const [endpoint] = endpoints
  if (endpoint === undefined) throw new Error('no endpoint')
  endpoint.last.connect()
  return { zk: await connecting, clock, endpoints, endpoint }
}

/** Lets everything run that waits for promises. */
export function settle(): Promise<void> {
  return new Promise((resolve) => { setImmediate(resolve) })
}
