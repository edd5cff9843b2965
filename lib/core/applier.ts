import type { Replica } from './replica.ts'
import { applyWork, catchUpWork } from './session/work.ts'
import { applicableZxid, appliedZxid } from './zab/learner.ts'
import type { LoggedTxn } from './zab/log.ts'
import type { Snapshotter } from './zab/snapshotter.ts'

/**
 * Applies at most what is committed and on its replica's own disk: the tree is never ahead of the log
 * (ZOOKEEPER-4882).
 */
export class Applier {
  readonly #replica: Replica
  readonly #snapshotter: Snapshotter
  /** Work that this turn may apply yet, while nobody is served. */
  #room: number

  constructor(replica: Replica, snapshotter: Snapshotter) {
    this.#replica = replica
    this.#snapshotter = snapshotter
    this.#room = catchUpWork(replica.config)
  }

  /** The next turn has room again. */
  turnOver(): void {
    this.#room = catchUpWork(this.#replica.config)
  }

  /** There was more to apply than this turn might: the next one is due at once. */
  get isBehind(): boolean {
    const { tree, committed } = this.#replica
    return tree.zxid < applicableZxid(this.#replica, committed)
  }

  run(): void {
    const { journal, tree, serving, clients, committed } = this.#replica
    const end = applicableZxid(this.#replica, committed)
    if (tree.zxid >= end || (!serving && this.#room <= 0)) return
    journal.log.show(appliedZxid(this.#replica, tree), end, this.#apply)
    if (serving) clients.caughtUp()
  }

  /** The next one; true if another may follow in this turn. */
  readonly #apply = (entry: LoggedTxn): boolean => {
    const { zxid, bytes } = entry
    const { serving, clients, tree, route, journal, config } = this.#replica
    const txn = entry.txn ?? config.codec.decodeTxn(bytes)
    entry.txn = null
    const isOwn = clients.isOwn(txn)
    const claimed = serving && isOwn ? clients.claim(txn) : null
    if (claimed === 'later') return false
    const isAwaited = claimed !== null && !claimed.isToldByNode(txn)
    const outcome = tree.apply(zxid, txn, serving ? clients.watches : null, isAwaited)
    this.#snapshotter.applied(bytes.length)
    route.intake?.applied(zxid, bytes.length, txn.body)
    if (isOwn) route.answered(txn.tag)
    if (txn.body.kind === 'found') journal.setMeta({ ensembleId: txn.body.ensembleId })
    if (serving) return clients.applied(zxid, txn, claimed, outcome)
    return (this.#room -= applyWork(txn.body)) > 0
  }
}
