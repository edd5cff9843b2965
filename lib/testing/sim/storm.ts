import { makeRandom } from '../../core/random.ts'
import type { Random } from '../../core/random.ts'
import { noFaults } from './faults.ts'
import type { Fault, FaultCounts, FaultKind } from './faults.ts'
import { drawPartition } from './partitions.ts'
import type { Plan } from './plan.ts'
import type { SimWorld } from './world.ts'

type Act = (dice: Random) => void

/** Makes the faults of a list happen, until it is told to stop. */
export class Storm {
  readonly #world: SimWorld
  readonly #plan: Plan
  readonly counts: FaultCounts = noFaults()
  #over = false
  /** Nobody hears anybody any more; what heals a partition does not heal that. */
  #isSilent = false
  /** Voters whose disks were wiped or rotted and that are not rebuilt yet. */
  readonly #damaged = new Set<number>()
  readonly #acts: Readonly<Record<FaultKind, Act>> = {
    crash: (dice) => this.#crash(dice),
    partition: (dice) => this.#partition(dice),
    clog: (dice) => this.#clog(dice),
    break: (dice) => this.#world.network.breakAny(dice),
    halfOpen: (dice) => this.#world.network.halfOpenAny(dice, dice.unit() * 3 * this.#syncMs),
    pause: (dice) => this.#world.pause(this.#anyPeer(dice), Math.floor(10 * (this.#syncMs / 2) ** dice.unit())),
    slow: (dice) => this.#slow(dice),
    fail: (dice) => this.#fail(dice),
    full: (dice) => this.#full(dice),
    stop: (dice) => this.#stop(dice),
    rolling: (dice) => this.#rolling(dice),
    wall: (dice) => this.#world.jumpWall(this.#anyPeer(dice), (dice.below(3) - 1) * 86_400_000),
    jump: (dice) => this.#world.jumpClock(this.#anyPeer(dice), dice.below(100) * this.#plan.world.timing.tickMs),
    wipe: (dice) => this.#damage(dice, (id) => this.#world.wipe(id)),
    rot: (dice) => this.#rot(dice),
    spoil: (dice) => { this.#world.spoil = dice.below(2) === 0 ? 'lost' : 'twice' },
  }

  constructor(world: SimWorld, plan: Plan, faults: readonly Fault[]) {
    this.#world = world
    this.#plan = plan
    const { events } = world
    for (const { atMs, kind, dice } of faults) {
      events.at(atMs, () => {
        if (this.#over) return
        this.counts[kind]++
        this.#acts[kind](makeRandom(dice))
      })
    }
    if (plan.finalSilenceMs > 0) events.at(plan.stormMs, () => this.#silence())
  }

  #anyPeer(dice: Random): number {
    const { peers } = this.#world
    return peers[dice.below(peers.length)]!
  }

  get #syncMs(): number {
    return this.#plan.world.timing.syncMs
  }

  #later(delayMs: number, act: () => void): void {
    this.#world.events.after(delayMs, () => { if (!this.#over) act() })
  }

  #restartLater(dice: Random, id: number): void {
    const soon = dice.below(3) === 0
    this.#later(soon ? dice.below(50) : dice.unit() * 3 * this.#syncMs, () => this.#world.start(id))
  }

  // --- processes ---------------------------------------------------------------------------------------------------

  #crash(dice: Random): void {
    const { peers } = this.#world
    const roll = dice.below(10)
    const one = [this.#anyPeer(dice)]
    const victims = roll === 0 ? [...peers] : roll === 1 ? peers.filter(() => dice.below(2) === 0) : one
    for (const id of victims) {
      this.#world.crash(id)
      this.#restartLater(dice, id)
    }
  }

  #stop(dice: Random): void {
    const id = this.#anyPeer(dice)
    this.#world.stop(id)
    this.#restartLater(dice, id)
  }

  /** One peer after the other, as an upgrade does it; sometimes too fast for that. */
  #rolling(dice: Random): void {
    const stepMs = (0.2 + dice.unit()) * this.#syncMs
    for (const [at, id] of this.#world.peers.entries()) {
      this.#later(at * stepMs, () => {
        this.#world.stop(id)
        this.#later(dice.below(200), () => this.#world.start(id))
      })
    }
  }

  // --- disks -------------------------------------------------------------------------------------------------------

  /** One disk, or those of a quorum; stalls of 0.1 s up to three times the limit. */
  #slow(dice: Random): void {
    const { leader, peers } = this.#world
    const roll = dice.below(6)
    const one = roll === 0 ? leader?.config.peerId ?? this.#anyPeer(dice) : this.#anyPeer(dice)
    const ids = roll === 1 ? peers.filter(() => dice.below(3) > 0) : [one]
    const factor = 2 + dice.below(dice.below(3) === 0 ? 500 : 20)
    const lastsMs = 100 * (this.#syncMs * 3 / 100) ** dice.unit()
    for (const id of ids) {
      this.#world.slow(id, factor)
      this.#world.events.after(lastsMs, () => this.#world.slow(id, 1))
    }
  }

  #fail(dice: Random): void {
    const id = this.#anyPeer(dice)
    this.#world.failWrite(id)
    this.#restartLater(dice, id)
    this.#later(10_000, () => this.#world.start(id))
  }

  /** The peer is started again and again, and dies of its first write until there is room. */
  #full(dice: Random): void {
    const id = this.#anyPeer(dice)
    const endMs = this.#world.events.nowMs + dice.unit() * 3 * this.#syncMs
    this.#world.fill(id, true)
    const again = (): void => {
      if (this.#world.events.nowMs >= endMs) this.#world.fill(id, false)
      this.#world.start(id)
      if (this.#world.events.nowMs < endMs) this.#later(this.#syncMs / 4, again)
    }
    this.#later(this.#syncMs / 4, again)
  }

  /** What may be lost at a time: as many voters as a quorum can do without, each with a history worth losing. */
  #damage(dice: Random, act: (id: number) => void): void {
    this.#forgetRebuilt()
    const { plan: { voters }, peers } = this.#world
    const id = 1 + dice.below(voters)
    // Voters that were never up may be the others: with a majority of the histories gone nobody could lead ever again.
    const isWhole = (peer: number): boolean =>
      peer <= voters && peer !== id && !this.#damaged.has(peer) && this.#world.hasHistory(peer)
    const isTooMany = this.#damaged.has(id) || this.#damaged.size >= this.#mayLose
    if (this.#world.ghost.commits === 0 || isTooMany || peers.filter(isWhole).length * 2 <= voters) return
    this.#damaged.add(id)
    act(id)
    this.#restartLater(dice, id)
  }

  #rot(dice: Random): void {
    const { peers, plan: { voters } } = this.#world
    const observer = peers[voters + dice.below(4)]
    if (observer === undefined) this.#damage(dice, (id) => this.#world.rot(id, dice))
    else {
      this.#world.rot(observer, dice)
      this.#restartLater(dice, observer)
    }
  }

  get #mayLose(): number {
    return Math.floor((this.#plan.world.voters - 1) / 2)
  }

  #forgetRebuilt(): void {
    for (const id of Array.from(this.#damaged)) if (this.#world.rebuilt(id)) this.#damaged.delete(id)
  }

  /** How many voters may stay away for ever now. */
  get spare(): number {
    this.#forgetRebuilt()
    const { members } = this.#world
    // An empty voter may need every other one.
    const areKnown = members.every(({ id, role }) => role === 'observer' || this.#world.hasHistory(id))
    return areKnown ? this.#mayLose - this.#damaged.size : 0
  }

  // --- the network -------------------------------------------------------------------------------------------------

  #partition(dice: Random): void {
    if (this.#isSilent) return
    const { network, peers, leader } = this.#world
    network.heal()
    const ways = drawPartition(dice, peers, leader?.config.peerId)
    const block = (): void => {
      if (this.#isSilent) return
      this.#world.note('partition')
      for (const [from, to] of ways) network.block(from, to)
    }
    const heal = (): void => {
      if (this.#isSilent) return
      this.#world.note('heal')
      network.heal()
    }
    block()
    const lastsMs = dice.unit() * 3 * this.#syncMs
    if (dice.below(8) > 0) {
      this.#later(lastsMs / 2, () => network.breakBlocked(dice))
      this.#later(lastsMs, heal)
      return
    }
    // It comes and goes.
    const periodMs = 0.3 * this.#syncMs * 10 ** dice.unit()
    for (let at = 1; at < 6; at++) this.#later(at * periodMs / 2, at % 2 === 1 ? heal : block)
    this.#later(6 * periodMs / 2, heal)
  }

  /** Links stand still one after another, and go on in another order. */
  #clog(dice: Random): void {
    const { network, peers } = this.#world
    const pairs = peers.flatMap((a) => peers.filter((b) => a < b).map((b) => [a, b] as const))
    const few = dice.below(3) === 0 ? 2 : Math.max(pairs.length, 1)
    for (const [a, b] of pairs) {
      if (dice.below(few) > 1) continue
      const fromMs = dice.unit() * 2_000
      this.#later(fromMs, () => network.clog(a, b))
      this.#world.events.after(fromMs + dice.unit() * 10_000, () => network.unclog(a, b))
    }
  }

  /** Nobody hears anybody until the end of the storm. */
  #silence(): void {
    const { network, peers } = this.#world
    this.#isSilent = true
    this.#world.note('silence')
    for (const a of peers) for (const b of peers) if (a !== b) network.block(a, b)
  }

  /** Ends the storm: everything is healed and every server comes back, or stays away for ever if it is in `gone`. */
  end(gone: ReadonlySet<number>): void {
    this.#over = true
    const { network, peers } = this.#world
    this.#world.spoil = null
    network.calm()
    for (const id of peers) {
      this.#world.slow(id, 1)
      this.#world.resume(id)
      this.#world.failWrite(id, false)
      this.#world.fill(id, false)
      if (gone.has(id)) this.#world.crash(id)
      else this.#world.start(id)
    }
  }
}
