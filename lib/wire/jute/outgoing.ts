import type { Chunk } from './chunk.ts'
import type { JuteWriter } from './writer.ts'

/** A stretch of frames that lie one behind the other. */
interface Stretch {
  readonly chunk: Chunk
  readonly from: number
  to: number
}

/**
 * Frames that wait to be sent to one receiver. All clients of a peer are written in the same memory, so what one of
 * them gets in a turn may lie in pieces; it leaves in one.
 */
export class Outgoing {
  /** The one that grows. */
  #last: Stretch | null = null
  #earlier: Stretch[] = []
  /** Whose memory was handed out by `take`. */
  #lent: Chunk | null = null
  /** Of all that waits. */
  bytes = 0

  /** Adds the frame that the writer has just closed. */
  add(writer: JuteWriter): void {
    const { chunk, start, at } = writer
    const last = this.#last
    this.bytes += at - start
    if (last !== null && last.chunk === chunk && last.to === start) {
      last.to = at
      return
    }
    if (last !== null) this.#earlier.push(last)
    chunk.users += 1
    this.#last = { chunk, from: start, to: at }
  }

  /** Everything in one piece; nothing waits any more. Until `sent` says otherwise, somebody reads it there. */
  take(writer: JuteWriter): Uint8Array | null {
    const last = this.#last
    if (last === null) return null
    const earlier = this.#earlier
    const { bytes } = this
    this.#last = null
    this.bytes = 0
    this.#lent = earlier.length === 0 ? last.chunk : null
    if (earlier.length === 0) return bytesOf(last)
    this.#earlier = []
    const whole = new Uint8Array(bytes)
    let at = 0
    for (const stretch of [...earlier, last]) {
      whole.set(bytesOf(stretch), at)
      at += stretch.to - stretch.from
      writer.release(stretch.chunk, false)
    }
    return whole
  }

  /** What `take` returned has left. `isKept`: somebody still reads it there. */
  sent(writer: JuteWriter, isKept: boolean): void {
    const lent = this.#lent
    this.#lent = null
    if (lent !== null) writer.release(lent, isKept)
  }
}

function bytesOf({ chunk, from, to }: Stretch): Uint8Array {
  return chunk.bytes.subarray(from, to)
}
