import { assert, suite } from '../harness.ts'
import { makeRandom } from '../../lib/core/random.ts'
import type { Input } from '../../lib/core/effects.ts'
import type { Replica } from '../../lib/core/replica.ts'
import type { SessionId } from '../../lib/core/tree/stat.ts'
import type { ConnectionEnd } from '../../lib/testing/sim/client-world.ts'
import { EventQueue } from '../../lib/testing/sim/events.ts'
import { Patience, freeze, observersOutside } from '../../lib/testing/sim/freeze.ts'
import type { FreezeFigures } from '../../lib/testing/sim/freeze.ts'
import { drawPlan } from '../../lib/testing/sim/plan.ts'
import type { Plan } from '../../lib/testing/sim/plan.ts'
import { Probe } from '../../lib/testing/sim/probe.ts'
import { Shortage } from '../../lib/testing/sim/shortage.ts'
import { Silences } from '../../lib/testing/sim/silences.ts'
import { Storm } from '../../lib/testing/sim/storm.ts'
import { Stranded } from '../../lib/testing/sim/stranded.ts'
import { Violation } from '../../lib/testing/sim/violation.ts'
import type { WorldPlan } from '../../lib/testing/sim/server.ts'
import { SimWorld } from '../../lib/testing/sim/world.ts'
import type { SeedResult } from '../../lib/testing/sim/run.ts'
import { makeTxnCodec } from '../../lib/wire/txn.ts'
import { calmPlan as quietPlan } from './calm-plan.ts'
import { Totals } from './totals.ts'

/** The bounds that a healed core is measured against: each is shown to be seen when it is broken. */
const test = suite('sim: liveness')
const codec = makeTxnCodec()

/** A short run of a small ensemble in which nothing goes wrong by itself. */
function calmPlan(): Plan {
  for (let seed = 1; ; seed++) {
    const plan = drawPlan(seed)
    const { timing, limits, epochTxns, priorities, clientPlan } = plan.world
    const isPlain = timing.tickMs === 200 && limits.snapshotTxns > 1_000 && limits.outstandingTxns > 1_000 &&
      epochTxns === undefined && priorities === null && !clientPlan.areSlow && clientPlan.opsPerSecond > 50
    if (!isPlain) continue
    return { ...plan, stormMs: 10_000, finalSilenceMs: 0, world: { ...plan.world, voters: 3, spoils: null } }
  }
}

/** Heals it although nothing was wrong; `spoil` is given the world right before. */
function heal(
  spoil: (world: SimWorld) => void, changes: Partial<WorldPlan> = {},
): { readonly figures: FreezeFigures, readonly endedMs: number } {
  const calm = calmPlan()
  const plan = { ...calm, world: { ...calm.world, ...changes } }
  const world = new SimWorld(plan.world, codec)
  const storm = new Storm(world, plan, [])
  world.events.runUntil(plan.stormMs - 500)
  spoil(world)
  world.events.runUntil(plan.stormMs)
  return { figures: freeze(world, storm, plan), endedMs: world.events.nowMs }
}

function isSeen(check: string, what: RegExp, run: () => unknown): void {
  try {
    run()
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    assert.is(error.check, check, error.message)
    assert.match(error.message, what)
    return
  }
  assert.unreachable(`${check} was not seen`)
}

/** From now on requests of every third connection get lost in the peer, or all in those that do not lead. */
function swallow(world: SimWorld, inFollowers = false): void {
  const input = world.input.bind(world)
  world.input = (peer: number, given: Input): boolean => {
    const isMeant = (conn: number): boolean =>
      inFollowers ? peer !== world.leader?.config.peerId : conn % 3 === 0
    return (given.kind === 'request' && isMeant(given.conn)) || input(peer, given)
  }
}

test('a healed core that does what it must is measured', () => {
  const { figures } = heal(() => undefined)
  assert.ok((figures.leaderTicks ?? 0) < 30)
  assert.ok(figures.writeTicks > 0 && figures.writeTicks < 3)
  assert.ok(figures.sent > 100 && figures.answered > 0.95 * figures.sent)
})

test('an observer may be outside of the core, and stays as broken as a voter does', () => {
  const { world } = calmPlan()
  const observers = 1
  let seed = 1
  const isOutside = (): boolean =>
    observersOutside({ ...calmPlan(), ending: 'core heals', world: { ...world, seed, observers } }).length > 0
  while (!isOutside()) assert.ok(++seed < 100, 'no seed leaves one outside')
  const worlds: SimWorld[] = []
  heal((own) => { worlds.push(own) }, { seed, observers })
  const { counts } = worlds[0]!.reached
  assert.is(counts['freeze: an observer stays away'], 1)
  assert.ok(Object.keys(counts).some((what) => what.startsWith('freeze: one is ')))
})

test('L2: answers that do not keep pace with the requests', () => {
  isSeen('L2', /requests were answered/, () => heal((world) => {
    world.events.at(10_100, () => { swallow(world, true) })
  }))
})

test('L4: a leader that goes when all is quiet, after any other check', () => {
  const { endedMs } = heal(() => undefined)
  isSeen('L4', /quiet ticks/, () => heal((world) => {
    world.events.at(endedMs - 60 * 200, () => {
      const { peerId } = world.leader!.config
      world.crash(peerId)
      world.start(peerId)
    })
  }))
})

test('L7: a silent session is closed within its own time, whatever others have', () => {
  const plan = calmPlan()
  const watch = (silences: (world: SimWorld) => void): void => {
    const world = new SimWorld(plan.world, codec)
    world.events.runUntil(10_000)
    silences(world)
    world.events.runUntil(70_000)
  }
  const leader = (world: SimWorld) => (): number => world.leader?.config.peerId ?? 0
  watch((world) => { void new Silences(world, { leader: leader(world), isTimed: true }) })
  isSeen('L7', /of 4000 ms is open after/, () => watch((world) => {
    void new Silences(world, { leader: leader(world), isTimed: true })
    const client = world.clients.find(({ timeoutMs, connected }) => timeoutMs === 4_000 && connected)!
    client.stop()
    // Somebody keeps it alive, and it is not its client.
    const { session } = client
    const touch = (): void => {
      world.step(world.leader!.config.peerId, { kind: 'tick' })
      world.leader!.route.intake?.touch([session!])
      world.events.after(500, touch)
    }
    touch()
  }))
})

/** Somebody outside the core leads on, with a clock that loses two hours of five, as none of the core does. */
function healBeside(spoil: (world: SimWorld) => void): void {
  const plan = calmPlan()
  const world = new SimWorld(plan.world, codec)
  const storm = new Storm(world, plan, [])
  world.events.runUntil(plan.stormMs)
  const leader = world.servers.get(world.leader!.config.peerId)!
  leader.jumpedMs += world.events.nowMs * (leader.rate - 0.6)
  leader.rate = 0.6
  // It is the one that stays away, and is not restarted for that.
  const drawn = [1, leader.id - 1]
  const { random } = world
  Object.assign(world, { random: { ...random, below: (limit: number) => drawn.shift() ?? random.below(limit) } })
  storm.end = () => undefined
  spoil(world)
  freeze(world, storm, plan)
  assert.is(world.leader, leader.replica)
}

test('L1: time does not run while something gets on, and runs while it does not', () => {
  const lasts = (progress: (ms: number) => number): number => {
    const patience = new Patience(1_000, 6_000, 1_000)
    let ms = 1_000
    while (!patience.isOver(ms, progress(ms)) && ms < 100_000) ms += 50
    return ms
  }
  assert.is(lasts(() => 0), 7_000)
  assert.is(lasts((ms) => ms), 100_000)
  // It gets on for ten seconds, and is taken for moving for one more.
  assert.is(lasts((ms) => Math.min(ms, 11_000)), 17_950)
  // Once in two seconds, it moves for half of the time.
  assert.ok(Math.abs(lasts((ms) => Math.floor(ms / 2_000)) - 13_000) < 1_000)
})

test('L7: all sessions are closed in time, by the clock of a leader outside of the core', () => {
  healBeside(() => undefined)
  isSeen('L7', /an abandoned session is open still/, () => healBeside((world) => {
    const touch = (): void => {
      const { route: { intake }, tree } = world.leader!
      intake!.touch(tree.sessions.keys())
      world.events.after(500, touch)
    }
    touch()
  }))
})

test('L8: one looks for a leader again and again, although one leads on', () => {
  const { endedMs } = heal(() => undefined, { observers: 1 })
  isSeen('L8', /rounds of elections/, () => heal((world) => {
    const observer = world.peers.at(-1)!
    for (let tick = 90; tick > 10; tick--) {
      world.events.at(endedMs - tick * 200, () => {
        world.crash(observer)
        world.start(observer)
      })
    }
  }, { observers: 1 }))
})

test('L5: a request of the storm that is never answered', () => {
  isSeen('L5', /asked in the storm/, () => heal((world) => { swallow(world) }))
})

/** More is asked for than the bounds let through: requests wait for seconds, each for all before it. */
function throttled(): Partial<WorldPlan> {
  const { limits, network, clientPlan } = calmPlan().world
  return {
    limits: { ...limits, outstandingBytes: 500, linkWindowBytes: 1_000 },
    network: { ...network, latencyMs: 50, tailMs: 20 },
    clientPlan: { ...clientPlan, opsPerSecond: 200, pipeline: 64 },
  }
}

test('L5: where the bounds hold requests back it is enough that some are answered', () => {
  let late = 0
  heal((world) => {
    world.events.at(10_000, () => {
      const asked = world.clients.filter(({ pending }) => pending > 0)
        .map((client) => [client, client.lastXid] as const)
      world.events.after(2_100, () => { late = asked.filter(([{ oldestXid }, last]) => oldestXid <= last).length })
    })
  }, throttled())
  assert.ok(late > 0)
})

test('L5: a request of the storm that is never answered, where the bounds hold others back', () => {
  isSeen('L5', /asked in the storm/, () => heal((world) => { swallow(world) }, throttled()))
})

test('L5: a connection that is left over', () => {
  const { endedMs } = heal(() => undefined)
  const silent: ConnectionEnd = { hear: () => undefined, cut: () => undefined }
  isSeen('L5', /1 connections left/, () => heal((world) => {
    world.events.at(endedMs - 10 * 200, () => {
      const conn = world.nextConn()
      world.register(conn, 1, silent)
      world.input(1, {
        kind: 'connect', conn, session: null, password: new Uint8Array(16), timeoutMs: 30_000, lastZxidSeen: 0 as never,
        identities: [], inProcess: false,
      })
    })
  }))
})

test('L5: a link that nobody dials again', () => {
  const { endedMs } = heal(() => undefined)
  isSeen('L5', /no link to/, () => heal((world) => {
    world.events.at(endedMs - 100, () => {
      const { links, config } = world.leader!
      const other = config.peerId === 1 ? 2 : 1
      links.down(links.current.get(other))
    })
  }))
})

/** A probe of a peer that is played by the test. */
class Peer {
  readonly events = new EventQueue()
  readonly inputs: Input[] = []
  end: ConnectionEnd | null = null
  readonly shortage = { lastMs: -Infinity }

  constructor() {
    const { events, shortage } = this
    new Probe({
      events, ghost: { ask: () => undefined, at: () => undefined, lastWords: new Map() },
      nextConn: () => 1, latencyMs: () => 1,
      register: (_conn, _peer, end) => { this.end = end },
      input: (_peer, input) => this.inputs.push(input) > 0,
    }, makeRandom(1), { tickMs: 100, timeoutMs: 5_000, leader: () => 1, isTimed: true, shortage })
  }

  open(): void {
    this.events.runUntil(50)
    const session = '0x1' as SessionId
    this.end!.hear({ kind: 'connected', conn: 1, session, password: new Uint8Array(16), timeoutMs: 5_000 })
  }
}

test('L2: a session that the leader does not open within three ticks', () => {
  const peer = new Peer()
  peer.events.runUntil(299)
  isSeen('L2', /not opened within 300 ms/, () => { peer.events.runUntil(301) })
})

test('L2: a write that the leader does not answer within three ticks', () => {
  const peer = new Peer()
  peer.open()
  peer.events.runUntil(399)
  assert.equal(peer.inputs.map(({ kind }) => kind), ['connect', 'request'])
  isSeen('L2', /a write was not answered/, () => { peer.events.runUntil(401) })
})

test('L2: a write that the leader does not answer within three ticks of having a quorum again', () => {
  const peer = new Peer()
  peer.open()
  peer.events.runUntil(200)
  peer.shortage.lastMs = 250
  peer.events.runUntil(500)
  peer.shortage.lastMs = 350
  peer.events.runUntil(649)
  isSeen('L2', /a write was not answered/, () => { peer.events.runUntil(651) })
})

for (const [what, changes] of [['', {}], [', whatever epochs end meanwhile', { epochTxns: 100 }]] as const) {
  test(`L3: one of the core that hears nothing from its peers and does not serve${what}`, () => {
    const worlds: SimWorld[] = []
    isSeen('L3', /not all of the core serve/, () => heal((world) => {
      worlds.push(world)
      const deaf = world.peers.find((id) => id !== world.leader?.config.peerId)!
      world.crash(deaf)
      world.start(deaf)
      const { replica } = world.servers.get(deaf)!
      const step = replica!.step.bind(replica)
      replica!.step = (now, input) => { if (input.kind !== 'receive') step(now, input) }
    }, changes))
    assert.is(worlds[0]!.elections > 3, 'epochTxns' in changes)
  })
}

test('L3: a voter that counts and is linked with a leader that needs it does not follow it', () => {
  const events = new EventQueue()
  const links = new Set([1, 2])
  const peer = (peerId: number, isWhole = true): Replica => ({
    config: { peerId }, learner: null, isLinked: (other: number) => links.has(other),
    founding: { health: 'ok', counts: () => isWhole },
  } as never)
  const [one, leader, damaged, follower] = [peer(1), peer(2), peer(1, false), peer(1)]
  Object.assign(follower, { learner: { leader: 2 } })
  let voters = [one, leader]
  let short: Replica | null = leader
  new Stranded({ events, voters: () => voters, short: () => short }, 1_000)
  events.runUntil(900)
  short = null
  events.runUntil(1_100)
  short = leader
  events.runUntil(2_000)
  links.delete(1)
  events.runUntil(2_100)
  links.add(1)
  voters = [damaged, leader, follower]
  events.runUntil(9_000)
  voters = [one, leader]
  events.runUntil(10_000)
  isSeen('L3', /server 1 does not follow 2, which needs it/, () => { events.runUntil(10_200) })
})

test('a shortage lasts while so many count that they are no quorum, and nothing is metered in it', () => {
  const events = new EventQueue()
  const learners = new Map([[1, { counts: true }], [2, { counts: false }], [3, { counts: false }]])
  const meter = { peers: new Set<number>(), isOpen: true, isHeld: false, patienceMs: 1, sent: 0, answered: 0 }
  let isLed = false
  const shortage = new Shortage({
    events, meter, plan: { voters: 5 }, get leader() { return isLed ? { leader: { learners } } as never : null },
  })
  events.runUntil(100)
  assert.is(shortage.lastMs, -Infinity)
  isLed = true
  events.runUntil(200)
  assert.is(shortage.lastMs, 200)
  assert.is(meter.isHeld, true)
  learners.get(2)!.counts = true
  events.runUntil(300)
  assert.is(shortage.lastMs, 200)
  assert.is(meter.isHeld, false)
})

test('L7: a session that speaks is closed', () => {
  const peer = new Peer()
  peer.open()
  peer.events.runUntil(150)
  peer.end!.hear({ kind: 'closeConn', conn: 1, code: 'SessionExpired' })
  isSeen('L7', /was closed/, () => { peer.events.runUntil(160) })
})

/** As a run came to that had a leader after so long. */
function resultWith(leaderTicks: number | null): SeedResult {
  return {
    seed: 1, simulatedMs: 1, endedMs: 1, steps: 1, asked: 1, commits: 1, elections: 1, acked: 1, expired: 0,
    faults: {} as SeedResult['faults'], syncs: { diff: 0, trunc: 0, snap: 0 }, reached: {}, fingerprint: 0,
    failure: null, freeze: { leaderTicks, writeTicks: 1, sent: 0, answered: 0, quietMs: 0, idleMs: 0 },
  }
}

test('L1: the median over many runs that had no leader', () => {
  const totals = new Totals()
  for (let i = 0; i < 31; i++) totals.add(resultWith(i < 15 ? 1 : 8))
  for (let i = 0; i < 100; i++) totals.add(resultWith(null))
  assert.is(totals.slow, null)
  for (let i = 0; i < 2; i++) totals.add(resultWith(8.5))
  assert.is(totals.leaderTicks(0.5), 8)
  for (let i = 0; i < 40; i++) totals.add(resultWith(9))
  assert.match(totals.slow ?? '', /more than 8 ticks/)
})

/** Every connection ends as `code` says, while requests are on their way; how many of those count as not answered. */
function unanswered(code: 'SessionExpired' | 'ConnectionLoss'): number {
  const world = new SimWorld(quietPlan().world, codec)
  world.events.runUntil(5_000)
  const meter = { peers: new Set(world.peers), isOpen: true, isHeld: false, patienceMs: 1_000, sent: 0, answered: 0 }
  world.meter = meter
  world.events.runUntil(6_000)
  while (meter.sent - meter.answered < 3) world.events.runUntil(world.events.nowMs + 0.5)
  for (const { conns } of world.servers.values()) {
    for (const [conn, client] of conns) client.hear({ kind: 'closeConn', conn, code })
    conns.clear()
  }
  meter.isOpen = false
  world.events.runUntil(10_000)
  assert.ok(meter.answered > 100)
  return meter.sent - meter.answered
}

test('what a client sent before it heard that its session was over does not count as not answered', () => {
  assert.is(unanswered('SessionExpired'), 0)
  assert.ok(unanswered('ConnectionLoss') > 0)
})

test.run()
