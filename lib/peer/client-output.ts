import type { Link } from '../ports/transport.ts'
import { FRAME_HEAD_BYTES } from '../wire/frame.ts'
import { Outgoing } from '../wire/jute/outgoing.ts'
import type { JuteWriter } from '../wire/jute/writer.ts'
import type { ConnectionStats } from './words/server-stats.ts'

/** What the output of a client is made of. */
export interface ClientOutputParts {
  readonly writer: JuteWriter
  readonly stats: ConnectionStats
  /** Limits.clientQueueBytes. */
  readonly queueBytes: number
  /** More waits than that: the client does not read. */
  onOverflow(): void
}

/** Output that is sent before its turn is over. */
const FLUSH_BYTES = 256 * 1024
/** What a frame that has to wait costs besides its data. */
const HELD_BYTES = 128
/** Frames that are written between two looks at whether the link is full again. */
const RELEASED_AT_ONCE = 64

/** A frame that waits to be written. */
interface Held {
  readonly bytes: number
  readonly write: (writer: JuteWriter) => void
  readonly isReply: boolean
}

/**
 * What one client is sent, in order. While its link has room frames are written at once and leave together; while it
 * has none, their values are kept: they are references to what the tree holds, where bytes would be copies.
 */
export class ClientOutput {
  readonly #link: Link
  readonly #parts: ClientOutputParts
  readonly #written = new Outgoing()
  #held: Held[] = []
  #heldBytes = 0
  /** The link took all it wants for now. */
  #isFull = false

  constructor(link: Link, parts: ClientOutputParts) {
    this.#link = link
    this.#parts = parts
  }

  /** True when a frame may be written at once, to be announced by `added`. */
  get isClear(): boolean {
    return !this.#isFull && this.#held.length === 0
  }

  /** Frames whose values wait. */
  get held(): number {
    return this.#held.length
  }

  get bytes(): number {
    return this.#link.queuedBytes + this.#written.bytes + this.#heldBytes
  }

  /** The writer has just closed a frame for this client. */
  added(isReply = false): void {
    const { writer, stats } = this.#parts
    if (isReply) stats.responded(writer.at - writer.start - FRAME_HEAD_BYTES)
    this.#written.add(writer)
    if (this.#written.bytes > FLUSH_BYTES) this.flush()
  }

  /** Writes a frame now, or when the link has room; `dataBytes` is what its values keep alive. */
  put(dataBytes: number, write: (writer: JuteWriter) => void, isReply = false): void {
    if (this.isClear) {
      write(this.#parts.writer)
      this.added(isReply)
      return
    }
    const bytes = dataBytes + HELD_BYTES
    this.#held.push({ bytes, write, isReply })
    this.#heldBytes += bytes
    if (this.#heldBytes + this.#link.queuedBytes > this.#parts.queueBytes) this.#parts.onOverflow()
  }

  flush(): void {
    const { writer } = this.#parts
    const bytes = this.#written.take(writer)
    if (bytes === null) return
    if (!this.#link.send(bytes)) this.#isFull = true
    this.#written.sent(writer, this.#link.hasTaken !== true)
  }

  /** The link has room again. */
  drained(): void {
    this.#isFull = false
    const held = this.#held
    let released = 0
    while (released < held.length && !this.#isFull) {
      const { bytes, write, isReply } = held[released++]!
      this.#heldBytes -= bytes
      write(this.#parts.writer)
      this.added(isReply)
      if (released % RELEASED_AT_ONCE === 0) this.flush()
    }
    this.#held = held.slice(released)
    this.flush()
  }

  /** Nobody waits for it any more. */
  drop(): void {
    this.#held = []
    this.#heldBytes = 0
  }
}
