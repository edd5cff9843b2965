import type { ConnectOptions } from '../client/connect-options.ts'

/** Where a recipe tells what goes wrong in its users' callbacks. */
export type RecipeLogger = NonNullable<ConnectOptions['logger']>

/** Who listens to what; `Events` maps the name of an event to what its listeners get. */
export class Listeners<Events extends { readonly [Name in keyof Events]: readonly unknown[] }> {
  readonly #logger: RecipeLogger | undefined
  readonly #names: readonly (keyof Events)[]
  readonly #listeners = new Map<keyof Events, Set<(...given: never) => void>>()

  constructor(names: readonly (keyof Events)[], logger: RecipeLogger | undefined) {
    this.#names = names
    this.#logger = logger
  }

  /** Calls back at every such event until the returned function is called. */
  on<Name extends keyof Events>(event: Name, listener: (...given: Events[Name]) => void): () => void {
    if (!this.#names.includes(event)) throw new TypeError(`no such event: ${String(event)}`)
    if (typeof listener !== 'function') throw new TypeError('the listener must be a function')
    // Each call counts for itself, also when the function is the same.
    const own = (...given: Events[Name]): void => listener(...given)
    const all = this.#listeners.get(event) ?? new Set()
    this.#listeners.set(event, all.add(own))
    return () => void all.delete(own)
  }

  /** Tells one alone, soon, of what was before it came; not when it was taken back by then. */
  late<Name extends keyof Events>(
    event: Name, listener: (...given: Events[Name]) => void, given: readonly unknown[],
  ): () => void {
    const one = new Listeners<Events>([event], this.#logger)
    const off = one.on(event, listener)
    queueMicrotask(() => one.emit(event, ...given as unknown as Events[Name]))
    return off
  }

  /** Tells all; one that throws is logged and keeps the others from nothing. */
  emit<Name extends keyof Events>(event: Name, ...given: Events[Name]): void {
    for (const listener of Array.from(this.#listeners.get(event) ?? [])) {
      try {
        (listener as (...given: Events[Name]) => void)(...given)
      } catch (error) {
        this.#logger?.error('a listener threw', { event: String(event), error })
      }
    }
  }

  clear(): void {
    this.#listeners.clear()
  }
}
