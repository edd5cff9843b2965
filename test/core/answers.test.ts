import type { Answers, ConnectInput, Effect, Input } from '../../lib/core/effects.ts'
import type { Limits } from '../../lib/core/limits.ts'
import { nodeOutcome } from '../../lib/core/tree/reads.ts'
import type { Outcome, Request, WatchEvent } from '../../lib/core/tree/request.ts'
import { makeRandom } from '../../lib/core/random.ts'
import { ZXID_ZERO } from '../../lib/core/zxid.ts'
import type { Zxid } from '../../lib/core/zxid.ts'
import { Answered } from '../../lib/testing/sim/answered.ts'
import { assert, suite } from '../harness.ts'
import { create, led } from './cluster.ts'
import type { World } from './cluster.ts'

const test = suite('answers')

type Told = { readonly xid: number, readonly zxid: Zxid, readonly outcome: Outcome } | { readonly event: WatchEvent }

const set = (path: string, version = -1): Request => ({ op: 5, path, data: Uint8Array.of(version & 0xff), version })
const read = (op: 3 | 4 | 8 | 12, path: string, watch = false): Request => ({ op, path, watch })

/** In one turn, in this order: reads between writes, what fails, and what is no read of a node. */
const PIPELINE: readonly Request[] = [
  read(4, '/a'), set('/a'), read(4, '/a', true), read(12, '/a'), set('/a', 7), set('/a'), read(4, '/a'), read(3, '/no'),
  read(8, '/no'), read(3, '/no', true), create('/no'), read(3, '/no'), read(8, '/'), read(4, '/hidden'), read(12, '/'),
  { op: 11 }, { op: 6, path: '/a' }, { op: 9, path: '/a' }, read(4, ''), read(3, '/x\0'),
  { op: 2, path: '/no', version: -1 },
  { op: 14, ops: [create('/m'), { op: 5, path: '/m', data: null, version: 0 }] }, read(4, '/m'), { op: -11 },
]

const CONNECT: ConnectInput = {
  kind: 'connect', conn: 1, session: null, password: new Uint8Array(16), timeoutMs: 5_000, lastZxidSeen: ZXID_ZERO,
  identities: [{ scheme: 'ip', id: '127.0.0.1' }], inProcess: false,
}

/** Of effects, what a connection is told. */
function toldBy(effects: readonly Effect[]): Told[] {
  return effects.flatMap((effect): Told[] => {
    if (effect.kind === 'event') return [{ event: effect.event }]
    return effect.kind === 'reply' ? [{ xid: effect.xid, zxid: effect.zxid, outcome: effect.outcome }] : []
  })
}

/** What connection 1 is told, and of how many of its replies by a node. */
function tell(withAnswers: boolean): { readonly told: Told[], readonly nodes: number } {
  const world = led({ voters: 1 })
  const told: Told[] = []
  let nodes = 0
  const answers: Answers = {
    onReply: (xid, zxid, outcome) => told.push({ xid, zxid, outcome }),
    onNode: (xid, zxid, op, node) => {
      nodes++
      told.push({ xid, zxid, outcome: nodeOutcome(op, node) })
    },
    onEvent: (event) => told.push({ event }),
  }
  world.input(1, { ...CONNECT, ...(withAnswers ? { answers } : {}) })
  world.settle()
  world.request(1, 1, 1, create('/a'))
  world.request(1, 1, 2, { ...create('/hidden'), acl: [{ perms: 30, scheme: 'world', id: 'anyone' }] })
  for (const [at, request] of PIPELINE.entries()) {
    world.replica(1).step(world.now, { kind: 'request', conn: 1, xid: 10 + at, request })
  }
  world.input(1, { kind: 'tick' })
  world.settle()
  const byEffects = toldBy(world.node(1).effects)
  assert.is(byEffects.length > 0, !withAnswers)
  told.push(...byEffects)
  return { told, nodes }
}

test('who hears its answers at once is told the same as by effects, in the same order', () => {
  const [byEffects, byAnswers] = [tell(false), tell(true)]
  assert.equal(byAnswers.told, byEffects.told)
  assert.is(byEffects.told.filter((one) => 'xid' in one).length, 2 + PIPELINE.length)
  assert.is(byEffects.told.filter((one) => 'event' in one).length, 2)
  // Six times a node or its data, where it is there, and the two changes that succeed.
  assert.is(byAnswers.nodes, 8)
})

/** One peer whose connection 1 hears its answers, and has what it reads of nodes kept. */
function keeping(limits: Partial<Limits> = {}): { readonly world: World, readonly answered: Answered } {
  const [world, answered] = [led({ voters: 1, limits }), new Answered()]
  for (const input of answered.asked([CONNECT])) world.input(1, input!)
  world.settle()
  return { world, answered }
}

/** Steps requests in one turn; returns how many reads came together with others. */
function ask({ world, answered }: ReturnType<typeof keeping>, requests: readonly Request[], firstXid: number): number {
  const inputs = requests.map((request, at): Input => ({ kind: 'request', conn: 1, xid: firstXid + at, request }))
  const asked = answered.asked(inputs)
  for (const input of asked) if (input !== null) world.replica(1).step(world.now, input)
  return asked.filter((input) => input === null).length
}

test('reads that are kept until their turn are answered the same, in the same order', () => {
  const stage = keeping()
  const { world, answered } = stage
  world.request(1, 1, 1, create('/a'))
  world.request(1, 1, 2, { ...create('/hidden'), acl: [{ perms: 30, scheme: 'world', id: 'anyone' }] })
  assert.ok(ask(stage, PIPELINE, 10) >= 6)
  world.input(1, { kind: 'tick' })
  world.settle()
  assert.equal(toldBy(answered.before([])), tell(false).told)
  assert.equal(toldBy(world.node(1).effects), [])
})

test('of reads that are kept no more are answered in a turn than of others, and a txn waits for them', () => {
  const stage = keeping()
  const { world, answered } = stage
  world.request(1, 1, 1, create('/big'))
  world.request(1, 1, 2, { op: 14, ops: Array.from({ length: 1_000 }, (_, at) => create(`/big/n-${at}`)) })
  answered.before([])
  const children = read(8, '/big')
  const requests = [set('/big'), ...Array.from({ length: 998 }, () => children), create('/big/more'), children]
  assert.is(ask(stage, requests, 10), 997)
  const counts: number[] = []
  const replies: Extract<Effect, { kind: 'reply' }>[] = []
  do {
    for (const act of [(): unknown => world.input(1, { kind: 'tick' }), (): unknown => world.complete(1)]) {
      act()
      const told = answered.before([]).filter((effect) => effect.kind === 'reply')
      counts.push(told.length)
      replies.push(...told)
    }
  } while (world.replica(1).deadline() <= world.ms || world.node(1).writes.length > 0)
  assert.equal(replies.map(({ xid }) => xid), requests.map((_, at) => 10 + at))
  assert.ok(counts.every((count) => count <= 700) && counts.filter((count) => count > 0).length >= 4, counts.join())
  const names = replies.map(({ outcome: { result } }) => result?.op === 8 ? result.children.length : null)
  assert.equal([names[1], names[998], names[1_000]], [1_000, 1_000, 1_001])
})

/** What connection 1 is told of some turns, each with some requests, of which few are written in the same one. */
function toldOf(seed: number, isKept: boolean): Told[] {
  const random = makeRandom(seed)
  const world = led({ voters: 1 })
  const answered = new Answered()
  for (const input of isKept ? answered.asked([CONNECT]) : [CONNECT]) world.input(1, input!)
  world.settle()
  answered.before([])
  const { effects } = world.node(1)
  const told: Told[] = []
  let heard = effects.length
  let xid = 100
  for (let turn = 0; turn < 60; turn++) {
    const inputs = Array.from({ length: random.below(12) }, (): Input =>
      ({ kind: 'request', conn: 1, xid: xid++, request: PIPELINE[random.below(PIPELINE.length - 1)]! }))
    for (const input of isKept ? answered.asked(inputs) : inputs) {
      if (input !== null) world.replica(1).step(world.now, input)
    }
    world.input(1, { kind: 'tick' })
    if (random.below(3) === 0) world.complete(1)
    if (turn === 59) world.settle()
    told.push(...toldBy(answered.before(effects.slice(heard))))
    heard = effects.length
  }
  assert.is(told.filter((one) => 'xid' in one).length, xid - 100)
  return told
}

test('whatever comes in which turn, and whenever what is written is on the disk, kept reads tell the same', () => {
  for (let seed = 1; seed <= 40; seed++) assert.equal(toldOf(seed, true), toldOf(seed, false), `seed ${seed}`)
})

test('kept reads count one by one among the requests that a connection may have under way', () => {
  for (const [reads, isCut] of [[7, false], [8, true]] as const) {
    const stage = keeping({ connectionRequests: 10 })
    const { world } = stage
    world.request(1, 1, 1, create('/a'))
    ask(stage, [set('/a'), set('/a'), ...Array.from({ length: reads }, () => read(4, '/a')), set('/a')], 10)
    assert.is(world.replica(1).clients.count, isCut ? 0 : 1)
    world.input(1, { kind: 'tick' })
    world.settle()
    if (isCut) continue
    // All are answered: there is room for as many again.
    ask(stage, [set('/a'), ...Array.from({ length: 9 }, () => read(4, '/a'))], 30)
    assert.is(world.replica(1).clients.count, 1)
  }
})

test('of a connection that ends no kept read is answered any more', () => {
  const stage = keeping()
  const { world, answered } = stage
  world.request(1, 1, 1, create('/a'))
  answered.before([])
  ask(stage, [set('/a'), read(4, '/a'), read(4, '/a')], 10)
  world.input(1, { kind: 'disconnect', conn: 1 })
  world.settle()
  assert.equal(answered.before([]), [])
})

test('what is told of the node is what it was then, whatever the same turn makes of it', () => {
  const { told } = tell(true)
  const versions = told.flatMap((one) => {
    const result = 'xid' in one ? one.outcome.result : null
    return result !== null && 'stat' in result && (result.op === 4 || result.op === 5) ? [result.stat.version] : []
  })
  assert.equal(versions.slice(0, 5), [0, 1, 1, 2, 2])
})

test('lists of children behind a write take as many turns, whoever hears of them', () => {
  const turnsOf = (answers: Answers | null, heard: () => number): number[] => {
    const world = led({ voters: 1 })
    world.input(1, { ...CONNECT, timeoutMs: 40_000, ...(answers === null ? {} : { answers }) })
    world.settle()
    world.request(1, 1, 1, create('/big'))
    const ops = Array.from({ length: 1_000 }, (_, at) => create(`/big/${'n'.repeat(400)}${at}`))
    world.request(1, 1, 2, { op: 14, ops })
    for (let at = 0; at < 100; at++) {
      const request = at === 0 ? set('/big') : read(at % 2 === 0 ? 8 : 12, '/big')
      world.replica(1).step(world.now, { kind: 'request', conn: 1, xid: 10 + at, request })
    }
    const before = (): number => heard() + world.effectsOf(1, 'reply').length
    const counts: number[] = []
    for (let from = before(); counts.length < 50 && from < 102; from = before()) {
      world.input(1, { kind: 'tick' })
      world.complete(1)
      counts.push(before() - from)
    }
    return counts
  }
  let heard = 0
  const hear = (): void => { heard++ }
  const byEffects = turnsOf(null, () => 0)
  const byAnswers = turnsOf({ onReply: hear, onNode: hear, onEvent: () => undefined }, () => heard)
  assert.equal(byAnswers, byEffects)
  assert.ok(byEffects.length > 3, String(byEffects))
})

test.run()
