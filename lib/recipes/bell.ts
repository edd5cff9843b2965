import type { Client } from '../client/client.ts'
import { isZkError } from '../core/errors.ts'
import { unlessOver } from './pause.ts'

/** Tells that something that was read has changed. A node is watched once, however often it is read meanwhile. */
export class Bell {
  readonly #zk: Client
  readonly #armed = new Set<string>()
  #hasRung = false
  #wake: () => void = () => undefined

  constructor(zk: Client) {
    this.#zk = zk
  }

  /** From here on a change counts. */
  reset(): void {
    this.#hasRung = false
  }

  ring(): void {
    this.#hasRung = true
    this.#wake()
  }

  /** Names of the children; rings when there are others. Errors: those of `children`. */
  children(path: string): Promise<string[]> {
    return this.#read(`${path}/`, (watch) => this.#zk.children(path, watch))
  }

  /** Rings when the node goes; at once when it is not there. Errors: those of `get`. */
  async node(path: string): Promise<void> {
    try {
      await this.#read(path, (watch) => this.#zk.get(path, watch))
    } catch (error) {
      if (!isZkError(error, 'NoNode')) throw error
      this.ring()
    }
  }

  async #read<T>(key: string, read: (options: { readonly watch?: () => void }) => Promise<T>): Promise<T> {
    // What was watched before this read and has not rung is as it was then, or rings before the answer comes.
    if (this.#armed.has(key)) return read({})
    this.#armed.add(key)
    const watch = (): void => {
      this.#armed.delete(key)
      this.ring()
    }
    try {
      return await read({ watch })
    } catch (error) {
      this.#armed.delete(key)
      throw error
    }
  }

  /** Resolves when it has rung since the reset, or after so long. Errors: Aborted, SessionExpired, Closed. */
  async heard(waitMs: number, signal: AbortSignal): Promise<void> {
    const rung = new Promise<void>((resolve) => {
      this.#wake = resolve
      if (this.#hasRung) resolve()
    })
    const timer = waitMs === Infinity ? null : this.#zk.clock.setTimer(waitMs, () => this.#wake())
    try {
      await unlessOver(this.#zk, rung, signal)
    } finally {
      timer?.cancel()
      this.#wake = () => undefined
    }
  }
}
