/** D.6 of the correctness plan: sessions, requests, sync. */
import { strict as assert } from 'node:assert'
import { OPEN_ACL } from '../../../lib/core/tree/request.ts'
import type { CreateRequest } from '../../../lib/core/tree/request.ts'
import type { Message } from '../../../lib/core/zab/messages.ts'
import { ZXID_ZERO } from '../../../lib/core/zxid.ts'
import type { Script } from '../../../lib/testing/sim/script.ts'
import { A, B, C, TINY, convergeWith, must, plain, started } from './scenario.ts'
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

/** All nodes of the session come in so many multis, however many they are. */
const MULTIS = 10

const manyEphemerals: Scenario = {
  name: 'S-4306 a session with as many ephemeral nodes as it may have closes in one txn',
  run: (options) => {
    const script = started(3, options, A, B, C)
    const { nodes = script.replica(A).config.tree.sessionEphemerals } = options
    const last = `/e${nodes - 1}`
    script.connect(A, 1)
    for (let i = 0; i < nodes; i += nodes / MULTIS) {
      const ops = Array.from({ length: nodes / MULTIS }, (_, at) => create(`/e${i + at}`, EPHEMERAL))
      script.request(A, 1, { op: 14, ops })
    }
    assert.ok(script.replica(B).tree.has(last))
    script.request(A, 1, { op: -11 })
    script.pass(100)
    for (const id of [A, B, C]) {
      for (const path of ['/e0', last]) {
        must(!script.replica(id).tree.has(path), 'C11', `peer ${id} keeps a node of a closed session`)
      }
    }
    convergeWith(script, [])
    return script
  },
  mutants: [],
}

const closeAroundSnapshot: Scenario = {
  name: 'S-2919 ephemeral nodes are where their session is, whoever crashes when a snapshot is taken around its close',
  run: (options) => {
    let script = started(3, options, A, B, C)
    for (const victims of [[A], [C], [A, C]] as const) for (let before = 0; before < 7; before++) {
      script = started(3, { ...options, limits: { ...TINY, retainedTxns: 3, retainedBytes: 1_000 } }, A, B, C)
      script.connect(A, 1)
      script.connect(B, 2)
      script.request(A, 1, create('/closed', EPHEMERAL))
      script.request(B, 2, create('/open', EPHEMERAL))
      for (let i = 0; i < before; i++) script.write(B, 2, `/n${i}`)
      script.hold(...victims)
      script.request(A, 1, { op: -11 })
      script.write(B, 2, '/after')
      // Some of what is under way is on disk: a piece of a snapshot, or the txn that closes the session.
      for (let done = 0; done < before % 3; done++) script.complete(victims[0])
      script.crash(...victims)
      script.up(...victims)
      script.pass(4_000)
      convergeWith(script, ['/open'])
      for (const { id, replica } of script.peers.values()) {
        const { tree } = replica!
        const isThere = [...tree.owners()].flatMap(([, paths]) => [...paths])
        must(tree.has('/closed') === script.replica(A).tree.has('/closed'), 'C11', `peer ${id} differs`)
        must(isThere.every((path) => tree.has(path)), 'C11', `peer ${id} keeps a path that is not there`)
        if (tree.has('/closed')) must(tree.sessions.size > 2, 'C11', `peer ${id} keeps a node of a closed session`)
      }
    }
    assert.ok(script.peer(B).disk.base !== null, 'snapshots were taken')
    return script
  },
  mutants: [],
}

const multiOnly: Scenario = {
  name: 'S-2886 a session that asks for multis alone moves between peers, the leader among them, and lives',
  run: (options) => {
    const script = started(3, options, A, B, C)
    script.connect(A, 1, 1_000)
    // Over the network: nobody else says that it lives.
    script.resume(A, 2, 1, ZXID_ZERO, false)
    let conn = 2
    let at: number = A
    const multi = (path: string): string => {
      script.request(at, conn, { op: 14, ops: [create(path)] })
      return script.replies.at(-1)!.code
    }
    for (const [round, next] of [C, B, A, C].entries()) {
      for (let i = 0; i < 4; i++) {
        must(multi(`/m${round}-${i}`) === 'Ok', 'C11', `the session ended at peer ${at}`)
        script.pass(400)
      }
      const [left, leftAt] = [conn, at]
      at = next
      conn++
      script.resume(at, conn, 1, ZXID_ZERO, false)
      must(multi(`/moved${round}`) === 'Ok', 'C11', `the session does not move to peer ${at}`)
      script.request(leftAt, left, { op: 14, ops: [create(`/stale${round}`)] })
      script.pass(50)
      must(!script.replica(C).tree.has(`/stale${round}`), 'C8', 'it acts through the connection that it left')
    }
    convergeWith(script, ['/m0-0', '/moved3'])
    return script
  },
  mutants: [],
}

const pausedLeader: Scenario = {
  name: 'S-pause-expiry a leader that stood still for long or for a moment ends no session of a client that lives',
  run: (options) => {
    let script = started(3, options, A, B, C)
    // Four times as long as it takes to be deposed, and not so long; the sessions' timeout is shorter than either.
    for (const stillMs of [4_000, 700]) {
      script = started(3, options, A, B, C)
      for (const [conn, id] of [[1, A], [2, B], [3, C]] as const) {
        script.connect(id, conn, 500)
        script.request(id, conn, create(`/mine${conn}`, EPHEMERAL))
      }
      script.pause(C)
      const wakeMs = script.ms + stillMs
      if (stillMs > 1_000) {
        // Its followers give it up; their clients come back to them, and its own goes elsewhere.
        script.lead(B, 3_000)
        for (const [conn, id, from] of [[4, A, 1], [5, B, 2], [6, A, 3]] as const) script.resume(id, conn, from)
      }
      script.pass(wakeMs - script.ms)
      script.wake(C)
      script.pass(2_000)
      for (const conn of [1, 2, 3]) {
        must(script.replica(script.leader).tree.has(`/mine${conn}`), 'C12', `the session of ${conn} was closed`)
      }
      if (stillMs > 1_000) assert.ok(script.replica(C).role === 'following', 'it was deposed and follows')
      convergeWith(script, ['/mine1', '/mine2', '/mine3'])
    }
    return script
  },
  mutants: [],
}

const lateWord: Scenario = {
  name: 'S-late-word what came to a leader in time counts, though it stood still just when a session\'s time was up',
  run: (options) => {
    let script = started(3, options, A, B, C)
    for (const lateMs of [1, 20, 60]) {
      script = started(3, options, A, B, C)
      script.connect(A, 1, 600)
      // Over the network: nobody else says that it lives.
      script.resume(A, 2, 1, ZXID_ZERO, false)
      script.request(A, 2, create('/mine', EPHEMERAL))
      // The pong has gone that says so too.
      script.pass(400)
      const endMs = script.replica(C).route.intake!.sessions.expiries()[0]!.atMs
      script.pass(endMs - 120 - script.ms)
      script.pause(C)
      // Within its timeout, which ends at most a tick before its bucket.
      script.pass(10)
      script.request(A, 2, create('/word'))
      script.pass(endMs + lateMs - script.ms)
      script.wake(C)
      script.pass(50)
      for (const path of ['/mine', '/word']) must(script.replica(A).tree.has(path), 'C12', `${path} is not there`)
      script.pass(1_000)
      must(!script.replica(A).tree.has('/mine'), 'L7', 'a session without a word stays')
      convergeWith(script, ['/word'])
    }
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

const codesOf = (script: Script): string =>
  script.replies.filter(({ conn }) => conn === 1).map(({ code }) => code).join()

const syncBetween: Scenario = {
  name: 'S-sync-between a sync is due after one write and before the next, and both are applied at once',
  run: (options) => {
    const script = started(3, options, A, B, C)
    script.connect(A, 1)
    script.connect(C, 2)
    script.hold(B, C)
    script.write(C, 2, '/w1')
    script.request(A, 1, { op: 9, path: '/' })
    script.request(A, 1, { op: 3, path: '/w2', watch: true })
    script.write(A, 1, '/w2')
    const { last } = script.replica(C).journal.log
    script.tap = (_from, to, message) => to === A && message.kind === 'commit' && message.zxid < last ? [] : [message]
    script.release(B, C)
    must(codesOf(script) === 'Ok,NoNode,Ok', 'C2', `answered ${codesOf(script)}`)
    const [sync, told] = [script.replies.find(({ conn }) => conn === 1)!, script.events.at(-1)]
    must(sync.zxid < last && told?.conn === 1, 'C13', 'what comes after the read is not told')
    convergeWith(script, ['/w1', '/w2'])
    return script
  },
  mutants: [{ mutant: 'syncsLoseTxns', seenBy: ['C2'] }],
}

const syncUnconfirmed: Scenario = {
  name: 'S-sync-unconfirmed a voter that has just come commits a write, and nobody has confirmed the sync before it',
  run: (options) => {
    const script = started(3, options, A, B, C)
    script.connect(C, 1)
    script.crash(A)
    // What B says does not get through for a while.
    script.tap = (from, to, message) => from === B && to === C ? [] : [message]
    script.write(C, 1, '/w1')
    script.request(C, 1, { op: 9, path: '/' })
    script.write(C, 1, '/w2')
    must(codesOf(script) === '', 'C15', 'a leader alone answered')
    script.up(A)
    script.serve(A)
    must(codesOf(script) === 'Ok,Ok,Ok', 'C2', `answered ${codesOf(script)}`)
    script.cut(B, C)
    convergeWith(script, ['/w1', '/w2'])
    return script
  },
  mutants: [{ mutant: 'syncsLoseTxns', seenBy: ['C2'] }],
}

const earlierLife: Scenario = {
  name: 'S-earlier-life what a peer was asked for before it crashed is committed after it serves again',
  run: (options) => {
    let script = started(3, options, A, B, C)
    // Tags are drawn anew in each life, so those of the earlier one are the greater ones in some.
    for (let lives = 0; lives < 4; lives++) {
      script = started(3, options, A, B, C)
      for (let i = 0; i < lives; i++) {
        script.crash(A)
        script.up(A)
      }
      script.serve(A)
      script.connect(A, 1)
      script.hold(B, C)
      script.write(A, 1, '/w1')
      script.crash(A)
      script.up(A)
      script.serve(A)
      script.resume(A, 2, 1)
      script.write(A, 2, '/w2')
      script.release(B, C)
      script.pass(100)
      must(script.replies.some(({ conn, code }) => conn === 2 && code === 'Ok'), 'C2', 'a write was not answered')
      convergeWith(script, ['/w1', '/w2'])
    }
    return script
  },
  mutants: [{ mutant: 'earlierLivesCount', seenBy: ['C2'] }],
}

const movedSession: Scenario = {
  name: 'S-moved-session what comes through a connection that its session has left is refused, also when it comes back',
  run: (options) => {
    const begin = (): Script => {
      const script = started(3, { ...options, limits: { outstandingTxns: 1 } }, A, B, C)
      script.connect(A, 1)
      return script
    }
    const refused = (script: Script, conn: number, at: number): void => {
      script.pass(500)
      must(!script.replica(C).tree.has('/stale'), 'C12', 'a session acts through a connection that it left')
      must(!script.connected.has(1), 'C12', 'the connection that was left stays')
      assert.ok(script.connected.has(conn))
      script.write(at, conn, '/w')
      convergeWith(script, ['/w'])
    }
    // Sent before it moved, and on its way for long.
    const late = begin()
    const onTheirWay: Message[] = []
    late.tap = (from, to, message) => {
      if (from !== A || to !== C) return [message]
      onTheirWay.push(message)
      return []
    }
    late.write(A, 1, '/stale')
    late.resume(B, 2, 1)
    late.tap = (from, to, message) => from === A && to === C ? [...onTheirWay.splice(0), message] : [message]
    refused(late, 2, B)
    // Sent after it moved.
    const after = begin()
    after.resume(B, 2, 1)
    after.write(A, 1, '/stale')
    refused(after, 2, B)
    // It waits at the leader for its turn, and the session is back at that peer by then, or has never been elsewhere.
    let waiting = after
    for (const wasAway of [true, false]) {
      waiting = begin()
      waiting.connect(C, 9)
      if (wasAway) waiting.resume(B, 2, 1)
      waiting.hold(A, B, C)
      waiting.write(C, 9, '/fill')
      waiting.write(A, 1, '/stale')
      waiting.resume(A, 3, 1)
      waiting.release(A, B, C)
      refused(waiting, 3, A)
    }
    return waiting
  },
  mutants: [{ mutant: 'movesForgotten', seenBy: ['C12'] }, { mutant: 'resumesForgotten', seenBy: ['C12'] }],
}

/** What of D.6 and D.7 is built. */
export const SESSIONS: Section = [
  closeRacesCreate, closeAcrossLeaders, localSync, failedMulti, unknownOutcome, seenTheFuture, manyEphemerals,
  closeAroundSnapshot, multiOnly, pausedLeader, lateWord, syncBetween, syncUnconfirmed, earlierLife,
  movedSession, observerSeesCommitted,
]
