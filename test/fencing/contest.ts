import { setTimeout as pause } from 'node:timers/promises'
import { makeRandom } from '../../lib/core/random.ts'
import { connect } from '../../lib/node.ts'
import { contenders } from '../../lib/recipes/index.ts'
import { bundle } from '../kill/bundle.ts'
import { Fray } from './blows.ts'
import type { Blows } from './blows.ts'
import { Journal } from './journal.ts'
import { Peers } from './peers.ts'
import type { Victim } from './process.ts'
import { Storage } from './storage.ts'
import { Workers } from './workers.ts'

/** What is tried. */
export interface ContestOptions {
  /** Empty, and removed by the caller afterwards. */
  readonly folder: string
  readonly seed: number
  readonly workers: number
  /** How long processes are hurt; the beginning and the end take some seconds more. */
  readonly forMs: number
  /** False: the storage compares no tokens. */
  readonly isFenced?: boolean
  /** What is done to the processes; random blows for `forMs` by default. */
  readonly plan?: (fray: Fray) => Promise<void>
}

const SESSION_TIMEOUT_MS = 2_000
/** What must come to pass does so within this time, also on a machine that has much else to do. */
const LIMIT_MS = 60_000
const LOOK_MS = 100
const LOCK = '/locks/counter'

/** Workers in processes of their own contend for one lock of three peers, and count in a file under its token. */
export class Contest {
  readonly journal: Journal = new Journal()
  readonly #options: ContestOptions
  #storage: Storage | null = null
  #peers: Peers | null = null
  #workers: Workers | null = null
  #fray: Fray | null = null

  constructor(options: ContestOptions) {
    this.#options = options
  }

  get workers(): Workers | null {
    return this.#workers
  }

  get blows(): { readonly peers: Blows, readonly workers: Blows } | null {
    return this.#fray === null ? null : { peers: this.#fray.peerBlows, workers: this.#fray.workerBlows }
  }

  /** Everything that went wrong; empty when the promises held. Rejects when the processes do not come up or to rest. */
  async run(): Promise<string[]> {
    const { folder, seed, forMs, isFenced = true, plan = (all) => all.run(forMs) } = this.#options
    const storage = this.#storage = await Storage.start(folder, this.journal, isFenced)
    const script = await bundle(new URL('worker.ts', import.meta.url), folder)
    const peers = this.#peers = await Peers.start(folder, (what) => this.journal.wrong(what))
    await (await connect(peers.address, { connectTimeoutMs: LIMIT_MS })).close()
    const common = {
      address: peers.address, socket: storage.socket, lock: LOCK, sessionTimeoutMs: SESSION_TIMEOUT_MS,
    }
    const workers = this.#workers = new Workers(script, common, this.journal, this.#options.workers)
    await this.#allWork(workers)
    const fray = this.#fray = new Fray({
      peers, workers, journal: this.journal, random: makeRandom(seed), sessionTimeoutMs: SESSION_TIMEOUT_MS,
    })
    await plan(fray)
    await this.#allWork(workers)
    await this.#rest(peers, workers)
    return this.journal.problems(storage.count)
  }

  /** Nobody waits for ever: each worker has its turn. */
  async #allWork(workers: Workers): Promise<void> {
    const { marks } = workers
    const limitMs = performance.now() + LIMIT_MS
    for (let idle = workers.all; idle.length > 0; idle = workers.idleSince(marks)) {
      if (performance.now() > limitMs) {
        const names = idle.map(({ name }) => name).join(', ')
        const others = this.journal.problems(this.journal.count)
        throw new Error([`no turn within ${LIMIT_MS} ms for ${names}`, ...others].join('; '))
      }
      await pause(LOOK_MS)
    }
  }

  /** The workers let go, and leave nothing behind. */
  async #rest(peers: Peers, workers: Workers): Promise<void> {
    for (const { child } of workers.all) child.stdin!.write('end\n')
    await endAll(workers.all, (name) => this.journal.wrong(`${name} does not end`))
    const zk = await connect(peers.address, { connectTimeoutMs: LIMIT_MS })
    try {
      const left = await contenders(zk, LOCK)
      if (left.length > 0) this.journal.wrong(`still in line: ${left.map(({ name }) => name).join(', ')}`)
    } finally {
      await zk.close()
    }
  }

  /** Ends everything, at any time. */
  async end(): Promise<void> {
    this.#fray?.close()
    const running = [...this.#workers?.all ?? [], ...this.#peers?.all ?? []]
    await Promise.all(running.map((victim) => victim.kill()))
    await this.#storage?.stop()
    this.#storage = null
  }

  /** As `end`, but at once: the process is about to exit. */
  endNow(): void {
    for (const { child } of [...this.#workers?.all ?? [], ...this.#peers?.all ?? []]) child.kill('SIGKILL')
  }
}

async function endAll(victims: readonly Victim[], onLate: (name: string) => void): Promise<void> {
  await Promise.all(victims.map(async (victim) => {
    if (!await victim.endWithin(LIMIT_MS)) onLate(victim.name)
  }))
}
