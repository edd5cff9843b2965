import type { CallOptions } from '../client/multi.ts'
import { checkCall } from '../client/multi.ts'
import { checkLogger, checkOptions, checkSignal, checkTypes } from '../client/options.ts'
import type { ZkError } from '../core/errors.ts'
import type { AvoidOptions } from './down-list.ts'
import type { Instance } from './instance.ts'
import type { RecipeLogger } from './listeners.ts'
import type { Strategy } from './strategy.ts'

/** How a service is looked up. */
export interface DiscoverOptions<P = unknown> {
  /** How `pick` chooses. `roundRobin` when left out, as in Curator. */
  readonly strategy?: Strategy<P>
  /** When an instance that `down` was told of is avoided, and for how long. */
  readonly avoid?: AvoidOptions
  /** False leaves an instance out of the list, whatever it says of itself. */
  readonly filter?: (instance: Instance<P>) => boolean
  /** Gives up opening with Aborted; later on it closes the discovery. */
  readonly signal?: AbortSignal
  /** Hears of listeners that throw. */
  readonly logger?: RecipeLogger
}

/** How an instance is picked. */
export interface PickOptions<P = unknown> extends CallOptions {
  /** After so long without one it rejects with NobodyThere; it waits for ever when left out. */
  readonly waitMs?: number
  /** Instances to leave out this time, say those that were tried already. */
  readonly except?: readonly Instance<P>[]
  /** When all that are left are avoided, one of them is taken; false waits instead. True when left out. */
  readonly fallBack?: boolean
}

/** What the listeners of a discovery get. */
export interface DiscoveryEvents<P = unknown> {
  /** Once for several changes at a time. */
  readonly change: readonly [instances: readonly Instance<P>[]]
  readonly up: readonly [instance: Instance<P>]
  readonly down: readonly [instance: Instance<P>]
  readonly update: readonly [instance: Instance<P>, previous: Instance<P>]
  /** A node holds what is no instance: it is left out, or stays as it was when it was one. A ValueInvalid. */
  readonly invalid: readonly [error: ZkError]
  readonly stale: readonly [isStale: boolean]
  /** The service could not be read again; it is tried once more, later each time. */
  readonly failed: readonly [error: ZkError]
  /** Nothing follows. Null: closed as asked. */
  readonly end: readonly [error: ZkError | null]
}

const OPTIONS: readonly string[] = ['strategy', 'avoid', 'filter', 'signal', 'logger']
const PICK_OPTIONS: readonly string[] = ['signal', 'waitMs', 'except', 'fallBack']

/** Throws TypeError for options that are none. */
export function checkDiscover<P>(options: DiscoverOptions<P>): void {
  checkOptions(options ?? null, OPTIONS)
  checkSignal(options.signal)
  checkLogger(options.logger)
  checkTypes(options, { filter: 'function' })
  checkOptions(options.avoid, ['threshold', 'forMs'], 'avoid')
}

/** The same for the options of a pick. */
export function checkPick<P>(options: PickOptions<P>): void {
  checkCall(options, PICK_OPTIONS)
  checkTypes(options, { fallBack: 'boolean' })
  const { waitMs, except } = options
  if (waitMs !== undefined && !(Number.isInteger(waitMs) && waitMs >= 0)) {
    throw new TypeError('waitMs must be an integer that is not negative')
  }
  if (except !== undefined && !Array.isArray(except)) throw new TypeError('except must be an array of instances')
}
