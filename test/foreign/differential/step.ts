/** No session expires while a round lasts: that would be a txn at a time of its own. */
export const LONG_MS = 600_000

/** The zxid that this server put on the `back`-th last reply; both servers are asked for the same one. */
export type Seen = (back: number) => bigint

/** One request, encoded for each server on its own because it may contain a zxid. */
export interface Ask {
  readonly opcode: number
  /** The next of the connection when absent. */
  readonly xid?: number
  readonly text: string
  readonly encode: (seen: Seen) => Buffer
}

/** How a connection is opened. */
export type Opening =
  /** The session goes on: after the old connection was dropped, or while it is open. */
  | 'resume' | 'evict'
  /** As `resume` and `evict`, on the next server if connections are spread over them. */
  | 'elsewhere' | 'move'
  | 'fresh'
  /** Refused ones; the session goes on afterwards. */
  | 'wrong password' | 'null password' | 'too new' | 'half a hello'
  /** Ahead of the server by no more than one zxid; a session that there never was. */
  | 'just too new' | 'nobody'
  /** A new session with what none has: a password, another version of the protocol, bytes behind the record. */
  | 'fresh with a password' | 'fresh of another version' | 'fresh and more'
  /** Without the last byte of the record. */
  | 'resume as of old' | 'fresh as of old'

/** What happens next, on one of the connections. */
export type Step =
  | {
    readonly kind: 'requests', readonly actor: number, readonly asks: readonly Ask[]
    /** The most bytes of one write; all in one write when absent. */
    readonly pieceBytes?: number
  }
  | { readonly kind: 'open', readonly actor: number, readonly opening: Opening, readonly timeOut: number }
  | { readonly kind: 'bytes', readonly actor: number, readonly bytes: Buffer, readonly text: string }

/** One line about a step. */
export function describe(step: Step): string {
  const who = `connection ${step.actor}`
  if (step.kind === 'open') return `${who}: open, ${step.opening}, timeout ${step.timeOut}`
  if (step.kind === 'bytes') return `${who}: bytes, ${step.text}`
  const texts = step.asks.map((ask) => ask.xid === undefined ? ask.text : `[xid ${ask.xid}] ${ask.text}`)
  return `${who}: ${texts.length === 1 ? '' : `${texts.length} together: `}${texts.join(' | ')}`
}
