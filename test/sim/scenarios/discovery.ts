/** D.1 of the correctness plan: epoch, history, and the order of acks. */
import { strict as assert } from 'node:assert'
import type { Message } from '../../../lib/core/zab/messages.ts'
import type { Script } from '../../../lib/testing/sim/script.ts'
import { A, B, C, D, E, convergeWith, loseWrites, must, passUntil, plain, started, writeUntil } from './scenario.ts'
import type { RunOptions, Scenario, Section } from './scenario.ts'

const epochBeforeHistory: Scenario = {
  name: 'S-4643 epoch before history',
  run: (options) => {
    const script = started(3, options, A, B, C)
    script.connect(C, 1)
    script.isolate(A)
    script.pass(2_000)
    script.write(C, 1, '/w1')
    assert.ok(script.replica(B).tree.has('/w1'), 'w1 is committed on B and C')
    script.crash(C)
    script.heal()
    script.hold(A)
    const w1 = script.replica(B).journal.log.last
    const isHalfDone = (): boolean => {
      const { log, meta } = script.peer(A).disk
      return (log.entryAt(w1) !== undefined) !== (meta?.currentEpoch === 2)
    }
    writeUntil(script, A, isHalfDone, 'exactly one of the two records is durable')
    script.crash(A, B)
    script.up(A, C)
    script.pass(5_000)
    convergeWith(script, ['/w1'])
    return script
  },
  mutants: [
    { mutant: 'epochBeforeHistory', seenBy: ['P15'] },
    { mutant: 'epochBeforeHistory', ignore: ['P15'], seenBy: ['P12', 'D3', 'P13', 'C6'] },
  ],
}

/** C alone has these writes; everybody looks for a leader; what is due to A and B will wait for their disks. */
function aloneWith(options: RunOptions, ...paths: string[]): Script {
  const script = started(3, options, A, B, C)
  script.connect(C, 1)
  script.cut(A, B)
  loseWrites(script, C, 1, ...paths)
  script.pass(3_000)
  assert.equal(script.leader, 0, 'everybody looks for a leader')
  script.tap = (_from, to, message) => {
    if (message.kind === 'diff') script.hold(to)
    return [message]
  }
  script.heal()
  return script
}

const ackBeforeDurable: Scenario = {
  name: 'S-3911 ack before durable',
  run: (options) => {
    const script = aloneWith(options, '/w1')
    script.pass(1_000)
    assert.ok(script.replica(C).leader !== null, 'C is the candidate')
    must(options.mutant !== undefined || script.leader === 0, 'D2', 'C leads without a second durable copy')
    if (script.leader === C) script.connect(C, 2)
    plain(script)
    script.crash(A, B, C)
    script.up(A, B)
    script.pass(5_000)
    convergeWith(script, [])
    return script
  },
  mutants: [
    { mutant: 'ackNewLeaderEarly', seenBy: ['D2'] },
    { mutant: 'ackNewLeaderEarly', ignore: ['D2'], seenBy: ['D3', 'P12', 'C6'] },
  ],
}

const restartWithinDiff: Scenario = {
  name: 'S-4785 a restart between a diff and its flush, at each of its records',
  run: (options) => {
    for (let records = 0; ; records++) {
      const script = aloneWith(options, '/w1', '/w2', '/w3')
      passUntil(script, () => script.peer(A).writes.length > 0, 'the history arrives')
      let done = 0
      while (done < records && script.complete(A)) done++
      script.crash(A)
      plain(script)
      script.up(A)
      passUntil(script, () => script.leader === C, 'C is established once A has the history on disk')
      script.crash(A, B, C)
      script.up(A, B)
      script.pass(3_000)
      convergeWith(script, ['/w1', '/w2', '/w3'])
      if (done < records) return script
    }
  },
  mutants: [{ mutant: 'ackNewLeaderEarly', ignore: ['D2'], seenBy: ['D3', 'P12', 'C6'] }],
}

const ackBeforeEpoch: Scenario = {
  name: 'S-ack-before-CURRENT',
  run: (options) => {
    const script = started(5, options, A, B, C, D, E)
    script.crash(A, B, E)
    script.up(E)
    script.lead(E)
    script.connect(E, 1)
    // C stays a follower of epoch 2, but w1 does not reach it.
    script.tap = (_from, to, message) => to === C && message.kind === 'proposal' ? [] : [message]
    script.write(E, 1, '/w1')
    const w1 = script.replica(D).journal.log.last
    assert.equal(script.peer(D).disk.log.last, w1)
    script.hold(A)
    script.up(A)
    const isBetween = (): boolean =>
      script.peer(A).disk.log.last === w1 && script.peer(A).disk.meta?.currentEpoch === 1
    writeUntil(script, A, isBetween, 'A has w1 and not the epoch')
    script.settle()
    script.crash(A, D, E)
    plain(script)
    script.up(A, B)
    script.pass(5_000)
    assert.ok(script.leader > 0)
    convergeWith(script, [])
    return script
  },
  mutants: [
    { mutant: 'ackTxnBeforeEpochMark', seenBy: ['D2'] },
    { mutant: 'ackTxnBeforeEpochMark', ignore: ['D2'], seenBy: ['D9'] },
    { mutant: 'ackTxnBeforeEpochMark', ignore: ['D2', 'D9'], seenBy: ['P12', 'P13', 'C6'] },
  ],
}

const epochUnsynced: Scenario = {
  name: 'S-1291 an epoch that its leader has forgotten',
  run: (options) => {
    const script = started(3, options, A, B, C)
    script.connect(C, 1)
    script.hold(C)
    script.tap = (_from, to, message) => to === B && message.kind === 'proposal' ? []
      : message.kind === 'ack' ? [] : [message]
    script.write(C, 1, '/w1')
    script.crash(C)
    plain(script)
    script.isolate(A)
    assert.ok(script.peer(A).disk.log.last > script.peer(C).disk.log.last, 'A has one txn more')
    script.hold(C)
    script.up(C)
    script.pass(500)
    assert.ok(script.replica(C).leader !== null, 'C is the candidate for 2, and nothing of that is on its disk')
    script.crash(B, C)
    script.heal()
    script.up(C)
    script.lead(A)
    assert.equal(script.replica(A).journal.meta.currentEpoch, 2)
    convergeWith(script, ['/w1'])
    return script
  },
  mutants: [
    { mutant: 'proposeEpochUnsynced', seenBy: ['D2'] },
    { mutant: 'proposeEpochUnsynced', ignore: ['D2'], seenBy: ['P1', 'P11'] },
  ],
}

const everyRecordOfJoining: Scenario = {
  name: 'S-1653 a voter starts and votes whatever record it wrote last',
  run: (options) => {
    for (let records = 1; ; records++) {
      const script = started(3, options, A, B, C)
      script.crash(A, C)
      script.up(C)
      script.lead(C)
      script.connect(C, 1)
      script.write(C, 1, '/w1')
      script.hold(A)
      script.up(A)
      let done = 0
      for (let i = 0; done < records && i < 500; i++) if (script.complete(A)) done++; else script.pass(1)
      script.crash(A, C)
      script.up(A)
      script.lead(B)
      convergeWith(script, ['/w1'])
      if (done < records) return script
    }
  },
  mutants: [{ mutant: 'refuseEpochMismatch', seenBy: ['L1'] }],
}

const epochAtUpToDate: Scenario = {
  name: 'S-1282 a follower that crashes between its ack of NEWLEADER and UPTODATE votes with the new epoch',
  run: (options) => {
    const script = started(3, options, B, C)
    script.connect(C, 1)
    script.write(C, 1, '/w1')
    let isAcked = false
    script.tap = (from, to, message) => {
      if (from === A && message.kind === 'ack') isAcked = true
      return to === A && message.kind === 'upToDate' ? [] : [message]
    }
    script.up(A)
    passUntil(script, () => isAcked, 'A acks NEWLEADER')
    script.crash(A)
    assert.equal(script.peer(A).disk.meta?.currentEpoch, 1)
    script.crash(B)
    script.up(A)
    plain(script)
    script.lead(C)
    convergeWith(script, ['/w1'])
    return script
  },
  mutants: [{ mutant: 'epochAtUpToDate', seenBy: ['D2'] }],
}

const truncation: Scenario = {
  name: 'S-1154 a truncation where it is due, to the common point exactly',
  run: (options) => {
    const script = started(3, options, A, B, C)
    script.connect(C, 1)
    for (const path of ['/w1', '/w2', '/w3']) script.write(C, 1, path)
    script.hold(A, B)
    script.write(C, 1, '/w4')
    script.crash(A, B, C)
    script.up(A, B)
    script.lead(B)
    script.connect(B, 2)
    script.write(B, 2, '/w5')
    script.up(C)
    script.serve(A, B, C)
    convergeWith(script, ['/w1', '/w2', '/w3', '/w5'])
    assert.ok(!script.replica(C).tree.has('/w4'), 'w4, and only w4, was truncated')
    return script
  },
  mutants: [
    { mutant: 'diffWithoutTrunc', seenBy: ['P2', 'D4', 'D5', 'P13', 'A1'] },
    { mutant: 'truncOneTooMany', seenBy: ['P13'] },
  ],
}

const figure8: Scenario = {
  name: 'S-figure8 a txn of an old epoch is not committed by counting its copies',
  run: (options) => {
    const script = started(5, options, A, B, C, D, E)
    script.connect(E, 1)
    loseWrites(script, E, 1, '/w1')
    script.tap = (from, _to, message) => from === D && message.kind === 'newLeader' ? [] : [message]
    passUntil(script, () => script.peer(D).disk.meta?.currentEpoch === 2, 'D has marked epoch 2, and nobody else')
    script.crash(D)
    script.tap = (_from, to, message) => {
      if (message.kind === 'diff') script.hold(to)
      return [message]
    }
    script.heal()
    const w1 = script.peer(E).disk.log.last
    for (const id of [A, B]) {
      writeUntil(script, id, () => script.peer(id).disk.log.last === w1, 'w1 is on three disks of five')
    }
    script.settle()
    assert.equal(script.peer(A).disk.meta?.currentEpoch, 1)
    script.crash(A, B, C, E)
    plain(script)
    script.up(A, B, C, D)
    script.lead(D)
    convergeWith(script, [])
    assert.ok(!script.replica(E).tree.has('/w1'))
    return script
  },
  mutants: [{ mutant: 'commitOldEpochByCount', seenBy: ['P12', 'P9', 'P2'] }],
}

/** What `from` said to A when it looked for a leader is heard by A once more, before anything else from it. */
function replayTo(script: Script, from: number, looking: Message): void {
  let isReplayed = false
  script.tap = (sender, to, message) => {
    if (isReplayed || sender !== from || to !== A) return [message]
    isReplayed = true
    return [looking, message]
  }
}

const twoCandidates: Scenario = {
  name: 'S-two-candidates two candidates have chosen the same epoch, and one voter has promised it to one of them',
  run: (options) => {
    const script = started(5, options, A, B, C, D, E)
    script.connect(E, 1)
    script.write(E, 1, '/w1')
    script.crash(A, B, C, D, E)
    for (const one of [B, D]) for (const other of [A, C, E]) script.cut(one, other)
    // E chooses an epoch with A and C; A never hears of it.
    let looking: Message | null = null
    script.tap = (from, to, message) => {
      if (from === E && to === A && message.kind === 'notify' && message.vote.leader === E) looking ??= message
      return to === A && message.kind === 'leaderInfo' ? [] : [message]
    }
    script.up(A, C, E)
    passUntil(script, () => script.peer(C).disk.meta?.acceptedEpoch === 2, 'C promises epoch 2 to E')
    assert.ok(script.replica(E).leader?.phase === 'discovery' && looking !== null)
    // D chooses the same one with A and B, and passes discovery with their promises.
    for (const other of [C, E]) script.cut(A, other)
    script.up(B, D)
    for (const other of [B, D]) script.mend(A, other)
    script.tap = (_from, to, message) => to === A && message.kind === 'newLeader' ? [] : [message]
    passUntil(script, () => script.replica(D).leader?.phase === 'synchronization', 'D has a quorum of promises')
    assert.equal(script.replica(D).leader?.epoch, 2)
    script.crash(A)
    for (const other of [B, D]) script.cut(A, other)
    for (const other of [C, E]) script.mend(A, other)
    replayTo(script, E, looking)
    script.up(A)
    passUntil(script, () => script.replica(A).learner?.stage === 'promised', 'A is asked by E for the same epoch')
    script.settle()
    assert.equal(script.replica(E).leader?.phase, 'discovery', 'its second promise does not count')
    plain(script)
    convergeWith(script, ['/w1'])
    return script
  },
  mutants: [{ mutant: 'countRepeatAck', seenBy: ['P1'] }],
}

/** All of D.1. */
export const DISCOVERY: Section = [
  epochBeforeHistory, ackBeforeDurable, restartWithinDiff, ackBeforeEpoch, epochUnsynced, twoCandidates,
  everyRecordOfJoining, epochAtUpToDate, truncation, figure8,
]
