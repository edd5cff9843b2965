/**
 * The barrier: nobody passes while it is surely set, and everybody who waits passes when it is lifted, also when it is
 * set again at once; set and lift happen once each.
 */
import type { Client } from '../../../lib/client/client.ts'
import { isZkError } from '../../../lib/core/errors.ts'
import { barrierAt } from '../../../lib/recipes/index.ts'
import type { StormCounts, World } from '../../../lib/testing/index.ts'
import { check, Curtain, live, within } from '../actors.ts'
import { mutated } from '../mutants.ts'

const PATH = '/gates/one'
const STORM_MS = 10_000
const FINE_MS = 8_000

export async function scenario(world: World, mutant?: string): Promise<StormCounts> {
  const stage = new Stage(world, mutant)
  const lives = Promise.all([stage.keeper(), ...stage.waiters()])
  lives.catch(ignore)
  const counts = await Promise.race([world.storm(STORM_MS), lives.then(() => ({}))])
  stage.isQuiet = true
  await within(world, 60_000, 'everybody passes', Promise.race([lives, stage.fine()]))
  stage.curtain.drop()
  await within(world, 30_000, 'everybody goes', lives)
  return counts
}

class Stage {
  readonly curtain = new Curtain()
  isQuiet = false
  readonly #world: World
  readonly #mutant: string | undefined
  readonly #waiters: number
  /** It is surely set since: nobody has tried to lift it, and nothing is unknown. */
  #setMs: number | null = null
  /** Of the keeper before this one, which may still be heard by the ensemble. */
  #session: string | null = null
  /** Whose program is at it. */
  #keeping: Client | null = null
  #passed = 0
  #waiting = 0

  constructor(world: World, mutant: string | undefined) {
    this.#world = world
    this.#mutant = mutant
    this.#waiters = 1 + world.random.below(4)
  }

  /** The only one who sets and lifts it. */
  keeper(): Promise<void> {
    const { random } = this.#world
    const inside = random.below(3) === 0 ? { inside: 1 + random.below(3) } : {}
    return live(this.#world, { curtain: this.curtain, ...inside }, async (zk) => {
      await this.#world.sleep(zk, random.below(600))
      if (this.isQuiet) return
      this.#keeping = zk
      await this.#keep(zk).finally(() => { this.#keeping = null })
    })
  }

  async #keep(zk: Client): Promise<void> {
    const { random } = this.#world
    await this.#own(zk)
    const gate = barrierAt(mutated(zk, this.#mutant), PATH)
    this.#setMs = null
    const wasSet = await gate.isSet()
    check(await gate.set() === !wasSet, 'set', `it was ${wasSet ? '' : 'not '}set before`)
    this.#setMs = this.#world.nowMs
    await this.#world.sleep(zk, random.below(1_500))
    check(await gate.isSet(), 'set', 'it is not set any more')
    this.#setMs = null
    check(await gate.lift(), 'lift', 'somebody else lifted it')
    if (random.below(3) === 0) {
      check(await gate.set(), 'set', 'somebody else set it')
      this.#setMs = this.#world.nowMs
    }
  }

  /** Nothing of an earlier keeper happens any more. */
  async #own(zk: Client): Promise<void> {
    const id = zk.session?.id ?? null
    if (id === this.#session) return
    this.#setMs = null
    const world = this.#world
    await world.until(() => {
      const leader = world.leader()
      return this.#session === null || (leader !== null && !world.peer(leader).tree.hasSession(this.#session as never))
    })
    // The leader that knows of no such session is the newest, as a quorum answers this.
    await zk.sync(PATH)
    this.#session = id
  }

  waiters(): Promise<void>[] {
    return Array.from({ length: this.#waiters }, () =>
      live(this.#world, { curtain: this.curtain }, (zk) => this.#wait(zk)))
  }

  async #wait(zk: Client): Promise<void> {
    const { random } = this.#world
    await this.#world.sleep(zk, this.isQuiet ? 100 : random.below(300))
    const beganMs = this.#world.nowMs
    await zk.sync(PATH)
    const limit = random.below(4) === 0 && !this.isQuiet ? { waitMs: random.below(1_500) } : {}
    this.#waiting += 1
    try {
      await barrierAt(zk, PATH).wait(limit)
      this.#passed += 1
    } catch (error) {
      if (isZkError(error, 'OperationTimeout')) return
      throw error
    } finally {
      this.#waiting -= 1
    }
    const setMs = this.#setMs
    check(setMs === null || setMs >= beganMs, 'early', 'somebody passed while it was set')
  }

  /** Everybody waits; then it is lifted and set again at once, and all pass. */
  async fine(): Promise<void> {
    const world = this.#world
    const zk = await world.connect()
    await world.sleep(zk, FINE_MS)
    await world.until(() => this.#keeping === null || !world.clients.includes(this.#keeping))
    const gate = barrierAt(zk, PATH)
    for (let round = 0; round < 3; round++) {
      this.#setMs = null
      await gate.set()
      await zk.sync(PATH)
      await world.until(() => this.#waiting === this.#waiters)
      // Those who began before it was set, or just now, have seen it by then.
      await world.sleep(zk, 2_000)
      check(this.#waiting === this.#waiters, 'early', 'somebody passed while it was set')
      const before = this.#passed
      await Promise.all([gate.lift(), ...(round === 2 ? [] : [gate.set()])])
      await within(world, 5_000, 'all pass', () => this.#passed - before >= this.#waiters)
    }
    await zk.close()
  }
}

function ignore(): void {
  // Awaited below.
}
