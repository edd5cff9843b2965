import { isZkError } from '../core/errors.ts'
import { childOf } from '../core/tree/path.ts'
import type { Client } from '../client/client.ts'
import type { Task } from './command.ts'
import { explain } from './explain.ts'
import type { ExportRecord } from './export-file.ts'
import { checkedPath } from './paths.ts'

const WRITES_IN_FLIGHT = 128
/** Nodes that are named when they fail; more are only counted. */
const COMPLAINTS_MAX = 20

/**
 * Makes nodes in the order in which they come, parents first, many at a time: the requests of one session are carried
 * out in their order. A node gets its access-control list when it is made, so nothing is open for a moment that should
 * not be; who may not create below it must add his identity first.
 */
export class Import {
  readonly root: string
  readonly #task: Task
  readonly #zk: Client
  readonly #replaces: boolean
  readonly #inFlight = new Set<Promise<void>>()
  readonly #fatal: Error[] = []
  made = 0
  replaced = 0
  skipped = 0
  failed = 0

  constructor(task: Task, zk: Client, root: string, replaces: boolean) {
    this.#task = task
    this.#zk = zk
    this.root = root
    this.#replaces = replaces
  }

  /** Resolves when there is room for the next one. */
  async add(record: ExportRecord): Promise<void> {
    const path = checkedPath(record.path === '' ? this.root : childOf(this.root, record.path))
    if (record.ephemeralOwner !== undefined) {
      this.skipped += 1
      return
    }
    const work = this.#make(path, record)
    this.#inFlight.add(work)
    void work.finally(() => this.#inFlight.delete(work))
    // Before the first one is there, nothing can be made below it.
    if (record.path === '' || this.#inFlight.size >= WRITES_IN_FLIGHT) await Promise.race(this.#inFlight)
    if (this.#fatal[0] !== undefined) throw this.#fatal[0]
    this.#task.progress(`${this.made + this.replaced} nodes`)
  }

  /** Resolves, with what was done, when all of it is. */
  async end(): Promise<this> {
    await Promise.all(this.#inFlight)
    if (this.#fatal[0] !== undefined) throw this.#fatal[0]
    return this
  }

  async #make(path: string, record: ExportRecord): Promise<void> {
    const { signal } = this.#task
    const { data, acl, ttlMs, container = false } = record
    const kind = { container, ...(ttlMs === undefined ? {} : { ttlMs }) }
    try {
      if (path === '/') {
        await this.#replace(path, record)
        return
      }
      await this.#zk.create(path, data, { ...kind, acl, parents: record.path === '', signal })
      this.made += 1
    } catch (error) {
      if (this.#replaces && isZkError(error, 'NodeExists')) await this.#replace(path, record)
      else this.#fail(error)
    }
  }

  /** The root exists always, so it counts as one that may be replaced only when that was asked for. */
  async #replace(path: string, { data, acl }: ExportRecord): Promise<void> {
    if (!this.#replaces) return
    const { signal } = this.#task
    try {
      await Promise.all([this.#zk.set(path, data, { signal }), this.#zk.setAcl(path, acl, { signal })])
      this.replaced += 1
    } catch (error) {
      this.#fail(error)
    }
  }

  /** One node may fail; without a session, or against the will of the user, nothing goes on. */
  #fail(error: unknown): void {
    if (!isZkError(error) || ['Aborted', 'Closed', 'SessionExpired', 'ConnectionLoss'].includes(error.code)) {
      this.#fatal.push(error as Error)
      return
    }
    this.failed += 1
    if (this.failed <= COMPLAINTS_MAX) this.#task.complain(explain(error))
    else if (this.failed === COMPLAINTS_MAX + 1) this.#task.complain('more failures are only counted')
  }
}
