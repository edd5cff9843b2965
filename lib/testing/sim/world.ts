import type { Effect, Input, Member, Now } from '../../core/effects.ts'
import { makeRandom } from '../../core/random.ts'
import type { Random } from '../../core/random.ts'
import type { Replica } from '../../core/replica.ts'
import type { TxnCodec } from '../../core/tree/txn.ts'
import type { Meta } from '../../ports/storage.ts'
import { ZXID_ZERO } from '../../core/zxid.ts'
import type { Zxid } from '../../core/zxid.ts'
import type { Message } from '../../core/zab/messages.ts'
import { untilNext } from '../draws.ts'
import { SimClient } from './client.ts'
import { ClientWays } from './client-ways.ts'
import type { ClientWorld, ConnectionEnd, Meter } from './client-world.ts'
import { SimDisk } from './disk.ts'
import { EventQueue } from './events.ts'
import { Frames } from './frames.ts'
import { Ghost } from './ghost.ts'
import type { Watched } from './ghost.ts'
import { Reached, isCatchingUp } from './reached.ts'
import { recovered, recoveredTwice } from './recovery.ts'
import { complete, land } from './landing.ts'
import type { Lanes } from './lanes.ts'
import { Network, wayOf } from './network.ts'
import { Priorities } from './priorities.ts'
import { begin, clockOf, configOf, isSound, newServer, steady } from './server.ts'
import type { Server, WorldPlan } from './server.ts'
import { sharedCodec } from './shared-codec.ts'
import { Trace } from './trace.ts'

/** A whole ensemble of real replicas with its clients, in virtual time, from one seed; every step is checked. */
export class SimWorld implements ClientWorld {
  readonly events: EventQueue = new EventQueue()
  readonly clientWays: ClientWays = new ClientWays(this.events)
  readonly random: Random
  ghost: Ghost
  readonly network: Network
  readonly reached: Reached = new Reached()
  readonly members: readonly Member[]
  readonly peers: readonly number[]
  readonly clients: SimClient[] = []
  readonly servers: Map<number, Server> = new Map()
  readonly plan: WorldPlan
  acked: { read: Zxid, write: Zxid } = { read: ZXID_ZERO, write: ZXID_ZERO }
  requestsLeft: number
  asked = 0
  meter: Meter | null = null
  /** Whose turn it was last. */
  stepping = 0
  elections = 0
  readonly trace: Trace = new Trace()
  /** Set by who wants to read everything that happens. */
  lanes: Lanes | null = null
  /** What happens to the next proposal of some broadcast. */
  spoil: 'lost' | 'twice' | null = null
  readonly #codec: TxnCodec
  readonly #frames = new Frames()
  readonly #latencyMs: number
  #lastConn = 0

  constructor(plan: WorldPlan, codec: TxnCodec) {
    this.plan = plan
    this.#latencyMs = plan.network.latencyMs
    this.requestsLeft = plan.clientPlan.requests
    this.#codec = sharedCodec(codec)
    this.random = makeRandom(plan.seed)
    this.members = Array.from({ length: plan.voters + plan.observers },
      (_, index) => ({ id: index + 1, role: index < plan.voters ? 'voter' as const : 'observer' as const }))
    this.peers = this.members.map(({ id }) => id)
    this.ghost = new Ghost(this.#codec, this.peers.slice(0, plan.voters), (id) => this.#server(id).disk, {
      localMs: (id) => this.#now(this.#server(id)).ms, nowMs: () => this.events.nowMs,
      awakeMs: (id) => this.#server(id).awakeMs,
    }, plan.spoils === 'lost', plan.drift, plan.seed)
    this.network = new Network(this.events, makeRandom(plan.seed ^ 0x2e7), plan.network, {
      isUp: (peer) => this.#server(peer).replica !== null,
      linkUp: (peer, link, other) => this.step(peer, { kind: 'linkUp', link, peer: other }),
      linkDown: (peer, link) => this.step(peer, { kind: 'linkDown', link }),
      receive: (peer, link, messages) => this.#receive(peer, link, messages),
    })
    const { priorities } = plan
    if (priorities !== null) this.network.priorities = new Priorities(makeRandom(plan.seed ^ 0x9c7), priorities)
    for (const id of this.peers) this.servers.set(id, newServer(id, 1 + plan.drift * (this.random.unit() * 2 - 1)))
    for (const { id } of this.members) this.start(id)
    for (let i = 1; i <= plan.clients; i++) this.clients.push(new SimClient(i, this))
  }

  #server(id: number): Server {
    return this.servers.get(id)!
  }

  /** Changes with everything that happens: equal seeds must end with equal numbers. */
  get fingerprint(): number {
    return this.trace.fingerprint
  }

  note(text: string): void {
    this.lanes?.add({ atMs: this.events.nowMs, peer: null, kind: 'fault', text })
    this.#remember(text)
  }

  #remember(text: string): void {
    this.trace.add(this.events.nowMs, text)
  }

  // --- servers -----------------------------------------------------------------------------------------------------

  #now(server: Server): Now {
    return clockOf(server, this.events.nowMs)
  }

  isUp(id: number): boolean {
    return this.#server(id).replica !== null
  }

  start(id: number): void {
    const server = this.#server(id)
    if (server.replica !== null) return
    begin(server, this.events.nowMs)
    this.note(`start ${id}`)
    this.reached.found(server.disk)
    const recover = server.incarnation % 2 === 0 ? recoveredTwice : recovered
    server.replica = recover(configOf(this.plan, id, {
      members: this.members,
      bootstrap: this.ghost.commits === 0 && server.disk.meta === null && !this.ghost.excused.has(id),
      seed: this.random.next(), codec: this.#codec,
    }), server.disk, this.#now(server))
    this.#settle(server)
    for (const other of this.peers) if (other !== id && this.isUp(other)) this.network.dial(id, other)
  }

  /** Ends a process; a random prefix of the writes under way is on disk all the same. */
  crash(id: number): void {
    const server = this.#server(id)
    if (server.replica === null) return
    const landed = this.random.below(server.writes.length + 1)
    if (server.writes.length > 0) this.reached.hit(`disk: ${landed === 0 ? 'all' : 'some'} writes lost`)
    this.note(`crash ${id}, ${landed} of ${server.writes.length} writes landed`)
    land(this, server, server.writes.slice(0, landed))
    this.#down(server)
  }

  #down(server: Server): void {
    server.replica = null
    server.writes = []
    server.inbox.length = 0
    this.#findStrays(server)
    this.network.breakAll(server.id)
    for (const [conn, client] of server.conns) client.cut(conn)
    server.conns.clear()
    this.ghost.checkDown(server.id)
  }

  /** The next start misses what landed elsewhere. */
  #findStrays({ id, disk }: Server): void {
    const { meta } = disk
    const missed = disk.find()
    if (missed === 'nothing') return
    this.note(`a write of ${id} is elsewhere: ${missed} missed`)
    this.reached.hit(`disk: a stray write is found, ${missed}`)
    if (missed === 'promises' && meta !== null) this.ghost.loses(id, meta)
  }

  /** Dies within the write after so many others, if it comes to that; Infinity: not any more. */
  crashInWrite(id: number, writes: number): void {
    this.#server(id).writesToCrash = writes
  }

  /** Stops cleanly: the replica says goodbye and its writes complete, if they ever do. */
  stop(id: number): void {
    const server = this.#server(id)
    if (server.replica === null || server.paused || server.hung) return
    this.note(`stop ${id}`)
    this.step(id, { kind: 'stop' })
    land(this, server, server.writes)
    this.#down(server)
  }

  wipe(id: number): void {
    const server = this.#server(id)
    this.crash(id)
    this.note(`wipe ${id}`)
    this.ghost.loses(id, server.disk.meta ?? { acceptedEpoch: 0 })
    server.disk = new SimDisk()
  }

  /** Some of what it had on disk is gone, and its next start finds that. */
  rot(id: number, dice: Random): void {
    const server = this.#server(id)
    this.crash(id)
    const { meta } = server.disk
    const lost = server.disk.rot(dice)
    this.note(`rot of ${id}: ${lost}`)
    this.reached.hit(`disk: rot of ${lost}`)
    this.ghost.excused.add(id)
    if (server.disk.meta === null && meta !== null) this.ghost.loses(id, meta)
  }

  /** Its disk is as it was once. `isSeen`: the marker beside it was not, and tells that, and the promises. */
  restore(id: number, image: SimDisk, isSeen: boolean): void {
    const server = this.#server(id)
    this.crash(id)
    const { meta, log: { last } } = server.disk
    this.note(`the disk of ${id} goes back`)
    this.ghost.excused.add(id)
    server.disk = image.copy()
    if (!isSeen) return
    server.disk.meta = meta
    if (server.disk.log.last !== last) server.disk.damage = 'log'
  }

  /** What its disk knows of epochs: 0 of none. */
  epochs(id: number): Pick<Meta, 'acceptedEpoch' | 'currentEpoch' | 'health'> {
    return this.#server(id).disk.meta ?? { acceptedEpoch: 0, currentEpoch: 0, health: 'ok' }
  }

  /** The wiped voter was rebuilt: its disk counts like any other again. */
  rebuilt(id: number): boolean {
    if (!isSound(this.#server(id))) return false
    if (this.ghost.excused.delete(id)) this.reached.hit('disk: a damaged voter is rebuilt')
    return true
  }

  pause(id: number, forMs: number): void {
    const server = this.#server(id)
    if (server.replica === null || server.paused) return
    this.note(`pause ${id} for ${forMs}`)
    server.paused = true
    const { incarnation } = server
    this.events.after(forMs, () => { if (server.incarnation === incarnation) this.resume(id) })
  }

  /** A process that was paused goes on: with what came meanwhile, or with its timers. */
  resume(id: number): void {
    const server = this.#server(id)
    if (!server.paused) return
    server.paused = false
    server.awakeMs = this.events.nowMs
    const ticksFirst = this.random.below(2) === 0
    if (ticksFirst) this.step(id, { kind: 'tick' })
    this.#turn(server, server.inbox.splice(0))
    if (!ticksFirst) this.step(id, { kind: 'tick' })
  }

  /** Disk writes of a peer take so many times longer; a disk that is well again soon ends the one under way. */
  slow(id: number, factor: number): void {
    const server = this.#server(id)
    server.slowness = factor
    const { incarnation, written } = server
    if (factor !== 1 || !server.writing) return
    this.events.after(this.#writeMs(1), () => this.#wrote(server, incarnation, written))
  }

  /** Its disk ends no write any more, or is well again. */
  hang(id: number, isHung: boolean): void {
    this.#server(id).hung = isHung
    if (!isHung) this.slow(id, 1)
  }

  failWrite(id: number, fails = true): void {
    this.#server(id).failNextWrite = fails
  }

  /** Its next write is said to be done and lands elsewhere; null: not any more. */
  misdirect(id: number, dice: number | null): void {
    this.#server(id).strayDice = dice
  }

  /** From now on there is no room on its disk, or there is again. */
  fill(id: number, isFull: boolean): void {
    this.#server(id).full = isFull
  }

  /** From now on there is room on its disk for the log alone, or for snapshots again. */
  cramp(id: number, isCramped: boolean): void {
    this.#server(id).disk.isCramped = isCramped
  }

  /** Its timers jump ahead, as those of a machine do that was moved. */
  jumpClock(id: number, byMs: number): void {
    const server = this.#server(id)
    this.note(`the clock of ${id} jumps by ${byMs}`)
    server.jumpedMs += byMs
    this.step(id, { kind: 'tick' })
  }

  /** Its clock is nearly right from here on. */
  steady(id: number): void {
    if (steady(this.#server(id), this.events.nowMs)) this.step(id, { kind: 'tick' })
  }

  /** They die, one of them as the candidate of an epoch so much later, to which the others have promised themselves. */
  promise(ids: readonly number[], later: number): void {
    const disks = ids.map((id) => this.#server(id).disk)
    const epoch = Math.max(...disks.map(({ meta }) => meta?.acceptedEpoch ?? 0)) + later
    for (const id of ids) this.crash(id)
    for (const disk of disks) if (disk.meta !== null) disk.meta = { ...disk.meta, acceptedEpoch: epoch }
    this.note(`${ids.join()} have promised ${epoch}`)
  }

  jumpWall(id: number, byMs: number): void {
    this.#server(id).wallOffsetMs += byMs
  }

  step(id: number, input: Input): void {
    this.#turn(this.#server(id), [input])
  }

  #receive(id: number, link: number, messages: readonly Message[]): void {
    const server = this.#server(id)
    if (server.replica === null) return
    this.stepping = server.id
    if (server.paused) {
      this.ghost.waiting(id, messages)
      for (const message of messages) server.inbox.push({ kind: 'receive', link, message })
      return
    }
    const now = this.#now(server)
    for (const message of messages) this.#step(server as Watched & Server, now, { kind: 'receive', link, message })
    this.#settle(server)
  }

  #turn(server: Server, inputs: readonly Input[]): void {
    if (server.replica === null) return
    if (server.paused) {
      server.inbox.push(...inputs)
      return
    }
    const now = this.#now(server)
    const asked = server.answered.asked(inputs)
    for (const [at, input] of inputs.entries()) this.#step(server as Watched & Server, now, input, asked[at])
    this.#settle(server, inputs.some(({ kind }) => kind === 'persisted'))
  }

  #step(server: Watched & Server, now: Now, input: Input, asked: Input | null = input): void {
    const { replica } = server
    if (input.kind === 'receive') this.ghost.received(server, input.link, input.message)
    if (this.lanes !== null) {
      const from = 'link' in input ? replica.links.peerOf(input.link) ?? 0 : 0
      this.lanes.input(this.events.nowMs, server.id, input, from)
    }
    if (asked !== null) replica.step(now, asked)
    this.reached.stepped(server, input)
  }

  /** Carries out what the turn produced, and checks the server that stepped. */
  #settle(server: Server, isWriteDone = false): void {
    const watched = server as Watched & Server
    const effects = watched.answered.before(watched.replica.take())
    this.ghost.observe(watched)
    for (const effect of effects) {
      this.ghost.emitted(watched, effect)
      this.reached.emitted(watched, effect, isWriteDone)
      this.lanes?.effect(this.events.nowMs, server.id, effect)
      this.#carryOut(watched, effect)
    }
    this.#frames.sendAll(this.network)
    if (watched.replica.stopped) return
    this.#write(server)
    this.#arm(server)
  }

  #carryOut(server: Watched & Server, effect: Effect): void {
    switch (effect.kind) {
      case 'send':
        if (this.spoil !== null && effect.message.kind === 'proposal' && this.#spoils(server, effect)) break
        this.#frames.add(effect.link, effect.message)
        break
      case 'persist': server.writes.push({ ticket: effect.ticket, batch: effect.batch }); break
      case 'dropLink': {
        const frame = this.#frames.take(effect.link)
        if (frame !== null) this.network.send(effect.link, frame)
        this.network.break(effect.link, server.id)
        break
      }
      case 'role': this.#role(server, effect); break
      case 'fatal': this.#remember(`fatal ${server.id}: ${effect.reason}`); break
      case 'log': this.#remember(`${server.id} ${effect.text} ${JSON.stringify(effect.fields)}`); break
      default: this.#tell(server, effect)
    }
  }

  /** A proposal of the broadcast is lost, or comes twice; a history that is being sent is left alone. */
  #spoils({ replica }: Watched, { link, message }: Extract<Effect, { kind: 'send' }>): boolean {
    if (replica.leader?.learners.get(replica.links.peerOf(link) ?? 0)?.newLeaderAcked !== true) return false
    const isLost = this.spoil === 'lost'
    this.spoil = null
    this.note(`a proposal of ${replica.config.peerId} ${isLost ? 'is lost' : 'comes twice'} on link ${link}`)
    this.reached.hit(`link: a proposal ${isLost ? 'is lost' : 'comes twice'}`)
    if (!isLost) this.network.send(link, [message])
    return isLost
  }

  #role(server: Server, effect: Extract<Effect, { kind: 'role' }>): void {
    if (effect.role === 'leading' && effect.serving) this.elections++
    const role = `${effect.role}${effect.serving ? ', serving' : ''}`
    this.#remember(`${server.id} is ${role} epoch ${effect.epoch}: ${effect.reason}`)
  }

  #tell(server: Server, effect: Extract<Effect, { readonly conn: number }>): void {
    server.conns.get(effect.conn)?.hear(effect)
    if (effect.kind !== 'closeConn') return
    server.conns.delete(effect.conn)
    this.reached.hit(`client: ${effect.code}`)
  }

  #write(server: Server): void {
    if (server.writing || server.writes.length === 0) return
    server.writing = true
    const { incarnation, written } = server
    // Writes that wait together are synced together.
    server.syncing = server.writes.length
    const heldMs = this.network.priorities?.delayMs(wayOf(0, server.id)) ?? 0
    if (server.writesToCrash-- <= 0) {
      this.events.after(this.random.unit() * this.#writeMs(server.slowness), () => {
        if (server.incarnation === incarnation && server.writesToCrash !== Infinity) this.crash(server.id)
      })
    }
    this.events.after(heldMs + this.#writeMs(server.slowness), () => this.#wrote(server, incarnation, written))
  }

  #writeMs(slowness: number): number {
    return this.plan.diskMs * (0.5 + untilNext(this.random, 1)) * slowness
  }

  /** The write after `written` others is done, unless it was before, or its disk stands still. */
  #wrote(server: Server, incarnation: number, written: number): void {
    const { replica, hung } = server
    if (server.incarnation !== incarnation || replica === null || hung || server.written !== written) return
    server.writing = false
    server.written++
    const done = server.writes.splice(0, server.syncing)
    const fails = server.failNextWrite || server.full
    const landed = fails ? 0 : complete(this, server, done)
    if (landed < done.length) {
      if (!fails) this.reached.hit('disk: a snapshot of the leader has no room')
      this.#writeFails(server, replica, done.slice(landed))
      return
    }
    this.ghost.durable(server as Watched)
    this.#turn(server, [{ kind: 'persisted', ticket: done[done.length - 1]!.ticket }])
  }

  /** Of a write that fails a part may be there all the same; of one that has no room, nothing. */
  #writeFails(server: Server, replica: Replica, writes: Server['writes']): void {
    server.failNextWrite = false
    this.note(`a write of ${server.id} fails`)
    this.reached.hit(replica.role === 'leading' ? 'disk: the leader\'s write failed' : 'disk: a write failed')
    if (server.full) this.reached.full(server.disk, replica.role, writes.map(({ batch }) => batch))
    const kept = land(this, server, writes.slice(0, this.random.below(writes.length + 1)))
    if (kept > 0) this.reached.hit('disk: part of a failed write is there')
    this.#turn(server, [{ kind: 'persistFailed', ticket: writes[0]!.ticket, reason: 'simulated' }])
    this.#down(server)
  }

  #arm(server: Server): void {
    const { replica, incarnation } = server
    const deadline = replica?.deadline() ?? Infinity
    if (deadline === Infinity) return
    const turnMs = replica !== null && isCatchingUp(replica) ? this.plan.catchUp?.turnMs ?? 0 : 0
    const atMs = Math.max((deadline - server.jumpedMs + 0.001) / server.rate, this.events.nowMs + turnMs)
    if (server.ticksMs <= atMs && server.ticksMs > this.events.nowMs) return
    server.ticksMs = atMs
    this.events.at(atMs, () => {
      if (server.incarnation !== incarnation || server.ticksMs !== atMs) return
      server.ticksMs = Infinity
      this.step(server.id, { kind: 'tick' })
    })
  }

  // --- clients -----------------------------------------------------------------------------------------------------

  latencyMs(random: Random): number {
    return this.#latencyMs * (0.5 + random.unit())
  }

  nextConn(): number {
    return ++this.#lastConn
  }

  register(conn: number, peer: number, client: ConnectionEnd): void {
    this.#server(peer).conns.set(conn, client)
  }

  input(peer: number, input: Input): boolean {
    const server = this.#server(peer)
    if (server.replica === null || ('conn' in input && !server.conns.has(input.conn))) return false
    if (input.kind === 'disconnect') server.conns.delete(input.conn)
    this.step(peer, input)
    return true
  }

  /** The established leader with the highest epoch, if any. */
  get leader(): Replica | null {
    let best: Replica | null = null
    for (const { replica } of this.servers.values()) {
      if (replica?.leader?.active !== true) continue
      if (best === null || replica.leader.epoch > best.leader!.epoch) best = replica
    }
    return best
  }
}
