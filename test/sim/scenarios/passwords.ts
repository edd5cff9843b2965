/** D.6 of the correctness plan: who knows the id of a session and not its password. */
import { strict as assert } from 'node:assert'
import { OPEN_ACL } from '../../../lib/core/tree/request.ts'
import type { CreateRequest } from '../../../lib/core/tree/request.ts'
import { ZXID_ZERO } from '../../../lib/core/zxid.ts'
import type { Script } from '../../../lib/testing/sim/script.ts'
import { A, B, C, convergeWith, must, started } from './scenario.ts'
import type { Scenario, Section } from './scenario.ts'

const EPHEMERAL: CreateRequest = { op: 1, path: '/mine', data: null, acl: OPEN_ACL, flags: 1, ttlMs: -1 }

/** Somebody asks a peer for the session of connection 1, and does not know its password. */
function intrude(script: Script, id: number, conn: number): void {
  const session = [...script.replica(id).tree.sessions.keys()][0]!
  script.ghost.conduct.intruded.add(session)
  script.input(id, {
    kind: 'connect', conn, session, password: new Uint8Array(16).fill(99), timeoutMs: 5_000, lastZxidSeen: ZXID_ZERO,
    identities: [], inProcess: false,
  })
  script.settle()
  must(!script.connected.has(conn), 'C12', 'a session is had without its password')
}

const wrongPassword: Scenario = {
  name: 'S-wrong-password who does not know the password neither moves a session nor keeps it alive',
  run: (options) => {
    let script = started(3, options, A, B, C)
    for (const at of [A, B, C]) {
      script = started(3, options, A, B, C)
      script.connect(A, 1)
      intrude(script, at, 2)
      // At its own peer its connection ends, as with Apache ZooKeeper, and its client comes back.
      assert.equal(script.connected.has(1), at !== A)
      const conn = at === A ? 3 : 1
      if (at === A) script.resume(A, conn, 1)
      script.write(A, conn, '/w')
      must(script.replies.at(-1)?.code === 'Ok', 'C12', 'a session lost its peer to a wrong password')
      convergeWith(script, ['/w'])
    }
    for (const at of [A, B, C]) {
      script = started(3, options, A, B, C)
      script.connect(A, 1, 1_000)
      script.request(A, 1, EPHEMERAL)
      script.input(A, { kind: 'disconnect', conn: 1 })
      for (let conn = 2; conn < 12 && script.replica(at).tree.sessions.size > 0; conn++) {
        script.pass(500)
        if (script.replica(at).tree.sessions.size > 0) intrude(script, at, conn)
      }
      must(!script.replica(C).tree.has('/mine'), 'C12', 'a wrong password keeps a dead session alive')
      convergeWith(script, [])
    }
    return script
  },
  mutants: [{ mutant: 'wrongPasswordTouches', seenBy: ['C12'] }],
}

/** What of D.6 is about passwords. */
export const PASSWORDS: Section = [wrongPassword]
