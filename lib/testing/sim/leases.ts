import type { SessionId } from '../../core/tree/stat.ts'
import type { Txn } from '../../core/tree/txn.ts'
import { sessionIdOf } from '../../core/tree/stat.ts'
import type { Zxid } from '../../core/zxid.ts'
import { Violation } from './violation.ts'

interface Lease {
  readonly timeoutMs: number
  /** Epoch of the leader that heard of the session last, and when, by its clock. */
  epoch: number
  heardMs: number
}

/** C12: no leader expires a session before its timeout has passed, by its own clock, since it heard of it. */
export class Leases {
  readonly #leases = new Map<SessionId, Lease>()
  readonly #ledSinceMs = new Map<number, number>()

  /** An epoch is established: its leader begins to listen. */
  led(epoch: number, nowMs: number): void {
    this.#ledSinceMs.set(epoch, nowMs)
  }

  /** A learner's pong with these sessions has come to the leader of `epoch`. */
  heard(epoch: number, sessions: readonly SessionId[], nowMs: number): void {
    for (const session of sessions) {
      const lease = this.#leases.get(session)
      if (lease === undefined || lease.epoch > epoch) continue
      lease.epoch = epoch
      lease.heardMs = nowMs
    }
  }

  /** The leader of `epoch`, whose clock says `nowMs`, proposes a txn. */
  proposed(zxid: Zxid, txn: Txn, epoch: number, nowMs: number): void {
    const { body } = txn
    if (body.kind === 'createSession') {
      this.#leases.set(sessionIdOf(zxid), { timeoutMs: body.timeoutMs, epoch, heardMs: nowMs })
      return
    }
    if (body.kind !== 'closeSession' || txn.tag !== 0) return
    const lease = this.#leases.get(txn.session)
    if (lease === undefined) return
    const heardMs = lease.epoch === epoch ? lease.heardMs : 0
    const elapsedMs = nowMs - Math.max(heardMs, this.#ledSinceMs.get(epoch) ?? nowMs)
    if (elapsedMs < lease.timeoutMs) {
      const after = `${elapsedMs.toFixed(0)} of ${lease.timeoutMs} ms`
      throw new Violation('C12', `session ${txn.session} expired after ${after}`)
    }
  }
}
