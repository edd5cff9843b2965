import type { Replica } from '../../core/replica.ts'
import type { Meter } from './client-world.ts'
import type { EventQueue } from './events.ts'

/** One that is over sooner makes nobody wait. */
const LOOK_MS = 20

/** What is needed of a world. */
export interface ShortWorld {
  readonly events: EventQueue
  readonly leader: Replica | null
  readonly plan: { readonly voters: number }
  readonly meter: Meter | null
}

/**
 * When a leader has no quorum that counts, and leads on because one of the core is still being brought up: one from
 * outside had helped it to lead, and is gone again. What is asked of it waits for either, so the bounds of answers (L2,
 * L5) begin anew, and what is asked meanwhile is not counted. It ends by L3: a core that serves is a quorum.
 */
export class Shortage {
  readonly #world: ShortWorld
  readonly stop: () => void
  /** The last moment at which there was one. */
  lastMs: number = -Infinity

  constructor(world: ShortWorld) {
    this.#world = world
    this.stop = world.events.every(LOOK_MS, () => { this.#look() })
  }

  #look(): void {
    const { events, meter } = this.#world
    const { isShort } = this
    if (isShort) this.lastMs = events.nowMs
    if (meter !== null) meter.isHeld = isShort
  }

  /** It is so now. */
  get isShort(): boolean {
    const { leader, plan: { voters } } = this.#world
    if (leader === null) return false
    let count = 1
    for (const { counts } of leader.leader!.learners.values()) if (counts) count++
    return count * 2 <= voters
  }
}

/** Looks at a bound of time that begins anew with each shortage; `fail` is called once it is over. */
export function afterShortage(
  { events, shortage }: { readonly events: EventQueue, readonly shortage: Pick<Shortage, 'lastMs'> }, limitMs: number,
  fail: () => void,
): void {
  const look = (): void => {
    const leftMs = shortage.lastMs + limitMs - events.nowMs
    if (leftMs > 0) events.after(leftMs, look)
    else fail()
  }
  events.after(limitMs, look)
}
