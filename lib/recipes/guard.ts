import type { Client } from '../client/client.ts'
import { Moment } from '../client/moment.ts'
import type { Multi } from '../client/multi.ts'
import type { CallOptions } from '../client/multi.ts'
import type { Created, CreatedInMulti } from '../client/outcomes.ts'
import type { CreateOptions, VersionOptions } from '../client/requests.ts'
import type { Data } from '../client/values.ts'
import { ZkError } from '../core/errors.ts'
import { Lifeline } from './lifeline.ts'

/** What a guard stands for: a lock, say. */
export interface Guarded {
  /** The node that must be there. */
  readonly path: string
  /** False when this program must take it for lost. */
  readonly held: boolean
  lose(reason: string): void
}

/**
 * Writes that the ensemble itself refuses once the lock is lost: each is a multi that first checks that the node of the
 * lock is there, on vivarium and on Apache ZooKeeper alike. However late such a write arrives, it never undoes what a
 * later holder did. All reject with LockLost when the lock is not held any more, and nothing has happened then; and
 * with the errors of the plain writes. The guard of several locks stands for all of them.
 */
export class Guard {
  readonly #zk: Client
  readonly #all: readonly Guarded[]

  /** @internal */
  constructor(zk: Client, all: readonly Guarded[]) {
    this.#zk = zk
    this.#all = all
  }

  async create(path: string, data?: Data, options?: CreateOptions & CallOptions): Promise<string> {
    const { signal, ...rest } = options ?? {}
    const [created] = await this.multi().create(path, data, rest).commit(callOptions(signal))
    return created
  }

  async set(path: string, data: Data, options?: VersionOptions & CallOptions): Promise<Created['stat']> {
    const { signal, ...rest } = options ?? {}
    const [stat] = await this.multi().set(path, data, rest).commit(callOptions(signal))
    return stat
  }

  async delete(path: string, options?: VersionOptions & CallOptions): Promise<void> {
    const { signal, ...rest } = options ?? {}
    await this.multi().delete(path, rest).commit(callOptions(signal))
  }

  /** Several changes that happen together, while the lock is held, or not at all. */
  multi(): GuardedMulti {
    return new GuardedMulti(this.#zk, this.#all)
  }
}

/** The multi of a guard; as the client's own otherwise. */
export class GuardedMulti<Results extends readonly unknown[] = []> {
  readonly #zk: Client
  readonly #all: readonly Guarded[]
  readonly #multi: Multi<readonly unknown[]>

  /** @internal */
  constructor(zk: Client, all: readonly Guarded[]) {
    this.#zk = zk
    this.#all = all
    this.#multi = zk.multi() as unknown as Multi<readonly unknown[]>
    for (const { path } of all) this.#multi.check(path)
  }

  create(path: string, data?: Data, options?: CreateOptions): GuardedMulti<[...Results, string]> {
    this.#multi.create(path, data, options)
    return this as unknown as GuardedMulti<[...Results, string]>
  }

  createWithStat(path: string, data?: Data, options?: CreateOptions): GuardedMulti<[...Results, CreatedInMulti]> {
    this.#multi.createWithStat(path, data, options)
    return this as unknown as GuardedMulti<[...Results, CreatedInMulti]>
  }

  set(path: string, data: Data, options?: VersionOptions): GuardedMulti<[...Results, Created['stat']]> {
    this.#multi.set(path, data, options)
    return this as unknown as GuardedMulti<[...Results, Created['stat']]>
  }

  delete(path: string, options?: VersionOptions): GuardedMulti<[...Results, undefined]> {
    this.#multi.delete(path, options)
    return this as unknown as GuardedMulti<[...Results, undefined]>
  }

  check(path: string, version?: number): GuardedMulti<[...Results, undefined]> {
    this.#multi.check(path, version)
    return this as unknown as GuardedMulti<[...Results, undefined]>
  }

  /** Once only. */
  async commit(options?: CallOptions): Promise<Results> {
    const lost = this.#all.find(({ held }) => !held)
    if (lost !== undefined) throw new ZkError('LockLost', undefined, { path: lost.path })
    const sent = Moment.now(this.#zk.clock)
    try {
      const results = await this.#multi.commit(options)
      Lifeline.of(this.#zk).credit(sent)
      return results.slice(this.#all.length) as unknown as Results
    } catch (error) {
      throw this.#judged(error)
    }
  }

  #judged(error: unknown): unknown {
    if (!(error instanceof ZkError)) return error
    const gone = this.#all.find((_, index) => error.results?.[index] === 'NoNode')
    gone?.lose('its node is gone')
    const lost = gone ?? (error.code === 'SessionExpired' ? this.#all[0] : undefined)
    if (lost !== undefined) return new ZkError('LockLost', undefined, { path: lost.path, cause: error })
    return error.results === undefined ? error : withoutChecks(error, this.#all.length)
  }
}

/** The caller knows nothing of the checks before his own operations. */
function withoutChecks(error: ZkError, count: number): ZkError {
  const results = error.results?.slice(count) ?? []
  const { path } = error
  return new ZkError(error.code, undefined, { ...(path === undefined ? {} : { path }), cause: error, results })
}

function callOptions(signal: AbortSignal | undefined): CallOptions {
  return signal === undefined ? {} : { signal }
}
