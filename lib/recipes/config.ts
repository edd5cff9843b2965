import type { Client } from '../client/client.ts'
import { checkLogger, checkOptions, checkSignal } from '../client/options.ts'
import type { ConfigLayout } from './config-document.ts'
import { environmentAt, isDocument, layoutAt } from './config-document.ts'
import type { ConfigVersion } from './config-history.ts'
import { checkSchema } from './config-schema.ts'
import type { ConfigIssue, StandardSchema } from './config-schema.ts'
import type { ConfigUpdate, ConfigWriteOptions, LiveConfigEvents } from './live-config.ts'
import { LiveConfig } from './live-config.ts'
import type { RecipeLogger } from './listeners.ts'

/** What a configuration consists of. */
export interface ConfigOptions<Out, In> {
  /** Any Standard Schema validator; without one every document is right. */
  readonly schema?: StandardSchema<In, Out>
  /** Values of keys that neither the document nor the environment has. */
  readonly defaults?: NoInfer<Partial<In>>
  /** Whose overrides are laid over the document, key by key. */
  readonly environment?: string
  /** So many versions are kept, the present one among them. 10. */
  readonly history?: number
  /** Gives up opening with Aborted; later on it closes the configuration. */
  readonly signal?: AbortSignal
  /** Hears of listeners that throw. */
  readonly logger?: RecipeLogger
}

/**
 * A configuration that updates itself: a document on the tree, over it the overrides of an environment, below it
 * defaults, checked by a schema.
 */
export interface Config<Out, In = Out> extends AsyncDisposable {
  readonly path: string
  /** The last good configuration: what the schema made of it, frozen as far as it is plain objects and arrays. */
  readonly current: Out
  /** The document's version at `current`; -1 when there was none. */
  readonly version: number
  /** `current` is the last known copy, not surely the present one: there is no connection, or none that writes. */
  readonly isStale: boolean
  /** What is wrong with what is on the tree now; null when nothing is, and `current` is that. */
  readonly issues: readonly ConfigIssue[] | null
  /** Calls back until the returned function is called. */
  on<Name extends keyof LiveConfigEvents<Out>>(
    event: Name, listener: (...given: LiveConfigEvents<Out>[Name]) => void,
  ): () => void
  /**
   * The present configuration, and then every newer one; a reader that is too slow for some gets the newest. Ends with
   * `close`; throws SessionExpired, Closed or Aborted when nothing can follow any more.
   */
  updates(): AsyncIterableIterator<ConfigUpdate<Out>, undefined>
  /**
   * Replaces the document (or an environment's overrides) and gives the new version. Keys that it lacks have their
   * defaults again. Also replaces what is no document.
   */
  set(document: NoInfer<Partial<In>>, options?: ConfigWriteOptions): Promise<number>
  /** Changes some keys of the document, all at once, and gives the new version; `undefined` removes a key. */
  publish(changes: NoInfer<Partial<In>>, options?: ConfigWriteOptions): Promise<number>
  /** Writes the document of that version again, as a new version. NoNode when it is not kept any more. */
  rollback(version: number, options?: Omit<ConfigWriteOptions, 'environment'>): Promise<number>
  /** The documents that are kept, newest first, the present one among them. */
  versions(options?: { readonly signal?: AbortSignal }): Promise<ConfigVersion[]>
  /** Stops following; `current` stays. Idempotent, never rejects. */
  close(): Promise<void>
}

const OPTIONS = ['schema', 'defaults', 'environment', 'history', 'signal', 'logger']
const HISTORY = 10
const LARGEST_HISTORY = 1_000

/**
 * Opens a configuration, and resolves when there is a good one.
 *
 * It promises:
 * - Order: `current` follows the tree, never back; document and overrides are read at one moment. Of changes that
 *   follow each other quickly some may be left out, the last one never.
 * - Writes: all keys of a write change at once, exactly once, on top of what is there (never of a stale copy). A value
 *   that the schema refuses, for this environment or for another for which the document was right, is not written:
 *   ValueInvalid, whose cause is the issues. Overrides that others write at the same time are taken into account.
 *   After a write `current` has it, or something newer, unless `isStale`.
 * - Reads: when something wrong is on the tree (somebody wrote it without this recipe, or by another schema), `current`
 *   stays the last good one, and the event `invalid` and `issues` tell what is wrong. When it is wrong already at the
 *   beginning, the newest good version of the history is taken, else the defaults, with the present overrides over
 *   them; else ValueInvalid.
 * - Failures: while disconnected `current` is the last known copy, and `isStale` says so (event `stale`); what was
 *   missed is read again afterwards. After the session has expired it stays there for good: open another one then.
 *   An answer that was lost is looked up; only when the session ends, or the caller aborts, meanwhile, nobody knows:
 *   `mayHaveHappened` of the error says so.
 *
 * It does not promise that all programs have changed over at the same moment, nor that a program sees a change while
 * it is cut off. The last known copy lives in this program: one that is started while it is cut off has none, and no
 * client to open a configuration with. Where that must not be, save `current` at every `change`, as the README shows.
 * Overrides have no history, and neither has what others wrote without this
 * recipe, until the next write keeps it.
 *
 * Layout: a JSON object in the node, so that a publish is atomic; `<path>/env/<environment>`: JSON objects laid over it
 * key by key; `<path>/history/v0000000012`: the document of version 12. A document may have about a third of the
 * largest request (300 kB by default). It takes the rights to read all that, to write it, and to create and delete.
 *
 * Errors: ValueInvalid, Aborted, SessionExpired, Closed, NoAuth, TypeError; of writes also BadVersion (as asked), and
 * BadArguments or ConnectionLoss for a document that is too large.
 * Servers: ours, and Apache ZooKeeper from 3.6 on.
 */
export async function config<Out = Readonly<Record<string, unknown>>, In = Out>(
  zk: Client, path: string, options: ConfigOptions<Out, In> = {},
): Promise<Config<Out, In>> {
  checkOptions(options, OPTIONS)
  const layout: ConfigLayout = layoutAt(path)
  const { schema, defaults = {}, environment, history = HISTORY, signal, logger } = options
  checkSchema(schema)
  checkSignal(signal)
  checkLogger(logger)
  if (!isDocument(defaults)) throw new TypeError('defaults must be an object of keys and values')
  if (environment !== undefined) environmentAt(layout, environment)
  if (!Number.isInteger(history) || history < 0 || history > LARGEST_HISTORY) {
    throw new TypeError(`history must be an integer from 0 to ${LARGEST_HISTORY}, not ${String(history)}`)
  }
  const parts = { zk, layout, schema: schema as StandardSchema<never, Out> | undefined, environment, history, logger }
  return LiveConfig.open<Out>({ ...parts, defaults: structuredClone(defaults) }, signal)
}
