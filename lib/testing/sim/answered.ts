import type { ConnectInput, Effect } from '../../core/effects.ts'
import { nodeOutcome } from '../../core/tree/reads.ts'

/**
 * What a server says to every other of its connections in the moment it is answered, as peers have it for clients from
 * elsewhere: the same replies and events as effects, ahead of those that the turn takes.
 */
export class Answered {
  #told: Effect[] = []

  /** The same input, with somebody who hears the answers. */
  connecting(input: ConnectInput): ConnectInput {
    const { conn, inProcess } = input
    if (inProcess || conn % 2 === 0) return input
    return {
      ...input,
      answers: {
        onReply: (xid, zxid, outcome) => this.#told.push({ kind: 'reply', conn, xid, zxid, outcome }),
        onNode: (xid, zxid, op, node) =>
          this.#told.push({ kind: 'reply', conn, xid, zxid, outcome: nodeOutcome(op, node) }),
        onEvent: (event) => this.#told.push({ kind: 'event', conn, event }),
      },
    }
  }

  before(effects: readonly Effect[]): readonly Effect[] {
    if (this.#told.length === 0) return effects
    const told = this.#told
    this.#told = []
    return told.concat(effects)
  }
}
