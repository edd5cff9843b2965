/** Watch events: how many one turn may have, and what goes on meanwhile. */
import type { Effect } from '../../lib/core/effects.ts'
import { TURN_EVENTS } from '../../lib/core/limits.ts'
import type { Request } from '../../lib/core/tree/request.ts'
import { Lag } from '../../lib/core/zab/lag.ts'
import { makeZxid } from '../../lib/core/zxid.ts'
import { assert, suite } from '../harness.ts'
import { create, led } from './cluster.ts'
import type { World } from './cluster.ts'

const test = suite('events that one turn has no room for')

const WATCHERS = 100
/** One connection more than there are watchers. */
const WRITER = WATCHERS + 1
/** Of one such multi there are more events than a turn has room for. */
const OPERATIONS = Math.ceil(TURN_EVENTS / WATCHERS) + 1

/** Connections of a peer that watch everything. */
function watched(world: World, peer: number): void {
  for (let conn = 1; conn <= WATCHERS; conn++) {
    world.connect(peer, conn)
    world.request(peer, conn, 1, { op: 106, path: '/', mode: 1 })
  }
}

function multi(name: string): Request {
  return { op: 14, ops: Array.from({ length: OPERATIONS }, (_, at) => create(`/${name}-${at}`)) }
}

/** What comes out of each turn of a peer until none is due, writes that complete among them. */
function turns(world: World, peer: number): Effect[][] {
  const all: Effect[][] = []
  const { effects } = world.node(peer)
  const noting = (act: () => unknown): void => {
    const from = effects.length
    act()
    all.push(effects.slice(from))
  }
  do {
    noting(() => world.input(peer, { kind: 'tick' }))
    noting(() => world.complete(peer))
  } while (world.replica(peer).deadline() <= world.ms || world.node(peer).writes.length > 0)
  return all
}

function eventsOf(effects: readonly Effect[]): Extract<Effect, { kind: 'event' }>[] {
  return effects.filter((effect): effect is Extract<Effect, { kind: 'event' }> => effect.kind === 'event')
}

test('what is committed at once is applied in as many turns as its events take, in order', () => {
  const world = led({ voters: 1 })
  watched(world, 1)
  world.connect(1, WRITER)
  const paths = Array.from({ length: 1_000 }, (_, at) => `/n${String(at).padStart(4, '0')}`)
  const requests: Request[] = [...paths.map((path) => create(path)), { op: 9, path: '/' }]
  for (const [at, request] of requests.entries()) {
    world.replica(1).step(world.now, { kind: 'request', conn: WRITER, xid: 1 + at, request })
  }
  // From here on they are proposed.
  world.input(1, { kind: 'tick' })
  world.replica(1).step(world.now, { kind: 'request', conn: 1, xid: 2, request: { op: 9, path: '/' } })
  world.replica(1).step(world.now,
    { kind: 'request', conn: 1, xid: 3, request: { op: 4, path: paths.at(-1)!, watch: false } })
  const all = turns(world, 1)
  const counts = all.map((effects) => eventsOf(effects).length).filter((count) => count > 0)
  assert.ok(counts.every((count) => count <= TURN_EVENTS + WATCHERS), counts.join())
  assert.is(counts.length, Math.ceil(paths.length * WATCHERS / TURN_EVENTS))
  const told = new Map<number, string[]>()
  const answered: number[] = []
  for (const effect of all.flat()) {
    if (effect.kind === 'event') {
      const own = told.get(effect.conn)
      if (own === undefined) told.set(effect.conn, [effect.event.path])
      else own.push(effect.event.path)
    } else if (effect.kind === 'reply') {
      assert.is(effect.outcome.code, 'Ok', 'a read behind a sync has all that was proposed')
      if (effect.conn === WRITER) answered.push(effect.xid)
    }
  }
  assert.equal(answered, requests.map((_, at) => 1 + at))
  for (let conn = 1; conn <= WATCHERS; conn++) assert.equal(told.get(conn), paths)
  assert.ok(world.replica(1).deadline() > world.ms)
})

test('one txn is told of in one turn, however much that is, and what is behind it in the next', () => {
  const world = led({ voters: 1 })
  watched(world, 1)
  world.connect(1, WRITER)
  for (const [at, request] of [multi('a'), multi('b'), create('/last')].entries()) {
    world.replica(1).step(world.now, { kind: 'request', conn: WRITER, xid: 1 + at, request })
  }
  const counts = turns(world, 1).map((effects) => eventsOf(effects).length).filter((count) => count > 0)
  assert.equal(counts, [OPERATIONS * WATCHERS, OPERATIONS * WATCHERS, WATCHERS])
})

test('who stops serving, or stops, has nothing left to tell', () => {
  const world = led({ voters: 1 })
  watched(world, 1)
  world.connect(1, WRITER)
  for (const at of [1, 2, 3]) {
    world.replica(1).step(world.now, { kind: 'request', conn: WRITER, xid: at, request: multi(`m${at}`) })
  }
  world.input(1, { kind: 'tick' })
  world.complete(1)
  assert.ok(world.replica(1).deadline() <= world.ms && !world.replica(1).tree.has('/m3-0'))
  world.input(1, { kind: 'stop' })
  assert.is(world.replica(1).deadline(), Infinity)
  assert.equal(world.effectsOf(1, 'closeConn').map(({ code }) => code), Array(WRITER).fill('PeerStopped'))
})

test('a follower that is held up by events for longer than syncMs serves on while it gets on', () => {
  const world = led({ voters: 3 })
  const leader = world.leader!.config.peerId
  const follower = [1, 2, 3].find((peer) => peer !== leader)!
  watched(world, follower)
  world.connect(leader, WRITER)
  const names = Array.from({ length: 40 }, (_, at) => `m${at}`)
  world.node(follower).held = true
  for (const [at, name] of names.entries()) {
    world.replica(leader).step(world.now, { kind: 'request', conn: WRITER, xid: 1 + at, request: multi(name) })
  }
  do world.input(leader, { kind: 'tick' })
  while (world.replica(leader).deadline() <= world.ms)
  world.settle()
  assert.ok(world.replica(leader).tree.has('/m39-0'))
  const [node, replica] = [world.node(follower), world.replica(follower)]
  node.held = false
  node.effects.length = 0
  const fromMs = world.ms
  let told = 0
  while (!replica.tree.has('/m39-0')) {
    world.ms += 200
    for (const id of [1, 2, 3]) world.input(id, { kind: 'tick' })
    world.settle()
    told += eventsOf(node.effects).length
    assert.not.ok(node.effects.some(({ kind }) => kind === 'role' || kind === 'closeConn'), `${told} events`)
    node.effects.length = 0
  }
  assert.is(told, names.length * OPERATIONS * WATCHERS)
  assert.ok(world.ms - fromMs > world.config(follower).timing.syncMs, 'it took long enough')
  assert.is(world.leader!.config.peerId, leader)
})

test('nobody is held up by events for ever', () => {
  const lag = new Lag(1_000)
  const told = (nowMs: number, isTelling: boolean, applied = 1): boolean => {
    lag.told(makeZxid(1, 10), makeZxid(1, applied), nowMs, isTelling)
    return lag.isLong
  }
  assert.equal([told(0, true), told(1_000, true), told(3_999, true)], [false, false, false])
  assert.is(told(3_999, false), true, 'something else holds it up')
  assert.is(told(3_999, false, 10), false)
  assert.equal([told(4_000, true), told(7_999, true), told(8_000, true)], [false, false, true])
})

test.run()
