import type { SessionId } from '../../core/tree/stat.ts'
import type { Zxid } from '../../core/zxid.ts'

/** A session, from its opening txn to its closing one. */
export interface SessionState {
  readonly timeoutMs: number
  readonly password: Uint8Array
  readonly openedZxid: Zxid
  /** Infinity while it is open. */
  closedZxid: number
}

/** Every session that there ever was, so that a table of sessions at any zxid can be checked. */
export class SessionStates {
  readonly #states = new Map<SessionId, SessionState>()

  opened(zxid: Zxid, session: SessionId, timeoutMs: number, password: Uint8Array): void {
    this.#states.set(session, { timeoutMs, password, openedZxid: zxid, closedZxid: Infinity })
  }

  closed(zxid: Zxid, session: SessionId): void {
    this.#states.get(session)!.closedZxid = zxid
  }

  /** The session as of `zxid`; null when it was not open then. */
  at(session: SessionId, zxid: Zxid): SessionState | null {
    const state = this.#states.get(session)
    return state !== undefined && state.openedZxid <= zxid && zxid < state.closedZxid ? state : null
  }

  /** How many were open. */
  countAt(zxid: Zxid): number {
    let count = 0
    for (const { openedZxid, closedZxid } of this.#states.values()) if (openedZxid <= zxid && zxid < closedZxid) count++
    return count
  }
}
