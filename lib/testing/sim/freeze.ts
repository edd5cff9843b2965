import type { Random } from '../../core/random.ts'
import { makeRandom } from '../../core/random.ts'
import type { Replica } from '../../core/replica.ts'
import { DEFAULT_LIMITS } from '../../core/limits.ts'
import { meanThinkMs } from './client-plan.ts'
import type { SimClient } from './client.ts'
import type { Meter } from './client-world.ts'
import type { Plan } from './plan.ts'
import { Probe } from './probe.ts'
import { Shortage, afterShortage } from './shortage.ts'
import { Silences } from './silences.ts'
import { LOOKS } from './reached.ts'
import type { Storm } from './storm.ts'
import { Stranded } from './stranded.ts'
import { Violation } from './violation.ts'
import type { SimWorld } from './world.ts'

const IDLE_TICKS = 10
/** What one outside the core may say and be answered in a tick, for each peer. */
const IDLE_TALK = 4
/** An epoch ended by itself. */
const USED_UP = 'resigned: the zxid counter is used up'
const CALLED = 'resigned: a voter promised a later epoch'
/** So many of them that end by themselves may pass before all serve. */
const SHORT_EPOCHS = 10
/** Ticks for which a leader of a healed core leads on. */
const STABLE_TICKS = 100
/** Of elections, by one who cannot join. */
const ROUNDS_PER_TICK = 0.5
/** So much of what clients ask for is answered once somebody leads. */
const KEPT_PACE = 0.9
/** Fewer requests say nothing about that. */
const PACE_REQUESTS = 50
/** Nor do so many answers: one client that has much under way may end its session, or leave. */
const PACE_LOST = 16
/** Clocks of a healed core are right up to a fiftieth, between each other. */
const DRIFT = 1.02

interface Rounds {
  readonly looks: number
  readonly looking: ReadonlyMap<Replica, number>
}

/** What the healed core came to. */
export interface FreezeFigures {
  /** Ticks from the end of the storm until somebody led; null when somebody did all the time. */
  readonly leaderTicks: number | null
  /** Ticks that the slowest write of a client of the leader took. */
  readonly writeTicks: number
  /** Requests in the calm, and how many of them were answered; 0 where that was not asked. */
  readonly sent: number
  readonly answered: number
  /** Time since the clients stopped, until the core was seen equal, empty and quiet. */
  readonly quietMs: number
  /** Time at the end in which nobody asked for anything, only to see that the leader leads on. */
  readonly idleMs: number
}

/** L1: twice the bound of discovery, once that of silence, five ticks, by clocks that are nearly right. */
export function boundMsOf({ world: { timing } }: Plan): number {
  return (2 * timing.initMs + timing.syncMs + 5 * timing.tickMs) * DRIFT
}

/**
 * Heals a core that holds a quorum and measures it against the bounds of the plan: L1 leader, L2 writes, L3 all serve,
 * L4 stable, L5 all answered, L6 equal, L7 abandoned sessions closed and others not, L8 quiet.
 */
export function freeze(world: SimWorld, storm: Storm, plan: Plan): FreezeFigures {
  return new Freeze(world, storm, plan).run()
}

/** Of two runs with observers one may leave some of them outside, by dice of their own. */
export function observersOutside({ ending, world: { seed, voters, observers } }: Plan): number[] {
  const random = makeRandom(seed ^ 0xbee)
  if (ending === 'no faults' || random.below(2) > 0) return []
  return Array.from({ length: random.below(observers + 1) }, (_, at) => voters + 1 + at)
}

/** Whoever gets on is waited for up to so many times as long as one who does not. */
const PATIENT_BOUNDS = 4

/** A bound of time that does not run while something gets on. */
export class Patience {
  #limitMs: number
  #lookedMs: number
  #gotOnMs = -Infinity
  #progress = 0
  /** Who has not got on for so long stands still. */
  readonly #stillMs: number

  constructor(nowMs: number, boundMs: number, stillMs: number) {
    this.#lookedMs = nowMs
    this.#limitMs = nowMs + boundMs
    this.#stillMs = stillMs
  }

  /** To be asked every now and then; `progress` is any number that changes as it gets on. */
  isOver(nowMs: number, progress: number): boolean {
    if (progress !== this.#progress) this.#gotOnMs = nowMs
    this.#progress = progress
    if (nowMs - this.#gotOnMs < this.#stillMs) this.#limitMs += nowMs - this.#lookedMs
    this.#lookedMs = nowMs
    return nowMs >= this.#limitMs
  }
}

class Freeze {
  readonly #world: SimWorld
  readonly #plan: Plan
  /** Outside the core things stay broken for ever. */
  readonly #gone: ReadonlySet<number>
  readonly #core: readonly number[]
  readonly #boundMs: number
  readonly #tickMs: number
  readonly #random: Random
  readonly #shortage: Shortage

  constructor(world: SimWorld, storm: Storm, plan: Plan) {
    this.#world = world
    this.#plan = plan
    this.#boundMs = boundMsOf(plan)
    this.#tickMs = plan.world.timing.tickMs
    this.#random = makeRandom(plan.world.seed ^ 0x9_0be)
    const gone = new Set(observersOutside(plan))
    if (gone.size > 0) world.reached.hit('freeze: an observer stays away')
    const most = plan.ending === 'no faults' ? 0 : storm.spare
    for (let i = world.random.below(most + 1); i > 0; i--) gone.add(1 + world.random.below(plan.world.voters))
    this.#gone = gone
    this.#core = world.peers.filter((id) => !gone.has(id))
    this.#shortage = new Shortage(world)
    this.#watchPending()
    storm.end(gone, world.random)
    world.requestsLeft = Infinity
    world.note(`freeze: ${[...gone].join(',')} stay away`)
  }

  run(): FreezeFigures {
    const world = this.#world
    const startMs = world.events.nowMs
    const wasLed = this.#isLed()
    const stranded = this.#watchStranded()
    this.#untilLed(startMs)
    const leaderTicks = wasLed ? null : (world.events.nowMs - startMs) / this.#tickMs
    const probe = this.#probe()
    const meter = this.#meter()
    const { elections, ghost: { commits } } = world
    const wordMs = this.#boundMs + longestThinkMs(this.#plan)
    this.#until(world.events.nowMs + wordMs, () => world.ghost.commits > commits + 3, 'L2', 'no commits')
    this.#allServe(true)
    const silences = new Silences(world, { leader: () => this.#leader, isTimed: !this.#isThrottled })
    const endMs = this.#plan.stormMs + this.#plan.finalSilenceMs + this.#plan.calmMs
    this.#settle(endMs)
    this.#checkPace(meter, elections)
    this.#shortage.stop()
    stranded.stop()
    probe.stop()
    for (const client of world.clients) client.stop()
    const stoppedMs = world.events.nowMs
    world.events.runUntil(world.events.nowMs + 4 * this.#tickMs + 2_000)
    this.#allServe(false)
    const replicas = this.#core.map((id) => world.servers.get(id)!.replica!)
    this.#until(world.events.nowMs + this.#boundMs, () => areEqual(replicas), 'L6', 'the core did not converge')
    this.#until(world.events.nowMs + this.#boundMs, () => this.#waiting.length === 0, 'L5',
      'a request was never answered')
    silences.isTimed = true
    this.#silence(replicas)
    silences.stop()
    this.#checkIdle()
    world.events.runUntil(Math.max(world.events.nowMs, endMs))
    const quietMs = world.events.nowMs - stoppedMs
    const idleMs = this.#checkStable()
    this.#checkLeft(replicas)
    const { sent, answered } = meter
    return { leaderTicks, writeTicks: probe.slowestMs / this.#tickMs, sent, answered, quietMs, idleMs }
  }

  #until(limitMs: number, done: () => boolean, check: string, what: string): void {
    until(this.#world, limitMs, done, check, what)
  }

  // --- L1, L2 ------------------------------------------------------------------------------------------------------

  /** The time in which a voter that completes the quorum is brought up, and gets on, does not count. */
  #untilLed(startMs: number): void {
    const { events, servers, plan: { timing: { syncMs } } } = this.#world
    const pieces = (): number => {
      let sum = 0
      for (const { replica } of servers.values()) {
        const { leader } = replica ?? { leader: null }
        if (leader === null || leader.active) continue
        for (const { piecesAcked } of leader.learners.values()) sum += piecesAcked
      }
      return sum
    }
    const patience = new Patience(startMs, this.#boundMs, syncMs)
    this.#until(startMs + PATIENT_BOUNDS * this.#boundMs,
      () => this.#isLed() || patience.isOver(events.nowMs, pieces()), 'L1', 'no leader')
    if (!this.#isLed()) throw new Violation('L1', `no leader by ${events.nowMs.toFixed(0)} ms`)
  }

  /** Somebody is established, and a quorum of voters follows. */
  #isLed(): boolean {
    const { leader, servers, plan: { voters } } = this.#world
    if (leader === null) return false
    const { peerId } = leader.config
    let count = 0
    for (const { id, replica } of servers.values()) {
      if (id > voters || replica === null) continue
      const { learner } = replica
      if (replica === leader || (learner?.leader === peerId && learner.epoch === leader.leader!.epoch)) count++
    }
    return count * 2 > voters
  }

  /** The one of the core that leads, 0 when another or nobody does. */
  get #leader(): number {
    const id = this.#world.leader?.config.peerId ?? 0
    return this.#gone.has(id) ? 0 : id
  }

  /** True where the bounds of the run are so small that they, and not the ensemble, say how fast writes are. */
  get #isThrottled(): boolean {
    const { limits } = this.#plan.world
    return limits.outstandingTxns < DEFAULT_LIMITS.outstandingTxns ||
      limits.outstandingBytes < DEFAULT_LIMITS.outstandingBytes ||
      limits.linkWindowBytes < DEFAULT_LIMITS.linkWindowBytes
  }

  #probe(): Probe {
    return new Probe(this.#world, this.#random, {
      tickMs: this.#tickMs, timeoutMs: this.#plan.world.timing.sessionMaxMs, leader: () => this.#leader,
      isTimed: !this.#isThrottled, shortage: this.#shortage,
    })
  }

  #meter(): Meter {
    return this.#world.meter = {
      peers: new Set(this.#core), isOpen: !this.#isThrottled, isHeld: false, patienceMs: 3 * this.#tickMs,
      sent: 0, answered: 0,
    }
  }

  /** L2: once somebody leads answers keep pace with requests, unless there was another leader in between. */
  #checkPace(meter: Meter, elections: number): void {
    const { events } = this.#world
    meter.isOpen = false
    events.runUntil(events.nowMs + 3 * this.#tickMs)
    if (this.#world.elections !== elections) return
    const most = Math.max(PACE_LOST, (1 - KEPT_PACE) * meter.sent)
    if (meter.sent < PACE_REQUESTS || meter.sent - meter.answered <= most) return
    throw new Violation('L2', `${meter.answered} of ${meter.sent} requests were answered in the calm`)
  }

  // --- L3, L4 ------------------------------------------------------------------------------------------------------

  #serving(): boolean {
    return this.#core.every((id) => this.#world.servers.get(id)!.replica?.serving === true)
  }

  #watchStranded(): Stranded {
    const { events, servers, plan: { voters } } = this.#world
    const ids = this.#core.filter((id) => id <= voters)
    return new Stranded({
      events,
      voters: () => ids.flatMap((id) => servers.get(id)!.replica ?? []),
      short: () => this.#shortage.isShort && this.#leader !== 0 ? this.#world.leader : null,
    }, this.#boundMs)
  }

  /**
   * A voter that promised a later epoch is called for by who has led for `initMs`. Where epochs end by themselves each
   * leader has all the time anew, and none may ever lead for so long: there `mayBeShort` gives up after some epochs,
   * and all must serve when nothing is written any more.
   */
  #allServe(mayBeShort: boolean): void {
    const world = this.#world
    for (let epochs = 0; epochs <= SHORT_EPOCHS; epochs++) {
      const used = world.reached.counts[USED_UP]
      const limitMs = world.events.nowMs + this.#boundMs + this.#plan.world.timing.initMs
      const isOver = (): boolean => mayBeShort && world.reached.counts[USED_UP] !== used
      this.#until(limitMs, () => this.#serving() || isOver(), 'L3', 'not all of the core serve')
      if (this.#serving()) return
    }
    world.note('freeze: epochs end before a voter is called for')
  }

  /** Until nothing changes any more. */
  #settle(endMs: number): void {
    const world = this.#world
    for (;;) {
      const { elections, reached } = world
      const called = reached.counts[CALLED] ?? 0
      // One outside the core who crashes again and again may lead in between.
      const isDoomed = this.#isDoomed
      world.events.runUntil(Math.max(world.events.nowMs, endMs - 20 * this.#tickMs) + 10 * this.#tickMs)
      // A short epoch ends by itself.
      if (this.#plan.world.epochTxns !== undefined || (world.elections === elections && this.#serving())) break
      // A voter outside the core that promised a later epoch may call for one once: after that the epochs are above it.
      if (!isDoomed && (reached.counts[CALLED] ?? 0) === called) {
        throw new Violation('L4', 'the leader changed without a fault')
      }
      this.#allServe(true)
      if (isDoomed) break
    }
  }

  get #isDoomed(): boolean {
    return this.#world.leader !== null && this.#leader === 0
  }

  /** L4: a leader of the core leads on for a hundred ticks. Returns how long that took. */
  #checkStable(): number {
    const world = this.#world
    const startMs = world.events.nowMs
    for (let isSame = false; !isSame;) {
      const { elections, reached } = world
      const called = reached.counts[CALLED] ?? 0
      const isDoomed = this.#isDoomed
      const rounds = this.#roundsNow
      world.events.runUntil(world.events.nowMs + STABLE_TICKS * this.#tickMs)
      isSame = world.elections === elections
      if (isSame) this.#checkRounds(rounds)
      if (!isSame && !isDoomed && (reached.counts[CALLED] ?? 0) === called) {
        throw new Violation('L4', `the leader changed within ${STABLE_TICKS} quiet ticks`)
      }
    }
    return world.events.nowMs - startMs
  }

  /** How often somebody began to look for a leader, and at which round who looks is. */
  get #roundsNow(): Rounds {
    const { reached, servers } = this.#world
    const looking = new Map<Replica, number>()
    for (const { replica } of servers.values()) if (replica?.election) looking.set(replica, replica.election.round)
    return { looks: reached.counts[LOOKS] ?? 0, looking }
  }

  /** L8: where one leads on, nobody of the core looks for another, and who is outside of it does so in measure. */
  #checkRounds(before: Rounds): void {
    const { looks, looking } = this.#roundsNow
    let rounds = looks - before.looks
    for (const [replica, round] of looking) rounds += Math.max(0, round - (before.looking.get(replica) ?? round))
    if (rounds <= this.#gone.size * STABLE_TICKS * ROUNDS_PER_TICK) return
    throw new Violation('L8', `${rounds} rounds of elections in ${STABLE_TICKS} ticks, ${this.#gone.size} stay away`)
  }

  // --- L5 ----------------------------------------------------------------------------------------------------------

  /**
   * L5: what clients of the core wait for when the storm ends is answered, or its connection lost, in time. Where the
   * bounds of the run hold requests back, each waits for all before it: there one of them is, in each such time.
   */
  #watchPending(): void {
    const { events, clients } = this.#world
    const { timing } = this.#plan.world
    const limitMs = (timing.syncMs + 5 * timing.tickMs) * DRIFT
    const asked = clients.filter((client) => client.pending > 0 && !client.isSlow && this.#core.includes(client.peer))
      .map((client) => ({ client, lastXid: client.lastXid }))
    const countLeft = (): number =>
      asked.reduce((sum, { client, lastXid }) => sum + Math.max(0, lastXid + 1 - client.oldestXid), 0)
    const watch = (before: number): void => {
      afterShortage({ events, shortage: this.#shortage }, limitMs, () => {
        const left = countLeft()
        if (left === 0) return
        if (this.#isThrottled && left < before) {
          watch(left)
          return
        }
        const late = asked.find(({ client, lastXid }) => client.oldestXid <= lastXid)!
        const who = late.client.describe()
        throw new Violation('L5', `${who}: asked in the storm, no answer in ${limitMs.toFixed(0)} ms`)
      })
    }
    watch(countLeft())
  }

  get #waiting(): SimClient[] {
    return this.#world.clients.filter((client) =>
      client.connected && client.pending > 0 && this.#core.includes(client.peer))
  }

  /** L5: nothing is left of what is over: no connection, nothing outstanding, no write; the core is linked. */
  #checkLeft(replicas: readonly Replica[]): void {
    for (const replica of replicas) {
      const { config: { peerId }, clients, journal, leader } = replica
      const left = clients.count > 0 ? `${clients.count} connections`
        : !journal.idle ? 'a write'
        : leader !== null && leader.outstanding > 0 ? `${leader.outstanding} txns`
        : leader !== null && leader.pendingSyncs > 0 ? `${leader.pendingSyncs} syncs` : null
      if (left !== null) throw new Violation('L5', `server ${peerId} has ${left} left, and nothing to do`)
      const missing = this.#core.find((other) => other !== peerId && !replica.isLinked(other))
      if (missing !== undefined) throw new Violation('L5', `server ${peerId} has no link to ${missing}`)
    }
  }

  // --- L7, L8 ------------------------------------------------------------------------------------------------------

  /**
   * Nobody speaks any more: sessions end in their time, by the clock of who leads; that of one outside the core may run
   * as slow as ever. A new leader, after a short epoch, grants all of it anew.
   */
  #silence(replicas: readonly Replica[]): void {
    const world = this.#world
    const dueMs = (this.#plan.world.timing.sessionMaxMs + 4 * this.#tickMs) * 1.2
    const isOpen = (): boolean => replicas.some(({ tree }) => tree.sessions.size > 0)
    for (let granted = -1; isOpen() && granted !== world.elections;) {
      granted = world.elections
      const timeMs = dueMs / Math.min(1, world.servers.get(world.leader?.config.peerId ?? 0)?.rate ?? 1)
      const isOver = (): boolean => !isOpen() || world.elections !== granted
      this.#until(world.events.nowMs + timeMs, isOver, 'L7', 'an abandoned session is open still')
    }
  }

  /**
   * L8: where nobody asks for anything there are pings and their answers, two of each a tick, and what those say who
   * look for a leader outside the core, and are answered. (Pieces of snapshots to those are not counted: network.ts.)
   */
  #checkIdle(): void {
    const { events, network, peers } = this.#world
    const { frames } = network
    events.runUntil(events.nowMs + IDLE_TICKS * this.#tickMs)
    // And what is left to reap.
    const perTick = 2 * this.#tickMs / this.#plan.world.timing.pingMs + this.#gone.size * IDLE_TALK + 1
    const sent = network.frames - frames
    if (sent > IDLE_TICKS * peers.length * perTick) throw new Violation('L8', `${sent} frames and nothing to do`)
  }
}

/** Where one request in ten writes, four writes come within so many mean distances of them, but for bad luck. */
const SPARSE = 400

/** Clients with many requests under way at once write seldom, so do few that ask little; after so long they have. */
function longestThinkMs({ world }: Plan): number {
  const { clientPlan: { pipeline, opsPerSecond } } = world
  return Math.max(1.5 * 1.5 * meanThinkMs(world, pipeline), SPARSE * 1_000 / opsPerSecond)
}

/** Same applied txn, same digest. */
function areEqual(replicas: readonly Replica[]): boolean {
  const [first, ...others] = replicas
  const { hash1, hash2 } = first!.tree.digest()
  return others.every(({ tree }) => {
    const digest = tree.digest()
    return tree.zxid === first!.tree.zxid && digest.hash1 === hash1 && digest.hash2 === hash2
  })
}

/** Runs until it is done; by the limit it must be. */
export function until(world: SimWorld, limitMs: number, done: () => boolean, check: string, what: string): void {
  while (!done()) {
    if (world.events.nowMs >= limitMs) throw new Violation(check, `${what} by ${limitMs.toFixed(0)} ms`)
    world.events.runUntil(Math.min(world.events.nowMs + 50, limitMs))
  }
}
