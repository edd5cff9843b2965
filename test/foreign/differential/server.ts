/** One of the two servers, with a connection per actor. */
import type { Arrival } from '../raw-replies.ts'
import { Op } from '../raw-replies.ts'
import { RawWriter } from '../raw-bytes.ts'
import type { Hello } from '../raw-client.ts'
import { helloFrame, RawClient } from '../raw-client.ts'
import { isFields, show, Side } from './compare.ts'
import type { Speaker } from './words.ts'
import { LONG_MS } from './step.ts'
import type { Opening, Step } from './step.ts'

/** Changes what arrived, to see that the comparison notices. */
export type Plant = (arrivals: readonly Arrival[], actor: number) => readonly Arrival[]

interface Actor {
  client: RawClient | null
  sessionId: bigint
  password: Buffer
  xid: number
  /** The index of the server it connects to. */
  home: number
}

/** Whom the connections authenticate as, every time they are opened. */
export const IDENTITIES: readonly (readonly string[])[] = [[], ['alice:pw', 'bob:secret'], ['super:admin']]

/** A server that is behind after so many is not catching up. */
const MOST_SYNCS = 10_000
const UNIMPLEMENTED = -6
const AUTH_FAILED = -115
const ZERO_PASSWORD = Buffer.alloc(16)
const SYNC = { xid: 1, opcode: Op.sync, body: new RawWriter().string('/').bytes() }
/** Longer than a session may be unheard of: a witness is heard of at every step. */
const PING = { xid: -2, opcode: Op.ping, body: Buffer.alloc(0) }
const WRITE = {
  xid: 1, opcode: Op.delete, body: new RawWriter().string('/t/nobody').int(-1).bytes(),
}
const isAnswer = (arrival: Arrival): boolean => arrival.kind === 'reply' || arrival.kind === 'garbage'
const isPong = (arrival: Arrival): boolean => arrival.kind === 'reply' && arrival.opcode === Op.ping
/** What is followed by the end of the connection, if later than the reply. */
const isLast = (arrival: Arrival): boolean => arrival.kind === 'reply' && (arrival.opcode === Op.closeSession ||
  (arrival.err === UNIMPLEMENTED && arrival.zxid === -1n) || arrival.err === AUTH_FAILED)
const isConnected = (arrival: Arrival): boolean => arrival.kind === 'connected'

const READS: ReadonlySet<number> = new Set([
  Op.exists, Op.getData, Op.getACL, Op.getChildren, Op.getChildren2, Op.ping, Op.multiRead, Op.whoAmI, Op.addWatch,
  Op.checkWatches, Op.removeWatches, Op.setWatches, Op.setWatches2, Op.getEphemerals, Op.getAllChildrenNumber,
])
const mayWrite = (step: Step): boolean =>
  step.kind === 'open' || (step.kind === 'requests' && step.asks.some(({ opcode }) => !READS.has(opcode)))

/** What arrived on each connection in one step, and last on a connection that another one took the place of. */
export type Round = readonly (readonly Arrival[])[]

/** Plays steps on one server. */
export class Server {
  readonly name: string
  readonly side: Side = new Side()
  readonly #ports: readonly number[]
  readonly #actors: Actor[]
  /** From one home to the next. */
  readonly #stride: number
  /** A connection to each server of an ensemble, by which it is known to have caught up. */
  #witnesses: readonly RawClient[] = []
  /** Zxids of replies in their order. */
  readonly #zxids: bigint[] = []
  #ended: readonly Arrival[] = []
  plant: Plant = (arrivals) => arrivals

  /** `ports` are those of an ensemble, `homes` where each connection begins; if all at one, they stay there. */
  constructor(name: string, ports: readonly number[], homes: readonly number[]) {
    this.name = name
    this.#stride = new Set(homes).size > 1 ? 1 : 0
    this.#ports = ports
    this.#actors = IDENTITIES.map((_, index) =>
      ({ client: null, sessionId: 0n, password: ZERO_PASSWORD, xid: 0, home: homes[index] ?? 0 }))
  }

  #port(home: number): number {
    return this.#ports[home % this.#ports.length] ?? 0
  }

  /** Connects the witnesses, one after the other. */
  async start(): Promise<void> {
    if (this.#ports.length === 1) return
    const witnesses: RawClient[] = []
    for (const port of this.#ports) {
      const client = new RawClient(port, {
        lastZxidSeen: 0n, timeOut: LONG_MS, sessionId: 0n, password: ZERO_PASSWORD, readOnly: false,
      })
      const arrivals = await client.takeUntil((all) => all.some(isConnected))
      const response = arrivals[0]?.kind === 'connected' && isFields(arrivals[0].response) ? arrivals[0].response : {}
      if (typeof response['sessionId'] !== 'bigint') {
        throw new Error(`${this.name}: no connection for a witness: ${show(arrivals)}`)
      }
      this.side.sessions.set(response['sessionId'], `session of witness ${witnesses.length}`)
      witnesses.push(client)
    }
    this.#witnesses = witnesses
    await this.#catchUp([])
  }

  /**
   * Resolves when every server has applied what any of them has answered. Apache ZooKeeper's leader answers a sync of
   * its own clients as a read, which may come before it has applied what a follower has already answered: such a
   * server is asked again.
   */
  async #catchUp(answered: readonly Arrival[]): Promise<void> {
    const zxids = await Promise.all(this.#witnesses.map((witness) => this.#sync(witness)))
    const newest = answered.reduce((high, arrival) =>
      arrival.kind === 'reply' && arrival.zxid > high ? arrival.zxid : high, 0n)
    const target = zxids.reduce((high, zxid) => zxid > high ? zxid : high, newest)
    await Promise.all(this.#witnesses.map(async (witness, index) => {
      let zxid = zxids[index] ?? 0n
      for (let tries = 0; zxid < target; tries += 1) {
        if (tries === MOST_SYNCS) throw new Error(`${this.name}: server ${index} stays at ${zxid}, before ${target}`)
        zxid = await this.#sync(witness)
      }
    }))
  }

  /** The last zxid that the witness's server has applied. */
  async #sync(witness: RawClient): Promise<bigint> {
    witness.send([SYNC])
    const arrivals = await witness.takeUntil((all) => all.some(isAnswer))
    if (arrivals[0]?.kind === 'reply' && arrivals[0].err === 0) return arrivals[0].zxid
    throw new Error(`${this.name}: no sync: ${show(arrivals)}`)
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
    if (mayWrite(step)) await this.#catchUp(first)
    const round = await Promise.all(this.#actors.map(async ({ client }, index) => {
      const early = index === step.actor ? first : []
      if (client === null) return early
      client.send([PING])
      const late = await client.takeUntil((all) => all.some(isPong))
      if ([...early, ...late].some((arrival) => isLast(arrival) || arrival.kind === 'garbage')) {
        late.push(...await client.takeUntil(() => false))
      }
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
    const requests = step.asks.map((ask) => {
      actor.xid += 1
      return { xid: ask.xid ?? actor.xid, opcode: ask.opcode, body: ask.encode(this.#seen) }
    })
    if (step.pieceBytes === undefined) actor.client.send(requests)
    else await actor.client.sendInPieces(requests, step.pieceBytes)
    return actor.client.takeUntil((all) => all.filter(isAnswer).length >= step.asks.length)
  }

  #bytes(step: Step & { kind: 'bytes' }): Arrival[] {
    this.#actor(step.actor).client?.sendBytes(step.bytes)
    return []
  }

  #hello(actor: Actor, opening: Opening, timeOut: number): Hello {
    const isNew = opening.startsWith('fresh') || actor.sessionId === 0n
    const seen = this.#seen(0)
    return {
      protocolVersion: opening === 'fresh of another version' ? 77 : 0, timeOut,
      lastZxidSeen: opening === 'too new' ? 1n << 61n : opening === 'just too new' ? seen + 1n : seen,
      sessionId: opening === 'nobody' ? 0x123456789n : isNew ? 0n : actor.sessionId,
      password: opening === 'wrong password' ? Buffer.alloc(16, 7) : opening === 'null password' ? null
        : opening === 'fresh with a password' ? Buffer.alloc(16, 9) : isNew ? ZERO_PASSWORD : actor.password,
      readOnly: opening.endsWith('as of old') ? null : opening === 'evict' || opening === 'move',
    }
  }

  async #open(index: number, opening: Opening, timeOut: number, session: string): Promise<Arrival[]> {
    const actor = this.#actor(index)
    const old = actor.client
    const isLeft = opening === 'move' && this.#stride > 0
    // Apache ZooKeeper forgets which connection is a session's when an earlier one of it closes (ServerCnxnFactory,
    // removeCnxnFromSessionMap, by the id alone): if that is after the new one's first packet, nobody can evict it.
    if (opening !== 'evict' && opening !== 'move' && opening !== 'wrong password') await old?.leave()
    if (opening === 'elsewhere' || opening === 'move') actor.home += this.#stride
    const first = opening === 'half a hello' ? new RawWriter().buffer(Buffer.alloc(20)).bytes()
      : helloFrame(this.#hello(actor, opening, timeOut), Buffer.alloc(opening === 'fresh and more' ? 7 : 0, 1))
    const client = new RawClient(this.#port(actor.home), first)
    actor.client = client
    const arrivals = await client.takeUntil((all) => all.some(isConnected))
    // Nobody tells a server that a session has moved on from it: it is refused when it writes.
    if (isLeft) old?.send([WRITE])
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

  /** Its ports, with the names of the sessions. */
  speakers(): Speaker[] {
    return this.#ports.map((port) => ({ port, sessions: this.side.sessions }))
  }

  /** Whether the connection of an actor is open. */
  isOpen(index: number): boolean {
    return this.#actor(index).client !== null
  }

  close(): void {
    for (const { client } of this.#actors) client?.destroy()
    for (const witness of this.#witnesses) witness.destroy()
  }
}
