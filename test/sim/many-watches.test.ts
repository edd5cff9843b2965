/** Clients that watch very much at once: all of it is armed anew on each connection, and every event of it is due. */
import { assert, suite } from '../harness.ts'
import type { SimClient } from '../../lib/testing/sim/client.ts'
import { Violation } from '../../lib/testing/sim/violation.ts'
import { NOTHING_LARGE } from '../../lib/testing/sim/workload.ts'
import { SimWorld } from '../../lib/testing/sim/world.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'
import { calmPlan } from './calm-plan.ts'

const test = suite('sim: many watches')

const MANY = 'client: many watches at once'
const WATCHES = 1_000

/** An ensemble in which nothing goes wrong by itself, with so many watches of two clients. */
function running(watches: number): SimWorld {
  const world = new SimWorld(calmPlan({ ...NOTHING_LARGE, watches }).world, makeTxnCodec())
  world.events.runUntil(5_000)
  return world
}

function countMany(world: SimWorld): number {
  return world.reached.counts[MANY] ?? 0
}

type Heard = Parameters<SimClient['hear']>[0]

/** What is said to this client is changed: it hears all of what `change` makes of an effect. */
function tamper(client: SimClient, change: (effect: Heard) => readonly Heard[]): void {
  const hear = client.hear.bind(client)
  client.hear = (effect) => { for (const one of change(effect)) hear(one) }
}

function isSeen(checks: readonly string[], run: () => void): void {
  assert.throws(run, (error: unknown) => error instanceof Violation && checks.includes(error.check))
}

test('two clients arm them on each connection, and none where none are drawn', () => {
  assert.is(countMany(running(0)), 0)
  const world = running(WATCHES)
  const before = countMany(world)
  assert.ok(before >= 2)
  const client = world.clients[0]!
  const { peer, conn } = client
  assert.ok(client.connected)
  world.crash(peer)
  world.start(peer)
  world.events.runUntil(10_000)
  assert.ok(client.connected && client.conn !== conn)
  assert.ok(countMany(world) > before)
})

/** Spoils the first event of a sequential node that came to be, of which only their watches tell. */
function spoilt(spoil: (effect: Heard) => readonly Heard[]): () => void {
  const world = running(WATCHES)
  let isDone = false
  tamper(world.clients[0]!, (effect) => {
    const isTheirs = effect.kind === 'event' && effect.event.zxid > 0 && /^\/n\d+-\d+$/.test(effect.event.path)
    if (isDone || !isTheirs) return [effect]
    isDone = true
    return spoil(effect)
  })
  return () => { world.events.runUntil(20_000) }
}

test('one of their events that is not told is seen, and one that is told twice', () => {
  spoilt((effect) => [effect])()
  isSeen(['C13', 'C14'], spoilt(() => []))
  isSeen(['C14'], spoilt((effect) => [effect, effect]))
}, { timeoutMs: 60_000 })

test('what had changed before they were armed and is not told of is seen', () => {
  const world = running(WATCHES)
  const client = world.clients[0]!
  tamper(client, (effect) => effect.kind === 'event' && effect.event.zxid === -1 ? [] : [effect])
  const { peer } = client
  world.crash(peer)
  world.start(peer)
  isSeen(['C14'], () => { world.events.runUntil(20_000) })
})

test.run()
