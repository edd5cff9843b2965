import { formatZxid } from '../../core/zxid.ts'
import type { Message } from '../../core/zab/messages.ts'
import type { LogBatch } from '../../ports/storage.ts'
import type { SimDisk } from './disk.ts'
import type { Watched } from './ghost.ts'
import type { Point } from './primaries.ts'
import { Violation } from './violation.ts'

/** A piece of a synchronization, by what the disk of who received it has of it then: a chunk, a base, a log. */
type Piece = { readonly chunk: number } | { readonly base: Point } | { readonly logged: Point }

/** The synchronization of one association, as far as its learner has received it. */
interface Sync {
  readonly incarnation: number
  readonly join: number
  /** Where the snapshot ends that it receives, and under which number it keeps the chunks; null: not known. */
  readonly snapshot: Point | null
  id: number | null
  /** Received and not said to be on disk, in order; behind so many others. */
  readonly pieces: Piece[]
  claimed: number
}

/**
 * D2: a message that claims something of its sender's disk tells the truth when it leaves (gate table). Histories are
 * compared by their chain hashes: who has another log of the same length, or more of one that was to be truncated, has
 * not what it says.
 */
export class Claims {
  /** By learner. */
  readonly #syncs = new Map<number, Sync>()

  /** Before a message is stepped. */
  received({ id, incarnation, replica }: Watched, link: number, message: Message): void {
    switch (message.kind) {
      case 'diff': case 'trunc': case 'snap': case 'snapChunk': case 'proposal': case 'inform': break
      default: return
    }
    const { learner, links } = replica
    if (learner === null || learner.join !== message.join || links.peerOf(link) !== learner.leader) return
    if (message.kind === 'diff' || message.kind === 'trunc' || message.kind === 'snap') {
      const snapshot = message.kind === 'snap' ? message : null
      this.#syncs.set(id, { incarnation, join: message.join, snapshot, id: null, pieces: [], claimed: 0 })
      return
    }
    const sync = this.#syncs.get(id)
    if (learner.stage !== 'syncing' || sync?.join !== message.join) return
    if (message.kind !== 'snapChunk') sync.pieces.push({ logged: message.entries[message.entries.length - 1]! })
    else if (!message.last) sync.pieces.push({ chunk: message.index })
    else if (sync.snapshot !== null) sync.pieces.push({ base: sync.snapshot })
  }

  /** A batch goes to the disk. */
  persisted({ id, replica }: Watched, { chunks = [] }: LogBatch): void {
    const sync = this.#syncs.get(id)
    if (sync !== undefined && replica.learner?.join === sync.join) sync.id = chunks[0]?.id ?? sync.id
  }

  /** Before a message leaves. */
  sent(server: Watched, message: Message): void {
    const { meta, log } = server.disk
    switch (message.kind) {
      case 'followerInfo':
        if ((meta?.acceptedEpoch ?? 0) < message.acceptedEpoch) throw lie(server, 'FOLLOWERINFO before its epoch is')
        break
      case 'leaderInfo': case 'ackEpoch':
        if ((meta?.acceptedEpoch ?? 0) < message.epoch) throw lie(server, `${message.kind} before its epoch is`)
        break
      case 'ack':
        if ((meta?.currentEpoch ?? 0) < message.epoch) throw lie(server, 'an ack before currentEpoch is')
        if (log.last < message.zxid) throw lie(server, `an ack before ${formatZxid(message.zxid)} is`)
        if (!isOwn(server)) throw lie(server, `an ack of ${formatZxid(message.zxid)} before its own history is`)
        break
      case 'syncAck': this.#pieces(server, message.join, message.pieces); break
      default: break
    }
  }

  #pieces(server: Watched, join: number, count: number): void {
    const sync = this.#syncs.get(server.id)
    if (sync?.join !== join || sync.incarnation !== server.incarnation) throw lie(server, 'pieces of nothing are')
    for (; sync.claimed < count; sync.claimed++) {
      const [piece] = sync.pieces
      if (piece === undefined) throw lie(server, `${count} pieces, of which ${sync.claimed} have come, are`)
      if (!isThere(piece, sync.id, server.disk)) throw lie(server, `${count} pieces before all of them are`)
      sync.pieces.shift()
    }
  }
}

function lie({ id }: Watched, what: string): Violation {
  return new Violation('D2', `server ${id}: ${what} on disk`)
}

/** What is on disk is a part of the log in memory, from its beginning on, and nothing else. */
function isOwn({ disk, replica }: Watched): boolean {
  const own = replica.journal.log.chainAt(disk.log.last)
  const { hash1, hash2 } = disk.log.lastChain
  return own !== null && own.hash1 === hash1 && own.hash2 === hash2
}

function isThere(piece: Piece, id: number | null, disk: SimDisk): boolean {
  if ('chunk' in piece) return id !== null && disk.hasTaken(id, piece.chunk)
  if ('logged' in piece) return disk.holds(piece.logged.zxid, piece.logged.hash1, piece.logged.hash2)
  const { zxid, hash1, hash2 } = piece.base
  return disk.base?.zxid === zxid && disk.base.hash1 === hash1 && disk.base.hash2 === hash2
}
