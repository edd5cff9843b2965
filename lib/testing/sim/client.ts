import type { ConnectedEffect, Effect, Input } from '../../core/effects.ts'
import { makeRandom } from '../../core/random.ts'
import type { Random } from '../../core/random.ts'
import { isWrite } from '../../core/tree/request.ts'
import type { Identity, Outcome, Request, WatchEvent } from '../../core/tree/request.ts'
import type { SessionId } from '../../core/tree/stat.ts'
import { ZXID_ZERO } from '../../core/zxid.ts'
import type { Zxid } from '../../core/zxid.ts'
import { drawCaller } from './access.ts'
import { meanThinkMs } from './client-plan.ts'
import { ClientWatches } from './client-watches.ts'
import type { Direction } from './client-ways.ts'
import type { ClientWorld, ConnectionEnd } from './client-world.ts'
import { sameOutcome, wrongRead } from './outcomes.ts'
import { Sight } from './versions.ts'
import { Violation } from './violation.ts'
import type { Noted } from './windows.ts'
import { Workload } from './workload.ts'

/** Reads that may come to an error. */
const MAY_FAIL: readonly Request['op'][] = [3, 4, 6, 8, 12, 18, 101, 105]

interface Call {
  readonly xid: number
  readonly request: Request
  /** Largest acknowledged write when this was sent. */
  readonly ackedBefore: Zxid
  /** Largest zxid seen by anybody when this was sent. */
  readonly seenBefore: Zxid
  /** How many answers anybody had. */
  readonly answersBefore: number
  readonly noted: Noted
  readonly isMetered: boolean
  readonly sentMs: number
}

/** One end of a connection; packets of each direction arrive in order. */
interface Wire {
  readonly conn: number
  readonly peer: number
  /** Who it says to be on it. */
  readonly identities: readonly Identity[]
  inMs: number
  outMs: number
  /** The word is on its way that its session was closed, silent for too long, or opened elsewhere. */
  isOverByClient: boolean
}

/** One client session: sends random requests, checks every answer and event against the ghost. */
export class SimClient implements ConnectionEnd {
  readonly id: number
  readonly #world: ClientWorld
  /** Its own: what one client does is not changed by what others do. */
  readonly #random: Random
  /** What is drawn of it changes nothing else. */
  readonly #access: Random
  readonly #workload: Workload
  #timeoutMs: number
  readonly #thinkMs: number
  readonly #pipeline: number
  readonly #readMs: number
  /** Asleep until then: it neither sends nor notices. */
  #wakesMs = 0
  #wire: Wire | null = null
  /** A connection that this client left behind without closing it. */
  #left: Wire | null = null
  #session: SessionId | null = null
  #password: Uint8Array = new Uint8Array(0)
  #state: 'idle' | 'connecting' | 'connected' = 'idle'
  #calls: Call[] = []
  #xid = 0
  #lastZxid: Zxid = ZXID_ZERO
  #sight = new Sight()
  readonly #watches: ClientWatches
  #stopped = false
  #lastHeardMs = 0
  acked = 0
  failed = 0
  sessions = 0
  expired = 0

  constructor(id: number, world: ClientWorld) {
    this.id = id
    this.#world = world
    this.#watches = new ClientWatches(world, this.#who)
    const { seed, clientPlan: { pipeline, areSlow, areExtreme, workload } } = world.plan
    const random = makeRandom(seed ^ (id * 0x85eb_ca6b))
    this.#random = random
    this.#access = makeRandom(seed ^ (id * 0x27d4_eb2f))
    this.#workload = new Workload(random, id, workload, this.#access)
    this.#timeoutMs = [4_000, 10_000, 30_000][random.below(3)]!
    if (areExtreme && this.#access.below(2) === 0) this.#keepAlive(this.#access.below(3) === 0 ? Infinity : 0)
    this.#pipeline = 1 + random.below(pipeline)
    this.#thinkMs = meanThinkMs(world.plan, this.#pipeline) * (0.5 + random.unit())
    this.#readMs = areSlow && random.below(3) === 0 ? random.unit() * 2_000 : 0
    this.#later(random.below(2_000), () => this.#act())
  }

  get session(): SessionId | null {
    return this.#session
  }

  get timeoutMs(): number {
    return this.#timeoutMs
  }

  /** The one it is connected to, 0 for none. */
  get peer(): number {
    return this.#wire?.peer ?? 0
  }

  /** Its connection, 0 for none. */
  get conn(): number {
    return this.#wire?.conn ?? 0
  }

  get pending(): number {
    return this.#calls.length
  }

  /** It reads late what it is sent: that it waits says nothing of the ensemble. */
  get isSlow(): boolean {
    return this.#readMs > 0
  }

  /** Number of its last request, and of the oldest one without an answer. */
  get lastXid(): number {
    return this.#xid
  }

  get oldestXid(): number {
    return this.#calls[0]?.xid ?? Infinity
  }

  /** Where it stands, for traces. */
  describe(): string {
    const calls = this.#calls.map(({ xid, request }) => `${xid}:${request.op}`).join(' ')
    const { conn, peer } = this.#wire ?? { conn: 0, peer: 0 }
    return `client ${this.id} conn ${conn} at peer ${peer}, session ${this.#session}, ${this.#state}, calls ${calls}`
  }

  get connected(): boolean {
    return this.#state === 'connected'
  }

  #later(delayMs: number, run: () => void): void {
    this.#world.events.after(delayMs, run)
  }

  stop(): void {
    this.#stopped = true
  }

  // --- what it does ------------------------------------------------------------------------------------------------

  #act(): void {
    if (this.#stopped) return
    const { events, plan: { clientPlan: { restless } } } = this.#world
    const random = this.#random
    this.#later(this.#thinkMs * (0.5 + random.unit()), () => this.#act())
    if (events.nowMs < this.#wakesMs) return
    const silentMs = events.nowMs - this.#lastHeardMs
    if (this.#state === 'connecting' && silentMs > 3_000) this.#leave()
    if (this.#state === 'connected' && this.#calls.length > 0 && silentMs > this.#timeoutMs) this.#leave()
    if (this.#state === 'idle') this.#connect()
    if (this.#state !== 'connected') return
    const roll = random.below(restless)
    if (roll === 0 || roll === 2) this.#withdraw()
    if (roll === 0) this.#leave()
    else if (roll === 1) this.#close()
    else if (roll === 2) this.#leaveBehind()
    else if (roll === 3) this.#wakesMs = events.nowMs + random.unit() * 1.5 * this.#timeoutMs
    else if (this.#calls.length === 0 && random.below(8) === 0) this.#call({ op: 11 })
    else {
      const room = this.#pipeline * 2 - this.#calls.length
      const wanted = random.below(this.#pipeline) + 1
      for (let i = Math.min(wanted, room); i > 0; i--) this.#call(this.#workload.next())
      if (wanted > room) this.#heldBack(wanted - room)
    }
  }

  /** Asks for a timeout beyond what there is, and says a word within what it gets, however seldom it acts. */
  #keepAlive(timeoutMs: number): void {
    this.#timeoutMs = Math.min(timeoutMs, 1_000_000)
    const beat = (): void => {
      if (this.#stopped) return
      if (this.#state === 'connected' && this.#world.events.nowMs >= this.#wakesMs) this.#call({ op: 11 })
      this.#later(Math.max(this.#timeoutMs / 3, 50), beat)
    }
    beat()
  }

  /** Ends the session, sometimes right after it has made nodes that must go with it. */
  #close(): void {
    for (let i = this.#random.below(4); i > 0; i--) this.#call(this.#workload.ephemeral())
    this.#call({ op: -11 })
  }

  /** Abandons the connection, not the session. */
  #leave(): void {
    const wire = this.#wire
    this.#lost()
    if (wire === null) return
    this.#later(this.#world.latencyMs(this.#random), () => this.#pass(wire, 'out', () => {
      this.#world.input(wire.peer, { kind: 'disconnect', conn: wire.conn })
    }))
  }

  /** Turns to another peer while the first one still thinks that it is connected. */
  #leaveBehind(): void {
    this.#left = this.#wire
    this.#lost()
  }

  /** There is no room for so many requests. */
  #heldBack(count: number): void {
    const { meter, events } = this.#world
    const oldest = this.#calls[0]
    if (meter === null || oldest === undefined || !this.#isMetered) return
    if (events.nowMs - oldest.sentMs > meter.patienceMs) meter.sent += count
  }

  /** It does not want to wait for its answers any more. */
  #withdraw(): void {
    const { meter } = this.#world
    if (meter !== null) for (const { isMetered } of this.#calls) if (isMetered) meter.sent--
  }

  #lost(): void {
    this.failed += this.#calls.length
    const { windows } = this.#world.ghost
    for (const { noted } of this.#calls) windows.lost(noted)
    windows.left(this.id)
    this.#calls = []
    this.#watches.lost()
    this.#state = 'idle'
    this.#wire = null
  }

  #connect(): void {
    const { peers, plan: { clientPlan: { workload } } } = this.#world
    const random = this.#random
    const identities = workload.lists ? drawCaller(this.#access) : []
    const conn = this.#world.nextConn()
    const peer = peers[random.below(peers.length)]!
    const wire: Wire = { conn, peer, identities, inMs: 0, outMs: 0, isOverByClient: false }
    this.#wire = wire
    this.#state = 'connecting'
    this.#lastHeardMs = this.#world.events.nowMs
    this.#world.register(wire.conn, wire.peer, this)
    const password = this.#session === null ? new Uint8Array(16).fill(random.below(256)) : this.#password
    this.#send(wire, {
      kind: 'connect', conn: wire.conn, session: this.#session, password, timeoutMs: this.#timeoutMs,
      lastZxidSeen: this.#lastZxid, identities: [], inProcess: false,
    })
  }

  #send(wire: Wire, input: Input): void {
    const { events } = this.#world
    wire.outMs = Math.max(wire.outMs, events.nowMs + this.#world.latencyMs(this.#random))
    events.at(wire.outMs, () => this.#pass(wire, 'out', () => {
      if (this.#session !== null) this.#world.ghost.lastWords.set(this.#session, events.nowMs)
      if (!this.#world.input(wire.peer, input)) this.#pass(wire, 'in', () => this.#ended(wire))
    }))
  }

  #pass({ peer }: Wire, direction: Direction, arrive: () => void): void {
    this.#world.clientWays.pass(this.id, peer, direction, arrive)
  }

  /** It is told that the connection is over. */
  #ended(wire: Wire): void {
    if (this.#wire !== wire) return
    if (wire.isOverByClient) this.#withdraw()
    this.#lost()
  }

  #call(request: Request): void {
    const { acked: { read, write }, ghost } = this.#world
    if (this.#world.requestsLeft <= 0) return
    this.#world.requestsLeft--
    this.#world.asked++
    const xid = ++this.#xid
    if (isWrite(request) || request.op === -11) ghost.ask(this.#session!, xid, request, null, this.#wire!.identities)
    const [isMetered, sentMs] = [this.#isMetered, this.#world.events.nowMs]
    if (isMetered) this.#world.meter!.sent++
    const [seenBefore, answersBefore] = [read > write ? read : write, ghost.versions.clock]
    const noted = ghost.windows.called(this.id, this.#session!, request)
    this.#calls.push({ xid, request, ackedBefore: write, seenBefore, answersBefore, noted, isMetered, sentMs })
    this.#send(this.#wire!, { kind: 'request', conn: this.#wire!.conn, xid, request })
  }

  get #isMetered(): boolean {
    const { meter } = this.#world
    return meter !== null && meter.isOpen && !meter.isHeld && !this.isSlow && meter.peers.has(this.peer)
  }

  /** The session is attached elsewhere now: what comes through the connection left behind must not happen. */
  #haunt(): void {
    const left = this.#left
    this.#left = null
    if (left === null) return
    const request = this.#workload.next()
    if (!isWrite(request)) return
    const xid = ++this.#xid
    const { ghost } = this.#world
    ghost.ask(this.#session!, xid, request, left.conn, left.identities)
    ghost.windows.lost(ghost.windows.called(this.id, this.#session!, request))
    this.#send(left, { kind: 'request', conn: left.conn, xid, request })
  }

  /** Arms again what earlier connections watched. */
  #rearm(): void {
    const request = this.#watches.rearming(this.#lastZxid)
    if (request !== null) this.#call(request)
  }

  // --- what comes back ---------------------------------------------------------------------------------------------

  /** An effect of the peer for this connection: arrives later, in order. */
  hear(effect: Effect & { readonly conn: number }): void {
    const wire = this.#wire
    if (wire === null || wire.conn !== effect.conn) return
    if (effect.kind === 'closeConn' && effect.code !== 'ConnectionLoss') wire.isOverByClient = true
    const { events } = this.#world
    const readMs = this.#readMs === 0 || this.#random.below(10) > 0 ? 0 : this.#readMs
    wire.inMs = Math.max(wire.inMs, events.nowMs + this.#world.latencyMs(this.#random) + readMs)
    events.at(wire.inMs, () => this.#pass(wire, 'in', () => {
      if (this.#wire === wire) this.#heard(effect)
    }))
  }

  /** The peer died under the connection. */
  cut(conn: number): void {
    const wire = this.#wire
    this.#later(this.#world.latencyMs(this.#random), () => {
      if (wire?.conn === conn) this.#pass(wire, 'in', () => this.#ended(wire))
    })
  }

  #heard(effect: Effect & { readonly conn: number }): void {
    this.#lastHeardMs = this.#world.events.nowMs
    switch (effect.kind) {
      case 'connected': this.#connected(effect); break
      case 'reply': this.#reply(effect.xid, effect.zxid, effect.outcome); break
      case 'event': this.#event(effect.event); break
      case 'closeConn':
        // A session that was closed, silent for too long, or opened elsewhere is its client's own doing.
        if (effect.code !== 'ConnectionLoss') this.#withdraw()
        this.#lost()
        if (effect.code === 'SessionExpired' || effect.code === 'Closed') this.#sessionOver(effect.code)
        break
      default: break
    }
  }

  #sessionOver(code: string): void {
    if (code === 'SessionExpired') this.expired++
    this.#session = null
    this.#lastZxid = ZXID_ZERO
    this.#sight = new Sight()
    this.#watches.forget()
    this.#left = null
  }

  #connected(effect: ConnectedEffect): void {
    if (this.#session !== null && effect.session !== this.#session) {
      throw new Violation('C12', 'another session than the resumed one')
    }
    if (this.#session === null) this.sessions++
    this.#session = effect.session
    this.#password = effect.password
    this.#timeoutMs = effect.timeoutMs
    this.#state = 'connected'
    const wire = this.#wire!
    this.#watches.connected(this.#lastZxid, wire.identities, this.#workload.watches())
    for (const one of wire.identities) this.#send(wire, { kind: 'identify', conn: wire.conn, identities: [one] })
    this.#rearm()
    this.#haunt()
  }

  get #who(): string {
    return `client ${this.id}`
  }

  #reply(xid: number, zxid: Zxid, outcome: Outcome): void {
    const call = this.#calls.shift()
    if (call === undefined || call.xid !== xid) throw new Violation('C2', `${this.#who}: a reply out of order`)
    this.#saw(zxid)
    this.#watches.reached(zxid)
    const { acked } = this.#world
    if (zxid > acked.read) acked.read = zxid
    this.acked++
    if (call.isMetered) this.#world.meter!.answered++
    const { request } = call
    if (isWrite(request) || request.op === -11) this.#checkWrite(call, zxid, outcome)
    else if (request.op === 9) {
      if (zxid < call.seenBefore) throw new Violation('C15', `${this.#who}: sync at ${zxid} after ${call.seenBefore}`)
    } else this.#checkRead(request, zxid, outcome)
    this.#world.ghost.windows.answered(this.id, call.noted, outcome)
  }

  /** C4: a session never goes back. */
  #saw(zxid: Zxid): void {
    if (zxid < this.#lastZxid) throw new Violation('C4', `${this.#who}: went back from ${this.#lastZxid} to ${zxid}`)
    this.#lastZxid = zxid
  }

  #checkWrite(call: Call, zxid: Zxid, outcome: Outcome): void {
    const { ghost, acked } = this.#world
    const who = `${this.#who} xid ${call.xid}`
    const delivered = ghost.at(zxid)
    if (delivered === undefined) throw new Violation('C6', `${who}: acknowledged at ${zxid}, which nobody delivered`)
    const { txn } = delivered
    if (txn.session !== this.#session || txn.cxid !== call.xid) {
      throw new Violation('C1', `${who}: the txn at ${zxid} is another's`)
    }
    if (zxid <= call.ackedBefore) {
      throw new Violation('C1', `${who}: took effect at ${zxid}, before ${call.ackedBefore} was acknowledged`)
    }
    if (zxid > acked.write) acked.write = zxid
    if (!sameOutcome(outcome, delivered.outcome)) {
      const due = JSON.stringify(delivered.outcome)
      throw new Violation('C8', `${who}: answered ${JSON.stringify(outcome)}, due was ${due}`)
    }
    const writer = `${this.#session}/${call.xid}`
    ghost.versions.wrote(writer, call.request, outcome, zxid, call.answersBefore, this.#sight)
  }

  #checkRead(request: Request, zxid: Zxid, outcome: Outcome): void {
    const { states } = this.#world.ghost.reference
    const wrong = wrongRead(states, request, zxid, outcome, this.#session!, this.#wire!.identities)
    if (wrong !== null) throw new Violation('C3', `${this.#who} at ${zxid}: ${wrong}`)
    this.#world.ghost.versions.read(request, outcome, this.#sight)
    if (outcome.code !== 'Ok' && !MAY_FAIL.includes(request.op)) {
      throw new Violation('C3', `${this.#who}: ${request.op} came to ${outcome.code}`)
    }
    this.#watches.answered(request, zxid, outcome)
  }

  #event(event: WatchEvent): void {
    if (event.zxid !== -1) this.#saw(event.zxid as Zxid)
    this.#watches.event(event)
  }
}
