import type { Effect, Input } from '../../core/effects.ts'
import { ZXID_ZERO, epochOf } from '../../core/zxid.ts'
import type { Zxid } from '../../core/zxid.ts'
import type { Replica } from '../../core/replica.ts'
import type { Request } from '../../core/tree/request.ts'
import type { Log } from '../../core/zab/log.ts'
import type { Message, Notification, Role } from '../../core/zab/messages.ts'
import type { LogBatch } from '../../ports/storage.ts'
import type { Coverage } from './coverage.ts'
import type { SimDisk } from './disk.ts'
import type { Watched } from './ghost.ts'

/** Messages that claim something of the sender's disk (gate table): each must have waited for it at least once. */
const GATED: Readonly<Partial<Record<Message['kind'], string>>> = {
  followerInfo: 'gate: followerInfo waits', leaderInfo: 'gate: leaderInfo waits', ackEpoch: 'gate: ackEpoch waits',
  ack: 'gate: ack of a txn waits', syncAck: 'gate: syncAck waits',
}

/** Why roles end, drops and refusals: what stands before the first number or name, so that peers do not differ. */
export const REASONS: readonly (readonly [RegExp, string])[] = [
  [/^resigned: voter \d+ has a later history/, 'resigned: a voter has a later history'],
  [/^resigned: voter \d+ promised a later epoch/, 'resigned: a voter promised a later epoch'],
  [/^resigned: voter \d+ looks for another leader/, 'resigned: a voter looks for another leader'],
  [/^resigned: peer \d+ leads a newer epoch/, 'resigned: another leads a newer epoch'],
  [/^resigned: its own storage does not count/, 'resigned: its own storage does not count'],
  [/^resigned: no quorum joined in time/, 'resigned: no quorum joined in time'],
  [/^resigned: lost the quorum/, 'resigned: lost the quorum'],
  [/^resigned: its own disk is too slow/, 'resigned: its own disk is too slow'],
  [/^resigned: the zxid counter is used up/, 'resigned: the zxid counter is used up'],
  [/^the link to the leader is down/, 'left: the link to the leader is down'],
  [/^the leader is silent/, 'left: the leader is silent'],
  [/^the leader does not lead/, 'left: the leader does not lead'],
  [/^epoch \d+ is below the promised/, 'left: an epoch below the promise'],
  [/^a synchronization out of place/, 'left: a synchronization out of place'],
  [/^a diff from elsewhere/, 'left: a diff from elsewhere'],
  [/^a snapshot chunk out of place/, 'left: a snapshot chunk out of place'],
  [/^a snapshot chunk that cannot be read/, 'left: a snapshot chunk that cannot be read'],
  [/^a snapshot of another zxid/, 'left: a snapshot of another zxid'],
  [/^a proposal out of place/, 'left: a proposal out of place'],
  [/^a proposal with a gap/, 'left: a proposal with a gap'],
  [/^a proposal that does not continue this log/, 'left: a proposal that does not continue the log'],
  [/^NEWLEADER out of place/, 'left: NEWLEADER out of place'],
  [/^a commit out of place/, 'left: a commit out of place'],
  [/^the leader refused: a voter without its promises/, 'refused: a voter without its promises'],
  [/^the leader refused: peer \d+ promised epoch/, 'refused: a promise above the epoch'],
  [/^(the leader refused: )?peer \d+ calls itself/, 'refused: another role'],
  [/^the leader refused: the last epoch/, 'refused: the last epoch'],
  [/^told to truncate to/, 'fatal: a truncation below what is applied'],
  [/^the leader sent a snapshot older/, 'fatal: a snapshot from before what is applied'],
  [/^the leader refused: this peer does not lead/, 'refused: does not lead'],
  [/^the leader refused: resigned/, 'refused: the leader resigned'],
  [/is dropped: silent or behind for too long/, 'dropped: silent or behind'],
  [/is dropped: too far behind/, 'dropped: too far behind'],
  [/is dropped: an epoch ack out of place/, 'dropped: an epoch ack out of place'],
  [/is dropped: an ack out of place/, 'dropped: an ack out of place'],
  [/^leads on without a quorum/, 'quorum: it is being brought up'],
  [/^truncates its log/, 'disk: truncation'],
]

/** In one request. */
const MANY_WATCHES = 200

/** Somebody begins to look for a leader. */
export const LOOKS = 'role: looking'

/** What every 200 seeds of the standard mix reach. */
export const REACHED_BY_SLICE: readonly string[] = [
  'gate: leaderInfo waits', 'gate: ackEpoch waits', 'gate: ack of NEWLEADER waits', 'gate: ack of a txn waits',
  'gate: syncAck waits', 'gate: the leader counts itself', 'gate: commit waits', 'gate: a reply waits',
  'gate: UPTODATE before it is applied', 'gate: ack after a snapshot waits',
  'gate: a vote from the log, above the tree', 'gate: a vote from the log, above the disk', 'fatal: StorageFailed',
  'sync: equal', 'sync: behind', 'sync: ahead', 'sync: diverged', 'sync: below the log', 'sync: empty',
  'resigned: lost the quorum', 'resigned: no quorum joined in time', 'resigned: a voter looks for another leader',
  'left: the link to the leader is down', 'left: the leader is silent', 'left: the leader does not lead',
  'refused: does not lead', 'refused: the leader resigned', 'refused: a voter without its promises',
  'dropped: silent or behind', 'quorum: it is being brought up',
  'disk: truncation', 'disk: snapshot of its own', 'disk: snapshot of the leader', 'disk: a write failed',
  'disk: all writes lost', 'disk: some writes lost', 'disk: part of a failed write is there',
  'disk: damaged before the first txn', 'disk: a write lands elsewhere', 'disk: a stray write is found, txns',
  'disk: rot of txns', 'disk: damage of log is found', 'disk: a damaged voter is rebuilt', 'disk: full, following',
  'freeze: one is down', 'freeze: one is deaf', 'freeze: one is mute', 'freeze: one is slow', 'freeze: one is restless',
  'freeze: an observer stays away',
  'start: promised above its epoch', 'link: half-open', 'order: a way falls to the bottom',
  'election: a notification of long ago', 'election: a notification is overtaken',
  'ending: never heals', 'ending: no faults',
  'history: checked naively',
  'client: ConnectionLoss', 'client: SessionExpired', 'client: SessionMoved', 'client: Closed',
  'client: NoAuth', 'client: its way is held', 'client: a message is late', 'client: half-open',
  'windows: searched', 'windows: one of 8 at once or more',
]

/** What a long run reaches besides. */
export const REACHED_BY_FULL: readonly string[] = [
  ...REACHED_BY_SLICE,
  'gate: followerInfo waits', 'resigned: a voter has a later history', 'resigned: a voter promised a later epoch',
  'resigned: another leads a newer epoch', 'resigned: the zxid counter is used up',
  'resigned: its own disk is too slow', 'left: a proposal with a gap', 'left: a commit out of place',
  'refused: a promise above the epoch', 'dropped: too far behind', 'disk: the leader\'s write failed',
  'disk: full, leading', 'disk: full, looking', 'disk: full, taking a snapshot', 'disk: full, receiving a snapshot',
  'disk: rot of snapshot', 'disk: rot of promises',
  'disk: a stray write is found, snapshot', 'disk: a stray write is found, promises',
  'disk: a snapshot is left out', 'disk: snapshot after one that was left out',
  'disk: a snapshot of the leader has no room', 'start: a snapshot was left out',
  'disk: damage of meta is found', 'start: a log above its epoch', 'start: damaged before, log',
  'start: damaged before, meta', 'link: a proposal is lost', 'link: a proposal comes twice', 'freeze: one is hung',
  'client: many watches at once', 'role: it ends in the middle of catching up',
]

/**
 * What damage beyond the guarantee, a foe or a bug leads to, and what storms come to seldom, if ever: no mix of seeds
 * is asked for these, but each has a case of its own. They are counted like all others.
 */
export const REACHED_BY_CASES: readonly string[] = [
  'sync: nothing in common', 'sync: hashes differ', 'sync: diverged below its snapshot',
  'resigned: its own storage does not count',
  'left: an epoch below the promise', 'left: a synchronization out of place', 'left: a diff from elsewhere',
  'left: a snapshot chunk out of place', 'left: a snapshot chunk that cannot be read',
  'left: a snapshot of another zxid', 'left: a proposal out of place',
  'left: a proposal that does not continue the log', 'left: NEWLEADER out of place',
  'dropped: an epoch ack out of place', 'dropped: an ack out of place',
  'refused: another role', 'refused: the last epoch',
  'fatal: a truncation below what is applied', 'fatal: a snapshot from before what is applied',
]

/**
 * How often what matters was reached: a suite that never comes to a branch proves nothing about it. Counts the rows of
 * the gate table that bit, the branches of the synchronization plan, the ways in which roles end, what disks did.
 */
export class Reached {
  readonly counts: Record<string, number> = {}
  /** Who has a snapshot of its leader on the way to its disk, or there, and has not acked NEWLEADER since. */
  readonly #installing = new Set<number>()
  /** Set by who breeds seeds. */
  coverage: Coverage | null = null

  hit(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1
  }

  /** What a start finds on its disk. */
  found({ meta, log, damage, leftOut }: SimDisk): void {
    if (leftOut > 0) this.hit('start: a snapshot was left out')
    if (damage !== 'none') this.hit(`disk: damage of ${damage} is found`)
    if (meta === null) return
    if (meta.acceptedEpoch > meta.currentEpoch) this.hit('start: promised above its epoch')
    if (epochOf(log.last) > meta.currentEpoch) this.hit('start: a log above its epoch')
    if (meta.health !== 'ok') this.hit(`start: damaged before, ${meta.health}`)
  }

  /** A server has taken an input. */
  stepped(server: Watched, input: Input): void {
    this.coverage?.stepped(server, input)
    if (input.kind === 'request') this.#asked(input.request)
    if (input.kind !== 'receive' || input.message.kind !== 'upToDate') return
    if (server.replica.tree.zxid < input.message.commit) this.hit('gate: UPTODATE before it is applied')
  }

  #asked(request: Request): void {
    if (request.op !== 101 && request.op !== 105) return
    const { data, exist, child, persistent, recursive } = request
    const count = data.length + exist.length + child.length + persistent.length + recursive.length
    if (count >= MANY_WATCHES) this.hit('client: many watches at once')
  }

  /** These batches found no room. A snapshot of its own has the number after that of the last, others have not. */
  full({ base }: SimDisk, role: Role, batches: readonly LogBatch[]): void {
    this.hit(`disk: full, ${role}`)
    let last = base?.id ?? 0
    for (const { chunks, install, resetLog } of batches) {
      const id = install?.id ?? chunks?.[0]?.id
      const isOwn = id === last + 1 && resetLog !== true
      if (id !== undefined) this.hit(`disk: full, ${isOwn ? 'taking' : 'receiving'} a snapshot`)
      if (install !== undefined) last = install.id
    }
  }

  /** An effect of a turn; `isWriteDone`: the turn began with a completed write. */
  emitted(server: Watched, effect: Effect, isWriteDone: boolean): void {
    switch (effect.kind) {
      case 'send': this.#sent(server, effect.message, isWriteDone); break
      case 'reply':
        if (isWriteDone) this.hit('gate: a reply waits')
        if (effect.outcome.code === 'NoAuth') this.hit('client: NoAuth')
        break
      case 'role':
        if (effect.role === 'looking') this.hit(LOOKS)
        if (effect.role === 'looking' && effect.reason !== 'started' && isCatchingUp(server.replica)) {
          this.hit('role: it ends in the middle of catching up')
        }
        this.#said(effect.reason)
        if (effect.role === 'leading' && effect.serving && isWriteDone) this.hit('gate: the leader counts itself')
        break
      case 'fatal': this.hit(`fatal: ${effect.code}`); break
      case 'log': this.#logged(server, effect.text, effect.fields); break
      case 'persist':
        if (effect.batch.install !== undefined) {
          const isOwn = effect.batch.resetLog !== true
          this.hit(isOwn ? 'disk: snapshot of its own' : 'disk: snapshot of the leader')
          if (isOwn && server.disk.leftOut > 0) this.hit('disk: snapshot after one that was left out')
          if (!isOwn) this.#installing.add(server.id)
        }
        break
      default: break
    }
  }

  #sent(server: Watched, message: Message, isWriteDone: boolean): void {
    if (message.kind === 'notify') this.#voted(server, message)
    if (message.kind === 'ack' && message.newLeader && this.#installing.delete(server.id) && isWriteDone) {
      this.hit('gate: ack after a snapshot waits')
    }
    if (!isWriteDone) return
    if (message.kind === 'commit') this.hit('gate: commit waits')
    const gate = message.kind === 'ack' && message.newLeader ? 'gate: ack of NEWLEADER waits' : GATED[message.kind]
    if (gate !== undefined) this.hit(gate)
  }

  /** A vote for itself states the end of the log: more than is applied, more than is on disk yet. */
  #voted({ id, replica: { tree, journal } }: Watched, { vote }: Notification): void {
    if (vote.leader !== id) return
    if (vote.zxid > tree.zxid) this.hit('gate: a vote from the log, above the tree')
    if (vote.zxid > journal.durableZxid) this.hit('gate: a vote from the log, above the disk')
  }

  #said(reason: string): void {
    for (const [pattern, name] of REASONS) if (pattern.test(reason)) this.hit(name)
  }

  #logged({ replica }: Watched, text: string, fields: Readonly<Record<string, unknown>>): void {
    this.#said(text)
    if (!text.startsWith('sync of peer')) return
    const from = Number(fields['from']) as Zxid
    const { log } = replica.journal
    if (fields['plan'] === 'snap') this.hit(`sync: ${whySnapshot(log, from)}`)
    else if (fields['plan'] === 'trunc') this.hit(from > log.last ? 'sync: ahead' : 'sync: diverged')
    else this.hit(from === ZXID_ZERO ? 'sync: empty' : from === log.last ? 'sync: equal' : 'sync: behind')
  }
}

/** It serves nobody, and has not applied all that is committed and on its disk. */
export function isCatchingUp({ serving, tree, committed, journal }: Replica): boolean {
  return !serving && tree.zxid < Math.min(committed, journal.durableZxid)
}

/** Which branch of the decision table ends in a snapshot. */
function whySnapshot(log: Log, from: Zxid): string {
  if (from < log.floor) return 'below the log'
  if (log.holds(from)) return 'hashes differ'
  const to = log.pointBelow(from)
  return to === null || log.chainAt(to) === null ? 'nothing in common' : 'diverged below its snapshot'
}
