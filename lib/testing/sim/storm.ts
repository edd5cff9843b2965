import { makeRandom } from '../../core/random.ts'
import type { Random } from '../../core/random.ts'
import type { Replica } from '../../core/replica.ts'
import { logUniform } from '../draws.ts'
import { strikeClients } from './client-faults.ts'
import { noFaults } from './faults.ts'
import type { Fault, FaultCounts, FaultKind } from './faults.ts'
import { banish } from './outsider.ts'
import { drawPartition } from './partitions.ts'
import type { Plan } from './plan.ts'
import type { SimWorld } from './world.ts'

type Act = (dice: Random) => void

function isCandidate({ leader }: Replica): boolean {
  return leader !== null && !leader.active
}

function isSyncing({ learner }: Replica): boolean {
  return learner?.stage === 'syncing'
}

/** Makes the faults of a list happen, until it is told to stop. */
export class Storm {
  readonly #world: SimWorld
  readonly #plan: Plan
  readonly counts: FaultCounts = noFaults()
  #over = false
  /** Of the fault that is happening: see Fault. */
  #share = 1
  /** Nobody hears anybody any more; what heals a partition does not heal that. */
  #isSilent = false
  /** Voters whose disks were wiped or rotted and that are not rebuilt yet. */
  readonly #damaged = new Set<number>()
  /** Those of them whose disks are whole still, for a moment. */
  readonly #doomed = new Set<number>()
  readonly #acts: Readonly<Record<FaultKind, Act>> = {
    crash: (dice) => this.#crash(dice),
    partition: (dice) => this.#partition(dice),
    clog: (dice) => this.#clog(dice),
    break: (dice) => this.#world.network.breakAny(dice),
    halfOpen: (dice) => this.#world.network.halfOpenAny(dice, dice.unit() * 3 * this.#syncMs * this.#share),
    pause: (dice) => {
      const id = this.#leaderOrAny(dice)
      this.#world.pause(id, Math.floor(logUniform(dice, 10, 10 * this.#syncMs) * this.#share))
    },
    slow: (dice) => this.#slow(dice),
    fail: (dice) => this.#fail(dice),
    full: (dice) => this.#lackRoom('fill', this.#anyPeer(dice), dice.unit() * 3 * this.#syncMs),
    stop: (dice) => this.#stop(dice),
    rolling: (dice) => this.#rolling(dice),
    wall: (dice) => this.#world.jumpWall(this.#anyPeer(dice), (dice.below(3) - 1) * 86_400_000),
    jump: (dice) => this.#world.jumpClock(this.#anyPeer(dice), dice.below(100) * this.#plan.world.timing.tickMs),
    wipe: (dice) => this.#damage(dice, (id) => this.#world.wipe(id)),
    rot: (dice) => this.#rot(dice),
    promise: (dice) => this.#promise(dice),
    misdirect: (dice) => this.#misdirect(dice),
    clients: (dice) => strikeClients(this.#world, dice, this.#share),
    cramped: (dice) => this.#cramped(dice),
    hang: (dice) => this.#hang(dice),
    spoil: () => { this.#world.spoil = this.#plan.world.spoils },
  }

  constructor(world: SimWorld, plan: Plan, faults: readonly Fault[]) {
    this.#world = world
    this.#plan = plan
    const { events } = world
    for (const { atMs, kind, dice, share = 1 } of faults) {
      events.at(atMs, () => {
        if (this.#over) return
        this.counts[kind]++
        this.#within(share, () => this.#acts[kind](makeRandom(dice)))
      })
    }
    if (plan.finalSilenceMs > 0) events.at(plan.stormMs, () => this.#silence())
  }

  #anyPeer(dice: Random): number {
    const { peers } = this.#world
    return peers[dice.below(peers.length)]!
  }

  #leaderOrAny(dice: Random): number {
    const leader = dice.below(3) === 0 ? this.#world.leader : null
    return leader?.config.peerId ?? this.#anyPeer(dice)
  }

  get #syncMs(): number {
    return this.#plan.world.timing.syncMs
  }

  #later(delayMs: number, act: () => void): void {
    const share = this.#share
    this.#world.events.after(delayMs * share, () => { if (!this.#over) this.#within(share, act) })
  }

  /** Everything that follows from it belongs to the same fault. */
  #within(share: number, act: () => void): void {
    this.#share = share
    act()
    this.#share = 1
  }

  #restartLater(dice: Random, id: number): void {
    const soon = dice.below(3) === 0
    this.#later(soon ? dice.below(50) : dice.unit() * 5 * this.#syncMs, () => this.#world.start(id))
  }

  // --- processes ---------------------------------------------------------------------------------------------------

  #crash(dice: Random): void {
    const { peers } = this.#world
    const roll = dice.below(12)
    if (roll > 9) {
      const endMs = this.#world.events.nowMs + 2 * this.#syncMs * this.#share
      this.#hunt(dice, roll === 10 ? isCandidate : isSyncing, 1 + dice.below(4), endMs)
      return
    }
    const one = [this.#anyPeer(dice)]
    const victims = roll === 0 ? [...peers] : roll === 1 ? peers.filter(() => dice.below(2) === 0) : one
    for (const id of victims) {
      this.#world.crash(id)
      if (dice.below(4) === 0) this.#crashAgain(dice, id, 1 + dice.below(6))
      else this.#restartLater(dice, id)
    }
  }

  /** Whoever comes to a moment of danger dies in it, for a while; sometimes another one dies with it. */
  #hunt(dice: Random, isPrey: (replica: Replica) => boolean, left: number, endMs: number): void {
    const { events, servers } = this.#world
    if (left === 0 || events.nowMs >= endMs) return
    this.#later(5 + dice.below(20), () => {
      const prey = Array.from(servers.values()).find(({ replica }) => replica !== null && isPrey(replica))
      if (prey !== undefined) {
        const victims = dice.below(2) === 0 ? [prey.id] : [prey.id, this.#anyPeer(dice)]
        for (const id of victims) {
          this.#later(dice.below(30), () => {
            this.#world.crash(id)
            this.#restartLater(dice, id)
          })
        }
      }
      this.#hunt(dice, isPrey, prey === undefined ? left : left - 1, endMs)
    })
  }

  /** Starts only to die soon: while it recovers, while it joins, or a little later. */
  #crashAgain(dice: Random, id: number, times: number): void {
    this.#later(dice.below(300), () => {
      this.#world.start(id)
      if (times === 0) return
      const diesMs = logUniform(dice, 1, this.#syncMs)
      if (dice.below(2) === 0) this.#world.crashInWrite(id, dice.below(8))
      this.#later(diesMs, () => {
        this.#world.crash(id)
        this.#crashAgain(dice, id, times - 1)
      })
    })
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

  /** As after that many candidacies that failed: of one, or of tens of thousands. */
  #promise(dice: Random): void {
    const [first, other] = [this.#anyPeer(dice), this.#anyPeer(dice)]
    const ids = dice.below(2) === 0 ? [first] : [first, other]
    this.#world.promise(ids, Math.floor(logUniform(dice, 1, 30_000)))
    // One that is lost right then is the trap of damaged disks: who promised does not know it any more.
    if (dice.below(3) === 0) this.#damage(dice, (id) => this.#world.wipe(id), other)
    for (const id of ids) this.#restartLater(dice, id)
  }

  // --- disks -------------------------------------------------------------------------------------------------------

  /** One disk, or those of a quorum; stalls of 0.1 s up to three times the limit. */
  #slow(dice: Random): void {
    const { peers } = this.#world
    const ids = dice.below(6) === 0 ? peers.filter(() => dice.below(3) > 0) : [this.#leaderOrAny(dice)]
    const factor = 2 + Math.floor(dice.below(dice.below(3) === 0 ? 500 : 20) * this.#share)
    const lastsMs = logUniform(dice, 100, this.#syncMs * 3) * this.#share
    for (const id of ids) {
      this.#world.slow(id, factor)
      this.#world.events.after(lastsMs, () => this.#world.slow(id, 1))
    }
  }

  /** One disk at a time, the leader's most often: no write of it ends for longer than anybody waits for one. */
  #hang(dice: Random): void {
    const { leader, servers } = this.#world
    if (Array.from(servers.values()).some(({ hung }) => hung)) return
    const drawn = this.#anyPeer(dice)
    const id = dice.below(3) > 0 ? leader?.config.peerId ?? drawn : drawn
    this.#world.note(`the disk of ${id} stands still`)
    this.#world.hang(id, true)
    this.#later((3 + 7 * dice.unit()) * this.#syncMs, () => this.#world.hang(id, false))
  }

  #fail(dice: Random): void {
    const id = this.#anyPeer(dice)
    this.#world.failWrite(id)
    this.#restartLater(dice, id)
    this.#later(10_000, () => this.#world.start(id))
  }

  /** No snapshot has room. Half of the peers begin from an old one then; the others live, and take the next one. */
  #cramped(dice: Random): void {
    const id = this.#leaderOrAny(dice)
    const lastsMs = (1 + 4 * dice.unit()) * this.#syncMs
    if (dice.below(2) === 0) this.#later(lastsMs, () => this.#world.crash(id))
    this.#lackRoom('cramp', id, lastsMs)
  }

  /** The peer is started again and again, and dies of the first write that finds none until there is room. */
  #lackRoom(way: 'fill' | 'cramp', id: number, lastsMs: number): void {
    const endMs = this.#world.events.nowMs + lastsMs * this.#share
    this.#world[way](id, true)
    const again = (): void => {
      if (this.#world.events.nowMs >= endMs) this.#world[way](id, false)
      this.#world.start(id)
      if (this.#world.events.nowMs < endMs) this.#later(this.#syncMs / 4, again)
    }
    this.#later(this.#syncMs / 4, again)
  }

  /**
   * Whose disk may be lost now, null for nobody's: at a time as many voters as a quorum can do without, each with a
   * history worth losing. It counts as damaged from here on.
   */
  #victim(dice: Random, chosen?: number): number | null {
    this.#forgetRebuilt()
    const { plan: { voters }, peers, ghost } = this.#world
    const id = chosen ?? 1 + dice.below(voters)
    // Voters that were never up may be the others: with a majority of the histories gone nobody could lead ever again.
    // While an ensemble is being founded, whoever has promised something can, unless it came when others had marked an
    // epoch: then it is empty in what is an ensemble already.
    const isReckless = this.#plan.founding?.isReckless === true
    const hasPromised = (peer: number): boolean => {
      const { acceptedEpoch, health } = this.#world.epochs(peer)
      return acceptedEpoch > 0 && health === 'ok'
    }
    const isKnown = (peer: number): boolean =>
      ghost.commits > 0 ? this.#hasHistory(peer) : isReckless || hasPromised(peer)
    const isWhole = (peer: number): boolean =>
      peer <= voters && peer !== id && !this.#damaged.has(peer) && isKnown(peer)
    const isTooMany = this.#damaged.has(id) || this.#damaged.size >= this.#mayLose
    if (id > voters || voters < 3 || isTooMany) return null
    if (peers.filter(isWhole).length * 2 <= voters) return null
    if (ghost.commits === 0) this.#world.reached.hit('disk: damaged before the first txn')
    this.#damaged.add(id)
    return id
  }

  #damage(dice: Random, act: (id: number) => void, chosen?: number): void {
    if (this.#plan.founding !== null && this.#world.ghost.commits === 0 && dice.below(2) === 0) {
      this.#trapFounders(dice, act, this.#world.events.nowMs + this.#syncMs)
      return
    }
    const id = this.#victim(dice, chosen)
    if (id === null) return
    if (chosen === undefined && dice.below(3) > 0) {
      this.#powerLoss(dice, id, act)
      return
    }
    act(id)
    this.#restartLater(dice, id)
  }

  /**
   * Somebody has marked the first epoch of all and leads nobody yet when one that is about to follow it loses its disk.
   * That one alone hears of it once more, and then nobody does for a while.
   */
  #trapFounders(dice: Random, act: (id: number) => void, endMs: number): void {
    const { events, network, peers, servers } = this.#world
    if (events.nowMs >= endMs || this.#world.ghost.commits > 0) return
    const marked = peers.find((peer) => servers.get(peer)!.replica?.leader?.phase === 'synchronization')
    if (marked === undefined) {
      this.#later(1 + dice.below(4), () => { this.#trapFounders(dice, act, endMs) })
      return
    }
    const learners = Array.from(servers.get(marked)!.replica!.leader!.learners.keys())
    const id = learners.length === 0 ? null : this.#victim(dice, learners[dice.below(learners.length)])
    if (id === null) return
    const block = (other: number): void => {
      network.block(marked, other)
      network.block(other, marked)
    }
    this.#world.note(`${id} alone hears ${marked}`)
    for (const other of peers) if (other !== marked && other !== id) block(other)
    act(id)
    this.#later(dice.below(20), () => { this.#world.start(id) })
    this.#later(dice.below(200), () => { block(id) })
    this.#later((0.5 + 3 * dice.unit()) * this.#syncMs, () => { if (!this.#isSilent) network.heal() })
  }

  /** A write lands elsewhere. Nobody knows until the process ends: alone, or with all others. */
  #misdirect(dice: Random): void {
    const observer = this.#world.peers[this.#plan.world.voters + dice.below(4)]
    const id = observer ?? this.#victim(dice)
    if (id === null) return
    this.#world.misdirect(id, dice.next())
    if (observer === undefined && dice.below(3) === 0) {
      this.#powerLoss(dice, id, () => undefined)
      return
    }
    this.#later(dice.unit() * 5 * this.#syncMs, () => {
      this.#world.crash(id)
      this.#restartLater(dice, id)
    })
  }

  /**
   * The worst moment for a loss: some voters have heard nothing for a while when all lose their power; they and the
   * damaged one are back first.
   */
  #powerLoss(dice: Random, id: number, act: (id: number) => void): void {
    const { network, peers, plan: { voters } } = this.#world
    const others = peers.filter((peer) => peer <= voters && peer !== id)
    const late = others.splice(dice.below(others.length - this.#mayLose + 1), this.#mayLose)
    for (const a of late) for (const b of peers) if (a !== b) {
      network.block(a, b)
      network.block(b, a)
    }
    this.#doomed.add(id)
    this.#later((0.2 + dice.unit()) * this.#syncMs, () => {
      this.#doomed.delete(id)
      this.#world.note('power loss')
      for (const peer of peers) this.#world.crash(peer)
      act(id)
      if (!this.#isSilent) network.heal()
      for (const peer of peers) {
        const isFirst = peer === id || late.includes(peer)
        const delayMs = isFirst ? dice.below(50) : (0.2 + dice.unit()) * this.#syncMs
        this.#later(delayMs, () => this.#world.start(peer))
      }
    })
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

  #hasHistory(id: number): boolean {
    return this.#world.epochs(id).currentEpoch > 0
  }

  get #mayLose(): number {
    return Math.floor((this.#plan.world.voters - 1) / 2)
  }

  #forgetRebuilt(): void {
    for (const id of Array.from(this.#damaged)) {
      if (!this.#doomed.has(id) && this.#world.rebuilt(id)) this.#damaged.delete(id)
    }
  }

  /** How many voters may stay away for ever now. */
  get spare(): number {
    this.#forgetRebuilt()
    const { members } = this.#world
    // An empty voter may need every other one.
    const areKnown = members.every(({ id, role }) => role === 'observer' || this.#hasHistory(id))
    return areKnown ? this.#mayLose - this.#damaged.size : 0
  }

  // --- the network -------------------------------------------------------------------------------------------------

  #partition(dice: Random): void {
    if (this.#isSilent) return
    const { network, peers, leader } = this.#world
    network.heal()
    if (leader !== null && dice.below(5) === 0) {
      this.#depose(dice, leader.config.peerId)
      return
    }
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
    const periodMs = logUniform(dice, 0.3 * this.#syncMs, 3 * this.#syncMs)
    for (let at = 1; at < 6; at++) this.#later(at * periodMs / 2, at % 2 === 1 ? heal : block)
    this.#later(6 * periodMs / 2, heal)
  }

  /** The leader is cut off and stands still until another one leads: it wakes up and does not know. */
  #depose(dice: Random, id: number): void {
    const { network, peers } = this.#world
    this.#world.note(`${id} is cut off and sleeps`)
    for (const other of peers) if (other !== id) {
      network.block(id, other)
      network.block(other, id)
    }
    this.#world.pause(id, (1.3 + 1.5 * dice.unit()) * this.#syncMs * this.#share)
    this.#later(3 * this.#syncMs, () => { if (!this.#isSilent) network.heal() })
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
      this.#world.events.after((fromMs + dice.unit() * 10_000) * this.#share, () => network.unclog(a, b))
    }
  }

  /** Nobody hears anybody until the end of the storm. */
  #silence(): void {
    const { network, peers } = this.#world
    this.#isSilent = true
    this.#world.note('silence')
    for (const a of peers) for (const b of peers) if (a !== b) network.block(a, b)
  }

  /**
   * Ends the storm: everything is healed and every server comes back. Those in `gone` stay as bad as they can be for
   * ever: see outsider.ts.
   */
  end(gone: ReadonlySet<number>, dice: Random): void {
    this.#over = true
    this.#doomed.clear()
    const { network, peers } = this.#world
    this.#world.spoil = null
    network.calm(gone)
    this.#world.clientWays.calm()
    for (const id of peers) {
      this.#world.hang(id, false)
      this.#world.resume(id)
      this.#world.failWrite(id, false)
      this.#world.misdirect(id, null)
      this.#world.crashInWrite(id, Infinity)
      this.#world.fill(id, false)
      this.#world.cramp(id, false)
      if (gone.has(id)) banish(this.#world, this.#plan, id, dice)
      else {
        this.#world.steady(id)
        // It would die of its disk though there is room now, and nobody would start it any more.
        if (this.#hasRefused(id)) this.#world.crash(id)
        this.#world.start(id)
      }
    }
  }

  /** Part of a snapshot of the leader's found no room, and the rest is on its way. */
  #hasRefused(id: number): boolean {
    const { disk, replica } = this.#world.servers.get(id)!
    return disk.hasGivenUp && replica !== null && replica.learner !== null && replica.learner.stage !== 'upToDate'
  }
}
