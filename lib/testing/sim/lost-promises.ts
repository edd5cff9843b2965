import type { SimDisk } from './disk.ts'
import { Violation } from './violation.ts'

interface Lost {
  readonly acceptedEpoch: number
  /** Disks of other voters that held as late a promise then: a candidate it may have promised itself to is of them. */
  readonly holders: readonly SimDisk[]
}

/**
 * P17: a voter that lost its promises with its disk helps no leader of an earlier epoch, as long as the candidate it
 * may have promised itself to can come to lead.
 */
export class LostPromises {
  readonly #lost = new Map<number, Lost>()

  /** A voter loses its disk, others have theirs. */
  lose(id: number, acceptedEpoch: number, others: readonly SimDisk[]): void {
    const before = this.#lost.get(id)
    if (before !== undefined && before.acceptedEpoch >= acceptedEpoch) return
    const holders = others.filter(({ meta }) => (meta?.acceptedEpoch ?? 0) >= acceptedEpoch)
    this.#lost.set(id, { acceptedEpoch, holders })
  }

  /** A voter acks NEWLEADER of an epoch; `disks` are those that voters have. */
  acked(id: number, epoch: number, disks: readonly SimDisk[]): void {
    const lost = this.#lost.get(id)
    if (lost === undefined) return
    const { acceptedEpoch, holders } = lost
    if (epoch >= acceptedEpoch) this.#lost.delete(id)
    else if (holders.some((disk) => disks.includes(disk) && mayLead(disk, acceptedEpoch))) {
      throw new Violation('P17', `server ${id} had promised ${acceptedEpoch} and acks ${epoch}`)
    }
  }
}

/** One whose own promises are gone as well, or rotted, leads no such epoch before it is rebuilt. */
function mayLead({ meta }: SimDisk, epoch: number): boolean {
  return meta !== null && meta.acceptedEpoch >= epoch && meta.health !== 'meta'
}
