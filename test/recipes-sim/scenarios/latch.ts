/** The latch: every count counts once, it opens with the last one and never before, and whoever waits goes on. */
import type { Client } from '../../../lib/client/client.ts'
import { isZkError } from '../../../lib/core/errors.ts'
import { latchAt } from '../../../lib/recipes/index.ts'
import type { Latch } from '../../../lib/recipes/index.ts'
import type { StormCounts, World } from '../../../lib/testing/index.ts'
import { check, Curtain, live, within } from '../actors.ts'
import { mutated } from '../mutants.ts'

const STORM_MS = 10_000

/** One latch, and what is known of it. */
interface Round {
  readonly path: string
  readonly count: number
  /** Of `countDown`: begun, answered, and such of which nobody knows. */
  begun: number
  counted: number
  unknown: number
  /** What those who wait said. */
  opened: number
}

export async function scenario(world: World, mutant?: string): Promise<StormCounts> {
  const stage = new Stage(world, mutant)
  const lives = Promise.all([...stage.counters(), ...stage.waiters()])
  lives.catch(ignore)
  const counts = await Promise.race([world.storm(STORM_MS), lives.then(() => ({}))])
  stage.isQuiet = true
  await within(world, 60_000, 'what was begun ends', Promise.race([lives, world.until(() => stage.isIdle)]))
  await within(world, 30_000, 'the counts are exact', stage.verify())
  await within(world, 60_000, 'every latch opens for all who wait', Promise.race([lives, stage.finish()]))
  stage.curtain.drop()
  await within(world, 30_000, 'everybody goes', lives)
  return counts
}

class Stage {
  readonly curtain = new Curtain()
  isQuiet = false
  readonly #world: World
  readonly #mutant: string | undefined
  readonly #rounds: Round[] = []
  #running = 0
  readonly #waiting: number

  constructor(world: World, mutant: string | undefined) {
    this.#world = world
    this.#mutant = mutant
    this.#waiting = 1 + world.random.below(3)
    for (let index = 0; index < 2 + world.random.below(3); index++) {
      const count = 1 + world.random.below(12)
      this.#rounds.push({ path: `/latches/${index}`, count, begun: 0, counted: 0, unknown: 0, opened: 0 })
    }
  }

  get isIdle(): boolean {
    return this.#running === 0
  }

  counters(): Promise<void>[] {
    const { random } = this.#world
    return Array.from({ length: 2 + random.below(3) }, () => {
      const inside = random.below(4) === 0 ? { inside: 1 + random.below(3) } : {}
      return live(this.#world, { curtain: this.curtain, ...inside }, (zk) => this.#count(zk))
    })
  }

  /** Each waits at all latches at once, until they are open. */
  waiters(): Promise<void>[] {
    return Array.from({ length: this.#waiting }, () => {
      const open = new Set<Round>()
      return live(this.#world, { curtain: this.curtain }, async (zk) => {
        await Promise.all(this.#rounds.map((round) => this.#wait(zk, round, open)))
        await this.#world.sleep(zk, 200)
      })
    })
  }

  async #wait(zk: Client, round: Round, open: Set<Round>): Promise<void> {
    const { random } = this.#world
    const limit = random.below(3) === 0 && !this.isQuiet ? { waitMs: random.below(2_000) } : {}
    try {
      await latchAt(zk, round.path, { count: round.count }).wait(limit)
    } catch (error) {
      if (isZkError(error, 'OperationTimeout')) return
      throw error
    }
    check(round.begun >= round.count, 'early', `${round.path} is open after ${round.begun} of ${round.count}`)
    if (!open.has(round)) round.opened += 1
    open.add(round)
  }

  async #count(zk: Client): Promise<void> {
    const { random } = this.#world
    await this.#world.sleep(zk, random.below(400))
    const round = this.#rounds[random.below(this.#rounds.length)]!
    // Some latches are not opened before the weather is over.
    if (this.isQuiet || round.begun >= round.count + random.below(3) - 1) return
    await this.#countDown(latchAt(mutated(zk, this.#mutant), round.path, { count: round.count }), round, zk)
  }

  async #countDown(latch: Latch, round: Round, zk: Client): Promise<void> {
    round.begun += 1
    this.#running += 1
    try {
      const killed = this.#world.killed(zk).then(() => true)
      if (await Promise.race([this.#try(latch, round), killed])) round.unknown += 1
    } finally {
      this.#running -= 1
    }
  }

  async #try(latch: Latch, round: Round): Promise<boolean> {
    try {
      await latch.countDown()
      round.counted += 1
      return false
    } catch (error) {
      if (!isZkError(error) || error.mayHaveHappened) round.unknown += 1
      throw error
    }
  }

  /** What remains is what was not counted. */
  async verify(): Promise<void> {
    const zk = await this.#world.connect()
    await zk.sync('/latches')
    for (const { path, count, counted, unknown } of this.#rounds) {
      const remains = await latchAt(zk, path, { count }).remaining()
      const [least, most] = [Math.max(0, count - counted - unknown), Math.max(0, count - counted)]
      check(remains >= least && remains <= most, 'count', `${path}: ${remains} remain of ${count}, after ${counted} ` +
        `and perhaps ${unknown}`)
    }
    await zk.close()
  }

  /** Counts what is missing; then everybody goes on. */
  async finish(): Promise<void> {
    const zk = await this.#world.connect()
    for (const round of this.#rounds) {
      const latch = latchAt(zk, round.path, { count: round.count })
      for (let remains = await latch.remaining(); remains > 0;) {
        round.begun += 1
        remains = await latch.countDown()
      }
      await latch.wait()
    }
    await this.#world.until(() => this.#rounds.every(({ opened }) => opened === this.#waiting))
    await zk.close()
  }
}

function ignore(): void {
  // Awaited below.
}
