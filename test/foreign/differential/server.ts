/** One of the two servers, with a connection per actor. */
import type { Arrival } from '../raw-replies.ts'
import { Op } from '../raw-replies.ts'
import { RawWriter } from '../raw-bytes.ts'
import type { Hello } from '../raw-client.ts'
import { RawClient } from '../raw-client.ts'
import { isFields, Side } from './compare.ts'
import type { Opening, Step } from './step.ts'

/** Changes what arrived, to see that the comparison notices. */
export type Plant = (arrivals: readonly Arrival[], actor: number) => readonly Arrival[]

interface Actor {
  client: RawClient | null
  sessionId: bigint
  password: Buffer
  xid: number
}

/** Whom the connections authenticate as, every time they are opened. */
export const IDENTITIES: readonly (readonly string[])[] = [[], ['alice:pw', 'bob:secret'], ['super:admin']]

const UNIMPLEMENTED = -6
const AUTH_FAILED = -115
const ZERO_PASSWORD = Buffer.alloc(16)
const PING = { xid: -2, opcode: Op.ping, body: Buffer.alloc(0) }
const isAnswer = (arrival: Arrival): boolean => arrival.kind === 'reply' || arrival.kind === 'garbage'
const isPong = (arrival: Arrival): boolean => arrival.kind === 'reply' && arrival.opcode === Op.ping
/** What is followed by the end of the connection, if later than the reply. */
const isLast = (arrival: Arrival): boolean => arrival.kind === 'reply' && (arrival.opcode === Op.closeSession ||
  (arrival.err === UNIMPLEMENTED && arrival.zxid === -1n) || arrival.err === AUTH_FAILED)
const isConnected = (arrival: Arrival): boolean => arrival.kind === 'connected'

/** What arrived on each connection in one step, and last on a connection that another one took the place of. */
export type Round = readonly (readonly Arrival[])[]

/** Plays steps on one server. */
export class Server {
  readonly name: string
  readonly side: Side = new Side()
  readonly #port: number
  readonly #actors: Actor[] = IDENTITIES.map(() => ({ client: null, sessionId: 0n, password: ZERO_PASSWORD, xid: 0 }))
  /** Zxids of replies in their order. */
  readonly #zxids: bigint[] = []
  #ended: readonly Arrival[] = []
  plant: Plant = (arrivals) => arrivals

  constructor(name: string, port: number) {
    this.name = name
    this.#port = port
  }

  #actor(index: number): Actor {
    const actor = this.#actors[index]
    if (actor === undefined) throw new Error(`no connection ${index}`)
    return actor
  }

  readonly #seen = (back: number): bigint => this.#zxids.at(-1 - back) ?? 0n

  /** Plays the step and collects what came of it everywhere. `session` names a session that the step may create. */
  async play(step: Step, session: string): Promise<Round> {
    const from = Date.now()
    const first = step.kind === 'open' ? await this.#open(step.actor, step.opening, step.timeOut, session)
      : step.kind === 'requests' ? await this.#ask(step) : this.#bytes(step)
    const round = await Promise.all(this.#actors.map(async ({ client }, index) => {
      const early = index === step.actor ? first : []
      if (client === null) return early
      client.send([PING])
      const late = await client.takeUntil((all) => all.some(isPong))
      if (early.some(isLast)) late.push(...await client.takeUntil(() => false))
      if (!client.isClosed) return [...early, ...late]
      this.#actor(index).client = null
      // A ping may slip in while the connection is being closed.
      return [...early, ...late.filter((arrival) => !isPong(arrival))]
    }))
    this.#learn(round.flat(), from)
    const all = [...round, this.#ended]
    this.#ended = []
    return all.map((arrivals, index) => this.plant(arrivals, index))
  }

  #learn(arrivals: readonly Arrival[], from: number): void {
    const to = Date.now()
    for (const arrival of arrivals) {
      if (arrival.kind !== 'reply' || arrival.zxid <= 0n) continue
      this.#zxids.push(arrival.zxid)
      this.side.note(arrival.zxid, from, to)
    }
  }

  async #ask(step: Step & { kind: 'requests' }): Promise<Arrival[]> {
    const actor = this.#actor(step.actor)
    if (actor.client === null) return []
    actor.client.send(step.asks.map((ask) => {
      actor.xid += 1
      return { xid: ask.xid ?? actor.xid, opcode: ask.opcode, body: ask.encode(this.#seen) }
    }))
    return actor.client.takeUntil((all) => all.filter(isAnswer).length >= step.asks.length)
  }

  #bytes(step: Step & { kind: 'bytes' }): Arrival[] {
    this.#actor(step.actor).client?.sendBytes(step.bytes)
    return []
  }

  #hello(actor: Actor, opening: Opening, timeOut: number): Hello {
    const isNew = opening.startsWith('fresh') || actor.sessionId === 0n
    return {
      lastZxidSeen: opening === 'too new' ? 1n << 61n : this.#seen(0), timeOut, sessionId: isNew ? 0n : actor.sessionId,
      password: opening === 'wrong password' ? Buffer.alloc(16, 7) : opening === 'null password' ? null
        : isNew ? ZERO_PASSWORD : actor.password,
      readOnly: opening.endsWith('as of old') ? null : opening === 'evict',
    }
  }

  async #open(index: number, opening: Opening, timeOut: number, session: string): Promise<Arrival[]> {
    const actor = this.#actor(index)
    const old = actor.client
    if (opening !== 'evict' && opening !== 'wrong password') old?.destroy()
    const first = opening === 'half a hello' ? new RawWriter().buffer(Buffer.alloc(20)).bytes()
      : this.#hello(actor, opening, timeOut)
    const client = new RawClient(this.#port, first)
    actor.client = client
    const arrivals = await client.takeUntil((all) => all.some(isConnected))
    this.#ended = old === null ? [] : await old.takeUntil(() => false)
    const connected = arrivals.find(isConnected)
    const response = connected?.kind === 'connected' && isFields(connected.response) ? connected.response : {}
    const { sessionId, timeOut: granted, password } = response
    if (typeof sessionId !== 'bigint' || typeof password !== 'string' || granted === 0) return arrivals
    if (!this.side.sessions.has(sessionId)) this.side.sessions.set(sessionId, session)
    actor.sessionId = sessionId
    actor.password = Buffer.from(password, 'hex')
    actor.xid = 0
    const identities = IDENTITIES[index] ?? []
    client.send(identities.map((identity) => ({
      xid: -4, opcode: Op.auth, body: new RawWriter().int(0).string('digest').buffer(Buffer.from(identity)).bytes(),
    })))
    const replies = await client.takeUntil((all) => all.filter(isAnswer).length >= identities.length)
    return [...arrivals, ...replies]
  }

  /** Whether the connection of an actor is open. */
  isOpen(index: number): boolean {
    return this.#actor(index).client !== null
  }

  close(): void {
    for (const { client } of this.#actors) client?.destroy()
  }
}
