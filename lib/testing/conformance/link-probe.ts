import type { Link } from '../../ports/transport.ts'
import { check } from './storage-checks.ts'

/** What happened to a link, in order. */
type Happening = 'data' | 'drain' | 'close'

/** One end of a link under test: remembers everything, and notices what a link must never do. */
export class LinkProbe {
  readonly link: Link
  /** Chunks as they came, not copied: a transport must never write to them again. */
  readonly chunks: Uint8Array[] = []
  /** Their content when they came. */
  readonly #copies: Uint8Array[] = []
  bytes = 0
  readonly happened: Happening[] = []
  error: Error | undefined
  /** Rules of the contract that were broken. */
  readonly broken: string[] = []
  /** Runs at each chunk, inside the callback. */
  onChunk: (chunk: Uint8Array) => void = () => undefined
  #calling = ''
  #ended = ''
  #waiting: { readonly done: () => boolean, readonly resolve: () => void }[] = []

  constructor(link: Link) {
    this.link = link
  }

  attach(): this {
    this.#call('attach', () => this.link.attach({
      onData: (chunk) => {
        this.#hear('data')
        this.chunks.push(chunk)
        this.#copies.push(chunk.slice())
        this.bytes += chunk.length
        this.onChunk(chunk)
        this.#look()
      },
      onDrain: () => {
        this.#hear('drain')
        this.#look()
      },
      onClose: (error) => {
        this.#hear('close')
        this.error = error
        this.#look()
      },
    }))
    return this
  }

  #call<T>(name: string, run: () => T): T {
    const before = this.#calling
    this.#calling = name
    try {
      return run()
    } finally {
      this.#calling = before
    }
  }

  #hear(what: Happening): void {
    if (this.#calling !== '') this.broken.push(`${what} inside ${this.#calling}`)
    if (this.#ended !== '' && what !== 'close') this.broken.push(`${what} after ${this.#ended}`)
    if (this.closes > 0) this.broken.push(`${what} after onClose`)
    this.happened.push(what)
  }

  #look(): void {
    this.#waiting = this.#waiting.filter(({ done, resolve }) => {
      if (!done()) return true
      resolve()
      return false
    })
  }

  get closes(): number {
    return this.happened.filter((what) => what === 'close').length
  }

  get drains(): number {
    return this.happened.filter((what) => what === 'drain').length
  }

  send(bytes: Uint8Array): boolean {
    return this.#call('send', () => this.link.send(bytes))
  }

  close(): void {
    this.#call('close', () => this.link.close())
    this.#ended ||= 'close'
  }

  abort(): void {
    this.#call('abort', () => this.link.abort())
    this.#ended ||= 'abort'
  }

  /** Waits for something that only a callback can bring about. */
  async until(done: () => boolean): Promise<void> {
    if (done()) return
    await new Promise<void>((resolve) => void this.#waiting.push({ done, resolve }))
  }

  /** Waits for the end. */
  closed(): Promise<void> {
    return this.until(() => this.closes > 0)
  }

  /** Waits for so many bytes. */
  received(bytes: number): Promise<void> {
    return this.until(() => this.bytes >= bytes)
  }

  /** Everything that came, in one piece. */
  content(): Uint8Array {
    return joined(this.chunks)
  }

  /** Throws when a rule was broken, or a chunk was written to after it was handed out. */
  verify(): void {
    check(this.broken.length === 0, this.broken.join('; '))
    check(this.chunks.every((chunk) => chunk instanceof Uint8Array), 'a chunk is no Uint8Array')
    const kept = this.chunks.every((chunk, at) => sameContent(chunk, this.#copies[at]!))
    check(kept, 'a chunk changed after it was handed out')
  }
}

/** Pieces put together. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}

/** True when both hold the same bytes. */
export function sameContent(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Lets so many turns of the event loop go by. */
export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise<void>((resolve) => void setTimeout(resolve, 0))
}
