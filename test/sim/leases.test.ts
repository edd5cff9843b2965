/** C12: when a leader may expire a session, by what it has read and by what lay before it. */
import { assert, suite } from '../harness.ts'
import type { SessionId } from '../../lib/core/tree/stat.ts'
import { sessionIdOf } from '../../lib/core/tree/stat.ts'
import type { Txn, TxnBody } from '../../lib/core/tree/txn.ts'
import type { Pong } from '../../lib/core/zab/messages.ts'
import type { Zxid } from '../../lib/core/zxid.ts'
import { Leases } from '../../lib/testing/sim/leases.ts'
import { Violation } from '../../lib/testing/sim/violation.ts'
import { A, B, C, started } from './scenarios/scenario.ts'

const test = suite('sim: leases')

const script = started(3, {}, A, B, C)
const leader = script.replica(C)
const { epoch } = leader.leader!
const { last } = leader.journal.log
const TIMEOUT_MS = 1_000
const session = sessionIdOf(last)

function txn(body: TxnBody, of: SessionId): Txn {
  return { session: of, cxid: 0, origin: C, tag: 0, time: 0, body }
}

/** The last txn of the leader's log has made the session, at 0 ms. */
function begun(): Leases {
  const leases = new Leases()
  leases.led(epoch, 0)
  const made: TxnBody = { kind: 'createSession', timeoutMs: TIMEOUT_MS, password: new Uint8Array(16) }
  leases.proposed(last, txn(made, session), epoch, 0)
  return leases
}

const pong = (): Pong => ({ kind: 'pong', join: script.replica(A).learner!.join, seq: 0, touches: [session] })

/** The leader expires it by a txn that is so many after the end of its log. */
function expire(leases: Leases, nowMs: number, after = 1): void {
  leases.proposed((last + after) as Zxid, txn({ kind: 'closeSession', paths: [] }, session), epoch, nowMs)
}

const isC12 = (error: unknown): boolean => error instanceof Violation && error.check === 'C12'

test('who was heard of within its timeout may not be expired', () => {
  const leases = begun()
  assert.throws(() => { expire(begun(), 999) }, isC12)
  leases.received(leader, A, pong(), 600)
  assert.throws(() => { expire(leases, 1_599) }, isC12)
  expire(leases, 1_600)
})

test('a turn that expires a session and then reads of it is seen as a whole, and in this order', () => {
  const leases = begun()
  // What is in the log by then was proposed before.
  leases.received(leader, A, pong(), 1_200)
  expire(leases, 1_200, 0)
})

test('a turn that reads of a session and then expires it is seen', () => {
  const leases = begun()
  leases.received(leader, A, pong(), 1_200)
  assert.throws(() => { expire(leases, 1_200) }, isC12)
})

test('who is expired while a word that came in time lies unread is missed, whichever is known first', () => {
  for (const [cameMs, isMissed] of [[999, true], [1_000, false]] as const) {
    for (const isOneTurn of [true, false]) {
      const leases = begun()
      const message = pong()
      leases.waiting([message], cameMs)
      const run = (): void => {
        if (isOneTurn) leases.received(leader, A, message, 1_200)
        expire(leases, 1_200, 0)
        leases.received(leader, A, message, 1_200)
      }
      if (isMissed) assert.throws(run, isC12)
      else run()
    }
  }
})

test('a word of an association that is over says nothing', () => {
  const leases = begun()
  leases.received(leader, A, { ...pong(), join: -1 }, 600)
  expire(leases, 1_200)
})

test.run()
