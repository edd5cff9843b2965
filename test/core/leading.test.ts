import { assert, suite } from '../harness.ts'
import { EPOCH_LIMIT, epochOf, makeZxid, ZXID_ZERO } from '../../lib/core/zxid.ts'
import type { Message } from '../../lib/core/zab/messages.ts'
import { World, create, led, reasons } from './cluster.ts'

const test = suite('leading and following')

/** Replica 3 of three voters alone; what 1 and 2 say is up to the test. */
class Stage {
  readonly world = new World({ voters: 3 })

  constructor() {
    this.world.up(3)
    for (const peer of [1, 2]) this.world.input(3, { kind: 'linkUp', link: 100 + peer, peer })
  }

  says(peer: number, message: Message): void {
    this.world.input(3, { kind: 'receive', link: 100 + peer, message })
    this.world.settle()
  }

  votesFor3(peer: number): void {
    const { round } = this.world.sent(3, 'notify').at(-1)!
    const vote = { leader: 3, zxid: ZXID_ZERO, peerEpoch: 0 }
    this.says(peer, {
      kind: 'notify', state: 'looking', round, vote, health: 'empty', epoch: 0, joins: 0, isWide: true,
    })
  }

  joins(peer: number, acceptedEpoch = 0): void {
    this.says(peer, { kind: 'followerInfo', join: peer, role: 'voter', acceptedEpoch, health: 'ok' })
  }

  promises(peer: number, currentEpoch: number, lastZxid = ZXID_ZERO): void {
    const epoch = this.world.sent(3, 'leaderInfo').at(-1)!.epoch
    this.says(peer, {
      kind: 'ackEpoch', join: peer, epoch, currentEpoch, lastZxid, hash1: 0, hash2: 0, base: ZXID_ZERO,
    })
  }

  elected(): this {
    this.votesFor3(1)
    this.votesFor3(2)
    assert.is(this.world.replica(3).role, 'leading')
    return this
  }
}

test('the epoch exceeds every promise that was heard', () => {
  const stage = new Stage().elected()
  stage.joins(1, 41)
  assert.equal(stage.world.sent(3, 'leaderInfo').map(({ epoch }) => epoch), [42])
})

test('an ack that must not count does not: -1, and an observer\'s', () => {
  const stage = new Stage().elected()
  stage.joins(1)
  stage.promises(1, -1)
  assert.is(stage.world.replica(3).leader?.phase, 'discovery')
  stage.joins(2)
  stage.promises(2, 0)
  assert.is.not(stage.world.replica(3).leader?.phase, 'discovery')

  const world = new World({ voters: 3, observers: 2 })
  world.up(3, 4, 5)
  world.advance(10_000)
  assert.is(world.leader, undefined, 'a voter and two observers are no quorum')
})

test('a second promise for the same epoch says that it does not count', () => {
  const world = led({ voters: 3 })
  const { epoch } = world.leader!.leader!
  world.cut(1, 3)
  world.heal()
  world.advance(500)
  const acks = world.sent(1, 'ackEpoch').filter((ack) => ack.epoch === epoch)
  assert.equal(acks.map(({ currentEpoch }) => currentEpoch), [0, -1])
})

test('a leader that meets a voter with a later history before it is established resigns', () => {
  const stage = new Stage().elected()
  stage.joins(1)
  stage.promises(1, 0, makeZxid(0, 5))
  assert.match(reasons(stage.world, 3), 'voter 1 has a later history')
  assert.is(stage.world.replica(3).role, 'looking')
})

test('a later history that comes behind the promises of a quorum ends no synchronization, and is truncated', () => {
  const stage = new Stage().elected()
  stage.joins(1)
  stage.promises(1, 0)
  assert.is(stage.world.replica(3).leader?.phase, 'synchronization')
  stage.joins(2)
  stage.promises(2, 0, makeZxid(0, 5))
  assert.is(stage.world.replica(3).role, 'leading')
  assert.equal(stage.world.sent(3, 'trunc').map(({ toZxid }) => toZxid), [ZXID_ZERO])
})

test('an extra txn of a voter that comes after the epoch is established is truncated', () => {
  const world = led({ voters: 3 })
  world.connect(3, 1)
  for (const id of [1, 2]) world.node(id).held = true
  world.request(3, 1, 1, create('/extra'))
  const extra = world.replica(3).journal.log.last
  world.crash(1, 2, 3)
  for (const id of [1, 2]) world.node(id).held = false
  world.up(1, 2)
  world.advance(4_000)
  world.connect(2, 1)
  world.request(2, 1, 1, create('/kept'))
  world.up(3)
  world.advance(2_000)
  assert.equal(world.sent(2, 'trunc').map(({ toZxid }) => toZxid < extra), [true])
  assert.is(world.leader?.config.peerId, 2, 'the established leader stays')
  assert.ok(world.replica(3).tree.has('/kept') && !world.replica(3).tree.has('/extra'))
})

test('a voter that promised a later epoch is waited out, then the leader resigns for a later one', () => {
  const world = led({ voters: 3 })
  world.crash(1)
  const { disk } = world.node(1)
  disk.meta = { ...disk.meta!, acceptedEpoch: 30 }
  world.up(1)
  world.advance(1_000)
  assert.is(world.replica(3).role, 'leading')
  assert.is.not(world.replica(1).role, 'following')
  world.advance(9_000)
  assert.ok([1, 2, 3].some((peer) => reasons(world, peer).includes('promised a later epoch')))
  assert.ok(world.leader!.leader!.epoch > 30)
  for (const id of [1, 2, 3]) assert.ok(world.replica(id).serving, `peer ${id} serves`)
})

test('a leader whom no quorum joins gives up in time', () => {
  const stage = new Stage().elected()
  stage.world.advance(3_500)
  assert.match(reasons(stage.world, 3), 'no quorum joined in time')
})

test('a candidate whose disk stands still for syncMs gives way, and follows whom the others vote for', () => {
  const stage = new Stage()
  stage.world.node(3).held = true
  stage.elected().joins(1)
  const electedMs = stage.world.ms
  stage.world.advance(990)
  assert.is(stage.world.replica(3).role, 'leading')
  stage.world.advance(10)
  assert.is(stage.world.ms - electedMs, 1_000)
  assert.match(reasons(stage.world, 3), 'its own disk is too slow')
  const { round, vote } = stage.world.sent(3, 'notify').at(-1)!
  assert.is(vote.leader, -1, 'it proposes nobody')
  const theirs = { leader: 1, zxid: ZXID_ZERO, peerEpoch: 0 }
  for (const peer of [1, 2]) {
    stage.says(peer, {
      kind: 'notify', state: 'looking', round, vote: theirs, health: 'empty', epoch: 0, joins: 0, isWide: true,
    })
  }
  assert.is(stage.world.replica(3).learner?.leader, 1)
})

test('a candidate that gave way stands again once its disk has caught up, whomever it votes for by then', () => {
  const world = new World({ voters: 5 })
  world.up(5)
  for (const peer of [1, 2, 3, 4]) world.input(5, { kind: 'linkUp', link: 100 + peer, peer })
  const says = (peer: number, message: Message): void => {
    world.input(5, { kind: 'receive', link: 100 + peer, message })
    world.settle()
  }
  const votes = (peer: number, leader: number): void => says(peer, {
    kind: 'notify', state: 'looking', round: world.sent(5, 'notify').at(-1)!.round,
    vote: { leader, zxid: ZXID_ZERO, peerEpoch: 0 }, health: 'empty', epoch: 0, joins: 0, isWide: true,
  })
  world.node(5).held = true
  for (const peer of [1, 2, 3, 4]) votes(peer, 5)
  for (const peer of [1, 2]) {
    says(peer, { kind: 'followerInfo', join: peer, role: 'voter', acceptedEpoch: 0, health: 'ok' })
  }
  world.advance(1_000)
  assert.is(world.replica(5).role, 'looking')
  votes(4, 4)
  world.advance(500)
  assert.is(world.sent(5, 'notify').at(-1)!.vote.leader, 4)
  world.node(5).held = false
  world.settle()
  assert.is(world.sent(5, 'notify').at(-1)!.vote.leader, 5)
})

/** Each of their writes takes that long, for so long; what has waited meanwhile is written together. */
function slowly(world: World, writeMs: number, ms: number): void {
  for (const node of world.nodes.values()) node.held = true
  for (let passed = 0; passed < ms; passed += writeMs) {
    const under = [...world.nodes.values()].map((node) => [node.id, node.writes.length] as const)
    world.advance(writeMs)
    for (const [id, writes] of under) for (let i = 0; i < writes; i++) world.complete(id)
    world.settle()
  }
}

test('who alone can lead leads, though each of its writes takes longer than syncMs', () => {
  for (const voters of [1, 3]) {
    const world = new World({ voters })
    world.up(...world.nodes.keys())
    slowly(world, 1_200, 24_000)
    assert.match(reasons(world, voters), 'its own disk is too slow')
    assert.ok(world.leader !== undefined, `one of ${voters} is established`)
    assert.ok(world.leader.leader!.epoch <= 4, `in epoch ${world.leader.leader!.epoch}`)
  }
})

test('a leader in discovery gives up early when its voters look for another', () => {
  const stage = new Stage().elected()
  stage.world.advance(50 * 6)
  const { round } = stage.world.sent(3, 'notify').at(-1)!
  const vote = { leader: 2, zxid: ZXID_ZERO, peerEpoch: 0 }
  stage.says(1, {
    kind: 'notify', state: 'looking', round: round + 1, vote, health: 'ok', epoch: 0, joins: 0, isWide: true,
  })
  assert.match(reasons(stage.world, 3), 'voter 1 looks for another leader')
})

test('a leader that loses its quorum stops at once, with everything that was its role', () => {
  const world = led({ voters: 3 })
  world.connect(3, 1)
  world.isolate(3)
  const replica = world.replica(3)
  assert.is(replica.role, 'looking')
  assert.is(replica.serving, false)
  assert.is(replica.leader, null)
  assert.equal(world.effectsOf(3, 'closeConn').map(({ code }) => code), ['ConnectionLoss'])
})

test('a learner that falls silent is dropped; without a quorum the leader goes with it', () => {
  const world = led({ voters: 3 })
  world.crash(2)
  world.advance(100)
  assert.is(world.replica(3).role, 'leading')
  // Frozen: the link stands, nothing comes.
  world.node(1).replica = null
  world.advance(1_500)
  assert.match(reasons(world, 3), 'lost the quorum')
})

test('a leader that loses its quorum leads on while one speaks that is being brought up, and commits nothing', () => {
  const stage = new Stage().elected()
  const { world } = stage
  for (const peer of [1, 2]) {
    stage.joins(peer)
    stage.promises(peer, 0)
  }
  const { leader } = world.replica(3)
  stage.says(1, { kind: 'ack', join: 1, epoch: leader!.epoch, zxid: ZXID_ZERO, newLeader: true })
  assert.is(leader!.active, true)
  world.input(3, { kind: 'linkDown', link: 101 })
  world.settle()
  const { committed } = leader!
  for (let i = 0; i < 10; i++) {
    world.advance(200)
    stage.says(2, { kind: 'pong', join: 2, seq: 1, touches: [] })
  }
  assert.is(world.replica(3).leader, leader)
  assert.is(leader!.committed, committed)
  world.advance(900)
  assert.is(world.replica(3).leader, leader)
  world.advance(400)
  assert.match(reasons(world, 3), 'lost the quorum')
})

test('the counter of an epoch is used up: the leader resigns and a new epoch goes on', () => {
  const world = led({ voters: 3, epochTxns: 10 })
  const first = world.leader!.leader!.epoch
  for (let i = 0, conn = 0; i < 25; i++) {
    const peer = world.leader!.config.peerId
    world.connect(peer, ++conn, { timeoutMs: 40_000 })
    world.request(peer, conn, 1, create(`/n${i}`))
    world.advance(1_000)
    assert.ok(world.leader !== undefined, 'there is a leader again')
  }
  assert.match([1, 2, 3].map((peer) => reasons(world, peer)).join(), 'the zxid counter is used up')
  const { log } = world.leader!.journal
  assert.ok(epochOf(log.last) >= first + 2)
  const digests = [1, 2, 3].map((peer) => JSON.stringify(world.replica(peer).tree.digest()))
  assert.is(new Set(digests).size, 1)
})

test('a gap, a forged entry, a commit of what is not there and a foreign epoch end the association', () => {
  const entryAfter = (world: World): { zxid: ReturnType<typeof makeZxid>, prevZxid: ReturnType<typeof makeZxid> } => {
    const { last } = world.replica(1).journal.log
    return { zxid: makeZxid(epochOf(last), 1 + (last % 2 ** 32)), prevZxid: last }
  }
  const bytes = Uint8Array.of(1, 2, 3)
  const forged = (world: World): Message => ({
    kind: 'proposal', join: world.replica(1).learner!.join, epoch: world.replica(1).learner!.epoch,
    entries: [{ ...entryAfter(world), hash1: 7, hash2: 7, bytes }],
  })
  const gap = (world: World): Message => {
    const { zxid, prevZxid } = entryAfter(world)
    return {
      kind: 'proposal', join: world.replica(1).learner!.join, epoch: world.replica(1).learner!.epoch,
      entries: [{ zxid: makeZxid(epochOf(zxid), 2 + (prevZxid % 2 ** 32)), prevZxid: zxid, hash1: 0, hash2: 0, bytes }],
    }
  }
  const early = (world: World): Message => ({
    kind: 'commit', join: world.replica(1).learner!.join, epoch: world.replica(1).learner!.epoch,
    zxid: entryAfter(world).zxid,
  })
  const foreign = (world: World): Message => ({
    kind: 'commit', join: world.replica(1).learner!.join, epoch: world.replica(1).learner!.epoch + 1,
    zxid: world.replica(1).journal.log.last,
  })
  const cases: readonly (readonly [(world: World) => Message, string])[] = [
    [forged, 'does not continue this log'], [gap, 'a proposal with a gap'], [early, 'a commit out of place'],
    [foreign, 'a commit out of place'],
  ]
  for (const [message, reason] of cases) {
    const world = led({ voters: 3 })
    const { last } = world.replica(1).journal.log
    world.inject(3, 1, message(world))
    assert.match(reasons(world, 1), reason)
    assert.is(world.replica(1).journal.log.last, last, 'nothing of it was kept')
    world.advance(2_000)
    assert.ok(world.replica(1).serving, 'it is back')
  }
})

test('messages of another association are not heard', () => {
  const world = led({ voters: 3 })
  const { join, epoch } = world.replica(1).learner!
  world.inject(3, 1, { kind: 'commit', join: join - 1, epoch, zxid: makeZxid(epoch, 999) })
  world.inject(3, 1, { kind: 'refuse', join: join + 1, code: 'MembershipMismatch', reason: 'late' })
  world.inject(1, 3, { kind: 'ack', join: join - 1, epoch, zxid: makeZxid(epoch, 999), newLeader: false })
  assert.ok(world.replica(1).serving && world.replica(3).serving)
})

test('an ack of what was not sent ends the association', () => {
  const world = led({ voters: 3 })
  const { join, epoch } = world.replica(1).learner!
  world.inject(1, 3, { kind: 'ack', join, epoch, zxid: makeZxid(epoch, 999), newLeader: false })
  assert.ok(world.effectsOf(3, 'log').some(({ text }) => text.includes('an ack out of place')))
  assert.ok(world.replica(3).committed < makeZxid(epoch, 999))
})

test('a member that calls itself something else is refused for good', () => {
  const world = led({ voters: 3, observers: 1 })
  world.inject(4, 3, { kind: 'followerInfo', join: 77, role: 'voter', acceptedEpoch: 0, health: 'ok' })
  assert.equal(world.sent(3, 'refuse').map(({ join, code }) => [join, code]), [[77, 'MembershipMismatch']])
  world.inject(3, 1, {
    kind: 'refuse', join: world.replica(1).learner!.join, code: 'MembershipMismatch', reason: 'peer 1 is a king',
  })
  assert.equal(world.effectsOf(1, 'fatal').map(({ code }) => code), ['MembershipMismatch'])
})

test('a promise of the last epoch is damage, and is not raised to', () => {
  const world = led({ voters: 3 })
  const acceptedEpoch = EPOCH_LIMIT - 1
  world.inject(1, 3, { kind: 'followerInfo', join: 77, role: 'voter', acceptedEpoch, health: 'ok' })
  const refused = world.sent(3, 'refuse').map(({ code, reason }) => [code, reason])
  assert.equal(refused, [['StorageDamaged', 'the last epoch']])
  world.advance(5_000)
  assert.ok(world.leader !== undefined && world.leader.journal.meta.acceptedEpoch < acceptedEpoch)
})

test('told to truncate what it has applied, or sent a snapshot from before that, a peer stops', () => {
  const point = { hash1: 0, hash2: 0 }
  const cases = [
    [{ kind: 'trunc', toZxid: ZXID_ZERO, ...point }, 'told to truncate to 0, which this log cannot'],
    [{ kind: 'snap', zxid: ZXID_ZERO, ...point }, 'the leader sent a snapshot older than what is committed here'],
  ] as const
  for (const [message, reason] of cases) {
    const world = led({ voters: 3 })
    // It has promised an epoch to 2 and cannot write that: it is not synchronized before the test says so.
    world.node(1).held = true
    world.crash(3)
    world.advance(500)
    const { join, stage } = world.replica(1).learner!
    assert.is(stage, 'promised')
    world.inject(2, 1, { ...message, join })
    assert.equal(world.effectsOf(1, 'fatal').map((fatal) => [fatal.code, fatal.reason]), [['StorageDamaged', reason]])
    assert.ok(world.replica(1).stopped)
  }
})

test('a newcomer finds the established leader although rounds and zxids differ', () => {
  const world = led({ voters: 3 })
  world.connect(3, 1)
  world.crash(1)
  for (let i = 0; i < 5; i++) world.request(3, 1, i + 1, create(`/n${i}`))
  world.up(1)
  world.advance(300)
  assert.ok(world.replica(1).serving)
  assert.match(reasons(world, 1), 'an established leader was found')
  assert.is(world.effectsOf(3, 'role').filter(({ role }) => role === 'looking').length, 1, 'nobody was disturbed')
})

test('sync is answered by a quorum: a leader that stands alone answers none', () => {
  const world = led({ voters: 3 })
  world.connect(3, 1)
  world.request(3, 1, 1, { op: 9, path: '/' })
  assert.is(world.effectsOf(3, 'reply').length, 1)
  // Frozen followers: the leader has not noticed yet.
  world.node(1).replica = null
  world.node(2).replica = null
  world.input(3, { kind: 'request', conn: 1, xid: 2, request: { op: 9, path: '/' } })
  world.settle()
  assert.is(world.effectsOf(3, 'reply').length, 1)
  const { leader } = world.replica(3)
  assert.is(leader?.pendingSyncs, 1)
  const uptimeMs = leader!.uptimeMs
  world.advance(1)
  assert.is(leader!.uptimeMs - uptimeMs, 1)
  world.advance(1_999)
  assert.is(world.effectsOf(3, 'reply').length, 1)
  assert.equal(world.effectsOf(3, 'closeConn').map(({ code }) => code), ['ConnectionLoss'])
})

test('sync waits for writes that are proposed: one whose answer was lost has happened by then, or never will', () => {
  const world = led({ voters: 3 })
  world.connect(3, 1)
  world.connect(3, 2)
  const answers = (): number => world.effectsOf(3, 'reply').length
  for (const id of [1, 2]) world.node(id).held = true
  world.request(3, 1, 1, create('/late'))
  world.request(3, 2, 1, { op: 9, path: '/' })
  assert.is(answers(), 0, 'a quorum knows the leader, and not what it proposed')
  world.node(1).held = false
  world.settle()
  assert.is(answers(), 2)
  assert.ok(world.replica(3).tree.has('/late'))
})

function write(world: World, from: number, count: number): void {
  for (let i = 0; i < count; i++) world.request(3, 1, from + i, create(`/w${from + i}`))
}

test('a learner whose disk stands still is sent no more than its window, and nobody waits for it', () => {
  const world = led({ voters: 3, limits: { linkWindowBytes: 2_000 } })
  world.connect(3, 1)
  world.node(1).held = true
  write(world, 1, 300)
  assert.is(world.effectsOf(3, 'reply').length, 300, 'two of three are a quorum')
  const sent = world.sent(1, 'ack').length
  const behind = world.replica(3).leader!.learners.get(1)!
  assert.ok(behind.unackedBytes >= 2_000 && behind.unackedBytes < 2_500, `${behind.unackedBytes} bytes`)
  assert.ok(behind.cursor < world.replica(3).journal.log.last)
  world.node(1).held = false
  world.settle()
  assert.ok(world.sent(1, 'ack').length > sent)
  assert.is(behind.unackedBytes, 0)
  assert.equal(world.replica(1).tree.digest(), world.replica(3).tree.digest())
})

test('a learner that holds too much of the log in memory is dropped, and comes back by a snapshot', () => {
  const limits = {
    linkWindowBytes: 2_000, linkQueueBytes: 20_000, snapshotTxns: 50, retainedTxns: 5, retainedBytes: 500,
  }
  const world = led({ voters: 3, limits })
  world.connect(3, 1)
  world.node(1).held = true
  write(world, 1, 600)
  assert.ok(world.effectsOf(3, 'log').some(({ text }) => text.includes('too far behind')))
  assert.ok(world.replica(3).journal.log.bytes < 25_000, `${world.replica(3).journal.log.bytes} bytes`)
  world.node(1).held = false
  world.advance(3_000)
  assert.ok(world.sent(3, 'snap').length >= 1)
  assert.equal(world.replica(1).tree.digest(), world.replica(3).tree.digest())
})

test('pieces of a synchronization are acknowledged once they are on disk', () => {
  const world = led({ voters: 3, limits: { snapshotTxns: 20, retainedTxns: 5, syncChunkBytes: 200 } })
  world.connect(3, 1)
  world.crash(1)
  write(world, 1, 200)
  world.node(1).held = true
  world.up(1)
  world.advance(200)
  while (world.sent(3, 'snap').length === 0) {
    assert.ok(world.complete(1), 'the promise is on its way to disk')
    world.settle()
  }
  assert.is(world.sent(3, 'snapChunk').length, 4)
  assert.is(world.sent(1, 'syncAck').length, 0)
  world.node(1).held = false
  world.advance(1_000)
  assert.ok(world.replica(1).serving)
})

test.run()
