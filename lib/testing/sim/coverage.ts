import type { Input } from '../../core/effects.ts'
import type { Replica } from '../../core/replica.ts'
import { hashText } from '../../core/tree/hash.ts'
import { epochOf } from '../../core/zxid.ts'
import type { Watched } from './ghost.ts'

/** What one run came to, by hashes. */
export interface Covered {
  /** What a peer in some phase did with some message, and after which other such step. */
  readonly paths: readonly number[]
  /** What all peers together were like. */
  readonly states: readonly number[]
}

interface Place {
  readonly incarnation: number
  readonly phase: string
  readonly last: number
  readonly committed: number
  /** The path before. */
  readonly path: number
}

const hashOf = (text: string): number => hashText(text) >>> 0

function phaseOf({ role, serving, stopped, leader, learner }: Replica): string {
  if (stopped) return 'stopped'
  const phase = leader?.phase ?? learner?.stage ?? 'election'
  return `${role} ${phase}${serving ? ' serving' : ''}`
}

/** How far along it is, without numbers that only grow. */
function standingOf({ replica }: Watched): string {
  const { log, meta } = replica.journal
  const has = log.last > replica.committed ? 'more' : 'all'
  const promised = meta.acceptedEpoch > meta.currentEpoch ? 'promised' : ''
  const old = epochOf(log.last) < meta.currentEpoch ? 'old' : epochOf(log.last) > meta.currentEpoch ? 'early' : ''
  return `${phaseOf(replica)} ${meta.health} ${has} ${promised} ${old}`
}

/**
 * What a run reaches that not every run does (correctness plan, F.1): (role, phase, message kind, verdict), pairs of
 * them that follow each other at one peer, and what all peers are like at a moment. It draws and changes nothing.
 */
export class Coverage {
  readonly #places = new Map<number, Place>()
  readonly #standings = new Map<number, string>()
  readonly #paths = new Set<number>()
  readonly #states = new Set<number>()

  get covered(): Covered {
    return { paths: [...this.#paths], states: [...this.#states] }
  }

  /** A server has taken an input. */
  stepped(server: Watched, input: Input): void {
    const { replica, id, incarnation } = server
    const known = this.#places.get(id)
    const before = known?.incarnation === incarnation ? known : null
    const phase = phaseOf(replica)
    const { log: { last } } = replica.journal
    const { committed } = replica
    const isTold = input.kind === 'receive'
    if (!isTold && phase === before?.phase) return
    const wrote = before === null || last === before.last ? '' : last > before.last ? 'logged' : 'truncated'
    const verdict = `${phase} ${wrote} ${committed > (before?.committed ?? committed) ? 'committed' : ''}`
    const path = hashOf(`${before?.phase ?? 'start'} | ${isTold ? input.message.kind : input.kind} | ${verdict}`)
    this.#paths.add(path)
    if (before !== null) this.#paths.add(hashOf(`${before.path} ${path}`))
    this.#places.set(id, { incarnation, phase, last, committed, path })
    const standing = standingOf(server)
    if (standing === this.#standings.get(id)) return
    this.#standings.set(id, standing)
    this.#states.add(hashOf([...this.#standings.values()].sort().join(' / ')))
  }
}
