import { isQuorum } from './quorum.ts'
import type { ZabContext } from './context.ts'
import type { Health, Notification } from './messages.ts'

type Context = Pick<ZabContext, 'config' | 'configs' | 'founding' | 'isLinked'>

/**
 * Whom this peer is linked with, and whether that is enough to lead. Who is not linked with a quorum could not lead,
 * and those who hear its vote from others could not follow it. Nor does a link to such a one count for a candidate: it
 * hears too few votes to decide for anybody. Links alone are asked there, not what follows from them for others: so
 * nobody waits for another to stand first. Who said that its storage is damaged counts for nobody.
 */
export class Reach {
  readonly #context: Context
  /** Voters that said last that they look and are not linked with a quorum. */
  readonly #narrow = new Set<number>()
  /** What those said last of their storage that did not call it whole. */
  readonly #healths = new Map<number, Health>()

  constructor(context: Context) {
    this.#context = context
  }

  /** This peer and those that it is linked with are a quorum, as far as they may count. */
  get isWide(): boolean {
    return this.#isQuorum((peer) => this.#reaches(peer))
  }

  /** So are those of them that say the same of themselves, as far as they have said anything. */
  get mayStand(): boolean {
    const { config: { mutant } } = this.#context
    return this.#isQuorum((peer) => this.#reaches(peer) && (!this.#narrow.has(peer) || mutant === 'standsOnNarrow'))
  }

  heard(peer: number, { state, isWide, health }: Notification): void {
    if (health === 'ok') this.#healths.delete(peer)
    else this.#healths.set(peer, health)
    if (state === 'looking' && !isWide) this.#narrow.add(peer)
    else this.#narrow.delete(peer)
  }

  /** Its link is down. */
  lost(peer: number): void {
    this.#narrow.delete(peer)
    this.#healths.delete(peer)
  }

  #reaches(peer: number): boolean {
    const { founding, config: { mutant } } = this.#context
    const health = this.#healths.get(peer)
    const mayCount = health === undefined || founding.votes(peer, health) || mutant === 'standsOnDamaged'
    return this.#context.isLinked(peer) && mayCount
  }

  #isQuorum(has: (peer: number) => boolean): boolean {
    const { configs, config } = this.#context
    return isQuorum(configs, (peer) => peer === config.peerId || has(peer))
  }
}
