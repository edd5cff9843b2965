import type { Effect, Input } from '../../lib/core/effects.ts'
import { AssertionError } from '../../lib/core/assert.ts'
import { makeRandom } from '../../lib/core/random.ts'
import type { Random } from '../../lib/core/random.ts'
import { Mode, OPEN_ACL } from '../../lib/core/tree/request.ts'
import type { Request } from '../../lib/core/tree/request.ts'
import type { SessionId } from '../../lib/core/tree/stat.ts'
import { ZXID_ZERO } from '../../lib/core/zxid.ts'
import type { ConnectionEnd } from '../../lib/testing/sim/client-world.ts'
import { drawRun } from '../../lib/testing/sim/reduction.ts'
import { Storm } from '../../lib/testing/sim/storm.ts'
import { Violation } from '../../lib/testing/sim/violation.ts'
import { Windows } from '../../lib/testing/sim/windows.ts'
import type { Noted } from '../../lib/testing/sim/windows.ts'
import { SimWorld } from '../../lib/testing/sim/world.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'
import { MutedGhost } from './beyond/muted-ghost.ts'

const CLIENTS = 8
const THINK_MS = 300
const PATIENCE_MS = 3_000

/** A client that checks nothing of what it is told: it acts on two nodes, and gives all of that to the windows. */
class PlainClient implements ConnectionEnd {
  readonly #id: number
  readonly #world: SimWorld
  readonly #windows: Windows
  readonly #random: Random
  #conn = 0
  #peer = 0
  #isOpen = false
  /** A connection that it left behind without closing it. */
  #left: { readonly conn: number, readonly peer: number } | null = null
  #session: SessionId | null = null
  #password: Uint8Array = new Uint8Array(16)
  #calls: Noted[] = []
  #heardMs = 0
  #arriveMs = 0
  #count = 0

  constructor(id: number, world: SimWorld, windows: Windows) {
    this.#id = id
    this.#world = world
    this.#windows = windows
    this.#random = makeRandom(world.plan.seed ^ (id * 0x85eb_ca6b))
    this.#act()
  }

  #act(): void {
    const { events } = this.#world
    events.after(THINK_MS * (0.5 + this.#random.unit()), () => this.#act())
    const isWaiting = this.#calls.length > 0 || !this.#isOpen
    if (this.#conn !== 0 && isWaiting && events.nowMs - this.#heardMs > PATIENCE_MS) this.#lost()
    // In half of the storms.
    if (this.#isOpen && this.#world.plan.seed % 2 === 0 && this.#random.below(30) === 0) this.#leaveBehind()
    if (this.#conn === 0) this.#connect()
    else if (this.#isOpen && this.#calls.length < 3) {
      if (this.#random.below(2) === 0) this.#call({ op: 9, path: '/' })
      this.#call(this.#next())
    }
  }

  #next(): Request {
    const path = `/n${this.#random.below(2)}`
    const data = this.#data()
    const version = this.#random.below(3) === 0 ? this.#random.below(6) : -1
    switch (this.#random.below(10)) {
      case 0: return { op: 2, path, version }
      case 1: return { op: 1, path, data, acl: OPEN_ACL, flags: Mode.persistent, ttlMs: -1 }
      case 2: return { op: 14, ops: [{ op: 13, path: '/n0', version: -1 }, { op: 5, path: '/n1', data, version }] }
      case 3: case 4: case 5: return { op: 5, path, data, version }
      default: return { op: 4, path, watch: false }
    }
  }

  /** The peer still takes it for connected. */
  #leaveBehind(): void {
    this.#left = { conn: this.#conn, peer: this.#peer }
    this.#lost()
  }

  /** What is sent through the connection left behind is long on its way. */
  #haunt(): void {
    const left = this.#left
    if (left === null) return
    this.#left = null
    const request: Request = { op: 5, path: '/n0', data: this.#data(), version: -1 }
    this.#windows.lost(this.#windows.called(this.#id, this.#session!, request))
    const xid = ++this.#count
    this.#world.events.after(this.#random.unit() * PATIENCE_MS, () => {
      this.#world.input(left.peer, { kind: 'request', conn: left.conn, xid, request })
    })
  }

  #data(): Uint8Array {
    return new Uint8Array([this.#id, ++this.#count & 0xff, this.#count >> 8, 0])
  }

  #connect(): void {
    const { peers, events } = this.#world
    this.#conn = this.#world.nextConn()
    this.#peer = peers[this.#random.below(peers.length)]!
    this.#heardMs = this.#arriveMs = events.nowMs
    this.#world.register(this.#conn, this.#peer, this)
    this.#send({
      kind: 'connect', conn: this.#conn, session: this.#session, password: this.#password, timeoutMs: 10_000,
      lastZxidSeen: ZXID_ZERO, identities: [], inProcess: false,
    })
  }

  #call(request: Request): void {
    this.#calls.push(this.#windows.called(this.#id, this.#session!, request))
    this.#send({ kind: 'request', conn: this.#conn, xid: ++this.#count, request })
  }

  #later(conn: number, run: () => void): void {
    const { events } = this.#world
    this.#arriveMs = Math.max(this.#arriveMs, events.nowMs + this.#world.latencyMs(this.#random))
    events.at(this.#arriveMs, () => { if (this.#conn === conn) run() })
  }

  #send(input: Input): void {
    const peer = this.#peer
    this.#later(this.#conn, () => { if (!this.#world.input(peer, input)) this.#lost() })
  }

  #lost(): void {
    for (const noted of this.#calls) this.#windows.lost(noted)
    this.#windows.left(this.#id)
    this.#calls = []
    this.#conn = 0
    this.#isOpen = false
  }

  cut(conn: number): void {
    this.#later(conn, () => this.#lost())
  }

  hear(effect: Effect & { readonly conn: number }): void {
    this.#later(effect.conn, () => this.#heard(effect))
  }

  #heard(effect: Effect): void {
    this.#heardMs = this.#world.events.nowMs
    if (effect.kind === 'connected') {
      this.#session = effect.session
      this.#password = effect.password
      this.#isOpen = true
      this.#haunt()
    } else if (effect.kind === 'reply') this.#windows.answered(this.#id, this.#calls.shift()!, effect.outcome)
    else if (effect.kind === 'closeConn') {
      this.#lost()
      if (effect.code === 'SessionExpired') this.#session = null
    }
  }
}

/**
 * The storm of a seed in which nothing is checked but the windows of two nodes. What is broken within peers goes on: a
 * peer that stops at it is started again.
 */
export function runPlainly(seed: number, mutant?: string): Windows {
  const { plan, faults } = drawRun(seed, mutant)
  const world = new SimWorld({ ...plan.world, clients: 0 }, makeTxnCodec())
  world.ghost = new MutedGhost(world.ghost)
  new Storm(world, plan, faults.filter(({ kind }) => kind !== 'clients'))
  const windows = new Windows(seed, () => world.events.nowMs, 1)
  for (let id = 1; id <= CLIENTS; id++) new PlainClient(id, world, windows)
  for (let isOver = false; !isOver;) {
    try {
      world.events.runUntil(plan.stormMs)
      isOver = true
    } catch (error) {
      const isOther = error instanceof AssertionError || error instanceof Violation && !isOfWindows(error)
      if (!isOther) throw error
      const { stepping } = world
      world.crash(stepping)
      world.events.after(1_000, () => world.start(stepping))
    }
  }
  windows.check()
  return windows
}

export function isOfWindows(error: unknown): error is Violation {
  return error instanceof Violation && error.check === 'C1' && error.message.includes('is not linearizable')
}
