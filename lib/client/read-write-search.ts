import type { Clock, Timer } from '../ports/clock.ts'
import type { Link, Transport } from '../ports/transport.ts'

/** A server that may be asked. */
export interface Server {
  readonly address: string
  readonly transport: Transport
}

/** What a search is made of. */
export interface SearchParts {
  /** Asked one after the other, again and again. */
  readonly servers: readonly Server[]
  readonly clock: Clock
  readonly unref: boolean
  /** A server says that it takes writes; the search is over. */
  onFound(): void
}

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 60_000
const ANSWER_MS = 1_000
const QUESTION = 'isro'
const YES = 'rw'

/**
 * Looks for a server that takes writes, for a session that had to be content with one that only reads: asks the others
 * by the four-letter word `isro`, first after 100 ms, then after pauses that double up to a minute
 * (ZooKeeper: ClientCnxn.pingRwServer).
 */
export class ReadWriteSearch {
  readonly #parts: SearchParts
  #at = 0
  #pauseMs = FIRST_PAUSE_MS
  #timer: Timer | null = null
  #question: AbortController | null = null
  #link: Link | null = null
  #isOver = false

  constructor(parts: SearchParts) {
    this.#parts = parts
    if (parts.servers.length > 0) this.#later()
  }

  stop(): void {
    this.#isOver = true
    this.#forget()
  }

  #later(): void {
    this.#forget()
    if (this.#isOver) return
    this.#timer = this.#parts.clock.setTimer(this.#pauseMs, () => this.#ask(), this.#parts.unref)
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, this.#pauseMs * 2)
  }

  /** Ends the question that is under way, if any. */
  #forget(): void {
    this.#timer?.cancel()
    this.#question?.abort()
    this.#question = null
    this.#link?.abort()
    this.#link = null
  }

  #ask(): void {
    const { servers, clock, unref } = this.#parts
    const server = servers[this.#at++ % servers.length]
    if (server === undefined) return
    const question = new AbortController()
    this.#question = question
    this.#timer = clock.setTimer(ANSWER_MS, () => this.#later(), unref)
    server.transport.dial(server.address, { signal: question.signal }).then((link) => {
      this.#listen(link, () => this.#question === question)
    }, () => {
      if (this.#question === question) this.#later()
    })
  }

  #listen(link: Link, isAwaited: () => boolean): void {
    let answer = ''
    link.attach({
      onData: (chunk) => {
        answer += new TextDecoder().decode(chunk)
        if (!isAwaited() || answer.length < YES.length) return
        if (answer.startsWith(YES)) {
          this.stop()
          this.#parts.onFound()
        } else {
          this.#later()
        }
      },
      onDrain: () => undefined,
      onClose: () => {
        if (isAwaited()) this.#later()
      },
    })
    if (!isAwaited()) {
      link.abort()
      return
    }
    this.#link = link
    link.send(new TextEncoder().encode(QUESTION))
  }
}
