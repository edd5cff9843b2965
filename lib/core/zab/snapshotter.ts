import { assert } from '../assert.ts'
import type { Tree } from '../tree/tree.ts'
import type { ReplicaConfig } from '../effects.ts'
import type { Journal } from './journal.ts'
import { SnapshotChunkSource } from './snapshot-stream.ts'
import { ZXID_ZERO } from '../zxid.ts'
import type { Zxid } from '../zxid.ts'

/** Of a large tree a snapshot is taken when one txn has come for so many of its nodes: together they pay for it ... */
const NODES_PER_TXN = 3
/** ... or when the txns have as many bytes as the snapshot will have, its nodes without their data at so many each. */
const NODE_BYTES = 64
/** Of a large tree the log in memory keeps one txn for so many nodes: a synchronization by snapshot costs much more. */
const NODES_PER_KEPT_TXN = 16
/**
 * Whoever comes in a turn that makes a chunk waits for it: one of 256 KiB took 1 ms, a quarter 0.25, and the slowest
 * hundredth of sets during a snapshot of 1.4 million nodes 6.5 ms instead of 12.3. But nodes that change
 * meanwhile are kept until they are written, and would gather if chunks that hold some were small, too.
 */
const CALM_SHARE = 4
/** The log in memory is trimmed when it is so much longer than what is kept, not at every turn. */
const SLACK = 1.25

/** Somebody who still reads the log: it must not be trimmed above `holdZxid`, which is asked for when it matters. */
export interface LogHolder {
  readonly holdZxid: Zxid
}

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
  /** Txns and bytes applied since the base ... */
  #txns = 0
  #bytes = 0
  /** ... and how many of them the snapshot holds that is being taken. */
  #coveredTxns = 0
  #coveredBytes = 0
  #taken = 0
  /** What was applied before this turn, or before it was served: the log in memory may be trimmed so far. */
  #settled: Zxid = ZXID_ZERO

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

  /** A role ended: what was being taken is void, and taken anew once this peer serves. What it is due for counts on. */
  abandon(): void {
    this.#source?.close()
    this.#source = null
    this.#settled = ZXID_ZERO
  }

  /** A leader's snapshot is the base now. */
  rebased(): void {
    this.abandon()
    this.#txns = 0
    this.#bytes = 0
  }

  #due(tree: Tree): boolean {
    const { snapshotTxns, snapshotBytes } = this.#config.limits
    const enough = Math.max(snapshotTxns, Math.floor(tree.nodeCount / NODES_PER_TXN))
    const enoughBytes = Math.max(snapshotBytes, tree.dataBytes + tree.nodeCount * NODE_BYTES)
    return (this.#txns >= enough || this.#bytes >= enoughBytes) && tree.zxid > this.#journal.baseZxid
  }

  /** Txns and bytes of them that are kept so that a peer that was away briefly gets a DIFF. */
  #retained(tree: Tree): { readonly txns: number, readonly bytes: number } {
    const { retainedTxns, retainedBytes } = this.#config.limits
    return {
      txns: Math.max(1, retainedTxns, Math.floor(tree.nodeCount / NODES_PER_KEPT_TXN)),
      bytes: Math.max(1, retainedBytes, Math.floor(tree.dataBytes / NODES_PER_KEPT_TXN)),
    }
  }

  /** Bounds the log in memory, whatever the disk still has; what is not applied and what is being sent stays. */
  #trim(tree: Tree, holder: LogHolder | null): void {
    const { log } = this.#journal
    const applied = tree.zxid
    if (applied !== this.#settled) log.pack(applied)
    const { txns, bytes } = this.#retained(tree)
    if (log.length > txns * SLACK || log.bytes > bytes * SLACK) {
      const hold = holder?.holdZxid ?? this.#settled
      // Who holds all of it may do so for long: the log is not gone over in each turn to find what would not be held.
      if (hold > log.floor) {
        const kept = log.retentionPoint(this.#settled, txns, bytes)
        log.trim(kept < hold ? kept : hold)
      }
    }
    this.#settled = applied
  }

  /** Called once per turn; null when nobody needs more of the log than this peer. */
  pump(tree: Tree, holder: LogHolder | null): void {
    this.#trim(tree, holder)
    if (this.#source === null) {
      if (!this.#due(tree)) return
      const chain = this.#journal.log.chainAt(tree.zxid)
      assert(chain !== null, 'the chain at the applied point is known')
      this.#id = (this.#journal.base?.id ?? 0) + 1
      const { codec, limits, mutant } = this.#config
      const view = tree.freeze(mutant === 'fuzzySnapshot')
      const calmBytes = Math.ceil(limits.syncChunkBytes / CALM_SHARE)
      this.#source = new SnapshotChunkSource(view, chain, codec, limits.syncChunkBytes, calmBytes)
      this.#coveredTxns = this.#txns
      this.#coveredBytes = this.#bytes
    } else if (this.#journal.durableTicket < this.#chunkTicket) {
      return
    }
    const bytes = this.#source.next()
    if (bytes === null) {
      this.#install(this.#source, tree)
      return
    }
    this.#journal.chunk(this.#id, this.#source.count - 1, bytes)
    this.#chunkTicket = this.#journal.ticket
  }

  #install(source: SnapshotChunkSource, tree: Tree): void {
    const { txns, bytes } = this.#retained(tree)
    const retained = this.#journal.log.retentionPoint(source.zxid, txns, bytes)
    const purge = retained < source.zxid ? retained : source.zxid
    this.#journal.setMeta({ commitHint: source.zxid })
    this.#journal.install({
      id: this.#id, zxid: source.zxid, hash1: source.chain.hash1, hash2: source.chain.hash2, chunks: source.count,
    }, purge)
    source.close()
    this.#source = null
    this.#txns -= this.#coveredTxns
    this.#bytes -= this.#coveredBytes
    this.#taken++
  }
}
