import type { ErrorCode } from '../core/errors.ts'
import type { SessionId } from '../core/tree/stat.ts'

/**
 * - `connecting`: there was no session yet.
 * - `connected`: requests are served.
 * - `suspended`: the connection is lost, the session is surely alive for `aliveForMs` more; requests wait.
 * - `lost`: still trying, but the session may be gone; who holds something by it must assume that he does not.
 * - `expired`: the ensemble closed the session, or for four thirds of its timeout no server could be asked. Final.
 * - `closed`: by you, or because the peer that carried it stopped, or because another client took the session up (the
 *   code says which: null, PeerStopped, SessionMoved). Final.
 */
export type SessionState = 'connecting' | 'connected' | 'suspended' | 'lost' | 'expired' | 'closed'

/** What names a session and proves that it is yours: keep it to resume the session later. */
export interface SessionKey {
  readonly id: SessionId
  readonly password: Uint8Array
}

/** One change of the state. */
export interface StateChange {
  readonly state: SessionState
  readonly previous: SessionState
  /** Why, when something went wrong. */
  readonly code: ErrorCode | null
  /** Of `suspended`: for so long the session is surely alive. Null in all other states. */
  readonly aliveForMs: number | null
}
