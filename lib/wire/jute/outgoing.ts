import type { JuteWriter } from './writer.ts'

/**
 * Frames that wait to be sent to one receiver. All clients of a peer are written in the same memory, so what one of
 * them gets in a turn may lie in pieces; it leaves in one.
 */
export class Outgoing {
  #chunk: Uint8Array | null = null
  #from = 0
  #to = 0
  #parts: Uint8Array[] = []
  /** Of all that waits. */
  bytes = 0

  /** Adds the frame that the writer has just closed. */
  add(writer: JuteWriter): void {
    const { chunk, start, at } = writer
    this.bytes += at - start
    if (this.#chunk === chunk && this.#to === start) {
      this.#to = at
      return
    }
    if (this.#chunk !== null) this.#parts.push(this.#chunk.subarray(this.#from, this.#to))
    this.#chunk = chunk
    this.#from = start
    this.#to = at
  }

  /** Everything in one piece; nothing waits any more. */
  take(): Uint8Array | null {
    if (this.#chunk === null) return null
    const last = this.#chunk.subarray(this.#from, this.#to)
    const parts = this.#parts
    const { bytes } = this
    this.#chunk = null
    this.bytes = 0
    if (parts.length === 0) return last
    this.#parts = []
    const whole = new Uint8Array(bytes)
    let at = 0
    for (const part of [...parts, last]) {
      whole.set(part, at)
      at += part.length
    }
    return whole
  }
}
