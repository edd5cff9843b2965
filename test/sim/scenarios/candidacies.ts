/** D.4 of the correctness plan: who stands for the lead, who waits for whom, and who finds its leader again. */
import { strict as assert } from 'node:assert'
import type { Message } from '../../../lib/core/zab/messages.ts'
import type { Script } from '../../../lib/testing/sim/script.ts'
import { readGraph } from '../graphs/graph.ts'
import { SlowLinks } from '../graphs/slow-links.ts'
import { runTrial } from '../graphs/trial.ts'
import type { Variant } from '../graphs/trial.ts'
import {
  A, B, C, D, E, TINY, convergeWith, countJoins, empty, holdAtSnapshot, loseWrites, must, mute, passUntil, plain,
  started,
} from './scenario.ts'
import type { RunOptions, Scenario, Section } from './scenario.ts'

/** A quorum that hears each other has this leader before anybody has waited in vain for `initMs`. */
function leadsSoon(script: Script, id: number, what: string): void {
  const fromMs = script.ms
  while (script.leader !== id && script.ms < fromMs + 1_000) script.pass(1)
  must(script.leader === id, 'L1', what)
}

const keepsItsLink: Scenario = {
  name: 'S-leaves-with-its-link a voter that hears that its candidate looks again has its link to it still',
  run: (options) => {
    const script = empty(5, options)
    // E would win and is linked with A and D; all vote for it, and it hears of A.
    mute(script, D)
    script.cut(B, E)
    script.cut(C, E)
    script.up(A, D, E)
    script.pass(10)
    script.up(B, C)
    passUntil(script, () => script.replica(A).learner?.leader === E, 'A follows E')
    assert.equal(script.replica(E).role, 'looking')
    // B and C begin another round, as they cannot follow E. E hears of that when it is linked with B, A by E.
    const { round } = script.replica(E).election!
    passUntil(script, () => (script.replica(B).election?.round ?? 0) > round, 'B looks again')
    script.mend(B, E)
    const words = '1 looking epoch 0: the leader does not lead'
    const hasLeft = (): boolean => script.log.some((line) => line.endsWith(words))
    while (!hasLeft() && script.deliver());
    assert.ok(hasLeft(), 'A leaves E')
    must(script.replica(A).isLinked(E), 'L1', 'A leaves E with its link')
    script.lead(E, 1_000)
    convergeWith(script, [])
    return script
  },
  mutants: [{ mutant: 'leavesWithItsLink', seenBy: ['L1'] }],
}

const standsAlone: Scenario = {
  name: 'S-stands-alone one who is linked with one voter of five has the best vote: those who are a quorum do not wait',
  run: (options) => {
    // From the start, E linked with C: that one follows it, and A and B need it.
    elects(options, '12,13,23,35', 'plain', 30)
    const script = started(5, options, A, B, C, D, E)
    script.connect(E, 1)
    script.write(E, 1, '/w1')
    script.crash(D)
    script.cut(B, E)
    script.cut(C, E)
    leadsSoon(script, C, 'A, B and C vote for E, which B and C cannot follow, and A waits for it')
    script.pass(20_000)
    must(script.leader === C, 'L4', 'who is linked with A alone moves those who have a leader')
    // Its voice is back with its links.
    script.heal()
    script.serve(E)
    script.crash(C)
    script.lead(E, 1_000)
    convergeWith(script, ['/w1'])
    return script
  },
  mutants: [{ mutant: 'standsAlone', seenBy: ['L1'] }],
}

const losesItsLinks: Scenario = {
  name: 'S-loses-its-links a candidate loses its quorum of links while it looks: who has chosen it is told',
  run: (options) => {
    let script = empty(5, options)
    for (const isAskedLater of [false, true]) {
      script = empty(5, options)
      let asked: Message | null = null
      // All vote for E, and it hears of none.
      script.tap = (from, to, message) => {
        if (from === A && message.kind === 'followerInfo') asked = message
        return to === E && (message.kind === 'notify' || isAskedLater) ? [] : [message]
      }
      script.up(A, B, C, E)
      passUntil(script, () => asked !== null, 'A follows E')
      assert.equal(script.replica(E).role, 'looking')
      script.cut(B, E)
      script.cut(C, E)
      plain(script)
      const link = script.replica(E).links.current.get(A)
      assert.ok(asked !== null && link !== undefined)
      if (isAskedLater) script.input(E, { kind: 'receive', link, message: asked })
      leadsSoon(script, C, 'A waits for E, which cannot lead any more')
      convergeWith(script, [])
    }
    return script
  },
  mutants: [{ mutant: 'keepsItsVoice', seenBy: ['L1'] }],
}

const votesForAnother: Scenario = {
  name: 'S-votes-for-another a candidate that others follow already hears a better vote: they do not wait for it',
  run: (options) => {
    const script = empty(5, options)
    script.cut(A, D)
    script.cut(B, D)
    // A, B and C agree, and C does not hear of it. E is a link and no vote.
    script.tap = (from, to, message) => from === E || (to === C && message.kind === 'notify') ? [] : [message]
    script.up(A, B, C, E)
    passUntil(script, () => [A, B].every((id) => script.replica(id).learner?.leader === C), 'A and B follow C')
    assert.equal(script.replica(C).role, 'looking')
    mute(script, E)
    script.up(D)
    passUntil(script, () => script.replica(C).election?.proposal.leader === D, 'C votes for D')
    script.mend(A, D)
    script.mend(B, D)
    leadsSoon(script, D, 'A and B wait for C, which votes for D')
    convergeWith(script, [])
    return script
  },
  mutants: [{ mutant: 'waitsForWhoVotes', seenBy: ['L1'] }],
}

const lateVote: Scenario = {
  name: 'S-late-vote what a leader said in the round of its election, before it stood, comes once more: it is followed',
  run: (options) => {
    const script = empty(5, options)
    let early: Message | null = null
    script.tap = (from, to, message) => {
      if (from === C && to === A && message.kind === 'notify' && message.vote.leader === A) early ??= message
      return from === D || (from === B && early === null) ? [] : [message]
    }
    // C is linked with A alone. A is linked with B and D too, and stands; it does not hear that B votes for it.
    script.cut(B, C)
    script.cut(C, D)
    script.up(A, B, C, D)
    passUntil(script, () => early !== null, 'C votes for A')
    script.mend(B, C)
    script.lead(C)
    script.serve(A, B)
    const joins = countJoins(script, A)
    const { tap } = script
    let isSent = false
    script.tap = (from, to, message) => {
      const sent = tap(from, to, message)
      if (isSent || from !== C || to !== A || message.kind !== 'ping' || early === null) return sent
      isSent = true
      return [early, ...sent]
    }
    passUntil(script, () => isSent, 'C says again that it votes for A')
    script.pass(3_000)
    must(joins() === 0 && script.replica(A).serving && script.leader === C, 'L4', 'A had to begin anew')
    convergeWith(script, [])
    return script
  },
  mutants: [{ mutant: 'anyVoteLeaves', seenBy: ['L4'] }],
}

const halfTold: Scenario = {
  name: 'S-half-told who is turned down goes on with that round: another each time would take votes from the best',
  run: (options) => {
    // B has what A and C do not; C stands, A follows it, and B asks it too.
    const script = started(3, { ...options, initMs: 10_000 }, A, B)
    script.up(C)
    script.serve(A, B, C)
    script.connect(B, 1)
    loseWrites(script, B, 1, '/w1')
    script.crash(B)
    script.heal()
    let asked: Message | null = null
    const links = new SlowLinks(script, (from, to, message) => {
      if (from === B && message.kind === 'followerInfo' && asked === null) asked = message
      const isLost = (from === A && to === C && message.kind !== 'notify') || message === asked
      // C votes for itself, and A at once for it, before C hears of B.
      return { lagMs: from === B || to === B ? 3 : 1, isLost }
    })
    const stands = (): boolean => script.replica(A).learner?.leader === C && script.replica(C).leader !== null
    assert.ok(links.passUntil(script.ms + 2_000, stands))
    script.up(B)
    assert.ok(links.passUntil(script.ms + 100, () => asked !== null))
    // B does not hear that its link to A is gone, and waits for what A votes.
    script.halfOpen(A, B)
    script.input(C, { kind: 'receive', link: script.replica(C).links.current.get(B)!, message: asked! })
    const hasLed = links.passUntil(script.ms + 1_000, () => script.leader === B)
    must(hasLed, 'L1', 'A takes the vote of C away from B, again and again')
    links.passUntil(script.ms + 1_000)
    convergeWith(script, ['/w1'])
    return script
  },
  mutants: [{ mutant: 'turnsRound', seenBy: ['L1'] }],
}

/** So many, as what goes wrong in them does so by the moments of a few messages. */
const STARTS = 4

/** Starts of `test/sim/graphs` that are known to need a rule. */
function elects(options: RunOptions, links: string, variant: Variant, latencyMs: number, starts = 1): Script {
  let last = empty(5, options)
  for (let start = 0; start < starts; start++) {
    const trial = { graph: readGraph(5, links), variant, latencyMs, start, lossPermille: 0, isOneWay: false }
    const { failure, script } = runTrial(trial, options)
    must(failure === null, 'L1', failure ?? '')
    last = script
  }
  return last
}

const turnedDown: Scenario = {
  name: 'S-turned-down who is turned down looks again while the better one waits for a voter that does not count',
  // A, D and E are fully linked. B, which lost its log in some of them, is linked with all but C, and C with A and D.
  run: (options) => elects(options, '12,13,14,15,24,25,34,45', 'damaged', 5, STARTS),
  mutants: [],
}

const narrowLink: Scenario = {
  name: 'S-narrow-link two sites are linked by one voter of each: the one of the smaller site does not stand',
  run: (options) => elects(options, '12,13,14,23,45', 'ahead', 30),
  mutants: [{ mutant: 'standsOnNarrow', seenBy: ['L1'] }],
}

const patientRound: Scenario = {
  name: 'S-patient-round who is not linked with the best voter leaves it to those that are for a while',
  run: (options) => {
    elects(options, '12,13,14,15,34,35', 'cut', 5)
    const script = empty(5, options)
    script.cut(A, E)
    // B, C and D are about to follow E, which has not heard of their votes yet.
    script.tap = (_from, to, message) => to === E && message.kind === 'notify' ? [] : [message]
    script.up(A, B, C, D, E)
    passUntil(script, () => script.replica(A).election?.proposal.leader === E, 'A votes for E')
    const { round } = script.replica(A).election!
    script.pass(2 * script.replica(A).config.timing.finalizeMs)
    must(script.replica(A).election?.round === round, 'L1', 'A takes the votes away that E needs')
    plain(script)
    script.lead(E, 1_000)
    convergeWith(script, [])
    return script
  },
  mutants: [{ mutant: 'retriesAtOnce', seenBy: ['L1'] }],
}

const damagedLinks: Scenario = {
  name: 'S-damaged-link a link to a voter that lost its log makes no quorum of links',
  run: (options) => elects(options, '12,13,15,23,24,35,45', 'damaged', 5),
  mutants: [{ mutant: 'standsOnDamaged', seenBy: ['L1'] }],
}

const linkedWithOne: Scenario = {
  name: 'S-linked-with-one a voter of three that is linked with its leader alone joins it: all may wait for just that',
  run: (options) => {
    const script = started(3, { ...options, limits: TINY }, A, B, C)
    script.connect(C, 1)
    script.crash(A)
    for (let i = 0; i < 30; i++) script.write(C, 1, `/n${i}`)
    script.crash(B, C)
    // A needs a long snapshot, so it names the epoch that C was elected from until it serves.
    holdAtSnapshot(script, A)
    script.up(A, B, C)
    script.serve(B, C)
    assert.equal(script.replica(A).learner?.stage, 'syncing')
    script.connect(C, 2)
    for (const away of [[], [A]]) {
      for (const id of [...away, C]) script.cut(id, B)
      script.pass(1)
      script.mend(B, C)
      const before = script.replies.length
      script.write(C, 2, `/while-${away.length}`)
      script.pass(1_000)
      must(script.replies.slice(before).some(({ code }) => code === 'Ok'), 'L2', 'B waits until A has been brought up')
      assert.equal(script.replica(A).learner?.stage, 'syncing')
    }
    convergeWith(script, ['/n29', '/while-0', '/while-1'])
    return script
  },
  mutants: [{ mutant: 'namesWithoutItself', seenBy: ['L2'] }],
}

const twoComeUp: Scenario = {
  name: 'S-two-come-up two voters of five are brought up, and both of the others lose their leader: they find it again',
  run: (options) => {
    const script = started(5, { ...options, limits: TINY }, A, B, C, D, E)
    script.connect(E, 1)
    script.crash(A, B)
    for (let i = 0; i < 30; i++) script.write(E, 1, `/n${i}`)
    script.crash(C, D, E)
    holdAtSnapshot(script, A, B)
    script.up(A, B, C, D, E)
    script.serve(C, D, E)
    script.connect(E, 2)
    for (const id of [C, D]) script.cut(id, E)
    script.pass(1)
    for (const id of [C, D]) script.mend(id, E)
    script.write(E, 2, '/w1')
    script.pass(1_000)
    for (const id of [A, B]) assert.equal(script.replica(id).learner?.stage, 'syncing')
    must(script.replies.some(({ conn, code }) => conn === 2 && code === 'Ok'), 'L2', 'C and D look until A or B serves')
    convergeWith(script, ['/n29', '/w1'])
    return script
  },
  mutants: [{ mutant: 'namedOnceServing', seenBy: ['L2'] }],
}

const heldOff: Scenario = {
  name: 'S-held-off voters that hold off have decided, and the better one is back: they do not follow another one',
  run: (options) => {
    const script = started(4, { ...options, epochTxns: 10 }, A, B, C, D)
    // The epoch of D is used up, and it is gone before it says that it votes for itself.
    script.tap = (from, _to, message) => from === D && message.kind === 'notify' ? [] : [message]
    script.connect(D, 1)
    for (let i = 0; script.leader === D && i < 20; i++) script.write(D, 1, `/n${i}`)
    script.crash(D)
    plain(script)
    script.settle()
    const decided = (id: number): number | undefined => script.replica(id).election?.decision?.vote.leader
    for (const id of [A, B, C]) assert.equal(decided(id), C, 'and may not act on it yet')
    script.up(D)
    script.settle()
    assert.equal(script.replica(D).role, 'leading')
    // B is free to follow at once.
    script.crash(B)
    script.up(B)
    leadsSoon(script, D, 'A and C go on with what they had decided before, and D has B alone')
    script.serve(A, B, C)
    convergeWith(script, ['/n0'])
    return script
  },
  mutants: [{ mutant: 'keepsItsDecision', seenBy: ['L1'] }],
}

/** The rest of D.4. */
export const CANDIDACIES: Section = [
  keepsItsLink, standsAlone, losesItsLinks, votesForAnother, lateVote, halfTold, turnedDown, narrowLink,
  patientRound, damagedLinks, linkedWithOne, twoComeUp, heldOff,
]
