/**
 * The queue: every item whose put was answered is done in the end, by one who had it alone, and none is there twice;
 * one that is done is never delivered again; whoever waits hears of what is put; and one consumer gets them in order.
 */
import type { Client } from '../../../lib/client/client.ts'
import { isZkError } from '../../../lib/core/errors.ts'
import { contenders, queueAt } from '../../../lib/recipes/index.ts'
import type { Item, Queue } from '../../../lib/recipes/index.ts'
import type { StormCounts, World } from '../../../lib/testing/index.ts'
import { check, Curtain, live, within } from '../actors.ts'
import { mutated } from '../mutants.ts'

const PATH = '/queue'
const STORM_MS = 10_000
/** Puts of one item each while the weather is fine, and how long the item may lie. */
const FINE_PUTS = 5
const FINE_MS = 2_000
const PRIORITIES = [3, 100, 999]

/** What is known of an item, by its text. */
interface Known {
  isPut: boolean
  /** Its name when it was first delivered; one that was put twice has two. */
  name: string | null
  isDone: boolean
  /** Tokens of those who said that it is done, and were not told that it was not. */
  readonly perhapsDone: Set<number>
  newest: number
}

export async function scenario(world: World, mutant?: string): Promise<StormCounts> {
  const stage = new Stage(world, mutant)
  const lives = Promise.all([...stage.producers(), ...stage.consumers()])
  lives.catch(ignore)
  const counts = await Promise.race([world.storm(STORM_MS), lives.then(() => ({}))])
  stage.isQuiet = true
  await within(world, 90_000, 'every item is done', Promise.race([lives, stage.emptied()]))
  await Promise.race([lives, stage.fine()])
  stage.curtain.drop()
  await stage.wake()
  await within(world, 60_000, 'everybody goes', lives)
  await within(world, 60_000, 'one consumer gets all in order', stage.inOrder())
  return counts
}

class Stage {
  readonly curtain = new Curtain()
  isQuiet = false
  readonly #world: World
  readonly #mutant: string | undefined
  readonly #known = new Map<string, Known>()
  /** Who has what, as each program believes. */
  readonly #held = new Map<Item, Client>()
  #number = 0
  #consumers = 0

  constructor(world: World, mutant: string | undefined) {
    this.#world = world
    this.#mutant = mutant
  }

  // --- those who put -----------------------------------------------------------------------------------------------

  producers(): Promise<void>[] {
    return Array.from({ length: 1 + this.#world.random.below(2) }, () => this.#program((zk) => this.#produce(zk)))
  }

  #program(work: (zk: Client) => Promise<void>): Promise<void> {
    const { random } = this.#world
    const inside = random.below(4) === 0 ? { inside: 1 + random.below(3) } : {}
    return live(this.#world, { curtain: this.curtain, ...inside }, work)
  }

  async #produce(zk: Client): Promise<void> {
    const { random } = this.#world
    await this.#world.sleep(zk, random.below(250))
    if (this.isQuiet) return
    const queue = queueAt(mutated(zk, this.#mutant), PATH)
    const count = random.below(6) === 0 ? 3 : 1
    const delay = random.below(6) === 0 ? { delayMs: random.below(1_500) } : {}
    await this.#put(queue, count, { priority: PRIORITIES[random.below(3)]!, ...delay })
  }

  async #put(queue: Queue, count: number, options: object): Promise<void> {
    const texts = Array.from({ length: count }, () => `${this.#number++}`)
    for (const text of texts) {
      this.#known.set(text, { isPut: false, name: null, isDone: false, perhapsDone: new Set(), newest: 0 })
    }
    await queue.putAll(texts, options)
    for (const text of texts) this.#known.get(text)!.isPut = true
  }

  // --- those who take ----------------------------------------------------------------------------------------------

  consumers(): Promise<void>[] {
    this.#consumers = 1 + this.#world.random.below(4)
    return Array.from({ length: this.#consumers }, () => this.#program((zk) => this.#consume(zk)))
  }

  async #consume(zk: Client): Promise<void> {
    const { random } = this.#world
    const limit = random.below(4) === 0 ? { waitMs: random.below(1_000) } : {}
    // Some take two at once, by one place in line.
    const queue = queueAt(zk, PATH, { name: 'consumer' })
    const takes = Array.from({ length: random.below(4) === 0 ? 2 : 1 }, async () => {
      let item: Item
      try {
        item = await queue.take(limit)
      } catch (error) {
        if (isZkError(error, 'OperationTimeout')) return
        throw error
      }
      await this.#work(zk, item)
    })
    for (const result of await Promise.allSettled(takes)) if (result.status === 'rejected') throw result.reason
  }

  async #work(zk: Client, item: Item): Promise<void> {
    const { random } = this.#world
    const text = item.text()
    if (text === 'wake up') return item.done()
    this.#taken(zk, item)
    try {
      for (let left = random.below(3); left > 0; left--) {
        await this.#world.sleep(zk, random.below(left === 1 && !this.isQuiet ? 2_000 : 50))
        // Some do not look, and rely on the guard.
        if (random.below(2) === 0) continue
        if (!item.held) return
        check(item.token.zxid === this.#known.get(text)!.newest, 'held', `${text} is held by two`)
      }
      if (random.below(6) === 0) return
      await this.#done(item)
    } finally {
      this.#held.delete(item)
      await item.release()
    }
  }

  #taken(zk: Client, item: Item): void {
    const known = this.#known.get(item.text())
    check(known !== undefined, 'origin', `nobody put ${item.text()}`)
    check(!known.isDone, 'done', `${item.text()} was delivered although it was done`)
    check((known.name ??= item.name) === item.name, 'once', `${item.text()} was put twice`)
    if (item.held) {
      check(item.token.zxid > known.newest, 'token', `${item.token.zxid} was given after ${known.newest}`)
      known.newest = item.token.zxid
      for (const [other, its] of this.#held) {
        check(other.name !== item.name || other.signal.aborted || this.#world.isPaused(its) ||
          !this.#world.clients.includes(its), 'signal', `${item.name} was given before its consumer knew`)
      }
    }
    this.#held.set(item, zk)
  }

  async #done(item: Item): Promise<void> {
    const known = this.#known.get(item.text())!
    try {
      // Those who are killed meanwhile do not come to say what they know.
      known.perhapsDone.add(item.token.zxid)
      await item.done()
      check(!known.isDone, 'done', `${item.text()} was done twice`)
      // By the ensemble's account: whoever removed an item was the last who had it.
      check(item.token.zxid === known.newest, 'guard', `${item.text()} was removed by one who had lost it`)
      known.isDone = true
    } catch (error) {
      if (!isZkError(error, 'LockLost')) throw error
      if (!error.mayHaveHappened) known.perhapsDone.delete(item.token.zxid)
    }
  }

  // --- at the end --------------------------------------------------------------------------------------------------

  /** Nothing is left, and nothing was lost. */
  async emptied(): Promise<void> {
    const zk = await this.#world.connect()
    for (;;) {
      // What is answered after the look may have been put after it.
      const put = this.#answered()
      await zk.sync(PATH)
      const size = await queueAt(zk, PATH).size()
      if (size.waiting + size.taken + size.delayed === 0) {
        for (const [text, { isDone, perhapsDone }] of put) {
          check(isDone || perhapsDone.size > 0, 'lost', `${text} is gone, and nobody did it`)
        }
        if (this.#answered().length === put.length) break
      }
      await this.#world.sleep(zk, 500)
    }
    await zk.close()
  }

  /** Items whose put was answered. */
  #answered(): [string, Known][] {
    return Array.from(this.#known).filter(([, { isPut }]) => isPut)
  }

  /** What is put while consumers wait is done soon. */
  async fine(): Promise<void> {
    const zk = await this.#world.connect()
    const queue = queueAt(zk, PATH)
    await this.#world.sleep(zk, 8_000)
    for (let n = 0; n < FINE_PUTS; n++) {
      const text = `${this.#number}`
      await this.#put(queue, 1, {})
      await within(this.#world, FINE_MS, `${text} is taken`, () => this.#known.get(text)!.newest > 0)
      await within(this.#world, 30_000, `${text} is done`, () => this.#known.get(text)!.isDone)
    }
    await zk.close()
  }

  /** Whoever waits for more is given something to go with. */
  async wake(): Promise<void> {
    const zk = await this.#world.connect()
    await queueAt(zk, PATH).putAll(Array.from({ length: 4 * this.#consumers }, () => 'wake up'))
    await zk.close()
  }

  /** Smallest priority first, the oldest within it. */
  async inOrder(): Promise<void> {
    const zk = await this.#world.connect()
    const queue = queueAt(zk, PATH)
    for (;;) {
      const { waiting, taken } = await queue.size()
      if (waiting + taken === 0) break
      if (waiting > 0) await (await queue.take()).done()
      else await this.#world.sleep(zk, 500)
    }
    const put: [priority: number, index: number][] = []
    for (let index = 0; index < 8; index++) {
      const priority = PRIORITIES[this.#world.random.below(3)]!
      put.push([priority, index])
      await queue.put(`${index}`, { priority })
    }
    put.sort(([one, first], [other, second]) => one - other || first - second)
    for (const [, index] of put) {
      const item = await queue.take()
      check(item.text() === `${index}` && item.deliveries === 1, 'order', `${item.text()} came before ${index}`)
      await item.done()
    }
    check((await contenders(zk, `${PATH}/takers`)).length === 0, 'clean', 'somebody stands in line')
    await zk.close()
  }
}

function ignore(): void {
  // Awaited below.
}
