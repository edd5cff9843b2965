/** D.2 of the correctness plan: what is in memory and what is on disk. */
import { strict as assert } from 'node:assert'
import type { Limits } from '../../../lib/core/limits.ts'
import type { Script } from '../../../lib/testing/sim/script.ts'
import {
  A, B, C, D, E, TINY, convergeWith, countJoins, loseWrites, must, passUntil, plain, started, writeUntil,
} from './scenario.ts'
import type { RunOptions, Scenario, Section } from './scenario.ts'

const voteFromTree: Scenario = {
  name: 'S-2845 a vote from the tree',
  run: (options) => {
    const script = started(3, options, A, B, C)
    script.connect(C, 1)
    loseWrites(script, C, 1, '/w1')
    assert.ok(!script.replica(C).tree.has('/w1'), 'w1 is committed nowhere')
    script.lead(B)
    script.connect(B, 2)
    script.write(B, 2, '/w2')
    script.heal()
    script.pass(3_000)
    script.serve(A, B, C)
    script.crash(C)
    script.up(C)
    convergeWith(script, ['/w2'])
    assert.ok(!script.replica(C).tree.has('/w1'), 'w1 was truncated')
    return script
  },
  mutants: [{ mutant: 'voteFromTree', seenBy: ['D4', 'P2', 'L3'] }],
}

const tailBeforeDrain: Scenario = {
  name: 'S-4712 a vote before the storage queue has drained',
  run: (options) => {
    const script = started(3, options, A, B, C)
    script.connect(C, 1)
    script.hold(A)
    script.cut(C, B)
    script.pass(100)
    script.write(C, 1, '/w1')
    script.crash(C)
    assert.ok(script.peer(A).writes.length > 0, 'w1 waits for the disk of A')
    script.pass(2_000)
    script.release(A)
    script.pass(2_000)
    script.serve(A, B)
    script.connect(script.leader, 2)
    script.write(script.leader, 2, '/w2')
    script.crash(A)
    script.up(A)
    convergeWith(script, ['/w2'])
    return script
  },
  mutants: [
    { mutant: 'readTailBeforeDrain', seenBy: ['P16'] },
    { mutant: 'readTailBeforeDrain', ignore: ['P16'], seenBy: ['D2'] },
    { mutant: 'readTailBeforeDrain', ignore: ['P16', 'D2'], seenBy: ['D5', 'D4', 'P15', 'P2'] },
  ],
}

/** A is away for so many writes that it will be sent a snapshot. */
function withoutA(options: RunOptions, voters: number, leader: number, limits: Partial<Limits> = TINY): Script {
  const script = started(voters, { ...options, limits }, ...Array.from({ length: voters }, (_, at) => at + 1))
  assert.equal(script.leader, leader)
  script.connect(leader, 1)
  script.crash(A)
  for (let i = 0; i < 20; i++) script.write(leader, 1, `/n${i}`)
  return script
}

const snapshotThenDiff: Scenario = {
  name: 'S-3642 a snapshot, its leader dies before NEWLEADER, the next one goes on from it',
  run: (options) => {
    const script = withoutA(options, 5, E)
    let isSent = false
    script.tap = (_from, to, message) => {
      if (to !== A || message.kind !== 'newLeader') return [message]
      isSent = true
      return []
    }
    script.up(A)
    passUntil(script, () => isSent, 'A has the whole snapshot and history')
    const { base } = script.replica(A).journal
    assert.ok(base !== null || options.mutant !== undefined)
    plain(script)
    script.crash(E)
    script.lead(D)
    script.connect(D, 2)
    script.serve(A)
    script.write(D, 2, '/w')
    script.crash(A)
    script.up(A)
    convergeWith(script, ['/n0', '/n19', '/w'])
    return script
  },
  mutants: [
    { mutant: 'snapInMemoryOnly', seenBy: ['P16'] },
    { mutant: 'snapInMemoryOnly', ignore: ['P16'], seenBy: ['D2'] },
    { mutant: 'snapInMemoryOnly', ignore: ['P16', 'D2'], seenBy: ['D4', 'D5', 'D6'] },
  ],
}

const snapshotUnsynced: Scenario = {
  name: 'S-2872 a snapshot counts once it is on disk',
  run: (options) => {
    const script = withoutA(options, 3, C, { ...TINY, syncChunksInFlight: 100 })
    let isSent = false
    script.tap = (_from, to, message) => {
      if (to === A && message.kind === 'snap') script.hold(A)
      if (to === A && message.kind === 'newLeader') isSent = true
      return [message]
    }
    script.up(A)
    passUntil(script, () => isSent, 'A has all in memory')
    script.settle()
    plain(script)
    script.hold(B)
    script.write(C, 1, '/w')
    must(!script.replica(C).tree.has('/w'), 'D3', 'w is committed by one disk of three')
    script.release(A)
    script.serve(A)
    script.settle()
    assert.ok(script.replica(C).tree.has('/w'), 'A and C are a quorum')
    convergeWith(script, ['/n0', '/n19', '/w'])
    return script
  },
  mutants: [
    { mutant: 'snapUnsynced', seenBy: ['D2'] },
    { mutant: 'snapUnsynced', ignore: ['D2'], seenBy: ['D3'] },
  ],
}

const interruptedTruncation: Scenario = {
  name: 'S-5094 a truncation, and the link drops before NEWLEADER',
  run: (options) => {
    const script = started(3, options, A, B, C)
    script.connect(C, 1)
    loseWrites(script, C, 1, '/lost')
    script.lead(B)
    script.connect(B, 2)
    script.write(B, 2, '/w2')
    let isSent = false
    script.tap = (_from, to, message) => {
      if (to !== C || message.kind !== 'newLeader') return [message]
      isSent = true
      return []
    }
    script.heal()
    passUntil(script, () => isSent, 'C has truncated and has w2')
    script.cut(B, C)
    script.pass(100)
    plain(script)
    script.heal()
    script.serve(C)
    script.write(B, 2, '/w3')
    script.crash(C)
    script.up(C)
    convergeWith(script, ['/w2', '/w3'])
    assert.ok(!script.replica(C).tree.has('/lost'))
    return script
  },
  mutants: [
    { mutant: 'applyDuringTruncSync', seenBy: ['P16'] },
    { mutant: 'applyDuringTruncSync', ignore: ['P16'], seenBy: ['D4', 'D5'] },
  ],
}

const failedSync: Scenario = {
  name: 'S-4882 a write fails while the others commit: the peer goes, and has no hole when it is back',
  run: (options) => {
    const script = started(3, options, A, B, C)
    script.connect(C, 1)
    script.hold(B)
    script.write(C, 1, '/w1')
    assert.ok(script.replica(C).tree.has('/w1'), 'A and C commit w1')
    assert.ok(!script.replica(B).tree.has('/w1'))
    script.fail(B)
    script.release(B)
    script.write(C, 1, '/w2')
    script.crash(B)
    script.up(B)
    convergeWith(script, ['/w1', '/w2'])
    return script
  },
  mutants: [
    { mutant: 'applyBeyondDurable', seenBy: ['P16'] },
    { mutant: 'surviveFsyncError', seenBy: ['D2', 'D5', 'D4'] },
    { mutant: 'surviveFsyncError', ignore: ['D2'], seenBy: ['D3', 'D4', 'D5'] },
  ],
}

const snapshotUncommitted: Scenario = {
  name: 'S-4837 no snapshot reaches above what is committed, so no truncation goes below one',
  run: (options) => {
    const script = started(5, { ...options, limits: { ...TINY, snapshotTxns: 1 } }, A, B, C, D, E)
    script.connect(E, 1)
    for (let i = 0; i < 5; i++) script.write(E, 1, `/n${i}`)
    script.tap = (_from, to, message) => message.kind === 'proposal' && to !== B ? [] : [message]
    script.write(E, 1, '/lost')
    assert.ok(script.peer(B).disk.log.last > script.peer(D).disk.log.last, 'B has it on disk')
    plain(script)
    script.crash(B, E)
    script.lead(D)
    script.connect(D, 2)
    script.write(D, 2, '/w2')
    assert.ok(script.peer(B).disk.base !== null)
    convergeWith(script, ['/n4', '/w2'])
    assert.ok(!script.replica(B).tree.has('/lost'))
    return script
  },
  mutants: [{ mutant: 'snapshotUncommitted', seenBy: ['P16', 'D3'] }],
}

const diffHeader: Scenario = {
  name: 'S-2355 a follower dies between the header of a diff and its proposals',
  run: (options) => {
    const script = started(3, options, A, B, C)
    script.crash(A)
    script.connect(C, 1)
    script.write(C, 1, '/w1')
    script.write(C, 1, '/w2')
    script.crash(C)
    let isSent = false
    script.tap = (_from, to, message) => {
      if (to === A && message.kind === 'diff') isSent = true
      return to === A && isSent && message.kind !== 'diff' ? [] : [message]
    }
    script.up(A)
    passUntil(script, () => isSent, 'A has the header')
    script.settle()
    script.crash(A, B)
    plain(script)
    script.up(A, C)
    script.lead(C)
    convergeWith(script, ['/w1', '/w2'])
    return script
  },
  mutants: [
    { mutant: 'epochBeforeHistory', seenBy: ['P15'] },
    { mutant: 'epochBeforeHistory', ignore: ['P15'], seenBy: ['P12', 'P9'] },
  ],
}

const servingCache: Scenario = {
  name: 'S-4925 who was brought up by a diff brings up others by a diff',
  run: (options) => {
    const script = started(3, options, A, B, C)
    script.connect(C, 1)
    script.crash(B)
    for (const path of ['/w1', '/w2', '/w3']) script.write(C, 1, path)
    script.up(B)
    script.serve(B)
    script.crash(A)
    for (const path of ['/w4', '/w5']) script.write(C, 1, path)
    script.crash(C)
    script.up(A)
    script.lead(B)
    script.serve(A)
    convergeWith(script, ['/w1', '/w2', '/w3', '/w4', '/w5'])
    return script
  },
  mutants: [{ mutant: 'holeInServingCache', seenBy: ['L3'] }],
}

const appendAfterTruncation: Scenario = {
  name: 'S-1489 a truncation, appends, and a crash after each record of them',
  run: (options) => {
    for (let records = 1; ; records++) {
      const script = started(3, options, A, B, C)
      script.connect(C, 1)
      script.write(C, 1, '/w1')
      loseWrites(script, C, 1, '/lost1', '/lost2')
      script.lead(B)
      script.connect(B, 2)
      script.write(B, 2, '/w2')
      script.hold(C)
      script.heal()
      let done = 0
      for (let i = 0; done < records && i < 1_000; i++) if (script.complete(C)) done++; else script.pass(1)
      script.crash(C)
      script.up(C)
      script.serve(C)
      script.write(B, 2, '/w3')
      convergeWith(script, ['/w1', '/w2', '/w3'])
      assert.ok(!script.replica(C).tree.has('/lost1'))
      if (done < records) return script
    }
  },
  mutants: [{ mutant: 'truncOneTooMany', seenBy: ['P13'] }],
}

const writesWithinSnapshot: Scenario = {
  name: 'S-3104 txns flow while a snapshot streams, and the follower dies right after its installation',
  run: (options) => {
    const script = withoutA(options, 3, C)
    script.hold(A, B)
    // In flight when A is sent the snapshot: above what the snapshot has, below what comes next.
    script.write(C, 1, '/outstanding')
    const joins = countJoins(script, A)
    script.up(A)
    passUntil(script, () => script.replica(A).learner?.stage === 'syncing', 'the snapshot streams')
    script.release(B)
    let written = 0
    const before = script.peer(A).disk.base?.zxid ?? 0
    const isInstalled = (): boolean => {
      script.write(C, 1, `/during${written++}`)
      script.request(C, 1, { op: 5, path: '/n19', data: null, version: -1 })
      return (script.peer(A).disk.base?.zxid ?? 0) > before
    }
    writeUntil(script, A, isInstalled, 'the snapshot is installed')
    assert.ok(written > 3, 'in several pieces')
    if (options.mutant !== undefined) {
      script.release(A)
      script.pass(100)
    }
    must(joins() === 1, 'L4', 'A had to begin anew')
    script.crash(A)
    script.up(A)
    script.serve(A)
    convergeWith(script, ['/n0', '/n19', '/outstanding', '/during0', `/during${written - 1}`])
    return script
  },
  mutants: [
    { mutant: 'snapSkipsOutstanding', seenBy: ['L4', 'L3'] },
    { mutant: 'fuzzySnapshot', seenBy: ['D8', 'D7', 'A1'] },
  ],
}

/** All of D.2. */
export const MEMORY_AND_DISK: Section = [
  voteFromTree, tailBeforeDrain, snapshotThenDiff, snapshotUnsynced, interruptedTruncation, failedSync,
  snapshotUncommitted, diffHeader, servingCache, appendAfterTruncation, writesWithinSnapshot,
]
