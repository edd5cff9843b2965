/** What can happen in a state, and what comes of it. */
import { Violation } from '../../lib/testing/sim/violation.ts'
import { counterOf, epochOf } from '../../lib/core/zxid.ts'
import type { Zxid } from '../../lib/core/zxid.ts'
import { Checks } from './checks.ts'
import { act } from './actions.ts'
import type { Action } from './actions.ts'
import { TIMING, inputOf } from './machines.ts'
import type { Row } from './local.ts'
import type { Machines } from './machines.ts'
import { Sweeper } from './sweeper.ts'
import { DOWN, GONE, SPENT, World } from './world.ts'
import type { Bounded } from './world.ts'

/** How often what is bounded may happen. */
export interface Bounds {
  readonly txns: number
  readonly crashes: number
  readonly losses: number
  /** Timeouts that fire although something else could happen. */
  readonly timeouts: number
  /**
   * Nothing is looked at beyond this epoch: an unlucky order of elections may let two candidates outdo each other for
   * ever, each marking its epoch just before it meets the other's. Where states are one but for the names of their
   * epochs (shapes.ts) that comes to an end by itself, and `late` stays 0. The search begins with epoch 1 behind it.
   */
  readonly epochs: number
}

interface Notice { readonly from: number, readonly to: number, readonly message: number }

/** An election that takes more steps does not end. */
const ELECTION_STEPS_MAX = 2_000
/** So many timeouts of a run without anything else to do: nothing will come of it any more. */
const WAITS_MAX = 15
/** Nobody has more than so many more of them than another: they are equally long, but for those of who looks. */
const WAITS_AHEAD = 2
const HOLD_OFF_MS = 4 * TIMING.resendMs

const FAULTS = SPENT.filter((what) => what !== 'txns')

const TICK = inputOf('tick')
const VOTE = inputOf('vote')
const WRITE = inputOf('write')
const PERSISTED = inputOf('persisted')

/**
 * Every step is a step of the real core. Unless `elections` are searched as well, they are over at once: notifications
 * overtake everything else, and a voter that has a quorum does not wait for a better vote. What an election may come to
 * is only a hint to the phases after it. Where they are searched, a notification is on its way like any other message,
 * and a voter that has a quorum acts on it at any time from then on.
 */
export class Ensemble {
  readonly #machines: Machines
  readonly #checks: Checks
  readonly #bounds: Bounds
  readonly #isFull: boolean
  readonly #elections: boolean
  readonly #sweeper: Sweeper
  readonly #notices: Notice[] = []
  /** What the peers said, for a trace; null while nobody listens. */
  trace: string[] | null = null
  /** How many states were met beyond the last epoch. */
  late = 0

  constructor(machines: Machines, bounds: Bounds, isFull: boolean, elections: boolean) {
    this.#isFull = isFull
    this.#elections = elections
    this.#machines = machines
    this.#checks = new Checks(machines)
    this.#sweeper = new Sweeper(machines)
    this.#bounds = bounds
  }

  /** What may happen, as far as it is to be looked at: see `apart`. */
  actions(world: World): Action[] {
    if (this.#isLate(world)) {
      this.late++
      return []
    }
    const peer = this.#elections && !this.#isFull ? this.apart(world) : -1
    return peer < 0 ? this.all(world) : this.ofPeer(world, peer)
  }

  /** All that may happen. */
  all(world: World): Action[] {
    const actions: Action[] = []
    const { size } = world
    for (let peer = 0; peer < size; peer++) {
      if (world.node(peer) === GONE) actions.push(act('restart', peer))
      else actions.push(...this.ofPeer(world, peer))
    }
    if (actions.length === 0 && !this.#isWell(world)) {
      const counts = Array.from({ length: size }, (_, peer) => world.waitsOf(peer))
      const least = Math.min(...counts)
      if (counts.reduce((sum, count) => sum + count) >= WAITS_MAX) {
        throw new Violation('L1', 'the ensemble does not come to life')
      }
      for (let peer = 0; peer < size; peer++) if (counts[peer]! < least + WAITS_AHEAD) actions.push(act('wait', peer))
    }
    this.#faults(world, actions)
    return actions
  }

  /** What may happen to a peer that is up, apart from faults and writes of clients. */
  ofPeer(world: World, peer: number): Action[] {
    const { empty } = this.#machines.lists
    const actions: Action[] = []
    if (world.writes(peer) !== empty) actions.push(act('persist', peer))
    if (this.#elections && this.#isDeciding(world.node(peer))) actions.push(act('decide', peer))
    for (let other = 0; other < world.size; other++) {
      if (world.queue(other, peer) !== empty) actions.push(act('deliver', peer, other))
      if (other < peer && this.#canConnect(world, peer, other)) actions.push(act('connect', peer, other))
    }
    return actions
  }

  /**
   * A peer for whose next step all others can wait; -1 for none. It has a notification to read from each of them, all
   * its links, nothing on its way to its disk, and no fault is left that could take any of that away: so nothing that
   * the others do changes what it may do now, and in either order they come to the same (a test tries that). All it
   * may do is read one, or act on votes, and what the invariants ask of such a step they ask of this peer alone. (Who
   * is active may be asked to write as well, and is left out.) The others are not put off for ever: one of the steps
   * looked at is to read what a certain peer has sent, which sends nothing more meanwhile, and so comes to its turn.
   */
  apart(world: World): number {
    if (FAULTS.some((what) => this.#may(world, what))) return -1
    for (let peer = 0; peer < world.size; peer++) if (this.#isApart(world, peer)) return peer
    return -1
  }

  #isApart(world: World, peer: number): boolean {
    const { lists, messages } = this.#machines
    if (world.node(peer) === GONE || world.writes(peer) !== lists.empty) return false
    if (this.#machines.local(world.node(peer)).active) return false
    for (let other = 0; other < world.size; other++) {
      if (other === peer) continue
      if (world.node(other) === GONE || !world.isUp(peer, other)) return false
      const [message = DOWN] = lists.at(world.queue(other, peer))
      if (message === DOWN || messages.at(message).message.kind !== 'notify') return false
    }
    return true
  }

  /**
   * What a state comes down to when nothing is on its way any more: roles, promises and logs. Epochs are named by their
   * order: 1 for the first that there is.
   */
  describe(world: World): string {
    const { lists, entries, disks } = this.#machines
    const zxidsOf = (log: readonly number[]): Zxid[] => log.map((entry) => entries.at(entry).zxid)
    const epochs = new Set(zxidsOf(lists.at(world.delivered)).map(epochOf))
    for (let peer = 0; peer < world.size; peer++) {
      const { meta, log } = disks.at(world.disk(peer))
      for (const epoch of [meta?.acceptedEpoch ?? 0, meta?.currentEpoch ?? 0, ...zxidsOf(log).map(epochOf)]) {
        epochs.add(epoch)
      }
    }
    const names = [...epochs].sort((one, other) => one - other)
    const logOf = (log: readonly number[]): string =>
      zxidsOf(log).map((zxid) => `${names.indexOf(epochOf(zxid))}.${counterOf(zxid)}`).join(',')
    const peers = Array.from({ length: world.size }, (_, peer) => {
      const { meta, log } = disks.at(world.disk(peer))
      const disk = `${names.indexOf(meta?.acceptedEpoch ?? 0)} ${names.indexOf(meta?.currentEpoch ?? 0)} ${logOf(log)}`
      if (world.node(peer) === GONE) return `gone ${disk}`
      const { role, serving, applied } = this.#machines.local(world.node(peer))
      return `${role} ${serving} ${applied} ${disk}`
    })
    return `${peers.join('; ')}; ${logOf(lists.at(world.delivered))}`
  }

  #isLate(world: World): boolean {
    for (let peer = 0; peer < world.size; peer++) {
      const node = world.node(peer)
      if (node !== GONE && this.#machines.local(node).currentEpoch > this.#bounds.epochs) return true
    }
    return false
  }

  #may(world: World, what: Bounded): boolean {
    return world.spent(what) < this.#bounds[what]
  }

  #faults(world: World, actions: Action[]): void {
    const { size } = world
    for (let peer = 0; peer < size; peer++) {
      if (world.node(peer) === GONE) continue
      const { active } = this.#machines.local(world.node(peer))
      if (active && this.#may(world, 'txns')) actions.push(act('write', peer))
      if (this.#may(world, 'crashes')) actions.push(act('crash', peer))
      if (this.#may(world, 'timeouts')) actions.push(act('timeout', peer))
      if (!this.#may(world, 'losses')) continue
      for (let other = 0; other < size; other++) {
        if (world.isUp(peer, other)) actions.push(act('lose', peer, other))
      }
    }
  }

  #canConnect(world: World, peer: number, other: number): boolean {
    const { empty } = this.#machines.lists
    return world.node(other) !== GONE && !world.isUp(peer, other) && !world.isUp(other, peer) &&
      world.queue(peer, other) === empty && world.queue(other, peer) === empty
  }

  /** A leader is established, all serve, and all have the same log on disk and applied. */
  #isWell(world: World): boolean {
    const locals = Array.from({ length: world.size }, (_, peer) => this.#machines.local(world.node(peer)))
    const [first] = locals
    return locals.some(({ active }) => active) && locals.every(({ serving, log, applied }) =>
      serving && applied === log.length && log.length === first!.log.length)
  }

  /** The state after an action. Throws what is violated by it. */
  after(before: World, { kind, peer, other }: Action): World {
    const world = before.clone()
    this.#notices.length = 0
    switch (kind) {
      case 'deliver': this.#deliver(world, other, peer); break
      case 'persist': this.#persist(world, peer); break
      case 'restart': this.#take(world, peer, this.#machines.start(peer + 1, world.disk(peer)), true); break
      case 'connect':
        world.setUp(peer, other, true)
        world.setUp(other, peer, true)
        this.#step(world, peer, inputOf('up', other + 1))
        this.#step(world, other, inputOf('up', peer + 1))
        break
      case 'write':
        world.spend('txns')
        this.#step(world, peer, WRITE)
        break
      case 'decide': this.#step(world, peer, VOTE); break
      case 'crash': this.#crash(world, peer); break
      case 'lose':
        world.spend('losses')
        this.#lose(world, peer, other)
        this.#step(world, peer, inputOf('down', other + 1))
        break
      case 'timeout': case 'wait':
        if (kind === 'wait') world.wait(peer)
        else world.spend('timeouts')
        this.#step(world, peer, TICK)
        break
    }
    if (!this.#elections) {
      this.#elect(world)
      this.#calm(world)
    }
    if (!this.#isFull) this.#sweeper.sweep(world)
    this.#checks.forget(world)
    return world
  }

  /** The end at `peer` is gone; the other end learns it when it has read so far. What was on its way is lost. */
  #lose(world: World, peer: number, other: number): void {
    const { lists } = this.#machines
    world.setUp(peer, other, false)
    world.setQueue(other, peer, lists.empty)
    world.setQueue(peer, other, world.isUp(other, peer) ? lists.push(lists.empty, DOWN) : lists.empty)
  }

  #crash(world: World, peer: number): void {
    world.spend('crashes')
    world.setNode(peer, GONE)
    world.setWrites(peer, this.#machines.lists.empty)
    for (let other = 0; other < world.size; other++) if (other !== peer) this.#lose(world, peer, other)
    this.#checks.crashed(world, peer)
    this.#checks.durable(world)
  }

  #persist(world: World, peer: number): void {
    const { lists } = this.#machines
    const list = world.writes(peer)
    const disk = this.#machines.written(world.disk(peer), lists.at(list)[0]!)
    if (typeof disk === 'string') throw new Violation('D4', `peer ${peer + 1}: ${disk}`)
    world.setWrites(peer, lists.shift(list))
    world.setDisk(peer, disk)
    this.#step(world, peer, PERSISTED)
  }

  #deliver(world: World, from: number, to: number): void {
    const { lists } = this.#machines
    const list = world.queue(from, to)
    const message = lists.at(list)[0]!
    world.setQueue(from, to, lists.shift(list))
    if (message === DOWN) {
      world.setUp(to, from, false)
      world.setQueue(to, from, lists.empty)
      this.#step(world, to, inputOf('down', from + 1))
    } else this.#step(world, to, this.#machines.received(from + 1, message))
  }

  #step(world: World, peer: number, input: number): void {
    this.#take(world, peer, this.#machines.step(world.node(peer), input), false)
  }

  #take(world: World, peer: number, row: Row, starts: boolean): void {
    if (row.broken !== null) throw new Violation('A1', `peer ${peer + 1}: ${row.broken}`)
    const { lists } = this.#machines
    const before = starts ? null : this.#machines.local(world.node(peer))
    world.setNode(peer, row.to)
    for (const batch of row.writes) world.setWrites(peer, lists.push(world.writes(peer), batch))
    for (let at = 0; at < row.notices.length; at += 2) {
      this.#notices.push({ from: peer, to: row.notices[at]! - 1, message: row.notices[at + 1]! })
    }
    for (let at = 0; at < row.sends.length; at += 2) {
      const to = row.sends[at]! - 1
      if (world.isUp(to, peer)) world.setQueue(peer, to, lists.push(world.queue(peer, to), row.sends[at + 1]!))
    }
    for (const dropped of row.drops) {
      const to = dropped - 1
      world.setUp(peer, to, false)
      world.setQueue(to, peer, lists.empty)
      if (world.isUp(to, peer)) world.setQueue(peer, to, lists.push(world.queue(peer, to), DOWN))
    }
    if (this.trace !== null) for (const text of row.said) this.trace.push(`      peer ${peer + 1}: ${text}`)
    this.#checks.stepped(world, peer, before, row)
  }

  #elect(world: World): void {
    for (let steps = 0; ; steps++) {
      if (steps > ELECTION_STEPS_MAX) throw new Violation('L8', 'an election without end')
      const notice = this.#notices.shift()
      if (notice !== undefined) {
        const { from, to, message } = notice
        if (world.node(to) === GONE || !world.isUp(to, from)) continue
        this.#step(world, to, this.#machines.received(from + 1, message))
        continue
      }
      let voter = 0
      while (voter < world.size && !this.#isDeciding(world.node(voter))) voter++
      if (voter === world.size) return
      this.#step(world, voter, VOTE)
    }
  }

  /** The election is over: see repose.ts. */
  #calm(world: World): void {
    let first = Infinity
    for (let peer = 0; peer < world.size; peer++) {
      if (world.node(peer) === GONE) continue
      const { role, round } = this.#machines.local(world.node(peer))
      if (role === 'looking' && round < first) first = round
    }
    for (let peer = 0; peer < world.size; peer++) {
      const node = world.node(peer)
      if (node === GONE) continue
      const { role, isCalm } = this.#machines.local(node)
      const less = role === 'looking' && !this.#isFull ? first - 1 : 0
      if (!isCalm || less > 0) world.setNode(peer, this.#machines.step(node, inputOf('calm', less)).to)
    }
  }

  #isDeciding(node: number): boolean {
    if (node === GONE) return false
    const { role, decided, deadlineMs } = this.#machines.local(node)
    return role === 'looking' && deadlineMs <= (decided ? HOLD_OFF_MS : TIMING.finalizeMs)
  }

  /**
   * Peers with one founded history, all restarted and linked, and elected unless elections are searched: the state
   * everything begins with; or, when asked for, the one in which their epoch is established and all is quiet.
   */
  begin(size: number, established: boolean): World {
    const { lists: { empty } } = this.#machines
    this.#machines.founding = true
    const blank = World.empty(size, this.#machines.disk({ meta: null, log: [] }), empty)
    // All of them see each other before anything is established: there are no pings here, so nobody could come later.
    const world = this.#run(this.#linked(blank))
    this.#machines.founding = false
    const began = World.empty(size, 0, empty)
    for (let peer = 0; peer < size; peer++) began.setDisk(peer, world.disk(peer))
    began.delivered = world.delivered
    let next = this.#linked(began)
    if (established) next = this.#run(next)
    next.forgetWaits()
    return next
  }

  /** All start, and are linked with each other. */
  #linked(world: World): World {
    let next = world
    for (let peer = 0; peer < world.size; peer++) next = this.after(next, { kind: 'restart', peer, other: peer })
    for (let peer = 0; peer < world.size; peer++) {
      for (let other = 0; other < peer; other++) next = this.after(next, { kind: 'connect', peer, other })
    }
    return next
  }

  /** Lets everything happen that is no fault, in order. */
  #run(world: World): World {
    let next = world
    for (let steps = 0; steps < 1_000; steps++) {
      const action = this.actions(next).find(({ kind }) => !['write', 'crash', 'lose', 'timeout'].includes(kind))
      if (action === undefined) return next
      next = this.after(next, action)
    }
    throw new Violation('L1', 'without any fault the ensemble does not come to rest')
  }
}
