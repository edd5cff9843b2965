import type { Client } from '../client/client.ts'
import { Moment } from '../client/moment.ts'
import type { Multi } from '../client/multi.ts'
import type { CallOptions } from '../client/multi.ts'
import type { Created } from '../client/outcomes.ts'
import type { CreateOptions, VersionOptions } from '../client/requests.ts'
import type { Data } from '../client/values.ts'
import { isZkError, ZkError } from '../core/errors.ts'

/** What a guard stands for. */
export interface Guarded {
  readonly zk: Client
  /** The node that must be there. */
  readonly path: string
  /** False when this program must take it for lost. */
  isHeld(): boolean
  lose(reason: string): void
  /** A guarded write that was sent then was committed. */
  proven(sent: Moment): void
}

/**
 * Writes that the ensemble itself refuses once the lock is lost: each is a multi that first checks that the node of the
 * lock is there, on vivarium and on Apache ZooKeeper alike. However late such a write arrives, it never undoes what a
 * later holder did. All reject with LockLost when the lock is not held any more, and nothing has happened then; and
 * with the errors of the plain writes.
 */
export class Guard {
  readonly #guarded: Guarded

  constructor(guarded: Guarded) {
    this.#guarded = guarded
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
    return new GuardedMulti(this.#guarded)
  }
}

/** The multi of a guard; as the client's own otherwise. */
export class GuardedMulti<Results extends readonly unknown[] = []> {
  readonly #guarded: Guarded
  readonly #multi: Multi<readonly unknown[]>

  constructor(guarded: Guarded) {
    this.#guarded = guarded
    this.#multi = guarded.zk.multi().check(guarded.path) as unknown as Multi<readonly unknown[]>
  }

  create(path: string, data?: Data, options?: CreateOptions): GuardedMulti<[...Results, string]> {
    this.#multi.create(path, data, options)
    return this as unknown as GuardedMulti<[...Results, string]>
  }

  createWithStat(path: string, data?: Data, options?: CreateOptions): GuardedMulti<[...Results, Created]> {
    this.#multi.createWithStat(path, data, options)
    return this as unknown as GuardedMulti<[...Results, Created]>
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
    const guarded = this.#guarded
    if (!guarded.isHeld()) throw new ZkError('LockLost', undefined, { path: guarded.path })
    const sent = Moment.now(guarded.zk.clock)
    try {
      const [, ...results] = await this.#multi.commit(options)
      guarded.proven(sent)
      return results as unknown as Results
    } catch (error) {
      if (isZkError(error) && error.results?.[0] === 'NoNode') {
        guarded.lose('its node is gone')
        throw new ZkError('LockLost', undefined, { path: guarded.path, cause: error })
      }
      if (isZkError(error, 'SessionExpired')) {
        throw new ZkError('LockLost', undefined, { path: guarded.path, cause: error })
      }
      throw error instanceof ZkError && error.results !== undefined ? withoutCheck(error) : error
    }
  }
}

/** The caller knows nothing of the check before his own operations. */
function withoutCheck(error: ZkError): ZkError {
  const results = error.results?.slice(1) ?? []
  const { path } = error
  return new ZkError(error.code, undefined, { ...(path === undefined ? {} : { path }), cause: error, results })
}

function callOptions(signal: AbortSignal | undefined): CallOptions {
  return signal === undefined ? {} : { signal }
}
