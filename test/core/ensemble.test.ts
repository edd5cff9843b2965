import { initialMeta } from '../../lib/core/identity.ts'
import { FoundingRule } from '../../lib/core/zab/founding.ts'
import { Learner } from '../../lib/core/zab/learner.ts'
import { assert, suite } from '../harness.ts'
import { OPEN_ACL } from '../../lib/core/tree/request.ts'
import type { Request } from '../../lib/core/tree/request.ts'
import { World, led } from './cluster.ts'

const test = suite('ensemble of replicas')

const create = (path: string, flags = 0): Request =>
  ({ op: 1, path, data: Uint8Array.of(1), acl: OPEN_ACL, flags, ttlMs: -1 })

test('a single voter leads, writes and recovers', () => {
  const world = led({ voters: 1 })
  world.connect(1, 1)
  assert.is(world.effectsOf(1, 'connected').length, 1)
  world.request(1, 1, 1, create('/a'))
  assert.equal(world.effectsOf(1, 'reply').map(({ outcome }) => outcome.code), ['Ok'])
  world.crash(1)
  world.up(1)
  world.advance(1_000)
  assert.ok(world.replica(1).tree.has('/a'))
  assert.is(world.replica(1).journal.meta.currentEpoch, 2)
})

test('three voters elect the highest id and replicate', () => {
  const world = led({ voters: 3 })
  assert.is(world.leader?.config.peerId, 3)
  world.connect(1, 1)
  world.connect(3, 1)
  world.request(1, 1, 1, create('/from-follower'))
  world.request(3, 1, 1, create('/from-leader', 1))
  for (const id of [1, 2, 3]) {
    assert.ok(world.replica(id).tree.has('/from-follower'), `peer ${id}`)
    assert.ok(world.replica(id).tree.has('/from-leader'), `peer ${id}`)
    assert.equal(world.replica(id).tree.digest(), world.replica(3).tree.digest())
    assert.is(world.replica(id).ensembleId, world.replica(3).ensembleId)
  }
})

test('the leader crashes: the others go on, it comes back and truncates what nobody else had', () => {
  const world = led({ voters: 3 })
  world.connect(3, 1)
  world.isolate(3)
  world.input(3, { kind: 'request', conn: 1, xid: 1, request: create('/lost') })
  world.settle()
  world.advance(3_000)
  const leader = world.leader?.config.peerId
  assert.is(leader, 2)
  world.connect(1, 1)
  world.request(1, 1, 1, create('/kept'))
  world.heal()
  world.advance(3_000)
  for (const id of [1, 2, 3]) {
    assert.ok(world.replica(id).tree.has('/kept'), `peer ${id} has /kept`)
    assert.is(world.replica(id).tree.has('/lost'), false, `peer ${id} has /lost`)
    assert.equal(world.replica(id).tree.digest(), world.replica(2).tree.digest())
  }
})

test('an observer follows and forwards', () => {
  const world = led({ voters: 3, observers: 1 })
  world.connect(4, 1)
  world.request(4, 1, 1, create('/o'))
  world.request(4, 1, 2, { op: 9, path: '/' })
  world.request(4, 1, 3, { op: 4, path: '/o', watch: false })
  assert.equal(world.effectsOf(4, 'reply').map(({ outcome }) => outcome.code), ['Ok', 'Ok', 'Ok'])
  assert.is(world.replica(4).role, 'observing')
})

test('a peer that was away is sent a snapshot when the log is too short', () => {
  const world = led({ voters: 3, limits: { snapshotTxns: 20, retainedTxns: 5, syncChunkBytes: 200 } })
  world.connect(3, 1)
  world.crash(1)
  for (let i = 0; i < 100; i++) world.request(3, 1, i + 1, create(`/n${i}`))
  world.up(1)
  world.advance(2_000)
  assert.equal(world.replica(1).tree.digest(), world.replica(3).tree.digest())
  assert.ok(world.sent(3, 'snap').length === 1)
  assert.ok(world.node(3).disk.entries.length < 60, 'the log is purged')
  world.crash(1, 2, 3)
  world.up(1, 2, 3)
  world.advance(2_000)
  assert.ok(world.replica(1).tree.has('/n99'))
})

test('snapshots of a large tree are paid for by as many bytes, or by a third of its nodes', () => {
  const world = new World({ voters: 1, limits: { snapshotTxns: 10, snapshotBytes: 1_000 } })
  world.up(1)
  world.advance(1_000)
  world.connect(1, 1)
  const { disk } = world.node(1)
  let xid = 0
  /** Writes until a snapshot was taken. */
  const writes = (request: (i: number) => Request): number => {
    const id = disk.base?.id
    for (let i = 1; i < 5_000; i++) {
      world.request(1, 1, ++xid, request(i))
      if (disk.base?.id !== id) return i
    }
    return Infinity
  }
  for (let i = 0; i < 3_000; i++) world.request(1, 1, ++xid, create(`/n${i}`))
  writes(() => ({ op: 5, path: '/n1', data: new Uint8Array(1_000), version: -1 }))
  const large = writes(() => ({ op: 5, path: '/n1', data: new Uint8Array(1_000), version: -1 }))
  assert.ok(large > 150 && large < 250, `${large} writes of 1 kB match 3,000 nodes`)
  const small = writes((i) => ({ op: 2, path: `/none${i}`, version: -1 }))
  assert.ok(small > 900 && small < 1_200, `${small} small ones`)
})

test('what a snapshot is due for counts on when roles change, and one that a change ended is taken anew', () => {
  const world = led({ voters: 3, limits: { snapshotTxns: 40, syncChunkBytes: 200 } })
  const restless = world.node(1)
  let count = 0
  const write = (times: number): void => {
    const { peerId } = world.leader!.config
    world.connect(peerId, ++count)
    for (let i = 0; i < times; i++) world.request(peerId, count, i + 1, create(`/n${count}-${i}`))
  }
  const changeRole = (): void => {
    world.isolate(1)
    world.advance(2_000)
    world.heal()
    world.advance(2_000)
    assert.ok(world.replica(1).serving)
  }
  for (let i = 0; i < 3; i++) {
    assert.is(restless.disk.base, null)
    write(15)
    changeRole()
  }
  assert.ok(restless.disk.base !== null, 'three times 15 txns are more than 40')
  const { zxid } = restless.disk.base
  write(20)
  restless.held = true
  write(15)
  while (!restless.writes.some(({ batch }) => batch.chunks !== undefined)) {
    assert.ok(world.complete(1), 'the next one is being taken')
    world.settle()
  }
  world.isolate(1)
  restless.held = false
  world.advance(2_000)
  assert.is(restless.disk.base.zxid, zxid)
  world.heal()
  world.advance(2_000)
  assert.ok(restless.disk.base.zxid > zxid, 'it is taken anew without another write')
  world.crash(1)
  world.up(1)
  world.advance(2_000)
  assert.equal(world.replica(1).tree.digest(), world.leader!.tree.digest())
})

test('sessions expire, close and move', () => {
  const world = led({ voters: 3 })
  world.connect(1, 1, { timeoutMs: 1_000 })
  const { session, password } = world.effectsOf(1, 'connected')[0]!
  world.request(1, 1, 1, create('/e', 1))
  world.advance(5_000)
  assert.ok(world.replica(2).tree.has('/e'), 'a session of a living process lives')
  world.connect(2, 7, { session, password })
  assert.is(world.effectsOf(2, 'connected').length, 1)
  world.request(1, 1, 2, create('/moved'))
  assert.equal(world.effectsOf(1, 'closeConn').map(({ code }) => code), ['SessionMoved'])
  world.input(2, { kind: 'disconnect', conn: 7 })
  world.advance(3_000)
  assert.is(world.replica(2).tree.has('/e'), false, 'nobody is left: it expired')
  world.connect(2, 8)
  world.request(2, 8, 1, create('/f', 1))
  world.request(2, 8, 2, { op: -11 })
  assert.is(world.replica(1).tree.has('/f'), false)
  assert.equal(world.effectsOf(2, 'closeConn').map(({ code }) => code), ['Closed'])
})

test('a wiped voter does not vote until it was rebuilt', () => {
  const world = led({ voters: 3, bootstrap: false })
  world.connect(3, 1)
  world.request(3, 1, 1, create('/w'))
  world.crash(2)
  world.wipe(1)
  world.up(1)
  world.advance(6_000)
  assert.is(world.leader, undefined, 'a wiped and a whole voter are no quorum')
  world.up(2)
  world.advance(6_000)
  assert.ok(world.leader !== undefined)
  assert.ok(world.replica(1).tree.has('/w'))
  assert.is(world.replica(1).health, 'ok')
})

test('voters that come late to a founded ensemble are let in, however many there are', () => {
  const world = new World({ voters: 5 })
  world.up(3, 4, 5)
  world.advance(2_000)
  world.crash(3, 4, 5)
  world.up(3, 4, 5)
  world.advance(2_000)
  assert.ok(world.leader !== undefined)
  world.up(1)
  world.advance(2_000)
  assert.is(world.replica(1).serving, false, 'it may be a wiped one that promised itself to peer 2')
  assert.match(world.sent(world.leader!.config.peerId, 'refuse').at(-1)!.reason, 'now for 2')
  world.up(2)
  world.advance(2_000)
  for (const id of [1, 2, 3, 4, 5]) assert.ok(world.replica(id).serving, `peer ${id} serves`)
})

test('two wiped voters of five come back together', () => {
  const world = led({ voters: 5, bootstrap: false })
  world.connect(5, 1)
  world.request(5, 1, 1, create('/w'))
  world.wipe(1)
  world.wipe(2)
  world.up(1, 2)
  world.advance(2_000)
  for (const id of [1, 2]) assert.ok(world.replica(id).serving && world.replica(id).tree.has('/w'), `peer ${id}`)
})

test('a wiped voter waits until all others have shown that they follow still', () => {
  const world = led({ voters: 3, bootstrap: false })
  world.wipe(1)
  world.up(1)
  // From here on this test speaks for it.
  world.node(1).replica = null
  const joins = (join: number): void => {
    world.inject(1, 3, { kind: 'followerInfo', join, role: 'voter', acceptedEpoch: 0, health: 'empty' })
    world.settle()
  }
  const asked = (join: number): boolean => world.sent(3, 'leaderInfo').some((info) => info.join === join)
  // Frozen: its link stands, but it could be a candidate by now.
  const frozen = world.node(2).replica
  world.node(2).replica = null
  joins(7)
  joins(8)
  assert.is(world.replica(3).role, 'leading')
  assert.is(asked(7) || asked(8), false)
  world.node(2).replica = frozen
  joins(9)
  assert.is(asked(9), false, 'what was asked before it froze is not answered yet')
  world.advance(300)
  joins(10)
  assert.is(asked(10), true)
})

test('empty voters found an ensemble only when all are there', () => {
  const world = new World({ voters: 3, bootstrap: false })
  world.up(1, 2)
  world.advance(5_000)
  assert.is(world.leader, undefined)
  world.up(3)
  world.advance(2_000)
  assert.ok(world.leader !== undefined)
})

test('a voter that crashed between a snapshot and what is known of it knows its ensemble still', () => {
  const world = led({ voters: 3 })
  const { config, tree, journal: { meta } } = world.replica(3)
  const recovered = { meta: { ...meta, ensembleId: '' }, damage: 'none', entries: [], tree } as const
  assert.is(initialMeta(config, recovered).ensembleId, tree.ensembleId)
  assert.is(tree.ensembleId, meta.ensembleId)
})

test('who lost its log before the first epoch, not its promises, does not block the founding', () => {
  for (const health of ['log', 'meta'] as const) {
    const rule = new FoundingRule(1, [1, 2, 3], false, () => ({ health: 'ok', currentEpoch: 0 }))
    rule.heard(2, 'new', 0)
    assert.is(rule.counts(2, 'new'), false)
    rule.heard(3, health, 0)
    assert.equal([rule.counts(2, 'new'), rule.counts(3, health)], [health === 'log', false])
    rule.heard(3, health, 4)
    assert.is(rule.counts(3, health), false)
  }
})

test('an observer that has marked an epoch follows no leader of one before', () => {
  const world = new World({ voters: 3, observers: 1 })
  world.up(...world.nodes.keys())
  world.advance(2_000)
  const observer = world.replica(4)
  const { journal: { meta: { currentEpoch } }, committed } = observer
  assert.ok(observer.serving && currentEpoch > 0)
  const learner = new Learner(observer, {} as never, 3, 77, committed)
  learner.received({ kind: 'leaderInfo', join: 77, epoch: currentEpoch - 1 })
  assert.ok(learner.abandoned !== null)
})

test('a voter that has decided while it may not ask yet, and loses its link, asks when it is back', () => {
  const world = led({ voters: 3 })
  const { join } = world.replica(1).learner!
  world.inject(3, 1, { kind: 'refuse', join, code: 'ConnectionLoss', reason: 'not now' })
  world.settle()
  assert.is(world.replica(1).election?.decision?.vote.leader, 3, 'it has decided, and holds off')
  world.cut(1, 3)
  world.advance(500)
  world.heal()
  world.advance(500)
  assert.ok(world.replica(1).serving)
})

test('a voter that has decided while it may not ask yet, and loses its link, votes for itself in a new round', () => {
  const world = led({ voters: 3 })
  const { join } = world.replica(1).learner!
  world.inject(3, 1, { kind: 'refuse', join, code: 'ConnectionLoss', reason: 'not now' })
  world.settle()
  world.crash(3)
  world.settle()
  const { decision, round } = world.replica(1).election!
  assert.is(decision?.vote.leader, 2, 'it has decided, and holds off')
  world.cut(1, 2)
  assert.ok(world.replica(1).election!.round > round, 'within a round a vote only gets better')
})

test.run()
