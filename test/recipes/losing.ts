/** A connection that loses the answers of writes, or the writes themselves, when a case says so. */
import type { Channel, ChannelEvents, Endpoint, Hello } from '../../lib/client/channel.ts'
import { Client, createEnsemble } from '../../lib/node.ts'
import type { Ensemble } from '../../lib/node.ts'
import { isWrite } from '../../lib/core/tree/request.ts'
import type { Request } from '../../lib/core/tree/request.ts'
import { systemClock } from '../../lib/peer/system-clock.ts'
import type { Case } from '../harness.ts'

/** What becomes of the next write: it is lost on its way, or its answer is. */
export type Loss = 'write' | 'answer'

/** A session whose connection breaks at chosen writes. */
export class Losing implements Endpoint {
  readonly name = 'losing'
  readonly gone = false
  readonly #inner: Endpoint
  /** The next write for which it holds suffers this. */
  #next: { readonly loss: Loss, readonly isIt: (request: Request) => boolean } | null = null
  /** Done between the loss and the next connection. */
  #meanwhile: () => Promise<unknown> = () => Promise.resolve()
  #isAway = false
  losses = 0

  constructor(inner: Endpoint) {
    this.#inner = inner
  }

  get ready(): boolean {
    return !this.#isAway && (this.#inner.ready ?? true)
  }

  /** The next write (for which `isIt` holds) is lost; there is no connection until `meanwhile` is done. */
  lose(loss: Loss, meanwhile?: () => Promise<unknown>, isIt: (request: Request) => boolean = isBig): void {
    this.#next = { loss, isIt }
    this.#meanwhile = meanwhile ?? (() => Promise.resolve())
  }

  /** The next write is lost, as by `lose`; there is no connection from `away` on until `back`. */
  cutOff(
    loss: Loss, isIt?: (request: Request) => boolean,
  ): { readonly away: Promise<void>, readonly back: () => void } {
    const [away, back] = [signalled(), signalled()]
    this.lose(loss, () => {
      away.signal()
      return back.promise
    }, isIt)
    return { away: away.promise, back: back.signal }
  }

  open(hello: Hello, events: ChannelEvents): Channel {
    if (this.#isAway) {
      const timer = systemClock().setTimer(0, () => events.onClose('PeerStopped'))
      return { request: () => undefined, authenticate: () => Promise.resolve([]), close: () => timer.cancel() }
    }
    let lostXid = -1
    const lose = (): void => {
      this.losses += 1
      this.#isAway = true
      const back = (): void => { this.#isAway = false }
      channel.close()
      systemClock().setTimer(0, () => {
        events.onClose('ConnectionLoss')
        void this.#meanwhile().finally(back)
      })
    }
    const channel = this.#inner.open(hello, {
      ...bound(events),
      onReply: (xid, zxid, outcome) => {
        if (xid === lostXid) lose()
        else events.onReply(xid, zxid, outcome)
      },
    })
    return {
      request: (xid, request) => {
        const next = this.#next
        const isLost = next?.isIt(request) === true
        if (isLost) this.#next = null
        if (isLost && next?.loss === 'write') return lose()
        if (isLost) lostXid = xid
        channel.request(xid, request)
      },
      authenticate: (scheme, auth) => channel.authenticate(scheme, auth),
      close: () => channel.close(),
    }
  }
}

function signalled(): { readonly promise: Promise<void>, readonly signal: () => void } {
  let signal = (): void => undefined
  const promise = new Promise<void>((resolve) => { signal = resolve })
  return { promise, signal }
}

function isBig(request: Request): boolean {
  return isWrite(request) && request.op !== 2
}

function bound(events: ChannelEvents): ChannelEvents {
  return {
    onConnected: (session, password, timeoutMs) => events.onConnected(session, password, timeoutMs),
    onReply: (xid, zxid, outcome) => events.onReply(xid, zxid, outcome),
    onEvent: (event) => events.onEvent(event),
    onClose: (code, error) => events.onClose(code, error),
  }
}

/** One peer, a session that loses answers, and one that does not. */
export interface LosingPlace {
  readonly ensemble: Ensemble
  readonly losing: Losing
  readonly zk: Client
  readonly other: Client
}

/** An ensemble in this process with two such sessions. */
export async function losingPlace(t: Case): Promise<LosingPlace> {
  const ensemble = await createEnsemble({ size: 1, signal: t.signal })
  t.defer(() => ensemble.stop())
  const peer = ensemble.peer(1)
  if (peer === undefined) throw new Error('no peer')
  const losing = new Losing(peer.endpoint)
  const zk = await Client.connect({ endpoints: [losing], clock: systemClock() })
  t.defer(() => zk.close())
  const other = await ensemble.connect()
  t.defer(() => other.close())
  return { ensemble, losing, zk, other }
}
