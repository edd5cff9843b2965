/** D.6 of the correctness plan: sessions, requests, sync. */
import { strict as assert } from 'node:assert'
import { OPEN_ACL } from '../../../lib/core/tree/request.ts'
import type { CreateRequest } from '../../../lib/core/tree/request.ts'
import { A, B, C, convergeWith, must, plain, started } from './scenario.ts'
import type { Scenario, Section } from './scenario.ts'

const create = (path: string, flags = 0): CreateRequest =>
  ({ op: 1, path, data: null, acl: OPEN_ACL, flags, ttlMs: -1 })
const EPHEMERAL = 1
const SEQUENTIAL = 2

const closeRacesCreate: Scenario = {
  name: 'S-1208 an ephemeral node is created right before its session closes',
  run: (options) => {
    for (const outstanding of [true, false]) {
      const script = started(3, options, A, B, C)
      script.connect(A, 1)
      if (outstanding) script.hold(B, C)
      script.request(A, 1, create('/ephemeral', EPHEMERAL))
      script.request(A, 1, { op: -11 })
      script.request(A, 1, create('/late', EPHEMERAL))
      script.release(B, C)
      script.pass(500)
      for (const id of [A, B, C]) {
        const { tree } = script.replica(id)
        must(!tree.has('/ephemeral') && !tree.has('/late'), 'C11', `peer ${id} keeps a node of a closed session`)
      }
      convergeWith(script, [])
      if (!outstanding) return script
    }
    return started(3, options, A, B, C)
  },
  mutants: [{ mutant: 'closeIgnoresOutstanding', seenBy: ['C11', 'D8', 'C8', 'A1', 'A3'] }],
}

const closeAcrossLeaders: Scenario = {
  name: 'S-1367 ephemeral nodes are where their session is, whoever crashes around its close',
  run: (options) => {
    const crashes = [[C], [A], [A, C], [A, B, C]] as const
    let script = started(3, options, A, B, C)
    for (const victims of crashes) {
      script = started(3, options, A, B, C)
      script.connect(A, 1)
      script.connect(B, 2)
      script.request(A, 1, create('/closed', EPHEMERAL))
      script.request(B, 2, create('/open', EPHEMERAL))
      script.hold(B)
      script.request(A, 1, { op: -11 })
      script.crash(...victims)
      script.up(...victims)
      script.release(B)
      script.pass(4_000)
      convergeWith(script, ['/open'])
      for (const { id, replica } of script.peers.values()) {
        const { tree } = replica!
        const isThere = tree.has('/closed')
        const isOpen = [...tree.sessions.keys()].length === script.replica(A).tree.sessions.size
        must(isThere === script.replica(A).tree.has('/closed') && isOpen, 'C11', `peer ${id} differs`)
        for (const session of tree.sessions.keys()) assert.ok(tree.ephemeralsOf(session).size <= 1)
      }
    }
    return script
  },
  mutants: [],
}

const localSync: Scenario = {
  name: 'S-2136 a leader that was deposed and does not know answers no sync',
  run: (options) => {
    const script = started(3, options, A, B, C)
    script.connect(C, 1)
    script.write(C, 1, '/w1')
    // C hears nothing and is not heard, but its links stand; the others give it up.
    script.tap = (from, to, message) => from === C || to === C ? [] : [message]
    script.cut(B, A)
    script.mend(B, A)
    const replies = script.replies.length
    script.request(C, 1, { op: 9, path: '/' })
    script.pass(900)
    must(script.replies.slice(replies).every(({ code }) => code !== 'Ok'), 'C15', 'a leader alone answered a sync')
    script.lead(B)
    script.connect(B, 2)
    script.write(B, 2, '/w2')
    plain(script)
    script.crash(C)
    convergeWith(script, ['/w1', '/w2'])
    return script
  },
  mutants: [{ mutant: 'localSync', seenBy: ['C15'] }],
}

const failedMulti: Scenario = {
  name: 'S-1624 a failed multi with sequential creates leaves no gap in their numbers',
  run: (options) => {
    const script = started(3, options, A, B, C)
    script.connect(A, 1)
    script.request(A, 1, create('/q'))
    script.request(A, 1, create('/q/n-', SEQUENTIAL))
    script.hold(B, C)
    const ops = [create('/q/n-', SEQUENTIAL), create('/q/n-', SEQUENTIAL), create('/none/x')]
    script.request(A, 1, { op: 14, ops })
    script.request(A, 1, create('/q/n-', SEQUENTIAL))
    script.release(B, C)
    script.pass(200)
    const { tree } = script.replica(B)
    assert.ok(tree.has('/q/n-0000000000'))
    must(tree.has('/q/n-0000000001') && !tree.has('/q/n-0000000002'), 'C9', 'the numbers have a gap')
    convergeWith(script, ['/q/n-0000000001'])
    return script
  },
  mutants: [],
}

const unknownOutcome: Scenario = {
  name: 'S-dup-cxid a forwarded write happens once or not at all, wherever its link breaks',
  run: (options) => {
    let script = started(3, options, A, B, C)
    for (const lost of ['forward', 'proposal', 'ack', 'commit'] as const) {
      script = started(3, options, A, B, C)
      script.connect(A, 1)
      let isLost = false
      script.tap = (from, to, message) => {
        if (message.kind !== lost || (from !== A && to !== A)) return [message]
        isLost = true
        return []
      }
      script.write(A, 1, '/w')
      assert.ok(isLost)
      script.cut(A, C)
      script.pass(200)
      plain(script)
      script.heal()
      script.serve(A)
      convergeWith(script, lost === 'forward' ? [] : ['/w'])
      if (lost === 'forward') assert.ok(!script.replica(A).tree.has('/w'), 'it never left A')
    }
    return script
  },
  mutants: [],
}

const seenTheFuture: Scenario = {
  name: 'S-frozen-future a client that has seen more than a peer has applied is not served by it',
  run: (options) => {
    const script = started(3, options, A, B, C)
    script.connect(C, 1)
    script.hold(A)
    script.write(C, 1, '/w1')
    const seen = script.replica(C).tree.zxid
    assert.ok(script.replica(A).tree.zxid < seen, 'A lags')
    script.resume(A, 2, 1, seen, false)
    must(!script.connected.has(2), 'C4', 'the client goes back in time')
    script.resume(A, 3, 1, seen)
    assert.ok(!script.connected.has(3), 'who is in the process waits')
    script.release(A)
    script.pass(50)
    assert.ok(script.connected.has(3) && script.replica(A).tree.has('/w1'))
    convergeWith(script, ['/w1'])
    return script
  },
  mutants: [{ mutant: 'ignoresLastSeen', seenBy: ['C4'] }],
}

const manyEphemerals: Scenario = {
  name: 'S-4306 a session with as many ephemeral nodes as it may have closes in one txn',
  run: (options) => {
    const script = started(3, options, A, B, C)
    script.connect(A, 1)
    for (let i = 0; i < 1_000; i++) script.request(A, 1, create(`/e${i}`, EPHEMERAL))
    assert.ok(script.replica(B).tree.has('/e999'))
    script.request(A, 1, { op: -11 })
    script.pass(100)
    for (const id of [A, B, C]) {
      for (const path of ['/e0', '/e999']) {
        must(!script.replica(id).tree.has(path), 'C11', `peer ${id} keeps a node of a closed session`)
      }
    }
    convergeWith(script, [])
    return script
  },
  mutants: [],
}

const observerSeesCommitted: Scenario = {
  name: 'S-observer-uncommitted an observer is told of what is committed and of nothing else',
  run: (options) => {
    const script = started(3, { ...options, observers: 1 }, A, B, C)
    const observer = 4
    script.up(observer)
    script.serve(observer)
    script.connect(C, 1)
    script.write(C, 1, '/w1')
    script.hold(A, B)
    script.write(C, 1, '/w2')
    script.pass(100)
    const w2 = script.replica(C).journal.log.last
    must(script.replica(observer).journal.log.last < w2, 'D3', 'the observer has an uncommitted txn')
    script.release(A, B)
    script.pass(100)
    assert.ok(script.replica(observer).tree.has('/w2'))
    convergeWith(script, ['/w1', '/w2'])
    return script
  },
  mutants: [{ mutant: 'informUncommitted', seenBy: ['D3', 'A1'] }],
}

/** What of D.6 and D.7 is built. */
export const SESSIONS: Section = [
  closeRacesCreate, closeAcrossLeaders, localSync, failedMulti, unknownOutcome, seenTheFuture, manyEphemerals,
  observerSeesCommitted,
]
