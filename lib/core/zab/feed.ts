import { assert } from '../assert.ts'
import type { Tree } from '../tree/tree.ts'
import type { Zxid } from '../zxid.ts'
import type { Association } from './association.ts'
import type { ZabContext } from './context.ts'
import type { Log, LoggedTxn } from './log.ts'
import { SnapshotChunkSource } from './snapshot-stream.ts'
import { planSync } from './sync-plan.ts'
import type { SyncPlan } from './sync-plan.ts'

type TruncPlan = Extract<SyncPlan, { kind: 'trunc' }>

interface Cut {
  readonly after: Zxid
  readonly through: Zxid
  readonly entries: LoggedTxn[]
}

/**
 * What an established epoch's leader sends of its history: the synchronization of each learner, then proposals and
 * commits (observers: committed txns only). What is sent depends on the log and the learner's cursor alone, so no txn
 * falls between a plan and the broadcast (rule R8). A learner is sent no more than it acknowledges in time: its slow
 * disk or link fills neither its memory nor ours, and nobody waits for it. A synchronization has an end that does not
 * move: what is written while it lasts is broadcast, by the window of the broadcast. Otherwise it would last for ever
 * where more is written than its pieces carry.
 */
export class Feed {
  readonly #context: ZabContext
  readonly #epoch: number
  readonly #tree: () => Tree

  constructor(context: ZabContext, epoch: number, tree: () => Tree) {
    this.#context = context
    this.#epoch = epoch
    this.#tree = tree
  }

  /**
   * Decides how a learner is brought up, and begins. An active leader sends it no more of the log than it holds for a
   * learner: it would drop it, and again each time it comes back.
   */
  start(learner: Association, isActive: boolean): void {
    const { journal, config, now } = this.#context
    assert(learner.stage === 'acked' && learner.log !== null, 'the learner reported its log')
    const { peer, join } = learner
    learner.stage = 'syncing'
    learner.progressMs = now.ms
    const shortcut = isActive ? { bytes: config.limits.linkQueueBytes, zxid: this.#tree().zxid } : null
    const plan = planSync(journal.log, learner.log, shortcut)
    this.#context.log('info', `sync of peer ${peer}: ${plan.kind}`, { plan: plan.kind, from: learner.log.lastZxid })
    switch (plan.kind) {
      case 'diff':
        learner.cursor = plan.from
        this.#context.send(peer, { kind: 'diff', join, fromZxid: plan.from })
        break
      case 'trunc': {
        learner.cursor = plan.to
        if (config.mutant === 'diffWithoutTrunc') {
          this.#context.send(peer, { kind: 'diff', join, fromZxid: learner.log.lastZxid })
          break
        }
        const { to, chain: { hash1, hash2 } } = config.mutant === 'truncOneTooMany' ? below(journal.log, plan) : plan
        learner.cursor = to
        this.#context.send(peer, { kind: 'trunc', join, toZxid: to, hash1, hash2 })
        break
      }
      case 'snap': {
        if (plan.alarm) this.#context.log('error', `the log of peer ${peer} cannot be: it gets a snapshot`)
        const view = this.#tree().freeze(config.mutant === 'fuzzySnapshot')
        const chain = journal.log.chainAt(view.zxid)
        assert(chain !== null, 'the chain at the applied point is known')
        learner.snapshot = new SnapshotChunkSource(view, chain, config.codec, config.limits.syncChunkBytes)
        learner.cursor = config.mutant === 'snapSkipsOutstanding' ? journal.log.last : view.zxid
        this.#context.send(peer, { kind: 'snap', join, zxid: view.zxid, hash1: chain.hash1, hash2: chain.hash2 })
        break
      }
    }
  }

  /** Sends what the turn produced; `committed` is null before the epoch is active. */
  pump(learners: Iterable<Association>, committed: Zxid | null): void {
    const { journal: { log }, config: { limits, mutant } } = this.#context
    let cut: Cut | null = null
    for (const learner of learners) {
      if (learner.stage !== 'syncing' && learner.stage !== 'live') continue
      if (learner.role === 'observer' && committed === null) continue
      const isTold = learner.role === 'voter' || mutant === 'informUncommitted'
      const through = isTold ? log.last : committed!
      if (learner.stage === 'syncing') this.#stream(learner, through)
      if (learner.stage !== 'live') continue
      while (learner.cursor < through && learner.unackedBytes < limits.linkWindowBytes) {
        const { cursor: after } = learner
        // In pieces, so that each ack shows it moving.
        if (cut === null || cut.after !== after || cut.through !== through) {
          cut = { after, through, entries: log.slice(after, through, limits.syncChunkBytes) }
        }
        this.#forward(learner, cut.entries)
      }
      if (committed !== null) this.#announce(learner, committed)
    }
  }

  #forward(learner: Association, entries: LoggedTxn[]): void {
    const last = entries[entries.length - 1]
    assert(last !== undefined, 'there is something to forward')
    if (this.#context.config.mutant === 'forwardToAckedOnly' && !learner.newLeaderAcked) {
      learner.cursor = last.zxid
      return
    }
    this.#context.send(learner.peer, {
      kind: learner.role === 'observer' ? 'inform' : 'proposal', join: learner.join, epoch: this.#epoch, entries,
    })
    let bytes = 0
    for (const entry of entries) bytes += entry.bytes.length
    learner.sent(last.zxid, bytes)
    if (learner.owesSinceMs === Infinity) learner.owesSinceMs = this.#context.now.ms
  }

  #stream(learner: Association, through: Zxid): void {
    const { limits } = this.#context.config
    const { peer, join } = learner
    const { mutant } = this.#context.config
    if (learner.syncEnd === null || mutant === 'endlessSync') learner.syncEnd = through
    while (learner.piecesSent - learner.piecesAcked < limits.syncChunksInFlight || mutant === 'unboundedSync') {
      if (learner.snapshot !== null) {
        const bytes = learner.snapshot.next()
        this.#context.send(peer, {
          kind: 'snapChunk', join, index: learner.snapshot.count - (bytes === null ? 0 : 1), last: bytes === null,
          bytes: bytes ?? new Uint8Array(0),
        })
        if (bytes === null) learner.close()
      } else if (learner.cursor < learner.syncEnd) {
        const entries = this.#context.journal.log.slice(learner.cursor, learner.syncEnd, limits.syncChunkBytes)
        learner.cursor = entries[entries.length - 1]!.zxid
        if (mutant === 'holeInServingCache' && entries.length > 1) entries.shift()
        this.#context.send(peer, { kind: 'proposal', join, epoch: this.#epoch, entries })
      } else {
        this.#context.send(peer, { kind: 'newLeader', join, epoch: this.#epoch })
        learner.stage = 'live'
        learner.owesSinceMs = this.#context.now.ms
        return
      }
      learner.piecesSent++
    }
  }

  #announce(learner: Association, committed: Zxid): void {
    if (!learner.newLeaderAcked) return
    const { peer, join } = learner
    const commit = committed < learner.cursor ? committed : learner.cursor
    if (!learner.upToDateSent) {
      learner.upToDateSent = true
      learner.sentCommit = commit
      this.#context.send(peer, { kind: 'upToDate', join, epoch: this.#epoch, commit, through: committed })
    } else if (learner.role === 'voter' && learner.sentCommit < commit) {
      learner.sentCommit = commit
      this.#context.send(peer, { kind: 'commit', join, epoch: this.#epoch, zxid: commit })
    }
  }
}

/** A point too low, for a mutant. */
function below(log: Log, plan: TruncPlan): TruncPlan {
  const { to } = plan
  const lower = log.pointBelow(to)
  const lowerChain = lower === null ? null : log.chainAt(lower)
  return lower === null || lowerChain === null ? plan : { kind: 'trunc', to: lower, chain: lowerChain }
}
