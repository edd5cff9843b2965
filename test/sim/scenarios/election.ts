/** D.4 of the correctness plan: election and discovery. */
import { strict as assert } from 'node:assert'
import { counterOf } from '../../../lib/core/zxid.ts'
import type { Message } from '../../../lib/core/zab/messages.ts'
import type { Script } from '../../../lib/testing/sim/script.ts'
import {
  A, B, C, D, E, convergeWith, countJoins, empty, must, mute, passUntil, plain, started,
} from './scenario.ts'
import type { Scenario, Section } from './scenario.ts'

const observersDoNotCount: Scenario = {
  name: 'S-2959 observers are in no quorum, and none of them leads (S-764)',
  run: (options) => {
    const script = empty(3, { ...options, observers: 4 })
    script.up(A, B, C, 4, 5, 6, 7)
    script.lead(C)
    script.crash(A, B)
    script.pass(20_000)
    must(script.leader === 0, 'P1', 'one voter and four observers established an epoch')
    script.crash(C)
    script.up(A)
    script.pass(10_000)
    must(script.leader === 0, 'P1', 'one voter and four observers established an epoch')
    convergeWith(script, [])
    assert.ok(script.leader <= C)
    return script
  },
  mutants: [{ mutant: 'observersCount', seenBy: ['P1'] }],
}

const roundsDiffer: Scenario = {
  name: 'S-1732 newcomers and restarted members join an ensemble whose members count rounds differently',
  run: (options) => {
    const script = started(5, options, A, B, C, D)
    for (const [id, times] of [[A, 1], [B, 3], [A, 2]] as const) {
      for (let i = 0; i < times; i++) {
        script.crash(id)
        script.pass(10 * i)
        script.up(id)
        script.serve(id)
      }
    }
    script.up(E)
    script.pass(2_000)
    must(script.replica(E).serving, 'L3', 'E was never up and does not join')
    must(script.leader === D && script.replica(D).journal.meta.currentEpoch === 1, 'L4', 'the leader changed')
    convergeWith(script, [])
    return script
  },
  mutants: [],
}

const deadCandidate: Scenario = {
  name: 'S-569 a candidate that dies before it leads is not followed',
  run: (options) => {
    const script = started(5, options, A, B, C, D, E)
    // Its promise of an epoch does not come to disk: it is elected and cannot begin.
    script.hold(D)
    script.crash(E)
    passUntil(script, () => script.replica(D).role === 'leading', 'D is elected')
    assert.ok(script.leader !== D, 'and not established')
    script.crash(D)
    script.lead(C, 3_000)
    convergeWith(script, [])
    return script
  },
  mutants: [],
}

const lingeringVotes: Scenario = {
  name: 'S-131 votes for a dead leader, said a minute ago and heard for a minute more, are not followed',
  run: (options) => {
    const script = empty(5, options)
    const said = new Map<number, Message[]>()
    script.tap = (from, to, message) => {
      if (message.kind !== 'notify' || message.vote.leader !== E || from === E || to !== A) return [message]
      const old = said.get(from) ?? []
      const { state } = message
      const alike = old.filter((one) => one.kind === 'notify' && one.state === state)
      if (alike.length < 2) said.set(from, [...old, message])
      return [message]
    }
    script.up(A, B, C, D, E)
    script.lead(E)
    // Those that follow say so to who comes anew.
    script.crash(A)
    script.up(A)
    script.serve(A)
    assert.ok([...said.values()].flat().some((message) => message.kind === 'notify' && message.state === 'following'))
    script.connect(E, 1)
    script.write(E, 1, '/w1')
    script.crash(A, E)
    script.lead(D)
    script.pass(60_000)
    const untilMs = script.ms + 60_000
    script.tap = (from, to, message) => {
      const isHeard = message.kind === 'notify' && to === A && script.ms < untilMs
      return isHeard ? [...(said.get(from) ?? []), message, ...(said.get(from) ?? [])] : [message]
    }
    script.up(A)
    const upMs = script.ms
    script.serve(A)
    must(script.ms - upMs < 3_000, 'L3', 'A believes in who is dead')
    while (script.ms < untilMs) {
      script.pass(1_000)
      must(script.replica(A).serving && script.leader === D, 'L4', 'what was said before moves those who have a leader')
    }
    convergeWith(script, ['/w1'])
    return script
  },
  mutants: [],
}

const betterVote: Scenario = {
  name: 'S-3109 a voter hears a better vote when its candidate has decided: who leads nobody gives up early',
  run: (options) => {
    const script = empty(3, options)
    script.tap = (from, _to, message) => from === C ? [] : [message]
    script.up(A, C)
    passUntil(script, () => script.replica(C).deadline() <= script.ms + 20, 'C is about to say again that it looks')
    // A and B agree and wait for what C may have to say. A hears of it within that time, and B does not.
    script.up(B)
    passUntil(script, () => script.replica(A).election?.proposal.leader === B, 'A votes for B')
    script.tap = (_from, to, message) => to === B ? [] : [message]
    passUntil(script, () => script.replica(A).election?.proposal.leader === C, 'A votes for C')
    assert.equal(script.replica(B).role, 'looking')
    passUntil(script, () => script.replica(B).role === 'leading', 'B has decided for itself')
    const decidedMs = script.ms
    plain(script)
    passUntil(script, () => script.replica(B).role !== 'leading', 'B gives up')
    must(script.ms - decidedMs < 1_000, 'L1', 'B waits as long as for a quorum that is on its way')
    script.lead(C, 1_000)
    script.serve(A, B)
    must(script.replica(C).journal.meta.currentEpoch === 1, 'L4', 'it took more than one epoch')
    convergeWith(script, [])
    return script
  },
  mutants: [],
}

const epochUsedUp: Scenario = {
  name: 'S-1277 the counter of an epoch is used up, again and again: the next epoch goes on where it ended',
  run: (options) => {
    const script = started(3, { ...options, epochTxns: 10 }, A, B, C)
    const written: string[] = []
    for (let i = 0; written.length < 35; i++) {
      script.connect(script.leader, 10 + i)
      for (let of = 0; of < 12; of++) {
        const before = script.replies.length
        script.write(script.leader || C, 10 + i, `/n${i}-${of}`)
        if (script.replies.slice(before).some(({ code }) => code === 'Ok')) written.push(`/n${i}-${of}`)
      }
      must(script.replies.every(({ zxid }) => counterOf(zxid) <= 10), 'P3', 'a counter above its bound')
      passUntil(script, () => script.leader !== 0, 'somebody leads the next epoch')
    }
    assert.ok(script.replica(script.leader).journal.meta.currentEpoch > 3, 'several epochs')
    convergeWith(script, written)
    return script
  },
  mutants: [],
}

const skewedStart: Scenario = {
  name: 'S-1419 five servers that start within 30 s settle on one leader',
  run: (options) => {
    const script = empty(5, options)
    for (const [id, afterMs] of [[D, 0], [A, 7_000], [E, 4_000], [C, 13_000], [B, 6_000]] as const) {
      script.pass(afterMs)
      script.up(id)
    }
    script.serve(A, B, C, D, E)
    assert.equal(script.replica(script.leader).journal.meta.currentEpoch, 1, 'the first election is the last')
    convergeWith(script, [])
    return script
  },
  mutants: [],
}

/** The leader of a minute's time stays the one it is after ten seconds, and writes commit. */
function staysStable(script: Script, among: readonly number[]): void {
  script.pass(10_000)
  const { leader } = script
  must(among.includes(leader), 'L1', 'nobody of those who hear each other leads')
  const epoch = script.replica(leader).leader?.epoch
  script.connect(leader, 50)
  for (let i = 0; i < 60; i++) {
    script.pass(1_000)
    script.write(leader, 50, `/stable${i}`)
  }
  must(script.replica(leader).leader?.epoch === epoch, 'L4', 'the leader changed')
  must(script.replica(leader).tree.has('/stable59'), 'L2', 'writes do not commit')
}

function deaf(script: Script, id: number): void {
  script.tap = (_from, to, message) => to === id ? [] : [message]
}

const oneWay: Scenario = {
  name: 'S-asym-livelock one peer hears and is not heard, or is heard and hears not, for ever',
  run: (options) => {
    let script = started(3, options, A, B, C)
    for (const [shut, id] of [[mute, A], [deaf, A], [mute, C], [deaf, C]] as const) {
      script = started(3, options, A, B, C)
      shut(script, id)
      staysStable(script, [A, B, C].filter((one) => one !== id))
      // What it missed within its links cannot be made up: they begin anew.
      script.crash(id)
      convergeWith(script, ['/stable0', '/stable59'])
    }
    return script
  },
  mutants: [],
}

const longPartition: Scenario = {
  name: 'S-backoff ten minutes without a word, and a leader soon after',
  run: (options) => {
    const script = started(3, options, A, B, C)
    script.tap = () => []
    script.pass(600_000)
    must(script.leader === 0, 'P1', 'somebody leads alone')
    plain(script)
    const healedMs = script.ms
    script.lead(C, 3_000)
    assert.ok(script.ms - healedMs <= 3_000)
    script.crash(A, B, C)
    convergeWith(script, [])
    return script
  },
  mutants: [{ mutant: 'uncappedResend', seenBy: ['L1'] }],
}

const higherPromise: Scenario = {
  name: 'S-higher-accepted a voter that promised a later epoch than is led is back within the limit',
  run: (options) => {
    const script = started(3, options, A, B, C)
    script.crash(A)
    const { disk } = script.peer(A)
    disk.meta = { ...disk.meta!, acceptedEpoch: 9 }
    script.up(A)
    const upMs = script.ms
    script.serve(A)
    assert.ok(script.ms - upMs < 8_000, 'the limit of joining, and an election')
    assert.ok(script.replica(A).journal.meta.currentEpoch > 9, 'by a later epoch: the promise was kept')
    convergeWith(script, [])
    return script
  },
  mutants: [{ mutant: 'neverRaises', seenBy: ['L3'] }],
}

const observerPromised: Scenario = {
  name: 'S-observer-promise an observer that promised a later epoch to who is gone comes back all the same',
  run: (options) => {
    const observer = 4
    const script = started(3, { ...options, observers: 1 }, A, B, C)
    script.up(observer)
    script.serve(observer)
    script.connect(C, 1)
    script.write(C, 1, '/w1')
    script.crash(A)
    // C is a candidate twice, and only the observer ever hears of its epochs.
    script.tap = (from, to, message) => from === C && to === B && message.kind === 'leaderInfo' ? [] : [message]
    for (const epoch of [2, 3]) {
      script.crash(C)
      script.up(C)
      passUntil(script, () => script.peer(observer).disk.meta?.acceptedEpoch === epoch, `4 promises ${epoch}`)
    }
    script.crash(C)
    plain(script)
    script.up(A)
    script.lead(B)
    assert.equal(script.replica(B).journal.meta.currentEpoch, 2)
    script.serve(A, observer)
    convergeWith(script, ['/w1'])
    return script
  },
  mutants: [{ mutant: 'observersKeepPromises', seenBy: ['L3'] }],
}

const observerForgot: Scenario = {
  name: 'S-observer-forgot an observer that lost a promise follows a leader of an earlier epoch, and nothing is broken',
  run: (options) => {
    const observer = 4
    const script = started(3, { ...options, observers: 1 }, A, B, C)
    script.up(observer)
    script.serve(observer)
    script.connect(C, 1)
    script.write(C, 1, '/w1')
    for (const id of [A, observer]) {
      script.crash(id)
      const { disk } = script.peer(id)
      disk.meta = { ...disk.meta!, acceptedEpoch: 9 }
    }
    script.wipe(observer)
    script.up(observer)
    script.serve(observer)
    assert.equal(script.peer(observer).disk.meta?.currentEpoch, script.replica(C).journal.meta.currentEpoch)
    assert.ok(script.replica(C).journal.meta.currentEpoch < 9, 'while who holds the promise is away')
    convergeWith(script, ['/w1'])
    return script
  },
  mutants: [],
}

const stalledCandidate: Scenario = {
  name: 'S-stalled-candidate one whose disk stands still has the best tail: it is not elected again and again',
  run: (options) => {
    const script = started(3, options, A, B)
    script.up(C)
    script.serve(C)
    script.connect(B, 1)
    script.hold(C)
    script.write(B, 1, '/w1')
    script.crash(B)
    script.up(B)
    passUntil(script, () => script.replica(C).role === 'leading', 'C is elected: what it has not written counts')
    const electedMs = script.ms
    assert.ok(script.replica(C).journal.durableZxid < script.replica(C).journal.log.last)
    for (let i = 0; script.leader === 0 && i < 10_000; i++) script.pass(1)
    must(script.leader === B, 'L1', 'two whose disks are sound have no leader, as a third one stands still')
    assert.ok(script.ms - electedMs < 2_000, 'syncMs and an election')
    script.connect(B, 2)
    script.write(B, 2, '/w2')
    script.pass(20_000)
    must(script.leader === B, 'L4', 'who stands still moves those who have a leader')
    script.release(C)
    script.serve(C)
    // Its voice is back with its disk.
    script.crash(B)
    script.lead(C)
    convergeWith(script, ['/w1', '/w2'])
    return script
  },
  mutants: [{ mutant: 'stalledStands', seenBy: ['L1'] }],
}

const hungLeader: Scenario = {
  name: 'S-hung-leader a leader whose disk stands still gives way: what the others commit does not wait for it',
  run: (options) => {
    const script = started(3, options, A, B, C)
    script.connect(A, 1)
    script.connect(C, 2)
    script.hold(C)
    script.write(A, 1, '/w1')
    script.write(C, 2, '/w2')
    const heldMs = script.ms
    assert.ok(script.replica(B).tree.has('/w2') && !script.replica(C).tree.has('/w1'), 'both are committed without C')
    for (let i = 0; (script.leader === C || script.leader === 0) && i < 10_000; i++) script.pass(1)
    must(script.leader === B, 'L2', 'who is a client of one that stands still waits for as long as that')
    assert.ok(script.ms - heldMs < 2_000, 'syncMs and an election')
    assert.ok(!script.connected.has(2), 'it goes elsewhere')
    script.connect(B, 3)
    script.write(B, 3, '/w3')
    script.pass(20_000)
    must(script.leader === B, 'L4', 'who stands still moves those who have a leader')
    script.release(C)
    script.serve(C)
    must(script.leader === B, 'L4', 'who was slow takes the lead from one who leads')
    convergeWith(script, ['/w1', '/w2', '/w3'])
    return script
  },
  mutants: [{ mutant: 'hungLeads', seenBy: ['L2'] }],
}

const slowLeader: Scenario = {
  name: 'S-slow-leader a leader each of whose writes is too slow gives way once, though its tail is the longest',
  run: (options) => {
    const script = started(3, options, A, B, C)
    script.connect(C, 1)
    script.hold(C)
    script.write(C, 1, '/w1')
    // What is asked now is in the log of C alone, and written before the others hear each other.
    script.tap = (from, to, message) => (from === C && message.kind === 'proposal') ||
      (from !== C && to !== C && message.kind === 'notify') ? [] : [message]
    script.write(C, 1, '/w2')
    passUntil(script, () => script.leader !== C, 'C gives way')
    script.release(C)
    assert.ok(script.peer(C).disk.log.last > script.peer(B).disk.log.last, 'C has more than those who elect')
    script.hold(C)
    script.pass(100)
    plain(script)
    script.pass(1_000)
    must(script.leader === B, 'L1', 'C is elected again, while two whose disks are sound could lead')
    script.pass(20_000)
    must(script.leader === B, 'L4', 'C takes the lead from one who leads')
    convergeWith(script, ['/w1'])
    return script
  },
  mutants: [{ mutant: 'slowVotesItsTail', seenBy: ['L1'] }],
}

const unsettledByObserver: Scenario = {
  name: 'S-observer-looks a leader that a voter is about to join does not give up because an observer looks for one',
  run: (options) => {
    const script = empty(3, { ...options, observers: 1 })
    script.tap = (from, _to, message) => from === A && message.kind === 'followerInfo' ? [] : [message]
    script.up(A, C)
    passUntil(script, () => script.replica(C).role === 'leading', 'C leads')
    script.pass(500)
    script.up(D)
    script.pass(500)
    must((script.replica(C).leader?.uptimeMs ?? 0) > 900, 'L1', 'C gives up although A follows it')
    plain(script)
    convergeWith(script, [])
    return script
  },
  mutants: [{ mutant: 'observersUnsettle', seenBy: ['L1'] }],
}

const lateWord: Scenario = {
  name: 'S-late-looking what a follower said when it looked comes once more, and it follows still',
  run: (options) => {
    const script = empty(3, options)
    let early: Message | null = null
    script.tap = (from, to, message) => {
      if (from === A && to === C && message.kind === 'notify' && message.state === 'looking') early ??= message
      return [message]
    }
    script.up(A, C)
    script.lead(C)
    script.serve(A)
    const joins = countJoins(script, A)
    const { tap } = script
    let isSent = false
    script.tap = (from, to, message) => {
      const sent = tap(from, to, message)
      if (isSent || from !== A || to !== C || message.kind !== 'pong' || early === null) return sent
      isSent = true
      return [early, ...sent]
    }
    passUntil(script, () => isSent, 'A says again that it looks')
    script.pass(3_000)
    must(joins() === 0 && script.replica(A).serving && script.leader === C, 'L4', 'A had to begin anew')
    convergeWith(script, [])
    return script
  },
  mutants: [{ mutant: 'anyWordLeaves', seenBy: ['L4'] }],
}

const onItsWay: Scenario = {
  name: 'S-on-its-way a voter that is about to follow says once more that it looks: its leader waits for it',
  run: (options) => {
    const script = empty(5, options)
    let hasVoted = false
    script.tap = (from, to, message) => {
      if (from === A && to === E && message.kind === 'notify' && message.vote.leader === E) hasVoted = true
      return [message]
    }
    script.up(A, B, E)
    while (!hasVoted) assert.ok(script.deliver(), 'A votes for E')
    // E needs both, and A, which has not heard of the vote of B, stands still for longer than voters may look.
    script.pause(A)
    passUntil(script, () => script.replica(E).role === 'leading', 'E leads')
    script.pass(400)
    script.wake(A)
    script.pass(100)
    must((script.replica(E).leader?.uptimeMs ?? 0) > 400, 'L1', 'E gives up although A is on its way')
    script.lead(E, 100)
    convergeWith(script, [])
    return script
  },
  mutants: [{ mutant: 'unsettledByItsOwn', seenBy: ['L1'] }],
}

/** D.4, but for who stands (candidacies.ts). */
export const ELECTION: Section = [
  observersDoNotCount, roundsDiffer, deadCandidate, lingeringVotes, betterVote, epochUsedUp, skewedStart,
  oneWay, longPartition, higherPromise, observerPromised, observerForgot, stalledCandidate,
  hungLeader, slowLeader, unsettledByObserver, onItsWay, lateWord,
]
