import type { Replica } from '../../core/replica.ts'
import type { SessionId } from '../../core/tree/stat.ts'
import type { Txn } from '../../core/tree/txn.ts'
import { sessionIdOf } from '../../core/tree/stat.ts'
import type { Forward, Message, Pong, Revalidate } from '../../core/zab/messages.ts'
import { ZXID_ZERO } from '../../core/zxid.ts'
import type { Zxid } from '../../core/zxid.ts'
import { Violation } from './violation.ts'

interface Lease {
  readonly timeoutMs: number
  /** Epoch of the leader that heard of the session last, and when, by its clock. */
  epoch: number
  heardMs: number
  /** What was proposed up to here was proposed before that, when it had heard of the session last at `beforeMs`. */
  since: Zxid
  beforeMs: number
  /** When what it heard by then had come to its process. */
  cameMs: number
  /** The epoch whose leader expired it, and until when it might have heard of it. */
  expired: { readonly epoch: number, readonly endMs: number } | null
}

/** By these a leader hears of sessions from its learners. */
export type Words = Pong | Forward | Revalidate

/** What leases are to be told of. */
export function isWords(message: Message): message is Words {
  return message.kind === 'pong' || message.kind === 'forward' || message.kind === 'revalidate'
}

/**
 * C12: no leader expires a session before its timeout has passed, by its own clock, since it heard of it; nor one of
 * which a word had come to its process in time, though it stood still just then and has not read it.
 */
export class Leases {
  readonly #leases = new Map<SessionId, Lease>()
  readonly #ledSinceMs = new Map<number, number>()
  /** Of messages that wait for a process that stands still: when they came, by its clock. */
  readonly #cameMs = new WeakMap<Message, number>()

  /** An epoch is established: its leader begins to listen. */
  led(epoch: number, nowMs: number): void {
    this.#ledSinceMs.set(epoch, nowMs)
  }

  /** These have come to a process that stands still. */
  waiting(messages: readonly Message[], nowMs: number): void {
    for (const message of messages) if (isWords(message)) this.#cameMs.set(message, nowMs)
  }

  /** A message of `peer` is about to be stepped. */
  received({ leader, journal, route: { intake } }: Replica, peer: number, message: Words, nowMs: number): void {
    if (intake === null || leader?.active !== true) return
    if (leader.learners.get(peer)?.join !== message.join) return
    const cameMs = this.#cameMs.get(message) ?? nowMs
    const hear = (session: SessionId): void => { this.#heard(leader.epoch, session, journal.log.last, nowMs, cameMs) }
    switch (message.kind) {
      case 'pong': for (const session of message.touches) hear(session); break
      case 'revalidate': hear(message.session); break
      case 'forward':
        // Who acts through a peer that the session has left says nothing of it.
        for (const { session } of message.requests) {
          if ((intake.sessions.ownerOf(session) ?? peer) === peer) hear(session)
        }
    }
  }

  #heard(epoch: number, session: SessionId, last: Zxid, nowMs: number, cameMs: number): void {
    const lease = this.#leases.get(session)
    if (lease === undefined || lease.epoch > epoch) return
    if (lease.expired?.epoch === epoch) this.#isLate(session, cameMs, lease.expired.endMs)
    // All of a turn is heard at one moment: what was proposed after the first of it counts as proposed after all of it.
    if (lease.epoch === epoch && lease.heardMs === nowMs) {
      lease.cameMs = Math.min(lease.cameMs, cameMs)
      return
    }
    lease.cameMs = cameMs
    lease.beforeMs = lease.epoch === epoch ? lease.heardMs : 0
    lease.since = last
    lease.epoch = epoch
    lease.heardMs = nowMs
  }

  /** The leader of `epoch`, whose clock says `nowMs`, proposes a txn. */
  proposed(zxid: Zxid, txn: Txn, epoch: number, nowMs: number): void {
    const { body } = txn
    if (body.kind === 'createSession') {
      const { timeoutMs } = body
      this.#leases.set(sessionIdOf(zxid),
        { timeoutMs, epoch, heardMs: nowMs, since: ZXID_ZERO, beforeMs: 0, cameMs: nowMs, expired: null })
      return
    }
    if (body.kind !== 'closeSession' || txn.tag !== 0) return
    const lease = this.#leases.get(txn.session)
    if (lease === undefined) return
    const { timeoutMs } = lease
    const isHeardSince = lease.epoch === epoch && zxid <= lease.since
    const heardMs = isHeardSince ? lease.beforeMs : lease.epoch === epoch ? lease.heardMs : 0
    const fromMs = Math.max(heardMs, this.#ledSinceMs.get(epoch) ?? nowMs)
    if (nowMs - fromMs < timeoutMs) {
      const after = `${(nowMs - fromMs).toFixed(0)} of ${timeoutMs} ms`
      throw new Violation('C12', `session ${txn.session} expired after ${after}`)
    }
    lease.expired = { epoch, endMs: fromMs + timeoutMs }
    if (isHeardSince) this.#isLate(txn.session, lease.cameMs, lease.expired.endMs)
  }

  #isLate(session: SessionId, cameMs: number, endMs: number): void {
    if (cameMs >= endMs) return
    throw new Violation('C12', `session ${session} expired, and a word of it waited to be read that came in time`)
  }
}
