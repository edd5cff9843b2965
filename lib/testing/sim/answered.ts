import type { ConnectInput, Effect, Input, KeptReads, ReadAnswering } from '../../core/effects.ts'
import { nodeOutcome } from '../../core/tree/reads.ts'
import type { WatchableRead } from '../../core/tree/request.ts'

/** A read as a peer keeps it: its path in bytes, between others. */
interface KeptRead {
  readonly xid: number
  readonly request: WatchableRead
  readonly bytes: Uint8Array
}

const AT = 3

/** Reads of one connection that came together. */
class Kept implements KeptReads {
  readonly #reads: KeptRead[] = []

  get left(): number {
    return this.#reads.length
  }

  push(xid: number, request: WatchableRead): void {
    this.#reads.push({ xid, request, bytes: new TextEncoder().encode(`${' '.repeat(AT)}${request.path} `) })
  }

  answer(by: ReadAnswering): void {
    const { xid, request, bytes } = this.#reads.shift()!
    const { op, watch } = request
    const isPlain = (op === 3 || op === 4) && !watch
    if (!isPlain || !by.byNode(xid, op, bytes, AT, bytes.length - AT - 1)) by.read(xid, request)
  }
}

/**
 * What a server says to every other of its connections in the moment it is answered, as peers have it for clients from
 * elsewhere: the same replies and events as effects, ahead of those that the turn takes. And what those connections
 * read of nodes is kept, as peers do.
 */
export class Answered {
  #told: Effect[] = []
  readonly #hearing = new Set<number>()

  /** The same input, with somebody who hears the answers. */
  #connecting(input: ConnectInput): ConnectInput {
    const { conn, inProcess } = input
    if (inProcess || conn % 2 === 0) return input
    this.#hearing.add(conn)
    return {
      ...input,
      answers: {
        onReply: (xid, zxid, outcome) => this.#told.push({ kind: 'reply', conn, xid, zxid, outcome }),
        onNode: (xid, zxid, op, node) =>
          this.#told.push({ kind: 'reply', conn, xid, zxid, outcome: nodeOutcome(op, node) }),
        onEvent: (event) => this.#told.push({ kind: 'event', conn, event }),
      },
    }
  }

  /** What the inputs of one turn are to its replica, in their order; null for a read that is kept with one before. */
  asked(inputs: readonly Input[]): readonly (Input | null)[] {
    let open: Map<number, Kept> | null = null
    return inputs.map((input) => {
      if (input.kind === 'connect') return this.#connecting(input)
      if (!('conn' in input) || !this.#hearing.has(input.conn)) return input
      const { conn } = input
      const read = input.kind === 'request' ? readOf(input) : null
      if (input.kind !== 'request' || read === null) {
        open?.delete(conn)
        return input
      }
      const known = open?.get(conn)
      const reads = known ?? new Kept()
      reads.push(input.xid, read)
      if (known !== undefined) return null
      open ??= new Map()
      open.set(conn, reads)
      return { kind: 'reads', conn, reads }
    })
  }

  before(effects: readonly Effect[]): readonly Effect[] {
    if (this.#told.length === 0) return effects
    const told = this.#told
    this.#told = []
    return told.concat(effects)
  }
}

function readOf({ request }: Input & { kind: 'request' }): WatchableRead | null {
  const { op } = request
  return op === 3 || op === 4 || op === 8 || op === 12 ? request : null
}
