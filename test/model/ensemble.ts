/** What can happen in a state, and what comes of it. */
import { Violation } from '../../lib/testing/sim/violation.ts'
import { Checks } from './checks.ts'
import { TIMING } from './machines.ts'
import type { Machines, Row } from './machines.ts'
import { DOWN, GONE, World } from './world.ts'

/** How often what is bounded may happen. */
export interface Bounds {
  readonly txns: number
  readonly crashes: number
  readonly losses: number
  /** Timeouts that fire although something else could happen. */
  readonly timeouts: number
}

/** One thing that may happen; `other` is the peer at the other end, where there is one. */
export interface Action {
  readonly kind: 'deliver' | 'persist' | 'restart' | 'connect' | 'write' | 'crash' | 'lose' | 'timeout' | 'wait'
  readonly peer: number
  readonly other: number
}

interface Notice { readonly from: number, readonly to: number, readonly message: number }

/**
 * Nothing is looked at beyond this epoch: an unlucky order of elections may let two candidates outdo each other for
 * ever, each marking its epoch just before it meets the other's.
 */
const EPOCHS_MAX = 8
/** An election that takes more steps does not end. */
const ELECTION_STEPS_MAX = 2_000
/** So many timeouts in a row without anything else to do: nothing will come of it any more. */
const WAITS_MAX = 10
const HOLD_OFF_MS = 4 * TIMING.resendMs

/**
 * Every step is a step of the real core. Elections are over at once: notifications overtake everything else, and a
 * voter that has a quorum does not wait for a better vote. What an election may come to is only a hint to the phases
 * that are searched here.
 */
export class Ensemble {
  readonly #machines: Machines
  readonly #checks: Checks
  readonly #bounds: Bounds
  #notices: Notice[] = []
  /** What the peers said, for a trace; null while nobody listens. */
  trace: string[] | null = null

  constructor(machines: Machines, bounds: Bounds) {
    this.#machines = machines
    this.#checks = new Checks(machines)
    this.#bounds = bounds
  }

  /** All that may happen. */
  actions(world: World): Action[] {
    const actions: Action[] = []
    const { size, spent } = world
    if (world.primaries.some(({ epoch }) => epoch > EPOCHS_MAX)) return []
    for (let peer = 0; peer < size; peer++) {
      if (world.node[peer] === GONE) {
        actions.push({ kind: 'restart', peer, other: peer })
        continue
      }
      if (world.writes[peer]!.length > 0) actions.push({ kind: 'persist', peer, other: peer })
      for (let other = 0; other < size; other++) {
        if (world.queues[other * size + peer]!.length > 0) actions.push({ kind: 'deliver', peer, other })
        if (other < peer && this.#canConnect(world, peer, other)) actions.push({ kind: 'connect', peer, other })
      }
    }
    if (actions.length === 0 && !this.#isWell(world)) {
      if (spent.waits >= WAITS_MAX) throw new Violation('L1', 'the ensemble does not come to life')
      for (let peer = 0; peer < size; peer++) actions.push({ kind: 'wait', peer, other: peer })
    }
    this.#faults(world, actions)
    return actions
  }

  #faults(world: World, actions: Action[]): void {
    const { size, spent } = world
    for (let peer = 0; peer < size; peer++) {
      if (world.node[peer] === GONE) continue
      const { active } = this.#machines.local(world.node[peer]!)
      if (active && spent.txns < this.#bounds.txns) actions.push({ kind: 'write', peer, other: peer })
      if (spent.crashes < this.#bounds.crashes) actions.push({ kind: 'crash', peer, other: peer })
      if (spent.timeouts < this.#bounds.timeouts) actions.push({ kind: 'timeout', peer, other: peer })
      if (spent.losses >= this.#bounds.losses) continue
      for (let other = 0; other < size; other++) {
        if (world.up[peer * size + other] === true) actions.push({ kind: 'lose', peer, other })
      }
    }
  }

  #canConnect({ node, up, queues, size }: World, peer: number, other: number): boolean {
    const [there, back] = [peer * size + other, other * size + peer]
    return node[other] !== GONE && up[there] === false && up[back] === false && queues[there]!.length === 0 &&
      queues[back]!.length === 0
  }

  /** A leader is established, all serve, and all have the same log on disk and applied. */
  #isWell(world: World): boolean {
    const locals = world.node.map((node) => this.#machines.local(node))
    const [first] = locals
    return locals.some(({ active }) => active) && locals.every(({ serving, log, applied }) =>
      serving && applied === log.length && log.length === first!.log.length)
  }

  /** The state after an action. Throws what is violated by it. */
  after(before: World, { kind, peer, other }: Action): World {
    const world = before.clone()
    const { size, spent } = world
    this.#notices = []
    switch (kind) {
      case 'deliver': this.#deliver(world, other, peer); break
      case 'persist': this.#persist(world, peer); break
      case 'restart':
        world.incarnation[peer]!++
        this.#take(world, peer, this.#machines.start(peer + 1, world.disk[peer]!), true)
        break
      case 'connect':
        world.up[peer * size + other] = true
        world.up[other * size + peer] = true
        this.#step(world, peer, `up ${other + 1}`)
        this.#step(world, other, `up ${peer + 1}`)
        break
      case 'write': this.#step(world, peer, `write ${++spent.txns}`); break
      case 'crash': this.#crash(world, peer); break
      case 'lose':
        spent.losses++
        this.#lose(world, peer, other)
        this.#step(world, peer, `down ${other + 1}`)
        break
      case 'timeout': case 'wait':
        if (kind === 'wait') spent.waits++
        else spent.timeouts++
        this.#step(world, peer, 'tick')
        break
    }
    this.#elect(world)
    return world
  }

  /** The end at `peer` is gone; the other end learns it when it has read so far. What was on its way is lost. */
  #lose(world: World, peer: number, other: number): void {
    const { size } = world
    world.up[peer * size + other] = false
    world.queues[other * size + peer] = []
    world.queues[peer * size + other] = world.up[other * size + peer] === true ? [DOWN] : []
  }

  #crash(world: World, peer: number): void {
    world.spent.crashes++
    world.node[peer] = GONE
    world.writes[peer] = []
    for (let other = 0; other < world.size; other++) if (other !== peer) this.#lose(world, peer, other)
    this.#checks.durable(world)
  }

  #persist(world: World, peer: number): void {
    const [batch, ...rest] = world.writes[peer]!
    const disk = this.#machines.written(world.disk[peer]!, batch!)
    if (typeof disk === 'string') throw new Violation('D4', `peer ${peer + 1}: ${disk}`)
    world.writes[peer] = rest
    world.disk[peer] = disk
    this.#step(world, peer, 'persisted')
  }

  #deliver(world: World, from: number, to: number): void {
    const { size } = world
    const way = from * size + to
    const [message, ...rest] = world.queues[way]!
    world.queues[way] = rest
    if (message === DOWN) {
      world.up[to * size + from] = false
      world.queues[to * size + from] = []
      this.#step(world, to, `down ${from + 1}`)
    } else this.#step(world, to, this.#machines.received(from + 1, message!))
  }

  #step(world: World, peer: number, input: string): void {
    this.#take(world, peer, this.#machines.step(world.node[peer]!, input), false)
  }

  #take(world: World, peer: number, row: Row, starts: boolean): void {
    if (row.broken !== null) throw new Violation('A1', `peer ${peer + 1}: ${row.broken}`)
    const before = starts ? null : this.#machines.local(world.node[peer]!)
    world.node[peer] = row.to
    if (row.writes.length > 0) world.writes[peer] = [...world.writes[peer]!, ...row.writes]
    const { size } = world
    for (let at = 0; at < row.sends.length; at += 2) {
      const to = row.sends[at]! - 1
      const message = row.sends[at + 1]!
      if (this.#machines.messages.at(message).kind === 'notify') this.#notices.push({ from: peer, to, message })
      else if (world.up[to * size + peer] === true) {
        world.queues[peer * size + to] = [...world.queues[peer * size + to]!, message]
      }
    }
    for (const dropped of row.drops) {
      const way = peer * size + dropped - 1
      world.up[way] = false
      world.queues[(dropped - 1) * size + peer] = []
      if (world.up[(dropped - 1) * size + peer] === true) world.queues[way] = [...world.queues[way]!, DOWN]
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
        if (world.node[to] === GONE || world.up[to * world.size + from] !== true) continue
        this.#step(world, to, this.#machines.received(from + 1, message))
        continue
      }
      const voter = world.node.findIndex((node) => node !== GONE && this.#isDeciding(node))
      if (voter < 0) return
      this.#step(world, voter, 'tick')
    }
  }

  #isDeciding(node: number): boolean {
    const { role, decided, deadlineMs } = this.#machines.local(node)
    return role === 'looking' && deadlineMs <= (decided ? HOLD_OFF_MS : TIMING.finalizeMs)
  }

  /**
   * Peers with one founded history, all restarted and elected: the state everything begins with; or, when asked for,
   * the one in which their epoch is established and all is quiet.
   */
  begin(size: number, established: boolean): World {
    this.#machines.founding = true
    let world = new World(size)
    const empty = this.#machines.disk({ meta: null, log: [] })
    world.disk = world.disk.map(() => empty)
    for (let peer = 0; peer < size; peer++) {
      world = this.after(world, { kind: 'restart', peer, other: peer })
    }
    world = this.#run(world)
    this.#machines.founding = false
    const began = new World(size)
    began.disk = world.disk
    began.delivered = world.delivered
    let next = began
    for (let peer = 0; peer < size; peer++) next = this.after(next, { kind: 'restart', peer, other: peer })
    for (let peer = 0; peer < size; peer++) {
      for (let other = 0; other < peer; other++) next = this.after(next, { kind: 'connect', peer, other })
    }
    if (established) next = this.#run(next)
    next.spent = began.spent
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
