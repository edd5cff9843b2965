import type { Zxid } from '../zxid.ts'

interface Target {
  readonly zxid: Zxid
  readonly atMs: number
}

/** Who was too far behind serves again once it is so much less behind: it would come and go otherwise. */
const RESUMES_SHARE = 0.5
/**
 * Who has what it is behind with, and gets on with it while its clients are told of very many changes, is given so many
 * times as long: they would all begin anew elsewhere, and with the same watches.
 */
const TELLING_FACTOR = 4

/**
 * How far a learner is behind its leader, in time. What the leader has committed comes with each ping, ahead of txns
 * that the leader still holds for a learner whose link or disk is slower than what is written: the age of the oldest
 * such word that has not come true yet is the age of what this peer would answer. Clients see what was committed
 * within a bound, or that this peer does not serve (ZooKeeper's promise of timeliness).
 */
export class Lag {
  readonly #limitMs: number
  /** What the leader said that it had committed, and is not applied here; oldest first. */
  #targets: Target[] = []
  /** So far behind that nobody may be served. */
  isLong = false

  /** `limitMs`: how old an answer may be. */
  constructor(limitMs: number) {
    this.#limitMs = limitMs
  }

  /**
   * The leader has committed up to `through`; here it is `applied` up to there, and watch events are what takes time if
   * it `isTelling`.
   */
  told(through: Zxid, applied: Zxid, nowMs: number, isTelling: boolean): void {
    const reached = this.#targets.findIndex(({ zxid }) => zxid > applied)
    this.#targets.splice(0, reached < 0 ? this.#targets.length : reached)
    const last = this.#targets[this.#targets.length - 1]
    if (through > applied && (last === undefined || through > last.zxid)) {
      this.#targets.push({ zxid: through, atMs: nowMs })
    }
    const oldest = this.#targets[0]
    const lateMs = oldest === undefined ? 0 : nowMs - oldest.atMs
    this.isLong = lateMs >= this.#limitMs * (this.isLong ? RESUMES_SHARE : isTelling ? TELLING_FACTOR : 1)
  }
}
