/** What goes wrong between clients and peers: what waits on their ways, and what becomes of clients and sessions. */
import { assert, suite } from '../harness.ts'
import { makeRandom } from '../../lib/core/random.ts'
import type { Random } from '../../lib/core/random.ts'
import type { SessionId } from '../../lib/core/tree/stat.ts'
import { strikeClients } from '../../lib/testing/sim/client-faults.ts'
import type { SimClient } from '../../lib/testing/sim/client.ts'
import { ClientWays } from '../../lib/testing/sim/client-ways.ts'
import type { Direction } from '../../lib/testing/sim/client-ways.ts'
import { EventQueue } from '../../lib/testing/sim/events.ts'
import { freeze } from '../../lib/testing/sim/freeze.ts'
import { drawRun } from '../../lib/testing/sim/reduction.ts'
import { play } from '../../lib/testing/sim/run.ts'
import { Storm } from '../../lib/testing/sim/storm.ts'
import { SimWorld } from '../../lib/testing/sim/world.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'
import { calmPlan } from './calm-plan.ts'

const test = suite('sim: ways of clients')
const codec = makeTxnCodec()

const EVER_MS = 1e9

/** Dice that come to these numbers, and to this share of every time. */
function loaded(share: number, ...rolls: number[]): Random {
  return { ...makeRandom(1), below: () => rolls.shift()!, unit: () => share }
}

/** What arrived on the ways of client 1 to peer 2 and others, in order. */
class Arrivals {
  readonly events = new EventQueue()
  readonly ways = new ClientWays(this.events)
  readonly all: string[] = []

  send(what: string, direction: Direction = 'out', client = 1, peer = 2): void {
    this.ways.pass(client, peer, direction, () => { this.all.push(what) })
  }

  runTo(ms: number): string {
    this.events.runUntil(ms)
    return this.all.join('')
  }
}

test('what comes while a way is held waits, in order; other ways are free', () => {
  const arrivals = new Arrivals()
  arrivals.ways.hold(1, 2, 'out', 100)
  arrivals.send('a')
  arrivals.send('b', 'in')
  arrivals.send('c', 'out', 2)
  arrivals.send('d', 'out', 1, 3)
  arrivals.send('e')
  assert.is(arrivals.runTo(99), 'bcd')
  assert.is(arrivals.runTo(101), 'bcdae')
  arrivals.send('f')
  assert.is(arrivals.all.at(-1), 'f')
  assert.is(arrivals.ways.waited, 2)
})

test('of two that hold a way the later end counts', () => {
  const arrivals = new Arrivals()
  arrivals.ways.hold(1, 2, 'out', 100)
  arrivals.ways.hold(1, 2, 'out', 200)
  arrivals.ways.hold(1, 2, 'out', 50)
  arrivals.send('a')
  assert.is(arrivals.runTo(199), '')
  assert.is(arrivals.runTo(201), 'a')
})

test('late messages hold back those behind them, for as long as they are to be', () => {
  const arrivals = new Arrivals()
  arrivals.ways.stretch(1, 1_000, 50, makeRandom(1))
  const sent = Array.from({ length: 100 }, (_, at) => `${at} `)
  for (const [at, what] of sent.entries()) arrivals.events.at(10 * at, () => { arrivals.send(what) })
  let mostWaiting = 0
  for (let ms = 5; ms < 1_000; ms += 10) {
    arrivals.events.runUntil(ms)
    mostWaiting = Math.max(mostWaiting, Math.ceil(ms / 10) - arrivals.all.length)
  }
  assert.ok(mostWaiting >= 3, `${mostWaiting} waited`)
  assert.is(arrivals.runTo(EVER_MS), sent.join(''))
  const { late } = arrivals.ways
  assert.ok(late > 3, `${late} were late`)
  for (const what of sent) arrivals.send(what)
  assert.is(arrivals.all.length, 200)
  assert.is(arrivals.ways.late, late)
})

test('when the storm is over everything flows, and nothing is held any more', () => {
  const arrivals = new Arrivals()
  arrivals.ways.hold(1, 2, 'out', EVER_MS)
  arrivals.ways.hold(1, 2, 'in', EVER_MS)
  arrivals.ways.stretch(1, EVER_MS, EVER_MS, makeRandom(1))
  arrivals.send('a')
  arrivals.send('b')
  arrivals.send('c', 'in')
  arrivals.ways.calm()
  assert.is(arrivals.all.join(''), 'abc')
  arrivals.ways.hold(1, 2, 'out', EVER_MS)
  arrivals.ways.stretch(1, EVER_MS, EVER_MS, makeRandom(1))
  for (let left = 50; left > 0; left--) arrivals.send('d')
  assert.is(arrivals.all.length, 53)
})

/** It runs, and everybody is connected. */
function running(): SimWorld {
  const world = new SimWorld(calmPlan().world, codec)
  world.events.runUntil(8_000)
  assert.ok(world.clients.every(({ connected }) => connected))
  return world
}

function doneFor(world: SimWorld, session: SessionId): number {
  return world.ghost.G.filter(({ txn }) => txn.session === session && txn.tag !== 0).length
}

function pass(world: SimWorld, ms: number): void {
  world.events.runUntil(world.events.nowMs + ms)
}

/** Who writes, and has a session of this length at least. */
function writerOf(world: SimWorld, leastMs: number): SimClient {
  return world.clients.find(({ session, timeoutMs }) => timeoutMs >= leastMs && doneFor(world, session!) > 5)!
}

function holdAll(world: SimWorld, { id }: SimClient, direction: Direction): void {
  for (const peer of world.peers) world.clientWays.hold(id, peer, direction, EVER_MS)
}

test('who hears nothing is heard; what it was told comes when the way is free', () => {
  const world = running()
  const client = writerOf(world, 4_000)
  const { acked, conn } = client
  const done = doneFor(world, client.session!)
  holdAll(world, client, 'in')
  pass(world, 3_000)
  assert.is(client.acked, acked)
  assert.ok(doneFor(world, client.session!) > done)
  const { pending } = client
  assert.ok(pending > 0)
  world.clientWays.calm()
  assert.is(client.acked, acked + pending, 'all of it had been answered')
  assert.is(client.conn, conn)
})

test('who is not heard is told what there is, until its session is over', () => {
  const world = running()
  const client = world.clients.find(({ timeoutMs }) => timeoutMs === 4_000)!
  const session = client.session!
  const tree = world.leader!.tree
  pass(world, 10)
  holdAll(world, client, 'out')
  const word = world.ghost.lastWords.get(session)
  pass(world, 3_000)
  assert.ok(tree.sessions.has(session))
  assert.is(world.ghost.lastWords.get(session), word)
  pass(world, 3_000)
  assert.not.ok(tree.sessions.has(session))
  world.clientWays.calm()
  pass(world, 3_000)
  assert.is(client.expired, 1)
  assert.ok(client.connected && client.session !== session)
})

test('a client believes in a connection that its peer has forgotten, until it is told', () => {
  const world = running()
  const client = writerOf(world, 10_000)
  const { conn, peer } = client
  const { conns } = world.servers.get(peer)!
  const at = world.clients.indexOf(client)
  assert.ok(conns.has(conn))
  // The shape, one client, that one, and a tenth of 45 s.
  strikeClients(world, loaded(0.1, 3, 0, at, 0), 1)
  assert.not.ok(conns.has(conn))
  pass(world, 4_400)
  assert.is(client.conn, conn)
  assert.ok(client.pending > 0)
  pass(world, 1_000)
  assert.is.not(client.conn, conn)
  assert.ok(client.connected)
  assert.is(world.reached.counts['client: half-open'], 1)
})

test('whatever is held is free in a healed core', () => {
  const plan = calmPlan()
  const world = new SimWorld(plan.world, codec)
  const storm = new Storm(world, plan, [])
  world.events.runUntil(plan.stormMs - 1_500)
  for (const client of world.clients) {
    holdAll(world, client, 'out')
    if (client.id % 2 === 0) holdAll(world, client, 'in')
  }
  world.events.runUntil(plan.stormMs)
  const waited = world.clientWays.waited
  assert.ok(waited > 50, `${waited} waited`)
  const { sent, answered } = freeze(world, storm, plan)
  assert.ok(sent > 100 && answered > 0.95 * sent)
  assert.is(world.clientWays.waited, waited)
})

test('storms have all of it', () => {
  const reached: Record<string, number> = {}
  for (let seed = 1, left = 3; left > 0; seed++) {
    const run = drawRun(seed)
    if (run.faults.filter(({ kind }) => kind === 'clients').length < 10) continue
    left--
    const result = play(run, codec)
    assert.is(result.failure, null)
    for (const [what, count] of Object.entries(result.reached)) reached[what] = (reached[what] ?? 0) + count
  }
  for (const what of ['its way is held', 'a message is late', 'half-open']) {
    assert.ok((reached[`client: ${what}`] ?? 0) > 0, what)
  }
}, { timeoutMs: 120_000 })

test.run()
