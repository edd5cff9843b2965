/** Programs that use recipes in a world with weather. */
import type { Client } from '../../lib/client/client.ts'
import { isZkError } from '../../lib/core/errors.ts'
import type { StormCounts, StormFault, World, WorldConnectOptions } from '../../lib/testing/index.ts'
import { STORM_FAULTS, Violation } from '../../lib/testing/index.ts'

/** The end of what programs do. */
export class Curtain {
  isDown = false
  #drop: (() => void) | null = null
  readonly dropped: Promise<void> = new Promise((resolve) => { this.#drop = resolve })

  drop(): void {
    this.isDown = true
    this.#drop?.()
  }
}

/** How a program lives. */
export interface LifeOptions {
  /** When it is down, the work is not begun again. */
  readonly curtain: Curtain
  /** Of each session; 2,000 to 6,000 when left out. */
  readonly sessionTimeoutMs?: number
  /** Lives inside a peer, and is started again there when it died with it. */
  readonly inside?: number
  /** Told of every session that was opened. */
  readonly onConnected?: (zk: Client) => void
}

/**
 * Lives until the curtain is down: connects, does the work again and again, and connects anew when the session is over
 * or the program was killed. Work may fail with errors of the ensemble; any other error is the scenario's.
 */
export async function live(
  world: World, options: LifeOptions, work: (zk: Client) => Promise<void>,
): Promise<void> {
  const { curtain, inside, sessionTimeoutMs, onConnected } = options
  while (!curtain.isDown) {
    const connect: WorldConnectOptions = {
      sessionTimeoutMs: sessionTimeoutMs ?? 2_000 + world.random.below(4_000),
      ...(inside === undefined ? {} : { inside }),
    }
    let zk: Client
    try {
      if (inside !== undefined) await world.until(() => curtain.isDown || world.isRunning(inside))
      if (curtain.isDown) return
      zk = await world.connect(connect)
    } catch (error) {
      if (isViolation(error)) throw error
      await world.advance(100)
      continue
    }
    onConnected?.(zk)
    await Promise.race([world.killed(zk), workAgain(world, curtain, zk, work)])
  }
}

async function workAgain(
  world: World, curtain: Curtain, zk: Client, work: (zk: Client) => Promise<void>,
): Promise<void> {
  while (!curtain.isDown && zk.state !== 'closed' && zk.state !== 'expired') {
    try {
      await work(zk)
    } catch (error) {
      if (!isZkError(error)) throw error
      await world.sleep(zk, 50 + world.random.below(100))
    }
  }
  await zk.close()
}

function isViolation(error: unknown): boolean {
  return error instanceof Violation
}

/** Throws a Violation unless it comes true in time. */
export async function within<T>(
  world: World, ms: number, what: string, condition: Promise<T> | (() => boolean),
): Promise<T> {
  try {
    return await world.until(condition, { limitMs: ms }) as T
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('not within')) {
      throw new Violation('liveness', `${what}: ${error.message}`)
    }
    throw error
  }
}

/** Throws a Violation unless it holds. */
export function check(holds: boolean, name: string, what: string): asserts holds {
  if (!holds) throw new Violation(name, what)
}

/** A play with some users and weather. */
export interface Play {
  /** What each of them does, again and again; the number tells them apart. */
  readonly work: (zk: Client, user: number) => Promise<void>
  /** Of whom there are at least so many, and at most; 2 and 5 when left out. */
  readonly users?: readonly [number, number]
  /** Rises as long as all is well: in calm weather it must. */
  readonly progress: () => number
  readonly stormMs?: number
  /** What the weather is made of; the usual kinds when left out. */
  readonly faults?: readonly StormFault[]
  /** Who else is there, until the curtain is down. */
  readonly others?: (curtain: Curtain) => Promise<void>
}

/**
 * Lets the users work in a storm, then in calm weather, where there must be progress, and everybody must come to an
 * end. Every fourth user or so lives inside a peer.
 */
export async function play(world: World, plot: Play): Promise<StormCounts> {
  const { work, users = [2, 5], progress, stormMs, faults = STORM_FAULTS, others } = plot
  const { random } = world
  const curtain = new Curtain()
  const count = users[0] + random.below(users[1] - users[0] + 1)
  const lives = Promise.all([others?.(curtain), ...Array.from({ length: count }, (_, user) => {
    const inside = random.below(4) === 0 ? 1 + random.below(3) : undefined
    return live(world, { curtain, ...(inside === undefined ? {} : { inside }) }, (zk) => work(zk, user))
  })])
  let storm: StormCounts = {}
  const weather = world.storm(stormMs ?? 4_000 + random.below(8_000), { faults }).then((counts) => { storm = counts })
  // Whoever finds something broken ends it.
  await Promise.race([weather, lives])
  const before = progress()
  await within(world, 30_000, 'progress in calm weather', Promise.race([lives, rises(world, progress, before)]))
  curtain.drop()
  await within(world, 60_000, 'the end of all work', lives)
  return storm
}

async function rises(world: World, progress: () => number, before: number): Promise<void> {
  await world.until(() => progress() > before)
}

/** Until nobody is in these folders any more. */
export async function emptied(world: World, ...paths: readonly string[]): Promise<void> {
  const zk = await world.connect({ sessionTimeoutMs: 30_000 })
  const isEmpty = async (path: string): Promise<boolean> => {
    await zk.sync('/')
    const stat = await zk.exists(path)
    return stat === null || stat.numChildren === 0
  }
  const all = async (): Promise<void> => {
    for (const path of paths) while (!await isEmpty(path)) await world.sleep(zk, 500)
  }
  await within(world, 30_000, `nothing is left in ${paths.join(', ')}`, all())
  await zk.close()
}
