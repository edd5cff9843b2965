import { setTimeout as pause } from 'node:timers/promises'
import { isZkError } from '../../lib/index.ts'
import type { Client } from '../../lib/index.ts'
import type { Random } from '../../lib/core/random.ts'
import { Dialer } from './dialer.ts'
import type { Life } from './lives.ts'
import { isOver } from './sessions.ts'
import type { Sessions } from './sessions.ts'
import { isInterruption, Visit } from './visit.ts'
import type { Belongings } from './visit.ts'
import { PATHS } from './world.ts'
import type { World } from './world.ts'

/** Of every session. */
export const SESSION_TIMEOUT_MS = 4_000
/** An ensemble that is well again opens sessions within this time. */
const CONNECT_TIMEOUT_MS = 60_000
/** One step in so many is followed by the end of the session: closed, or its cable pulled. */
const CLOSE_ONE_IN = 400
const SEVER_ONE_IN = 800
/** One step in so many looks whether the session's node is there, or makes and deletes another one. */
const LOOK_ONE_IN = 30
const FLIP_ONE_IN = 40
/** Who waits for longer to write is named in the log. */
const LONG_MS = 2_500

/** What customers share. */
export interface Shop {
  readonly sessions: Sessions
  readonly world: World
  /** Mean time between two requests of one customer, in ms. */
  readonly paceMs: number
  /** Aborted when there is to be no further step. */
  readonly over: AbortSignal
}

/** One client after the other under one name: a mixed load, as long as it is not over. */
export class Customer {
  readonly name: string
  readonly #shop: Shop
  readonly #own: Belongings
  #sessions = 0
  #zk: Client | null = null
  #visit: Visit | null = null
  #life: Life | null = null
  /** When it last got on; null while it pauses. */
  #busyMs: number | null = null
  /** For answers, since a write of it was acknowledged, in ms. */
  #waitedMs = 0
  /** How many faults there were then. */
  #faults = 0
  /** When the session last had a connection, unless it has one. */
  #lostMs: number | null = null

  constructor(name: string, shop: Shop, random: Random) {
    this.name = name
    this.#shop = shop
    this.#own = {
      name, random, nodes: [], count: 0, lineLength: 0,
      pause: async () => {
        this.#rest()
        await this.#pause()
        // What it waited for because of an earlier fault is not this one's.
        const { faults } = shop.world.gaps
        if (faults !== this.#faults) this.#waitedMs = 0
        this.#faults = faults
        this.#busyMs = performance.now()
      },
      written: () => {
        const nowMs = performance.now()
        const waitedMs = this.#waitedMs + nowMs - (this.#busyMs ?? nowMs)
        this.#waitedMs = 0
        this.#busyMs = nowMs
        shop.world.gaps.written(nowMs, waitedMs)
        if (waitedMs < LONG_MS) return
        shop.world.note(`${name} (${this.#zk?.session?.id}) had waited ${Math.round(waitedMs)} ms to write`)
      },
    }
  }

  /** Since when it waits for one answer; null when it does not. */
  get busyMs(): number | null {
    return this.#busyMs
  }

  /** Resolves when it is over; then the last session is open, unless it was just lost. */
  async run(): Promise<void> {
    const { over, world } = this.#shop
    await this.#pause()
    while (!over.aborted) {
      try {
        await this.#session()
      } catch (error) {
        this.#rest()
        if (!isZkError(error)) throw error
        if (!isInterruption(error)) world.checks.wrong('progress', `${this.name}: no session: ${String(error)}`)
      }
    }
  }

  /** After the run, when all peers serve: what the watches must have told by then. Opens a session if there is none. */
  async settle(): Promise<void> {
    for (;;) {
      try {
        if (this.#zk === null || isOver(this.#zk)) await this.#open()
        await this.#visit!.lookAtWatches()
        await this.#lookAtOwn()
        return
      } catch (error) {
        if (!isInterruption(error) || this.#shop.sessions.haveEnded) throw error
      }
    }
  }

  async #session(): Promise<void> {
    const dialer = await this.#open()
    const { over, world } = this.#shop
    const { random } = this.#own
    const zk = this.#zk!
    while (!over.aborted && !isOver(zk)) {
      try {
        await this.#visit!.step()
        if (random.below(LOOK_ONE_IN) === 0) await this.#lookAtOwn()
        if (random.below(FLIP_ONE_IN) === 0) await this.#flip()
      } catch (error) {
        if (!isZkError(error)) throw error
        if (!isInterruption(error)) world.checks.wrong('written', `${this.name}: ${String(error)}`)
      }
      this.#rest()
      if (over.aborted || isOver(zk)) break
      if (random.below(SEVER_ONE_IN) === 0) dialer.sever()
      else if (random.below(CLOSE_ONE_IN) > 0) continue
      await this.#leave(zk)
    }
  }

  /** It waits for nothing any more. */
  #rest(): void {
    if (this.#busyMs !== null) this.#waitedMs += performance.now() - this.#busyMs
    this.#busyMs = null
  }

  /** Closes the session: with its cable pulled nobody hears of that. */
  async #leave(zk: Client): Promise<void> {
    await zk.close()
    this.#life!.overMs = performance.now()
  }

  /** The node that shows the session. */
  get #node(): string {
    return `${PATHS.lives}/${this.name}-${this.#sessions}`
  }

  async #open(): Promise<Dialer> {
    const { sessions, world } = this.#shop
    const dialer = new Dialer()
    this.#busyMs = performance.now()
    this.#zk = null
    const zk = await sessions.open({
      sessionTimeoutMs: SESSION_TIMEOUT_MS, connectTimeoutMs: CONNECT_TIMEOUT_MS, transports: [dialer],
    })
    this.#zk = zk
    this.#visit = new Visit(zk, world, this.#own)
    this.#sessions += 1
    this.#lostMs = null
    world.counts.sessions += 1
    const life = this.#life = world.lives.born(this.#node, SESSION_TIMEOUT_MS)
    zk.on('state', ({ state, previous }) => {
      if (previous === 'connected') this.#lostMs = performance.now()
      if (state === 'connected') this.#lostMs = null
      if (state !== 'expired') return
      world.counts.expired += 1
      life.overMs = this.#lostMs ?? performance.now()
    })
    try {
      await this.#show(zk)
      await this.#visit.sync()
    } catch (error) {
      if (!isOver(zk)) await this.#leave(zk)
      throw error
    }
    return dialer
  }

  /** Rejects when the session is over, or is being closed, before its node was made. */
  async #show(zk: Client): Promise<void> {
    for (;;) {
      try {
        await zk.create(this.#node, zk.session!.id, { ephemeral: true })
        return
      } catch (error) {
        if (isZkError(error, 'NodeExists')) return
        if (!isInterruption(error) || isOver(zk) || zk.closing.aborted) throw error
      }
    }
  }

  /** Another ephemeral node, for a short time. */
  async #flip(): Promise<void> {
    const path = `${this.#node}-${this.#own.count += 1}`
    this.#shop.world.lives.bornToo(path, this.#life!)
    await this.#zk!.create(path, '', { ephemeral: true })
    await this.#own.pause()
    await this.#zk!.delete(path)
  }

  async #lookAtOwn(): Promise<void> {
    const zk = this.#zk!
    const stat = await zk.exists(this.#node)
    // A session that ended meanwhile has no node; while its calls are answered, it has.
    if (stat === null) await zk.sync()
    this.#shop.world.lives.owned(this.#node, zk.session!.id, stat?.ephemeralOwner ?? null)
  }

  async #pause(): Promise<void> {
    const ms = -Math.log(1 - this.#own.random.unit()) * this.#shop.paceMs
    await pause(ms, undefined, { signal: this.#shop.over }).catch((error: unknown) => void error)
  }
}
