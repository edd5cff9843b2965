import type { ConnId, Effect } from '../../core/effects.ts'
import type { SessionId } from '../../core/tree/stat.ts'

/** A connection on which a server confirmed a session, and the epoch in which that server served. */
interface Confirmed {
  readonly conn: ConnId
  readonly epoch: number
}

/**
 * C12: who may have known that a session moved. Who owns a session is one leader's knowledge. One that is deposed and
 * has not noticed confirms a session that comes back, by itself or through its followers, and the leader of a later
 * epoch, where the session was, hears nothing of it: for that one it is where it was.
 */
export class Moves {
  /** By server: the epoch in which it serves, or did last. */
  readonly #epochs = new Map<number, number>()
  /** In the order in which they were confirmed. */
  readonly #confirmed = new Map<SessionId, Confirmed[]>()

  /** Effects of each server, in their order. */
  emitted(server: number, effect: Effect): void {
    if (effect.kind === 'role' && effect.serving) this.#epochs.set(server, effect.epoch)
    else if (effect.kind === 'connected') {
      const { session, conn } = effect
      const confirmed = { conn, epoch: this.#epochs.get(server) ?? 0 }
      const known = this.#confirmed.get(session)
      if (known === undefined) this.#confirmed.set(session, [confirmed])
      else known.push(confirmed)
    }
  }

  /**
   * The epoch whose txns may come of a write that is sent from now on through a connection which its session has left;
   * 0 for none. It is the one of that connection, as long as all that were confirmed after it are of earlier ones: a
   * leader of its own epoch, or of a later one, that confirmed the session elsewhere must refuse what it left.
   */
  excused(session: SessionId, left: ConnId): number {
    const known = this.#confirmed.get(session) ?? []
    const at = known.findIndex(({ conn }) => conn === left)
    const epoch = known[at]?.epoch ?? 0
    return known.slice(at + 1).every((later) => later.epoch < epoch) ? epoch : 0
  }
}
