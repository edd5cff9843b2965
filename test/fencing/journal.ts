import type { Ask } from './protocol.ts'

/** An increment that the storage took. */
interface Entry {
  readonly id: string
  readonly token: string
  readonly count: number
}

/** When the holder of one token surely had the lock: from `begun` to `looked`, in ns. */
interface Span {
  readonly worker: string
  readonly begun: bigint
  looked: bigint
}

/** What the storage took and refused, and what the workers were told of it. */
export class Journal {
  readonly #entries: Entry[] = []
  /** By token. */
  readonly #spans = new Map<string, Span>()
  /** Of workers that were told that their increment is in the file: its count by its id. */
  readonly #acked = new Map<string, number>()
  readonly #problems: string[] = []
  lateReads = 0
  /** Refused writes of workers that had just seen `lock.held`, and of those that did not care. */
  lateThoughHeld = 0
  lateWrites = 0
  readonly #onRead = new Set<(worker: string) => void>()

  get count(): number {
    return this.#entries.length
  }

  get acknowledged(): number {
    return this.#acked.size
  }

  /** Tokens under which the file was used. */
  get tokens(): number {
    return this.#spans.size
  }

  wrong(what: string): void {
    this.#problems.push(what)
  }

  /**
   * Resolves when holders have read so many times, to the name of the last: now it is between reading and writing. Null
   * at the abort.
   */
  holderAfter(reads: number, signal: AbortSignal): Promise<string | null> {
    return new Promise((resolve) => {
      const settle = (worker: string | null): void => {
        this.#onRead.delete(count)
        signal.removeEventListener('abort', abort)
        resolve(worker)
      }
      const abort = (): void => settle(null)
      const count = (worker: string): void => {
        if (--reads <= 0) settle(worker)
      }
      this.#onRead.add(count)
      if (signal.aborted) abort()
      else signal.addEventListener('abort', abort, { once: true })
    })
  }

  /** The storage answered this so. */
  note(ask: Ask, isTaken: boolean): void {
    if (ask.kind === 'read') this.#read(ask, isTaken)
    else this.#write(ask, isTaken)
  }

  #read({ worker, token, begun }: Extract<Ask, { kind: 'read' }>, isTaken: boolean): void {
    if (!isTaken) this.lateReads += 1
    else for (const tell of this.#onRead) tell(worker)
    const moment = BigInt(begun)
    const span = this.#spans.get(token)
    if (span === undefined) this.#spans.set(token, { worker, begun: moment, looked: moment })
    else if (span.worker !== worker) this.wrong(`${worker} and ${span.worker} have the token ${token}`)
  }

  #write({ token, count, id, looked }: Extract<Ask, { kind: 'write' }>, isTaken: boolean): void {
    const span = this.#spans.get(token)
    if (span === undefined) this.wrong(`a write with ${token}, which never read`)
    else if (looked !== null && BigInt(looked) > span.looked) span.looked = BigInt(looked)
    if (isTaken) this.#entries.push({ id, token, count })
    else if (looked === null) this.lateWrites += 1
    else this.lateThoughHeld += 1
  }

  /** A worker was told so. */
  acked(id: string, count: number): void {
    if (this.#acked.has(id)) this.wrong(`${id} was acknowledged twice`)
    this.#acked.set(id, count)
  }

  /** Everything that contradicts the promises, given what is in the file in the end. */
  problems(final: number): string[] {
    return [...this.#problems, ...this.#lost(final), ...this.#fallen(), ...this.#shared()]
  }

  /** Each increment adds one to the one before it, and all that were acknowledged are there. */
  #lost(final: number): string[] {
    const problems: string[] = []
    const ids = new Map<string, number>()
    for (const [index, { id, token, count }] of this.#entries.entries()) {
      if (ids.has(id)) problems.push(`${id} is there twice`)
      ids.set(id, count)
      const before = this.#entries[index - 1]?.count ?? 0
      if (count !== before + 1) problems.push(`lost update: ${id} with ${token} wrote ${count} over ${before}`)
    }
    for (const [id, count] of this.#acked) {
      if (ids.get(id) !== count) problems.push(`${id} was acknowledged as ${count}, and is ${ids.get(id) ?? 'missing'}`)
    }
    if (final !== this.count) problems.push(`the file says ${final} after ${this.count} increments`)
    return problems
  }

  #fallen(): string[] {
    return this.#entries.flatMap(({ id, token }, index) => {
      const before = this.#entries[index - 1]
      return before !== undefined && token < before.token ? [`${id} with ${token} came after ${before.token}`] : []
    })
  }

  /** Nobody had the lock, as he saw it himself, when another had it already. */
  #shared(): string[] {
    const problems: string[] = []
    let last: Span | null = null
    for (const [token, span] of Array.from(this.#spans).toSorted(([one], [other]) => one < other ? -1 : 1)) {
      if (last !== null && last.looked >= span.begun) {
        const overlapMs = Number(last.looked - span.begun) / 1e6
        problems.push(`${last.worker} saw itself hold the lock ${overlapMs} ms after ${span.worker} got it as ${token}`)
      }
      if (last === null || span.looked > last.looked) last = span
    }
    return problems
  }
}
