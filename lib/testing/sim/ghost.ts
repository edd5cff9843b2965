import type { ConnId, Effect } from '../../core/effects.ts'
import type { Replica } from '../../core/replica.ts'
import type { Identity, Outcome, Request } from '../../core/tree/request.ts'
import { NO_SESSION } from '../../core/tree/stat.ts'
import type { SessionId } from '../../core/tree/stat.ts'
import { Tree } from '../../core/tree/tree.ts'
import type { Txn, TxnCodec } from '../../core/tree/txn.ts'
import { ZXID_ZERO, epochOf, formatZxid } from '../../core/zxid.ts'
import type { Zxid } from '../../core/zxid.ts'
import { follows } from '../../core/zab/log.ts'
import type { Log, LoggedTxn } from '../../core/zab/log.ts'
import type { Message } from '../../core/zab/messages.ts'
import type { SimDisk } from './disk.ts'
import type { Chronicle } from './chronicle.ts'
import { Claims } from './claims.ts'
import { Conduct } from './conduct.ts'
import { Leases, isWords } from './leases.ts'
import { LostPromises } from './lost-promises.ts'
import { Moves } from './moves.ts'
import { sameOutcome } from './outcomes.ts'
import { Primaries } from './primaries.ts'
import { Reference } from './reference.ts'
import { Snapshots } from './snapshots.ts'
import { Soundness } from './soundness.ts'
import { Timeliness } from './timeliness.ts'
import { scanTree } from './tree-scan.ts'
import { checkTypes } from './type-ok.ts'
import { Versions } from './versions.ts'
import { Violation } from './violation.ts'
import { Windows } from './windows.ts'
import type { LogBatch, Meta } from '../../ports/storage.ts'

/** One server as the checkers see it. */
export interface Watched {
  readonly id: number
  /** Grows with each start. */
  readonly incarnation: number
  readonly replica: Replica
  readonly disk: SimDisk
}

/**
 * What each server's clock says: the whole milliseconds that its replica is stepped with, so that its limits can be
 * checked without slack. By a finer clock a replica that waits 2 s from 1000.9 to 3000.0 would seem to wait too short.
 */
export interface GhostClock {
  localMs(server: number): number
  /** The true time. */
  nowMs(): number
  /** Since when this process has been running without a pause, in true time. */
  awakeMs(server: number): number
}

/** One txn that some server delivered. */
export interface Delivered {
  readonly zxid: Zxid
  readonly hash1: number
  readonly hash2: number
  readonly txn: Txn
  /** What its client must be told. */
  readonly outcome: Outcome
  /** Digest of the model right after it. */
  readonly digest1: number
  readonly digest2: number
}

/** A write that a client has sent. */
interface Asked {
  readonly request: Request
  readonly identities: readonly Identity[]
  /**
   * Null unless it went out on a connection that its session had left: it must not succeed then (C12), but in this
   * epoch; 0 for none.
   */
  readonly excusedIn: number | null
}

/** One step in so many is followed by a look at the whole tree of the server that made it. */
const SCAN_STEPS = 1_000

interface Seen {
  readonly incarnation: number
  /** How many of G this server has delivered. */
  index: number
  appliedZxid: Zxid
  tree: Tree
}

/**
 * What no server can know: the one sequence G of delivered txns, a model tree replayed over it, who led which epoch.
 * Checks are made after every step of the server that stepped, and cost what changed. Names are those of the
 * correctness plan: P protocol, D durability, C clients.
 */
export class Ghost {
  readonly G: Delivered[] = []
  readonly #byZxid = new Map<Zxid, number>()
  readonly #model = Tree.empty()
  readonly reference: Reference = new Reference()
  /** What clients tell each other. */
  readonly versions: Versions = new Versions()
  readonly windows: Windows
  /** When somebody last acted for a session, in true time. */
  readonly lastWords: Map<SessionId, number> = new Map()
  readonly #primaries: Primaries
  readonly #leases = new Leases()
  readonly conduct: Conduct
  readonly #claims = new Claims()
  readonly #timeliness: Timeliness
  readonly #snapshots: Snapshots
  readonly #moves = new Moves()
  #steps = 0
  readonly #lostPromises = new LostPromises()
  readonly #soundness: Soundness
  readonly #clock: GhostClock
  readonly #seen = new Map<number, Seen>()
  /** Writes sent and not delivered: taken out at their delivery, so that a second one is seen (C7). */
  readonly #asked = new Map<string, Asked>()
  #checkedCommit: Zxid = ZXID_ZERO
  /** Commit point of the last UPTODATE each learner was sent. */
  readonly #upToDate = new Map<number, Zxid>()
  readonly codec: TxnCodec
  readonly #voters: readonly number[]
  readonly #disk: (server: number) => SimDisk
  /** Set where all is to be checked once more at the end. */
  chronicle: Chronicle | null = null
  /** Disks lost on purpose: they count as holding what they held. */
  readonly excused: Set<number> = new Set()
  /** Syncs by plan, for the record. */
  readonly syncs: { diff: number, trunc: number, snap: number } = { diff: 0, trunc: 0, snap: 0 }

  /**
   * `areLinksSpoilt`: within a link things are lost or repeated, so learners may meet what cannot be; `drift`: how
   * wrong the clocks of the servers may run, as a fraction; `seed`: of the nodes whose histories are searched.
   */
  constructor(
    codec: TxnCodec, voters: readonly number[], disk: (server: number) => SimDisk, clock: GhostClock,
    areLinksSpoilt = false, drift = 0, seed = 0,
  ) {
    this.codec = codec
    this.windows = new Windows(seed, () => clock.nowMs())
    this.#clock = clock
    this.conduct = new Conduct(clock, areLinksSpoilt)
    this.#timeliness = new Timeliness(clock, drift)
    this.#snapshots = new Snapshots(codec, this.reference, this.#model)
    this.#primaries = new Primaries({
      led: ({ id, replica }, epoch) => {
        this.#leases.led(epoch, clock.localMs(id))
        this.#soundness.led(epoch)
        this.#scan(id, replica.tree)
      },
      undone: (epoch) => this.chronicle?.undo(epoch),
      proposed: ({ id }, { zxid, txn, bytes }) => {
        this.#leases.proposed(zxid, txn ?? codec.decodeTxn(bytes), epochOf(zxid), clock.localMs(id))
      },
    })
    this.#voters = voters
    this.#disk = disk
    this.#soundness = new Soundness({ voters, disk, excused: this.excused })
  }

  get commits(): number {
    return this.G.length
  }

  get epochs(): number {
    return this.#primaries.epochs
  }

  get modelTree(): Tree {
    return this.#model
  }

  indexOf(zxid: Zxid): number {
    return zxid === ZXID_ZERO ? 0 : (this.#byZxid.get(zxid) ?? -2) + 1
  }

  at(zxid: Zxid): Delivered | undefined {
    const index = this.#byZxid.get(zxid)
    return index === undefined ? undefined : this.G[index]
  }

  /** Its disk is lost with these promises: from here on that is excused. */
  loses(id: number, { acceptedEpoch }: Pick<Meta, 'acceptedEpoch'>): void {
    this.excused.add(id)
    this.#soundness.lose(id)
    // What an observer promised binds nobody.
    if (!this.#voters.includes(id)) return
    this.#lostPromises.lose(id, acceptedEpoch, this.#voters.filter((other) => other !== id).map(this.#disk))
  }

  /** After a step of this server: what it applied, who it says it is. */
  observe(server: Watched): void {
    const { replica } = server
    if (replica.stopped) return
    checkTypes(server)
    this.chronicle?.observe(server)
    let seen = this.#seen.get(server.id)
    const isNew = seen === undefined || seen.incarnation !== server.incarnation || seen.tree !== replica.tree
    if (seen === undefined || isNew) seen = this.#begin(server)
    const applied = replica.tree.zxid
    if (applied !== seen.appliedZxid) {
      const { log } = replica.journal
      for (let next = log.zxidAfter(seen.appliedZxid); next !== null && next <= applied;) {
        this.#delivered(server, seen, next, log)
        next = next === applied ? null : log.zxidAfter(next)
      }
      seen.appliedZxid = applied
      this.#checkDigest(server, seen)
    }
    this.#primaries.observe(server, this.G[this.G.length - 1])
    if (isNew || ++this.#steps % SCAN_STEPS === 0) this.#scan(server.id, replica.tree)
  }

  /** A.3, all of it: too much for every step. */
  #scan(id: number, tree: Tree): void {
    scanTree(id, tree, this.reference)
  }

  /** A client sends a write; `left`: through this connection, which its session has left. */
  ask(
    session: SessionId, cxid: number, request: Request, left: ConnId | null = null,
    identities: readonly Identity[] = [],
  ): void {
    const key = `${session}/${cxid}`
    const excusedIn = left === null ? null : this.#moves.excused(session, left)
    this.#asked.set(key, { request, identities, excusedIn })
    if (left === null) this.versions.sent(key, request)
  }

  /** A server starts, or installed a snapshot: what it holds must be a state of G. */
  #begin(server: Watched): Seen {
    const { replica, id, incarnation } = server
    const base = replica.journal.baseZxid
    const index = this.indexOf(base)
    if (index < 0) {
      throw new Violation('D7', `server ${id} has a snapshot at ${formatZxid(base)}, which nobody delivered`)
    }
    const known = this.G[index - 1]
    const { journal } = replica
    if (known !== undefined && (known.hash1 !== journal.base!.hash1 || known.hash2 !== journal.base!.hash2)) {
      throw new Violation('P2', `server ${id} has another history under its snapshot`)
    }
    const seen: Seen = { incarnation, index, appliedZxid: base, tree: replica.tree }
    this.#seen.set(id, seen)
    if (replica.tree.zxid === base) this.#checkDigest(server, seen)
    return seen
  }

  #checkDigest(server: Watched, seen: Seen): void {
    const known = this.G[seen.index - 1]
    if (known === undefined) return
    const { hash1, hash2 } = server.replica.tree.digest()
    if (hash1 !== known.digest1 || hash2 !== known.digest2) {
      throw new Violation('D8', `the tree of server ${server.id} differs from the model at ${formatZxid(known.zxid)}`)
    }
  }

  #delivered(server: Watched, seen: Seen, zxid: Zxid, log: Log): void {
    const known = this.G[seen.index]
    if (known === undefined) this.#extend(server, log.entryAt(zxid)!)
    else {
      const { hash1, hash2 } = log.chainAt(zxid)!
      if (known.zxid !== zxid || known.hash1 !== hash1 || known.hash2 !== hash2) {
        const [here, there] = [formatZxid(zxid), formatZxid(known.zxid)]
        throw new Violation('P2', `server ${server.id} delivered ${here} where others delivered ${there}`)
      }
    }
    seen.index++
  }

  #extend(server: Watched, entry: LoggedTxn): void {
    const last = this.G[this.G.length - 1]
    const previous = last?.zxid ?? ZXID_ZERO
    if (entry.zxid <= previous) {
      const [here, before] = [formatZxid(entry.zxid), formatZxid(previous)]
      throw new Violation('P7', `server ${server.id} delivered ${here} after ${before}`)
    }
    if (!follows(entry.zxid, previous)) {
      const [here, before] = [formatZxid(entry.zxid), formatZxid(previous)]
      throw new Violation('P6', `server ${server.id} delivered ${here} right after ${before}`)
    }
    this.#checkQuorumDurable(entry)
    this.#primaries.checkDelivered(entry.zxid, entry, last)
    const txn = this.codec.decodeTxn(entry.bytes)
    const outcome = this.#execute(entry.zxid, txn)
    const { hash1, hash2 } = this.#model.digest()
    this.#timeliness.delivered()
    this.#byZxid.set(entry.zxid, this.G.length)
    this.G.push({
      zxid: entry.zxid, hash1: entry.hash1, hash2: entry.hash2, txn, outcome, digest1: hash1, digest2: hash2,
    })
  }

  /** Replays the txn twice: over the reference, from the request, and over the core's own tree, from the txn. */
  #execute(zxid: Zxid, txn: Txn): Outcome {
    const { body } = txn
    let request: Request | null = null
    let identities: readonly Identity[] = []
    if (txn.tag !== 0 && body.kind !== 'createSession') {
      const key = `${txn.session}/${txn.cxid}`
      const asked = this.#asked.get(key)
      if (asked === undefined) throw new Violation('C7', `request ${key} was delivered twice, or never made`)
      if (asked.excusedIn !== null && body.kind !== 'error' && body.kind !== 'multiError') {
        if (asked.excusedIn !== epochOf(zxid)) {
          throw new Violation('C12', `request ${key} of a session that had moved away came to ${body.kind}`)
        }
        // C1 counts it only now, before anybody can read it: of those that are refused nothing may be seen.
        this.versions.sent(key, asked.request)
      }
      this.#asked.delete(key)
      request = asked.request
      identities = asked.identities
    }
    if (body.kind === 'closeSession') this.windows.ended(txn.session)
    else if (body.kind === 'delete' && txn.session === NO_SESSION) this.windows.reaped(body.path)
    const outcome = this.reference.deliver(zxid, txn, request, identities)
    const own = this.#model.apply(zxid, txn, null, true)
    if (request !== null && (own === null || !sameOutcome(own, outcome))) {
      throw new Violation('C8', `${JSON.stringify(request)} must be answered ${JSON.stringify(outcome)}, ` +
        `the tree says ${JSON.stringify(own)}`)
    }
    return outcome
  }

  /** D3: what anybody delivers is on the disks of a quorum. */
  #checkQuorumDurable(entry: { readonly zxid: Zxid, readonly hash1: number, readonly hash2: number }): void {
    let count = 0
    for (const id of this.#voters) {
      if (!this.excused.has(id) && !this.#disk(id).holds(entry.zxid, entry.hash1, entry.hash2)) continue
      if (++count * 2 > this.#voters.length) return
    }
    throw new Violation('D3', `${formatZxid(entry.zxid)} was delivered with ${count} durable copies`)
  }

  /** A server is down: A.3 for the tree that it had, D3 for what it has. */
  checkDown(id: number): void {
    const seen = this.#seen.get(id)
    if (seen !== undefined && seen.tree.zxid === seen.appliedZxid) this.#scan(id, seen.tree)
    this.checkDurability()
  }

  /** D3 for the newest delivered txn, which all others are under: asked after every change of a disk. */
  checkDurability(): void {
    const last = this.G[this.G.length - 1]
    if (last !== undefined) this.#checkQuorumDurable(last)
  }

  /** Messages have come to a server that stands still. */
  waiting(id: number, messages: readonly Message[]): void {
    this.#leases.waiting(messages, this.#clock.localMs(id))
  }

  /** Before a message is stepped: what UPTODATE names must be applied before this learner serves. */
  received(server: Watched, link: number, message: Message): void {
    const { id, replica } = server
    this.conduct.received(server, link, message)
    this.#claims.received(server, link, message)
    if (isWords(message)) {
      this.#leases.received(replica, replica.links.peerOf(link) ?? 0, message, this.#clock.localMs(id))
    }
    if (message.kind === 'upToDate') this.#upToDate.set(server.id, message.commit)
    else if (message.kind === 'leaderInfo') this.#upToDate.delete(server.id)
  }

  /**
   * Before an effect is carried out: D2, a message tells the truth about the sender's disk; P13, no delivered txn is
   * cut.
   */
  emitted(server: Watched, effect: Effect): void {
    this.conduct.emitted(server, effect)
    this.#moves.emitted(server.id, effect)
    if (effect.kind === 'send') {
      this.#claims.sent(server, effect.message)
      this.#sent(server.id, effect.message)
      this.#soundness.emitted(server.id, effect.message)
      this.#checkCommitted(server, effect.message)
    } else if (effect.kind === 'role' && effect.serving && effect.role !== 'leading') this.#checkServes(server)
    else if (effect.kind === 'persist') this.#checkBatch(server, effect.batch)
    else if (effect.kind === 'reply') this.#checkTimely(server)
    else if (effect.kind === 'log' && effect.level === 'error') throw new Violation('A1', effect.text)
  }

  #checkTimely(server: Watched): void {
    const applied = this.indexOf(server.replica.tree.zxid)
    this.#timeliness.answered(server, applied, this.G[applied]?.zxid)
  }

  #checkBatch(server: Watched, batch: LogBatch): void {
    const { truncateAfter, install, resetLog } = batch
    this.#claims.persisted(server, batch)
    if (truncateAfter !== undefined) this.#checkTruncation(server, truncateAfter)
    if (install === undefined) {
      this.#snapshots.persisted(server, batch)
      return
    }
    const known = this.at(install.zxid)
    if (known === undefined) {
      const at = formatZxid(install.zxid)
      throw new Violation('D7', `server ${server.id} has a snapshot at ${at}, which nobody delivered`)
    }
    if (known.hash1 !== install.hash1 || known.hash2 !== install.hash2) {
      throw new Violation('D7', `server ${server.id} has another history under its snapshot`)
    }
    this.#snapshots.persisted(server, batch)
    if (resetLog === true) this.#checkTruncation(server, install.zxid)
  }

  /** What is told to be committed is on the disks of a quorum, whoever has delivered it yet. */
  #checkCommitted(server: Watched, message: Message): void {
    if (message.kind !== 'commit' && message.kind !== 'upToDate' && message.kind !== 'inform') return
    const zxid = message.kind === 'commit' ? message.zxid
      : message.kind === 'upToDate' ? message.commit : message.entries[message.entries.length - 1]?.zxid ?? ZXID_ZERO
    if (zxid <= this.#checkedCommit) return
    const { log } = server.replica.journal
    const chain = log.chainAt(zxid)
    if (chain !== null) {
      const place = { zxid, hash1: chain.hash1, hash2: chain.hash2 }
      this.#checkQuorumDurable(place)
      this.#soundness.committed(message.epoch, place)
    } else if (zxid > log.floor) {
      throw new Violation('A1', `server ${server.id} commits ${formatZxid(zxid)}, which it has not`)
    }
    this.#checkedCommit = zxid
  }

  /** S-3023: a learner serves nobody before it has applied what UPTODATE named. */
  #checkServes(server: Watched): void {
    const commit = this.#upToDate.get(server.id) ?? ZXID_ZERO
    if (server.replica.tree.zxid < commit) {
      const at = formatZxid(server.replica.tree.zxid)
      throw new Violation('C16', `server ${server.id} serves at ${at}, before ${commit} is applied`)
    }
  }

  #checkTruncation(server: Watched, to: Zxid): void {
    for (let i = this.G.length - 1; i >= 0 && this.G[i]!.zxid > to; i--) {
      const { zxid, hash1, hash2 } = this.G[i]!
      const entry = server.disk.log.entryAt(zxid)
      if (entry !== undefined && entry.hash1 === hash1 && entry.hash2 === hash2) {
        throw new Violation('P13', `server ${server.id} truncates the delivered ${formatZxid(zxid)}`)
      }
    }
  }

  #sent(id: number, message: Message): void {
    switch (message.kind) {
      case 'ack':
        if (message.newLeader) this.#lostPromises.acked(id, message.epoch, this.#voters.map(this.#disk))
        break
      case 'diff': this.syncs.diff++; break
      case 'trunc': this.syncs.trunc++; break
      case 'snap': this.syncs.snap++; break
      default: break
    }
  }

  /** A batch became durable: D3 still holds; D5: with nothing in flight, memory and disk are the same log. */
  durable(server: Watched): void {
    this.checkDurability()
    const { journal, stopped } = server.replica
    if (stopped || !journal.idle) return
    const { log } = journal
    const { last, lastChain } = server.disk.log
    if (log.last !== last || log.lastChain.hash1 !== lastChain.hash1) {
      throw new Violation('D5', `server ${server.id} remembers ${formatZxid(log.last)}, its disk ${formatZxid(last)}`)
    }
  }

  /** D3 once more, and naively: all that was delivered, one by one, is on the disks of a quorum. */
  checkAll(): void {
    this.versions.check()
    this.windows.check()
    for (const delivered of this.G) this.#checkQuorumDurable(delivered)
  }
}
