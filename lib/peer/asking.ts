import type { ConnId } from '../core/effects.ts'
import type { Request, WatchableRead } from '../core/tree/request.ts'
import type { InFlight } from './in-flight.ts'
import type { RemoteParts } from './remote-parts.ts'
import { Unread } from './unread.ts'

/** What one client asks that its peer's replica answers in a later turn, in its order. */
export class Asking {
  readonly #parts: Pick<RemoteParts, 'host' | 'metrics' | 'reader'>
  readonly #inFlight: InFlight
  /** Reads behind what was asked for last. */
  #unread: Unread | null = null

  constructor(parts: Pick<RemoteParts, 'host' | 'metrics' | 'reader'>, inFlight: InFlight) {
    this.#parts = parts
    this.#inFlight = inFlight
  }

  /** `bytes`: of its frame, which came at `nowMs`. */
  push(conn: ConnId, op: number, xid: number, request: Request, bytes: number, nowMs: number): void {
    this.#unread = null
    this.#inFlight.push(op, nowMs, bytes)
    this.#parts.host.push({ kind: 'request', conn, xid, request })
  }

  /** The same for a read of a node, whose path the reader has passed over. */
  keep(conn: ConnId, op: WatchableRead['op'], xid: number, watch: boolean, bytes: number, nowMs: number): void {
    const { host, metrics, reader } = this.#parts
    metrics.countRequest(op)
    this.#inFlight.push(op, nowMs, bytes)
    // Those of an earlier turn may be stepped.
    if (this.#unread?.turns !== host.turns) {
      this.#unread = new Unread(reader, host.turns)
      host.push({ kind: 'reads', conn, reads: this.#unread })
    }
    this.#unread.push(xid, op, watch)
  }
}
