import { AssertionError } from '../../core/assert.ts'
import type { Effect, Input, Member, Now, ReplicaConfig } from '../../core/effects.ts'
import { isZkError } from '../../core/errors.ts'
import type { Replica } from '../../core/replica.ts'
import { OPEN_ACL } from '../../core/tree/request.ts'
import type { Request, Result, WatchEvent } from '../../core/tree/request.ts'
import type { SessionId } from '../../core/tree/stat.ts'
import type { TxnCodec } from '../../core/tree/txn.ts'
import { ZXID_ZERO } from '../../core/zxid.ts'
import type { Zxid } from '../../core/zxid.ts'
import type { Message } from '../../core/zab/messages.ts'
import type { LogBatch } from '../../ports/storage.ts'
import { SimDisk } from './disk.ts'
import { Ghost } from './ghost.ts'
import type { Watched } from './ghost.ts'
import { recoveredTwice } from './recovery.ts'
import { scriptConfig } from './script-config.ts'
import type { ScriptOptions } from './script-config.ts'
import { Violation } from './violation.ts'

/** One peer of a script. */
export interface ScriptPeer {
  readonly id: number
  disk: SimDisk
  incarnation: number
  replica: Replica | null
  writes: { readonly ticket: number, readonly batch: LogBatch }[]
  /** True: its writes do not complete. */
  held: boolean
  /** What came while the process stands still; null while it runs. */
  backlog: Input[] | null
  /** Since when it runs without having stood still. */
  awakeMs: number
}

/** A reply as a client of a script got it. */
export interface ScriptReply {
  readonly peer: number
  readonly conn: number
  readonly xid: number
  readonly zxid: Zxid
  readonly code: string
  /** Of what was answered with Ok. */
  readonly result: Result | null
}

interface Wire {
  readonly ends: readonly [number, number]
  readonly links: readonly [number, number]
  readonly queues: readonly [Message[], Message[]]
}

/** A dropped link comes up again after so long. */
const REDIAL_MS = 20
/** More turns than any schedule needs without time passing. */
const TURNS_MAX = 20_000

/**
 * A few real replicas under a hand-written schedule, with every checker of the ghost on: the vocabulary of the
 * correctness plan (up, crash, cut, isolate, heal, hold, release, write). Links deliver at once, one message a turn,
 * writes complete at once unless held; nothing is random.
 */
export class Script {
  ms = 1_000
  readonly peers: Map<number, ScriptPeer> = new Map()
  readonly members: readonly Member[]
  readonly ghost: Ghost
  readonly replies: ScriptReply[] = []
  /** Watch events, in the order in which they left. */
  readonly events: (WatchEvent & { readonly conn: number, readonly repliesBefore: number })[] = []
  /** Sessions by connection. */
  readonly connected: Map<number, SessionId> = new Map()
  /** The same, of connections that have ended as well. */
  readonly #opened = new Map<number, SessionId>()
  #lastXid = 0
  readonly log: string[] = []
  /** Sees each message as it is sent and says what is sent in its place. */
  tap: (from: number, to: number, message: Message) => readonly Message[] = (_from, _to, message) => [message]
  /** Called before each delivery and each completed write: where a sweep cuts in, by throwing. */
  boundary: () => void = () => undefined
  readonly #options: ScriptOptions
  readonly #codec: TxnCodec
  readonly #wires: Wire[] = []
  readonly #cuts = new Set<string>()
  readonly #redials: { readonly atMs: number, readonly a: number, readonly b: number }[] = []
  #nextLink = 1
  #nextSeed = 1

  constructor(codec: TxnCodec, options: ScriptOptions) {
    this.#codec = codec
    this.#options = options
    const total = options.voters + (options.observers ?? 0)
    this.members = Array.from({ length: total },
      (_, index) => ({ id: index + 1, role: index < options.voters ? 'voter' as const : 'observer' as const }))
    for (const { id } of this.members) {
      const still = { incarnation: 0, replica: null, writes: [], held: false, backlog: null, awakeMs: 0 }
      this.peers.set(id, { id, disk: new SimDisk(), ...still })
    }
    this.ghost = new Ghost(codec, this.members.filter(({ role }) => role === 'voter').map(({ id }) => id),
      (id) => this.peer(id).disk,
      { localMs: () => this.ms, nowMs: () => this.ms, awakeMs: (id) => this.peer(id).awakeMs }, true)
  }

  peer(id: number): ScriptPeer {
    const peer = this.peers.get(id)
    if (peer === undefined) throw new Error(`no peer ${id}`)
    return peer
  }

  replica(id: number): Replica {
    const { replica } = this.peer(id)
    if (replica === null) throw new Error(`peer ${id} is down`)
    return replica
  }

  get #now(): Now {
    return { ms: this.ms, wallMs: 1_700_000_000_000 + Math.floor(this.ms) }
  }

  #config(id: number): ReplicaConfig {
    const { members } = this
    const bootstrap = this.#options.bootstrap ?? this.ghost.commits === 0
    return scriptConfig(this.#options, { peerId: id, members, bootstrap, seed: this.#nextSeed++, codec: this.#codec })
  }

  // --- peers and links ---------------------------------------------------------------------------------------------

  up(...ids: number[]): void {
    for (const id of ids) {
      const peer = this.peer(id)
      peer.incarnation++
      peer.replica = this.#asserting(() => recoveredTwice(this.#config(id), peer.disk, this.#now))
      peer.writes = []
      this.log.push(`${this.ms} up ${id}`)
      this.#collect(peer)
      for (const other of this.peers.values()) {
        if (other.replica !== null && other.id !== id && !this.#cuts.has(pairOf(id, other.id))) this.#join(id, other.id)
      }
    }
  }

  /** Of the writes under way so many are on disk, whatever comes next. */
  land(id: number, writes: number): void {
    const peer = this.peer(id)
    for (const { batch } of peer.writes.splice(0, writes)) if (!peer.disk.apply(batch)) break
  }

  /** Loses what is not on disk. */
  crash(...ids: number[]): void {
    for (const id of ids) {
      this.log.push(`${this.ms} crash ${id}`)
      const peer = this.peer(id)
      peer.replica = null
      peer.writes = []
      peer.held = false
      peer.backlog = null
      for (const other of this.peers.keys()) this.#unlink(id, other)
    }
    for (const id of ids) this.ghost.checkDown(id)
  }

  /** Loses its disk. */
  wipe(id: number): void {
    const peer = this.peer(id)
    this.ghost.loses(id, peer.disk.meta ?? { acceptedEpoch: 0 })
    peer.disk = new SimDisk()
  }

  /** Loses the txns above `to` and says so when it comes up again. */
  damage(id: number, to: Zxid): void {
    const { disk } = this.peer(id)
    disk.log.truncate(to)
    disk.damage = 'log'
    this.ghost.excused.add(id)
  }

  cut(a: number, b: number): void {
    this.#cuts.add(pairOf(a, b))
    this.#unlink(a, b)
  }

  /** Their link ends and only `told` learns of it: `unaware` believes in it until it gives up, or until `mend`. */
  halfOpen(told: number, unaware: number): void {
    const pair = pairOf(told, unaware)
    this.#cuts.add(pair)
    for (const wire of this.#wires.filter(({ ends }) => pairOf(...ends) === pair)) {
      this.#wires.splice(this.#wires.indexOf(wire), 1)
      this.input(told, { kind: 'linkDown', link: wire.links[wire.ends[0] === told ? 0 : 1] })
    }
  }

  isolate(id: number): void {
    for (const other of this.peers.keys()) if (other !== id) this.cut(id, other)
  }

  heal(): void {
    for (const pair of this.#cuts) this.mend(...pair.split('-').map(Number) as [number, number])
  }

  /** Ends one cut. */
  mend(a: number, b: number): void {
    this.#cuts.delete(pairOf(a, b))
    if (this.peer(a).replica !== null && this.peer(b).replica !== null) this.#join(a, b)
  }

  hold(...ids: number[]): void {
    for (const id of ids) this.peer(id).held = true
  }

  release(...ids: number[]): void {
    for (const id of ids) this.peer(id).held = false
    this.settle()
  }

  /** Its process stands still, while its machine takes in what is sent to it. */
  pause(id: number): void {
    this.peer(id).backlog = []
  }

  /** Goes on: its timers first, as they are all late, then what came meanwhile. */
  wake(id: number): void {
    const peer = this.peer(id)
    const inputs = peer.backlog ?? []
    peer.backlog = null
    peer.awakeMs = this.ms
    this.input(id, { kind: 'tick' })
    for (const input of inputs) this.input(id, input)
    this.settle()
  }

  #join(a: number, b: number): void {
    const wire: Wire = { ends: [a, b], links: [this.#nextLink++, this.#nextLink++], queues: [[], []] }
    this.#wires.push(wire)
    this.input(a, { kind: 'linkUp', link: wire.links[0], peer: b })
    this.input(b, { kind: 'linkUp', link: wire.links[1], peer: a })
  }

  #unlink(a: number, b: number): void {
    for (const wire of this.#wires.filter(({ ends }) => pairOf(...ends) === pairOf(a, b))) {
      this.#wires.splice(this.#wires.indexOf(wire), 1)
      wire.ends.forEach((end, side) => this.input(end, { kind: 'linkDown', link: wire.links[side]! }))
    }
  }

  // --- turns -------------------------------------------------------------------------------------------------------

  input(id: number, input: Input): void {
    const peer = this.peer(id)
    if (peer.replica === null) return
    if (peer.backlog !== null) {
      peer.backlog.push(input)
      return
    }
    const { replica } = peer
    this.#asserting(() => replica.step(this.#now, input))
    this.#collect(peer)
  }

  /** An invariant that the core itself checks counts as a check like any other: A1. */
  #asserting<T>(run: () => T): T {
    try {
      return run()
    } catch (error) {
      if (error instanceof AssertionError) throw new Violation('A1', error.message)
      if (isZkError(error)) throw new Violation('L1', `a peer cannot start: ${error.message}`)
      throw error
    }
  }

  #collect(peer: ScriptPeer): void {
    const watched = peer as Watched
    const effects = this.#asserting(() => watched.replica.take())
    this.#unless(() => this.ghost.observe(watched))
    for (const effect of effects) {
      this.#unless(() => this.ghost.emitted(watched, effect))
      this.#carryOut(peer, effect)
    }
  }

  /** Runs a check, unless it is to be ignored. */
  #unless(check: () => void): void {
    try {
      check()
    } catch (error) {
      if (!(error instanceof Violation) || this.#options.ignore?.includes(error.check) !== true) throw error
    }
  }

  #carryOut(peer: ScriptPeer, effect: Effect): void {
    switch (effect.kind) {
      case 'persist': peer.writes.push({ ticket: effect.ticket, batch: effect.batch }); break
      case 'send': this.#send(peer.id, effect.link, effect.message); break
      case 'dropLink': this.#dropped(effect.link); break
      case 'connected':
        this.connected.set(effect.conn, effect.session)
        this.#opened.set(effect.conn, effect.session)
        break
      case 'closeConn': this.connected.delete(effect.conn); break
      case 'reply': this.#replied(peer.id, effect); break
      case 'role':
        this.#note(peer, `${effect.role}${effect.serving ? ' serving' : ''} epoch ${effect.epoch}: ${effect.reason}`)
        break
      case 'fatal': this.#note(peer, `fatal: ${effect.reason}`); break
      case 'log': this.#note(peer, `${effect.text} ${JSON.stringify(effect.fields)}`); break
      case 'event': this.#told(effect.conn, effect.event); break
    }
  }

  #note(peer: ScriptPeer, text: string): void {
    this.log.push(`${this.ms} ${peer.id} ${text}`)
  }

  #told(conn: number, event: WatchEvent): void {
    this.events.push({ ...event, conn, repliesBefore: this.replies.length })
  }

  #replied(peer: number, effect: Extract<Effect, { kind: 'reply' }>): void {
    const { conn, xid, zxid, outcome } = effect
    if (zxid !== ZXID_ZERO && this.ghost.at(zxid) === undefined) {
      throw new Violation('C6', `a reply at ${zxid}, which nobody delivered`)
    }
    this.replies.push({ peer, conn, xid, zxid, code: outcome.code, result: outcome.result })
  }

  #send(from: number, link: number, message: Message): void {
    const wire = this.#wires.find(({ links }) => links.includes(link))
    if (wire === undefined) return
    const side = wire.links[0] === link ? 1 : 0
    wire.queues[side].push(...this.tap(from, wire.ends[side], message))
  }

  #dropped(link: number): void {
    const wire = this.#wires.find(({ links }) => links.includes(link))
    if (wire === undefined) return
    const [a, b] = wire.ends
    this.#unlink(a, b)
    this.#redials.push({ atMs: this.ms + REDIAL_MS, a, b })
  }

  #redial(): void {
    const due = this.#redials.filter(({ atMs }) => atMs <= this.ms)
    const later = this.#redials.filter(({ atMs }) => atMs > this.ms)
    this.#redials.splice(0, this.#redials.length, ...later)
    for (const { a, b } of due) {
      const isLinked = this.#cuts.has(pairOf(a, b)) || this.#wires.some(({ ends }) => pairOf(...ends) === pairOf(a, b))
      const areUp = [a, b].every((id) => this.peer(id).replica?.stopped === false)
      if (!isLinked && areUp) this.#join(a, b)
    }
  }

  /** Completes the oldest write of a peer, held or not; one for which there is no room fails. */
  complete(id: number): boolean {
    const peer = this.peer(id)
    if (peer.writes.length === 0 || peer.replica === null) return false
    this.boundary()
    const { batch, ticket } = peer.writes[0]!
    if (!peer.disk.apply(batch)) {
      this.fail(id)
      return true
    }
    peer.writes.shift()
    this.input(id, { kind: 'persisted', ticket })
    this.ghost.durable(peer as Watched)
    return true
  }

  /** The oldest write of a peer fails: nothing of it is on disk. */
  fail(id: number): void {
    const write = this.peer(id).writes.shift()
    if (write === undefined) throw new Error(`peer ${id} writes nothing`)
    this.log.push(`${this.ms} a write of ${id} fails`)
    this.input(id, { kind: 'persistFailed', ticket: write.ticket, reason: 'scripted' })
    if (this.peer(id).replica?.stopped === true) this.peer(id).writes = []
  }

  /** Delivers and completes everything that can be, until nothing moves. */
  settle(): void {
    let turns = 0
    for (let moved = true; moved;) {
      moved = false
      if (++turns > TURNS_MAX) throw new Violation('L8', 'messages without end and without time passing')
      for (const peer of this.peers.values()) {
        while (!peer.held && peer.backlog === null && this.complete(peer.id)) moved = true
      }
      if (this.deliver()) moved = true
    }
  }

  /** Delivers one message on each way. */
  deliver(): boolean {
    let moved = false
    for (const wire of this.#wires.slice()) {
      for (const side of [0, 1] as const) {
        if (wire.queues[side].length === 0 || this.peer(wire.ends[side]).backlog !== null) continue
        this.boundary()
        const message = wire.queues[side].shift()!
        moved = true
        const peer = this.peer(wire.ends[side])
        if (peer.replica !== null) this.ghost.received(peer as Watched, wire.links[side], message)
        this.input(wire.ends[side], { kind: 'receive', link: wire.links[side], message })
      }
    }
    return moved
  }

  /** Lets time pass, ticking every peer at its deadlines. */
  pass(ms: number): void {
    const endMs = this.ms + ms
    this.settle()
    while (this.ms < endMs) {
      let next = this.#redials.length > 0 ? Math.min(endMs, this.ms + REDIAL_MS) : endMs
      for (const { replica, backlog } of this.peers.values()) {
        if (replica === null || replica.stopped || backlog !== null) continue
        next = Math.min(next, Math.max(Math.ceil(replica.deadline()), this.ms + 1))
      }
      this.ms = next
      this.#redial()
      for (const { id, backlog } of this.peers.values()) if (backlog === null) this.input(id, { kind: 'tick' })
      this.settle()
    }
  }

  // --- what scripts ask and say ------------------------------------------------------------------------------------

  /** The established leader with the highest epoch; 0 for none. */
  get leader(): number {
    let best = 0
    let bestEpoch = 0
    for (const { id, replica } of this.peers.values()) {
      if (replica?.leader?.active === true && replica.leader.epoch > bestEpoch) {
        best = id
        bestEpoch = replica.leader.epoch
      }
    }
    return best
  }

  /** Lets time pass until `id` leads an established epoch; a violation of L1 when it does not come to that. */
  lead(id: number, withinMs = 10_000): void {
    const endMs = this.ms + withinMs
    this.settle()
    while (this.leader !== id && this.ms < endMs) this.pass(50)
    if (this.leader !== id) throw new Violation('L1', `peer ${id} does not lead within ${withinMs} ms`)
  }

  /** Lets time pass until all of these serve; a violation of L3 when they do not. */
  serve(...ids: number[]): void {
    const endMs = this.ms + 20_000
    this.settle()
    while (!ids.every((id) => this.peer(id).replica?.serving === true) && this.ms < endMs) this.pass(50)
    for (const id of ids) {
      if (this.peer(id).replica?.serving !== true) throw new Violation('L3', `peer ${id} does not serve`)
    }
  }

  /** A session at a peer; `conn` names it from here on. */
  connect(id: number, conn: number, timeoutMs = 600_000, inProcess = true): void {
    this.input(id, {
      kind: 'connect', conn, session: null, password: new Uint8Array(16).fill(conn), timeoutMs,
      lastZxidSeen: ZXID_ZERO, identities: [], inProcess,
    })
    this.settle()
  }

  /** The session of `from` attaches to a peer through another connection; the one left behind is not told. */
  resume(id: number, conn: number, from: number, lastZxidSeen: Zxid = ZXID_ZERO, inProcess = true): void {
    const session = this.#opened.get(from)
    if (session === undefined) throw new Error(`connection ${from} never had a session`)
    this.input(id, {
      kind: 'connect', conn, session, password: new Uint8Array(16).fill(from), timeoutMs: 600_000, lastZxidSeen,
      identities: [], inProcess,
    })
    this.settle()
  }

  /** Another connection was confirmed for the session since. */
  #hasLeft(session: SessionId, conn: number): boolean {
    return [...this.#opened].findLast(([, opened]) => opened === session)?.[0] !== conn
  }

  /** A create of `path`, its outcome left open. */
  write(id: number, conn: number, path: string): void {
    this.request(id, conn, { op: 1, path, data: null, acl: OPEN_ACL, flags: 0, ttlMs: -1 })
  }

  request(id: number, conn: number, request: Request): void {
    const xid = ++this.#lastXid
    const session = this.connected.get(conn)
    if (session !== undefined) this.ghost.ask(session, xid, request, this.#hasLeft(session, conn) ? conn : null)
    this.input(id, { kind: 'request', conn, xid, request })
    this.settle()
  }
}

function pairOf(a: number, b: number): string {
  return a < b ? `${a}-${b}` : `${b}-${a}`
}
