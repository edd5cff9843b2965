import type { Link } from '../ports/transport.ts'
import type { RemoteClient } from './remote-client.ts'
import type { ConnectionStats } from './words/server-stats.ts'
import { ARGUMENT_BYTES, isAllowed, WORD_WITH_ARGUMENT, wordOf } from './words/words.ts'
import type { FourLetterWord } from './words/words.ts'

/** What a connection needs of its port. */
export interface StrangerParts {
  /** `127.0.0.1:43210` */
  readonly remote: string
  readonly nowMs: number
  readonly stats: ConnectionStats
  /** Words that are answered. */
  readonly words: readonly string[]
  answer(word: FourLetterWord, argument: Uint8Array): string | Promise<string>
  /** It is a client: the one that takes all further bytes. */
  client(): RemoteClient
  /** An answer could not be had. */
  onFailed(error: unknown): void
  onClosed(): void
}

const WORD_BYTES = 4

/** A connection to the client port whose first four bytes say what it is: a four-letter word or a client. */
export class Stranger {
  readonly remote: string
  readonly openedAtMs: number
  readonly stats: ConnectionStats
  client: RemoteClient | null = null
  readonly #link: Link
  readonly #parts: StrangerParts
  #first: Uint8Array = new Uint8Array(0)
  #isAnswering = false

  constructor(link: Link, parts: StrangerParts) {
    this.#link = link
    this.#parts = parts
    this.remote = parts.remote
    this.openedAtMs = parts.nowMs
    this.stats = parts.stats
    link.attach({
      onData: (chunk) => {
        if (this.client !== null) this.client.onData(chunk)
        else if (!this.#isAnswering) this.#begin(chunk)
      },
      onDrain: () => this.client?.onDrain(),
      onClose: () => {
        this.client?.onLinkClosed()
        parts.onClosed()
      },
    })
  }

  #begin(chunk: Uint8Array): void {
    const first = new Uint8Array(this.#first.length + chunk.length)
    first.set(this.#first)
    first.set(chunk, this.#first.length)
    this.#first = first
    if (first.length < WORD_BYTES) return
    const word = wordOf(first)
    if (word === null) {
      this.client = this.#parts.client()
      this.client.onData(first)
      this.#first = new Uint8Array(0)
      return
    }
    const bytes = WORD_BYTES + (word === WORD_WITH_ARGUMENT && isAllowed(word, this.#parts.words) ? ARGUMENT_BYTES : 0)
    if (first.length < bytes) return
    this.#isAnswering = true
    this.stats.received()
    this.#answer(word, first.slice(WORD_BYTES, bytes)).catch((error: unknown) => {
      this.#parts.onFailed(error)
      this.#link.abort()
    })
  }

  async #answer(word: FourLetterWord, argument: Uint8Array): Promise<void> {
    const text = await this.#parts.answer(word, argument)
    // In one piece: some tools read once.
    this.#link.send(new TextEncoder().encode(text))
    this.stats.notified()
    this.#link.close()
  }

  close(): void {
    if (this.client === null) this.#link.close()
    else this.client.close()
  }

  abort(): void {
    if (this.client === null) this.#link.abort()
    else this.client.abort('OperationTimeout')
  }
}
