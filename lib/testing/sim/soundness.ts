import type { Zxid } from '../../core/zxid.ts'
import { formatZxid } from '../../core/zxid.ts'
import type { Message } from '../../core/zab/messages.ts'
import type { SimDisk } from './disk.ts'
import { Violation } from './violation.ts'

/** What of the world D9 is asked of. */
export interface Disks {
  readonly voters: readonly number[]
  disk(voter: number): SimDisk
  /** Disks lost on purpose: what they held and said before counts. */
  readonly excused: ReadonlySet<number>
}

/** A place in the history. */
interface Place {
  readonly zxid: Zxid
  readonly hash1: number
  readonly hash2: number
}

/**
 * D9: a voter that is damaged, or empty although it was not, or that has not marked the epoch, is part of no quorum. It
 * says nothing that makes it count, and an epoch and what is committed in it rest on a majority without it.
 */
export class Soundness {
  readonly #disks: Disks
  readonly #emptied = new Set<number>()

  constructor(disks: Disks) {
    this.#disks = disks
  }

  /**
   * Its disk is empty from here on, until a leader has rebuilt it. Before anybody else had marked an epoch none was
   * ever established, and it may found the ensemble again with the others: P1 and P17 tell whether that goes well.
   */
  lose(id: number): void {
    const hasMarked = (voter: number): boolean => (this.#disks.disk(voter).meta?.currentEpoch ?? 0) > 0
    if (this.#disks.voters.some((voter) => voter !== id && hasMarked(voter))) this.#emptied.add(id)
    // What was known of any epoch is gone with this disk.
    else this.#emptied.clear()
  }

  #isSound(id: number): boolean {
    const { meta, damage } = this.#disks.disk(id)
    if (damage !== 'none' || (meta !== null && meta.health !== 'ok')) return false
    if (!this.#emptied.has(id)) return true
    if ((meta?.currentEpoch ?? 0) === 0) return false
    this.#emptied.delete(id)
    return true
  }

  /** Before a message leaves. */
  emitted(id: number, message: Message): void {
    const counts = message.kind === 'followerInfo' ? message.health === 'ok'
      : message.kind === 'ackEpoch' ? message.currentEpoch >= 0 : message.kind === 'leaderInfo'
    if (!counts || !this.#disks.voters.includes(id) || this.#isSound(id)) return
    throw new Violation('D9', `server ${id} is damaged, and its ${message.kind} counts`)
  }

  /** An epoch is established: by voters that have marked it. */
  led(epoch: number): void {
    this.#must(epoch, null)
  }

  /** Within this epoch it is said that everything up to there is committed. */
  committed(epoch: number, place: Place): void {
    this.#must(epoch, place)
  }

  #must(epoch: number, place: Place | null): void {
    const { voters, excused } = this.#disks
    const backers = voters.filter((id) => excused.has(id) || this.#backs(id, epoch, place))
    if (backers.length * 2 > voters.length) return
    const what = place === null ? 'established' : `committed up to ${formatZxid(place.zxid)}`
    throw new Violation('D9', `epoch ${epoch} is ${what} by ${backers.join() || 'nobody'} of ${voters.join()}`)
  }

  #backs(id: number, epoch: number, place: Place | null): boolean {
    const disk = this.#disks.disk(id)
    return disk.meta !== null && disk.meta.currentEpoch >= epoch && this.#isSound(id) &&
      (place === null || disk.holds(place.zxid, place.hash1, place.hash2))
  }
}
