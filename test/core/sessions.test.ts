import { makeRandom } from '../../lib/core/random.ts'
import { assert, suite } from '../harness.ts'
import type { Limits } from '../../lib/core/limits.ts'
import { SessionTracker } from '../../lib/core/session/tracker.ts'
import type { SessionId } from '../../lib/core/tree/stat.ts'
import { ZXID_ZERO } from '../../lib/core/zxid.ts'
import { create, led } from './cluster.ts'
import type { World } from './cluster.ts'

const test = suite('sessions')

const A = '0xa' as SessionId
const B = '0xb' as SessionId

function codes(world: World, peer: number): string[] {
  return world.effectsOf(peer, 'reply').map(({ outcome }) => outcome.code)
}

test('a session expires with its bucket, never before its timeout', () => {
  const tracker = new SessionTracker(100)
  tracker.add(A, 1_000, null, 50)
  tracker.add(B, 1_000, null, 149)
  assert.is(tracker.deadlineMs, 1_100)
  assert.equal(tracker.expire(1_099), [])
  assert.equal(tracker.expire(1_100), [A])
  assert.equal(tracker.expire(1_199), [])
  assert.equal(tracker.expire(1_200), [B])
  assert.is(tracker.deadlineMs, Infinity)
  assert.is(tracker.size, 0)
})

test('a touch gives the whole timeout again, and never takes any away', () => {
  const tracker = new SessionTracker(100)
  tracker.add(A, 1_000, null, 0)
  tracker.touch(A, 500)
  assert.equal(tracker.expire(1_599), [])
  tracker.touch(A, 100)
  assert.equal(tracker.expire(1_599), [])
  assert.equal(tracker.expire(1_600), [A])
  tracker.touch(A, 1_600)
  assert.is(tracker.size, 0, 'who is gone is not called back')
})

test('a removed session never expires', () => {
  const tracker = new SessionTracker(100)
  tracker.add(A, 1_000, 1, 0)
  tracker.remove(A)
  assert.equal(tracker.expire(10_000), [])
  assert.is(tracker.ownerOf(A), null)
})

test('touched sessions expire as a plain list of deadlines says, whatever else comes and goes', () => {
  const random = makeRandom(5)
  const tracker = new SessionTracker(100)
  const deadlines = new Map<SessionId, number>()
  const until = (ms: number): number => (Math.floor(ms / 100) + 1) * 100
  for (let nowMs = 0, step = 0; step < 20_000; step++, nowMs += random.below(30)) {
    const session = `0x${(1 + random.below(60)).toString(16)}` as SessionId
    const timeoutMs = 200 + 100 * random.below(8)
    const known = deadlines.get(session)
    switch (random.below(8)) {
      case 0:
        tracker.add(session, timeoutMs, null, nowMs)
        deadlines.set(session, until(nowMs + timeoutMs))
        break
      case 1:
        tracker.remove(session)
        deadlines.delete(session)
        break
      default:
        if (known !== undefined) {
          deadlines.set(session, Math.max(known, until(nowMs + tracker.timeoutOf(session)!)))
        }
        tracker.touch(session, nowMs)
    }
    const due = [...deadlines].filter(([, atMs]) => atMs <= nowMs).map(([id]) => id)
    assert.equal(tracker.expire(nowMs).sort(), due.sort())
    for (const id of due) deadlines.delete(id)
    assert.is(tracker.size, deadlines.size)
    assert.ok(tracker.deadlineMs <= Math.min(Infinity, ...deadlines.values()), 'the next bucket is not missed')
  }
})

test('who expires when, soonest first', () => {
  const tracker = new SessionTracker(100)
  assert.equal(tracker.expiries(), [])
  tracker.add(A, 1_000, null, 50)
  tracker.add(B, 300, null, 50)
  assert.equal(tracker.expiries(), [{ session: B, atMs: 400 }, { session: A, atMs: 1_100 }])
  tracker.touch(B, 1_200)
  assert.equal(tracker.expiries(), [{ session: A, atMs: 1_100 }, { session: B, atMs: 1_600 }])
  tracker.expire(1_100)
  assert.equal(tracker.expiries(), [{ session: B, atMs: 1_600 }])
})

test('a connection has a session from the moment it is open', () => {
  const world = led({ voters: 1 })
  assert.is(world.replica(1).clients.sessionOf(1), null)
  world.connect(1, 1)
  const { session } = world.effectsOf(1, 'connected')[0]!
  assert.is(world.replica(1).clients.sessionOf(1), session)
  world.request(1, 1, 1, { op: -11 })
  assert.is(world.replica(1).clients.sessionOf(1), null)
})

test('many sessions in many buckets expire in one call each', () => {
  const tracker = new SessionTracker(10)
  for (let i = 0; i < 1_000; i++) tracker.add(`0x${i.toString(16)}` as SessionId, 1_000 + i, null, 0)
  let expired = 0
  for (let ms = 0; ms <= 2_100; ms += 7) expired += tracker.expire(ms).length
  assert.is(expired, 1_000)
})

test('no more sessions than asked for expire in a call, the others are due at once, but for who is heard of', () => {
  const tracker = new SessionTracker(100)
  const ids = Array.from({ length: 7 }, (_, i) => `0x${i + 1}` as SessionId)
  for (const id of ids) tracker.add(id, 1_000, null, 0)
  const expire = (nowMs: number): SessionId[] => {
    let left = 3
    return tracker.expire(nowMs, () => true, () => --left === 0)
  }
  assert.equal(expire(1_100), ids.slice(0, 3))
  assert.is(tracker.deadlineMs, 1_100)
  tracker.touch(ids[4]!, 1_150)
  assert.equal(expire(1_100), [ids[3], ids[5], ids[6]])
  assert.is(tracker.size, 1)
  assert.equal(expire(2_199), [])
  assert.equal(expire(2_200), [ids[4]])
  assert.is(tracker.deadlineMs, Infinity)
})

test('the clock of sessions stands still with their leader', () => {
  const tracker = new SessionTracker(100)
  tracker.add(A, 1_000, null, 0)
  tracker.stoodStill(2_030)
  tracker.add(B, 1_000, null, 2_500)
  assert.is(tracker.deadlineMs, 3_130)
  assert.equal(tracker.expiries(), [{ session: A, atMs: 3_130 }, { session: B, atMs: 3_530 }])
  tracker.stoodStill(70)
  assert.equal(tracker.expire(3_199), [])
  assert.equal(tracker.expire(3_200), [A])
  tracker.touch(B, 3_300)
  assert.equal(tracker.expire(4_399), [])
  assert.equal(tracker.expire(4_400), [B])
})

test('timeouts are negotiated into the bounds of the ensemble', () => {
  const world = led({ voters: 1 })
  world.connect(1, 1, { timeoutMs: 1 })
  world.connect(1, 2, { timeoutMs: 10_000_000 })
  assert.equal(world.effectsOf(1, 'connected').map(({ timeoutMs }) => timeoutMs), [200, 40_000])
})

test('touches travel with the pongs of learners, so a client anywhere keeps its session', () => {
  const world = led({ voters: 3, observers: 1 })
  for (const [conn, peer] of [1, 2, 4].entries()) {
    world.connect(peer, conn + 1, { timeoutMs: 1_000 })
    world.request(peer, conn + 1, 1, create(`/of-${peer}`, 1))
  }
  for (let round = 0; round < 10; round++) world.advance(700)
  for (const peer of [1, 2, 4]) assert.ok(world.replica(3).tree.has(`/of-${peer}`), `the session at ${peer} lives`)
})

test('a closing session takes its ephemerals in one txn, outstanding ones too', () => {
  const world = led({ voters: 3 })
  world.connect(3, 1)
  for (const id of [1, 2, 3]) world.node(id).held = true
  for (let xid = 1; xid <= 3; xid++) {
    world.input(3, { kind: 'request', conn: 1, xid, request: create(`/e${xid}`, 1) })
  }
  world.input(3, { kind: 'request', conn: 1, xid: 4, request: { op: 2, path: '/e2', version: -1 } })
  world.input(3, { kind: 'request', conn: 1, xid: 5, request: { op: -11 } })
  for (const id of [1, 2, 3]) world.node(id).held = false
  world.settle()
  world.advance(300)
  for (const id of [1, 2, 3]) {
    for (const path of ['/e1', '/e2', '/e3']) assert.is(world.replica(id).tree.has(path), false)
    assert.is(world.replica(id).tree.sessions.size, 0)
  }
  const closing = world.replica(3).journal.log.last
  const { txn, bytes } = world.replica(3).journal.log.entryAt(closing)!
  const { body } = txn ?? world.replica(3).config.codec.decodeTxn(bytes)
  assert.equal(body, { kind: 'closeSession', paths: ['/e1', '/e3'] })
})

test('a wrong password or an unknown session is expired, a right one resumes at any peer', () => {
  const world = led({ voters: 3 })
  world.connect(1, 1)
  const { session, password } = world.effectsOf(1, 'connected')[0]!
  world.connect(2, 2, { session, password: new Uint8Array(16) })
  world.connect(2, 3, { session: '0x123456789' as SessionId, password })
  assert.equal(world.effectsOf(2, 'closeConn').map(({ conn, code }) => [conn, code]),
    [[2, 'SessionExpired'], [3, 'SessionExpired']])
  world.connect(2, 4, { session, password })
  assert.equal(world.effectsOf(2, 'connected').map((connected) => connected.session), [session])
})

test('a wrong password is refused by the peer alone, and ends no more than a connection there', () => {
  const world = led({ voters: 3 })
  world.connect(1, 1)
  const { session, password } = world.effectsOf(1, 'connected')[0]!
  const { sessions } = world.replica(3).route.intake!
  const before = [sessions.ownerOf(session), sessions.attachmentsOf(session), ...sessions.expiries()]
  world.ms += 300
  for (const peer of [1, 2, 3]) {
    world.connect(peer, 10 + peer, { session, password: new Uint8Array(16).fill(99) })
    assert.equal([sessions.ownerOf(session), sessions.attachmentsOf(session), ...sessions.expiries()], before)
    world.connect(peer, 20 + peer, { session, password: new Uint8Array(0) })
    assert.equal([sessions.ownerOf(session), sessions.attachmentsOf(session), ...sessions.expiries()], before)
    assert.equal(world.effectsOf(peer, 'closeConn').map(({ conn, code }) => `${conn} ${code}`), [
      // Whose client knows the password and comes back; another one that does would have taken it up.
      ...(peer === 1 ? ['1 ConnectionLoss'] : []), `${10 + peer} SessionExpired`, `${20 + peer} SessionExpired`,
    ])
  }
  assert.is(world.sent(1, 'revalidate').length + world.sent(2, 'revalidate').length, 0)
  world.connect(1, 2, { session, password })
  world.request(1, 2, 1, create('/right'))
  assert.equal(codes(world, 1), ['Ok'])
})

test('a wrong password is refused also where its session is not known yet', () => {
  // It hears of it in time to compare, or does not.
  for (const isLate of [true, false]) {
    const world = led({ voters: 3 })
    world.node(2).held = true
    world.connect(1, 1)
    const { session, password } = world.effectsOf(1, 'connected')[0]!
    assert.is(world.replica(2).tree.sessions.size, 0)
    world.input(2, {
      kind: 'connect', conn: 2, session, password: new Uint8Array(16), timeoutMs: 5_000, lastZxidSeen: ZXID_ZERO,
      identities: [], inProcess: false,
    })
    world.node(2).held = isLate
    world.settle()
    assert.equal(world.effectsOf(2, 'connected'), [])
    const closed = world.effectsOf(2, 'closeConn').map(({ code }) => code)
    assert.equal(closed, [isLate ? 'ConnectionLoss' : 'SessionExpired'])
    world.node(2).held = false
    world.settle()
    world.connect(2, 3, { session, password })
    assert.equal(world.effectsOf(2, 'connected').map(({ conn }) => conn), [3])
  }
})

test('one owner: what the old connection still had on its way does not happen', () => {
  const world = led({ voters: 3 })
  world.connect(1, 1)
  const { session, password } = world.effectsOf(1, 'connected')[0]!
  world.connect(2, 2, { session, password })
  world.request(1, 1, 1, create('/late'))
  assert.is(world.replica(3).tree.has('/late'), false)
  assert.equal(world.effectsOf(1, 'closeConn').map(({ code }) => code), ['SessionMoved'])
  world.request(2, 2, 1, create('/right'))
  assert.equal(codes(world, 2), ['Ok'])
})

test('a new leader gives every session its whole timeout again', () => {
  const world = led({ voters: 3 })
  world.connect(1, 1, { timeoutMs: 3_000 })
  world.request(1, 1, 1, create('/mine', 1))
  world.input(1, { kind: 'disconnect', conn: 1 })
  world.advance(2_000)
  world.crash(3)
  world.advance(1_500)
  assert.is(world.leader?.config.peerId, 2)
  assert.ok(world.replica(2).tree.has('/mine'), 'older than its timeout, but the new leader has just begun to listen')
  world.advance(3_500)
  assert.is(world.replica(2).tree.has('/mine'), false)
})

test('a leader that stood still expires nobody for it', () => {
  const world = led({ voters: 1 })
  world.connect(1, 1, { timeoutMs: 1_000 })
  const { session, password } = world.effectsOf(1, 'connected')[0]!
  world.request(1, 1, 1, create('/mine', 1))
  world.input(1, { kind: 'disconnect', conn: 1 })
  world.ms += 60_000
  world.input(1, { kind: 'tick' })
  world.settle()
  world.connect(1, 2, { session, password })
  assert.ok(world.replica(1).tree.has('/mine'))
  assert.is(world.effectsOf(1, 'connected').length, 2)
})

/** The only voter, and two clients: one that is gone, of a session of `timeoutMs`, and one that has a `word` to say. */
function onlyVoter(timeoutMs: number): { world: World, gone: SessionId, lives: SessionId, word: () => void } {
  const world = led({ voters: 1 })
  for (const conn of [1, 2]) world.connect(1, conn, { timeoutMs })
  const [gone, lives] = world.effectsOf(1, 'connected').map(({ session }) => session) as [SessionId, SessionId]
  world.input(1, { kind: 'disconnect', conn: 1 })
  let xid = 0
  const word = (): void => world.input(1, { kind: 'request', conn: 2, xid: ++xid, request: create(`/word-${xid}`) })
  return { world, gone, lives, word }
}

test('a session lives for its timeout of the time in which its only voter ran, however often that stood still', () => {
  // Once in each timeout, and never awake for a ping.
  for (const [timeoutMs, awakeMs, goneMs] of [[10_000, 8_000, 10_100], [600, 50, 850]] as const) {
    const { world, gone, lives, word } = onlyVoter(timeoutMs)
    const { sessions } = world.replica(1).tree
    let ranMs = 0
    for (; ranMs <= goneMs; ranMs += awakeMs) {
      world.ms += 1_100
      world.input(1, { kind: 'tick' })
      word()
      world.settle()
      assert.ok(ranMs > timeoutMs || sessions.has(gone), `there after ${ranMs} of ${timeoutMs} ms`)
      world.advance(awakeMs)
    }
    assert.ok(!sessions.has(gone), `gone after ${ranMs} ms`)
    assert.ok(sessions.has(lives))
  }
})

test('a word that is read before the ticks after a pause gives its session no more than its timeout', () => {
  const { world, lives, word } = onlyVoter(1_000)
  world.ms += 60_000
  word()
  world.input(1, { kind: 'tick' })
  world.settle()
  const atMs = world.replica(1).route.intake!.sessions.expiries().find(({ session }) => session === lives)!.atMs
  assert.ok(atMs >= world.ms + 1_000 && atMs <= world.ms + 1_100, `${atMs - world.ms} ms`)
})

test('a leader that was held up for a moment reads first what came meanwhile', () => {
  const world = led({ voters: 3 })
  world.connect(1, 1, { timeoutMs: 700 })
  world.request(1, 1, 1, create('/mine', 1))
  // The timers of the leader run late, while its follower has gone on and its pongs wait to be read.
  world.cut(1, 2)
  const held = world.node(3).replica!
  world.node(3).replica = null
  const { join } = world.replica(1).learner!
  const { session } = world.effectsOf(1, 'connected')[0]!
  world.advance(950)
  world.node(3).replica = held
  world.input(3, { kind: 'tick' })
  world.inject(1, 3, { kind: 'pong', join, seq: 0, touches: [session] })
  world.settle()
  assert.ok(world.replica(3).tree.has('/mine'))
})

/** Peer 3 leads and hears nobody; a session of peer 1, which `join`ed it, expires at `endMs`, in `beforeMs`. */
function almostExpired(
  beforeMs = 1, limits: Partial<Limits> = {},
): { world: World, session: SessionId, join: number, endMs: number } {
  const world = led({ voters: 3, limits })
  world.connect(1, 1, { timeoutMs: 600 })
  const { session } = world.effectsOf(1, 'connected')[0]!
  const { join } = world.replica(1).learner!
  world.cut(1, 2)
  world.node(1).replica = null
  const endMs = world.replica(3).route.intake!.sessions.deadlineMs
  world.advance(endMs - beforeMs - world.ms)
  return { world, session, join, endMs }
}

test('what came in time counts, however short a leader was held up just then', () => {
  for (const lateMs of [1, 30, 150]) {
    const { world, session, join, endMs } = almostExpired()
    // Its timers first, though the sockets have been full for longer.
    world.ms = endMs + lateMs
    world.input(3, { kind: 'tick' })
    world.inject(1, 3, { kind: 'pong', join, seq: 0, touches: [session] })
    world.advance(500)
    assert.ok(world.replica(3).tree.sessions.has(session), `${lateMs} ms late`)
    world.advance(400)
    assert.is(world.replica(3).tree.sessions.size, 0)
  }
})

test('a leader that is late at each of its ticks expires sessions all the same', () => {
  const world = led({ voters: 1 })
  world.connect(1, 1, { timeoutMs: 600 })
  world.input(1, { kind: 'disconnect', conn: 1 })
  const endMs = world.replica(1).route.intake!.sessions.deadlineMs
  for (let i = 0; i < 12; i++) {
    world.ms = Math.max(world.ms, world.replica(1).deadline()) + 40
    world.input(1, { kind: 'tick' })
    world.settle()
    if (world.ms <= endMs + 40) assert.is(world.replica(1).tree.sessions.size, 1)
    if (world.ms >= endMs + 120) assert.is(world.replica(1).tree.sessions.size, 0)
  }
})

/** A leader of one voter with seven sessions that nobody speaks for, of which two may expire in a turn. */
function sevenToExpire(): { world: World, endMs: number, left: () => number } {
  const world = led({ voters: 1, limits: { expiredSessions: 2 } })
  for (let conn = 1; conn <= 7; conn++) world.connect(1, conn, { timeoutMs: 600 })
  for (let conn = 1; conn <= 7; conn++) world.input(1, { kind: 'disconnect', conn })
  const { sessions } = world.replica(1).route.intake!
  world.advance(100)
  const endMs = Math.max(...sessions.expiries().map(({ atMs }) => atMs))
  world.advance(endMs - 1 - world.ms)
  return { world, endMs, left: () => sessions.size }
}

test('very many sessions expire in turns of a few each, one after the other', () => {
  // However long the turns take: they are no hold-ups, which would be waited for again.
  for (const turnMs of [0, 1, 40]) {
    const { world, endMs, left } = sevenToExpire()
    const lefts: number[] = []
    world.ms = endMs
    for (let turn = 0; turn < 4; turn++) {
      assert.ok(world.replica(1).deadline() <= world.ms, 'the next turn comes at once')
      if (turn > 0) world.ms += turnMs
      world.input(1, { kind: 'tick' })
      world.settle()
      lefts.push(left())
    }
    assert.equal(lefts, [5, 3, 1, 0], `${turnMs} ms each`)
    assert.is(world.replica(1).tree.sessions.size, 0)
    assert.ok(world.replica(1).deadline() > world.ms)
  }
})

test('who is heard of before its turn to expire lives on', () => {
  const { world, endMs, left } = sevenToExpire()
  const [, , , , , , last] = world.effectsOf(1, 'connected')
  world.ms = endMs
  world.input(1, { kind: 'tick' })
  world.settle()
  world.connect(1, 9, { session: last!.session, password: last!.password })
  for (let turn = 0; turn < 4; turn++) {
    world.ms += 1
    world.input(1, { kind: 'tick' })
    world.settle()
  }
  assert.is(left(), 1)
  assert.ok(world.replica(1).tree.sessions.has(last!.session))
})

test('a leader that stood still while sessions were left to expire expires none of them for it', () => {
  const { world, endMs, left } = sevenToExpire()
  world.ms = endMs
  world.input(1, { kind: 'tick' })
  world.ms += 5_000
  world.input(1, { kind: 'tick' })
  assert.is(left(), 5)
  world.advance(1_000)
  assert.is(left(), 0)
})

test('a bucket that ends while others are left to expire has its own time to be read', () => {
  const { world, session, join, endMs } = almostExpired(101, { expiredSessions: 2 })
  // Three of the bucket before: one is left while this one ends.
  const { sessions } = world.replica(3).route.intake!
  for (const id of [A, B, '0xc' as SessionId]) sessions.add(id, 0, null, endMs - 101)
  world.ms = endMs - 100
  world.input(3, { kind: 'tick' })
  assert.is(sessions.size, 2)
  world.ms = endMs + 30
  world.input(3, { kind: 'tick' })
  assert.is(sessions.size, 1)
  world.input(3, { kind: 'tick' })
  world.inject(1, 3, { kind: 'pong', join, seq: 0, touches: [session] })
  world.advance(100)
  assert.is(sessions.size, 1)
  assert.ok(world.replica(3).tree.sessions.has(session))
})

test('a request that came before a tick of the same turn keeps its session alive', () => {
  const { world, session, join, endMs } = almostExpired()
  const leader = world.replica(3)
  world.ms = endMs
  const link = leader.links.current.get(1)!
  const body = { kind: 'write', request: create('/mine', 1), identities: [] } as const
  const message = { kind: 'forward', join, requests: [{ tag: 1, session, cxid: 1, body }] } as const
  leader.step(world.now, { kind: 'receive', link, message })
  world.input(3, { kind: 'tick' })
  world.settle()
  assert.ok(leader.tree.has('/mine'))
})

test('a request of a closed session is refused, wherever it waits', () => {
  const world = led({ voters: 3 })
  world.connect(1, 1, { timeoutMs: 40_000 })
  world.input(1, { kind: 'request', conn: 1, xid: 1, request: { op: -11 } })
  world.input(1, { kind: 'request', conn: 1, xid: 2, request: create('/after') })
  world.settle()
  assert.is(world.replica(3).tree.has('/after'), false)
  assert.equal(world.effectsOf(1, 'closeConn').map(({ code }) => code), ['Closed'])
})

test('a connection watches so many paths', () => {
  const world = led({ voters: 1, limits: { connectionWatches: 2 } })
  world.connect(1, 1)
  for (const [xid, path] of ['/a', '/b', '/c', '/b'].entries()) world.request(1, 1, xid, { op: 3, path, watch: true })
  assert.equal(codes(world, 1), ['NoNode', 'NoNode', 'QuotaExceeded', 'NoNode'])
  assert.is(world.replica(1).readers?.lookNow(1, 3, '/d', true), 'QuotaExceeded')
  assert.equal(world.effectsOf(1, 'closeConn'), [])
})

test.run()
