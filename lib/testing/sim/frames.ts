import type { Message } from '../../core/zab/messages.ts'

/** What one turn sends, by link: links are few, so two arrays, which are used again up to `#count`. */
export class Frames {
  readonly #links: number[] = []
  readonly #frames: Message[][] = []
  #count = 0

  add(link: number, message: Message): void {
    const at = this.#indexOf(link)
    if (at >= 0) {
      this.#frames[at]!.push(message)
      return
    }
    this.#links[this.#count] = link
    this.#frames[this.#count] = [message]
    this.#count++
  }

  #indexOf(link: number): number {
    for (let at = 0; at < this.#count; at++) if (this.#links[at] === link) return at
    return -1
  }

  /** Takes out what goes over this link; null for nothing. */
  take(link: number): readonly Message[] | null {
    const at = this.#indexOf(link)
    if (at < 0) return null
    this.#count--
    const [frame] = this.#frames.splice(at, 1)
    this.#links.splice(at, 1)
    return frame!
  }

  /** Takes out all of it, in the order of each link's first message. */
  sendAll(to: { send(link: number, frame: readonly Message[]): void }): void {
    const count = this.#count
    this.#count = 0
    for (let at = 0; at < count; at++) to.send(this.#links[at]!, this.#frames[at]!)
  }
}
