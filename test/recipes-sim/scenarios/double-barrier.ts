/**
 * The double barrier: nobody enters before all have come, all who stood there when it opened enter, nobody is told that
 * he was not counted when he was, and nobody has left while somebody is inside.
 */
import type { Client } from '../../../lib/client/client.ts'
import { isZkError } from '../../../lib/core/errors.ts'
import { doubleBarrierAt } from '../../../lib/recipes/index.ts'
import type { Stay } from '../../../lib/recipes/index.ts'
import type { StormCounts, World } from '../../../lib/testing/index.ts'
import { check, Curtain, live, within } from '../actors.ts'
import { mutated } from '../mutants.ts'

const STORM_MS = 10_000
const FINE_ROUNDS = 2
const FINE_MS = 8_000

/** One meeting of all members, each of which comes until he was inside once. */
interface Round {
  readonly path: string
  /** Members that stand there, or may have stood there when they were last heard of. */
  readonly there: Set<number>
  /** Members that died or gave up there, so that nobody knows whether they were counted. */
  readonly unknown: Set<number>
  /** How often one of these came again: his former session may stand there, too, until the ensemble ends it. */
  ghosts: number
  isOpen: boolean
  /** Members that came to the end of it. */
  readonly over: Set<number>
}

/** Somebody who is inside. */
interface Inside {
  readonly zk: Client
  readonly round: Round
  isLeaving: boolean
}

export async function scenario(world: World, mutant?: string): Promise<StormCounts> {
  const stage = new Stage(world, mutant)
  const lives = Promise.all(stage.members())
  lives.catch(ignore)
  const counts = await Promise.race([world.storm(STORM_MS), lives.then(() => ({}))])
  await within(world, 120_000, 'they meet when the weather is fine', Promise.race([lives, stage.fine()]))
  stage.curtain.drop()
  stage.stop.abort()
  await within(world, 60_000, 'everybody goes', lives)
  return counts
}

class Stage {
  readonly curtain = new Curtain()
  /** Whoever still waits for others then goes. */
  readonly stop = new AbortController()
  readonly #world: World
  readonly #mutant: string | undefined
  readonly #count: number
  readonly #rounds: Round[] = []
  readonly #inside = new Set<Inside>()
  #isQuiet = false

  constructor(world: World, mutant: string | undefined) {
    this.#world = world
    this.#mutant = mutant
    this.#count = 2 + world.random.below(3)
  }

  #round(index: number): Round {
    const before = this.#rounds[index - 2]
    // A place is used again unless the session of somebody who died there may live on.
    const isFree = before !== undefined && before.unknown.size === 0 && before.over.size === this.#count
    return this.#rounds[index] ??= {
      path: isFree ? before.path : `/match/${index}`, there: new Set(), unknown: new Set(), ghosts: 0,
      isOpen: false, over: new Set(),
    }
  }

  members(): Promise<void>[] {
    const { random } = this.#world
    return Array.from({ length: this.#count }, (_, member) => {
      let index = 0
      const inside = random.below(4) === 0 ? { inside: 1 + random.below(3) } : {}
      return live(this.#world, { curtain: this.curtain, ...inside }, async (zk) => {
        if (await this.#play(zk, member, this.#round(index))) index += 1
      })
    })
  }

  /** True when this member has been inside, or the others have been without him. */
  async #play(zk: Client, member: number, round: Round): Promise<boolean> {
    const { random } = this.#world
    await this.#world.sleep(zk, random.below(300))
    if (this.curtain.isDown) return false
    // They have met without him: he was counted as he died, or another one was twice.
    if (round.over.size > 0 && (round.unknown.has(member) || round.ghosts > 0)) return this.#end(member, round)
    const stay = await this.#enter(zk, member, round)
    if (stay === null) return false
    const own: Inside = { zk, round, isLeaving: false }
    this.#inside.add(own)
    try {
      await this.#world.sleep(zk, random.below(this.#isQuiet ? 50 : 500))
      await this.#leave(stay, own)
      round.unknown.delete(member)
    } finally {
      this.#end(member, round)
      this.#inside.delete(own)
    }
    return true
  }

  #end(member: number, round: Round): boolean {
    round.over.add(member)
    return true
  }

  async #enter(zk: Client, member: number, round: Round): Promise<Stay | null> {
    const { random } = this.#world
    const wasOpen = round.isOpen
    const isKnown = !round.unknown.has(member)
    // Nobody waits for ever: the others may have met without him.
    const isHasty = !isKnown || random.below(3) === 0
    const waitMs = isHasty && !this.#isQuiet ? random.below(3_000) : 6_000
    if (!isKnown) round.ghosts += 1
    round.there.add(member)
    // Until he says otherwise: he may be killed meanwhile.
    round.unknown.add(member)
    let stay: Stay
    try {
      stay = await doubleBarrierAt(mutated(zk, this.#mutant), round.path, { count: this.#count }).enter({
        waitMs, signal: this.stop.signal,
      })
    } catch (error) {
      if (!isZkError(error, 'OperationTimeout')) throw error
      if (isKnown) {
        const isLeftOut = round.isOpen && !wasOpen && round.ghosts === 0
        check(!isLeftOut, 'left out', `${member} was told that ${round.path} had not opened`)
        round.there.delete(member)
        round.unknown.delete(member)
      }
      return null
    }
    const there = [...round.there].join(' ')
    check(round.there.size + round.ghosts >= this.#count, 'early', `${round.path} opened for ${there}`)
    round.isOpen = true
    return stay
  }

  async #leave(stay: Stay, own: Inside): Promise<void> {
    own.isLeaving = true
    const others = [...this.#inside].filter(({ round, isLeaving }) => round === own.round && !isLeaving)
    await stay.leave()
    for (const other of others) {
      check(other.isLeaving || !this.#isAlive(other.zk), 'left alone', `somebody is still in ${own.round.path}`)
    }
  }

  /** As the peer that has applied most has it: a leader with a slow disk is behind its followers. */
  #isAlive(zk: Client): boolean {
    const peers = this.#world.ids.filter((id) => this.#world.isRunning(id)).map((id) => this.#world.peer(id))
    const applied: readonly number[] = peers.map((peer) => peer.status().appliedZxid)
    const newest = peers[applied.indexOf(Math.max(...applied))]
    const { session } = zk
    return newest !== undefined && session !== null && newest.tree.hasSession(session.id)
  }

  /** They meet some times more. */
  async fine(): Promise<void> {
    await this.#world.advance(FINE_MS)
    this.#isQuiet = true
    const last = this.#rounds.length + FINE_ROUNDS
    await this.#world.until(() => this.#round(last).over.size === this.#count, { limitMs: 110_000 })
  }
}

function ignore(): void {
  // Awaited below.
}
