import type { Effect, Input } from '../../core/effects.ts'
import type { Random } from '../../core/random.ts'
import type { Request } from '../../core/tree/request.ts'
import type { SessionId } from '../../core/tree/stat.ts'
import { ZXID_ZERO } from '../../core/zxid.ts'
import type { Zxid } from '../../core/zxid.ts'
import type { ClientWorld, ConnectionEnd } from './client-world.ts'
import { afterShortage } from './shortage.ts'
import type { Shortage } from './shortage.ts'
import { Violation } from './violation.ts'

/** Ticks within which a write of a healed ensemble is answered. */
const WRITE_TICKS = 3

/** What a probe needs of the world. */
type ProbeWorld = Pick<ClientWorld, 'events' | 'nextConn' | 'register' | 'input' | 'latencyMs'> & {
  readonly ghost: Pick<ClientWorld['ghost'], 'ask' | 'at' | 'lastWords'>
}

/** What a probe is given. */
export interface ProbePlan {
  readonly tickMs: number
  /** Of its session. */
  readonly timeoutMs: number
  /** Where it connects; 0 while nobody of the core leads. */
  readonly leader: () => number
  /** False where the bounds of the run hold writes back: then only its session is watched. */
  readonly isTimed: boolean
  readonly shortage: Pick<Shortage, 'lastMs'>
}

/**
 * A client of a healed core that writes once a tick, at the leader. L2: opening a session and each write are answered
 * within three ticks, of a shortage's end too, or the leader is gone. L7: its session, which is never silent, lives.
 */
export class Probe implements ConnectionEnd {
  readonly #world: ProbeWorld
  readonly #random: Random
  readonly #plan: ProbePlan
  #conn = 0
  #peer = 0
  #isOpen = false
  #isStopped = false
  #session: SessionId | null = null
  #password: Uint8Array
  #lastZxid: Zxid = ZXID_ZERO
  #xid = 0
  /** The request under way, 0 for none. */
  #asked = 0
  #sentMs = 0
  #inMs = 0
  #outMs = 0
  #lastWordMs = 0
  /** Writes answered, and the longest time that took. */
  answered = 0
  slowestMs = 0

  constructor(world: ProbeWorld, random: Random, plan: ProbePlan) {
    this.#world = world
    this.#random = random
    this.#plan = plan
    this.#password = new Uint8Array(16).fill(random.below(256))
    this.#act()
  }

  stop(): void {
    this.#isStopped = true
  }

  #act(): void {
    if (this.#isStopped) return
    this.#world.events.after(this.#plan.tickMs, () => this.#act())
    if (this.#conn === 0) this.#connect()
    else if (this.#isOpen && this.#asked === 0) this.#write()
  }

  #connect(): void {
    const peer = this.#plan.leader()
    if (peer === 0) return
    this.#peer = peer
    this.#conn = this.#world.nextConn()
    this.#isOpen = false
    this.#asked = 0
    this.#world.register(this.#conn, peer, this)
    this.#send({
      kind: 'connect', conn: this.#conn, session: this.#session, password: this.#password,
      timeoutMs: this.#plan.timeoutMs, lastZxidSeen: this.#lastZxid, identities: [], inProcess: false,
    }, 'a session was not opened')
  }

  #write(): void {
    const request: Request = { op: 5, path: '/', data: new Uint8Array([this.#xid & 0xff]), version: -1 }
    this.#asked = ++this.#xid
    this.#world.ghost.ask(this.#session!, this.#xid, request)
    this.#send({ kind: 'request', conn: this.#conn, xid: this.#xid, request }, 'a write was not answered')
  }

  /** Whatever is sent is answered in time, as long as this connection lives. */
  #send(input: Input, what: string): void {
    const { events } = this.#world
    const [conn, asked] = [this.#conn, this.#asked]
    this.#sentMs = events.nowMs
    this.#outMs = Math.max(this.#outMs, events.nowMs + this.#world.latencyMs(this.#random))
    events.at(this.#outMs, () => {
      this.#lastWordMs = events.nowMs
      if (this.#session !== null) this.#world.ghost.lastWords.set(this.#session, events.nowMs)
      if (!this.#world.input(this.#peer, input)) this.#lost(conn)
    })
    if (!this.#plan.isTimed) return
    const { shortage, tickMs } = this.#plan
    const limitMs = WRITE_TICKS * tickMs
    afterShortage({ events, shortage }, limitMs, () => {
      if (this.#conn !== conn || this.#isStopped || (asked === 0 ? this.#isOpen : this.#asked !== asked)) return
      throw new Violation('L2', `${what} within ${limitMs.toFixed(0)} ms by peer ${this.#peer}, which leads`)
    })
  }

  #lost(conn: number): void {
    if (this.#conn === conn) this.#conn = 0
  }

  cut(conn: number): void {
    this.#lost(conn)
  }

  hear(effect: Effect & { readonly conn: number }): void {
    const { events } = this.#world
    this.#inMs = Math.max(this.#inMs, events.nowMs + this.#world.latencyMs(this.#random))
    events.at(this.#inMs, () => {
      if (this.#conn === effect.conn) this.#heard(effect)
    })
  }

  #heard(effect: Effect & { readonly conn: number }): void {
    const { events, ghost } = this.#world
    switch (effect.kind) {
      case 'connected':
        this.#session = effect.session
        this.#password = effect.password
        this.#isOpen = true
        break
      case 'reply': {
        const delivered = ghost.at(effect.zxid)
        const isOwn = delivered?.txn.session === this.#session && delivered.txn.cxid === effect.xid
        if (effect.xid !== this.#asked || !isOwn) throw new Violation('C6', 'a write of the probe was answered wrongly')
        this.#asked = 0
        this.#lastZxid = effect.zxid
        this.answered++
        if (this.#plan.shortage.lastMs < this.#sentMs) {
          this.slowestMs = Math.max(this.slowestMs, events.nowMs - this.#sentMs)
        }
        break
      }
      case 'closeConn':
        this.#lost(effect.conn)
        if (effect.code === 'SessionExpired') this.#expired()
        break
      default: break
    }
  }

  #expired(): void {
    const silentMs = this.#world.events.nowMs - this.#lastWordMs
    if (silentMs < this.#plan.timeoutMs / 2) {
      throw new Violation('L7', `session ${this.#session} was closed ${silentMs.toFixed(0)} ms after its last word`)
    }
    this.#session = null
    this.#lastZxid = ZXID_ZERO
  }
}
