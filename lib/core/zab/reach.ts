import { isQuorum } from './quorum.ts'
import type { ZabContext } from './context.ts'
import type { Notification } from './messages.ts'

/**
 * Whom this peer is linked with, and whether that is enough to lead. Who is not linked with a quorum could not lead,
 * and those who hear its vote from others could not follow it. Nor does a link to such a one count for a candidate: it
 * hears too few votes to decide for anybody. Links alone are asked there, not what follows from them for others: so
 * nobody waits for another to stand first.
 */
export class Reach {
  readonly #context: Pick<ZabContext, 'config' | 'configs' | 'isLinked'>
  /** Voters that said last that they look and are not linked with a quorum. */
  readonly #narrow = new Set<number>()
  #wasWide = false

  constructor(context: Pick<ZabContext, 'config' | 'configs' | 'isLinked'>) {
    this.#context = context
  }

  /** This peer and those that it is linked with are a quorum. */
  get isWide(): boolean {
    return this.#isQuorum((peer) => this.#context.isLinked(peer))
  }

  /** So are those of them that say the same of themselves, as far as they have said anything. */
  get mayStand(): boolean {
    const { config: { mutant } } = this.#context
    return this.#isQuorum((peer) =>
      this.#context.isLinked(peer) && (!this.#narrow.has(peer) || mutant === 'standsOnNarrow'))
  }

  /** True once after each change of `isWide`: who looks tells the others. */
  hasChanged(): boolean {
    const { isWide } = this
    const has = isWide !== this.#wasWide
    this.#wasWide = isWide
    return has
  }

  heard(peer: number, { state, isWide }: Notification): void {
    if (state === 'looking' && !isWide) this.#narrow.add(peer)
    else this.#narrow.delete(peer)
  }

  /** Its link is down. */
  lost(peer: number): void {
    this.#narrow.delete(peer)
  }

  #isQuorum(has: (peer: number) => boolean): boolean {
    const { configs, config } = this.#context
    return isQuorum(configs, (peer) => peer === config.peerId || has(peer))
  }
}
