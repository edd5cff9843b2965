import type { CallOptions } from '../client/multi.ts'
import { checkCall } from '../client/multi.ts'
import { offAbort, onAbort } from '../client/on-abort.ts'
import { ZkError } from '../core/errors.ts'
import type { CacheChange, CacheEvents } from './cache-options.ts'
import { aborted } from './pause.ts'

/** Whose changes are read. */
export interface ChangesSource {
  readonly isOver: boolean
  /** What ended it; null: it was closed, or is not over. */
  readonly error: ZkError | null
  on<Name extends keyof CacheEvents>(event: Name, listener: (...given: CacheEvents[Name]) => void): () => void
}

interface Reader {
  readonly resolve: (result: IteratorResult<CacheChange, undefined>) => void
  readonly reject: (error: Error) => void
}

const BUFFER_ITEMS = 65_536
const DONE: IteratorResult<CacheChange, undefined> = Object.freeze({ done: true, value: undefined })

/**
 * The changes of a cache in their order, to be read by `for await`. It is over when the cache is closed; it throws the
 * error that ends the cache, Aborted, and Overloaded when more changes wait to be read than `bufferItems` (65,536):
 * none is ever left out silently.
 */
export class CacheChanges implements AsyncIterableIterator<CacheChange, undefined> {
  readonly #items: CacheChange[] = []
  readonly #readers: Reader[] = []
  readonly #signal: AbortSignal | undefined
  readonly #abort = (): void => this.#end(aborted(this.#signal))
  readonly #offs: readonly (() => void)[]
  #over: { error: ZkError | null } | null = null

  constructor(source: ChangesSource, options?: CallOptions & { readonly bufferItems?: number }) {
    checkCall(options, ['signal', 'bufferItems'])
    const { signal, bufferItems = BUFFER_ITEMS } = options ?? {}
    if (!Number.isInteger(bufferItems) || bufferItems < 1) throw new TypeError('bufferItems must be a positive integer')
    this.#signal = signal
    this.#offs = [
      source.on('change', (change) => this.#push(change, bufferItems)),
      source.on('end', (error) => this.#end(error)),
    ]
    onAbort(signal, this.#abort)
    if (signal?.aborted === true) this.#abort()
    else if (source.isOver) this.#end(source.error)
  }

  next(): Promise<IteratorResult<CacheChange, undefined>> {
    const item = this.#items.shift()
    if (item !== undefined) return Promise.resolve({ done: false, value: item })
    if (this.#over === null) return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }))
    const { error } = this.#over
    // Told once, as an iterator should.
    this.#over = { error: null }
    return error === null ? Promise.resolve(DONE) : Promise.reject(error)
  }

  return(): Promise<IteratorResult<CacheChange, undefined>> {
    this.#end(null)
    this.#items.length = 0
    return Promise.resolve(DONE)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  #push(change: CacheChange, limit: number): void {
    const reader = this.#readers.shift()
    if (reader !== undefined) {
      reader.resolve({ done: false, value: change })
    } else if (this.#items.length < limit) {
      this.#items.push(change)
    } else {
      this.#end(new ZkError('Overloaded', 'the reader of a cache\'s changes is too slow', { path: change.path }))
    }
  }

  #end(error: ZkError | null): void {
    if (this.#over !== null) return
    this.#over = { error }
    for (const off of this.#offs) off()
    offAbort(this.#signal, this.#abort)
    const [first, ...rest] = this.#readers.splice(0)
    if (first === undefined) return
    this.#over = { error: null }
    if (error === null) first.resolve(DONE)
    else first.reject(error)
    for (const { resolve } of rest) resolve(DONE)
  }
}
