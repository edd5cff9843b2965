import type { Now, ReplicaConfig } from '../../core/effects.ts'
import { Replica } from '../../core/replica.ts'
import type { TxnCodec } from '../../core/tree/txn.ts'
import type { SimDisk } from './disk.ts'
import { Violation } from './violation.ts'

/** A replica from what is on a disk. */
export function recovered(config: ReplicaConfig, disk: SimDisk, now: Now): Replica {
  return new Replica(config, disk.recover(config.codec), now)
}

/** Likewise. D6: recovery is a function, so a second one of the same disk, by a snapshot in another order, is equal. */
export function recoveredTwice(config: ReplicaConfig, disk: SimDisk, now: Now): Replica {
  const replica = recovered(config, disk, now)
  const other = new Replica(config, disk.recover(reversed(config.codec)), now)
  const [one, two] = [told(replica), told(other)]
  if (one !== two) throw new Violation('D6', `server ${config.peerId} recovers to ${one}, and then to ${two}`)
  return replica
}

/** The rows of each piece come last first: their order says nothing. */
function reversed(codec: TxnCodec): TxnCodec {
  return {
    encodeTxn: (txn) => codec.encodeTxn(txn), decodeTxn: (bytes) => codec.decodeTxn(bytes),
    encodeRows: (rows) => codec.encodeRows(rows), decodeRows: (bytes) => codec.decodeRows(bytes).toReversed(),
  }
}

/** What a replica knows right after its start. */
function told({ tree, journal: { log, meta, base, baseZxid, durableZxid }, committed, role, health }: Replica): string {
  const { floor, last, length, bytes, lastChain: { hash1, hash2 } } = log
  return JSON.stringify({
    role, health, committed, meta, base, baseZxid, durableZxid, log: { floor, last, length, bytes, hash1, hash2 },
    tree: {
      zxid: tree.zxid, ensembleId: tree.ensembleId, members: tree.members, ...tree.digest(), nodes: tree.nodeCount,
      bytes: tree.dataBytes, units: tree.pathUnits, reapable: tree.reapable.size, sessions: tree.sessions.size,
      owned: Array.from(tree.owners(), ([session, paths]) => `${session} ${[...paths].sort().join()}`).sort(),
    },
  })
}
