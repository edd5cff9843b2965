import type { ReplicaConfig } from '../effects.ts'

/** Rounds of finalizeMs within which voters are expected to follow their decision. */
const LOYALTY_ROUNDS = 5
/** Whom a leader refused acts on no decision for so many times resendMs: it must not run in circles. */
export const HOLD_OFF_RESENDS = 4

/**
 * Voters that said that they look while a leader waits for them, and until when it waits still: at once they may only
 * not have heard yet that they decided for it. What they said counts when that time is over, even if they are silent
 * then, as they follow somebody else.
 */
export class Doubts {
  readonly #config: ReplicaConfig
  readonly #sinceMs: number
  readonly #untilMs = new Map<number, number>()

  /** `sinceMs`: when the leader began. */
  constructor(config: ReplicaConfig, sinceMs: number) {
    this.#config = config
    this.#sinceMs = sinceMs
  }

  /**
   * It looks; the last word counts. One that has chosen this leader in its round `isComing`: it may not know yet that
   * others have, or not be free to act on it.
   */
  heard(peer: number, isComing: boolean, nowMs: number): void {
    const { mutant, timing: { finalizeMs, resendMs, resendMaxMs } } = this.#config
    const moreMs = isComing && mutant !== 'unsettledByItsOwn' ? resendMs * HOLD_OFF_RESENDS + resendMaxMs : 0
    const untilMs = this.#sinceMs + finalizeMs * LOYALTY_ROUNDS + moreMs
    if (mutant !== 'forgetsItsDoubts' || untilMs <= nowMs) this.#untilMs.set(peer, untilMs)
  }

  /** It has joined. */
  forget(peer: number): void {
    this.#untilMs.delete(peer)
  }

  get deadlineMs(): number {
    let deadlineMs = Infinity
    for (const untilMs of this.#untilMs.values()) deadlineMs = Math.min(deadlineMs, untilMs)
    return deadlineMs
  }

  /** Takes out those that were waited for long enough. */
  takeUntil(nowMs: number): readonly number[] {
    const due = Array.from(this.#untilMs).flatMap(([peer, untilMs]) => untilMs <= nowMs ? [peer] : [])
    for (const peer of due) this.#untilMs.delete(peer)
    return due
  }
}
