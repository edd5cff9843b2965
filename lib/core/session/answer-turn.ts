import { LITTLE_ANSWER_BYTES, SHARED_ANSWER_BYTES, SPARE_ANSWER_BYTES, TURN_ANSWER_BYTES } from '../limits.ts'
import type { Request } from '../tree/request.ts'
import type { Zxid } from '../zxid.ts'
import type { Connection } from './connection.ts'

/** Who has all that is applied here wait for so many turns has asked for too much at once: half a second, about. */
const BLOCKED_TURNS_MAX = 16
/** One of them is forgiven for so long without. */
const FORGIVEN_MS = 4_000
/** A turn that has applied so many txns has not stood still. */
const MOVING_TXNS = 16

/**
 * What is answered to reads between two turns, of all clients and of what waited of each, in bytes of `readCost`: who
 * may be answered now, and who asks for too much. Whoever reads little neither waits for others nor has them wait.
 */
export class AnswerTurn {
  bytes = 0
  #number = 0
  /** What was applied when it began. */
  #from: Zxid

  constructor(applied: Zxid) {
    this.#from = applied
  }

  begin(applied: Zxid): void {
    this.bytes = 0
    this.#number++
    this.#from = applied
  }

  /** For a read that nothing of its session is before. What takes no more than its head has some room of its own. */
  hasRoom(op: Request['op']): boolean {
    const { bytes } = this
    return bytes < TURN_ANSWER_BYTES || (isSmall(op) && bytes < TURN_ANSWER_BYTES + SPARE_ANSWER_BYTES)
  }

  /** So much of what waited of a connection was answered. */
  took(connection: Connection, bytes: number): void {
    connection.answeredBytes = this.#of(connection) + bytes
    connection.answeredTurn = this.#number
  }

  #of(connection: Connection): number {
    return connection.answeredTurn === this.#number ? connection.answeredBytes : 0
  }

  /** Up to where a connection may be answered: by its share of the turn, and by a little where that is spent. */
  limitOf(connection: Connection): number {
    return Math.max(Math.min(TURN_ANSWER_BYTES, this.bytes + SHARED_ANSWER_BYTES), this.#littleOf(connection))
  }

  /** The same where a txn waits for it: by all that is left. */
  limitBeforeTxn(connection: Connection): number {
    return Math.max(TURN_ANSWER_BYTES, this.#littleOf(connection))
  }

  #littleOf(connection: Connection): number {
    const little = this.bytes + LITTLE_ANSWER_BYTES - this.#of(connection)
    return Math.min(TURN_ANSWER_BYTES + SPARE_ANSWER_BYTES, little)
  }

  /**
   * All that is to be applied, from behind `applied` on, waits for reads of this connection. True once it must go: it
   * has come to too many turns in which it had its share, and next to nothing was applied.
   */
  isTooMuch(connection: Connection, applied: Zxid, nowMs: number): boolean {
    if (applied - this.#from >= MOVING_TXNS || this.#of(connection) < SHARED_ANSWER_BYTES) return false
    const left = connection.blockedTurns - (nowMs - connection.blockedMs) / FORGIVEN_MS
    connection.blockedTurns = Math.max(0, left) + 1
    connection.blockedMs = nowMs
    return connection.blockedTurns > BLOCKED_TURNS_MAX
  }
}

/** A node's head or data, which is the tree's own, or the answer to a ping. */
function isSmall(op: Request['op']): boolean {
  return op === 11 || op === 4 || op === 3
}
