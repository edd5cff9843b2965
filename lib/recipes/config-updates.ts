import type { ZkError } from '../core/errors.ts'

const DONE: IteratorResult<never, undefined> = Object.freeze({ done: true, value: undefined })

interface Reader<T> {
  readonly resolve: (result: IteratorResult<T, undefined>) => void
  readonly reject: (error: Error) => void
}

/** The newest of a sequence of values, for one reader: what he is too slow for is left out, but never the last one. */
export class Updates<T> implements AsyncIterableIterator<T, undefined> {
  readonly #leave: (updates: Updates<T>) => void
  #next: { readonly value: T } | null = null
  #end: { error: ZkError | null } | null = null
  #readers: Reader<T>[] = []

  constructor(leave: (updates: Updates<T>) => void) {
    this.#leave = leave
  }

  offer(value: T): void {
    if (this.#end !== null) return
    const reader = this.#readers.shift()
    if (reader === undefined) this.#next = { value }
    else reader.resolve({ done: false, value })
  }

  /** With an error: the reader gets it, once, after what he has not read yet. */
  end(error: ZkError | null): void {
    if (this.#end !== null) return
    this.#end = { error }
    this.#leave(this)
    const readers = this.#readers
    this.#readers = []
    for (const reader of readers) this.#finish(reader)
  }

  next(): Promise<IteratorResult<T, undefined>> {
    return new Promise((resolve, reject) => {
      const next = this.#next
      this.#next = null
      if (next !== null) resolve({ done: false, value: next.value })
      else if (this.#end === null) this.#readers.push({ resolve, reject })
      else this.#finish({ resolve, reject })
    })
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.#next = null
    this.end(null)
    return Promise.resolve(DONE)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #finish({ resolve, reject }: Reader<T>): void {
    const error = this.#end?.error ?? null
    this.#end = { error: null }
    if (error === null) resolve(DONE)
    else reject(error)
  }
}
