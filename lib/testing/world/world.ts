import { Chroot } from '../../client/chroot.ts'
import { Client } from '../../client/client.ts'
import { RemoteEndpoint } from '../../client/remote-endpoint.ts'
import type { Random } from '../../core/random.ts'
import { makeRandom } from '../../core/random.ts'
import type { Peer } from '../../peer/peer.ts'
import type { MemberOption } from '../../peer/options.ts'
import { SILENT } from '../../ports/logger.ts'
import { shuffled } from '../draws.ts'
import { HostClock } from './host-clock.ts'
import { clientAddress, Machine, peerAddress, placeOfPeer } from './machine.ts'
import { VirtualNetwork } from './network.ts'
import type { Place, SimulateOptions, WaitOptions, WorldConnectOptions } from './options.ts'
import { Program } from './program.ts'
import { Storm } from './storm.ts'
import type { StormCounts, StormOptions } from './storm.ts'
import { Timeline } from './timeline.ts'
import { WorldProgram } from './world-program.ts'

/**
 * A whole ensemble inside a test: real peers, real clients, real recipes, in virtual time and under one seed. All that
 * is random in it comes from the seed, so that a run that failed can be repeated: `simulate({ seed })`.
 *
 *   await using world = simulate({ peers: 3, seed: 7 })
 *   await world.run(async () => {
 *     const zk = await world.connect()
 *     world.partition([1], [2, 3])
 *     await world.advance(5_000)
 *     ...
 *   })
 *
 * Time moves only while somebody waits for the world: within `run`, `until`, `advance`, `connect`. It costs nothing
 * while nothing happens. Within `run` everything may simply be awaited.
 *
 * Every client is a program of its own, but for those of code that connects by itself (see `program`): all that is
 * built on it (a recipe, a worker's loop) is to take its time from `zk.clock` (see `sleep`), and waits for the ensemble
 * and its clock alone: then it stands still when the program does (`pause`). What takes real time (`setTimeout`, files,
 * sockets, WebCrypto and with it `client.authenticate`) has no place in a world, nor has chance that is not of the
 * world's `random` or `zk.random`.
 *
 * What a world promises: same seed, same code, same run (see `fingerprint`). What it does not: that peers fail in all
 * ways that machines do. Disks that say that they wrote and did not, bytes that change under way, memory and processors
 * that run short, and names that resolve to something else are not among the faults.
 */
export class World extends Timeline {
  /** For whatever the test itself leaves to chance. */
  readonly random: Random
  readonly #options: SimulateOptions
  readonly #network: VirtualNetwork
  readonly #chance: Random
  readonly #machines = new Map<number, Machine>()
  readonly #programs = new Map<WorldProgram, Program>()
  readonly #clients = new Map<Client, Program>()
  #lastClient = 0
  #calms = 0

  constructor(options: SimulateOptions) {
    const { peers = 3, observers = 0, seed, latencyMs: [minMs, maxMs] = [0.1, 3] } = options
    for (const [name, value] of Object.entries({ peers: peers - 1, observers })) {
      if (!Number.isInteger(value) || value < 0) throw new TypeError(`${name} must be a count`)
    }
    super(seed ?? crypto.getRandomValues(new Uint32Array(1))[0]!)
    this.#options = options
    this.random = makeRandom(this.seed)
    this.#chance = makeRandom(this.seed * 8 + 1)
    this.#network = new VirtualNetwork(this.time, makeRandom(this.seed * 8 + 2), { minMs, maxMs })
    const ids = Array.from({ length: peers + observers }, (_, index) => index + 1)
    const parts = {
      time: this.time, network: this.#network, options,
      members: Object.fromEntries(ids.map((id): [number, MemberOption] =>
        [id, { addresses: peerAddress(id), role: id > peers ? 'observer' : 'voter' }])),
      note: (text: string) => this.note(text),
      fail: (error: Error) => this.fail(error),
    }
    for (const id of ids) this.#machines.set(id, new Machine(parts, id, makeRandom((this.seed * 8 + 3) * 64 + id)))
    for (const id of ids) void this.restart(id)
  }

  // --- peers -------------------------------------------------------------------------------------------------------

  /** Every member's id, running or not. */
  get ids(): readonly number[] {
    return [...this.#machines.keys()]
  }

  /** Those of them that vote. */
  get voters(): readonly number[] {
    return this.ids.slice(0, this.#options.peers ?? 3)
  }

  /** The running peer. Throws while it is down. */
  peer(id: number): Peer {
    const peer = this.#machine(id).peer
    if (peer === null) throw this.tell(new Error(`peer ${id} is not running`))
    return peer
  }

  isRunning(id: number): boolean {
    return this.#machine(id).peer !== null
  }

  #machine(id: number): Machine {
    const machine = this.#machines.get(id)
    if (machine === undefined) throw new Error(`there is no peer ${id}`)
    return machine
  }

  /** Who leads, as the peer of the newest epoch that serves as leader has it; null while nobody does. */
  leader(): number | null {
    let leader: number | null = null
    let newest = -1
    for (const [id, { leads, serves, epoch }] of this.#machines) {
      if (!leads || !serves || epoch <= newest) continue
      newest = epoch
      leader = id
    }
    return leader
  }

  /** Until all peers that run serve clients. */
  async ready(options: WaitOptions = {}): Promise<void> {
    await this.until(() => [...this.#machines.values()].every(({ isUp, serves }) => serves || !isUp), options)
  }

  /** Kills the process of a peer, and all clients that live in it. Of what it was writing some may be on its disk. */
  crash(id: number): void {
    this.#machine(id).crash()
  }

  /**
   * Starts a peer on the disk that it has, unless it runs. Resolves when it listens, without virtual time, but for the
   * end of one whose disk failed.
   */
  async restart(id: number): Promise<void> {
    const machine = this.#machine(id)
    if (machine.isUp) return
    const { program } = machine
    if (program !== null) await this.until(Promise.race([machine.ended(), program.killed]))
    if (!machine.isUp && machine.program === program) await machine.start(this.#chance.next())
  }

  // --- disks and clocks of peers -----------------------------------------------------------------------------------

  /** Every write of this peer takes so much longer; 0 makes the disk fast again. */
  slowDisk(id: number, ms: number): void {
    this.note(`the disk of peer ${id} takes ${ms} ms more`)
    this.#machine(id).disk.slowMs = ms
  }

  /**
   * The next write of this peer fails, and with it the peer, for good, as with a real disk: its process and the
   * clients inside live on (those are `closed`, PeerStopped). Of what failed some may be on the disk all the same.
   * `restart` starts a new peer, in the same process.
   */
  failDisk(id: number): void {
    this.note(`the disk of peer ${id} is to fail`)
    this.#machine(id).disk.failsNext = true
  }

  /** Every write of this peer fails, as with `failDisk`, and after a restart as well, until `freeDisk`. */
  fillDisk(id: number): void {
    this.note(`the disk of peer ${id} is full`)
    this.#machine(id).disk.isFull = true
  }

  /** There is room on the disk again, and no write is to fail. Whoever stopped for it waits for a `restart`. */
  freeDisk(id: number): void {
    this.note(`the disk of peer ${id} has room`)
    Object.assign(this.#machine(id).disk, { isFull: false, failsNext: false })
  }

  /**
   * Crashes a peer and empties its disk. A voter that comes back with an empty one counts for nothing until it was
   * brought up to date, for which it needs to hear every other voter. With more disks gone than a quorum can do without
   * nobody leads; with all gone the ensemble is founded anew, and empty.
   */
  wipe(id: number): void {
    this.crash(id)
    this.note(`the disk of peer ${id} is wiped`)
    this.#machine(id).disk.wipe()
  }

  /**
   * Crashes a peer, on whose disk something rots, as chance wants it: txns, the snapshot, or the promises of a voter.
   * Its next start finds that, and the others bring it up to date, as after `wipe`.
   */
  rot(id: number): void {
    this.crash(id)
    this.note(`the disk of peer ${id} rots: ${this.#machine(id).disk.rot()} gone`)
  }

  /** The disk of this peer has all that it should: what was lost of it was brought back, if anything was. */
  isWhole(id: number): boolean {
    return this.#machine(id).disk.isWhole
  }

  /**
   * Both clocks of the machine on which a peer or a client runs jump ahead, as after a sleep of which its timers know:
   * what would have been due meanwhile is due at once. Clocks of timers never go back.
   */
  jumpClock(place: Place, ms: number): void {
    if (!Number.isFinite(ms) || ms < 0) throw new TypeError('the clock of the timers can only jump ahead')
    this.note(`the clocks of ${this.#placeOf(place)} jump by ${ms} ms`)
    this.#host(place).jump(ms)
  }

  /** The clock of the calendar of that machine jumps, ahead or back, as when somebody sets it; timers do not notice. */
  jumpWall(place: Place, ms: number): void {
    if (!Number.isInteger(ms)) throw new TypeError('ms must be an integer')
    this.note(`the calendar of ${this.#placeOf(place)} jumps by ${ms} ms`)
    this.#host(place).jumpWall(ms)
  }

  /**
   * Both clocks of that machine go so many times as fast as true time from now on: 1.01 gains 10 ms in a second.
   * Whatever counts on time supposes that clocks differ little: far from 1, a lock may count as held for too long.
   */
  drift(place: Place, rate: number): void {
    if (!Number.isFinite(rate) || rate <= 0) throw new TypeError('a rate is a number above 0')
    this.note(`the clocks of ${this.#placeOf(place)} go ${rate} times as fast`)
    this.#host(place).drift(rate)
  }

  #host(place: Place): HostClock {
    return typeof place === 'number' ? this.#machine(place).clock : this.#program(place).host
  }

  // --- clients -----------------------------------------------------------------------------------------------------

  /** Lets a program sleep: by its own clock, so that it sleeps on while it stands still. */
  sleep(program: Client | WorldProgram, ms: number): Promise<void> {
    return new Promise((resolve) => void program.clock.setTimer(ms, resolve))
  }

  /** Those that were not killed, the oldest first, but for clients of which the world does not know. */
  get clients(): readonly Client[] {
    return [...this.#clients].filter(([zk, { isOver }]) => !isOver && zk.state !== 'closed' && zk.state !== 'expired')
      .map(([zk]) => zk)
  }

  /** Those of `program` that were not killed. */
  get programs(): readonly WorldProgram[] {
    return [...this.#programs].filter(([, { isOver }]) => !isOver).map(([program]) => program)
  }

  /** Where all peers are, for `connect`: `zk://peer1:2181,peer2:2181,peer3:2181`. */
  get address(): string {
    return `zk://${this.ids.map((id) => clientAddress(id).replace('tcp://', '')).join()}`
  }

  /** A program whose code opens its sessions itself: see WorldProgram. The name is for the story. */
  program(name: string = this.#nextName()): WorldProgram {
    const names = [...this.ids.map(placeOfPeer), ...[...this.#programs.keys()].map((program) => program.name)]
    if (names.includes(name)) throw new TypeError(`there is a ${name} already`)
    const inner = this.#newProgram(name)
    const { clock } = inner
    const random = makeRandom(this.#chance.next())
    const options = { transports: [this.#network.transport(inner)], clock, random: () => random.unit() }
    const program = new WorldProgram(name, options, (connecting) => this.#opened(inner, connecting))
    this.#programs.set(program, inner)
    return program
  }

  #nextName(): string {
    this.#lastClient += 1
    return `client${this.#lastClient}`
  }

  #newProgram(place: string): Program {
    return new Program(this.time, place, new HostClock(this.time))
  }

  /** As its own code has it: in a program that is killed the promise is never settled. */
  async #opened(program: Program, connecting: Promise<Client>): Promise<Client> {
    const zk = await this.until(Promise.race([connecting, program.killed]))
    if (zk === undefined) return new Promise(() => undefined)
    this.#know(zk, program)
    return zk
  }

  #know(zk: Client, program: Program): void {
    this.#clients.set(zk, program)
    this.note(`${program.place} connected, session ${zk.session?.id ?? ''}`)
  }

  /** Starts a program with a session of its own. */
  async connect(options: WorldConnectOptions = {}): Promise<Client> {
    const { to, inside, ...rest } = options
    const random = makeRandom(this.#chance.next())
    let program: Program
    let connecting: Promise<Client>
    if (inside === undefined) {
      program = this.#newProgram(this.#nextName())
      const { clock } = program
      const transport = this.#network.transport(program)
      const servers = (to ?? shuffled(this.ids, random)).map((id) => ({ address: clientAddress(id), transport }))
      const parts = { clock, logger: SILENT, unref: false, chroot: new Chroot(''), readOnly: false, servers }
      const endpoints = servers.map(({ address }) => new RemoteEndpoint(address, transport, parts))
      connecting = Client.connect({ endpoints, clock, random: () => random.unit() }, rest)
    } else {
      const machine = this.#machine(inside)
      if (!machine.isUp || machine.program === null) throw this.tell(new Error(`peer ${inside} is not running`))
      program = machine.program
      await this.until(() => machine.peer !== null)
      const { endpoint } = this.peer(inside)
      connecting = Client.connect({ endpoints: [endpoint], clock: program.clock, random: () => random.unit() }, rest)
    }
    const killed = program.killed.then(() => { throw new Error('the program was killed while it connected') })
    const zk = await this.until(Promise.race([connecting, killed])) as Client
    killed.catch(ignore)
    this.#know(zk, program)
    return zk
  }

  /** True while a peer, or the program of a client, stands still. */
  isPaused(place: Place): boolean {
    return this.#program(place).isPaused
  }

  /** Resolves when a program was killed: none of its promises is ever settled any more. */
  killed(program: Client | WorldProgram): Promise<void> {
    return this.#program(program).killed
  }

  #program(place: Place): Program {
    const program = typeof place === 'number' ? this.#machine(place).program : this.#programOf(place)
    if (program !== undefined && program !== null) return program
    throw new Error(`${typeof place === 'number' ? `peer ${place}` : 'the client'} does not run in this world`)
  }

  /** A client of which the world does not know has the clock of its program. */
  #programOf(place: Client | WorldProgram): Program | undefined {
    if (place instanceof WorldProgram) return this.#programs.get(place)
    const all = [...this.#programs.values(), ...[...this.#machines.values()].map(({ program }) => program)]
    return this.#clients.get(place) ?? all.find((program) => program?.clock === place.clock) ?? undefined
  }

  #placeOf(place: Place): string {
    return typeof place === 'number' ? placeOfPeer(place) : this.#program(place).place
  }

  /** Kills a program: its sessions are left to expire. */
  kill(place: Client | WorldProgram): void {
    const program = this.#program(place)
    this.note(`${program.place} is killed`)
    program.kill()
    this.#network.kill(program)
  }

  /**
   * A peer, or the program of a client, stands still for so long: its clock goes on, and what comes for it waits.
   * Longer than its session's timeout, and the ensemble has given the session up by the time the program goes on.
   */
  pause(place: Place, ms: number): void {
    const program = this.#program(place)
    this.note(`${program.place} stands still for ${Math.round(ms)} ms`)
    program.pause(ms, this.#chance.below(2) === 0)
  }

  /**
   * Lets the ensemble expire a session: its program is cut off for as long as that takes, or until `calm`. A program in
   * a voter waits until a quorum is left without it: only a quorum expires sessions.
   */
  async expire(zk: Client): Promise<void> {
    const id = zk.session?.id
    if (id === undefined) return
    const place = this.#placeOf(zk)
    const calms = this.#calms
    const isOver = (): boolean => zk.session?.id !== id || this.#calms > calms
    while (!this.#isSpared(place) && !isOver()) await this.until(() => isOver() || this.#isSpared(place))
    if (isOver()) return
    this.note(`${place} is cut off until its session is over`)
    this.#network.isolate(place)
    try {
      await this.until(() => {
        if (!this.#network.isIsolated(place)) return true
        const leader = this.leader()
        return leader !== null && !this.peer(leader).tree.hasSession(id)
      })
    } finally {
      this.#network.rejoin(place)
    }
  }

  /** Whether there is a quorum without this place. */
  #isSpared(place: string): boolean {
    const voters = this.voters.map(placeOfPeer)
    const others = voters.filter((voter) => voter !== place && !this.#network.isIsolated(voter))
    return !voters.includes(place) || others.length > voters.length / 2
  }

  // --- the network -------------------------------------------------------------------------------------------------

  /**
   * Nothing gets from one group to another, in either direction, until `heal`; links live on, and what is under way on
   * them waits. A place that is in no group reaches all: so a client may go on to talk to a follower that has lost its
   * leader, which answers its pings for a while.
   */
  partition(...groups: readonly (readonly Place[])[]): void {
    const names = groups.map((group) => group.map((place) => this.#placeOf(place)))
    this.note(`partition ${names.map((group) => group.join(' ')).join(' | ')}`)
    for (const group of names) {
      for (const other of names) {
        if (group === other) continue
        for (const from of group) for (const to of other) this.#network.block(from, to)
      }
    }
  }

  /** Nothing of `from` reaches `to` any more, until `heal` or `unblock`; the other direction is left as it is. */
  block(from: Place, to: Place): void {
    this.note(`${this.#placeOf(from)} does not reach ${this.#placeOf(to)}`)
    this.#network.block(this.#placeOf(from), this.#placeOf(to))
  }

  /** Undoes `block`, and what `partition` did to this one way. */
  unblock(from: Place, to: Place): void {
    this.#network.unblock(this.#placeOf(from), this.#placeOf(to))
  }

  /** Everybody reaches everybody again. */
  heal(): void {
    this.note('the network heals')
    this.#network.heal()
  }

  /** All links of a place break: what was under way may be lost. Whoever wants to connects again at once. */
  cut(place: Place): void {
    this.note(`the links of ${this.#placeOf(place)} break`)
    this.#network.cut(this.#placeOf(place))
  }

  /**
   * What a program asks on its present connections still gets through, but no answer comes back, and after `afterMs`
   * they break: of a write it cannot know what became of it.
   */
  loseReplies(program: Client | WorldProgram, afterMs = 100): void {
    this.note(`what ${this.#placeOf(program)} is answered is lost`)
    this.#network.loseReplies(this.#placeOf(program), afterMs)
  }

  // --- weather -----------------------------------------------------------------------------------------------------

  /**
   * Faults of all kinds for so long, drawn from the seed, then `calm`: resolves when every fault is undone, with the
   * count of each. Sessions may expire, and programs stand still for longer than their sessions live.
   */
  storm(ms: number, options: StormOptions = {}): Promise<StormCounts> {
    return new Storm(this, makeRandom(this.#chance.next()), options).run(ms)
  }

  /**
   * Ends all faults: heals the network, makes every disk fast and sound, lets every clock go right from here on, and
   * restarts every peer. Who stands still goes on later.
   */
  async calm(): Promise<void> {
    this.#calms += 1
    this.heal()
    this.#network.rejoinAll()
    for (const { id, disk, clock } of this.#machines.values()) {
      Object.assign(disk, { slowMs: 0, isFull: false, failsNext: false })
      clock.drift(1)
      await this.restart(id)
    }
    for (const program of [...this.#clients.values(), ...this.#programs.values()]) program.host.drift(1)
  }

  // --- the end -----------------------------------------------------------------------------------------------------

  /** The end of this world: nothing in it ever runs again, and what waits for it rejects. Idempotent. */
  async stop(): Promise<void> {
    for (const { program } of this.#machines.values()) program?.kill()
    for (const program of [...this.#clients.values(), ...this.#programs.values()]) program.kill()
    this.end()
    await Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}

/** An ensemble in virtual time, under one seed: see World. Its peers start at once, and meet as time moves. */
export function simulate(options: SimulateOptions = {}): World {
  return new World(options)
}

function ignore(): void {
  // Nobody waits for it any more.
}
