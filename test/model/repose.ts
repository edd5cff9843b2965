/**
 * A replica at rest, in a form in which what cannot matter any more is the same for all. Each line of this file leaves
 * the replica in a state that goes on like the one before; `model.test.ts` compares searches with and without.
 */
import type { Replica } from '../../lib/core/replica.ts'
import type { Now } from '../../lib/core/effects.ts'
import type { Election } from '../../lib/core/zab/election.ts'

/** What is hidden of an election. */
interface OpenElection {
  round: number
  hidden$decideAtMs: number
  hidden$retryAtMs: number
  hidden$resendAtMs: number
  hidden$resendMs: number
  readonly hidden$settled: ReadonlyMap<number, { round: number }>
}

/** What is hidden of a replica. */
interface OpenReplica {
  readonly now: Now
  election: Election | null
  random: Replica['random']
  hidden$round: number
  hidden$holdOffMs: number
  joins: number
  readonly hidden$earlyJoins: { readonly hidden$byPeer: ReadonlyMap<number, { readonly join: number }> }
  /** By leader: how often this replica has followed it over the link of now. */
  joinCounts?: number[]
  readonly clients: { readonly hidden$pending: { clear(): void }, hidden$nextTag: number }
  hidden$follow: (this: OpenReplica, leader: number, reason: string) => void
}

function open(replica: Replica): OpenReplica {
  return replica as unknown as OpenReplica
}

function electionOf({ election }: OpenReplica): OpenElection | null {
  return election as unknown as OpenElection | null
}

/**
 * Join numbers tell associations over one link apart, and nothing else: with a link, all that named one of them is gone
 * at both ends before it comes up again. So they are counted from 1 on each link, where the core draws fresh ones.
 */
export function countJoins(prototype: Replica): void {
  const core = open(prototype)
  const { hidden$follow: follow } = core
  core.hidden$follow = function counted(this: OpenReplica, leader: number, reason: string): void {
    const counts = this.joinCounts ??= []
    this.joins = counts[leader] ?? 0
    counts[leader] = this.joins + 1
    follow.call(this, leader, reason)
  }
}

/** The join of a peer that has chosen this one before it has chosen itself; -1 for none. */
export function earlyJoinOf(replica: Replica, peer: number): number {
  return open(replica).hidden$earlyJoins.hidden$byPeer.get(peer)?.join ?? -1
}

/**
 * The last number of a join over the link to a peer: who looks has left all up to it. It is taken after the step, so a
 * join that begins in the same step counts: its FOLLOWERINFO comes behind the notification.
 */
export function joinsOver(replica: Replica, peer: number): number {
  return open(replica).joinCounts?.[peer] ?? 0
}

/** The link to a peer is another one, or none. */
export function forgetJoins(replica: Replica, peer: number): void {
  const { joinCounts } = open(replica)
  if (joinCounts !== undefined) joinCounts[peer] = 0
}

/** Chance decides over pauses of elections and numbers of snapshots: neither is searched. */
export function withoutChance(replica: Replica): void {
  open(replica).random = { next: () => 0, below: () => 0, unit: () => 0 }
}

/** An election goes on at once: its pauses are over, and no time passes for anything else. */
export function hurry(replica: Replica): void {
  const core = open(replica)
  const election = electionOf(core)
  core.hidden$holdOffMs = core.now.ms
  if (election === null) return
  if (election.hidden$decideAtMs !== Infinity) election.hidden$decideAtMs = core.now.ms
  if (election.hidden$retryAtMs !== Infinity) election.hidden$retryAtMs = core.now.ms
}

/** A client that asked for a session has gone: what it asked for stays, its tag is free. */
export function forgetClient(replica: Replica, firstTag: number): void {
  const { clients } = open(replica)
  clients.hidden$pending.clear()
  clients.hidden$nextTag = firstTag
}

export function nextTagOf(replica: Replica): number {
  return open(replica).clients.hidden$nextTag
}

/** The round of an election; 0 for one who does not look. */
export function roundOf(replica: Replica): number {
  const core = open(replica)
  return electionOf(core)?.round ?? core.hidden$round
}

/**
 * Elections are over when nothing is on its way any more. Rounds only order elections that go on at the same time, so
 * those of the settled begin at 0 again and those of the looking at 1; `less` is what the latter are lowered by.
 */
export function calm(replica: Replica, less: number): void {
  const core = open(replica)
  const election = electionOf(core)
  if (election === null) {
    core.hidden$round = 0
    return
  }
  election.round -= less
  core.hidden$round = 0
  for (const heard of election.hidden$settled.values()) heard.round = 0
}

/** True when `calm` would change nothing, but for rounds of one who looks. */
export function isCalm(replica: Replica): boolean {
  const core = open(replica)
  const election = electionOf(core)
  if (core.hidden$round !== 0) return false
  return election === null || [...election.hidden$settled.values()].every(({ round }) => round === 0)
}

/** The pause before the next notification is always the same. */
export function rest(replica: Replica): void {
  const core = open(replica)
  const election = electionOf(core)
  if (election === null) {
    core.hidden$holdOffMs = core.now.ms
    return
  }
  election.hidden$resendMs = replica.config.timing.resendMs
  election.hidden$resendAtMs = core.now.ms + election.hidden$resendMs
}
