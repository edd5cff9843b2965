/** How much a leader does in one turn: counted, as nothing leaves it before the turn ends. */
import { OUTSTANDING_WORK, TURN_WORK, requestWork, txnWork } from '../../lib/core/session/work.ts'
import { OPEN_ACL } from '../../lib/core/tree/request.ts'
import type { MultiOp, Request, WriteRequest } from '../../lib/core/tree/request.ts'
import { NO_SESSION } from '../../lib/core/tree/stat.ts'
import { assert, suite } from '../harness.ts'
import { create, led } from './cluster.ts'
import type { World } from './cluster.ts'

const test = suite('intake')

const OPERATIONS = 1_000
const CHECK: MultiOp = { op: 13, path: '/', version: -1 }

/** As much work as any multi of so many operations. */
function multi(path: string): Request {
  return { op: 14, ops: [create(path), ...Array.from({ length: OPERATIONS - 1 }, () => CHECK)] }
}

/** All that a client of the leader asks for in one turn. */
function ask(world: World, requests: readonly Request[]): void {
  const leader = world.leader!
  world.connect(leader.config.peerId, 1)
  for (const [at, request] of requests.entries()) {
    leader.step(world.now, { kind: 'request', conn: 1, xid: at + 1, request })
  }
}

test('many multis at once are prepared in turns that end, and no more than can be applied at once', () => {
  const world = led({ voters: 3 })
  const leader = world.leader!
  const id = leader.config.peerId
  ask(world, Array.from({ length: 100 }, (_, at) => multi(`/m${at}`)))
  for (const peer of [1, 2, 3]) world.node(peer).held = true
  const perTurn = Math.ceil(TURN_WORK / (OPERATIONS + 1))
  const most = Math.ceil(OUTSTANDING_WORK / (OPERATIONS + 1))
  for (let turn = 1, isFull = false; !isFull; turn++) {
    assert.ok(leader.deadline() <= world.ms || turn === 1, 'the next turn comes at once')
    const frames = world.sent(id, 'proposal').length
    world.input(id, { kind: 'tick' })
    assert.is(leader.leader!.outstanding, Math.min(most, turn * perTurn))
    assert.ok(world.sent(id, 'proposal').length > frames, 'what a turn prepared leaves when it ends')
    isFull = leader.leader!.outstanding === most
  }
  assert.ok(leader.deadline() > world.ms, 'what must wait for its txns does not ask for turns')
  for (const peer of [1, 2, 3]) world.node(peer).held = false
  world.advance(100)
  assert.is(world.effectsOf(id, 'reply').filter(({ outcome }) => outcome.code === 'Ok').length, 100)
  assert.is(leader.leader!.outstanding, 0)
  assert.is(leader.route.intake!.waiting, 0)
})

test('one that is more than a turn is done in one, and what is behind it in the next', () => {
  const world = led({ voters: 1 })
  const leader = world.leader!
  const acl = Array.from({ length: TURN_WORK },
    (_, at) => ({ perms: 31, scheme: 'ip', id: `10.0.${at >> 8}.${at & 255}` }))
  ask(world, [{ ...create('/listed'), acl }, create('/next')])
  world.node(1).held = true
  world.input(1, { kind: 'tick' })
  assert.is(leader.leader!.outstanding, 1)
  assert.ok(leader.deadline() <= world.ms)
  world.input(1, { kind: 'tick' })
  assert.is(leader.leader!.outstanding, 2)
})

test('ordinary writes are one each, whatever their number in a turn of the host', () => {
  const world = led({ voters: 1 })
  ask(world, Array.from({ length: TURN_WORK }, (_, at) => create(`/n${at}`)))
  world.node(1).held = true
  world.input(1, { kind: 'tick' })
  assert.is(world.leader!.leader!.outstanding, TURN_WORK)
})

/** So many sessions of a leader's clients, each with as many ephemerals as there are operations. */
function owners(world: World, sessions: number): void {
  const id = world.leader!.config.peerId
  for (let conn = 1; conn <= sessions; conn++) {
    world.connect(id, conn, { timeoutMs: 600 })
    const ops = Array.from({ length: OPERATIONS }, (_, at) => create(`/${conn}-${at}`, 1))
    world.request(id, conn, 1, { op: 14, ops })
  }
}

const CLOSED_PER_TURN = Math.ceil(TURN_WORK / (OPERATIONS + 1))

test('sessions that own much expire a few in a turn, one after the other', () => {
  const world = led({ voters: 1 })
  const leader = world.leader!
  owners(world, 20)
  for (let conn = 1; conn <= 20; conn++) world.input(1, { kind: 'disconnect', conn })
  const { sessions } = leader.route.intake!
  world.ms = Math.max(...sessions.expiries().map(({ atMs }) => atMs))
  world.input(1, { kind: 'tick' })
  world.settle()
  world.ms = Math.max(world.ms, leader.deadline())
  const lefts: number[] = []
  for (let turn = 0; turn < 12; turn++) {
    world.input(1, { kind: 'tick' })
    world.settle()
    if (sessions.size < (lefts.at(-1) ?? 20)) lefts.push(sessions.size)
    if (leader.deadline() > world.ms) world.ms = leader.deadline()
  }
  assert.equal(lefts, [20 - CLOSED_PER_TURN, 20 - 2 * CLOSED_PER_TURN, 0])
  assert.is(leader.tree.sessions.size, 0)
  assert.is(leader.tree.nodeCount, led({ voters: 1 }).leader!.tree.nodeCount)
})

test('no more of what sessions owned is outstanding than can be applied at once', () => {
  const world = led({ voters: 1 })
  const leader = world.leader!
  const most = Math.ceil(OUTSTANDING_WORK / (OPERATIONS + 1))
  owners(world, most + CLOSED_PER_TURN)
  for (let conn = 1; conn <= most + CLOSED_PER_TURN; conn++) world.input(1, { kind: 'disconnect', conn })
  world.settle()
  world.node(1).held = true
  world.advance(900)
  const { sessions } = leader.route.intake!
  assert.ok(sessions.size > 0 && sessions.size <= CLOSED_PER_TURN, `${sessions.size} wait`)
  assert.ok(leader.deadline() > world.ms, 'without asking for turns')
  world.node(1).held = false
  world.advance(300)
  assert.is(leader.tree.sessions.size, 0)
})

test('what closes sessions that own much is no less work when their clients ask for it', () => {
  const world = led({ voters: 1 })
  owners(world, 20)
  const leader = world.leader!
  for (let conn = 1; conn <= 20; conn++) {
    leader.step(world.now, { kind: 'request', conn, xid: 2, request: { op: -11 } })
  }
  world.node(1).held = true
  world.input(1, { kind: 'tick' })
  assert.is(leader.leader!.outstanding, CLOSED_PER_TURN)
  assert.ok(leader.deadline() <= world.ms)
  world.node(1).held = false
  world.advance(100)
  assert.is(leader.tree.sessions.size, 0)
})

test('a long path counts by its square, as all that is above it may be looked up', () => {
  const path = '/a'.repeat(4_000)
  const body = { kind: 'setData', path, data: null, version: 1 } as const
  const work = txnWork(body)
  assert.ok(work > TURN_WORK && work < OUTSTANDING_WORK, `${work}`)
  assert.is(txnWork({ kind: 'multi', parts: [body, { kind: 'delete', path }] }), 2 * work + 1)
  assert.is(txnWork({ kind: 'closeSession', paths: [path, path, '/a'] }), 2 * work + 2)
  assert.is(txnWork({ ...body, path: '/a'.repeat(31) }), 1)
  const request: WriteRequest = { op: 5, path, data: null, version: -1 }
  const asked = { kind: 'write', request, identities: [] } as const
  assert.is(requestWork({ tag: 1, session: NO_SESSION, cxid: 1, body: asked }), work)
})

test('operations and entries of lists count, in what is asked for and in what comes of it', () => {
  const acl = Array.from({ length: 5 }, () => OPEN_ACL[0]!)
  const asked = (request: WriteRequest): number =>
    requestWork({ tag: 1, session: NO_SESSION, cxid: 1, body: { kind: 'write', request, identities: [] } })
  assert.is(asked({ op: 2, path: '/a', version: -1 }), 1)
  assert.is(asked({ op: 7, path: '/a', acl, version: -1 }), 5)
  assert.is(asked({ ...create('/a'), acl: [] }), 1)
  assert.is(asked({ op: 14, ops: [create('/a'), CHECK, { ...create('/b'), acl }] }), 8)
  assert.is(requestWork({ tag: 1, session: NO_SESSION, cxid: 1, body: { kind: 'closeSession' } }), 1)
  assert.is(txnWork({ kind: 'setAcl', path: '/a', acl, version: 1 }), 5)
  assert.is(txnWork({ kind: 'multi', parts: [{ kind: 'check', path: '/a' }, { kind: 'delete', path: '/a' }] }), 3)
  assert.is(txnWork({ kind: 'multiError', codes: ['Ok', 'NoNode'] }), 3)
  assert.is(txnWork({ kind: 'closeSession', paths: ['/a', '/b', '/c'] }), 4)
})

test.run()
