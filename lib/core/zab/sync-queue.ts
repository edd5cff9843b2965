import type { Zxid } from '../zxid.ts'

/** One sync that waits for proof of leadership; `zxid` was proposed when it arrived. */
export interface PendingSync {
  readonly peer: number
  readonly tag: number
  readonly zxid: Zxid
}

/**
 * Syncs that wait for a quorum of pongs to a ping sent after they arrived: a deposed leader never gets those
 * (ZOOKEEPER-2136). All syncs of one turn share one ping.
 */
export class SyncQueue {
  #fresh: PendingSync[] = []
  readonly #pinged: { readonly seq: number, readonly syncs: readonly PendingSync[] }[] = []

  get empty(): boolean {
    return this.#fresh.length === 0 && this.#pinged.length === 0
  }

  get size(): number {
    return this.#pinged.reduce((sum, { syncs }) => sum + syncs.length, this.#fresh.length)
  }

  get needsPing(): boolean {
    return this.#fresh.length > 0
  }

  add(sync: PendingSync): void {
    this.#fresh.push(sync)
  }

  /** A ping with this number went out: it proves leadership for everything that came before. */
  pinged(seq: number): void {
    if (this.#fresh.length === 0) return
    this.#pinged.push({ seq, syncs: this.#fresh })
    this.#fresh = []
  }

  /** Takes out what a quorum has confirmed; `proved(seq)` tells whether ping `seq` was answered by one. */
  confirmed(proved: (seq: number) => boolean): PendingSync[] {
    const result: PendingSync[] = []
    while (this.#pinged.length > 0 && proved(this.#pinged[0]!.seq)) {
      // One by one: there may be more than a call has arguments.
      for (const sync of this.#pinged.shift()!.syncs) result.push(sync)
    }
    return result
  }
}
