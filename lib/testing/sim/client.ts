import type { ConnectedEffect, Effect, Input } from '../../core/effects.ts'
import type { Random } from '../../core/random.ts'
import { Mode, OPEN_ACL } from '../../core/tree/request.ts'
import type { MultiOp, Outcome, Request, WatchEvent } from '../../core/tree/request.ts'
import type { SessionId } from '../../core/tree/stat.ts'
import { ZXID_ZERO } from '../../core/zxid.ts'
import type { Zxid } from '../../core/zxid.ts'
import type { EventQueue } from './events.ts'
import type { Ghost } from './ghost.ts'
import { Violation } from './violation.ts'

/** What a client needs of the world. */
export interface ClientWorld {
  readonly events: EventQueue
  readonly random: Random
  readonly ghost: Ghost
  readonly peers: readonly number[]
  /** Largest zxid in any success reply to anybody, and of any acknowledged write. */
  acked: { read: Zxid, write: Zxid }
  latencyMs(): number
  nextConn(): number
  /** Hands an input to a peer if it is up and runs the incarnation; false when it is not there. */
  input(peer: number, input: Input): boolean
  register(conn: number, peer: number, client: SimClient): void
}

interface Call {
  readonly xid: number
  readonly request: Request
  /** Largest acknowledged write when this was sent. */
  readonly ackedBefore: Zxid
  /** Largest zxid seen by anybody when this was sent. */
  readonly seenBefore: Zxid
}

interface ArmedWatch {
  readonly path: string
  readonly child: boolean
  /** State of the reply that armed it. */
  readonly from: Zxid
}

/** One client session: sends random requests, checks every answer against the ghost. */
export class SimClient {
  readonly id: number
  readonly #world: ClientWorld
  readonly #timeoutMs: number
  readonly #thinkMs: number
  readonly #pipeline: number
  #conn = 0
  #peer = 0
  #session: SessionId | null = null
  #password: Uint8Array = new Uint8Array(0)
  #state: 'idle' | 'connecting' | 'connected' = 'idle'
  #calls: Call[] = []
  #xid = 0
  #lastZxid: Zxid = ZXID_ZERO
  /** Everything arrives in order. */
  #inMs = 0
  #outMs = 0
  readonly #watches = new Map<string, ArmedWatch>()
  #stopped = false
  #lastHeardMs = 0
  acked = 0
  failed = 0
  sessions = 0
  expired = 0

  constructor(id: number, world: ClientWorld) {
    this.id = id
    this.#world = world
    const { random } = world
    this.#timeoutMs = [4_000, 10_000, 30_000][random.below(3)]!
    this.#thinkMs = 100 + random.below(800)
    this.#pipeline = 1 + random.below(8)
    this.#later(random.below(2_000), () => this.#act())
  }

  get session(): SessionId | null {
    return this.#session
  }

  get timeoutMs(): number {
    return this.#timeoutMs
  }

  get pending(): number {
    return this.#calls.length
  }

  /** Where it stands, for traces. */
  describe(): string {
    const calls = this.#calls.map(({ xid, request }) => `${xid}:${request.op}`).join(' ')
    return `client ${this.id} conn ${this.#conn} at peer ${this.#peer}, session ${this.#session}, ${this.#state}, calls ${calls}`
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

  #act(): void {
    if (this.#stopped) return
    const { random, events } = this.#world
    this.#later(this.#thinkMs * (0.5 + random.unit()), () => this.#act())
    if (this.#state === 'connecting' && events.nowMs - this.#lastHeardMs > 3_000) this.#leave()
    if (this.#state === 'connected' && this.#calls.length > 0 && events.nowMs - this.#lastHeardMs > this.#timeoutMs) this.#leave()
    if (this.#state === 'idle') this.#connect()
    if (this.#state !== 'connected') return
    const roll = random.below(300)
    if (roll === 0) this.#leave()
    else if (roll === 1) this.#call({ op: -11 })
    else if (this.#calls.length === 0 && roll < 40) this.#call({ op: 11 })
    else for (let i = random.below(this.#pipeline) + 1; i > 0 && this.#calls.length < this.#pipeline * 2; i--) this.#call(this.#draw())
  }

  /** Abandons the connection, not the session. */
  #leave(): void {
    const { conn, peer } = { conn: this.#conn, peer: this.#peer }
    this.#lost()
    this.#later(this.#world.latencyMs(), () => this.#world.input(peer, { kind: 'disconnect', conn }))
  }

  #lost(): void {
    this.failed += this.#calls.length
    this.#calls = []
    this.#watches.clear()
    this.#state = 'idle'
    this.#conn = 0
  }

  #connect(): void {
    const { random, peers } = this.#world
    this.#peer = peers[random.below(peers.length)]!
    this.#conn = this.#world.nextConn()
    this.#state = 'connecting'
    this.#lastHeardMs = this.#world.events.nowMs
    this.#inMs = this.#outMs = 0
    this.#world.register(this.#conn, this.#peer, this)
    const password = this.#session === null ? new Uint8Array(16).fill(random.below(256)) : this.#password
    this.#send({
      kind: 'connect', conn: this.#conn, session: this.#session, password, timeoutMs: this.#timeoutMs,
      lastZxidSeen: this.#lastZxid, identities: [], inProcess: false,
    })
  }

  #send(input: Input): void {
    const { events } = this.#world
    const conn = this.#conn
    const peer = this.#peer
    this.#outMs = Math.max(this.#outMs, events.nowMs + this.#world.latencyMs())
    events.at(this.#outMs, () => {
      if (!this.#world.input(peer, input) && this.#conn === conn) this.#lost()
    })
  }

  #call(request: Request): void {
    const { acked } = this.#world
    const xid = ++this.#xid
    this.#calls.push({ xid, request, ackedBefore: acked.write, seenBefore: acked.read > acked.write ? acked.read : acked.write })
    this.#send({ kind: 'request', conn: this.#conn, xid, request })
  }

  #path(): string {
    const { random } = this.#world
    const top = `/n${random.below(12)}`
    return random.below(3) === 0 ? `${top}/m${random.below(4)}` : top
  }

  #data(): Uint8Array {
    return Uint8Array.of(this.id, this.#xid & 0xff, (this.#xid >> 8) & 0xff, this.#world.random.below(256))
  }

  #draw(): Request {
    const { random } = this.#world
    const path = this.#path()
    const version = random.below(4) === 0 ? random.below(4) : -1
    switch (random.below(20)) {
      case 0: case 1: case 2: return this.#createOf(path, Mode.persistent)
      case 3: return this.#createOf(path, Mode.ephemeral)
      case 4: return this.#createOf(`${path}-`, random.below(2) === 0 ? Mode.persistentSequential : Mode.ephemeralSequential)
      case 5: case 6: return { op: 2, path, version }
      case 7: case 8: case 9: case 10: return { op: 5, path, data: this.#data(), version }
      case 11: return { op: 14, ops: this.#multi() }
      case 12: return { op: 9, path: '/' }
      case 13: return { op: 8, path, watch: random.below(2) === 0 }
      case 14: return { op: 3, path, watch: random.below(2) === 0 }
      default: return { op: 4, path, watch: random.below(3) === 0 }
    }
  }

  #createOf(path: string, flags: number): MultiOp & { op: 1 } {
    return { op: 1, path, data: this.#data(), acl: OPEN_ACL, flags, ttlMs: -1 }
  }

  #multi(): MultiOp[] {
    const { random } = this.#world
    const ops: MultiOp[] = []
    for (let i = random.below(4) + 1; i > 0; i--) {
      const path = this.#path()
      switch (random.below(4)) {
        case 0: ops.push(this.#createOf(path, Mode.persistent)); break
        case 1: ops.push({ op: 2, path, version: -1 }); break
        case 2: ops.push({ op: 13, path, version: -1 }); break
        default: ops.push({ op: 5, path, data: this.#data(), version: -1 })
      }
    }
    return ops
  }

  // --- what comes back ---------------------------------------------------------------------------------------------

  /** An effect of the peer for this connection: arrives later, in order. */
  hear(effect: Effect & { readonly conn: number }): void {
    const { events } = this.#world
    this.#inMs = Math.max(this.#inMs, events.nowMs + this.#world.latencyMs())
    events.at(this.#inMs, () => {
      if (effect.conn === this.#conn) this.#heard(effect)
    })
  }

  /** The peer died under the connection. */
  cut(conn: number): void {
    this.#later(this.#world.latencyMs(), () => {
      if (conn === this.#conn) this.#lost()
    })
  }

  #heard(effect: Effect & { readonly conn: number }): void {
    this.#lastHeardMs = this.#world.events.nowMs
    switch (effect.kind) {
      case 'connected': this.#connected(effect); break
      case 'reply': this.#reply(effect.xid, effect.zxid, effect.outcome); break
      case 'event': this.#event(effect.event); break
      case 'closeConn':
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
  }

  #connected(effect: ConnectedEffect): void {
    if (this.#session !== null && effect.session !== this.#session) throw new Violation('C12', 'another session than the resumed one')
    if (this.#session === null) this.sessions++
    this.#session = effect.session
    this.#password = effect.password
    this.#state = 'connected'
  }

  #reply(xid: number, zxid: Zxid, outcome: Outcome): void {
    const call = this.#calls.shift()
    const who = `client ${this.id}`
    if (call === undefined || call.xid !== xid) throw new Violation('C2', `${who}: a reply out of order`)
    if (zxid < this.#lastZxid) throw new Violation('C4', `${who}: went back from ${this.#lastZxid} to ${zxid}`)
    this.#checkWatches(zxid)
    this.#lastZxid = zxid
    const { acked } = this.#world
    if (zxid > acked.read) acked.read = zxid
    this.acked++
    const { request } = call
    if (request.op === 9 && zxid < call.seenBefore) throw new Violation('C15', `${who}: sync at ${zxid} after ${call.seenBefore} was seen`)
    if (request.op === 4 || request.op === 3 || request.op === 8) this.#checkRead(call, zxid, outcome)
    else if (request.op !== 9 && request.op !== 11) this.#checkWrite(call, zxid, outcome)
  }

  #checkWrite(call: Call, zxid: Zxid, outcome: Outcome): void {
    const { ghost, acked } = this.#world
    const who = `client ${this.id} xid ${call.xid}`
    const delivered = ghost.at(zxid)
    if (delivered === undefined) throw new Violation('C6', `${who}: acknowledged at ${zxid}, which nobody delivered`)
    const { txn } = delivered
    if (txn.session !== this.#session || txn.cxid !== call.xid) throw new Violation('C1', `${who}: the txn at ${zxid} is another's`)
    if (zxid <= call.ackedBefore) throw new Violation('C1', `${who}: took effect at ${zxid}, before ${call.ackedBefore} was acknowledged`)
    if (zxid > acked.write) acked.write = zxid
    const isError = txn.body.kind === 'error'
    if (isError !== (outcome.code !== 'Ok')) throw new Violation('C8', `${who}: answered ${outcome.code}, the txn is ${txn.body.kind}`)
    if (outcome.code === 'Ok' && outcome.result.op === 1 && txn.body.kind === 'create' && outcome.result.path !== txn.body.path) {
      throw new Violation('C9', `${who}: was told ${outcome.result.path}, created ${txn.body.path}`)
    }
  }

  #checkRead(call: Call, zxid: Zxid, outcome: Outcome): void {
    const { ghost } = this.#world
    const { request } = call
    if (request.op !== 4 && request.op !== 3 && request.op !== 8) return
    const who = `client ${this.id}: ${request.path} at ${zxid}`
    const state = ghost.history.stateAt(request.path, zxid)
    const exists = state?.exists === true
    if (exists !== (outcome.code === 'Ok')) throw new Violation('C3', `${who}: answered ${outcome.code}, the model ${exists ? 'has it' : 'has it not'}`)
    if (outcome.code === 'Ok' && outcome.result.op === 4) {
      const { data, stat } = outcome.result
      const mark = data === null || data.length === 0 ? -1 : data[0]! + (data[1] ?? 0) * 256
      if (mark !== state!.mark || stat.version !== state!.version) throw new Violation('C3', `${who}: version ${stat.version}, the model has ${state!.version}`)
    }
    if (request.watch && (outcome.code === 'Ok' || request.op === 3)) this.#arm(request.path, request.op === 8, zxid)
  }

  #arm(path: string, child: boolean, from: Zxid): void {
    const key = `${child ? 'c' : 'd'}${path}`
    if (!this.#watches.has(key)) this.#watches.set(key, { path, child, from })
  }

  #nextChange(watch: ArmedWatch): Zxid | undefined {
    const { history } = this.#world.ghost
    const data = history.changeAfter(watch.path, watch.from)
    if (!watch.child) return data
    const child = history.childChangeAfter(watch.path, watch.from)
    const gone = history.deletionAfter(watch.path, watch.from)
    if (child === undefined) return gone
    return gone === undefined || child < gone ? child : gone
  }

  /** C13: an event comes before any reply that could show the change. */
  #checkWatches(zxid: Zxid): void {
    for (const watch of this.#watches.values()) {
      const change = this.#nextChange(watch)
      if (change !== undefined && change <= zxid) {
        throw new Violation('C13', `client ${this.id}: a reply at ${zxid} before the event of ${change} on ${watch.path}`)
      }
    }
  }

  #event(event: WatchEvent): void {
    const who = `client ${this.id}: event ${event.type} on ${event.path}`
    if (event.zxid < this.#lastZxid) throw new Violation('C4', `${who} at ${event.zxid} after ${this.#lastZxid}`)
    let matched = false
    for (const key of event.type === 4 ? ['c'] : event.type === 2 ? ['d', 'c'] : ['d']) {
      const watch = this.#watches.get(`${key}${event.path}`)
      if (watch === undefined) continue
      if (this.#nextChange(watch) !== event.zxid) continue
      matched = true
      this.#watches.delete(`${key}${event.path}`)
    }
    if (!matched) {
      const armed = [...this.#watches.values()].filter(({ path }) => path === event.path)
      throw new Violation('C14', `${who} at ${event.zxid}, which was not watched: ${JSON.stringify(armed)}`)
    }
    this.#lastZxid = event.zxid as Zxid
  }
}
