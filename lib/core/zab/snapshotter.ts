import { assert } from '../assert.ts'
import type { Tree } from '../tree/tree.ts'
import type { ReplicaConfig } from '../effects.ts'
import type { Journal } from './journal.ts'
import { SnapshotChunkSource } from './snapshot-stream.ts'
import type { Zxid } from '../zxid.ts'

/** So many nodes of a tree must have been matched by one txn since the last snapshot before the next one begins. */
const NODES_PER_TXN = 8

/**
 * Takes this replica's own snapshots: exactly the committed state at one zxid, one chunk per completed write while
 * txns go on, then one batch that makes it the base and purges the log behind it (design: snapshot, rule R2).
 */
export class Snapshotter {
  readonly #config: ReplicaConfig
  readonly #journal: Journal
  #source: SnapshotChunkSource | null = null
  #id = 0
  #chunkTicket = 0
  /** Txns and bytes applied since the base. */
  #txns = 0
  #bytes = 0
  #taken = 0

  constructor(config: ReplicaConfig, journal: Journal) {
    this.#config = config
    this.#journal = journal
  }

  get taken(): number {
    return this.#taken
  }

  get busy(): boolean {
    return this.#source !== null
  }

  applied(bytes: number): void {
    this.#txns++
    this.#bytes += bytes
  }

  /** A leader's snapshot replaced everything: what was being taken is void. */
  abandon(): void {
    this.#source?.close()
    this.#source = null
    this.#txns = 0
    this.#bytes = 0
  }

  #due(tree: Tree): boolean {
    const { snapshotTxns, snapshotBytes } = this.#config.limits
    const enough = Math.max(snapshotTxns, Math.floor(tree.nodeCount / NODES_PER_TXN))
    const enoughBytes = Math.max(snapshotBytes, Math.floor(tree.dataBytes / NODES_PER_TXN))
    return (this.#txns >= enough || this.#bytes >= enoughBytes) && tree.zxid > this.#journal.baseZxid
  }

  /** Called once per turn; `hold` is a zxid above which the log must not be trimmed. */
  pump(tree: Tree, hold: Zxid): void {
    if (this.#source === null) {
      if (!this.#due(tree)) return
      const chain = this.#journal.log.chainAt(tree.zxid)
      assert(chain !== null, 'the chain at the applied point is known')
      this.#id = (this.#journal.base?.id ?? 0) + 1
      const { codec, limits } = this.#config
      this.#source = new SnapshotChunkSource(tree.freeze(), chain, codec, limits.syncChunkBytes)
      this.#txns = 0
      this.#bytes = 0
    } else if (this.#journal.durableTicket < this.#chunkTicket) {
      return
    }
    const bytes = this.#source.next()
    if (bytes === null) {
      this.#install(this.#source, hold)
      return
    }
    this.#journal.chunk(this.#id, this.#source.count - 1, bytes)
    this.#chunkTicket = this.#journal.ticket
  }

  #install(source: SnapshotChunkSource, hold: Zxid): void {
    const { retainedTxns, retainedBytes } = this.#config.limits
    const { log } = this.#journal
    const retained = log.retentionPoint(source.zxid, retainedTxns, retainedBytes)
    let purge = hold < retained ? hold : retained
    if (purge < log.floor) purge = log.floor
    this.#journal.setMeta({ commitHint: source.zxid })
    this.#journal.install({
      id: this.#id, zxid: source.zxid, hash1: source.chain.hash1, hash2: source.chain.hash2, chunks: source.count,
    }, purge)
    source.close()
    this.#source = null
    this.#taken++
  }
}
