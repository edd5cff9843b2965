import type { Founding } from './context.ts'
import type { Health } from './messages.ts'

/** What the rule knows of this replica's own storage. */
export interface OwnStorage {
  readonly health: Exclude<Health, 'new'>
  readonly currentEpoch: number
}

/**
 * An empty storage is trusted only while an ensemble is being founded: when the user allowed it (`bootstrap`) and
 * nobody was heard who has a history, or when every listed voter was heard to have none. A wiped voter of a living
 * ensemble therefore never counts (ZOOKEEPER-261).
 *
 * Each can tell that of itself alone, as long as its process runs: the others may not have heard what it was part of
 * before it lost its disk. So an empty storage calls itself 'new' when its own process saw the founding, and 'empty'
 * when it did not; a leader takes in the first alone as one that counts.
 */
export class FoundingRule implements Founding {
  readonly #peerId: number
  readonly #voters: readonly number[]
  readonly #own: () => OwnStorage
  #bootstrap: boolean
  /** Voters heard to have no history, this one included. */
  readonly #empty = new Set<number>()
  #allEmpty = false
  /** Voters known to have been part of an established epoch: should one of them be empty later, it was wiped. */
  readonly #settled = new Set<number>()

  readonly #mutant: string | undefined

  constructor(
    peerId: number, voters: readonly number[], bootstrap: boolean, own: () => OwnStorage, mutant?: string,
  ) {
    this.#mutant = mutant
    this.#peerId = peerId
    this.#voters = voters
    this.#own = own
    this.#bootstrap = bootstrap && own().currentEpoch === 0
    if (own().currentEpoch === 0 && own().health !== 'log' && own().health !== 'meta') this.#add(peerId)
  }

  get health(): Health {
    const { health } = this.#own()
    return health === 'empty' && this.counts(this.#peerId, 'new') ? 'new' : health
  }

  heard(peer: number, health: Health, peerEpoch: number): void {
    if (!this.#voters.includes(peer) || peer === this.#peerId) return
    // Whose log alone is damaged has its promises, and with them the word that it was part of no epoch.
    if (isUnwritten(health) || (health !== 'meta' && peerEpoch === 0)) this.#add(peer)
    else if (this.#own().currentEpoch === 0 && !this.#empty.has(peer)) this.#bootstrap = false
    if (health === 'ok' && peerEpoch > 0) this.#settled.add(peer)
  }

  counts(peer: number, health: Health): boolean {
    if (health === 'ok' || (isUnwritten(health) && this.#mutant === 'trustEmptyDisk')) return true
    if (health === 'log' && this.#mutant === 'damagedVotes') return true
    const isFounder = health === 'new' || (health === 'empty' && this.#mutant === 'foundsForLife')
    return isFounder && (this.#allEmpty || this.#bootstrap) && !this.#settled.has(peer)
  }

  votes(peer: number, health: Health): boolean {
    return this.counts(peer, isUnwritten(health) ? 'new' : health)
  }

  /**
   * Once all were empty the founding stays allowed: the first of them to write a promise must not shut the others
   * out.
   */
  #add(peer: number): void {
    this.#empty.add(peer)
    if (this.#voters.every((voter) => this.#empty.has(voter))) this.#allEmpty = true
  }
}

/** Nothing was ever promised on that storage, or all of it is lost. */
export function isUnwritten(health: Health): boolean {
  return health === 'new' || health === 'empty'
}
