/**
 * Services that find each other: whoever left is not found again by a list that has caught up, a pick does not wait
 * while somebody is there, and what is told makes the list. When the weather is over every list has all who are
 * registered and well, and nobody else: those of programs that died are gone when their sessions have timed out.
 *
 * Mutant `deaf`: a client that keeps it to itself that changes were missed.
 */
import type { Client } from '../../../lib/client/client.ts'
import { discover, register } from '../../../lib/recipes/index.ts'
import type { Discovery, Instance, Registration } from '../../../lib/recipes/index.ts'
import type { StormCounts, World } from '../../../lib/testing/index.ts'
import { Violation } from '../../../lib/testing/index.ts'
import { check, Curtain, within } from '../actors.ts'
import { deafen, lasting, passing } from '../lasting.ts'
import type { Life } from '../lasting.ts'

const BASE = '/services'
const STORM_MS = 10_000
/** The longest session, once more for a leader that counts anew, and what it takes to hear of it. */
const EXPIRED_MS = 20_000

/** What is known of one that is open. */
interface Registered {
  readonly registration: Registration
  isWell: boolean
  /** The newest port, and the newest that was acknowledged. */
  port: number
  acknowledged: number
}

export async function scenario(world: World, mutant?: string): Promise<StormCounts> {
  const stage = new Stage(world, mutant === 'deaf')
  const lives = Promise.all(stage.actors())
  lives.catch(ignore)
  const counts = await Promise.race([world.storm(STORM_MS), lives.then(() => ({})), stage.failed])
  stage.isQuiet = true
  const settled = world.until(() => stage.isSettled())
  await within(world, EXPIRED_MS, 'every list is who is there', Promise.race([lives, settled, stage.failed]))
    .catch((error: unknown) => { throw new Violation('agreement', `${(error as Error).message}\n${stage.story()}`) })
  stage.verify()
  stage.curtain.drop()
  await within(world, 60_000, 'everybody ends', Promise.race([lives, stage.failed]))
  return counts
}

class Stage {
  readonly curtain = new Curtain()
  /** From now on everybody registers, is well, and stays. */
  isQuiet = false
  readonly failed: Promise<never>
  #fail: (error: unknown) => void = ignore
  readonly #world: World
  readonly #isDeaf: boolean
  readonly #services: number
  readonly #lookers: number
  readonly #registered = new Set<Registered>()
  readonly #lookups = new Set<Lookup>()
  /** Ids of those that surely left. */
  readonly #gone = new Set<string>()
  #number = 0

  constructor(world: World, isDeaf: boolean) {
    this.#world = world
    this.#isDeaf = isDeaf
    this.#services = 2 + world.random.below(3)
    this.#lookers = 1 + world.random.below(2)
    this.failed = new Promise((_, reject) => { this.#fail = reject })
    this.failed.catch(ignore)
  }

  actors(): Promise<void>[] {
    const world = this.#world
    const options = {
      curtain: this.curtain,
      open: (zk: Client) => (this.#isDeaf ? deafen(zk, (type) => type !== 'gap') : zk),
    }
    return [
      ...Array.from({ length: this.#services }, () =>
        (world.random.below(3) === 0 ? passing : lasting)(world, options, (life) => this.#serve(life))),
      ...Array.from({ length: this.#lookers }, () =>
        (world.random.below(3) === 0 ? passing : lasting)(world, options, (life) => this.#look(life))),
    ]
  }

  async #serve(life: Life): Promise<void> {
    const world = this.#world
    const id = `instance-${this.#number += 1}`
    const port = 1 + this.#number
    const state = { isWell: this.isQuiet || world.random.below(4) > 0 }
    const isSure = sureOf(life)
    const registration = await register(life.source, BASE, {
      name: 'web', id, address: 'host', port,
      health: {
        everyMs: 200, limitMs: 300, failures: 1 + world.random.below(2),
        // A program that stands still, or a check that hangs, is not well.
        check: async () => {
          if (!this.isQuiet && world.random.below(20) === 0) await world.sleep(life.zk, 400)
          return state.isWell
        },
      },
    })
    const entry: Registered = Object.assign(state, { registration, port, acknowledged: port })
    this.#registered.add(entry)
    const leave = (): void => void this.#registered.delete(entry)
    void life.killed.then(leave)
    const over = new Promise<void>((resolve) => void registration.on('end', () => {
      leave()
      resolve()
    }))
    try {
      while (registration.state !== 'closed' && !this.curtain.isDown) {
        if (this.isQuiet) {
          entry.isWell = true
          await Promise.race([this.curtain.dropped, over])
        } else if (!await this.#act(entry, life)) {
          break
        }
      }
    } finally {
      leave()
      await this.#leave(registration, life, isSure)
    }
  }

  /** False: it leaves. */
  async #act(entry: Registered, { zk }: Life): Promise<boolean> {
    const world = this.#world
    const way = world.random.below(8)
    if (way === 0) return false
    if (way === 1) entry.isWell = world.random.below(3) > 0
    else if (way <= 3) {
      const port = entry.port = 1 + (this.#number += 1)
      await entry.registration.update({ port })
      entry.acknowledged = Math.max(entry.acknowledged, port)
    }
    await world.sleep(zk, world.random.below(500))
    return true
  }

  async #leave(registration: Registration, life: Life, isSure: () => boolean): Promise<void> {
    const world = this.#world
    const { zk } = life
    if (world.random.below(2) === 0) {
      void registration.track(world.sleep(zk, world.random.below(300)))
      await registration.drain({ waitMs: 1_000 })
    } else {
      await registration.close()
    }
    check(registration.state === 'closed', 'closed', registration.state)
    if (isSure()) this.#gone.add(registration.instance.id)
  }

  async #look(life: Life): Promise<void> {
    const world = this.#world
    const strategies = ['random', 'roundRobin', 'weighted', 'sticky'] as const
    const web = await discover(life.source, BASE, 'web', { strategy: strategies[world.random.below(4)]! })
    const lookup = new Lookup(web, this.#fail)
    this.#lookups.add(lookup)
    const leave = (): void => void this.#lookups.delete(lookup)
    void life.killed.then(leave)
    const over = new Promise<void>((resolve) => void web.on('end', () => {
      leave()
      resolve()
    }))
    try {
      while (!this.curtain.isDown && !lookup.isOver) {
        if (this.isQuiet) await Promise.race([this.curtain.dropped, over])
        else await this.#use(lookup, life)
      }
    } finally {
      leave()
      await web.close()
    }
  }

  async #use(lookup: Lookup, { zk }: Life): Promise<void> {
    const world = this.#world
    const { web } = lookup
    const way = world.random.below(4)
    if (way === 0) {
      const gone = [...this.#gone]
      await web.caughtUp()
      lookup.forbid(gone)
    } else if (way === 1) {
      const instance = web.tryPick()
      if (instance !== null) web.down(instance)
    } else {
      lookup.pick(world.random.below(2) === 0)
    }
    await world.sleep(zk, world.random.below(400))
    lookup.verify()
  }

  /** Asked after every event. */
  isSettled(): boolean {
    if (this.#registered.size !== this.#services || this.#lookups.size !== this.#lookers) return false
    if (![...this.#registered].every((each) => each.registration.state === 'up' && each.port === each.acknowledged)) {
      return false
    }
    if (![...this.#lookups].every(({ web }) => !web.isStale && web.instances.length === this.#services)) return false
    const wanted = [...this.#registered].map(({ registration, port }) => `${registration.instance.id}:${port}`)
      .toSorted().join()
    return [...this.#lookups].every(({ web }) => shown(web.instances) === wanted)
  }

  verify(): void {
    for (const lookup of this.#lookups) {
      lookup.forbid([...this.#gone])
      lookup.verify()
      check(lookup.web.tryPick() !== null, 'pick', 'nobody is picked')
    }
  }

  story(): string {
    return [`${this.#services} services, ${this.#lookers} lookers`,
      ...[...this.#registered].map(({ registration, port, acknowledged, isWell }) =>
        `${registration.instance.id}:${port} ${acknowledged} ${registration.state} ${isWell ? 'well' : 'unwell'}`),
      ...[...this.#lookups].map(({ web }) => `${web.isStale ? 'stale' : 'fresh'} ${shown(web.instances)}`)].join('\n')
  }
}

/**
 * False as soon as the session may be over: what leaves then is gone when there is a connection again, or with its
 * session, and does not wait for that.
 */
function sureOf(life: Life): () => boolean {
  const { zk } = life
  let isSure = zk.state === 'connected' || zk.state === 'suspended'
  zk.on('state', ({ state }) => { isSure &&= state === 'connected' || state === 'suspended' })
  return () => isSure && life.zk === zk
}

function shown(instances: readonly Instance[]): string {
  return instances.map(({ id, port }) => `${id}:${port}`).toSorted().join()
}

/** A list as its user follows it, and his picks. */
class Lookup {
  readonly web: Discovery
  isOver = false
  /** Made of what was told. */
  readonly #told: Map<string, Instance>
  readonly #forbidden = new Set<string>()
  #picks = 0

  constructor(web: Discovery, fail: (error: unknown) => void) {
    this.web = web
    this.#told = new Map(web.instances.map((instance) => [instance.id, instance]))
    const heard = (name: string, hear: (instance: Instance) => void) => (instance: Instance): void => {
      try {
        hear(instance)
      } catch (error) {
        fail(error instanceof Violation ? error : new Violation(name, String(error)))
      }
    }
    web.on('up', heard('up', (instance) => {
      check(!this.#told.has(instance.id), 'events', `${instance.id} comes twice`)
      check(!this.#forbidden.has(instance.id), 'gone', `${instance.id} has left`)
      this.#told.set(instance.id, instance)
    }))
    web.on('down', heard('down', (instance) => {
      check(this.#told.delete(instance.id), 'events', `${instance.id} goes without having come`)
    }))
    web.on('update', (instance, previous) => heard('update', () => {
      check(this.#told.get(instance.id) === previous, 'events', `${instance.id} was not as is told`)
      this.#told.set(instance.id, instance)
    })(instance))
    web.on('end', () => { this.isOver = true })
  }

  /** These are never listed from here on. */
  forbid(ids: readonly string[]): void {
    for (const id of ids) this.#forbidden.add(id)
    for (const { id } of this.web.instances) check(!this.#forbidden.has(id), 'gone', `${id} has left`)
  }

  /** Picks now, or waits for one. */
  pick(fallBack: boolean): void {
    const isThere = this.web.instances.length > 0
    let isPicked = false
    this.#picks += 1
    this.web.pick({ waitMs: 3_000 }).then((instance) => {
      isPicked = true
      this.#picks -= 1
      check(this.web.instances.some(({ id }) => id === instance.id), 'pick', `${instance.id} is not listed`)
    }).catch((error: unknown) => {
      this.#picks -= 1
      if (error instanceof Violation) throw error
    })
    if (!fallBack) this.web.pick({ fallBack: false, waitMs: 500 }).catch(ignore)
    void Promise.resolve().then(() => check(isPicked || !isThere, 'pick', 'it waits though somebody is there'))
  }

  /** At a moment in between: nobody waits while somebody is there. */
  verify(): void {
    check(shown([...this.#told.values()]) === shown(this.web.instances), 'events', 'what was told is not the list')
    if (!this.isOver) check(this.#picks === 0 || this.web.instances.length === 0, 'pick', 'somebody waits in vain')
  }
}

function ignore(): void {
  // Looked at elsewhere.
}
