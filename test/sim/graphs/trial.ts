import { makeRandom } from '../../../lib/core/random.ts'
import type { Random } from '../../../lib/core/random.ts'
import type { Message } from '../../../lib/core/zab/messages.ts'
import type { Script } from '../../../lib/testing/sim/script.ts'
import { Violation } from '../../../lib/testing/sim/violation.ts'
import { loseWrites, must, started } from '../scenarios/scenario.ts'
import type { RunOptions } from '../scenarios/scenario.ts'
import { drawGraph, majorityOf } from './graph.ts'
import type { Graph } from './graph.ts'
import { SlowLinks } from './slow-links.ts'
import type { Way } from './slow-links.ts'

/**
 * What is the matter besides the links: nothing; a voter has a write that no other has; one outside of a fully linked
 * majority has lost its log, or its disk; once there is a leader it loses its quorum of links, and a fully linked
 * majority is left; all links come up soon after the start; an observer is there, which is linked with all.
 */
export const VARIANTS = ['plain', 'ahead', 'damaged', 'wiped', 'cut', 'mended', 'observed'] as const
/** One of them. */
export type Variant = typeof VARIANTS[number]

/** One start of an ensemble. */
export interface Trial {
  readonly graph: Graph
  readonly variant: Variant
  /** Messages take between half and three halves of it. */
  readonly latencyMs: number
  /** Which of the draws of moments and latencies. */
  readonly start: number
  /** Of a thousand notifications so many are lost. */
  readonly lossPermille: number
  /** Of the links that there are not, a third is there and loses everything one way, a third the other way. */
  readonly isOneWay: boolean
}

/** What a trial came to. */
export interface Outcome {
  /** The longest time without a leader that could be had. */
  readonly leaderlessMs: number
  /** Null when all is well. */
  readonly failure: string | null
  readonly script: Script
}

/** Voters start within so long of each other. */
const SPREAD_MS = 300
/** Longer than any bound here, so that whoever waits for it is seen. */
const INIT_MS = 10_000
/** Who is without a leader for so long remains without one. */
const NEVER_MS = 25_000
/** What else goes on once there is a leader is over after this. */
const QUIET_AFTER_MS = 1_000
const WATCHED_MS = 2_000
/** Within so long of the last link that comes back all serve: whoever waited for somebody has given up. */
const HEALED_MS = 2 * INIT_MS
/** What every peer has before they start again. */
const COMMITTED = '/w1'
/** A ping or its answer each 200 ms; who looks says so each 400 ms, and is told where others stand. */
const FRAMES_PER_SECOND = 20
/** Who cannot follow may try again, but not go round in circles. */
const ROUNDS_MAX = 4
/** So many elections in a row may come to nothing. */
const VAIN = 2
/** What lost notifications may add, in the longest pauses between two. */
const RESENDS = 4

/**
 * Within so long of the last start, or change of links, there is a leader. An election is finalizeMs and the ways of
 * votes, three at most, and those of discovery and synchronization, five. Before it VAIN may come to nothing: whom a
 * candidate waits for has decided otherwise. That is borne for five finalizeMs, and for a hold-off of four resendMs and
 * one resendMaxMs where that voter is on its way; and what ends it is the next word of a voter that looks, which comes
 * each resendMaxMs and a quarter. Nobody waits for initMs.
 */
function boundMsOf({ latencyMs, lossPermille }: Trial, script: Script): number {
  const { finalizeMs, resendMs, resendMaxMs } = script.replica(1).config.timing
  const electionMs = finalizeMs + 8 * 1.5 * latencyMs
  const vainMs = electionMs + 5 * finalizeMs + 4 * resendMs + resendMaxMs + 1.25 * resendMaxMs
  return VAIN * vainMs + electionMs + (lossPermille > 0 ? RESENDS * resendMaxMs : 0)
}

function seedOf({ graph, variant, latencyMs, start }: Trial): number {
  let seed = start * 16 + VARIANTS.indexOf(variant)
  for (const [a, b] of graph.edges) seed = (Math.imul(seed, 31) + a * 8 + b) >>> 0
  return (Math.imul(seed, 1_009) + Math.round(latencyMs * 10)) >>> 0
}

/** Who is hit in the variants in which one voter is: any outside of a fully linked majority. Null: there is none. */
function drawHit({ graph, variant }: Trial, random: Random): number | null {
  if (variant === 'ahead') return graph.voters
  if (variant !== 'damaged' && variant !== 'wiped') return null
  const able = graph.ids.filter((id) => graph.cliques(graph.ids.filter((other) => other !== id)).length > 0)
  return able.length === 0 ? null : able[random.below(able.length)]!
}

/** Whether the graph allows this variant at all. */
export function isPossible(trial: Trial): boolean {
  const { graph, variant } = trial
  if (variant === 'damaged' || variant === 'wiped') return drawHit(trial, makeRandom(0)) !== null
  return variant !== 'mended' || graph.missing.length > 0
}

/** Of these one is drawn. */
const DRAWN_VOTERS = [3, 4, 5, 5, 5, 5, 6, 7] as const
const DRAWN_LATENCIES_MS = [0.1, 5, 30] as const

/** The trial of a number: its graph, all that is the matter, and all moments are drawn from that. */
export function drawTrial(number: number): Trial {
  const random = makeRandom(number ^ 0x6a4f)
  for (;;) {
    const graph = drawGraph(DRAWN_VOTERS[random.below(DRAWN_VOTERS.length)]!, random)
    const variant = VARIANTS[random.below(VARIANTS.length)]!
    const latencyMs = DRAWN_LATENCIES_MS[random.below(DRAWN_LATENCIES_MS.length)]!
    const trial = { graph, variant, latencyMs, start: number, lossPermille: 0, isOneWay: false }
    if (isPossible(trial)) return trial
  }
}

/** A leader of a later epoch than `after` that is linked with a quorum. */
function leaderAfter(script: Script, after: number, voters: number): number {
  const id = script.leader
  if (id === 0) return 0
  const { leader, links } = script.replica(id)
  const linked = Array.from(links.current.keys()).filter((peer) => peer <= voters)
  return leader!.epoch > after && linked.length + 1 >= majorityOf(voters) ? id : 0
}

class Run {
  readonly script: Script
  readonly #trial: Trial
  readonly #random: Random
  readonly #links: SlowLinks
  readonly #boundMs: number
  /** `from>to` where everything is lost. */
  readonly #silent = new Set<string>()
  leaderlessMs = 0

  constructor(trial: Trial, options: RunOptions) {
    this.#trial = trial
    this.#random = makeRandom(seedOf(trial))
    const { graph: { voters, ids }, variant } = trial
    const observers = variant === 'observed' ? 1 : 0
    this.script = started(voters, { ...options, observers, initMs: INIT_MS }, ...ids)
    this.script.connect(voters, 1)
    this.script.write(voters, 1, COMMITTED)
    this.script.pass(500)
    this.#boundMs = boundMsOf(trial, this.script)
    this.#down()
    this.#links = new SlowLinks(this.script, (from, to, message) => this.#wayOf(from, to, message))
  }

  get #epoch(): number {
    return Math.max(...[...this.script.peers.values()].map(({ disk }) => disk.meta?.acceptedEpoch ?? 0))
  }

  /** All of them, with what one has more or less than the others, and the links that there are. */
  #down(): void {
    const { script } = this
    const { graph, variant, isOneWay } = this.#trial
    const hit = drawHit(this.#trial, this.#random)
    if (variant === 'ahead') loseWrites(script, graph.voters, 1, '/w2')
    script.crash(...graph.ids)
    script.heal()
    if (hit !== null && variant === 'damaged') script.damage(hit, script.peer(hit).disk.log.floor)
    if (hit !== null && variant === 'wiped') script.wipe(hit)
    for (const [a, b] of graph.missing) {
      const how = isOneWay ? this.#random.below(3) : 0
      if (how === 0) script.cut(a, b)
      else this.#silent.add(how === 1 ? `${a}>${b}` : `${b}>${a}`)
    }
  }

  #wayOf(from: number, to: number, { kind }: Message): Way {
    const { latencyMs, lossPermille } = this.#trial
    const isLost = this.#silent.has(`${from}>${to}`) ||
      (lossPermille > 0 && kind === 'notify' && this.#random.below(1_000) < lossPermille)
    return { lagMs: latencyMs * (0.5 + this.#random.unit()), isLost }
  }

  play(): void {
    const { script } = this
    const { variant } = this.#trial
    const before = this.#epoch
    const starts = Array.from(script.peers.keys(), (id) => ({ id, atMs: script.ms + this.#random.below(SPREAD_MS) }))
    for (const { id, atMs } of starts) this.#links.at(atMs, () => script.up(id))
    let fromMs = Math.max(...starts.map(({ atMs }) => atMs))
    if (variant === 'mended') {
      fromMs += this.#random.below(2 * SPREAD_MS)
      this.#links.at(fromMs, () => script.heal())
    }
    this.#established(before, fromMs)
    this.#stays()
    if (variant === 'mended') this.#allServe()
    if (variant === 'cut' && this.#cut(script.leader)) {
      this.#established(this.#epoch, script.ms)
      this.#stays()
    }
    this.#silent.clear()
    script.heal()
    this.#links.passUntil(script.ms + HEALED_MS, () => this.#idle.length === 0)
    this.#allServe()
  }

  #established(after: number, fromMs: number): void {
    const { script } = this
    const { graph: { voters } } = this.#trial
    const has = this.#links.passUntil(fromMs + NEVER_MS, () => leaderAfter(script, after, voters) !== 0)
    const ms = Math.max(0, script.ms - fromMs)
    this.leaderlessMs = Math.max(this.leaderlessMs, ms)
    must(has, 'L1', `no leader in ${NEVER_MS} ms`)
    must(ms <= this.#boundMs, 'L1', `a leader after ${ms.toFixed(0)} ms, not within ${this.#boundMs} ms`)
  }

  /** The same leader leads on; those that cannot follow it do not go round in circles, nor talk without end. */
  #stays(): void {
    const { script } = this
    const { epoch } = script.replica(script.leader).leader!
    const leads = (): boolean => script.leader !== 0 && script.replica(script.leader).leader?.epoch === epoch
    const isOver = (afterMs: number): boolean => this.#links.passUntil(script.ms + afterMs, () => !leads())
    must(!isOver(QUIET_AFTER_MS), 'L4', `the leader of ${epoch} leads no more`)
    const rounds = this.#rounds()
    const frames = new Map(this.#links.frames)
    must(!isOver(WATCHED_MS), 'L4', `the leader of ${epoch} leads no more`)
    for (const [id, round] of this.#rounds()) {
      const more = round - (rounds.get(id) ?? round)
      must(more <= ROUNDS_MAX, 'L8', `voter ${id} has begun ${more} rounds in ${WATCHED_MS} ms`)
    }
    for (const [way, count] of this.#links.frames) {
      const more = count - (frames.get(way) ?? 0)
      must(more <= FRAMES_PER_SECOND * WATCHED_MS / 1_000, 'L8', `${way}: ${more} frames in ${WATCHED_MS} ms`)
    }
  }

  #rounds(): Map<number, number> {
    const rounds = new Map<number, number>()
    for (const { id, replica } of this.script.peers.values()) {
      const election = replica?.election ?? null
      if (election !== null) rounds.set(id, election.round)
    }
    return rounds
  }

  get #idle(): number[] {
    return [...this.script.peers.values()].filter(({ replica }) => replica?.serving !== true).map(({ id }) => id)
  }

  /** All links are there, and what was committed before the start is. */
  #allServe(): void {
    must(this.#idle.length === 0, 'L3', `${this.#idle.join()} of the peers do not serve`)
    for (const { id, replica } of this.script.peers.values()) {
      must(replica!.tree.has(COMMITTED), 'C6', `peer ${id} has lost ${COMMITTED}`)
    }
  }

  /** Leaves the leader less links than a quorum, as the graph allows; false when that takes every majority. */
  #cut(leader: number): boolean {
    const { graph } = this.#trial
    const linked = graph.ids.filter((id) => graph.has(leader, id))
    const kept = new Set<number>()
    const keeps = this.#random.below(majorityOf(graph.voters) - 1)
    while (kept.size < keeps) kept.add(linked[this.#random.below(linked.length)]!)
    const goes = (id: number): boolean => linked.includes(id) && !kept.has(id)
    const rest = graph.without(([a, b]) => (a === leader && goes(b)) || (b === leader && goes(a)))
    if (rest.cliques().length === 0) return false
    for (const id of linked) if (goes(id)) this.script.cut(leader, id)
    return true
  }
}

/** Runs a trial: every checker of the ghost is on, and what it sees is a failure too. */
export function runTrial(trial: Trial, options: RunOptions = {}): Outcome {
  const run = new Run(trial, options)
  let failure: string | null = null
  try {
    run.play()
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    failure = error.message
  }
  return { failure, leaderlessMs: run.leaderlessMs, script: run.script }
}
