/** D.5 of the correctness plan: disks that are lost, damaged or full. */
import { strict as assert } from 'node:assert'
import type { Message } from '../../../lib/core/zab/messages.ts'
import { makeRandom } from '../../../lib/core/random.ts'
import { makeZxid } from '../../../lib/core/zxid.ts'
import { A, B, C, D, E, TINY, convergeWith, countJoins, empty, must, passUntil, plain, started } from './scenario.ts'
import type { Scenario, Section } from './scenario.ts'

const wiped: Scenario = {
  name: 'S-261 a wiped voter helps no quorum to forget',
  run: (options) => {
    const script = started(3, options, A, B, C)
    script.isolate(A)
    script.pass(2_000)
    script.connect(C, 1)
    script.write(C, 1, '/w1')
    script.crash(A, B, C)
    script.heal()
    script.wipe(B)
    script.up(A, B)
    script.pass(20_000)
    must(script.leader === 0, 'C6', 'A and an empty B lead without C')
    script.up(C)
    script.pass(5_000)
    convergeWith(script, ['/w1'])
    return script
  },
  mutants: [
    { mutant: 'trustEmptyDisk', seenBy: ['D9'] },
    { mutant: 'trustEmptyDisk', ignore: ['D9'], seenBy: ['P12', 'C6'] },
  ],
}

const wipedCandidate: Scenario = {
  name: 'S-wiped-candidate a voter is not elected by votes from before it lost its disk',
  run: (options) => {
    const script = started(5, options, A, B, C, D, E)
    script.isolate(C)
    script.isolate(D)
    script.connect(E, 1)
    script.write(E, 1, '/w1')
    script.crash(A, B, C, D, E)
    script.heal()
    // A has heard E, which dies then with its disk; C and D hear of it by A. Nobody hears B: it is a link, no vote.
    script.tap = (from, _to, message) => from === B ? [] : [message]
    script.up(A, B, E)
    script.pass(1_000)
    script.crash(B, E)
    plain(script)
    script.wipe(E)
    script.up(E)
    script.pass(1_000)
    script.up(C, D)
    script.pass(5_000)
    script.crash(A)
    script.pass(20_000)
    must(script.leader === 0, 'C6', 'C, D and an empty E lead without A and B')
    convergeWith(script, ['/w1'])
    return script
  },
  mutants: [
    { mutant: 'emptyLeads', seenBy: ['D9'] },
    { mutant: 'emptyLeads', ignore: ['D9'], seenBy: ['P12', 'C6'] },
  ],
}

const founderHears: Scenario = {
  name: 'S-founder-hears who was elected as a founder and hears of a history before it chose an epoch resigns',
  run: (options) => {
    const script = empty(3, options)
    // A has promised an epoch and nothing else.
    script.tap = (from, _to, message) => from === C && message.kind === 'newLeader' ? [] : [message]
    script.up(A, C)
    passUntil(script, () => script.peer(A).disk.meta?.acceptedEpoch === 1, 'A promises 1 to C')
    script.crash(A, C)
    let told = 0
    script.tap = (from, to, message) => {
      if (from !== C && to !== C) return [message]
      if (from !== C || to !== B || message.kind !== 'notify' || told++ > 0) return []
      const vote = { leader: C, zxid: makeZxid(3, 1), peerEpoch: 3 }
      return [{ ...message, state: 'following', round: 99, health: 'ok', vote }]
    }
    script.up(A, B, C)
    passUntil(script, () => told > 0, 'B hears of epoch 3')
    script.pass(5_000)
    must(script.peer(A).disk.meta?.acceptedEpoch === 1, 'D9', 'A promises an epoch to B, which is empty')
    // Nobody has such a history: what B believes of C goes with its process.
    script.crash(B)
    script.up(B)
    convergeWith(script, [])
    return script
  },
  mutants: [{ mutant: 'emptyLeads', seenBy: ['D9'] }],
}

const foundersMemory: Scenario = {
  name: 'S-founders-memory who saw the founding does not take a voter without its disk for one that never joined',
  run: (options) => {
    const script = empty(5, options)
    // D never hears that B has joined.
    script.cut(B, D)
    script.up(A, B, C, D, E)
    script.lead(E)
    script.serve(B, D)
    script.connect(E, 1)
    script.write(E, 1, '/w1')
    // E dies as a candidate to which B has promised itself.
    script.crash(B, E)
    for (const id of [B, E]) {
      const { disk } = script.peer(id)
      assert.ok(disk.meta !== null)
      disk.meta = { ...disk.meta, acceptedEpoch: 9 }
    }
    script.wipe(B)
    script.mend(B, D)
    script.lead(D)
    const joins = countJoins(script, B)
    script.up(B)
    script.pass(5_000)
    must(joins() > 0 && !script.replica(B).serving, 'P17', 'B helps D, whatever it promised E')
    convergeWith(script, ['/w1'])
    return script
  },
  mutants: [{ mutant: 'foundsForLife', seenBy: ['P17'] }],
}

const founderByItsVote: Scenario = {
  name: 'S-founder-by-its-vote a candidate has marked an epoch that its vote does not name, and counts as no founder',
  run: (options) => {
    const script = empty(3, { ...options, bootstrap: false })
    script.tap = (_from, _to, message) => message.kind === 'notify' ? [message] : []
    script.up(A, B, C)
    script.pass(100)
    // All have heard that nobody has anything. A lives on and hears no more.
    script.isolate(A)
    script.cut(B, C)
    script.pass(100)
    // C does not get the first promise of B, and asks for another one.
    script.tap = (_from, _to, message) => message.kind === 'ackEpoch' ? [] : [message]
    script.mend(B, C)
    passUntil(script, () => script.peer(B).disk.meta?.acceptedEpoch === 1, 'B promises 1')
    script.cut(B, C)
    script.pass(100)
    script.tap = (_from, _to, message) => message.kind === 'newLeader' ? [] : [message]
    script.mend(B, C)
    passUntil(script, () => script.peer(C).disk.meta?.currentEpoch === 2, 'C marks epoch 2')
    // B loses its disk before C leads, and hears from C that it has voted for nobody with a history.
    script.crash(B)
    script.wipe(B)
    script.up(B)
    script.pass(20)
    script.isolate(C)
    plain(script)
    script.mend(A, B)
    script.pass(20_000)
    must(script.leader === 0, 'C6', 'A and B found another ensemble')
    convergeWith(script, [])
    return script
  },
  mutants: [
    { mutant: 'founderByItsVote', seenBy: ['D9'] },
    { mutant: 'founderByItsVote', ignore: ['D9'], seenBy: ['P17', 'C6'] },
  ],
}

const rotInTheMiddle: Scenario = {
  name: 'S-rot-middle a voter that has lost acknowledged txns, and knows it, counts when it is rebuilt',
  run: (options) => {
    const script = started(3, options, A, B, C)
    script.connect(C, 1)
    script.write(C, 1, '/w0')
    const w0 = script.replica(C).journal.log.last
    script.isolate(A)
    script.pass(2_000)
    script.write(C, 1, '/w1')
    script.crash(A, B, C)
    script.heal()
    script.damage(B, w0)
    script.up(A, B)
    script.pass(10_000)
    must(script.leader === 0, 'C6', 'A and a damaged B lead without C')
    // The damage is not forgotten by a restart.
    script.crash(B)
    script.up(B)
    script.pass(10_000)
    must(script.leader === 0, 'C6', 'A and a damaged B lead without C')
    script.up(C)
    script.pass(5_000)
    convergeWith(script, ['/w0', '/w1'])
    assert.equal(script.replica(B).journal.meta.health, 'ok')
    return script
  },
  mutants: [
    { mutant: 'damagedVotes', seenBy: ['D9'] },
    { mutant: 'damagedVotes', ignore: ['D9'], seenBy: ['P12', 'C6'] },
  ],
}

const rotAtTheTail: Scenario = {
  name: 'S-rot-tail a voter that lost what only it had is as good as any',
  run: (options) => {
    const script = started(3, options, A, B, C)
    script.connect(C, 1)
    script.write(C, 1, '/w0')
    const w0 = script.replica(C).journal.log.last
    script.hold(A, B)
    script.write(C, 1, '/lost')
    script.crash(C)
    // The torn record was never acknowledged to anybody: the storage cuts it and reports no damage.
    script.peer(C).disk.log.truncate(w0)
    script.crash(A, B)
    script.up(A, C)
    script.lead(C)
    convergeWith(script, ['/w0'])
    return script
  },
  mutants: [],
}

const fullDisk: Scenario = {
  name: 'S-3701 the disk of the leader is full: it goes, the others go on',
  run: (options) => {
    const script = started(3, options, A, B, C)
    script.connect(C, 1)
    script.write(C, 1, '/w1')
    script.hold(C)
    script.write(C, 1, '/w2')
    script.fail(C)
    must(script.replica(C).stopped, 'D2', 'C goes on without its disk')
    script.release(C)
    script.lead(B)
    script.connect(B, 2)
    script.write(B, 2, '/w3')
    convergeWith(script, ['/w1', '/w2', '/w3'])
    return script
  },
  mutants: [{ mutant: 'surviveFsyncError', seenBy: ['D2', 'D3', 'D5'] }],
}

const fullDiskAtTruncation: Scenario = {
  name: 'S-2247 a truncation fails: the follower goes, and truncates when it is back',
  run: (options) => {
    const script = started(5, options, A, B, C, D, E)
    script.connect(E, 1)
    script.tap = (_from, _to, message) => message.kind === 'proposal' ? [] : [message]
    script.write(E, 1, '/lost')
    script.crash(E)
    plain(script)
    script.lead(D)
    script.connect(D, 2)
    script.write(D, 2, '/w')
    script.tap = (_from, to, message) => {
      if (to === E && message.kind === 'trunc') script.hold(E)
      return [message]
    }
    script.up(E)
    for (let i = 0; i < 2_000 && !script.peer(E).held; i++) script.pass(1)
    script.settle()
    script.fail(E)
    must(script.replica(E).stopped, 'D5', 'E goes on without its disk')
    convergeWith(script, ['/w'])
    assert.ok(!script.replica(E).tree.has('/lost'))
    return script
  },
  mutants: [{ mutant: 'surviveFsyncError', seenBy: ['D2', 'D4', 'D5'] }],
}

const halfOpen: Scenario = {
  name: 'S-half-open a wiped voter is not let in while another voter only seems to follow',
  run: (options) => {
    const script = started(5, options, A, B, C, D, E)
    script.connect(E, 1)
    script.write(E, 1, '/w1')
    // Of what B does from here on E knows nothing: it may be a candidate that A has promised itself to.
    script.halfOpen(B, E)
    script.crash(A)
    script.wipe(A)
    const joins = countJoins(script, A)
    script.up(A)
    script.pass(800)
    must(script.replica(B).role === 'looking', 'L4', 'B follows without a link')
    assert.ok(joins() > 0, 'A asks')
    must(script.peer(A).disk.meta === null, 'C6', 'A is let in without a word from B')
    script.pass(1_000)
    must(!script.replica(E).leader!.learners.has(B), 'L4', 'E believes in B for ever')
    script.mend(B, E)
    script.pass(2_000)
    convergeWith(script, ['/w1'])
    return script
  },
  mutants: [{ mutant: 'wipedRejoinsAnyLeader', seenBy: ['C6'] }],
}

const lostPromise: Scenario = {
  name: 'S-lost-promise a voter that has lost a promise with its disk does not help the leader of an epoch before it',
  run: (options) => {
    const script = started(5, options, A, B, C, D, E)
    script.connect(E, 1)
    script.write(E, 1, '/w1')
    let early: Message | null = null
    script.tap = (from, to, message) => {
      if (from === B && to === A && message.kind === 'notify' && message.vote.leader === E) early ??= message
      return [message]
    }
    script.crash(A)
    script.up(A)
    script.serve(A)
    assert.ok(early !== null, 'B has told A that it follows E')
    // A, B and C lead epoch 2; E hears nothing of it and takes B and C for its followers.
    for (const id of [A, B, C]) {
      script.cut(D, id)
      script.halfOpen(id, E)
    }
    for (let i = 0; i < 600 && script.leader !== C; i++) script.pass(1)
    assert.ok(script.leader === C && script.replica(E).leader?.active === true, 'E leads epoch 1, C leads 2')
    script.connect(C, 2)
    script.write(C, 2, '/w2')
    // C does not notice either that A is gone.
    script.halfOpen(A, C)
    script.crash(A)
    script.wipe(A)
    script.mend(A, D)
    script.mend(A, E)
    // What B has to say is lost, and what it said before comes in its place.
    script.tap = (from, to, message) => from === B && to === A && message.kind === 'notify' ? [early!] : [message]
    const joins = countJoins(script, A)
    script.up(A)
    for (let i = 0; i < 300; i++) script.pass(1)
    assert.ok(joins() > 0, 'A asks E')
    script.write(E, 1, '/w3')
    script.pass(5_000)
    convergeWith(script, ['/w1', '/w2'])
    return script
  },
  mutants: [
    { mutant: 'wipedRejoinsAnyLeader', seenBy: ['P17'] },
    { mutant: 'wipedRejoinsAnyLeader', ignore: ['P17'], seenBy: ['D3', 'P8', 'P13', 'P2'] },
  ],
}

const snapshotGone: Scenario = {
  name: 'S-2325 a voter whose snapshot is not to be read counts when it is rebuilt, with a log behind it and without',
  run: (options) => {
    let script = started(3, options, A, B, C)
    for (const retainedTxns of [1, 100]) {
      const limits = { snapshotTxns: 4, retainedTxns, retainedBytes: 100_000 }
      script = started(3, { ...options, limits }, A, B, C)
      script.connect(C, 1)
      script.isolate(A)
      script.pass(2_000)
      for (let i = 0; i < 6; i++) script.write(C, 1, `/n${i}`)
      script.pass(100)
      script.crash(A, B, C)
      script.heal()
      const { disk } = script.peer(B)
      assert.ok(disk.base !== null && disk.log.floor < disk.log.last, 'a snapshot and txns')
      // Without its snapshot a log leads nowhere, however much of it there is.
      assert.equal(disk.rot({ ...makeRandom(1), below: () => 2 }), 'snapshot')
      script.ghost.excused.add(B)
      script.up(A, B)
      script.pass(10_000)
      must(script.leader === 0, 'C6', 'A and B lead without what B has lost')
      script.up(C)
      script.serve(B)
      assert.equal(script.replica(B).journal.meta.health, 'ok')
      convergeWith(script, ['/n0', '/n5'])
    }
    return script
  },
  mutants: [{ mutant: 'damagedVotes', seenBy: ['D9', 'P12', 'C6'] }],
}

const noRoom: Scenario = {
  name: 'S-no-room a snapshot is left out for want of room: the log from before goes on, and leads to the same',
  run: (options) => {
    const script = started(3, { ...options, limits: TINY }, A, B, C)
    let conn = 0
    const write = (count: number): void => {
      script.connect(script.leader, ++conn)
      for (let i = 0; i < count; i++) script.write(script.leader, conn, `/n${conn}-${i}`)
      script.pass(100)
    }
    write(6)
    const { disk } = script.peer(B)
    const { base } = disk
    assert.ok(base !== null)
    disk.isCramped = true
    write(12)
    assert.ok(disk.leftOut > 1, 'some are left out, one after the other')
    const { journal } = script.replica(B)
    assert.ok(disk.base === base && journal.baseZxid > base.zxid, 'in memory it has a later one')
    assert.ok(disk.log.floor <= base.zxid && journal.log.floor > base.zxid, 'and less of the log')
    // It begins from the one before, leads, and leaves out what comes then as well.
    script.crash(B)
    script.up(B)
    script.serve(B)
    must(script.replica(B).tree.has('/n2-11'), 'C6', 'B forgets what its log has')
    script.crash(C)
    script.lead(B)
    write(6)
    assert.ok(disk.base === base)
    script.up(C)
    script.serve(C)
    script.crash(B)
    disk.isCramped = false
    script.up(B)
    script.serve(B)
    write(6)
    assert.ok(disk.base !== base && disk.leftOut === 0 && disk.log.floor > base.zxid, 'the next one has room')
    // A snapshot of its leader must be there: without room for it A dies, each time it comes back.
    script.crash(A)
    write(6)
    const { disk: away } = script.peer(A)
    away.isCramped = true
    for (let times = 0; times < 2; times++) {
      script.up(A)
      script.pass(500)
      must(script.replica(A).stopped, 'D5', 'A goes on without the snapshot of its leader')
      script.crash(A)
    }
    away.isCramped = false
    convergeWith(script, ['/n1-0', '/n2-11', '/n3-5', '/n4-5', '/n5-5'])
    return script
  },
  mutants: [
    { mutant: 'surviveFsyncError', seenBy: ['D2'] },
    { mutant: 'surviveFsyncError', ignore: ['D2'], seenBy: ['D4', 'D5'] },
  ],
}

/** All of D.5 that concerns the core. */
export const STORAGE: Section = [
  wiped, wipedCandidate, founderHears, foundersMemory, founderByItsVote, rotInTheMiddle, rotAtTheTail, fullDisk,
  fullDiskAtTruncation, noRoom, snapshotGone, halfOpen, lostPromise,
]
