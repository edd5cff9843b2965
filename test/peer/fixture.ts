/** Peers and the simplest client for cases about peers. */
import type { Channel, Endpoint } from '../../lib/client/channel.ts'
import type { Outcome, Request, WatchEvent } from '../../lib/core/tree/request.ts'
import type { SessionId } from '../../lib/core/tree/stat.ts'
import { ZXID_ZERO } from '../../lib/core/zxid.ts'
import { Peer } from '../../lib/peer/peer.ts'
import type { PeerOptions } from '../../lib/peer/options.ts'
import type { Case } from '../harness.ts'

/** One session over one channel, with a promise per request. */
export class TestSession {
  session: SessionId | null = null
  timeoutMs = 0
  readonly events: WatchEvent[] = []
  onEvent: () => void = () => undefined
  readonly #channel: Channel
  readonly #waiting: ((outcome: Outcome | string) => void)[] = []
  #xid = 0
  #closed: string | null = null
  readonly opened: Promise<this>
  readonly closed: Promise<string>

  constructor(endpoint: Endpoint, session: SessionId | null = null, password: Uint8Array = new Uint8Array(0)) {
    let settleOpened: ((session: this) => void) | null = null
    let settleClosed: ((code: string) => void) | null = null
    this.opened = new Promise((resolve) => { settleOpened = resolve })
    this.closed = new Promise((resolve) => { settleClosed = resolve })
    this.#channel = endpoint.open({ session, password, timeoutMs: 10_000, lastZxidSeen: ZXID_ZERO }, {
      onConnected: (id, _password, timeoutMs) => {
        this.session = id
        this.timeoutMs = timeoutMs
        settleOpened?.(this)
      },
      onReply: (_xid, _zxid, outcome) => this.#waiting.shift()?.(outcome),
      onEvent: (event) => {
        this.events.push(event)
        this.onEvent()
      },
      onClose: (code) => {
        this.#closed = code
        settleClosed?.(code)
        for (const waiting of this.#waiting.splice(0)) waiting(code)
      },
    })
  }

  /** The outcome, or the code with which the connection ended instead. */
  call(request: Request): Promise<Outcome | string> {
    if (this.#closed !== null) return Promise.resolve(this.#closed)
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.#channel.request(++this.#xid, request)
    })
  }

  readNow(request: Request): Outcome | null {
    return this.#channel.readNow?.(request) ?? null
  }

  authenticate(auth: string, scheme = 'digest'): Promise<unknown> {
    return this.#channel.authenticate(scheme, new TextEncoder().encode(auth))
  }

  /** The code of a write: Ok, an error, or the code of the connection's end. */
  async create(path: string, text = ''): Promise<string> {
    const data = new TextEncoder().encode(text)
    return codeOf(await this.call({ op: 1, path, data, acl: [{ perms: 31, scheme: 'world', id: 'anyone' }],
      flags: 0, ttlMs: -1 }))
  }

  async set(path: string, text: string): Promise<string> {
    return codeOf(await this.call({ op: 5, path, data: new TextEncoder().encode(text), version: -1 }))
  }

  close(): void {
    this.#channel.close()
  }
}

export function codeOf(outcome: Outcome | string): string {
  return typeof outcome === 'string' ? outcome : outcome.code
}

/** Opens a session and waits for it. */
export function connect(peer: Peer): Promise<TestSession> {
  return new TestSession(peer.endpoint).opened
}

/** Starts a peer that is stopped with the case. */
export async function startPeer(t: Case, options: PeerOptions): Promise<Peer> {
  const peer = await Peer.start(options)
  t.defer(() => peer.stop())
  return peer
}

/** Resolves at the first event of this kind for which `is` holds. */
export function until<T>(subscribe: (listener: (value: T) => void) => () => void,
  is: (value: T) => boolean): Promise<T> {
  return new Promise((resolve) => {
    const unsubscribe = subscribe((value) => {
      if (!is(value)) return
      unsubscribe()
      resolve(value)
    })
  })
}
