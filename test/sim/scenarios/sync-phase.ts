/** D.3 of the correctness plan: the order of things while a learner is brought up. */
import { strict as assert } from 'node:assert'
import { OPEN_ACL } from '../../../lib/core/tree/request.ts'
import type { Message } from '../../../lib/core/zab/messages.ts'
import {
  A, B, C, D, E, TINY, convergeWith, countJoins, empty, holdAtSnapshot, must, passUntil, plain, started,
} from './scenario.ts'
import type { Scenario, Section } from './scenario.ts'

const commitBeforeUpToDate: Scenario = {
  name: 'S-4394 a commit between NEWLEADER and UPTODATE',
  run: (options) => {
    const script = started(3, options, B, C)
    script.connect(C, 1)
    script.hold(B)
    script.write(C, 1, '/w1')
    script.hold(A)
    script.up(A)
    // A gets w1 as an outstanding proposal, then NEWLEADER; w1 commits before A is told that it is up to date.
    for (let i = 0; i < 2_000 && script.peer(A).replica?.learner?.stage !== 'synced'; i++) {
      if (script.peer(A).replica?.learner?.stage === 'syncing' || !script.complete(A)) script.pass(1)
    }
    assert.equal(script.replica(A).learner?.stage, 'synced')
    script.release(B)
    assert.ok(script.replica(C).tree.has('/w1'), 'w1 is committed by B and C')
    script.release(A)
    script.serve(A)
    convergeWith(script, ['/w1'])
    return script
  },
  mutants: [{ mutant: 'commitNeedsPostNewleaderProposal', seenBy: ['L1', 'L3'] }],
}

const overtakingAck: Scenario = {
  name: 'S-4685 an ack that overtakes the ack of NEWLEADER',
  run: (options) => {
    const script = empty(3, options)
    const overtaken = new Set<number>()
    script.tap = (from, _to, message): readonly Message[] => {
      if (message.kind !== 'ack' || !message.newLeader || overtaken.has(from)) return [message]
      overtaken.add(from)
      return [{ ...message, newLeader: false }, message]
    }
    script.up(A, B, C)
    script.lead(C)
    assert.equal(script.replica(C).journal.meta.currentEpoch, 1, 'the first election is the last')
    assert.ok(overtaken.size === 2)
    convergeWith(script, [])
    return script
  },
  mutants: [{ mutant: 'rejectEarlyAck', seenBy: ['L1', 'L3'] }],
}

const serveBeforeApply: Scenario = {
  name: 'S-3023 serving before the commit point of UPTODATE is applied',
  run: (options) => {
    const script = started(3, options, B, C)
    script.connect(C, 1)
    script.write(C, 1, '/w1')
    let lastAck: Message | null = null
    // The ack of NEWLEADER stays under way until w2 is committed by B and C; the disk of A stalls on w2.
    script.tap = (from, _to, message) => {
      if (from !== A || message.kind !== 'ack' || lastAck !== null) return [message]
      lastAck = message
      script.hold(A)
      return []
    }
    script.up(A)
    passUntil(script, () => lastAck !== null, 'A acks NEWLEADER')
    script.write(C, 1, '/w2')
    assert.ok(script.replica(C).tree.has('/w2'))
    assert.ok(script.replica(A).journal.log.last > script.replica(A).journal.durableZxid)
    script.tap = (from, _to, message) => from === A && message.kind === 'pong' ? [lastAck!, message] : [message]
    script.pass(500)
    assert.ok(script.replica(A).learner?.stage === 'upToDate', 'UPTODATE has come')
    must(!script.replica(A).serving, 'C16', 'A serves although w2 is not applied')
    plain(script)
    script.release(A)
    script.serve(A)
    assert.ok(script.replica(A).tree.has('/w2'))
    convergeWith(script, ['/w1', '/w2'])
    return script
  },
  mutants: [{ mutant: 'serveBeforeApply', seenBy: ['C16'] }],
}

const joinWithinBroadcast: Scenario = {
  name: 'S-paper-Q who was sent NEWLEADER gets every later proposal, before its ack too',
  run: (options) => {
    const script = started(3, options, A, B, C)
    script.crash(A)
    script.connect(C, 1)
    script.write(C, 1, '/w1')
    const joins = countJoins(script, A)
    const { tap } = script
    script.tap = (from, to, message) => {
      // Until w2 and w3 are proposed the ack of NEWLEADER waits for the disk.
      if (to === A && message.kind === 'newLeader') script.hold(A)
      return tap(from, to, message)
    }
    script.up(A)
    passUntil(script, () => script.peer(A).replica?.learner?.stage === 'synced', 'A was sent NEWLEADER')
    script.write(C, 1, '/w2')
    script.write(C, 1, '/w3')
    assert.ok(script.replica(C).tree.has('/w3'), 'B and C commit meanwhile')
    script.tap = tap
    script.release(A)
    script.serve(A)
    script.write(C, 1, '/w4')
    script.pass(300)
    must(joins() === 1, 'L4', 'A had to begin anew')
    convergeWith(script, ['/w1', '/w2', '/w3', '/w4'])
    return script
  },
  mutants: [{ mutant: 'forwardToAckedOnly', seenBy: ['L4', 'L3'] }],
}

const duplicateProposal: Scenario = {
  name: 'S-paper-Q a proposal that comes twice is one',
  run: (options) => {
    const script = started(3, options, A, B, C)
    script.connect(C, 1)
    const joins = countJoins(script, A)
    const { tap } = script
    script.tap = (from, to, message) => {
      const sent = tap(from, to, message)
      return to === A && message.kind === 'proposal' ? [...sent, ...sent] : sent
    }
    for (const path of ['/w1', '/w2']) script.write(C, 1, path)
    script.pass(300)
    must(joins() === 0, 'L4', 'A had to begin anew')
    convergeWith(script, ['/w1', '/w2'])
    return script
  },
  mutants: [{ mutant: 'duplicateIsGap', seenBy: ['L4', 'A1'] }],
}

const longSync: Scenario = {
  name: 'S-2678 a snapshot that takes three times the limit but moves is completed, one that stands still is given up',
  run: (options) => {
    const script = started(3, { ...options, limits: TINY }, A, B, C)
    script.connect(C, 1)
    script.crash(A)
    for (let i = 0; i < 30; i++) script.write(C, 1, `/n${i}`)
    const joins = countJoins(script, A)
    script.hold(A)
    script.up(A)
    const startMs = script.ms
    for (let i = 0; i < 60 && script.peer(A).replica?.serving !== true; i++) {
      script.pass(900)
      script.complete(A)
    }
    must(script.replica(A).serving && joins() === 1, 'L3', 'A was not brought up at once')
    assert.ok(script.ms - startMs > 9_000, 'three times the limit')
    const isGivenUp = (): boolean => script.log.some((line) => line.includes('is dropped: silent or behind'))
    assert.ok(!isGivenUp())
    script.crash(A)
    for (let i = 0; i < 30; i++) script.write(C, 1, `/m${i}`)
    script.hold(A)
    script.up(A)
    passUntil(script, () => script.peer(A).writes.length > 0, 'A has joined')
    script.complete(A)
    script.pass(3_500)
    assert.ok(isGivenUp(), 'no progress for the limit')
    convergeWith(script, ['/n29', '/m29'])
    return script
  },
  mutants: [{ mutant: 'fixedInitLimit', seenBy: ['L3'] }],
}

const stalledLearner: Scenario = {
  name: 'S-2201 a learner that does not read a snapshot fills no memory, and nobody waits for it',
  run: (options) => {
    const script = started(3, { ...options, limits: TINY }, A, B, C)
    script.connect(C, 1)
    script.crash(A)
    for (let i = 0; i < 30; i++) script.write(C, 1, `/n${i}`)
    let pieces = 0
    script.tap = (_from, to, message) => {
      if (to === A && message.kind === 'snap') script.hold(A)
      if (to === A && (message.kind === 'snapChunk' || message.kind === 'proposal')) pieces++
      return [message]
    }
    script.up(A)
    passUntil(script, () => pieces > 0, 'the snapshot streams')
    for (let i = 0; i < 30; i++) script.write(C, 1, `/m${i}`)
    script.pass(500)
    must(pieces === TINY.syncChunksInFlight, 'L8', `${pieces} pieces are on their way`)
    assert.ok(script.replica(B).tree.has('/m29'), 'nobody waits')
    convergeWith(script, ['/n29', '/m29'])
    return script
  },
  mutants: [{ mutant: 'unboundedSync', seenBy: ['L8'] }],
}

const fleeingEnd: Scenario = {
  name: 'S-fleeing-end more is written than the pieces of a synchronization carry: it ends all the same',
  run: (options) => {
    const script = started(3, { ...options, limits: TINY }, A, B, C)
    script.connect(C, 1)
    script.crash(A)
    for (let i = 0; i < 10; i++) script.write(C, 1, `/n${i}`)
    const joins = countJoins(script, A)
    const { tap } = script
    let held: Message | null = null
    let isRound = false
    // One piece crosses in each round of writes.
    script.tap = (from, to, message) => {
      if (from === A && message.kind === 'syncAck') {
        held = message
        return []
      }
      if (from !== A || message.kind !== 'pong' || held === null || !isRound) return tap(from, to, message)
      const sent = [held, message]
      held = null
      isRound = false
      return sent
    }
    script.up(A)
    passUntil(script, () => held !== null, 'the synchronization has begun')
    for (let round = 0; round < 40 && !script.replica(A).serving; round++) {
      for (let i = 0; i < 8; i++) script.write(C, 1, `/r${round}-${i}`)
      isRound = true
      script.pass(600)
    }
    must(script.replica(A).serving && joins() === 1, 'L3', 'A was not brought up while C was written to')
    convergeWith(script, ['/n9', '/r0-7'])
    return script
  },
  mutants: [{ mutant: 'endlessSync', seenBy: ['L3'] }],
}

const restless: Scenario = {
  name: 'S-restless a voter that comes and goes does not have another one begin anew each time',
  run: (options) => {
    const script = started(3, { ...options, limits: TINY }, A, B, C)
    script.connect(C, 1)
    script.crash(A)
    for (let i = 0; i < 30; i++) script.write(C, 1, `/n${i}`)
    const joins = countJoins(script, A)
    const { tap } = script
    script.tap = (from, to, message) => {
      if (to === A && message.kind === 'snap') script.hold(A)
      return tap(from, to, message)
    }
    script.up(A)
    passUntil(script, () => script.peer(A).writes.length > 0, 'the snapshot streams')
    let rounds = 0
    for (; rounds < 60 && !script.replica(A).serving; rounds++) {
      script.crash(B)
      script.pass(300)
      script.complete(A)
      script.up(B)
      script.pass(900)
    }
    must(script.replica(A).serving && joins() === 1, 'L3', 'A was not brought up at once')
    assert.ok(rounds > 5, 'B came and went meanwhile')
    convergeWith(script, ['/n29'])
    return script
  },
  mutants: [{ mutant: 'resignsWhileJoining', seenBy: ['L3'] }],
}

const restlessStart: Scenario = {
  name: 'S-restless-start a link that breaks before there is a leader does not have another voter begin anew each time',
  run: (options) => {
    const script = started(5, { ...options, limits: TINY }, A, B, C, D, E)
    script.connect(E, 1)
    script.crash(A)
    for (let i = 0; i < 30; i++) script.write(E, 1, `/n${i}`)
    script.crash(B, C, D, E)
    const joins = countJoins(script, A)
    holdAtSnapshot(script, A)
    script.up(A, B, C)
    passUntil(script, () => script.replica(A).learner?.stage === 'syncing', 'the snapshot streams')
    assert.equal(script.replica(A).learner?.leader, C)
    let rounds = 0
    for (; rounds < 60 && script.leader === 0; rounds++) {
      script.cut(B, C)
      script.pass(1)
      script.mend(B, C)
      script.pass(300)
      script.complete(A)
      script.pass(900)
    }
    must(script.leader === C && joins() === 1, 'L1', 'A was not brought up at once')
    assert.ok(rounds > 5, 'the link broke meanwhile')
    convergeWith(script, ['/n29'])
    return script
  },
  mutants: [{ mutant: 'unsettledWhileJoining', seenBy: ['L1'] }],
}

const gap: Scenario = {
  name: 'S-gap a proposal is lost within a link',
  run: (options) => {
    const script = started(3, options, A, B, C)
    script.connect(C, 1)
    let lost = 0
    script.tap = (_from, to, message) => {
      if (to === B && message.kind === 'proposal') lost++
      return lost === 1 && to === B && message.kind === 'proposal' ? [] : [message]
    }
    script.hold(A, C)
    script.write(C, 1, '/w1')
    const w1 = script.replica(C).journal.log.last
    script.write(C, 1, '/w2')
    script.release(A, C)
    must(script.peer(B).disk.log.last !== script.replica(C).journal.log.last ||
      script.peer(B).disk.log.entryAt(w1) !== undefined, 'P11', 'B has a hole')
    script.serve(A, B, C)
    assert.ok(lost >= 2)
    convergeWith(script, ['/w1', '/w2'])
    return script
  },
  mutants: [{ mutant: 'gapIsWarning', seenBy: ['P2', 'P11', 'D4', 'A1'] }],
}

/** All of D.3. */
const establishedLate: Scenario = {
  name: 'S-established-late a slow disk establishes a leader after the next one has committed',
  run: (options) => {
    const script = started(3, options, A, B, C)
    script.crash(A, B, C)
    let acks = 0
    script.tap = (from, to, message) => {
      // What C writes after its promise waits: the mark of its own epoch.
      if (from === C && message.kind === 'leaderInfo') script.hold(C)
      if (to === C && message.kind === 'ack' && message.newLeader) acks++
      return [message]
    }
    script.up(A, B, C)
    passUntil(script, () => acks === 2, 'A and B have marked the epoch of C')
    plain(script)
    assert.equal(script.leader, 0)
    script.halfOpen(A, C)
    script.halfOpen(B, C)
    passUntil(script, () => script.leader === B, 'A and B go on with the next epoch')
    script.connect(B, 1)
    script.write(B, 1, '/w1')
    assert.ok(script.replica(A).tree.has('/w1'), 'w1 is committed')
    script.release(C)
    // By acks from before: it leads nobody, and commits nothing.
    assert.equal(script.replica(C).leader?.active, true)
    assert.ok(script.replica(C).leader!.epoch < script.replica(B).leader!.epoch)
    convergeWith(script, ['/w1'])
    return script
  },
  mutants: [],
}

const longTail: Scenario = {
  name: 'S-long-tail a candidate has more behind its snapshot than may be held for a learner, and the other needs both',
  run: (options) => {
    const limits = { ...TINY, snapshotTxns: 30, linkQueueBytes: 20_000 }
    const script = started(3, { ...options, limits }, A, B, C)
    script.connect(C, 1)
    script.write(C, 1, '/w1')
    script.isolate(B)
    script.pass(2_000)
    const paths = Array.from({ length: 50 }, (_, at) => `/n${at}`)
    for (const path of paths) {
      script.request(C, 1, { op: 1, path, data: new Uint8Array(1_500), acl: OPEN_ACL, flags: 0, ttlMs: -1 })
    }
    const { disk } = script.peer(C)
    assert.ok(disk.base !== null && disk.log.bytesAfter(disk.base.zxid) > limits.linkQueueBytes, 'a long tail')
    script.crash(A, B, C)
    script.heal()
    script.up(B, C)
    script.lead(C)
    script.serve(B)
    convergeWith(script, ['/w1', ...paths])
    return script
  },
  mutants: [{ mutant: 'dropsBeforeActive', seenBy: ['L1'] }],
}

export const SYNC_PHASE: Section = [
  commitBeforeUpToDate, overtakingAck, serveBeforeApply, joinWithinBroadcast, duplicateProposal, longSync,
  stalledLearner, fleeingEnd, restless, restlessStart, gap, establishedLate, longTail,
]
