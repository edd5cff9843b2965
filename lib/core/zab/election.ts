import type { Timing } from '../effects.ts'
import type { Role, Notification, Vote } from './messages.ts'
import { isQuorum } from './quorum.ts'
import { ZXID_ZERO } from '../zxid.ts'
import type { ZabContext } from './context.ts'

/** The vote of one who cannot be elected: lower than every real one. */
export const NO_VOTE: Vote = { leader: -1, zxid: ZXID_ZERO, peerEpoch: -1 }

/** True when `a` beats `b`: peerEpoch, then zxid, then id (zab reference, vote order). */
export function beats(a: Vote, b: Vote): boolean {
  if (a.peerEpoch !== b.peerEpoch) return a.peerEpoch > b.peerEpoch
  if (a.zxid !== b.zxid) return a.zxid > b.zxid
  return a.leader > b.leader
}

/** Outcome of an election as this peer sees it. */
export interface Decision {
  readonly vote: Vote
  readonly round: number
  /** It leads already, as far as it says; otherwise the votes of that round name it. */
  readonly isFound: boolean
  readonly reason: string
}

/** Rounds of finalizeMs within which voters are expected to follow their decision. */
const LOYALTY_ROUNDS = 5
/** Whom a leader refused acts on no decision for so many times resendMs: it must not run in circles. */
export const HOLD_OFF_RESENDS = 4
/** For so many rounds of finalizeMs who is not linked with the winner leaves it to those that are. */
const PATIENCE_ROUNDS = 3

/** For so long after its own decision a leader expects voters to follow theirs, which may be held off. */
export function loyaltyMs({ finalizeMs, resendMs, resendMaxMs }: Timing, isHeldOff: boolean): number {
  return finalizeMs * LOYALTY_ROUNDS + (isHeldOff ? resendMs * HOLD_OFF_RESENDS + resendMaxMs : 0)
}

interface Heard {
  readonly vote: Vote
  readonly state: Role
  readonly round: number
}

/**
 * Fast leader election. Only a hint: discovery checks everything again, so no rule here is needed for safety.
 * Lives while the replica is LOOKING; a new one is made for each entry, with the round carried on.
 */
export class Election {
  readonly #context: ZabContext
  /** The logical clock; volatile, only ever grows. */
  round: number
  proposal: Vote
  #own: Vote
  /** Votes of this round by voters that count, this peer's own among them. */
  readonly #votes = new Map<number, Vote>()
  /** Last claims of peers that follow or lead, of any round. */
  readonly #settled = new Map<number, Heard>()
  #resendAtMs: number
  #resendMs: number
  /** Infinity while no quorum agrees with the proposal. */
  #decideAtMs = Infinity
  /** Infinity unless they do and it is not linked. */
  #retryAtMs = Infinity
  #decision: Decision | null = null
  /** What it said last of its links. */
  #saidWide = false

  /** `heard`: the best vote of this round, if it goes on. Within a round votes only get better. */
  constructor(context: ZabContext, round: number, own: Vote, heard: Vote | null = null) {
    this.#context = context
    this.round = round
    this.#own = own
    this.proposal = heard !== null && this.#isBetter(heard, own) ? heard : own
    this.#resendMs = context.config.timing.resendMs
    this.#resendAtMs = context.now.ms + this.#resendMs
    this.#recordOwn()
    this.#broadcast()
    this.#tally()
  }

  /** The outcome, once there is one. */
  get decision(): Decision | null {
    return this.#decision
  }

  get deadlineMs(): number {
    if (this.#decision !== null) return this.#context.now.ms
    return Math.min(this.#resendAtMs, this.#decideAtMs, this.#retryAtMs)
  }

  /**
   * One who cannot be elected listens: it takes the round of whoever speaks and tells nobody. Would it insist on a
   * round of its own, it and a voter that does not count it would correct each other for ever.
   */
  get hasVoice(): boolean {
    return this.#own.leader !== -1
  }

  /** False while nothing can come of it that makes this peer the leader: who has chosen it need not wait. */
  get mayWin(): boolean {
    return this.hasVoice || this.#decision !== null
  }

  #notification(): Notification {
    return {
      kind: 'notify', state: 'looking', round: this.round, vote: this.proposal,
      health: this.#context.founding.health, epoch: this.#context.journal.meta.currentEpoch,
      joins: this.#context.joins, isWide: this.#context.reach.isWide,
    }
  }

  /** What it says of its links has changed, and not its vote. */
  tellLinks(): void {
    if (this.#saidWide !== this.#context.reach.isWide) this.#broadcast()
  }

  /**
   * From here on it may be elected, with this vote, or not any more (NO_VOTE). The round goes on, and what was heard in
   * it counts: those who spoke already may have nothing more to say.
   */
  stands(own: Vote): void {
    const { config: { peerId } } = this.#context
    this.#own = own
    this.#adopt(this.proposal.leader === peerId || beats(own, this.proposal) ? own : this.proposal)
    // Its last words as a candidate, if so: others must not count its vote for itself.
    if (!this.hasVoice) this.#broadcast()
    this.#tally()
  }

  #recordOwn(): void {
    const { config, isVoter, founding } = this.#context
    if (isVoter && founding.counts(config.peerId, founding.health)) this.#votes.set(config.peerId, this.proposal)
  }

  #broadcast(): void {
    this.#saidWide = this.#context.reach.isWide
    const message = this.#notification()
    for (const voter of this.#context.voters) {
      if (voter !== this.#context.config.peerId) this.#context.send(voter, message)
    }
  }

  /** A link came up: the peer behind it has not heard this proposal. */
  linkUp(peer: number): void {
    if (this.#context.voters.includes(peer)) this.#context.send(peer, this.#notification())
    this.#tally()
  }

  /** A voter whose link went down need not be waited for. */
  linkDown(): void {
    this.#tally()
  }

  tick(): void {
    const now = this.#context.now.ms
    if (now >= this.#decideAtMs) {
      this.#decide('a quorum agreed and no better vote came')
    } else if (now >= this.#retryAtMs) {
      this.#retryWithoutLeader()
    } else if (now >= this.#resendAtMs) {
      this.#broadcast()
      const { timing: { resendMaxMs }, mutant } = this.#context.config
      this.#resendMs = mutant === 'uncappedResend' ? this.#resendMs * 2 : Math.min(this.#resendMs * 2, resendMaxMs)
      this.#resendAtMs = now + this.#resendMs + this.#context.random.below(Math.ceil(this.#resendMs / 4) + 1)
    }
  }

  notified(from: number, message: Notification): void {
    const { voters, founding } = this.#context
    if (!voters.includes(from) || (message.vote.leader !== -1 && !voters.includes(message.vote.leader))) return
    if (message.state === 'looking') {
      this.#settled.delete(from)
      // One who does not count hears where votes stand by what is sent to all, never as an answer: two of them would
      // answer each other for ever, and duplicated datagrams would make it a storm.
      if (founding.votes(from, message.health)) this.#lookingVote(from, message)
    } else {
      this.#settled.set(from, { vote: message.vote, state: message.state, round: message.round })
      if (message.round === this.round && founding.votes(from, message.health)) this.#votes.set(from, message.vote)
    }
    this.#tally()
    this.#joinSettled()
  }

  #lookingVote(from: number, message: Notification): void {
    if (message.round < this.round && this.hasVoice) {
      this.#context.send(from, this.#notification())
      return
    }
    if (message.round !== this.round) {
      this.round = message.round
      this.#votes.clear()
      this.#reconsider()
      this.#adopt(this.#isBetter(message.vote, this.#own) ? message.vote : this.#own)
    } else if (this.#isBetter(message.vote, this.proposal)) {
      this.#adopt(message.vote)
    } else if (beats(this.proposal, message.vote)) {
      this.#context.send(from, this.#notification())
    }
    this.#votes.set(from, message.vote)
  }

  /** Votes for this peer from before it lost its disk, or its links, are none that it may take over. */
  #isBetter(vote: Vote, than: Vote): boolean {
    const { config } = this.#context
    return beats(vote, than) && (vote.leader !== config.peerId || this.hasVoice || config.mutant === 'emptyLeads')
  }

  /** It may not be acted on yet: what follows from votes ends with them. One that leads is followed all the same. */
  #reconsider(): void {
    if (this.#decision?.isFound === false && this.#context.config.mutant !== 'keepsItsDecision') this.#decision = null
  }

  #adopt(vote: Vote): void {
    if (vote.leader !== this.proposal.leader) this.#reconsider()
    this.proposal = vote
    this.#recordOwn()
    if (this.hasVoice) this.#broadcast()
    this.#resendMs = this.#context.config.timing.resendMs
    this.#resendAtMs = this.#context.now.ms + this.#resendMs
    this.#decideAtMs = Infinity
    this.#retryAtMs = Infinity
  }

  #agrees(peer: number): boolean {
    return this.#votes.get(peer)?.leader === this.proposal.leader
  }

  /**
   * Starts, keeps or ends the finalize wait; decides at once when nobody who is linked could still bring a better
   * vote.
   */
  #tally(): void {
    const { configs, voters, config } = this.#context
    if (this.#decision !== null || this.proposal.leader === -1) return
    if (!isQuorum(configs, (peer) => this.#agrees(peer))) {
      this.#decideAtMs = Infinity
      this.#retryAtMs = Infinity
      return
    }
    const complete = voters.every((peer) => peer === config.peerId || this.#agrees(peer) ||
      !this.#context.isLinked(peer))
    if (complete) this.#decide('every reachable voter agreed')
    else if (this.#decideAtMs === Infinity) this.#decideAtMs = this.#context.now.ms + config.timing.finalizeMs
  }

  /**
   * An established ensemble: a quorum names the same leader and that leader itself says so (dead leaders are not
   * followed). This peer is one of that quorum if it votes, as all that comes of it is that it asks: a leader without
   * a quorum may wait for just that, and of three voters that leader may be all it is linked with. Who does not lead
   * turns it down; and a candidate gives way if it hears of a later history so, as from whoever follows it.
   */
  #joinSettled(): void {
    if (this.#decision !== null) return
    let found: Heard | null = null
    for (const peer of this.#context.voters) {
      const heard = this.#settled.get(peer)
      if (heard === undefined || !this.#leads(peer, heard)) continue
      if (found === null || heard.vote.peerEpoch > found.vote.peerEpoch) found = heard
    }
    if (found === null) return
    const { vote, round } = found
    this.round = round
    this.#decideAtMs = Infinity
    this.#retryAtMs = Infinity
    this.#decision = { vote, round, isFound: true, reason: 'an established leader was found' }
  }

  /**
   * Who follows it names it by its epoch once it serves, whatever the round is to it. Until then, which may take long,
   * by the epoch that its leader was elected from, and its round.
   */
  #leads(peer: number, { state, vote, round }: Heard): boolean {
    const { configs, isVoter, config: { peerId, mutant } } = this.#context
    if (state !== 'leading' || vote.leader !== peer || !this.#context.isLinked(peer)) return false
    const names = (voter: number): boolean => {
      if (voter === peerId) return isVoter && mutant !== 'namesWithoutItself'
      const other = this.#settled.get(voter)
      if (other === undefined || other.vote.leader !== peer) return false
      return other.vote.peerEpoch === vote.peerEpoch || (other.round === round && mutant !== 'namedOnceServing')
    }
    const isOfThisRound = round === this.round && this.proposal.leader === peer
    return isQuorum(configs, names) || (isOfThisRound && isQuorum(configs, (voter) => this.#agrees(voter)))
  }

  #decide(reason: string): void {
    this.#decideAtMs = Infinity
    // A candidate whose link is down cannot be followed. It may come up; and others that are linked with it may be
    // about to decide, and a new round would take the votes that they need.
    const { leader } = this.proposal
    if (leader !== this.#context.config.peerId && !this.#context.isLinked(leader)) {
      const { random, now, config: { timing: { finalizeMs, resendMs }, mutant } } = this.#context
      const rounds = mutant === 'retriesAtOnce' ? 0 : PATIENCE_ROUNDS
      if (this.#retryAtMs === Infinity) this.#retryAtMs = now.ms + rounds * finalizeMs + 1 + random.below(resendMs)
      return
    }
    this.#retryAtMs = Infinity
    this.#decision = { vote: this.proposal, round: this.round, isFound: false, reason }
  }

  /** The winner died or is unreachable: begin a new round with the own vote. */
  #retryWithoutLeader(): void {
    this.#retryAtMs = Infinity
    this.round++
    this.#votes.clear()
    this.#settled.clear()
    this.proposal = this.#own
    this.#recordOwn()
    this.#resendMs = this.#context.config.timing.resendMs
    this.#resendAtMs = this.#context.now.ms + this.#resendMs
    this.#broadcast()
    this.#tally()
  }
}
