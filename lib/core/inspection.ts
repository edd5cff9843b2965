import type { LogEntry, SnapshotBase } from '../ports/storage.ts'
import type { Replica } from './replica.ts'
import type { MemberStatus, ReplicaStatus } from './status.ts'
import { counterOf, epochOf } from './zxid.ts'
import type { Zxid } from './zxid.ts'
import type { Role } from './zab/messages.ts'

/** What a checker may see of a replica: read-only, of the moment. */
export interface Inspection {
  readonly role: Role
  readonly phase: 'election' | 'discovery' | 'synchronization' | 'broadcast'
  readonly serving: boolean
  readonly acceptedEpoch: number
  readonly currentEpoch: number
  readonly lastZxid: Zxid
  readonly lastHash1: number
  readonly lastHash2: number
  readonly committedZxid: Zxid
  readonly appliedZxid: Zxid
  readonly durableZxid: Zxid
  readonly base: SnapshotBase | null
  entryAt(zxid: Zxid): LogEntry | undefined
  entriesAfter(zxid: Zxid): readonly LogEntry[]
}

/** Sees through a replica. */
export function inspect(replica: Replica): Inspection {
  const { log, meta, durableZxid, base } = replica.journal
  return {
    role: replica.role,
    phase: replica.leader?.phase ?? replica.learner?.phase ?? 'election',
    serving: replica.serving,
    acceptedEpoch: meta.acceptedEpoch,
    currentEpoch: meta.currentEpoch,
    lastZxid: log.last,
    lastHash1: log.lastChain.hash1,
    lastHash2: log.lastChain.hash2,
    committedZxid: replica.committed,
    appliedZxid: replica.tree.zxid,
    durableZxid,
    base,
    entryAt: (zxid) => log.entryAt(zxid),
    entriesAfter: (zxid) => log.slice(zxid, Number.MAX_SAFE_INTEGER as Zxid, Infinity),
  }
}

/** The replica's own account of itself. */
export function status(replica: Replica): ReplicaStatus {
  const { log, meta, durableZxid } = replica.journal
  const leaderId = replica.role === 'leading' ? replica.config.peerId : replica.learner?.leader ?? null
  return {
    peerId: replica.config.peerId,
    role: replica.role,
    serving: replica.serving,
    epoch: meta.currentEpoch,
    leader: leaderId,
    appliedZxid: replica.tree.zxid,
    loggedZxid: log.last,
    durableZxid,
    ensembleId: meta.ensembleId,
    health: replica.health,
    members: replica.config.members.map((member) => memberStatus(replica, member.id)),
    sessions: replica.tree.sessions.size,
    connections: replica.clients.count,
    nodes: replica.tree.nodeCount,
    outstanding: replica.leader?.outstanding ?? 0,
    elections: [...replica.roles.elections],
  }
}

function memberStatus(replica: Replica, id: number): MemberStatus {
  const role = replica.config.members.find((member) => member.id === id)!.role
  const { log, durableZxid } = replica.journal
  const self = id === replica.config.peerId
  const learner = replica.leader?.learners.get(id)
  const ackedZxid = self ? durableZxid : learner?.newLeaderAcked === true ? learner.acked : null
  let behindTxns: number | null = null
  if (ackedZxid !== null && (self || replica.role === 'leading')) {
    const sameEpoch = epochOf(ackedZxid) === epochOf(log.last)
    behindTxns = sameEpoch
      ? counterOf(log.last) - counterOf(ackedZxid)
      : log.slice(ackedZxid, log.last, Infinity).length
  }
  return { id, role, connected: self || replica.isLinked(id), ackedZxid, behindTxns }
}
