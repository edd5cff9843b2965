import { Chroot } from '../../client/chroot.ts'
import { Client } from '../../client/client.ts'
import { RemoteEndpoint } from '../../client/remote-endpoint.ts'
import type { Random } from '../../core/random.ts'
import { makeRandom } from '../../core/random.ts'
import { Peer } from '../../peer/peer.ts'
import type { MemberOption } from '../../peer/options.ts'
import { SILENT } from '../../ports/logger.ts'
import { memory } from '../../../storage/memory.ts'
import { VirtualDisk } from './disk.ts'
import { VirtualNetwork } from './network.ts'
import type { Place, SimulateOptions, WaitOptions, WorldConnectOptions } from './options.ts'
import { Program } from './program.ts'
import { Story } from './story.ts'
import { Storm } from './storm.ts'
import type { StormCounts, StormOptions } from './storm.ts'
import { VirtualTime } from './time.ts'

interface Running {
  readonly program: Program
  /** Null while it starts. */
  peer: Peer | null
  /** As it was told last: conditions are looked at after every event, and `status()` is a lot to ask for each time. */
  leads: boolean
  serves: boolean
  epoch: number
}

const LIMIT_MS = 600_000

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
 * Every client is a program of its own: all that is built on it (a recipe, a worker's loop) is to take its time from
 * `zk.clock` (see `sleep`), and must not wait for anything but the ensemble and its clock: then it stands still when
 * the program does (`pause`). What takes real time (`setTimeout`, files, sockets, WebCrypto and with it
 * `client.authenticate`) has no place in a world, nor has chance that is not of the world's `random` or `zk.random`.
 *
 * What a world promises: same seed, same code, same run (see `fingerprint`). What it does not: that peers fail in all
 * ways that machines do; damaged disks and clocks that drift are not among the faults.
 */
export class World {
  readonly seed: number
  /** For whatever the test itself leaves to chance. */
  readonly random: Random
  readonly #options: SimulateOptions
  readonly #time = new VirtualTime()
  readonly #network: VirtualNetwork
  readonly #chance: Random
  readonly #disks = new Map<number, VirtualDisk>()
  readonly #running = new Map<number, Running>()
  readonly #clients = new Map<Client, Program>()
  readonly #story: Story
  /** Tests that run: they tell what they throw when they end. */
  #runs = 0
  #lastClient = 0
  #calms = 0
  #failure: Error | null = null

  constructor(options: SimulateOptions) {
    const { peers = 3, observers = 0, seed, latencyMs: [minMs, maxMs] = [0.1, 3] } = options
    for (const [name, value] of Object.entries({ peers: peers - 1, observers })) {
      if (!Number.isInteger(value) || value < 0) throw new TypeError(`${name} must be a count`)
    }
    this.seed = seed ?? crypto.getRandomValues(new Uint32Array(1))[0]!
    this.#story = new Story(this.seed, this.#time)
    this.#options = options
    this.random = makeRandom(this.seed)
    this.#chance = makeRandom(this.seed * 8 + 1)
    this.#network = new VirtualNetwork(this.#time, makeRandom(this.seed * 8 + 2), { minMs, maxMs })
    for (let id = 1; id <= peers + observers; id++) {
      this.#disks.set(id, new VirtualDisk(this.#time, makeRandom((this.seed * 8 + 3) * 64 + id), memory()))
    }
    for (const id of this.#disks.keys()) void this.restart(id)
  }

  // --- time --------------------------------------------------------------------------------------------------------

  /** Virtual ms since the world began. */
  get nowMs(): number {
    return this.#time.nowMs
  }

  /** Events so far: what the run cost. */
  get events(): number {
    return this.#time.events
  }

  /** Of the whole run so far: equal for equal runs, and hardly ever for others. */
  get fingerprint(): number {
    return this.#time.fingerprint
  }

  /** Lets so much time pass. */
  async advance(ms: number): Promise<void> {
    try {
      await this.#time.wait(ms, () => false)
    } catch (error) {
      throw this.#tell(error)
    }
  }

  /**
   * Lets time pass until the condition holds or the promise is settled, whose value it gives. Rejects as the promise
   * does, and when that takes longer than `limitMs`.
   */
  async until<T>(what: Promise<T> | (() => boolean), options: WaitOptions = {}): Promise<T | undefined> {
    try {
      return await this.#until(what, options.limitMs ?? LIMIT_MS)
    } catch (error) {
      throw this.#tell(error)
    }
  }

  async #until<T>(what: Promise<T> | (() => boolean), limitMs: number): Promise<T | undefined> {
    let isDone = typeof what === 'function' ? what : () => false
    let value: T | undefined
    let failure: { readonly error: unknown } | null = null
    if (typeof what !== 'function') {
      let isSettled = false
      isDone = () => isSettled
      what.then((given) => { value = given }, (error: unknown) => { failure = { error } }).finally(() => {
        isSettled = true
      })
    }
    const isInTime = await this.#time.wait(limitMs, isDone)
    if (failure !== null) throw (failure as { readonly error: unknown }).error
    if (!isInTime) throw new Error(`not within ${limitMs} ms of virtual time`)
    return value
  }

  /**
   * Runs a test in this world: time passes until it is over. An error that it throws, whatever it is, is told with the
   * seed that repeats it, and with what happened last; outside `run` that is so of errors that come from the world.
   */
  async run<T>(body: (world: this) => Promise<T>, options: WaitOptions = {}): Promise<T> {
    this.#runs += 1
    try {
      return await this.#until(body(this), options.limitMs ?? LIMIT_MS) as T
    } catch (error) {
      throw this.#story.tell(error)
    } finally {
      this.#runs -= 1
    }
  }

  /** What a test throws is told at its end: until then errors are as they are anywhere. */
  #tell(error: unknown): unknown {
    return this.#runs > 0 ? error : this.#story.tell(error)
  }

  /** Lets a program sleep: by its own clock, so that it sleeps on while it stands still. */
  sleep(zk: Client, ms: number): Promise<void> {
    return new Promise((resolve) => void zk.clock.setTimer(ms, resolve))
  }

  // --- peers -------------------------------------------------------------------------------------------------------

  /** Every member's id, running or not. */
  get ids(): readonly number[] {
    return [...this.#disks.keys()]
  }

  /** The running peer. Throws while it is down. */
  peer(id: number): Peer {
    const peer = this.#running.get(id)?.peer
    if (peer === null || peer === undefined) throw this.#tell(new Error(`peer ${id} is not running`))
    return peer
  }

  isRunning(id: number): boolean {
    return (this.#running.get(id)?.peer ?? null) !== null
  }

  /** Who leads, as the peer of the newest epoch that serves as leader has it; null while nobody does. */
  leader(): number | null {
    let leader: number | null = null
    let newest = -1
    for (const [id, { leads, serves, epoch }] of this.#running) {
      if (!leads || !serves || epoch <= newest) continue
      newest = epoch
      leader = id
    }
    return leader
  }

  /** Until all peers that run serve clients. */
  async ready(options: WaitOptions = {}): Promise<void> {
    await this.until(() => [...this.#running.values()].every(({ serves }) => serves), options)
  }

  /** Kills the process of a peer, and all clients that live in it. Of what it was writing some may be on its disk. */
  crash(id: number): void {
    const running = this.#running.get(id)
    if (running === undefined) return
    this.note(`peer ${id} crashes`)
    this.#running.delete(id)
    running.program.kill()
    this.#network.kill(running.program)
    this.#disk(id).crash()
  }

  /** Starts a peer on the disk that it has, unless it runs. Resolves when it listens, without virtual time. */
  async restart(id: number): Promise<void> {
    if (this.#running.has(id)) return
    const disk = this.#disk(id)
    const program = new Program(this.#time, `peer${id}`)
    const running: Running = { program, peer: null, leads: false, serves: false, epoch: 0 }
    this.#running.set(id, running)
    this.note(`peer ${id} starts`)
    const { timing, limits, logger = SILENT } = this.#options
    const random = makeRandom(this.#chance.next())
    try {
      running.peer = await Peer.start({
        id, ensemble: { name: 'world', members: this.#members() }, storage: disk.storage(program), bootstrap: true,
        transports: [this.#network.transport(program)], clock: program.clock, random: () => random.unit(), logger,
        clients: { listen: [clientAddress(id)], perAddress: 0 },
        ...(timing === undefined ? {} : { timing }), ...(limits === undefined ? {} : { limits }),
      })
      running.peer.on('role', ({ role, serving, epoch }) => {
        running.leads = role === 'leading'
        running.serves = serving
        running.epoch = epoch
        this.note(`peer ${id}: ${role} in epoch ${epoch}${serving ? ', serving' : ''}`)
      })
      running.peer.on('fatal', (error) => this.#fail(new Error(`peer ${id} failed`, { cause: error })))
    } catch (error) {
      if (!program.isOver) this.#fail(new Error(`peer ${id} did not start`, { cause: error }))
    }
  }

  #members(): Record<number, MemberOption> {
    const { peers = 3 } = this.#options
    return Object.fromEntries(this.ids.map((id): [number, MemberOption] =>
      [id, { addresses: `sim://peer${id}:7000`, role: id > peers ? 'observer' : 'voter' }]))
  }

  #disk(id: number): VirtualDisk {
    const disk = this.#disks.get(id)
    if (disk === undefined) throw new Error(`there is no peer ${id}`)
    return disk
  }

  /** Every write of this peer takes so much longer; 0 makes the disk fast again. */
  slowDisk(id: number, ms: number): void {
    this.note(`the disk of peer ${id} takes ${ms} ms more`)
    this.#disk(id).slowMs = ms
  }

  // --- clients -----------------------------------------------------------------------------------------------------

  /** Those that were not killed, the oldest first. */
  get clients(): readonly Client[] {
    return [...this.#clients].filter(([zk, { isOver }]) => !isOver && zk.state !== 'closed' && zk.state !== 'expired')
      .map(([zk]) => zk)
  }

  /** Starts a program with a session of its own. */
  async connect(options: WorldConnectOptions = {}): Promise<Client> {
    const { to, inside, ...rest } = options
    const random = makeRandom(this.#chance.next())
    let program: Program
    let connecting: Promise<Client>
    if (inside === undefined) {
      this.#lastClient += 1
      program = new Program(this.#time, `client${this.#lastClient}`)
      const { clock } = program
      const transport = this.#network.transport(program)
      const servers = (to ?? shuffled(this.ids, random)).map((id) => ({ address: clientAddress(id), transport }))
      const parts = { clock, logger: SILENT, unref: false, chroot: new Chroot(''), readOnly: false, servers }
      const endpoints = servers.map(({ address }) => new RemoteEndpoint(address, transport, parts))
      connecting = Client.connect({ endpoints, clock, random: () => random.unit() }, rest)
    } else {
      const running = this.#running.get(inside)
      if (running === undefined) throw this.#tell(new Error(`peer ${inside} is not running`))
      program = running.program
      await this.until(() => running.peer !== null)
      const { endpoint } = this.peer(inside)
      connecting = Client.connect({ endpoints: [endpoint], clock: program.clock, random: () => random.unit() }, rest)
    }
    const killed = program.killed.then(() => { throw new Error('the program was killed while it connected') })
    const zk = await this.until(Promise.race([connecting, killed])) as Client
    killed.catch(ignore)
    this.#clients.set(zk, program)
    this.note(`${program.place} connected, session ${zk.session?.id ?? ''}`)
    return zk
  }

  /** True while a peer, or the program of a client, stands still. */
  isPaused(place: Place): boolean {
    return this.#program(place).isPaused
  }

  /** Resolves when the program of a client was killed: none of its promises is ever settled any more. */
  killed(zk: Client): Promise<void> {
    return this.#program(zk).killed
  }

  #program(place: Place): Program {
    const program = typeof place === 'number' ? this.#running.get(place)?.program : this.#clients.get(place)
    if (program !== undefined) return program
    throw new Error(`${typeof place === 'number' ? `peer ${place}` : 'the client'} does not run in this world`)
  }

  #placeOf(place: Place): string {
    return typeof place === 'number' ? `peer${place}` : this.#program(place).place
  }

  /** Kills the program of a client: its session is left to expire. */
  kill(zk: Client): void {
    const program = this.#program(zk)
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
    const { peers = 3 } = this.#options
    const voters = Array.from({ length: peers }, (_, index) => `peer${index + 1}`)
    const others = voters.filter((voter) => voter !== place && !this.#network.isIsolated(voter))
    return !voters.includes(place) || others.length > peers / 2
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
   * What a client asks on its present connection still gets through, but no answer comes back, and after `afterMs` the
   * connection breaks: of a write it cannot know what became of it.
   */
  loseReplies(zk: Client, afterMs = 100): void {
    this.note(`what ${this.#placeOf(zk)} is answered is lost`)
    this.#network.loseReplies(this.#placeOf(zk), afterMs)
  }

  // --- weather -----------------------------------------------------------------------------------------------------

  /**
   * Faults of all kinds for so long, drawn from the seed, then `calm`: resolves when every fault is undone, with the
   * count of each. Sessions may expire, and programs stand still for longer than their sessions live.
   */
  storm(ms: number, options: StormOptions = {}): Promise<StormCounts> {
    return new Storm(this, makeRandom(this.#chance.next()), options).run(ms)
  }

  /** Ends all faults: heals the network, restarts every peer, makes every disk fast. Who stands still goes on later. */
  async calm(): Promise<void> {
    this.#calms += 1
    this.heal()
    this.#network.rejoinAll()
    for (const [id, disk] of this.#disks) {
      disk.slowMs = 0
      await this.restart(id)
    }
  }

  // --- the story ---------------------------------------------------------------------------------------------------

  /** Adds a line to the story, and to the fingerprint. */
  note(text: string): void {
    this.#story.note(text)
  }

  /** The last faults, changes of roles and notes, one a line. */
  story(lines?: number): readonly string[] {
    return this.#story.last(lines)
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.note(error.message)
    this.#time.stop(error)
  }

  // --- the end -----------------------------------------------------------------------------------------------------

  /** The end of this world: nothing in it ever runs again, and what waits for it rejects. Idempotent. */
  async stop(): Promise<void> {
    for (const { program } of this.#running.values()) program.kill()
    for (const program of this.#clients.values()) program.kill()
    this.#time.stop(this.#failure ?? new Error('the world was stopped'))
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

function clientAddress(id: number): string {
  return `sim://peer${id}:2181`
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const order = [...items]
  for (let left = order.length; left > 1; left--) {
    const at = random.below(left)
    const last = order[left - 1]!
    order[left - 1] = order[at]!
    order[at] = last
  }
  return order
}
