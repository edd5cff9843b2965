import { modeOf, startServers } from '../servers.ts'
import type { Program, Server } from '../servers.ts'
import { serverFolder } from '../scaling/start.ts'
import { Buffers, Connection } from '../traffic/connection.ts'
import { createFrame, setFrame } from '../traffic/requests.ts'
import type { RequestFrame } from '../traffic/requests.ts'

const PATH = '/failover'
const PAUSE_MS = 5
const ANSWER_WITHIN_MS = 500
const WRITES_BEFORE = 100
/** The largest gap is known once writes went on for so long after it. */
const CALM_MS = 1_500
const OVER_MS = 30_000

/** One session that goes on at whichever server takes it. */
class Writer {
  readonly #servers: readonly Server[]
  readonly #buffers = new Buffers()
  #connection: Connection | null = null
  #next = 0

  constructor(servers: readonly Server[]) {
    this.#servers = servers
  }

  /** True when it was acknowledged. */
  async write(frame: RequestFrame): Promise<boolean> {
    try {
      this.#connection ??= await this.#open()
      return await within(this.#connection.call(frame)) === 0
    } catch (error) {
      if (!(error instanceof Error)) throw error
      this.close()
      return false
    }
  }

  async #open(): Promise<Connection> {
    const { host } = this.#servers[this.#next++ % this.#servers.length]!
    const opening = Connection.open(host, this.#buffers)
    try {
      return await within(opening)
    } catch (error) {
      opening.then((late) => late.destroy(), () => undefined)
      throw error
    }
  }

  close(): void {
    this.#connection?.destroy()
    this.#connection = null
  }
}

async function within<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), ANSWER_WITHIN_MS)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => { setTimeout(resolve, PAUSE_MS) })
}

async function leaderOf(servers: readonly Server[]): Promise<Server> {
  const modes = await Promise.all(servers.map(({ clientPort }) => modeOf(clientPort)))
  const leader = servers[modes.indexOf('leader')]
  if (leader === undefined) throw new Error(`nobody leads: ${modes.join(', ')}`)
  return leader
}

/**
 * The longest time without an acknowledged write, in ms, after the leader of three was killed with SIGKILL, as somebody
 * sees it who writes every 5 ms at the two others.
 */
export async function failover(program: Program): Promise<number> {
  const ensemble = await startServers(program, 3, serverFolder())
  try {
    const leader = await leaderOf(ensemble.servers)
    const writer = new Writer(ensemble.servers.filter((server) => server !== leader))
    await writer.write(createFrame(PATH, null))
    const frame = setFrame(PATH, new Uint8Array(1))
    for (let i = 0; i < WRITES_BEFORE; i++) {
      await writer.write(frame)
      await pause()
    }
    leader.child.kill('SIGKILL')
    const gapMs = await longestGap(() => writer.write(frame))
    writer.close()
    return gapMs
  } finally {
    await ensemble.stop()
  }
}

/** From the kill on: also what is shorter than a pause or two counts as what it is. */
async function longestGap(write: () => Promise<boolean>): Promise<number> {
  const killedMs = performance.now()
  let lastMs = killedMs
  let longestMs = 0
  let endedMs = killedMs
  for (;;) {
    const isDone = await write()
    const nowMs = performance.now()
    if (isDone) {
      if (nowMs - lastMs > longestMs) {
        longestMs = nowMs - lastMs
        endedMs = nowMs
      }
      lastMs = nowMs
      if (nowMs - endedMs > CALM_MS) return longestMs
    }
    if (nowMs - lastMs > OVER_MS) throw new Error(`no write was acknowledged in ${OVER_MS / 1_000} s after the kill`)
    await pause()
  }
}
