import type { Connection } from './connection.ts'

/** A txn of one of this peer's clients, on its way: not what was asked, which goes with its connection. */
export interface PendingTxn {
  readonly tag: number
  readonly connection: Connection
}

/** Dead ones at the front that are worth a new array, if they are half of it. */
const COMPACT_FROM = 4_096

/** Txns asked for, in the order of their tags, which is the order in which the leader answers. */
export class PendingTxns {
  #txns: PendingTxn[] = []
  #head = 0

  get first(): PendingTxn | undefined {
    return this.#txns[this.#head]
  }

  push(txn: PendingTxn): void {
    this.#txns.push(txn)
  }

  shift(): void {
    this.#head++
    if (this.#head === this.#txns.length) this.clear()
    else if (this.#head > COMPACT_FROM && this.#head * 2 > this.#txns.length) {
      this.#txns = this.#txns.slice(this.#head)
      this.#head = 0
    }
  }

  clear(): void {
    this.#txns = []
    this.#head = 0
  }
}
