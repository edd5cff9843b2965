import type { Replica } from '../../core/replica.ts'
import type { EventQueue } from './events.ts'
import { Violation } from './violation.ts'

const LOOK_MS = 50

/** What is needed of a world, and of what is known of it. */
export interface StrandedWorld {
  readonly events: EventQueue
  /** Voters of the healed core that are up. */
  readonly voters: () => readonly Replica[]
  /** One of them that leads without a quorum that counts; null: nobody does. */
  readonly short: () => Replica | null
}

/**
 * L3: a leader without a quorum waits for whom it brings up, and those who ask for something wait for both. Who is
 * linked with it and counts follows it in time, as that may be all it takes.
 */
export class Stranded {
  readonly #world: StrandedWorld
  readonly #limitMs: number
  readonly #sinceMs = new Map<Replica, number>()
  readonly stop: () => void

  constructor(world: StrandedWorld, limitMs: number) {
    this.#world = world
    this.#limitMs = limitMs
    this.stop = world.events.every(LOOK_MS, () => { this.#look() })
  }

  #look(): void {
    const { events, voters, short } = this.#world
    const leader = short()
    for (const replica of voters()) {
      if (leader === null || !isStranded(replica, leader)) this.#sinceMs.delete(replica)
      else if (!this.#sinceMs.has(replica)) this.#sinceMs.set(replica, events.nowMs)
    }
    for (const [{ config: { peerId } }, sinceMs] of this.#sinceMs) {
      if (events.nowMs - sinceMs <= this.#limitMs) continue
      const whom = `${leader!.config.peerId}, which needs it`
      throw new Violation('L3', `server ${peerId} does not follow ${whom}, in ${this.#limitMs.toFixed(0)} ms`)
    }
  }
}

function isStranded(replica: Replica, leader: Replica): boolean {
  const { config: { peerId }, founding, learner } = replica
  if (replica === leader || learner?.leader === leader.config.peerId) return false
  return replica.isLinked(leader.config.peerId) && leader.isLinked(peerId) && founding.counts(peerId, founding.health)
}
