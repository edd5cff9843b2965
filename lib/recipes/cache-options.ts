import { checkLogger, checkOptions, checkSignal, checkTypes } from '../client/options.ts'
import type { NodeData } from '../client/values.ts'
import type { ZkError } from '../core/errors.ts'
import type { RecipeLogger } from './listeners.ts'

/** How a cache is kept. */
export interface CacheOptions {
  /** False keeps the node alone. True when left out. */
  readonly recursive?: boolean
  /** False keeps stats without data: `data` of each node is empty then. True when left out. */
  readonly data?: boolean
  /** More nodes than that end the cache. 1,000,000. */
  readonly maxNodes?: number
  /** So do more bytes of data and characters of paths; each node takes some 600 bytes besides. 268,435,456. */
  readonly maxBytes?: number
  /** Asked for every path below the topmost one: false leaves the node out, with everything below it. */
  readonly filter?: (path: string) => boolean
  /** Gives up opening with Aborted; later on it closes the cache. */
  readonly signal?: AbortSignal
  /** Hears of listeners that throw. */
  readonly logger?: RecipeLogger
}

/** One change of the copy, told after it was made. */
export type CacheChange =
  | { readonly kind: 'created', readonly path: string, readonly node: NodeData, readonly previous: undefined }
  | { readonly kind: 'changed', readonly path: string, readonly node: NodeData, readonly previous: NodeData }
  | { readonly kind: 'deleted', readonly path: string, readonly node: undefined, readonly previous: NodeData }

/** What the listeners of a cache get. */
export interface CacheEvents {
  readonly change: readonly [change: CacheChange]
  readonly stale: readonly [isStale: boolean]
  /** Nothing follows. Null: closed as asked. */
  readonly end: readonly [error: ZkError | null]
}

const OPTIONS: readonly string[] = ['recursive', 'data', 'maxNodes', 'maxBytes', 'filter', 'signal', 'logger']
const MAX_NODES = 1_000_000
const MAX_BYTES = 256 * 1024 * 1024

/** Throws TypeError for options that are none. Gives the bounds. */
export function checkCache(options: CacheOptions): { readonly maxNodes: number, readonly maxBytes: number } {
  checkOptions(options, OPTIONS)
  checkSignal(options.signal)
  checkLogger(options.logger)
  checkTypes(options, { recursive: 'boolean', data: 'boolean', filter: 'function' })
  const { maxNodes = MAX_NODES, maxBytes = MAX_BYTES } = options
  for (const [name, value] of Object.entries({ maxNodes, maxBytes })) {
    if (!Number.isInteger(value) || value < 1) throw new TypeError(`${name} must be a positive integer`)
  }
  return { maxNodes, maxBytes }
}
