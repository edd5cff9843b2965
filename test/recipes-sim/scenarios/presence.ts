/**
 * Nodes that are kept: while somebody deletes them and sessions end. When the weather is over every one that is kept is
 * there once, with the newest data, in its program's session; none that was closed, and none of a program that died.
 *
 * Mutant `deaf`: a client that hears of no change of the node.
 */
import type { Client } from '../../../lib/client/client.ts'
import { isZkError } from '../../../lib/core/errors.ts'
import { presence } from '../../../lib/recipes/index.ts'
import type { Presence } from '../../../lib/recipes/index.ts'
import type { StormCounts, World } from '../../../lib/testing/index.ts'
import { Violation } from '../../../lib/testing/index.ts'
import { check, Curtain, live, within } from '../actors.ts'
import { deafen, lasting, passing } from '../lasting.ts'
import type { Life } from '../lasting.ts'

const FOLDER = '/kept'
const SHARED = `${FOLDER}/shared`
const STORM_MS = 10_000
/** The longest session, once more for a leader that counts anew, and what it takes to look. */
const EXPIRED_MS = 15_000

/** What is known of one that is open. */
interface Kept {
  readonly kept: Presence
  readonly life: Life
  newest: number
  acknowledged: number
}

export async function scenario(world: World, mutant?: string): Promise<StormCounts> {
  const stage = new Stage(world, mutant === 'deaf')
  const lives = Promise.all(stage.actors())
  lives.catch(ignore)
  const counts = await Promise.race([world.storm(STORM_MS), lives.then(() => ({}))])
  stage.isQuiet = true
  await within(world, 40_000, 'all that is kept is there', Promise.race([lives, world.until(() => stage.isSettled())]))
    .catch((error: unknown) => { throw new Violation('liveness', `${(error as Error).message}\n${stage.story()}`) })
  const zk = await world.connect()
  await within(world, EXPIRED_MS, 'who died is gone', stage.untilExact(zk)).catch((error: unknown) => {
    throw new Violation('exact', `${(error as Error).message}\n${stage.story()}`)
  })
  stage.curtain.drop()
  await within(world, 60_000, 'everybody ends', lives)
  await within(world, EXPIRED_MS, 'nothing is left', stage.untilExact(zk))
  return counts
}

class Stage {
  readonly curtain = new Curtain()
  /** From now on everybody keeps a node of his own, and nobody deletes one. */
  isQuiet = false
  readonly #world: World
  readonly #isDeaf: boolean
  readonly #count: number
  readonly #open = new Set<Kept>()
  #number = 0

  constructor(world: World, isDeaf: boolean) {
    this.#world = world
    this.#isDeaf = isDeaf
    this.#count = 2 + world.random.below(3)
  }

  actors(): Promise<void>[] {
    const world = this.#world
    const options = {
      curtain: this.curtain, open: (zk: Client) => (this.#isDeaf ? deafen(zk, () => false) : zk),
    }
    const keepers = Array.from({ length: this.#count }, (_, index) => {
      const live = world.random.below(3) === 0 ? passing : lasting
      return live(world, options, (life) => this.#keep(life, index))
    })
    return [...keepers, live(world, { curtain: this.curtain }, (zk) => this.#vandalize(zk))]
  }

  async #keep(life: Life, index: number): Promise<void> {
    const world = this.#world
    const isShared = !this.isQuiet && world.random.below(4) === 0
    const isSequential = !isShared && world.random.below(3) === 0
    const path = isShared ? SHARED : `${FOLDER}/${index}`
    const number = this.#number += 1
    // Whoever stands in the place of another one may wait for long.
    const giveUp = new AbortController()
    if (isShared) void world.sleep(life.zk, 200 + world.random.below(2_000)).then(() => giveUp.abort())
    const kept = await presence(life.source, path, `${number}`, {
      mode: isSequential ? 'ephemeralSequential' : 'ephemeral', replace: world.random.below(2) === 0,
      signal: giveUp.signal,
    })
    const entry: Kept = { kept, life, newest: number, acknowledged: number }
    this.#open.add(entry)
    const leave = (): void => void this.#open.delete(entry)
    void life.killed.then(leave)
    const over = new Promise<void>((resolve) => void kept.on('end', () => {
      leave()
      resolve()
    }))
    try {
      while (!kept.isOver && !this.curtain.isDown && !(this.isQuiet && isShared)) {
        if (this.isQuiet) await Promise.race([this.curtain.dropped, over])
        else if (!await this.#act(entry, isShared)) break
      }
    } finally {
      leave()
      await kept.close()
      check(!kept.isPresent && kept.isOver, 'closed', 'it says that it is there')
    }
  }

  /** False: it is kept no more. */
  async #act(entry: Kept, isShared: boolean): Promise<boolean> {
    const world = this.#world
    const way = world.random.below(6)
    if (way === 0) return false
    if (way <= 2 && !isShared) {
      const number = entry.newest = this.#number += 1
      await entry.kept.set(`${number}`)
      entry.acknowledged = Math.max(entry.acknowledged, number)
    }
    const { kept, life } = entry
    if (kept.isPresent) check(kept.path !== null && life.zk.status().aliveForMs > 0, 'truth', 'its session may be over')
    await world.sleep(life.zk, world.random.below(400))
    return true
  }

  async #vandalize(zk: Client): Promise<void> {
    const world = this.#world
    await world.sleep(zk, world.random.below(500))
    if (this.isQuiet) return
    const names = await childrenOf(zk)
    const name = names[world.random.below(Math.max(1, names.length))]
    if (name !== undefined) await zk.delete(`${FOLDER}/${name}`)
  }

  /** Asked after every event. */
  isSettled(): boolean {
    return this.#open.size === this.#count &&
      [...this.#open].every(({ kept, newest, acknowledged }) => kept.isPresent && newest === acknowledged)
  }

  /** Until the tree has exactly what is kept. */
  async untilExact(zk: Client): Promise<void> {
    for (;;) {
      await zk.sync(FOLDER)
      const names = await childrenOf(zk)
      const nodes = await Promise.all(names.map(async (name) => {
        const node = await zk.get(`${FOLDER}/${name}`).catch((error: unknown) => {
          if (isZkError(error, 'NoNode')) return null
          throw error
        })
        return node === null ? '' : `${FOLDER}/${name}=${node.text()} of ${node.stat.ephemeralOwner}`
      }))
      const wanted = [...this.#open].map(({ kept, life, newest }) => `${kept.path}=${newest} of ${life.zk.session?.id}`)
      if (nodes.toSorted().join() === wanted.toSorted().join()) return
      await this.#world.sleep(zk, 500)
    }
  }

  story(): string {
    return [`${this.#count} are to be kept`, ...[...this.#open].map(({ kept, life, newest, acknowledged }) =>
      `${kept.path} ${kept.isPresent ? '' : 'absent '}${newest} ${acknowledged} ${life.zk.state}`)].join('\n')
  }
}

async function childrenOf(zk: Client): Promise<string[]> {
  try {
    return await zk.children(FOLDER)
  } catch (error) {
    if (isZkError(error, 'NoNode')) return []
    throw error
  }
}

function ignore(): void {
  // Looked at elsewhere.
}
