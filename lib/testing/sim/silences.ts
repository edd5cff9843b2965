import type { Timing } from '../../core/effects.ts'
import type { SessionId } from '../../core/tree/stat.ts'
import type { ClientWorld } from './client-world.ts'
import { Violation } from './violation.ts'

/** Ticks within which a write of a healed ensemble is committed (L2). */
const COMMIT_TICKS = 3
/** Clocks of a healed core are right up to a fiftieth, between each other. */
const DRIFT = 1.02

/** What is needed of a world. */
export interface SilentWorld {
  readonly events: ClientWorld['events']
  readonly elections: number
  readonly ghost: Pick<ClientWorld['ghost'], 'lastWords'>
  readonly plan: { readonly timing: Timing }
  readonly servers: ReadonlyMap<number, { readonly replica: {
    readonly tree: { readonly sessions: ReadonlyMap<SessionId, { readonly timeoutMs: number }> }
  } | null }>
}

/** How sessions are watched. */
export interface SilencePlan {
  /** Who of the core leads; 0 while nobody does. */
  readonly leader: () => number
  /** False where the bounds of the run hold writes back. */
  readonly isTimed: boolean
}

/**
 * C12, the upper half, and L7: in a healed ensemble a session that nobody acts for is closed within its own timeout,
 * the bucket of the tick in which that ends, the ping that brings its last word to the leader, one more where the
 * leader was held up, and what a commit takes. Looked at once a tick; a new leader grants a whole timeout again.
 */
export class Silences {
  readonly #world: SilentWorld
  readonly #plan: SilencePlan
  isTimed: boolean
  readonly stop: () => void
  #elections = -1
  #grantedMs = 0
  /** Of those that nobody knows to have acted: since when they are seen. */
  readonly #firstMs = new Map<SessionId, number>()

  constructor(world: SilentWorld, plan: SilencePlan) {
    this.#world = world
    this.#plan = plan
    this.isTimed = plan.isTimed
    this.stop = world.events.every(world.plan.timing.tickMs, () => { this.#look() })
  }

  #look(): void {
    const { events, elections, servers } = this.#world
    const leader = this.#plan.leader()
    if (elections !== this.#elections || leader === 0 || !this.isTimed) this.#grantedMs = events.nowMs
    this.#elections = elections
    const sessions = servers.get(leader)?.replica?.tree.sessions ?? []
    for (const [session, { timeoutMs }] of sessions) this.#check(session, timeoutMs)
  }

  #check(session: SessionId, timeoutMs: number): void {
    const { events: { nowMs }, ghost: { lastWords }, plan: { timing: { tickMs, pingMs } } } = this.#world
    let wordMs = lastWords.get(session) ?? this.#firstMs.get(session)
    if (wordMs === undefined) this.#firstMs.set(session, wordMs = nowMs)
    const silentMs = nowMs - Math.max(wordMs, this.#grantedMs)
    const limitMs = (timeoutMs + tickMs + 2 * pingMs + COMMIT_TICKS * tickMs) * DRIFT
    if (silentMs <= limitMs) return
    const [is, due] = [silentMs, limitMs].map((ms) => ms.toFixed(0))
    throw new Violation('L7', `session ${session} of ${timeoutMs} ms is open after ${is} ms of silence, not ${due}`)
  }
}
