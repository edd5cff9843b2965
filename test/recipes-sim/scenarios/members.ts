/**
 * Groups: every view's events make what it has, nothing in it goes back, what was written before `caughtUp` is in it;
 * and when the weather is over all views are those who are there, and nobody else.
 *
 * Mutants: `deaf` keeps it to itself that changes were missed, `stays` leaves without taking its node away.
 */
import type { Client } from '../../../lib/client/client.ts'
import { isZkError } from '../../../lib/core/errors.ts'
import { join, membersOf, sessionsFrom, watchMembers } from '../../../lib/recipes/index.ts'
import type { Membership, MembersView, Sessions } from '../../../lib/recipes/index.ts'
import type { StormCounts, World } from '../../../lib/testing/index.ts'
import { Violation } from '../../../lib/testing/index.ts'
import { check, Curtain, live, within } from '../actors.ts'
import { contentsOf, numberOf, Replay, written } from '../replay.ts'

const GROUP = '/group'
const STORM_MS = 8_000

export async function scenario(world: World, mutant?: string): Promise<StormCounts> {
  const stage = new Stage(world, mutant)
  const lives = Promise.all(stage.actors())
  lives.catch(ignore)
  const counts = await Promise.race([world.storm(STORM_MS), lives.then(() => ({})), stage.failed])
  stage.isQuiet = true
  await within(world, 60_000, 'all views are those who are there', () => stage.isAgreed()).catch((error: unknown) => {
    throw new Violation('agreement', `${(error as Error).message}\n${stage.story()}`)
  })
  await within(world, 30_000, 'the tree is read', stage.verify())
  stage.curtain.drop()
  await within(world, 60_000, 'everybody leaves', Promise.race([lives, stage.failed]))
  const zk = await world.connect()
  await zk.sync(GROUP)
  check((await membersOf(zk, GROUP)).length === 0, 'clean', 'somebody is left behind')
  return counts
}

/** Where the sessions of one participant come from: one after the other, or one. */
type Source = Client | Sessions

/** All who take part, and what is known of them. */
class Stage {
  readonly curtain = new Curtain()
  /** From now on everybody joins, and stays. */
  isQuiet = false
  readonly failed: Promise<never>
  #fail: (error: unknown) => void = ignore
  readonly #world: World
  readonly #mutant: string | undefined
  /** Who is to be there when it is quiet, and how many views there are. */
  readonly #members: number
  readonly #observers: number
  readonly #present = new Map<Membership, number>()
  readonly #views = new Set<Replay>()
  /** Members that left, and surely. */
  readonly #gone = new Set<string>()
  /** What was set and acknowledged, by member. */
  readonly #written = new Map<string, number>()
  #number = 0

  constructor(world: World, mutant: string | undefined) {
    this.#world = world
    this.#mutant = mutant
    this.#members = 2 + world.random.below(3)
    this.#observers = 1 + world.random.below(2)
    this.failed = new Promise((_, reject) => { this.#fail = reject })
    this.failed.catch(ignore)
  }

  actors(): Promise<void>[] {
    const { random } = this.#world
    return [
      ...Array.from({ length: this.#members }, (_, index) => {
        const attend = (source: Source): Promise<void> => this.#attend(source, index)
        return random.below(2) === 0 ? this.#lasting(attend) : this.#single(attend)
      }),
      ...Array.from({ length: this.#observers }, () => this.#lasting((source) => this.#observe(source))),
    ]
  }

  /** A program that lives in one session after the other, until it is killed; then another one takes its place. */
  async #lasting(work: (source: Source) => Promise<void>): Promise<void> {
    const world = this.#world
    while (!this.curtain.isDown) {
      let die: () => void = ignore
      const dead = new Promise<void>((resolve) => { die = resolve })
      const living = this.#sessions(die).then(async (sessions) => {
        while (!this.curtain.isDown) await tried(world, sessions, () => work(sessions))
        await sessions.close()
      })
      await Promise.race([dead, living])
    }
  }

  async #sessions(die: () => void): Promise<Sessions> {
    const world = this.#world
    for (;;) {
      try {
        return await sessionsFrom(async () => {
          const zk = await world.connect({ sessionTimeoutMs: 2_000 + world.random.below(4_000) })
          void world.killed(zk).then(die)
          return this.#open(zk)
        })
      } catch (error) {
        if (error instanceof Violation) throw error
        await world.advance(100)
      }
    }
  }

  /** A program with one session at a time, whose memberships end with it. */
  #single(work: (source: Source) => Promise<void>): Promise<void> {
    const { random } = this.#world
    const inside = random.below(4) === 0 ? { inside: 1 + random.below(3) } : {}
    return live(this.#world, { curtain: this.curtain, ...inside, onConnected: (zk) => this.#open(zk) }, work)
  }

  #open(zk: Client): Client {
    if (this.#mutant === 'deaf') deafen(zk)
    else if (this.#mutant === 'stays') zk.delete = () => Promise.resolve()
    else if (this.#mutant !== undefined) throw new Error(`no such mutant: ${this.#mutant}`)
    return zk
  }

  /** Joins, changes, looks, and leaves, until it is quiet: then stays until the end. */
  async #attend(source: Source, index: number): Promise<void> {
    const world = this.#world
    const isNamed = world.random.below(4) === 0
    const options = isNamed ? { id: `user-${index}`, replace: world.random.below(2) === 0 } : {}
    const membership = await join(source, GROUP, `${this.#number += 1}`, options)
    const over = new Promise<void>((resolve) => void membership.on('end', () => resolve()))
    const leave = this.#enter(membership, numberOf(membership.self ?? raise('own entry', 'it is not there')))
    void this.#killed(source).then(leave)
    try {
      while (!this.curtain.isDown && !membership.isOver) {
        if (this.isQuiet) await Promise.race([this.curtain.dropped, over])
        else if (!await this.#act(membership, source)) break
      }
    } finally {
      leave()
      await membership.close()
      if (!isNamed && clientOf(source).state === 'connected') this.#gone.add(membership.id)
    }
  }

  /** False: it leaves. */
  async #act(membership: Membership, source: Source): Promise<boolean> {
    const world = this.#world
    const way = world.random.below(6)
    if (way === 0) return false
    if (way <= 2) {
      const number = this.#number += 1
      this.#present.set(membership, number)
      await membership.set(`${number}`)
      this.#written.set(membership.id, Math.max(number, this.#written.get(membership.id) ?? 0))
    } else if (way === 3) {
      await this.#catchUp(membership)
    }
    await world.sleep(clientOf(source), world.random.below(400))
    return true
  }

  async #observe(source: Source): Promise<void> {
    const view = await watchMembers(source, GROUP)
    const replay = new Replay(view, this.#fail)
    this.#views.add(replay)
    const over = new Promise<void>((resolve) => void view.on('end', () => resolve()))
    void this.#killed(source).then(() => this.#views.delete(replay))
    try {
      while (!this.curtain.isDown && !view.isOver) {
        if (this.isQuiet) await Promise.race([this.curtain.dropped, over])
        else await this.#catchUp(view)
        await this.#world.sleep(clientOf(source), this.#world.random.below(500))
      }
    } finally {
      this.#views.delete(replay)
      await view.close()
    }
  }

  /** What was written before is in the view. */
  async #catchUp(view: MembersView): Promise<void> {
    const gone = [...this.#gone]
    const before = [...this.#written]
    await view.caughtUp()
    for (const id of gone) check(!view.has(id), 'caught up', `${id} had left before`)
    for (const [id, number] of before) {
      const member = view.get(id)
      check(member === undefined || numberOf(member) >= number, 'caught up', `${id} had ${number} before`)
    }
  }

  #enter(membership: Membership, number: number): () => void {
    const replay = new Replay(membership, this.#fail)
    this.#present.set(membership, number)
    this.#views.add(replay)
    const leave = (): void => {
      this.#present.delete(membership)
      this.#views.delete(replay)
    }
    membership.on('end', leave)
    return leave
  }

  /** The program is no more, whichever session it is in. */
  async #killed(source: Source): Promise<void> {
    const world = this.#world
    if (!('current' in source)) return world.killed(source)
    await new Promise<void>((resolve) => {
      void world.killed(source.client).then(resolve)
      source.on('session', (zk) => void world.killed(zk).then(resolve))
    })
  }

  /** Everybody is there, and all see that and nothing else. */
  isAgreed(): boolean {
    // Asked after every event: most answers must be cheap.
    if (this.#present.size !== this.#members || this.#views.size !== this.#members + this.#observers) return false
    if (![...this.#views].every(({ view }) => view.size === this.#members && !view.isStale)) return false
    const wanted = written(new Map([...this.#present].map(([{ id }, number]) => [id, number])))
    return [...this.#present.keys()].every(({ isPresent }) => isPresent) &&
      [...this.#views].every(({ view }) => written(contentsOf(view.members)) === wanted)
  }

  /** The ensemble's own account. */
  async verify(): Promise<void> {
    const zk = await this.#world.connect()
    await zk.sync(GROUP)
    const tree = written(contentsOf(await membersOf(zk, GROUP)))
    const present = new Map([...this.#present].map(([{ id }, number]) => [id, number]))
    check(tree === written(present), 'tree', `the tree has ${tree}, ${written(present)} are there`)
    for (const replay of this.#views) {
      replay.verify()
      for (const id of this.#gone) check(!replay.view.has(id), 'gone', `${id} has left`)
    }
    await zk.close()
  }

  story(): string {
    const views = [...this.#views].map(({ view }) =>
      `${view.isStale ? 'stale' : 'fresh'} ${written(contentsOf(view.members))}`)
    const present = [...this.#present].map(([{ id, isPresent }, number]) =>
      `${id}=${number}${isPresent ? '' : ' absent'}`)
    const wanted = `${this.#members} members, ${this.#observers} observers`
    return [`${wanted}; there are ${present.join(', ')}`, ...views].join('\n')
  }
}

function clientOf(source: Source): Client {
  return 'current' in source ? source.client : source
}

/** What the ensemble refuses is tried again. */
async function tried(world: World, sessions: Sessions, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!isZkError(error)) throw error
    await world.sleep(sessions.client, 50 + world.random.below(100))
  }
}

/** Keeps it from all who watch that changes were missed. */
function deafen(zk: Client): void {
  const watch = zk.watch.bind(zk)
  zk.watch = (path, options) => watch(path, {
    ...options, onItem: (item) => { if (item.type !== 'gap') options?.onItem?.(item) },
  })
}

function raise(name: string, what: string): never {
  throw new Violation(name, what)
}

function ignore(): void {
  // Looked at elsewhere, or nothing.
}
