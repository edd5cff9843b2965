/**
 * Voters that hold a promise above the epoch that is led, and are refused for it: after a while the leader must promise
 * that epoch itself and give way, or they would stay away for ever.
 */
export class LaterPromises {
  readonly #refusals = new Map<number, { readonly epoch: number, readonly sinceMs: number }>()

  /** It asks again and again; the first time counts. */
  refused(peer: number, epoch: number, nowMs: number): void {
    if (!this.#refusals.has(peer)) this.#refusals.set(peer, { epoch, sinceMs: nowMs })
  }

  /** Takes out those that have asked since that moment or longer. */
  takeSince(sinceMs: number): readonly { readonly peer: number, readonly epoch: number }[] {
    const due = Array.from(this.#refusals).filter(([, asked]) => asked.sinceMs <= sinceMs)
    for (const [peer] of due) this.#refusals.delete(peer)
    return due.map(([peer, { epoch }]) => ({ peer, epoch }))
  }
}
