import { isZkError } from '../../lib/index.ts'
import type { Client, Peer } from '../../lib/index.ts'
import type { Report } from './protocol.ts'

/** A pause of each writer between its rounds: three processes and a driver share the machine with other tests. */
const PAUSE_MS = 8
/** Every so many rounds a node of an earlier round is deleted. */
const DELETE_EVERY = 5
/** Every so many rounds the data is large. */
const LARGE_EVERY = 10
const LARGE_BYTES = 4_000

/** Writes through one session until it is told to be quiet, and reports what was acknowledged. */
export class Writer {
  readonly #name: string
  readonly #zk: Client
  readonly #report: (report: Report) => void
  readonly #counter: string
  #isQuiet = false
  #count = 0
  #countAcked = 0
  readonly #created: string[] = []
  readonly #done: Promise<void>

  /** Opens the session, and the ephemeral node that shows that it lives. */
  static async open(
    peer: Peer, name: string, sessionTimeoutMs: number, report: (report: Report) => void,
  ): Promise<Writer> {
    const zk = await peer.connect({ sessionTimeoutMs })
    zk.on('state', ({ state, code }) => report({ kind: 'state', writer: name, state, code }))
    await persistently(() => zk.create('/alive', '', { parents: true }))
    await persistently(() => zk.create(`/w/${name}/count`, '0', { parents: true }))
    await persistently(() => zk.create('/w/line', ''))
    await persistently(() => zk.create(`/alive/${name}`, '', { ephemeral: true }))
    report({ kind: 'open', writer: name, session: zk.session!.id })
    return new Writer(name, zk, report)
  }

  private constructor(name: string, zk: Client, report: (report: Report) => void) {
    this.#name = name
    this.#zk = zk
    this.#report = report
    this.#counter = `/w/${name}/count`
    this.#done = this.#write()
  }

  get zk(): Client {
    return this.#zk
  }

  /** Resolves when nothing is under way any more. */
  quiet(): Promise<void> {
    this.#isQuiet = true
    return this.#done
  }

  async #write(): Promise<void> {
    while (!this.#isQuiet && this.#zk.state !== 'closed' && this.#zk.state !== 'expired') {
      await this.#round()
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
  }

  /** Four kinds of writes, pipelined, so that a kill finds several of them on their way. */
  async #round(): Promise<void> {
    const count = this.#count += 1
    const data = `${this.#name}:${count}:${'x'.repeat(count % LARGE_EVERY === 0 ? LARGE_BYTES : 0)}`
    const writes = [
      this.#create(`/w/${this.#name}/n${count}`, data),
      this.#attempt(this.#zk.create('/w/line/s-', data, { sequential: true }), (path) =>
        this.#report({ kind: 'created', path, data })),
      this.#attempt(this.#zk.set(this.#counter, String(count)), ({ version }) => {
        if (version > count) this.#wrong(`${this.#counter} has version ${version} after ${count} writes`)
        this.#countAcked = count
        this.#report({ kind: 'counted', path: this.#counter, count })
      }),
    ]
    const doomed = count % DELETE_EVERY === 0 ? this.#created.shift() : undefined
    if (doomed !== undefined) {
      this.#report({ kind: 'deleting', path: doomed })
      writes.push(this.#attempt(this.#zk.delete(doomed), () => this.#report({ kind: 'deleted', path: doomed })))
    }
    await Promise.all(writes)
    await this.#attempt(this.#zk.get(this.#counter), (node) => {
      // Only what was acknowledged must be seen; what was not may be there or not, but nothing else may.
      const seen = Number(node.text())
      if (seen > count || seen < this.#countAcked) this.#wrong(`read ${seen} after ${this.#countAcked} of ${count}`)
    })
  }

  #create(path: string, data: string): Promise<void> {
    return this.#attempt(this.#zk.create(path, data), () => {
      this.#created.push(path)
      this.#report({ kind: 'created', path, data })
    })
  }

  async #attempt<T>(call: Promise<T>, onAck: (value: T) => void): Promise<void> {
    try {
      onAck(await call)
    } catch (error) {
      if (isZkError(error, 'ConnectionLoss')) this.#report({ kind: 'unknown', writer: this.#name })
      // The end of the session is reported by its state, and judged there.
      else if (isOver(error)) this.#isQuiet = true
      else this.#wrong(String(error))
    }
  }

  #wrong(what: string): void {
    this.#report({ kind: 'wrong', what: `${this.#name}: ${what}` })
  }
}

function isOver(error: unknown): boolean {
  return isZkError(error, 'PeerStopped') || isZkError(error, 'Closed') || isZkError(error, 'SessionExpired')
}

/** Creates what must be there, whatever becomes of the connection meanwhile. */
async function persistently(create: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await create()
      return
    } catch (error) {
      if (isZkError(error, 'NodeExists')) return
      if (!isZkError(error, 'ConnectionLoss')) throw error
    }
  }
}
