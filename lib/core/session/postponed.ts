import { LITTLE_ANSWER_BYTES, SHARED_ANSWER_BYTES, SPARE_ANSWER_BYTES, TURN_ANSWER_BYTES } from '../limits.ts'
import type { AnswerTurn } from './answer-turn.ts'
import type { Connection } from './connection.ts'

/** Connections with reads that their turn had no room for, those that had their share last at the end. */
export class Postponed {
  readonly #connections = new Set<Connection>()
  /** The one whose reads the next txn waits for. */
  blocking: Connection | null = null

  get size(): number {
    return this.#connections.size
  }

  has(connection: Connection): boolean {
    return this.#connections.has(connection)
  }

  add(connection: Connection): void {
    this.#connections.add(connection)
  }

  delete(connection: Connection): void {
    if (this.#connections.size > 0) this.#connections.delete(connection)
  }

  /**
   * A turn begins: has them answered, each up to so many bytes of it. The one that a txn waits for is first, and those
   * that nothing waits for leave it room. Who has asked for little is not behind those with much, but for the one of
   * those that had a share longest ago: however many ask for little in each turn, one with much gets on. A share each,
   * however few they are: it is to be sent before it is too much for its client.
   */
  resume(turn: AnswerTurn, drain: (connection: Connection, most: number) => void): void {
    const { blocking } = this
    this.blocking = null
    if (this.#connections.size === 0) return
    if (blocking !== null) drain(blocking, SHARED_ANSWER_BYTES)
    const left = Math.min(TURN_ANSWER_BYTES, turn.bytes + SHARED_ANSWER_BYTES / 2)
    const most = blocking === null ? TURN_ANSWER_BYTES : left
    const others = Array.from(this.#connections).filter((connection) => connection !== blocking)
    const resume = (connection: Connection, bytes: number): void => {
      if (turn.bytes >= most) return
      drain(connection, Math.min(most, turn.bytes + bytes))
      connection.isHeavy = this.#connections.has(connection)
    }
    const eldest = others.find((connection) => connection.isHeavy)
    if (eldest !== undefined) resume(eldest, SPARE_ANSWER_BYTES)
    for (const connection of others) if (!connection.isHeavy) resume(connection, LITTLE_ANSWER_BYTES)
    for (const connection of others) if (connection.isHeavy) resume(connection, SHARED_ANSWER_BYTES)
  }
}
