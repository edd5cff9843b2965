import type { Message } from '../../core/zab/messages.ts'

/** What one turn sends, by link: links are few, so two arrays, which are used again. */
export class Frames {
  readonly #links: number[] = []
  readonly #frames: Message[][] = []

  add(link: number, message: Message): void {
    const at = this.#links.indexOf(link)
    if (at >= 0) this.#frames[at]!.push(message)
    else {
      this.#links.push(link)
      this.#frames.push([message])
    }
  }

  /** Takes out what goes over this link; null for nothing. */
  take(link: number): readonly Message[] | null {
    const at = this.#links.indexOf(link)
    if (at < 0) return null
    const [frame] = this.#frames.splice(at, 1)
    this.#links.splice(at, 1)
    return frame!
  }

  /** Takes out all of it, in the order of each link's first message. */
  sendAll(to: { send(link: number, frame: readonly Message[]): void }): void {
    const { length } = this.#links
    for (let at = 0; at < length; at++) to.send(this.#links[at]!, this.#frames[at]!)
    this.#links.length = 0
    this.#frames.length = 0
  }
}
