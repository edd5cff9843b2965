import type { Effect } from '../../lib/core/effects.ts'
import { SHARED_ANSWER_BYTES, SPARE_ANSWER_BYTES, TURN_ANSWER_BYTES } from '../../lib/core/limits.ts'
import { outcomeBytes } from '../../lib/core/tree/answer-size.ts'
import type { Request, WatchableRead } from '../../lib/core/tree/request.ts'
import { ZXID_ZERO } from '../../lib/core/zxid.ts'
import { assert, suite } from '../harness.ts'
import { create, led } from './cluster.ts'
import type { World } from './cluster.ts'

const test = suite('reads that one turn has no room for')

const NAMES = 1_000
const CHILDREN: WatchableRead = { op: 8, path: '/big', watch: false }
/** Of one answer that says all the names, less than this. */
const LARGEST_BYTES = 400_000

type Reply = Extract<Effect, { kind: 'reply' }>

/** One voter whose connection 1 has made a node with many children. */
function stage(mutant?: string): World {
  const world = led({ voters: 1, ...(mutant === undefined ? {} : { mutant }) })
  world.connect(1, 1, { timeoutMs: 40_000 })
  world.request(1, 1, 1, create('/big'))
  world.request(1, 1, 2, { op: 14, ops: Array.from({ length: NAMES }, (_, at) => create(`/big/name-${at}`)) })
  return world
}

/** Steps it all, without a take. */
function ask(world: World, conn: number, ...requests: readonly Request[]): void {
  for (const [at, request] of requests.entries()) {
    world.replica(1).step(world.now, { kind: 'request', conn, xid: 100 + at, request })
  }
}

const many = (count: number, request: Request = CHILDREN): Request[] => Array.from({ length: count }, () => request)

/** The replies of one turn, which are no more than it may have. */
function turn(world: World, act = (): unknown => world.input(1, { kind: 'tick' })): Reply[] {
  const { effects } = world.node(1)
  const from = effects.length
  act()
  const replies = effects.slice(from).filter((effect) => effect.kind === 'reply')
  const bytes = replies.reduce((sum, { outcome }) => sum + outcomeBytes(outcome), 0)
  assert.ok(bytes <= 2 * (TURN_ANSWER_BYTES + SPARE_ANSWER_BYTES + LARGEST_BYTES), `${bytes} in a turn`)
  return replies
}

/** The replies of all turns that are due, writes that complete among them. */
function turns(world: World): Reply[][] {
  const all: Reply[][] = []
  do all.push(turn(world), turn(world, () => world.complete(1)))
  while (world.replica(1).deadline() <= world.ms || world.node(1).writes.length > 0)
  return all.filter(({ length }) => length > 0)
}

const xids = (replies: readonly Reply[]): number[] => replies.map(({ xid }) => xid)
const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => 100 + at)

test('reads behind a write are answered a share at a time, in order, and nothing passes them', () => {
  const world = stage()
  ask(world, 1, create('/w'), ...many(999))
  turn(world)
  const first = turn(world, () => world.complete(1))
  assert.ok(first.length > 1 && first.length <= 2 + SHARED_ANSWER_BYTES / (NAMES * 24), `${first.length} at once`)
  const { readers } = world.replica(1)
  assert.ok(world.replica(1).deadline() <= world.ms)
  const last: Request = { op: 4, path: '/w', watch: false }
  assert.is(readers!.readNow(1, last), null)
  assert.is(readers!.lookNow(1, 4, '/w', false), null)
  world.replica(1).step(world.now, { kind: 'request', conn: 1, xid: 1_100, request: last })
  const rest = turns(world)
  assert.ok(rest.length >= 5, `${rest.length} turns`)
  assert.equal(xids([...first, ...rest.flat()]), [...upTo(1_000), 1_100])
  assert.ok(world.replica(1).deadline() > world.ms)
  assert.ok(readers!.lookNow(1, 4, '/w', false) !== null)
})

test('so are those behind a sync, and those that nothing is before', () => {
  for (const before of [[], [{ op: 9, path: '/' } as const]]) {
    const world = stage()
    ask(world, 1, ...before, ...many(1_000))
    const all = turns(world)
    assert.ok(all.length >= 4, `${all.length} turns`)
    assert.equal(xids(all.flat()), upTo(1_000 + before.length))
  }
})

test('all connections share a turn, and each has its share after a few', () => {
  const world = stage()
  for (let conn = 2; conn <= 21; conn++) world.connect(1, conn)
  for (let conn = 1; conn <= 20; conn++) ask(world, conn, ...many(150))
  ask(world, 21, { op: 4, path: '/big', watch: false })
  const all = turns(world)
  const at = all.findIndex((replies) => replies.some(({ conn }) => conn === 21))
  assert.ok(at >= 0 && at <= 12 && all.length > 8, `${at} of ${all.length}`)
  for (let conn = 1; conn <= 20; conn++) assert.equal(xids(all.flat().filter((one) => one.conn === conn)), upTo(150))
})

/** Reads before a write that adds one more name, and one after it. */
function readsBeforeWrite(mutant?: string): World {
  const world = stage(mutant)
  world.connect(1, 2)
  ask(world, 1, create('/w'), ...many(998), create('/big/more'), CHILDREN)
  ask(world, 2, create('/other'), { op: 4, path: '/other', watch: false })
  return world
}

test('a txn waits for the reads that its session asked for before it', () => {
  const world = readsBeforeWrite()
  const replies = turns(world).flat()
  assert.equal(xids(replies.filter(({ conn }) => conn === 1)), upTo(1_001))
  assert.equal(replies.filter(({ conn }) => conn === 2).map(({ outcome }) => outcome.code), ['Ok', 'Ok'])
  for (const { xid, outcome } of replies) {
    if (outcome.code === 'Ok' && outcome.result.op === 8) {
      assert.is(outcome.result.children.length, xid === 1_100 ? NAMES + 1 : NAMES)
    }
  }
  assert.equal(world.effectsOf(1, 'closeConn'), [])
  const mutated = readsBeforeWrite('appliesPastReads')
  turns(mutated)
  assert.is(mutated.effectsOf(1, 'closeConn').length, 1)
})

test('a txn does not wait for a connection that ends', () => {
  const world = readsBeforeWrite()
  turn(world)
  world.complete(1)
  turn(world)
  assert.ok(!world.replica(1).tree.has('/big/more'))
  world.input(1, { kind: 'disconnect', conn: 1 })
  assert.ok(world.replica(1).tree.has('/big/more') && world.replica(1).tree.has('/other'))
  assert.ok(world.replica(1).deadline() > world.ms)
})

test('a peer that ends has nothing left to answer', () => {
  const world = readsBeforeWrite()
  turn(world)
  world.complete(1)
  assert.ok(world.replica(1).clients.isBehind)
  world.input(1, { kind: 'stop' })
  assert.is(world.replica(1).clients.isBehind, false)
  assert.is(world.replica(1).deadline(), Infinity)
})

test('lists of access control, ephemeral nodes and multiple reads count by what they take', () => {
  const world = stage()
  const acl = Array.from({ length: 500 }, (_, at) =>
    ({ perms: 31, scheme: 'digest', id: `user-${at}:${'x'.repeat(28)}` }))
  acl.push({ perms: 31, scheme: 'world', id: 'anyone' })
  world.request(1, 1, 3, { op: 7, path: '/big', acl, version: -1 })
  const ops = Array.from({ length: 500 }, (_, at) => create(`/held-${at}-${'x'.repeat(40)}`, 1))
  world.request(1, 1, 4, { op: 14, ops })
  const requests: readonly (readonly [Request, number])[] = [
    [{ op: 6, path: '/big' }, 600], [{ op: 103, path: '/' }, 600],
    [{ op: 22, ops: Array.from({ length: 10 }, () => CHILDREN) }, 60],
  ]
  for (const [request, count] of requests) {
    ask(world, 1, ...many(count, request))
    const all = turns(world)
    assert.ok(all.length >= 3, `${all.length} turns of ${request.op}`)
    assert.equal(xids(all.flat()), upTo(count))
  }
})

test('watches that are armed again count each, as every one of them may fire', () => {
  const world = stage()
  const { effects } = world.node(1)
  const paths = 20_000
  const exist = Array.from({ length: paths }, () => '/')
  const rearm: Request = { op: 105, relativeZxid: ZXID_ZERO, data: [], exist, child: [], persistent: [], recursive: [] }
  const counts: number[] = []
  const count = (act: () => unknown): void => {
    const from = effects.length
    act()
    counts.push(effects.slice(from).filter(({ kind }) => kind === 'event').length)
  }
  ask(world, 1, ...many(20, rearm))
  do count(() => turn(world))
  while (world.replica(1).deadline() <= world.ms)
  assert.is(counts.reduce((sum, one) => sum + one, 0), 20 * paths)
  assert.ok(counts.every((one) => one <= 2 * (TURN_ANSWER_BYTES / 128 + paths)), counts.join())
})

test('who has everybody wait for its reads for too many turns is cut', () => {
  const world = stage()
  world.connect(1, 2)
  ask(world, 1, create('/w'), ...many(20_000), create('/v'))
  ask(world, 2, create('/other'))
  const all = turns(world)
  assert.equal(world.effectsOf(1, 'closeConn').map(({ conn, code }) => [conn, code]), [[1, 'Overloaded']])
  assert.ok(all.flat().some(({ conn, outcome }) => conn === 2 && outcome.code === 'Ok'))
  assert.ok(all.length < 40, `${all.length} turns`)
  assert.ok(world.replica(1).tree.has('/v'), 'what it wrote is written')
  assert.ok(world.replica(1).deadline() > world.ms)
})

/** Connections that ask for so many large answers each, which fill turns. */
function crowd(world: World, conns: readonly number[], count: number): void {
  for (const conn of conns) world.connect(1, conn)
  for (const conn of conns) ask(world, conn, ...many(count))
}

/** So many writes with a read behind each. */
function pairs(name: string, count: number, request: Request): Request[] {
  return Array.from({ length: count }, (_, at) => [create(`/${name}-${at}`), request]).flat()
}

/** Turns until there is none due or all of these connections have their last answer; how many it took. */
function turnsUntil(world: World, conns: readonly number[], last: number): number {
  const waiting = new Set(conns)
  const { effects } = world.node(1)
  for (let count = 0; ; count++) {
    if (waiting.size === 0) return count
    const replies = [turn(world), turn(world, () => world.complete(1))].flat()
    for (const { conn, xid } of replies) if (xid === last) waiting.delete(conn)
    effects.splice(0, effects.length, ...effects.filter(({ kind }) => kind === 'closeConn'))
    if (world.replica(1).deadline() > world.ms && world.node(1).writes.length === 0) return count
  }
}

test('who reads little has nobody wait, and is not cut, while others fill all turns', () => {
  const world = stage()
  const modest = Array.from({ length: 30 }, (_, at) => 100 + at)
  for (const conn of modest) world.connect(1, conn)
  crowd(world, [2, 3, 4, 5], 1_200)
  for (const conn of modest) ask(world, conn, ...pairs(`of-${conn}`, 20, { op: 12, path: '/zookeeper', watch: false }))
  const count = turnsUntil(world, modest, 100 + 39)
  assert.is(count, 1, 'all of them in the turn that applies their writes')
  assert.ok(world.replica(1).deadline() <= world.ms, 'the others are not answered yet')
  assert.equal(world.effectsOf(1, 'closeConn'), [])
})

test('who reads a fair amount between its writes is not held up by others for long', () => {
  const world = stage()
  world.connect(1, 100)
  crowd(world, [2, 3, 4, 5], 1_200)
  ask(world, 100, ...pairs('fair', 100, CHILDREN))
  const count = turnsUntil(world, [100], 100 + 199)
  assert.ok(count <= 6, `${count} turns`)
  assert.equal(world.effectsOf(1, 'closeConn'), [])
})

test('those that come to too much together, and none of them alone, are not cut', () => {
  const world = stage()
  const conns = [11, 12, 13]
  for (const conn of conns) world.connect(1, conn)
  const large: Request = {
    op: 105, relativeZxid: ZXID_ZERO, data: [], exist: Array.from({ length: 8_192 }, () => '/none'), child: [],
    persistent: [], recursive: [],
  }
  for (let at = 0; at < 150; at++) for (const conn of conns) ask(world, conn, create(`/w-${conn}-${at}`), large)
  ask(world, 13, ...many(3, { op: 4, path: '/w-13-149', watch: false }))
  const count = turnsUntil(world, [13], 102)
  assert.ok(count > 3 * 17, `${count} turns`)
  assert.equal(world.effectsOf(1, 'closeConn'), [])
})

test('who reads much behind each write is not cut where writes go on', () => {
  const world = stage()
  ask(world, 1, ...pairs('own', 5_500, CHILDREN))
  const count = turnsUntil(world, [1], 100 + 10_999)
  assert.ok(count > 16, `${count} turns`)
  assert.equal(world.effectsOf(1, 'closeConn'), [])
})

test('that everybody has waited for reads is forgiven after a while', () => {
  const world = stage()
  for (const at of [1, 2, 3]) {
    ask(world, 1, create(`/v-${at}`), ...many(2_000), create(`/w-${at}`), CHILDREN)
    const count = turnsUntil(world, [1], 100 + 2_002)
    assert.ok(count > 6, `${count} turns`)
    world.ms += 100_000
    world.input(1, { kind: 'tick' })
    world.settle()
  }
  assert.equal(world.effectsOf(1, 'closeConn'), [])
  assert.ok(world.replica(1).tree.has('/w-3'))
})

test('who comes with little is not behind those that have had much', () => {
  const world = stage()
  world.connect(1, 100)
  crowd(world, Array.from({ length: 20 }, (_, at) => 2 + at), 100)
  turn(world)
  ask(world, 100, { op: 8, path: '/zookeeper', watch: false })
  assert.is(turnsUntil(world, [100], 100), 1)
  assert.ok(world.replica(1).deadline() <= world.ms, 'the others are not answered yet')
})

test('nor do those who come with little, however many, keep one with much from its answers', () => {
  const world = stage()
  const [little, much] = [Array.from({ length: 600 }, (_, at) => 10 + at), [2, 3]]
  for (const conn of [...much, ...little]) world.connect(1, conn, { timeoutMs: 40_000 })
  for (const conn of little) ask(world, conn, CHILDREN)
  for (const conn of much) ask(world, conn, ...many(60))
  const answered = new Map<number, number[]>(much.map((conn) => [conn, []]))
  for (let count = 1; count <= 12; count++) {
    for (const { conn, xid } of turn(world)) {
      if (answered.has(conn)) answered.get(conn)!.push(xid)
      // Asks for the next at once.
      else ask(world, conn, CHILDREN)
    }
  }
  for (const got of answered.values()) assert.equal(got, upTo(60))
})

test('a ping, or a get, of others does not wait for large answers', () => {
  const world = stage()
  world.connect(1, 100)
  world.connect(1, 101, { inProcess: false })
  crowd(world, [2, 3, 4, 5], 300)
  const { effects } = world.node(1)
  const from = effects.length
  ask(world, 100, { op: 11 }, { op: 4, path: '/big', watch: false }, { op: 3, path: '/big', watch: false })
  assert.ok(world.replica(1).readers!.readNow(101, { op: 11 }) !== null)
  assert.is(world.replica(1).readers!.readNow(101, CHILDREN), null)
  turn(world)
  const own = effects.slice(from).filter((effect) => effect.kind === 'reply' && effect.conn === 100)
  assert.is(own.length, 3)
})

test('but there is an end to what is answered at once of these as well', () => {
  const world = stage()
  world.connect(1, 100)
  crowd(world, [2], 300)
  ask(world, 100, ...many(60_000, { op: 11 }))
  const first = world.replica(1).take().filter((effect) => effect.kind === 'reply' && effect.conn === 100)
  assert.ok(first.length >= SPARE_ANSWER_BYTES / 256 && first.length < 60_000, `${first.length} at once`)
  assert.is(first.length + turns(world).flat().filter(({ conn }) => conn === 100).length, 60_000)
})

test('reads on the spot of one turn are bounded too, by what they cost, and go on in the next', () => {
  for (const request of [{ op: 104, path: '/big' }, { op: 103, path: '/none' }] as const) {
    const world = stage()
    world.connect(1, 2, { inProcess: false })
    if (request.op === 103) {
      world.request(1, 2, 1, { op: 14, ops: Array.from({ length: 1_000 }, (_, at) => create(`/held-${at}`, 1)) })
    }
    const { readers } = world.replica(1)
    let count = 0
    while (readers!.readNow(2, request) !== null && count < 100_000) count++
    assert.ok(count > 500 && count <= TURN_ANSWER_BYTES / (NAMES * 8), `${count} of ${request.op}`)
    assert.ok(readers!.readNow(1, request) !== null, 'who is in this process stops itself alone')
    ask(world, 2, request)
    assert.is(world.replica(1).deadline(), world.ms)
    assert.equal(xids(turns(world).flat()), [100])
    assert.ok(readers!.readNow(2, request) !== null)
  }
})

test('so are nodes that are looked at on the spot, by what there is to say of them', () => {
  const [listings, small] = [TURN_ANSWER_BYTES / NAMES / 24, (TURN_ANSWER_BYTES + SPARE_ANSWER_BYTES) / 256]
  for (const [op, most] of [[8, listings], [12, listings], [4, small], [3, small]] as const) {
    const world = stage()
    world.connect(1, 2, { inProcess: false })
    const { readers } = world.replica(1)
    let count = 0
    while (readers!.lookNow(2, op, '/big', false) !== null && count < 100_000) count++
    assert.ok(count > 100 && count <= most, `${count} of ${op}`)
    ask(world, 2, { op, path: '/big', watch: false })
    assert.equal(xids(turns(world).flat()), [100])
    assert.ok(readers!.lookNow(2, op, '/big', false) !== null)
  }
})

test.run()
