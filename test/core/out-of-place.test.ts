/** What no peer says that keeps to the protocol, and what a learner or a leader does about it: the association ends. */
import { assert, suite } from '../harness.ts'
import { Tree } from '../../lib/core/tree/tree.ts'
import { ZXID_ZERO, makeZxid } from '../../lib/core/zxid.ts'
import type { Zxid } from '../../lib/core/zxid.ts'
import type { LeaderMessage, Message } from '../../lib/core/zab/messages.ts'
import type { Meta } from '../../lib/ports/storage.ts'
import { World, led, reasons } from './cluster.ts'

const test = suite('messages out of place')

/** A message without its association. */
type Said = LeaderMessage extends infer M ? M extends LeaderMessage ? Omit<M, 'join'> : never : never

/** Voter 1 of three alone follows 3, which is up to the test. */
class Stage {
  readonly world = new World({ voters: 3 })

  /** `meta`: what its disk has of promises. */
  constructor(meta: Meta | null = null) {
    this.world.node(1).disk.meta = meta
    this.world.up(1)
    for (const peer of [2, 3]) this.world.input(1, { kind: 'linkUp', link: 100 + peer, peer })
    const vote = { leader: 3, zxid: ZXID_ZERO, peerEpoch: 0 }
    for (const peer of [2, 3]) {
      const { round } = this.world.sent(1, 'notify').at(-1)!
      this.hears(peer, {
        kind: 'notify', state: 'looking', round, vote, health: 'empty', epoch: 0, joins: 0, isWide: true,
      })
    }
    this.world.advance(100)
    assert.is(this.world.replica(1).learner?.leader, 3)
  }

  hears(peer: number, message: Message): void {
    this.world.input(1, { kind: 'receive', link: 100 + peer, message })
    this.world.settle()
  }

  says(...said: readonly Said[]): this {
    for (const one of said) {
      const { learner } = this.world.replica(1)
      assert.ok(learner !== null, `it follows until ${one.kind}`)
      this.hears(3, { ...one, join: learner.join } as LeaderMessage)
    }
    return this
  }

  get reasons(): string { return reasons(this.world, 1) }
}

const POINT = { hash1: 0, hash2: 0 }
const EMPTY = new Uint8Array(0)
const PROMISE: Said = { kind: 'leaderInfo', epoch: 1 }
const DIFF: Said = { kind: 'diff', fromZxid: ZXID_ZERO }
const SNAP: Said = { kind: 'snap', zxid: makeZxid(1, 5), ...POINT }
const NEW_LEADER: Said = { kind: 'newLeader', epoch: 1 }

function chunk(index: number, bytes: Uint8Array, last = false): Said {
  return { kind: 'snapChunk', index, bytes, last }
}

function proposal(epoch: number, zxid: Zxid = makeZxid(1, 1), prevZxid: Zxid = ZXID_ZERO): Said {
  return { kind: 'proposal', epoch, entries: [{ zxid, prevZxid, ...POINT, bytes: Uint8Array.of(1) }] }
}

/** What is said, the last of it out of place, and why the learner goes. */
type Case = readonly [said: readonly Said[], reason: string]

function endsEach(...cases: readonly Case[]): void {
  for (const [said, reason] of cases) {
    const stage = new Stage()
    stage.says(...said.slice(0, -1))
    assert.is(stage.world.replica(1).role, 'following', 'up to there all was right')
    stage.says(said.at(-1)!)
    assert.match(stage.reasons, reason)
    assert.is(stage.world.replica(1).role, 'looking')
    assert.is(stage.world.replica(1).journal.log.last, ZXID_ZERO, 'nothing of it was kept')
    assert.is(stage.world.replica(1).stopped, false)
  }
}

test('a learner leaves who proposes an epoch below what it has promised, or proposes one twice', () => {
  endsEach([[PROMISE, PROMISE], 'epoch 1 is below the promised 1'])
  const meta = led({ voters: 3 }).node(1).disk.meta!
  const stage = new Stage({ ...meta, acceptedEpoch: 9, currentEpoch: 0, ensembleId: '' })
  stage.says({ kind: 'leaderInfo', epoch: 8 })
  assert.match(stage.reasons, 'epoch 8 is below the promised 9')
  assert.is(stage.world.replica(1).journal.meta.acceptedEpoch, 9)
})

test('a learner leaves who synchronizes it before it has promised, or twice', () => {
  for (const start of [DIFF, SNAP, { kind: 'trunc', toZxid: ZXID_ZERO, ...POINT } as const]) {
    endsEach([[start], 'a synchronization out of place'], [[PROMISE, DIFF, start], 'a synchronization out of place'])
  }
})

test('a learner leaves who sends the difference to another log than it has', () => {
  endsEach([[PROMISE, { kind: 'diff', fromZxid: makeZxid(1, 1) }], 'a diff from elsewhere'])
})

test('a learner leaves who sends pieces of a snapshot that do not fit together, or say nothing', () => {
  endsEach(
    [[PROMISE, DIFF, chunk(0, EMPTY)], 'a snapshot chunk out of place'],
    [[PROMISE, SNAP, chunk(1, EMPTY)], 'a snapshot chunk out of place'],
    [[PROMISE, SNAP, chunk(0, Uint8Array.of(0xff, 0xff))], 'a snapshot chunk that cannot be read'],
    [[PROMISE, SNAP, chunk(0, EMPTY, true)], 'a snapshot chunk that cannot be read'],
  )
})

test('a learner leaves who sends the snapshot of another zxid than it has announced', () => {
  const { codec } = new World({ voters: 1 }).config(1)
  const rows = Tree.empty().freeze().next(1_000_000, 1_000_000)
  assert.ok(rows !== null)
  const said: readonly Said[] = [PROMISE, SNAP, chunk(0, codec.encodeRows(rows)), chunk(1, EMPTY, true)]
  endsEach([said, 'a snapshot of another zxid than announced'])
})

test('a learner leaves who sends proposals before it synchronizes, within a snapshot, or of another epoch', () => {
  for (const start of [[], [PROMISE], [PROMISE, SNAP]]) {
    endsEach([[...start, proposal(start.length === 0 ? 0 : 1)], 'a proposal out of place'])
  }
  endsEach([[PROMISE, DIFF, proposal(2)], 'a proposal out of place'])
})

test('a learner leaves who sends a proposal with a gap, or one that does not continue its log', () => {
  endsEach(
    [[PROMISE, DIFF, proposal(1, makeZxid(1, 2), makeZxid(1, 1))], 'a proposal with a gap'],
    [[PROMISE, DIFF, proposal(1)], 'a proposal that does not continue this log'],
  )
})

test('a learner leaves who says NEWLEADER too early, twice, within a snapshot, or of another epoch', () => {
  for (const said of [[NEW_LEADER], [PROMISE, NEW_LEADER], [PROMISE, SNAP, NEW_LEADER],
    [PROMISE, DIFF, NEW_LEADER, NEW_LEADER], [PROMISE, DIFF, { kind: 'newLeader', epoch: 2 } as const]]) {
    endsEach([said, 'NEWLEADER out of place'])
  }
})

test('a learner leaves who commits what is not there, before it has its log, or in another epoch', () => {
  const commit = (epoch: number, zxid: Zxid): Said => ({ kind: 'commit', epoch, zxid })
  endsEach(
    [[PROMISE, DIFF, commit(1, ZXID_ZERO)], 'a commit out of place'],
    [[PROMISE, DIFF, NEW_LEADER, commit(1, makeZxid(1, 1))], 'a commit out of place'],
    [[PROMISE, DIFF, NEW_LEADER, commit(2, ZXID_ZERO)], 'a commit out of place'],
    [[PROMISE, DIFF, { kind: 'upToDate', epoch: 1, commit: ZXID_ZERO, through: ZXID_ZERO }], 'a commit out of place'],
  )
})

test('a learner waits initMs for a leader that is busy until it serves, and syncMs behind that', () => {
  const stage = new Stage().says(PROMISE, DIFF, NEW_LEADER)
  const acks = stage.world.sent(1, 'ack')
  assert.equal(acks.map(({ newLeader }) => newLeader), [true])
  const { initMs, syncMs } = stage.world.config(1).timing
  stage.world.advance(initMs - 1)
  assert.is(stage.world.replica(1).role, 'following', 'it may be applying all of its history')
  stage.says({ kind: 'upToDate', epoch: 1, commit: ZXID_ZERO, through: ZXID_ZERO })
  stage.world.advance(syncMs - 1)
  assert.is(stage.world.replica(1).role, 'following')
  stage.world.advance(1)
  assert.match(stage.reasons, 'the leader is silent')
})

test('a leader drops who promises an epoch that it does not propose, or twice', () => {
  const world = led({ voters: 3 })
  const { epoch } = world.leader!.leader!
  for (const [peer, promised] of [[1, epoch + 1], [2, epoch]] as const) {
    const { join } = world.replica(peer).learner!
    world.inject(peer, 3, {
      kind: 'ackEpoch', join, epoch: promised, currentEpoch: 0, lastZxid: ZXID_ZERO, ...POINT, base: ZXID_ZERO,
    })
    const texts = world.effectsOf(3, 'log').map(({ text }) => text)
    assert.ok(texts.includes(`peer ${peer} is dropped: an epoch ack out of place`), `peer ${peer}`)
    world.advance(1_000)
    assert.ok(world.replica(peer).serving, `peer ${peer} is back`)
  }
})

test('who was elected as a founder and hears of a history before it has chosen an epoch resigns', () => {
  const world = new World({ voters: 3 })
  world.up(3)
  const says = (peer: number, message: Message): void => {
    world.input(3, { kind: 'receive', link: 100 + peer, message })
    world.settle()
  }
  world.input(3, { kind: 'linkUp', link: 101, peer: 1 })
  const own = { leader: 3, zxid: ZXID_ZERO, peerEpoch: 0 }
  const { round } = world.sent(3, 'notify').at(-1)!
  says(1, { kind: 'notify', state: 'looking', round, vote: own, health: 'ok', epoch: 0, joins: 0, isWide: true })
  assert.is(world.replica(3).role, 'leading')
  world.input(3, { kind: 'linkUp', link: 102, peer: 2 })
  const vote = { leader: 2, zxid: makeZxid(3, 1), peerEpoch: 3 }
  says(2, { kind: 'notify', state: 'following', round: 99, vote, health: 'ok', epoch: 3, joins: 0, isWide: true })
  says(1, { kind: 'followerInfo', join: 1, role: 'voter', acceptedEpoch: 1, health: 'ok' })
  assert.match(reasons(world, 3), 'resigned: its own storage does not count')
  assert.is(world.replica(3).journal.meta.acceptedEpoch, 0, 'it has promised nothing')
})

test.run()
