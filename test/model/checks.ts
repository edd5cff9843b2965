/** The invariants of the correctness plan over one step of one peer. */
import { Violation } from '../../lib/testing/sim/violation.ts'
import { epochOf } from '../../lib/core/zxid.ts'
import type { Zxid } from '../../lib/core/zxid.ts'
import type { Message } from '../../lib/core/zab/messages.ts'
import { follows } from '../../lib/core/zab/log.ts'
import type { Local, Row } from './local.ts'
import type { Machines } from './machines.ts'
import { GONE } from './world.ts'
import type { World } from './world.ts'

/**
 * What the core says of a message that cannot come at that moment, or does not continue what came before. Links lose
 * nothing here but their end, so none of it may ever be said (stateInconsistent, proposalInconsistent,
 * commitInconsistent and ackInconsistent of the published specifications).
 */
const ILLEGAL = /out of place|with a gap|does not continue|without its proposal|from elsewhere|before the ack of/

/** Who finished discovery of an epoch, with which history. */
interface Primary {
  readonly epoch: number
  readonly peer: number
  /** It has not crashed since. */
  readonly isAlive: boolean
  /** Length and last entry of its initial history; -1 for none. */
  readonly length: number
  readonly end: number
}

export const PRIMARY_CELLS = 5

/** What a step of a peer may break. */
export class Checks {
  readonly #machines: Machines
  /** Primaries by the number of their list. */
  readonly #lists = new Map<number, readonly Primary[]>()

  constructor(machines: Machines) {
    this.#machines = machines
  }

  #primaries(world: World): readonly Primary[] {
    const known = this.#lists.get(world.primaries)
    if (known !== undefined) return known
    const cells = this.#machines.lists.at(world.primaries)
    const primaries: Primary[] = []
    for (let at = 0; at < cells.length; at += PRIMARY_CELLS) {
      const [epoch, peer, isAlive, length, end] = cells.slice(at, at + PRIMARY_CELLS)
      primaries.push({ epoch: epoch!, peer: peer!, isAlive: isAlive === 1, length: length!, end: end! })
    }
    this.#lists.set(world.primaries, primaries)
    return primaries
  }

  #setPrimaries(world: World, primaries: readonly Primary[]): void {
    world.primaries = this.#machines.lists.of(primaries.flatMap(({ epoch, peer, isAlive, length, end }) =>
      [epoch, peer, isAlive ? 1 : 0, length, end]))
  }

  /** A peer has crashed: as the primary of an epoch it does not come back. */
  crashed(world: World, peer: number): void {
    const primaries = this.#primaries(world)
    if (!primaries.some((one) => one.peer === peer && one.isAlive)) return
    this.#setPrimaries(world, primaries.map((one) => one.peer === peer ? { ...one, isAlive: false } : one))
  }

  #delivereds(world: World): readonly number[] {
    return this.#machines.lists.at(world.delivered)
  }

  /** After a step; `before` is null when the peer has just started. The world is as it is after the step. */
  stepped(world: World, peer: number, before: Local | null, row: Row): void {
    const local = this.#machines.local(row.to)
    if (local.wrong !== null) throw new Violation('P16', `peer ${peer + 1}: ${local.wrong}`)
    if (local.stopped) throw new Violation('A1', `peer ${peer + 1} stopped: ${row.said.at(-1) ?? ''}`)
    const illegal = row.said.find((text) => ILLEGAL.test(text))
    if (illegal !== undefined) throw new Violation('A2', `peer ${peer + 1}: ${illegal}`)
    this.#delivered(world, peer, local)
    if (local.leads !== 0 && local.leads !== before?.leads) this.#leads(world, peer, local)
    if (before !== null && local.currentEpoch !== before.currentEpoch) this.#marks(world, peer, local)
    if (local.active && before?.active !== true) this.#establishes(world, peer, local)
    if (before !== null && local.log !== before.log) this.#agrees(world, peer, local)
    for (let at = 1; at < row.sends.length; at += 2) {
      this.#claims(world, peer, local, this.#machines.messages.at(row.sends[at]!).message)
    }
    for (const batch of row.writes) this.#keeps(world, peer, this.#machines.batches.at(batch).truncateAfter)
    if (world.writes(peer) === this.#machines.lists.empty) this.#same(world, peer, local)
  }

  #zxid(entry: number): Zxid {
    return this.#machines.entries.at(entry).zxid
  }

  /** P2, P6, P7, D3: what it applied is the one sequence, or continues it from the disks of a quorum. */
  #delivered(world: World, peer: number, { log, applied }: Local): void {
    const delivered = this.#delivereds(world)
    for (let at = 0; at < applied; at++) {
      const entry = log[at]!
      const known = delivered[at]
      if (known === entry) continue
      if (known !== undefined) throw new Violation('P2', `peer ${peer + 1} delivered another txn at place ${at + 1}`)
      if (!follows(this.#zxid(entry), at === 0 ? 0 as Zxid : this.#zxid(log[at - 1]!))) {
        throw new Violation('P6', `peer ${peer + 1} delivered a txn out of order`)
      }
      this.#onQuorum(world, entry)
      world.delivered = this.#machines.lists.push(world.delivered, entry)
    }
  }

  #onQuorum(world: World, entry: number): void {
    let copies = 0
    for (let peer = 0; peer < world.size; peer++) {
      if (this.#machines.disks.at(world.disk(peer)).log.includes(entry)) copies++
    }
    if (copies * 2 <= world.size) {
      throw new Violation('D3', `${this.#zxid(entry)} is committed with ${copies} durable copies`)
    }
  }

  /** After a disk was lost or a promise broken: the newest delivered txn is on a quorum. */
  durable(world: World): void {
    const last = this.#delivereds(world).at(-1)
    if (last !== undefined) this.#onQuorum(world, last)
  }

  /**
   * What was delivered before an epoch. A leader whose disk is slow may be done with discovery, or established, by acks
   * from before a later epoch, and so after txns of that one were delivered: it commits nothing any more.
   */
  #deliveredBefore(world: World, epoch: number): readonly number[] {
    return this.#delivereds(world).filter((entry) => epochOf(this.#zxid(entry)) < epoch)
  }

  /** P14: what was committed under the leaders before it is applied. */
  #establishes(world: World, peer: number, { leads, log, applied }: Local): void {
    if (this.#deliveredBefore(world, leads).some((entry, at) => at >= applied || log[at] !== entry)) {
      throw new Violation('P14', `peer ${peer + 1} is established without all that was delivered`)
    }
  }

  /** P1, P9, P12: it has finished discovery of an epoch. */
  #leads(world: World, peer: number, { leads: epoch, log }: Local): void {
    const primaries = this.#primaries(world)
    const primary = primaries.find((one) => one.epoch === epoch)
    if (primary !== undefined) {
      if (primary.peer === peer && primary.isAlive) return
      throw new Violation('P1', `epoch ${epoch} is led by ${primary.peer + 1} and by ${peer + 1}`)
    }
    const history = log.filter((entry) => epochOf(this.#zxid(entry)) < epoch)
    if (this.#deliveredBefore(world, epoch).some((entry, at) => history[at] !== entry)) {
      throw new Violation('P12', `peer ${peer + 1} leads epoch ${epoch} without what was delivered`)
    }
    const end = history.at(-1) ?? -1
    this.#setPrimaries(world, [...primaries, { epoch, peer, isAlive: true, length: history.length, end }])
  }

  /**
   * Forgets a primary when nobody can lead or mark its epoch any more: all have promised it, and nobody is on his way.
   * Candidates choose epochs above all promises they know of, their own among them.
   */
  forget(world: World): void {
    if (world.primaries === this.#machines.lists.empty) return
    let isOver = Infinity
    for (let peer = 0; peer < world.size; peer++) {
      isOver = Math.min(isOver, this.#machines.disks.at(world.disk(peer)).meta?.acceptedEpoch ?? 0)
      if (world.node(peer) === GONE) continue
      const { pendingEpoch } = this.#machines.local(world.node(peer))
      if (pendingEpoch > 0) isOver = Math.min(isOver, pendingEpoch - 1)
    }
    const primaries = this.#primaries(world)
    if (primaries.every(({ epoch }) => epoch > isOver)) return
    this.#setPrimaries(world, primaries.filter(({ epoch }) => epoch > isOver))
  }

  /** P15: who marks an epoch holds its initial history and nothing else of lower epochs. */
  #marks(world: World, peer: number, { currentEpoch, log }: Local): void {
    const primary = this.#primaries(world).find(({ epoch }) => epoch === currentEpoch)
    if (primary === undefined) return
    const history = log.filter((entry) => epochOf(this.#zxid(entry)) < currentEpoch)
    if (history.length !== primary.length || (history.at(-1) ?? -1) !== primary.end) {
      throw new Violation('P15', `peer ${peer + 1} marks epoch ${currentEpoch} with another history`)
    }
  }

  /** P11: no two logs have different txns of the same zxid. */
  #agrees(world: World, peer: number, { log }: Local): void {
    for (let other = 0; other < world.size; other++) {
      if (other === peer || world.node(other) === GONE) continue
      const theirs = this.#machines.local(world.node(other)).log
      if (theirs === log) continue
      for (const entry of log) {
        const zxid = this.#zxid(entry)
        const same = theirs.find((one) => this.#zxid(one) === zxid)
        if (same === undefined || same === entry) continue
        throw new Violation('P11', `peers ${peer + 1} and ${other + 1} have different txns ${zxid}`)
      }
    }
  }

  /** D2: a message tells the truth about the sender's disk; a commit about those of a quorum. */
  #claims(world: World, peer: number, { log }: Local, message: Message): void {
    const { meta, log: durable } = this.#machines.disks.at(world.disk(peer))
    const lie = (what: string): Violation => new Violation('D2', `peer ${peer + 1}: ${what}`)
    switch (message.kind) {
      case 'followerInfo':
        if ((meta?.acceptedEpoch ?? 0) < message.acceptedEpoch) throw lie('FOLLOWERINFO before its promise')
        break
      case 'leaderInfo': case 'ackEpoch':
        if ((meta?.acceptedEpoch ?? 0) < message.epoch) throw lie(`${message.kind} before its promise`)
        break
      case 'ack': {
        if ((meta?.currentEpoch ?? 0) < message.epoch) throw lie('an ack before its epoch')
        const last = durable.at(-1)
        if ((last === undefined ? 0 : this.#zxid(last)) < message.zxid) throw lie('an ack of what is not on disk')
        break
      }
      case 'commit': case 'upToDate': {
        const zxid = message.kind === 'commit' ? message.zxid : message.commit
        const entry = log.find((one) => this.#zxid(one) === zxid)
        if (entry !== undefined) this.#onQuorum(world, entry)
        break
      }
      default: break
    }
  }

  /** P13: no delivered txn is truncated. */
  #keeps(world: World, peer: number, to: Zxid | undefined): void {
    if (to === undefined) return
    const { log } = this.#machines.disks.at(world.disk(peer))
    const lost = log.find((entry) => this.#zxid(entry) > to && this.#delivereds(world).includes(entry))
    if (lost !== undefined) throw new Violation('P13', `peer ${peer + 1} truncates the delivered ${this.#zxid(lost)}`)
  }

  /** D5: with nothing on its way to disk, memory and disk are the same log. */
  #same(world: World, peer: number, { log }: Local): void {
    const { log: durable } = this.#machines.disks.at(world.disk(peer))
    if (durable.length !== log.length || durable.some((entry, at) => log[at] !== entry)) {
      throw new Violation('D5', `peer ${peer + 1} remembers ${log.length} txns, its disk ${durable.length}`)
    }
  }
}
