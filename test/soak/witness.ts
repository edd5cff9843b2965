import { isZkError } from '../../lib/index.ts'
import type { Client } from '../../lib/index.ts'
import { LIMIT_MS } from './peers.ts'
import type { Sessions } from './sessions.ts'
import { Testimony } from './testimony.ts'
import { isInterruption } from './visit.ts'
import { PATHS } from './world.ts'
import type { World } from './world.ts'

const SESSION_TIMEOUT_MS = 6_000

/** Watches all registers with one recursive watch, session after session, and remembers what it is told. */
export class Witness {
  readonly #sessions: Sessions
  readonly #world: World
  readonly #testimony: Testimony
  #zk: Client | null = null

  constructor(name: string, sessions: Sessions, world: World) {
    this.#sessions = sessions
    this.#world = world
    this.#testimony = new Testimony(name, world.checks)
  }

  /** Until it is over. Then the last session is open, unless it was just lost. */
  async watch(over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      try {
        await this.#session(over)
      } catch (error) {
        if (!isInterruption(error) || this.#sessions.haveEnded) throw error
      }
    }
  }

  async #session(over: AbortSignal): Promise<void> {
    // A watch may end before its session does.
    await this.#zk?.close()
    const zk = this.#zk = await this.#sessions.open({
      sessionTimeoutMs: SESSION_TIMEOUT_MS, connectTimeoutMs: LIMIT_MS,
    })
    this.#world.counts.sessions += 1
    let hasBegun = false
    /** What came before it was known from where on all comes. */
    let early = 0
    await new Promise<void>((resolve) => {
      over.addEventListener('abort', () => resolve(), { once: true })
      const watcher = zk.watch(PATHS.registers, {
        recursive: true, onEnd: () => resolve(),
        onItem: ({ type, path, zxid }) => {
          this.#world.counts.events += 1
          if (!hasBegun) early = Math.max(early, zxid)
          else if (type === 'gap') this.#testimony.begin(zxid)
          else this.#testimony.told(path, zxid)
        },
      })
      watcher.ready().then(() => {
        hasBegun = true
        this.#testimony.begin(Math.max(early, zk.status().zxid))
      }, (error: unknown) => {
        if (!isZkError(error)) throw error
        resolve()
      })
    })
  }

  /** Nothing is written any more: what it was told is what there was. */
  async final(): Promise<void> {
    const { horizon, registers } = this.#world
    const { beginnings } = this.#testimony
    try {
      const { zxid } = horizon
      await this.#zk?.sync()
      if (beginnings === this.#testimony.beginnings) this.#testimony.complete(zxid)
    } catch (error) {
      if (!isInterruption(error)) throw error
    }
    this.#testimony.judge(registers, registers.paths.filter((path) => path.startsWith(PATHS.registers)))
  }
}
