import { Applier } from './applier.ts'
import { assert, unreachable } from './assert.ts'
import { ZkError } from './errors.ts'
import type { ErrorCode } from './errors.ts'
import type { Effect, Input, Now, ReplicaConfig } from './effects.ts'
import { makeRandom } from './random.ts'
import type { Random } from './random.ts'
import { Clients } from './session/clients.ts'
import { Intake } from './session/intake.ts'
import { Route } from './session/route.ts'
import type { SessionId } from './tree/stat.ts'
import type { Tree } from './tree/tree.ts'
import type { ReplicaStatus } from './status.ts'
import { RoleLog } from './role-log.ts'
import { ownVote } from './zab/candidacy.ts'
import type { ZabContext } from './zab/context.ts'
import { EarlyJoins } from './zab/early-joins.ts'
import { Election, HOLD_OFF_RESENDS, NO_VOTE } from './zab/election.ts'
import { FoundingRule, isUnwritten } from './zab/founding.ts'
import { Journal } from './zab/journal.ts'
import { Leader } from './zab/leader.ts'
import { Learner } from './zab/learner.ts'
import { Links } from './zab/links.ts'
import { Log } from './zab/log.ts'
import type { FollowerInfo, Health, Message, Notification, Role, Vote } from './zab/messages.ts'
import { follows } from './zab/own-disk.ts'
import type { Slowness } from './zab/own-disk.ts'
import { quorumConfig } from './zab/quorum.ts'
import type { QuorumConfig } from './zab/quorum.ts'
import { Reach } from './zab/reach.ts'
import { Snapshotter } from './zab/snapshotter.ts'
import { formatZxid } from './zxid.ts'
import type { Zxid } from './zxid.ts'
import { initialMeta, memberText } from './identity.ts'
import type { RecoveredState } from './identity.ts'
import { inspect, status } from './inspection.ts'
import type { Inspection } from './inspection.ts'

const TAG_SPACE = 2 ** 32

/** One server's whole state machine: see effects.ts for how it is driven. */
export class Replica implements ZabContext {
  readonly config: ReplicaConfig
  readonly configs: readonly QuorumConfig[]
  readonly voters: readonly number[]
  readonly isVoter: boolean
  readonly random: Random
  readonly journal: Journal
  readonly founding: FoundingRule
  readonly links: Links = new Links((effect) => this.emit(effect), () => this.journal.durableTicket)
  readonly reach: Reach = new Reach(this)
  readonly clients: Clients
  readonly roles: RoleLog = new RoleLog((effect) => this.emit(effect))
  now: Now
  role: Role = 'looking'
  serving = false
  stopped = false
  election: Election | null = null
  leader: Leader | null = null
  learner: Learner | null = null
  /** Largest zxid known to be committed and held by the log. */
  committed: Zxid
  #tree: Tree
  readonly #snapshotter: Snapshotter
  readonly #applier: Applier
  #effects: Effect[] = []
  #round = 0
  /** What this peer answers to those who look for a leader. */
  #vote: Vote = NO_VOTE
  readonly #earlyJoins = new EarlyJoins((peer, message) => this.send(peer, message))
  readonly route: Route
  /** No decision is acted on before this moment: a refused learner must not run in circles. */
  #holdOffMs = 0
  /** Its disk was too slow for its leading, and it has not served since; null: it was not. */
  #slow: Slowness | null = null
  joins: number

  constructor(config: ReplicaConfig, recovered: RecoveredState, now: Now) {
    this.config = config
    this.now = now
    this.configs = [quorumConfig(config.members)]
    this.voters = this.configs[0]!.voters
    this.isVoter = this.voters.includes(config.peerId)
    this.random = makeRandom(config.seed)
    const meta = initialMeta(config, recovered)
    const log = Log.found(recovered.base, recovered.entries)
    if (recovered.base !== null && log.last < recovered.base.zxid) {
      throw new ZkError('StorageDamaged', 'the log ends before its snapshot')
    }
    this.journal = new Journal(log, meta, recovered.base, config.limits)
    this.#tree = recovered.tree
    this.#tree.setConfig(config.configData)
    this.committed = Math.min(log.last, Math.max(recovered.tree.zxid, meta.commitHint)) as Zxid
    this.founding = new FoundingRule(config.peerId, this.voters, config.bootstrap,
      () => ({ health: this.health, currentEpoch: this.journal.meta.currentEpoch }), config.mutant)
    this.joins = this.random.below(2 ** 30)
    this.#snapshotter = new Snapshotter(config, this.journal)
    this.#applier = new Applier(this, this.#snapshotter)
    this.route = new Route(this, (tag, timeoutMs) => this.clients.revalidated(tag, timeoutMs))
    this.clients = new Clients(this.#clientsOwner(), this.random.below(2 ** 20) * TAG_SPACE + 1)
    this.#applyCommitted()
    this.#look('started')
  }

  // --- what the phases share (ZabContext) --------------------------------------------------------------------------

  get tree(): Tree { return this.#tree }
  get health(): Exclude<Health, 'new'> {
    const { health, acceptedEpoch, currentEpoch } = this.journal.meta
    return health === 'ok' && acceptedEpoch === 0 && currentEpoch === 0 ? 'empty' : health
  }
  get ensembleId(): string { return this.journal.meta.ensembleId }
  isLinked(peer: number): boolean { return this.links.isUp(peer) }

  send(peer: number, message: Message): void { this.links.send(peer, message) }
  sendAfter(ticket: number, peer: number, message: Message): void { this.links.sendAfter(ticket, peer, message) }
  dropLink(peer: number, reason: string): void { this.links.drop(peer, reason) }
  emit(effect: Effect): void { this.#effects.push(effect) }
  log(level: 'debug' | 'info' | 'warn' | 'error', text: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.emit({ kind: 'log', level, text, fields })
  }

  // --- the driver's side -------------------------------------------------------------------------------------------

  step(now: Now, input: Input): void {
    assert(now.ms >= this.now.ms, 'time does not go back')
    this.now = now
    if (this.stopped) return
    switch (input.kind) {
      case 'tick': this.#tick(); break
      case 'linkUp': this.#linkUp(input.link, input.peer); break
      case 'linkDown': this.#linkDown(input.link); break
      case 'receive': this.#receive(input.link, input.message); break
      case 'persisted': this.#persisted(input.ticket); break
      case 'persistFailed':
        if (this.config.mutant === 'surviveFsyncError') this.#persisted(input.ticket)
        else this.#fatal('StorageFailed', input.reason)
        break
      case 'connect': this.clients.connect(input); break
      case 'identify': this.clients.identify(input.conn, input.identities); break
      case 'request': this.clients.request(input.conn, input.xid, input.request); break
      case 'reads': this.clients.reads(input.conn, input.reads); break
      case 'disconnect': this.clients.disconnect(input.conn); break
      case 'stop': this.#end('stopped'); break
      default: unreachable(input)
    }
    this.#transit()
  }

  /** Drains the effects of the steps since the last call. */
  take(): Effect[] {
    if (!this.stopped) {
      this.clients.resume()
      this.#settle()
      this.leader?.pump()
      this.route.flush()
      if (this.serving || this.learner?.stage === 'upToDate') this.#snapshotter.pump(this.#tree, this.leader)
      this.#transit()
    }
    this.journal.flush(this.#effects)
    const effects = this.#effects
    this.#effects = []
    this.#applier.turnOver()
    return effects
  }

  deadline(): number {
    if (this.stopped) return Infinity
    let deadline = this.#applier.isBehind ? this.now.ms : Infinity
    if (this.election !== null) {
      deadline = Math.min(deadline, this.election.decision !== null ? this.#holdOffMs : this.election.deadlineMs)
    } else if (this.clients.isBehind) deadline = this.now.ms
    if (this.leader !== null) deadline = Math.min(deadline, this.leader.deadlineMs)
    if (this.learner !== null) deadline = Math.min(deadline, this.learner.deadlineMs)
    if (this.route.intake !== null) deadline = Math.min(deadline, this.route.intake.deadlineMs)
    return deadline
  }

  /** Who answers reads on the spot; null while nobody may. To be used within the same turn. */
  get readers(): Pick<Clients, 'readNow' | 'lookNow' | 'lookNowByAscii'> | null {
    return this.serving && !this.stopped ? this.clients : null
  }

  status(): ReplicaStatus { return status(this) }
  inspect(): Inspection { return inspect(this) }

  // --- inputs ------------------------------------------------------------------------------------------------------

  #persisted(ticket: number): void {
    this.journal.persisted(ticket)
    this.links.release()
  }

  #tick(): void {
    this.election?.tick()
    this.leader?.tick()
    this.learner?.tick()
    const { intake } = this.route
    if (intake !== null && this.leader?.resigned === null) {
      intake.touch(this.clients.touches())
      intake.tick()
    }
  }

  #linkUp(link: number, peer: number): void {
    const known = this.config.members.some((member) => member.id === peer) && peer !== this.config.peerId
    const reason = `peer ${peer} is not a member`
    if (!known) return this.emit({ kind: 'dropLink', link, code: 'MembershipMismatch', reason })
    if (this.links.isUp(peer)) this.#peerLost(peer)
    this.links.up(link, peer)
    if (this.election !== null) this.election.linkUp(peer)
    else this.send(peer, this.#notification())
  }

  #linkDown(link: number): void {
    const peer = this.links.peerOf(link)
    this.links.down(link)
    if (peer !== undefined) this.#peerLost(peer)
  }

  #peerLost(peer: number): void {
    for (const one of [this.#earlyJoins, this.reach]) one.lost(peer)
    if (this.election?.hasVoice === true) this.#revote(this.election)
    this.election?.linkDown()
    // It would ask nobody, or one that has restarted and knows of no decision.
    if (this.election?.decision?.vote.leader === peer) {
      this.#look('the link to the leader is down', Math.max(0, this.#holdOffMs - this.now.ms))
    }
    this.leader?.linkDown(peer)
    if (this.learner?.leader === peer) this.#look('the link to the leader is down')
  }

  #receive(link: number, message: Message): void {
    const peer = this.links.peerOf(link)
    if (peer === undefined) return
    switch (message.kind) {
      case 'notify': this.#notified(peer, message); break
      case 'followerInfo': this.#joined(peer, message); break
      case 'ackEpoch': case 'ack': case 'syncAck': case 'forward': case 'pong': case 'revalidate': case 'syncAsk':
        this.leader?.received(peer, message)
        break
      default: if (this.learner?.leader === peer) this.learner.received(message)
    }
  }

  #notification(): Notification {
    const { role: state, health, joins, reach: { isWide }, journal: { meta: { currentEpoch: epoch } } } = this
    return { kind: 'notify', state, round: this.#round, vote: this.#vote, health, epoch, joins, isWide }
  }

  #notified(peer: number, message: Notification): void {
    const { vote: { peerEpoch } } = message
    const epoch = this.config.mutant === 'founderByItsVote' ? peerEpoch : Math.max(message.epoch, peerEpoch)
    this.founding.heard(peer, message.health, epoch)
    if (message.health === 'ok') this.leader?.recovered(peer)
    if (message.state === 'looking') this.#earlyJoins.heardLooking(peer, message.joins)
    this.reach.heard(peer, message)
    if (this.election !== null) {
      if (this.election.hasVoice) this.#revote(this.election)
      this.election.notified(peer, message)
      return
    }
    if (message.state === 'looking') {
      this.send(peer, this.#notification())
      const isComing = message.round === this.#round && message.vote.leader === this.config.peerId
      this.leader?.heardLooking(peer, message.joins, isComing)
    }
    if (message.state === 'leading' && message.vote.leader === peer && message.vote.peerEpoch > this.#vote.peerEpoch) {
      this.leader?.heardLeader(peer)
    }
    if (this.learner?.leader === peer) this.learner.heardLeader(message, this.#round)
  }

  #joined(peer: number, message: FollowerInfo): void {
    if (isUnwritten(message.health)) this.founding.heard(peer, message.health, 0)
    if (this.leader !== null) this.leader.joined(peer, message)
    else if (this.election?.mayWin === true) this.#earlyJoins.add(peer, message)
    else this.#earlyJoins.refuse(peer, message)
  }

  // --- roles -------------------------------------------------------------------------------------------------------

  /** Its clients go elsewhere: the role is over, or what they would see is too old. */
  #unserve(leader: number | null, reason: string): void {
    this.serving = false
    this.clients.suspend('ConnectionLoss', false)
    this.#announce(leader, reason)
  }

  /** Everything that ends a role leads here: no timer, no association and no client of it survives. */
  #look(reason: string, holdOffMs = 0): void {
    const { leader, learner, election } = this
    this.#slow = leader?.ownDisk.slowness ?? this.#slow
    this.leader = null
    this.learner = null
    this.route.close()
    leader?.close(reason)
    learner?.close()
    if (learner?.mayKeepLink === false) this.dropLink(learner.leader, reason)
    else if (learner !== null) this.links.forget(learner.leader)
    this.role = 'looking'
    this.#snapshotter.abandon()
    this.#earlyJoins.refuseAll()
    this.#holdOffMs = this.now.ms + holdOffMs
    this.#vote = NO_VOTE
    this.#unserve(null, reason)
    const turnedTo = learner?.turnedTo ?? null
    const round = (election?.round ?? this.#round) + (turnedTo === null ? 1 : 0)
    this.election = new Election(this, round, this.#ownVote(), turnedTo)
  }

  #ownVote(): Vote {
    return ownVote(this, this.#tree, this.#slow, this.election?.hasVoice === true)
  }

  #lead(reason: string): void {
    this.role = 'leading'
    this.leader = new Leader(this, this.#leaderOwner(), this.committed, this.#slow !== null)
    this.#announce(this.config.peerId, reason)
    for (const [peer, info] of this.#earlyJoins.take()) this.leader?.joined(peer, info)
  }

  #follow(leader: number, reason: string): void {
    this.role = this.isVoter ? 'following' : 'observing'
    this.#slow = follows(this.#slow)
    this.#earlyJoins.refuseAll()
    this.learner = new Learner(this, this.#learnerOwner(), leader, ++this.joins, this.committed)
    this.route.follow(this.learner)
    this.#announce(leader, reason)
  }

  /** Acts on what the step decided. */
  #transit(): void {
    if (this.stopped) return
    const { leader, learner } = this
    if (leader !== null && leader.resigned !== null) this.#look(`resigned: ${leader.resigned}`)
    else if (learner !== null && learner.abandoned !== null) {
      this.#look(learner.abandoned, learner.refused ? this.config.timing.resendMs * HOLD_OFF_RESENDS : 0)
    }
    const { election } = this
    if (this.isVoter) election?.tellLinks()
    if (election?.hasVoice === false) this.#revote(election)
    if (!election?.decision || this.now.ms < this.#holdOffMs) return
    const { vote, round, reason } = election.decision
    this.election = null
    this.#round = round
    this.#vote = vote
    if (vote.leader === this.config.peerId) this.#lead(reason)
    else this.#follow(vote.leader, reason)
  }

  /** The founding rule, the disk or the links may say otherwise now: it votes with its storage, or not any more. */
  #revote(election: Election): void {
    const own = this.#ownVote()
    if ((own !== NO_VOTE) === election.hasVoice || election.decision?.isFound === true) return
    election.stands(own)
    // Who has chosen it would wait for it in vain.
    if (own === NO_VOTE) this.#earlyJoins.refuseAll()
  }

  #announce(leader: number | null, reason: string): void {
    const { role, serving, journal: { meta: { currentEpoch: epoch } } } = this
    this.roles.announce({ kind: 'role', role, serving, epoch, leader, reason }, this.now.wallMs)
  }

  /** The role is established: members of this epoch all name it the same (ZOOKEEPER-1732), and newcomers hear of it. */
  #established(leader: number, epoch: number): void {
    this.serving = true
    this.#slow = null
    this.#vote = { leader, zxid: this.#vote.zxid, peerEpoch: epoch }
    this.#announce(leader, 'serving')
    for (const { id } of this.config.members) if (id !== this.config.peerId) this.send(id, this.#notification())
    this.clients.admit()
  }

  // --- committing and applying -------------------------------------------------------------------------------------

  #settle(): void {
    this.leader?.settle()
    this.learner?.settle()
    this.#transit()
    this.#applyCommitted()
    // After applying: what was committed has just made room for more.
    this.route.intake?.admit()
    const { learner } = this
    if (learner === null || this.serving === learner.serves(this.#tree.zxid)) return
    if (this.serving) this.#unserve(learner.leader, 'too far behind its leader')
    else this.#established(learner.leader, learner.epoch)
  }

  #applyCommitted(): void {
    if (this.leader !== null && this.leader.committed > this.committed) this.committed = this.leader.committed
    if (this.learner !== null && this.learner.committed > this.committed) this.committed = this.learner.committed
    this.#applier.run()
  }

  // --- owners ------------------------------------------------------------------------------------------------------

  #clientsOwner(): ConstructorParameters<typeof Clients>[0] {
    const { config } = this
    return {
      peerId: config.peerId, options: config.tree, limits: config.limits, timing: config.timing, mutant: config.mutant,
      nowMs: () => this.now.ms, tree: () => this.#tree, serving: () => this.serving,
      emit: (effect) => this.emit(effect), forward: (request) => this.route.forward(request),
      withdraw: (tags) => this.route.withdraw(tags),
      revalidate: (tag, session) => this.route.revalidate(tag, session),
      askSync: (tag) => this.route.askSync(tag),
    }
  }

  #leaderOwner(): ConstructorParameters<typeof Leader>[1] {
    return {
      tree: () => this.#tree, activated: () => this.#activated(),
      hasApplied: () => {
        this.#applyCommitted()
        return !this.#applier.isBehind
      },
      forwarded: (peer, message) => this.route.received(peer, message),
      touched: (sessions: readonly SessionId[]) => this.route.intake?.touch(sessions),
      synced: (tag, zxid) => this.clients.synced(tag, zxid),
    }
  }

  #activated(): void {
    const { leader, config } = this
    assert(leader !== null, 'a leader was activated')
    assert(this.#tree.zxid === this.journal.log.last, 'the whole initial history is applied at activation')
    const { peerId, tree: options, limits, mutant, timing } = config
    const own = { now: (): Now => this.now, log: this.log.bind(this) }
    const intake = new Intake({ peerId, options, limits, timing, mutant, ...own }, leader, this.#tree)
    this.route.lead(leader, intake)
    if (this.#tree.ensembleId === '') intake.found(config.newEnsembleId, memberText(config.members))
    this.log('info', `leads epoch ${leader.epoch}`, { from: formatZxid(this.journal.log.last) })
    this.#established(peerId, leader.epoch)
  }

  #learnerOwner(): ConstructorParameters<typeof Learner>[1] {
    return {
      tree: () => this.#tree,
      replaceTree: (tree) => {
        this.#tree = tree
        tree.setConfig(this.config.configData)
        this.committed = tree.zxid
        this.#snapshotter.rebased()
        if (tree.ensembleId !== '') this.journal.setMeta({ ensembleId: tree.ensembleId })
      },
      revalidated: (tag, timeoutMs) => this.clients.revalidated(tag, timeoutMs),
      synced: (tag, zxid) => this.clients.synced(tag, zxid),
      touches: () => this.clients.touches(),
      isTelling: () => this.clients.watches.isSpent,
      fatal: (code, reason) => this.#fatal(code, reason),
    }
  }

  // --- the end -----------------------------------------------------------------------------------------------------

  #fatal(code: ErrorCode, reason: string): void {
    this.#end(reason)
    this.emit({ kind: 'fatal', code, reason })
  }

  #end(reason: string): void {
    this.stopped = true
    this.leader?.close(reason)
    this.serving = false
    this.role = 'looking'
    this.election = null
    this.route.close()
    this.clients.suspend('PeerStopped', true)
    for (const peer of Array.from(this.links.current.keys())) this.dropLink(peer, reason)
    this.leader = this.learner = null
    this.#announce(null, reason)
  }
}
