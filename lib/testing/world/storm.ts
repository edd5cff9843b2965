import type { Client } from '../../client/client.ts'
import type { Random } from '../../core/random.ts'
import { logUniform } from '../draws.ts'
import { WorldProgram } from './world-program.ts'
import type { World } from './world.ts'

/** Kinds of faults of every storm of which nothing else is said. */
export const STORM_FAULTS = [
  'partition', 'lone leader', 'one way', 'cut-off follower', 'lag', 'crash', 'leader crash', 'peer pause', 'slow disk',
  'cut', 'lost replies', 'client pause', 'expiry',
] as const

/**
 * Further kinds, for storms that name them: of disks, and of clocks. One voter at a time loses its disk, or a part of
 * it. Clocks jump by up to 10 s, or a day for that of the calendar, and drift by up to 1 %: a leader whose clock jumps
 * may expire sessions whose owners still count on them, so that only what is fenced stays one at a time.
 */
export const ROUGH_FAULTS = [
  'failed disk', 'full disk', 'wiped disk', 'rotten disk', 'clock jump', 'calendar jump', 'drift',
] as const

/** One kind of fault. */
export type StormFault = (typeof STORM_FAULTS)[number] | (typeof ROUGH_FAULTS)[number]

/** What a storm is made of. */
export interface StormOptions {
  /** Which kinds there may be; of these, each seed draws some. STORM_FAULTS when left out. */
  readonly faults?: readonly StormFault[]
  /** Mean pause between one fault and the next; drawn between 200 and 2,000 ms when left out. */
  readonly everyMs?: number
  /** Whose links, sessions and programs may be hit; whoever there is at that moment when left out. */
  readonly clients?: () => readonly (Client | WorldProgram)[]
}

/** How often there was each. */
export type StormCounts = Partial<Record<StormFault, number>>

const LONGEST_FAULT_MS = 4_000
const LONGEST_JUMP_MS = 10_000
const CALENDAR_JUMP_MS = 86_400_000
const MOST_DRIFT = 0.01
/** Of sessions of which the world does not know. */
const USUAL_TIMEOUT_MS = 10_000

/** One stretch of bad weather. */
export class Storm {
  readonly #world: World
  readonly #random: Random
  readonly #options: StormOptions
  readonly #counts: StormCounts = {}
  readonly #expiring = new Set<Client>()

  constructor(world: World, random: Random, options: StormOptions) {
    this.#world = world
    this.#random = random
    this.#options = options
  }

  async run(ms: number): Promise<StormCounts> {
    const endMs = this.#world.nowMs + ms
    const kinds = this.#drawKinds()
    const everyMs = this.#options.everyMs ?? logUniform(this.#random, 200, 2_000)
    for (;;) {
      const leftMs = endMs - this.#world.nowMs
      await this.#world.advance(Math.min(leftMs, everyMs * 2 * this.#random.unit()))
      if (this.#world.nowMs >= endMs) break
      const kind = kinds[this.#random.below(kinds.length)]!
      if (this.#strike(kind)) this.#counts[kind] = (this.#counts[kind] ?? 0) + 1
    }
    await this.#world.calm()
    await this.#world.until(() => this.#expiring.size === 0)
    return this.#counts
  }

  /** A storm of all kinds at once hides what fewer of them show. */
  #drawKinds(): readonly StormFault[] {
    const all = this.#options.faults ?? STORM_FAULTS
    const some = all.filter(() => this.#random.below(2) === 0)
    return some.length === 0 ? all : some
  }

  /** Short ones more often than long ones. */
  #drawMs(longestMs = LONGEST_FAULT_MS): number {
    return logUniform(this.#random, 10, longestMs)
  }

  #pick<T>(items: readonly T[]): T | undefined {
    return items[this.#random.below(Math.max(1, items.length))]
  }

  /** What was done is undone after a while, unless the storm is over before. */
  #after(ms: number, undo: () => void): void {
    void this.#world.advance(ms).then(undo, ignore)
  }

  #restartAfter(ms: number, id: number): void {
    this.#after(ms, () => void this.#world.restart(id).catch(ignore))
  }

  #strike(kind: StormFault): boolean {
    switch (kind) {
      case 'partition': case 'lone leader': case 'one way': case 'cut-off follower': case 'lag':
        return this.#strikeNetwork(kind)
      case 'crash': case 'leader crash': case 'peer pause': case 'slow disk': return this.#strikePeer(kind)
      case 'failed disk': case 'full disk': case 'wiped disk': case 'rotten disk': return this.#strikeDisk(kind)
      case 'clock jump': case 'calendar jump': case 'drift': return this.#strikeClock(kind)
      default: return this.#strikeClient(kind)
    }
  }

  #strikeNetwork(kind: StormFault): boolean {
    const world = this.#world
    const { ids } = world
    const leader = world.leader()
    const others = ids.filter((id) => id !== leader)
    const ms = this.#drawMs()
    if (kind === 'partition') {
      const places = [...ids, ...this.#clients()]
      const one = places.filter(() => this.#random.below(2) === 0)
      world.partition(one, places.filter((place) => !one.includes(place)))
    } else if (leader === null || others.length === 0) {
      return false
    } else if (kind === 'lone leader') {
      world.partition([leader], others)
    } else {
      const follower = this.#pick(others)!
      if (kind === 'cut-off follower') {
        world.partition([follower], ids.filter((id) => id !== follower))
      } else if (kind === 'one way') {
        const isIn = this.#random.below(2) === 0
        world.block(isIn ? follower : leader, isIn ? leader : follower)
      } else {
        world.block(leader, follower)
        for (const zk of this.#clients()) if (this.#random.below(2) === 0) world.cut(zk)
      }
    }
    this.#after(kind === 'lag' ? this.#drawMs(1_000) : ms, () => world.heal())
    return true
  }

  #strikePeer(kind: StormFault): boolean {
    const world = this.#world
    const id = kind === 'leader crash' ? world.leader() : this.#pick(world.ids.filter((each) => world.isRunning(each)))
    if (id === null || id === undefined) return false
    const ms = this.#drawMs()
    if (kind === 'peer pause') {
      world.pause(id, ms)
    } else if (kind === 'slow disk') {
      world.slowDisk(id, this.#drawMs(1_500))
      this.#after(ms, () => world.slowDisk(id, 0))
    } else {
      world.crash(id)
      this.#restartAfter(ms, id)
    }
    return true
  }

  #strikeDisk(kind: StormFault): boolean {
    const world = this.#world
    const ms = this.#drawMs()
    if (kind === 'failed disk' || kind === 'full disk') {
      const id = this.#pick(world.ids)!
      if (kind === 'failed disk') world.failDisk(id)
      else world.fillDisk(id)
      // A full one stops its peer once more.
      this.#restartAfter(ms / 2, id)
      this.#after(ms, () => world.freeDisk(id))
      this.#restartAfter(ms, id)
      return true
    }
    const { voters, ids } = world
    const id = this.#pick(ids)!
    // With one voter fewer the others must be a quorum that has everything.
    if (voters.length < 3 || !voters.every((each) => world.isWhole(each))) return false
    if (kind === 'wiped disk') world.wipe(id)
    else world.rot(id)
    this.#restartAfter(ms, id)
    return true
  }

  #strikeClock(kind: StormFault): boolean {
    const world = this.#world
    const place = this.#pick([...world.ids, ...this.#clients()])!
    if (kind === 'clock jump') world.jumpClock(place, this.#drawMs(LONGEST_JUMP_MS))
    else if (kind === 'calendar jump') world.jumpWall(place, (this.#random.below(3) - 1) * CALENDAR_JUMP_MS)
    else world.drift(place, 1 + MOST_DRIFT * (2 * this.#random.unit() - 1))
    return true
  }

  #clients(): readonly (Client | WorldProgram)[] {
    const { clients } = this.#options
    if (clients !== undefined) return clients()
    const known = this.#world.clients
    const others = this.#world.programs.filter(({ clock }) => !known.some((zk) => zk.clock === clock))
    return [...known, ...others]
  }

  #strikeClient(kind: StormFault): boolean {
    const world = this.#world
    const zk = this.#pick(this.#clients())
    if (zk === undefined) return false
    const timeoutMs = zk instanceof WorldProgram ? USUAL_TIMEOUT_MS : zk.session?.timeoutMs ?? 0
    switch (kind) {
      case 'cut': world.cut(zk); break
      case 'lost replies': world.loseReplies(zk, this.#drawMs(300)); break
      case 'client pause': world.pause(zk, this.#random.below(2) === 0 ? this.#drawMs() : timeoutMs * 1.5); break
      default:
        if (zk instanceof WorldProgram || this.#expiring.has(zk)) return false
        this.#expiring.add(zk)
        world.expire(zk).finally(() => this.#expiring.delete(zk)).catch(ignore)
    }
    return true
  }
}

function ignore(): void {
  // The world is over.
}
