import type { Plan } from './plan.ts'
import type { SimWorld } from './world.ts'

/** How often each kind of fault happened. */
export interface FaultCounts {
  crash: number
  partition: number
  pause: number
  slow: number
  break: number
  stop: number
  fail: number
  wall: number
  wipe: number
}

/** Nothing has happened yet. */
export function noFaults(): FaultCounts {
  return { crash: 0, partition: 0, pause: 0, slow: 0, break: 0, stop: 0, fail: 0, wall: 0, wipe: 0 }
}

/** Makes the faults of a plan happen, until it is told to stop. */
export class Storm {
  readonly #world: SimWorld
  readonly #plan: Plan
  readonly counts: FaultCounts = noFaults()
  #over = false
  /** The one voter whose disk was wiped and that is not rebuilt yet. */
  #wiped: number | null = null

  constructor(world: SimWorld, plan: Plan) {
    this.#world = world
    this.#plan = plan
    const { faults } = plan
    this.#every(faults.crashMs, () => this.#crash())
    this.#every(faults.partitionMs, () => this.#partition())
    this.#every(faults.pauseMs, () => this.#pause())
    this.#every(faults.slowMs, () => this.#slow())
    this.#every(faults.breakMs, () => this.#break())
    this.#every(faults.stopMs, () => this.#stop())
    this.#every(faults.failMs, () => this.#fail())
    this.#every(faults.wallMs, () => this.#wall())
    this.#every(faults.wipeMs, () => this.#wipe())
  }

  #every(meanMs: number, act: () => void): void {
    if (meanMs === Infinity) return
    const { events, random } = this.#world
    const again = (): void => {
      if (this.#over) return
      act()
      events.after(-Math.log(1 - random.unit()) * meanMs, again)
    }
    events.after(-Math.log(1 - random.unit()) * meanMs, again)
  }

  #anyPeer(): number {
    const { peers, random } = this.#world
    return peers[random.below(peers.length)]!
  }

  #syncMs(): number {
    return this.#plan.world.timing.syncMs
  }

  #restartLater(id: number): void {
    const { events, random } = this.#world
    const soon = random.below(3) === 0
    events.after(soon ? random.below(50) : random.unit() * 3 * this.#syncMs(), () => {
      if (!this.#over) this.#world.start(id)
    })
  }

  #crash(): void {
    this.counts.crash++
    const { peers, random } = this.#world
    const roll = random.below(10)
    const victims = roll === 0 ? [...peers] : roll === 1 ? peers.filter(() => random.below(2) === 0) : [this.#anyPeer()]
    for (const id of victims) {
      this.#world.crash(id)
      this.#restartLater(id)
    }
  }

  #stop(): void {
    this.counts.stop++
    const id = this.#anyPeer()
    this.#world.stop(id)
    this.#restartLater(id)
  }

  #fail(): void {
    this.counts.fail++
    const id = this.#anyPeer()
    this.#world.failWrite(id)
    this.#restartLater(id)
    this.#world.events.after(10_000, () => { if (!this.#over) this.#world.start(id) })
  }

  #pause(): void {
    this.counts.pause++
    const { random } = this.#world
    this.#world.pause(this.#anyPeer(), Math.floor(10 * (this.#syncMs() * 2 / 10) ** random.unit()))
  }

  #slow(): void {
    this.counts.slow++
    const { random, events } = this.#world
    const id = this.#anyPeer()
    this.#world.slow(id, 2 + random.below(random.below(3) === 0 ? 500 : 20))
    events.after(random.unit() * this.#syncMs(), () => this.#world.slow(id, 1))
  }

  #break(): void {
    this.counts.break++
    this.#world.network.breakAny()
  }

  #wall(): void {
    this.counts.wall++
    this.#world.jumpWall(this.#anyPeer(), (this.#world.random.below(3) - 1) * 86_400_000)
  }

  #wipe(): void {
    if (this.#wiped !== null && !this.#world.rebuilt(this.#wiped)) return
    const { random, plan } = this.#world
    const id = 1 + random.below(plan.voters)
    // Voters that were never up may be the others: with a majority of the histories gone nobody could lead ever again.
    const whole = this.#world.peers.filter((peer) => peer <= plan.voters && peer !== id && this.#world.hasHistory(peer))
    if (this.#world.ghost.commits === 0 || whole.length * 2 <= plan.voters) return
    this.counts.wipe++
    this.#wiped = id
    this.#world.wipe(id)
    this.#restartLater(id)
  }

  #partition(): void {
    this.counts.partition++
    const { network, random, events, peers } = this.#world
    network.heal()
    const cut = (from: readonly number[], to: readonly number[], both: boolean): void => {
      for (const a of from) for (const b of to) if (a !== b) {
        network.block(a, b)
        if (both) network.block(b, a)
      }
    }
    const one = [this.#anyPeer()]
    const leader = this.#world.leader?.config.peerId
    const half = peers.filter(() => random.below(2) === 0)
    const rest = peers.filter((id) => !half.includes(id))
    switch (random.below(8)) {
      case 0: case 1: cut(one, peers, true); break
      case 2: cut(half, rest, true); break
      case 3: cut(half, rest, false); break
      case 4: if (leader !== undefined) cut([leader], peers, random.below(2) === 0); break
      case 5: if (leader !== undefined) cut(peers, [leader], false); break
      case 6: {
        const bridge = one[0]
        cut(half.filter((id) => id !== bridge), rest.filter((id) => id !== bridge), true)
        break
      }
      default: for (const a of peers) for (const b of peers) if (random.below(3) === 0) network.block(a, b)
    }
    this.#world.note('partition')
    const lastsMs = random.unit() * 3 * this.#syncMs()
    events.after(lastsMs / 2, () => network.breakBlocked())
    events.after(lastsMs, () => {
      this.#world.note('heal')
      network.heal()
    })
  }

  /** Ends the storm: everything is healed and every server comes back, or stays away for ever if it is in `gone`. */
  end(gone: ReadonlySet<number>): void {
    this.#over = true
    const { network, peers } = this.#world
    network.heal()
    for (const id of peers) {
      this.#world.slow(id, 1)
      this.#world.resume(id)
      this.#world.failWrite(id, false)
      if (gone.has(id)) this.#world.crash(id)
      else this.#world.start(id)
    }
  }
}
