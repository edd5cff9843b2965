import type { LogEntries, Meta, SnapshotBase } from '../ports/storage.ts'
import { ZkError } from './errors.ts'
import type { Member, ReplicaConfig } from './effects.ts'
import type { Tree } from './tree/tree.ts'
import { ZXID_ZERO, epochOf } from './zxid.ts'
import type { Zxid } from './zxid.ts'

/** Version of the layout that this code writes. */
export const STORAGE_FORMAT = 1

/** What the driver read from Storage.open(), the snapshot already loaded into `tree`. */
export interface RecoveredState {
  readonly meta: Meta | null
  readonly base: SnapshotBase | null
  readonly entries: LogEntries
  readonly damage: 'none' | 'log' | 'meta'
  readonly tree: Tree
}

/** The canonical text of a member list: `1:voter,2:voter,3:observer`, sorted by id. Addresses are not part of it. */
export function memberText(members: readonly Member[]): string {
  return [...members].sort((a, b) => a.id - b.id).map((member) => `${member.id}:${member.role}`).join(',')
}

/**
 * The promises a replica starts from. Refuses a storage that belongs to another peer, ensemble or member list: an
 * edited list is an unsafe reconfiguration.
 */
export function initialMeta(
  config: ReplicaConfig, recovered: Pick<RecoveredState, 'meta' | 'damage' | 'entries' | 'tree'>,
): Meta {
  const members = memberText(config.members)
  const { meta, damage } = recovered
  if (meta === null) {
    return {
      format: STORAGE_FORMAT, peerId: config.peerId, ensembleName: config.ensembleName, ensembleId: '', members,
      acceptedEpoch: 0, currentEpoch: 0, commitHint: ZXID_ZERO, health: damage === 'none' ? 'ok' : damage,
    }
  }
  if (meta.format !== STORAGE_FORMAT) throw new ZkError('StorageVersion', `the storage has format ${meta.format}`)
  if (meta.ensembleName !== config.ensembleName) {
    throw new ZkError('ForeignEnsemble', `the storage belongs to ensemble "${meta.ensembleName}"`)
  }
  if (meta.peerId !== config.peerId) {
    throw new ZkError('MembershipMismatch', `the storage belongs to peer ${meta.peerId}`)
  }
  if (meta.members !== members) {
    throw new ZkError('MembershipMismatch', `the storage knows the members ${meta.members}, configured are ${members}`)
  }
  const { mutant } = config
  if (mutant === 'refuseEpochMismatch' && epochOf(lastOf(recovered.entries)) > meta.currentEpoch) {
    throw new ZkError('StorageDamaged', 'the log is of a later epoch than the promises')
  }
  // A snapshot of a leader is on disk before what is known of it is.
  const ensembleId = meta.ensembleId === '' ? recovered.tree.ensembleId : meta.ensembleId
  return { ...meta, ensembleId, health: damage === 'none' || meta.health === 'meta' ? meta.health : damage }
}

function lastOf(entries: LogEntries): Zxid {
  let last = ZXID_ZERO
  for (const { zxid } of entries) last = zxid
  return last
}
