/** D.6 of the correctness plan: when sessions begin and end. */
import { strict as assert } from 'node:assert'
import { OPEN_ACL } from '../../../lib/core/tree/request.ts'
import type { CreateRequest } from '../../../lib/core/tree/request.ts'
import type { Message } from '../../../lib/core/zab/messages.ts'
import { ZXID_ZERO } from '../../../lib/core/zxid.ts'
import type { Script } from '../../../lib/testing/sim/script.ts'
import { A, B, C, convergeWith, must, plain, started } from './scenario.ts'
import type { Scenario, Section } from './scenario.ts'

const ephemeral = (path: string): CreateRequest =>
  ({ op: 1, path, data: null, acl: OPEN_ACL, flags: 1, ttlMs: -1 })

/** Two pings, after which a process counts as held up. */
const HELD_UP_MS = 400
const TICK_MS = 100
const PING_MS = 200

/** The leader stands still, and only turns to its timers and sockets before it does so again. */
function holdUp(script: Script, forMs: number): void {
  script.pause(C)
  script.pass(forMs)
  script.wake(C)
}

const stutter: Scenario = {
  name: 'S-stutter a leader that is held up again and again ends the sessions of clients that are gone, and no other',
  run: (options) => {
    for (const pauseMs of [HELD_UP_MS, 450, 700]) {
      const gone = started(3, options, A, B, C)
      gone.connect(A, 1, 1_000)
      gone.request(A, 1, ephemeral('/gone'))
      gone.connect(B, 2, 500)
      gone.request(B, 2, ephemeral('/mine'))
      gone.input(A, { kind: 'disconnect', conn: 1 })
      const endMs = gone.ms + 1_000 + TICK_MS + 3 * (pauseMs + PING_MS)
      while (gone.ms <= endMs) holdUp(gone, pauseMs)
      must(!gone.replica(B).tree.has('/gone'), 'L7', 'a session of nobody stays')
      must(gone.replica(B).tree.has('/mine'), 'C12', 'the session of a client that lives was closed')
      assert.equal(gone.leader, C)
      convergeWith(gone, ['/mine'])
    }
    // What a learner has heard in time comes with a pong that is not read before the leader is held up again.
    const script = started(3, options, A, B, C)
    script.connect(A, 1, 1_000)
    script.resume(A, 2, 1, ZXID_ZERO, false)
    script.request(A, 2, ephemeral('/mine'))
    script.connect(A, 3)
    script.pass(300)
    const endMs = script.replica(C).route.intake!.sessions.expiries()[0]!.atMs
    script.pass(endMs - 450 - script.ms)
    script.pause(C)
    script.pass(endMs - 120 - script.ms)
    script.request(A, 2, { op: 3, path: '/', watch: false })
    script.pass(endMs + 20 - script.ms)
    const late: Message[] = []
    script.tap = (from, to, message) => {
      if (from !== A || to !== C) return [message]
      late.push(message)
      return []
    }
    script.wake(C)
    assert.ok(late.some(({ kind }) => kind === 'pong'))
    script.tap = (from, to, message) => from === A && to === C ? [...late.splice(0), message] : [message]
    script.pause(C)
    script.write(A, 3, '/w')
    script.pass(HELD_UP_MS)
    script.wake(C)
    plain(script)
    must(script.replica(A).tree.has('/mine'), 'C12', 'a session was closed of which a word had come in time')
    convergeWith(script, ['/w'])
    return script
  },
  mutants: [{ mutant: 'stutterNeverExpires', seenBy: ['L7'] }, { mutant: 'stutterJudgesLast', seenBy: ['C12'] }],
}

const birth: Scenario = {
  name: 'S-birth a session that takes longer to open than its timeout begins with all of it',
  run: (options) => {
    let script = started(3, options, A, B, C)
    for (const [at, openMs] of [[A, 250], [A, 800], [C, 800]] as const) {
      script = started(3, options, A, B, C)
      script.hold(A, B)
      script.connect(at, 1, 300)
      script.connect(at, 2, 300, false)
      script.input(at, { kind: 'disconnect', conn: 2 })
      script.pass(openMs)
      script.release(A, B)
      must(script.connected.has(1), 'C12', 'a session expired before its client could know of it')
      script.request(at, 1, ephemeral('/mine'))
      assert.equal(script.replica(B).tree.sessions.size, 2)
      script.pass(200)
      must(script.replica(B).tree.sessions.size === 2, 'C12', 'a session did not have its whole timeout')
      script.pass(300)
      must(script.replica(B).tree.sessions.size === 1, 'L7', 'a session that nobody came to have stays')
      convergeWith(script, ['/mine'])
    }
    // Their leader goes before they are open, and the next one opens them: both clients are gone then.
    script = started(3, options, A, B, C)
    script.hold(A, B)
    script.connect(C, 1, 300)
    script.connect(C, 2, 300, false)
    script.pass(400)
    script.crash(C)
    script.release(A, B)
    script.lead(B)
    assert.equal(script.replica(B).tree.sessions.size, 2)
    script.pass(500)
    must(script.replica(B).tree.sessions.size === 0, 'L7', 'a session that nobody came to have stays')
    convergeWith(script, [])
    return script
  },
  mutants: [{ mutant: 'expiresAtBirth', seenBy: ['C12'] }],
}

/** When sessions begin and end. */
export const LIFETIMES: Section = [stutter, birth]
