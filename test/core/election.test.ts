import { assert, suite } from '../harness.ts'
import { makeZxid } from '../../lib/core/zxid.ts'
import { makeRandom } from '../../lib/core/random.ts'
import type { ZabContext } from '../../lib/core/zab/context.ts'
import { beats, Election, NO_VOTE } from '../../lib/core/zab/election.ts'
import type { Health, Notification, Role, Vote } from '../../lib/core/zab/messages.ts'
import { DEFAULT_TIMING } from '../../lib/peer/options.ts'

const test = suite('election')

const FINALIZE_MS = DEFAULT_TIMING.finalizeMs

const counts = (_: number, health: Health): boolean => health === 'ok'

function voteFor(leader: number, epoch = 1, counter = 1): Vote {
  return { leader, zxid: makeZxid(epoch, counter), peerEpoch: epoch }
}

/** One peer that looks for a leader among `voters`; what it says is kept, time and links are the test's. */
class Booth {
  nowMs = 1_000
  readonly sent: { readonly peer: number, readonly message: Notification }[] = []
  readonly linked: Set<number>
  readonly election: Election
  readonly #context: ZabContext

  constructor(peerId: number, voters: readonly number[], own: Vote = voteFor(peerId), round = 1) {
    this.linked = new Set(voters)
    const now = (): number => this.nowMs
    this.#context = {
      config: { peerId, timing: DEFAULT_TIMING },
      configs: [{ voters }], voters, isVoter: true, random: makeRandom(1),
      get now() { return { ms: now(), wallMs: now() } },
      founding: { health: 'ok', heard: () => undefined, counts, votes: counts },
      journal: { meta: { currentEpoch: 1 } },
      reach: { isWide: true }, isLinked: (peer: number) => this.linked.has(peer),
      send: (peer: number, message: Notification) => void this.sent.push({ peer, message }),
    } as unknown as ZabContext
    this.election = new Election(this.#context, round, own)
  }

  hears(from: number, vote: Vote, options: { round?: number, state?: Role, health?: Health } = {}): void {
    const { round = this.election.round, state = 'looking', health = 'ok' } = options
    this.election.notified(from, { kind: 'notify', state, round, vote, health, epoch: 0, joins: 0, isWide: true })
  }

  passes(ms: number): void {
    this.nowMs += ms
    this.election.tick()
  }

  /** What it says next, to whom. */
  drain(): { readonly peer: number, readonly message: Notification }[] {
    return this.sent.splice(0)
  }

  get decided(): number | null {
    return this.election.decision?.vote.leader ?? null
  }
}

test('votes are compared by epoch, then zxid, then id', () => {
  const longer = { leader: 9, zxid: makeZxid(3, 9), peerEpoch: 1 }
  assert.ok(beats(voteFor(1, 2, 1), longer), 'a higher epoch beats a longer log')
  assert.ok(beats(voteFor(1, 2, 5), voteFor(9, 2, 4)))
  assert.ok(beats(voteFor(2), voteFor(1)))
  assert.not(beats(voteFor(1), voteFor(1)))
  assert.ok(beats(voteFor(1, 0, 0), NO_VOTE))
})

test('a lone voter decides at once', () => {
  assert.is(new Booth(1, [1]).decided, 1)
})

test('a better vote is taken over and told, a worse one is corrected', () => {
  const booth = new Booth(2, [1, 2, 3])
  assert.equal(booth.drain().map(({ peer }) => peer), [1, 3])
  booth.hears(1, voteFor(1))
  assert.equal(booth.drain().map(({ peer, message }) => [peer, message.vote.leader]), [[1, 2]])
  booth.hears(3, voteFor(3))
  assert.equal(booth.drain().map(({ peer, message }) => [peer, message.vote.leader]), [[1, 3], [3, 3]])
})

test('a quorum waits for better votes, unless all who are reachable agree', () => {
  const booth = new Booth(2, [1, 2, 3])
  booth.hears(1, voteFor(2))
  assert.is(booth.decided, null)
  booth.passes(FINALIZE_MS - 1)
  assert.is(booth.decided, null)
  booth.passes(1)
  assert.is(booth.decided, 2)

  const alone = new Booth(2, [1, 2, 3])
  alone.linked.delete(3)
  alone.hears(1, voteFor(2))
  assert.is(alone.decided, 2, 'nobody else could still say anything')
})

test('a better vote within the wait ends the wait', () => {
  const booth = new Booth(2, [1, 2, 3])
  booth.hears(1, voteFor(2))
  booth.passes(FINALIZE_MS - 1)
  booth.hears(3, voteFor(3))
  booth.passes(FINALIZE_MS - 1)
  assert.is(booth.decided, null, 'the wait begins anew')
  booth.passes(1)
  assert.is(booth.decided, 3)
  const other = new Booth(2, [1, 2, 3, 4, 5])
  other.hears(1, voteFor(2))
  other.hears(3, voteFor(2))
  other.passes(FINALIZE_MS - 1)
  other.hears(4, voteFor(4))
  other.passes(FINALIZE_MS * 4)
  assert.is(other.decided, null, 'no quorum for 4 yet')
})

test('a newer round is joined with the own vote or the better one; an older one is answered and not counted', () => {
  const booth = new Booth(2, [1, 2, 3])
  booth.hears(3, voteFor(3))
  booth.hears(1, voteFor(1), { round: 7 })
  assert.is(booth.election.round, 7)
  assert.is(booth.election.proposal.leader, 2, 'what was heard in the old round is forgotten')
  booth.drain()
  booth.hears(3, voteFor(2), { round: 6 })
  assert.equal(booth.drain().map(({ peer, message }) => [peer, message.round]), [[3, 7]])
  booth.passes(FINALIZE_MS * 2)
  assert.is(booth.decided, null, 'a vote of an old round is none')
})

test('an established leader is followed when a quorum names it and it says so itself', () => {
  const booth = new Booth(2, [1, 2, 3], voteFor(2, 1, 9))
  booth.hears(1, voteFor(3, 5, 1), { state: 'following', round: 40 })
  assert.is(booth.decided, null, 'one follower is no quorum')
  booth.hears(3, voteFor(3, 5, 2), { state: 'leading', round: 41 })
  assert.is(booth.decided, 3)
  assert.is(booth.election.round, 41)
})

test('a leader that is dead is not followed, whoever names it', () => {
  const booth = new Booth(2, [1, 2, 3, 4, 5])
  for (const peer of [1, 3, 4]) booth.hears(peer, voteFor(5, 5, 1), { state: 'following', round: 40 })
  assert.is(booth.decided, null)
  booth.hears(5, voteFor(5, 5, 1), { state: 'leading', round: 40 })
  assert.is(booth.decided, 5)
})

test('followers that name the leader of another epoch do not count for it', () => {
  const booth = new Booth(2, [1, 2, 3, 4, 5])
  booth.hears(1, voteFor(5, 4, 1), { state: 'following', round: 40 })
  booth.hears(3, voteFor(5, 4, 1), { state: 'following', round: 40 })
  booth.hears(5, voteFor(5, 5, 1), { state: 'leading', round: 41 })
  assert.is(booth.decided, null)
})

test('observers, strangers and votes for them are not heard', () => {
  const booth = new Booth(2, [1, 2, 3])
  booth.drain()
  booth.hears(9, voteFor(2))
  booth.hears(9, voteFor(9, 100))
  booth.hears(1, voteFor(9, 100))
  assert.is(booth.election.proposal.leader, 2)
  booth.passes(FINALIZE_MS)
  assert.is(booth.decided, null)
})

test('a voter whose storage is not trusted is neither counted nor answered: it hears what all hear', () => {
  const booth = new Booth(2, [1, 2, 3])
  booth.drain()
  booth.hears(1, voteFor(2), { health: 'meta' })
  booth.hears(3, voteFor(3), { health: 'empty', round: 50 })
  assert.equal(booth.drain(), [], 'two who do not count each other would answer each other for ever')
  assert.is(booth.election.round, 1)
  booth.passes(DEFAULT_TIMING.resendMs * 1.25 + 1)
  assert.equal(booth.drain().map(({ peer, message }) => [peer, message.vote.leader]), [[1, 2], [3, 2]])
  assert.is(booth.decided, null)
})

test('who cannot be elected takes whatever round is spoken and keeps quiet', () => {
  const booth = new Booth(2, [1, 2, 3], NO_VOTE, 20)
  booth.drain()
  booth.hears(1, voteFor(3), { round: 5 })
  assert.is(booth.election.round, 5)
  assert.equal(booth.drain(), [], 'an answer would be answered again, for ever')
  booth.hears(3, voteFor(3), { round: 5 })
  booth.passes(FINALIZE_MS)
  assert.is(booth.decided, 3)
})

test('silence is broken again and again, ever more slowly, and a new proposal begins anew', () => {
  const booth = new Booth(2, [1, 2, 3])
  booth.drain()
  const pauses: number[] = []
  for (let i = 0, last = booth.nowMs; i < 8; i++) {
    while (booth.sent.length === 0) booth.passes(1)
    pauses.push(booth.nowMs - last)
    last = booth.nowMs
    assert.is(booth.drain().length, 2)
  }
  assert.ok(pauses[0]! < pauses[2]! && pauses[2]! < pauses[4]!, pauses.join())
  assert.ok(Math.max(...pauses) <= DEFAULT_TIMING.resendMaxMs * 1.25 + 1, pauses.join())
  booth.hears(3, voteFor(3))
  booth.drain()
  const from = booth.nowMs
  while (booth.sent.length === 0 && booth.decided === null) booth.passes(1)
  assert.ok(booth.nowMs - from <= DEFAULT_TIMING.resendMs)
})

test('a winner whose link is gone is not followed: a new round with the own vote', () => {
  const booth = new Booth(2, [1, 2, 3])
  booth.hears(3, voteFor(3))
  booth.linked.delete(3)
  booth.hears(1, voteFor(3))
  booth.passes(FINALIZE_MS)
  assert.is(booth.decided, null)
  // Others that are linked with it may be about to decide.
  assert.is(booth.election.round, 1)
  booth.passes(10 * FINALIZE_MS)
  assert.is(booth.decided, null)
  assert.is(booth.election.round, 2)
  assert.is(booth.election.proposal.leader, 2)
})

test('a link that comes up hears the proposal, one that goes need not be waited for', () => {
  const booth = new Booth(2, [1, 2, 3])
  booth.drain()
  booth.election.linkUp(1)
  assert.equal(booth.drain().map(({ peer }) => peer), [1])
  booth.hears(1, voteFor(2))
  assert.is(booth.decided, null)
  booth.linked.delete(3)
  booth.election.linkDown()
  assert.is(booth.decided, 2)
})

test('an established leader that was found is not given up for the vote that was about to win', () => {
  const booth = new Booth(2, [1, 2, 3, 4, 5])
  for (const peer of [1, 3]) booth.hears(peer, voteFor(2))
  for (const peer of [1, 3]) booth.hears(peer, voteFor(5, 5, 1), { state: 'following', round: 40 })
  booth.hears(5, voteFor(5, 5, 1), { state: 'leading', round: 40 })
  assert.is(booth.decided, 5)
  booth.passes(FINALIZE_MS)
  assert.is(booth.decided, 5, 'it may not be acted on yet')
})

test('who may be elected from now on says so, and what it has heard counts', () => {
  const booth = new Booth(2, [1, 2, 3], NO_VOTE)
  booth.linked.delete(3)
  booth.drain()
  booth.hears(1, voteFor(2))
  assert.is(booth.election.proposal.leader, -1, 'a vote for it from before is none it may take over')
  assert.is(booth.decided, null)
  booth.election.stands(voteFor(2))
  assert.equal(booth.drain().map(({ peer, message }) => [peer, message.vote.leader]), [[1, 2], [3, 2]])
  assert.is(booth.election.round, 1)
  assert.is(booth.decided, 2)
})

test('who may not be elected any more takes back its word for itself, and keeps one for another', () => {
  const booth = new Booth(2, [1, 2, 3])
  booth.drain()
  booth.election.stands(NO_VOTE)
  assert.equal(booth.drain().map(({ peer, message }) => [peer, message.vote.leader]), [[1, -1], [3, -1]])
  booth.hears(1, voteFor(2))
  booth.passes(FINALIZE_MS)
  assert.is(booth.decided, null)
  assert.is(booth.election.proposal.leader, -1)

  const other = new Booth(2, [1, 2, 3])
  other.hears(3, voteFor(3))
  other.election.stands(NO_VOTE)
  assert.is(other.election.proposal.leader, 3)
})

test.run()
