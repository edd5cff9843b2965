import type { Client } from '../client/client.ts'
import type { CallOptions } from '../client/multi.ts'
import { checkCall } from '../client/multi.ts'
import type { ZkError } from '../core/errors.ts'
import { isZkError } from '../core/errors.ts'
import type { ConfigLayout, Document } from './config-document.ts'
import { changed, documentOf, environmentAt, frozen, stored } from './config-document.ts'
import type { ConfigVersion } from './config-history.ts'
import { keptAt, readHistory } from './config-history.ts'
import type { Checked, ConfigIssue, StandardSchema } from './config-schema.ts'
import { checked, invalid } from './config-schema.ts'
import { Updates } from './config-updates.ts'
import { writeConfig } from './config-write.ts'
import type { ConfigParts, ConfigWrite } from './config-write.ts'
import { Listeners } from './listeners.ts'
import type { RecipeLogger } from './listeners.ts'
import { LiveNodes } from './live-nodes.ts'
import type { Nodes } from './live-nodes.ts'
import { retried, signalOf } from './pause.ts'

/** One state of a configuration. */
export interface ConfigUpdate<T> {
  readonly current: T
  /** Of the document; -1 when there is none. */
  readonly version: number
}

/** What the listeners of a configuration get. */
export interface LiveConfigEvents<T> {
  readonly change: readonly [current: T, previous: T]
  /** What is on the tree is wrong; `current` stays. */
  readonly invalid: readonly [issues: readonly ConfigIssue[]]
  readonly stale: readonly [isStale: boolean]
}

/** How a configuration is written. */
export interface ConfigWriteOptions extends CallOptions {
  /** Writes only if the document (or the overrides) have this version, -1: if there are none. Else BadVersion. */
  readonly version?: number
  /** Writes the overrides of this environment instead of the document. */
  readonly environment?: string
}

/** What a live configuration is made of. */
export interface LiveConfigParts<T> {
  readonly zk: Client
  readonly layout: ConfigLayout
  readonly schema: StandardSchema<never, T> | undefined
  readonly defaults: Document
  readonly environment: string | undefined
  readonly history: number
  readonly logger: RecipeLogger | undefined
}

/** See `config`. */
export class LiveConfig<T> {
  readonly path: string
  readonly #parts: LiveConfigParts<T>
  readonly #writing: ConfigParts
  readonly #listeners: Listeners<LiveConfigEvents<T>>
  readonly #updates = new Set<Updates<ConfigUpdate<T>>>()
  #live: LiveNodes | null = null
  #isOver = false
  #end: ZkError | null = null
  #good: ConfigUpdate<T> | null = null
  #issues: readonly ConfigIssue[] | null = null
  /** Read, and not checked yet: the newest only. */
  #pending: Nodes | null = null
  #isChecking = false
  #checking: Promise<void> = Promise.resolve()
  /** As read last. */
  #overrides: Checked<Document> = { value: {} }

  /** See `config`. */
  static async open<T>(parts: LiveConfigParts<T>, signal: AbortSignal | undefined): Promise<LiveConfig<T>> {
    const live = new this(parts)
    try {
      await live.#open(signal)
      return live
    } catch (error) {
      await live.close()
      throw error
    }
  }

  private constructor(parts: LiveConfigParts<T>) {
    const { zk, layout, history, environment, logger } = parts
    this.path = layout.path
    this.#parts = parts
    this.#writing = {
      zk, layout, history, environment, check: (base, overrides) => this.#checked(base, overrides),
    }
    this.#listeners = new Listeners<LiveConfigEvents<T>>(['change', 'invalid', 'stale'], logger)
  }

  get current(): T {
    return this.#present.current
  }

  get version(): number {
    return this.#present.version
  }

  get isStale(): boolean {
    return this.#live?.isStale ?? true
  }

  get issues(): readonly ConfigIssue[] | null {
    return this.#issues
  }

  on<Name extends keyof LiveConfigEvents<T>>(
    event: Name, listener: (...given: LiveConfigEvents<T>[Name]) => void,
  ): () => void {
    return this.#listeners.on(event, listener)
  }

  updates(): Updates<ConfigUpdate<T>> {
    const updates = new Updates<ConfigUpdate<T>>((one) => void this.#updates.delete(one))
    updates.offer(this.#present)
    this.#updates.add(updates)
    if (this.#isOver) updates.end(this.#end)
    return updates
  }

  async set(document: object, options?: ConfigWriteOptions): Promise<number> {
    const { document: own } = stored(document)
    return this.#write(() => own, false, options)
  }

  async publish(changes: object, options?: ConfigWriteOptions): Promise<number> {
    const { document: kept } = stored(changes)
    const own = { ...Object.fromEntries(Object.keys(changes).map((key) => [key, undefined])), ...kept }
    return this.#write((document) => changed(document, own), true, options)
  }

  async rollback(version: number, options: ConfigWriteOptions = {}): Promise<number> {
    checkCall(options, ['signal', 'version'])
    if (!Number.isInteger(version) || version < 0) throw new TypeError('a version must be an integer of 0 or more')
    const { zk, layout } = this.#parts
    const node = await retried(zk, options.signal, () => zk.get(keptAt(layout, version), signalOf(options.signal)))
    const former = documentOf(node)
    if (former.issues !== undefined) throw invalid(layout.path, former.issues)
    return this.#write(() => former.value, false, options)
  }

  async versions(options?: CallOptions): Promise<ConfigVersion[]> {
    checkCall(options)
    return readHistory(this.#parts.zk, this.#parts.layout, options?.signal)
  }

  close(): Promise<void> {
    this.#over(null)
    this.#live?.close()
    this.#listeners.clear()
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  // --- inside ------------------------------------------------------------------------------------------------------

  get #present(): ConfigUpdate<T> {
    if (this.#good === null) throw new TypeError('the configuration is not open')
    return this.#good
  }

  async #open(signal: AbortSignal | undefined): Promise<void> {
    const { zk, layout, environment } = this.#parts
    const paths = environment === undefined ? [layout.path] : [layout.path, environmentAt(layout, environment)]
    this.#live = await LiveNodes.open(zk, paths, {
      onNodes: (nodes) => this.#onNodes(nodes),
      onStale: (isStale) => this.#listeners.emit('stale', isStale),
      onEnd: (error) => this.#over(error),
    }, signal)
    await this.#checking
    if (this.#good === null) await this.#fallBack(signal)
  }

  /** What is there is wrong from the beginning: something older, or the defaults; the overrides are never left out. */
  async #fallBack(signal: AbortSignal | undefined): Promise<void> {
    const { layout } = this.#parts
    const issues = this.#issues ?? []
    for (const { version, document } of await this.versions(signalOf(signal))) {
      if (document !== undefined && await this.#adoptFormer({ document, version })) return
    }
    if (!await this.#adoptFormer({ document: {}, version: -1 })) throw invalid(layout.path, issues)
  }

  async #adoptFormer(former: { readonly document: Document, readonly version: number }): Promise<boolean> {
    const overrides = this.#overrides
    const result = overrides.issues === undefined ? await this.#checked(former.document, overrides.value) : overrides
    // While it was checked, something good may have come.
    if (this.#good !== null) return true
    if (result.issues !== undefined) return false
    this.#good = { current: frozen(result.value as T), version: former.version }
    return true
  }

  #checked(base: Document, overrides: Document): Promise<Checked<T>> {
    const { schema, defaults } = this.#parts
    // A copy each time: a schema may change what it is given, and what it gives is frozen.
    return checked(schema, structuredClone({ ...defaults, ...base, ...overrides }))
  }

  async #write(
    decide: ConfigWrite['decide'], needsDocument: boolean, options: ConfigWriteOptions = {},
  ): Promise<number> {
    checkCall(options, ['signal', 'version', 'environment'])
    const { version, environment, signal } = options
    if (version !== undefined && !Number.isInteger(version)) throw new TypeError('a version must be an integer')
    if (environment !== undefined) environmentAt(this.#parts.layout, environment)
    const written = await writeConfig(this.#writing, { decide, needsDocument, version, environment, signal })
    await this.#live?.caughtUp()
    await this.#checking
    return written
  }

  #onNodes(nodes: Nodes): void {
    this.#pending = nodes
    if (!this.#isChecking) this.#checking = this.#check()
  }

  /** One state at a time, so that a slow check of an older one cannot come after a newer one. */
  async #check(): Promise<void> {
    this.#isChecking = true
    while (this.#pending !== null && !this.#isOver) {
      const [baseNode, overridesNode] = this.#pending
      this.#pending = null
      const base = documentOf(baseNode ?? null)
      const overrides = this.#overrides = documentOf(overridesNode ?? null)
      const result = base.issues !== undefined ? base : overrides.issues !== undefined ? overrides
        : await this.#checked(base.value, overrides.value)
      if (result.issues !== undefined) this.#refuse(result.issues)
      else this.#adopt(frozen(result.value as T), baseNode?.stat.version ?? -1)
    }
    this.#isChecking = false
  }

  #refuse(issues: readonly ConfigIssue[]): void {
    this.#issues = frozen(issues)
    this.#listeners.emit('invalid', issues)
  }

  #adopt(current: T, version: number): void {
    const previous = this.#good
    this.#issues = null
    this.#good = { current, version }
    for (const updates of Array.from(this.#updates)) updates.offer(this.#good)
    if (previous !== null) this.#listeners.emit('change', current, previous.current)
  }

  #over(error: ZkError | null): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#end = isZkError(error) ? error : null
    for (const updates of Array.from(this.#updates)) updates.end(this.#end)
  }
}
