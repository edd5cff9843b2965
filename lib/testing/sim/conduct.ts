import type { Effect } from '../../core/effects.ts'
import type { ErrorCode } from '../../core/errors.ts'
import type { SessionId } from '../../core/tree/stat.ts'
import type { Message } from '../../core/zab/messages.ts'
import type { GhostClock, Watched } from './ghost.ts'
import { Violation } from './violation.ts'

/**
 * What a peer says of a message that cannot come at that moment, or does not continue what came before
 * (stateInconsistent, proposalInconsistent, commitInconsistent and ackInconsistent of the published specifications).
 */
const ILLEGAL = /out of place|with a gap|does not continue|without its proposal|from elsewhere|before the ack of/
const DROPPED = /^peer (\d+) is dropped: silent or behind/

/**
 * How peers treat each other: A2, links that lose nothing but their end never bring a message that cannot be; L3, whose
 * synchronization began or moved within the limit is not given up; L8, no synchronization fills a learner's memory. And
 * how they treat clients: C2, who serves answers what comes through an open connection, and does not end it instead.
 */
export class Conduct {
  readonly #clock: GhostClock
  readonly #areLinksSpoilt: boolean
  /** By leader and learner: when its synchronization began or moved last, by the leader's clock. */
  readonly #moved = new Map<string, number>()
  /** Connections that were told that they are open, and their sessions. */
  readonly #open = new Map<string, SessionId>()
  /** Sessions that somebody asked for with a wrong password, which ends their connection at that peer. */
  readonly intruded: Set<SessionId> = new Set()

  constructor(clock: GhostClock, areLinksSpoilt: boolean) {
    this.#clock = clock
    this.#areLinksSpoilt = areLinksSpoilt
  }

  /** Before a message is stepped. */
  received(server: Watched, link: number, message: Message): void {
    if (message.kind !== 'syncAck' && (message.kind !== 'ack' || !message.newLeader)) return
    const { leader, links } = server.replica
    const peer = links.peerOf(link) ?? 0
    const learner = leader?.learners.get(peer)
    if (learner?.join !== message.join) return
    const key = `${server.id}/${server.incarnation}>${peer}`
    if (message.kind === 'ack') this.#moved.delete(key)
    else if (message.pieces > learner.piecesAcked && message.pieces <= learner.piecesSent) {
      this.#moved.set(key, this.#clock.localMs(server.id))
    }
  }

  /** Before an effect is carried out. */
  emitted(server: Watched, effect: Effect): void {
    switch (effect.kind) {
      case 'send':
        this.#sent(server, effect.link, effect.message.kind)
        break
      case 'log': this.#said(server, effect.text); break
      case 'role': this.#legal(server, effect.reason); break
      case 'connected': this.#open.set(connectionOf(server, effect.conn), effect.session); break
      case 'closeConn': this.#closed(server, effect.conn, effect.code); break
      case 'fatal':
        if (effect.code !== 'StorageFailed') throw new Violation('A1', `server ${server.id} gives up: ${effect.reason}`)
        break
      default: break
    }
  }

  #sent(server: Watched, link: number, kind: Message['kind']): void {
    switch (kind) {
      case 'diff': case 'trunc': case 'snap': {
        // From here on the learner has the whole limit for its first piece.
        const key = `${server.id}/${server.incarnation}>${server.replica.links.peerOf(link) ?? 0}`
        this.#moved.set(key, this.#clock.localMs(server.id))
        break
      }
      case 'snapChunk': case 'proposal': this.#window(server, link); break
      default: break
    }
  }

  #closed(server: Watched, conn: number, code: ErrorCode): void {
    const connection = connectionOf(server, conn)
    const session = this.#open.get(connection)
    this.#open.delete(connection)
    if (session === undefined || code !== 'ConnectionLoss' || !server.replica.serving) return
    if (this.intruded.has(session)) return
    throw new Violation('C2', `server ${server.id} serves on and drops connection ${conn}, which is open`)
  }

  #legal({ id }: Watched, text: string): void {
    if (!this.#areLinksSpoilt && ILLEGAL.test(text)) throw new Violation('A2', `server ${id}: ${text}`)
  }

  #said(server: Watched, text: string): void {
    this.#legal(server, text)
    const peer = DROPPED.exec(text)?.[1]
    if (peer === undefined) return
    const key = `${server.id}/${server.incarnation}>${peer}`
    const movedMs = this.#moved.get(key)
    this.#moved.delete(key)
    const { initMs } = server.replica.config.timing
    const stoodMs = this.#clock.localMs(server.id) - (movedMs ?? -Infinity)
    if (stoodMs < initMs) {
      throw new Violation('L3', `server ${server.id} gives up peer ${peer}, which moved ${stoodMs.toFixed(0)} ms ago`)
    }
  }

  #window({ id, replica: { leader, links, config } }: Watched, link: number): void {
    const learner = leader?.learners.get(links.peerOf(link) ?? 0)
    if (learner === undefined) return
    const inFlight = learner.piecesSent - learner.piecesAcked
    if (inFlight > config.limits.syncChunksInFlight) {
      throw new Violation('L8', `server ${id} has ${inFlight} pieces on their way to peer ${learner.peer}`)
    }
  }
}

/** The number of a connection is used once in the life of a process. */
function connectionOf({ id, incarnation }: Watched, conn: number): string {
  return `${id}/${incarnation}:${conn}`
}
