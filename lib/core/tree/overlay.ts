import { bytesOfPath } from './owned-paths.ts'
import type { Acl } from './request.ts'
import type { SessionId } from './stat.ts'
import type { Tree } from './tree.ts'
import type { NodeState } from './znode.ts'
import { NodeKind } from './txn.ts'
import type { NodeKindNumber } from './txn.ts'
import type { Zxid } from '../zxid.ts'

/** A node as it will be once the txn `zxid` is applied. */
export class PendingNode implements NodeState {
  zxid: Zxid
  readonly path: string
  /** False: deleted. */
  exists = true
  /** What the change does to the number of its owner's ephemerals. */
  owned: -1 | 0 | 1 = 0
  version = 0
  aversion = 0
  creates = 0
  childCount = 0
  dataBytes = 0
  readonly nodeKind: NodeKindNumber
  readonly owner: SessionId
  acl: readonly Acl[]

  constructor(zxid: Zxid, path: string, nodeKind: NodeKindNumber, owner: SessionId, acl: readonly Acl[]) {
    this.zxid = zxid
    this.path = path
    this.nodeKind = nodeKind
    this.owner = owner
    this.acl = acl
  }

  static copyOf(zxid: Zxid, path: string, state: NodeState): PendingNode {
    const copy = new PendingNode(zxid, path, state.nodeKind, state.owner, state.acl)
    copy.version = state.version
    copy.aversion = state.aversion
    copy.creates = state.creates
    copy.childCount = state.childCount
    copy.dataBytes = state.dataBytes
    return copy
  }
}

/** Ephemerals of one session that outstanding txns create or delete. */
class PendingSession {
  /** Outstanding creations minus deletions. */
  delta = 0
  /** The same of the bytes of their paths. */
  deltaBytes = 0
  /** Outstanding creations and deletions. */
  changes = 0
  /** Outstanding creations by path. */
  readonly created = new Map<string, number>()

  add(node: PendingNode, sign: 1 | -1): void {
    this.delta += node.owned * sign
    this.deltaBytes += bytesOfPath(node.path) * node.owned * sign
    this.changes += sign
    if (node.owned !== 1) return
    const count = (this.created.get(node.path) ?? 0) + sign
    if (count === 0) this.created.delete(node.path)
    else this.created.set(node.path, count)
  }
}

/**
 * The tree with the outstanding txns on top (ZooKeeper: ChangeRecords): what requests are checked against. Within a
 * multi no state is changed in place, so that it is undone exactly when it fails (ZOOKEEPER-1624).
 */
export class Overlay {
  readonly #tree: Tree
  /** The last outstanding state of each path. */
  readonly #changes = new Map<string, PendingNode>()
  /** All of them in their order, so that what is applied is forgotten without a search. */
  #order: PendingNode[] = []
  /** The txn of each: a node that was changed in place since is there for every one of them. */
  #zxids: number[] = []
  #head = 0
  readonly #sessions = new Map<SessionId, PendingSession>()
  /** While a multi is prepared: what each of its changes replaced. */
  #undo: (PendingNode | undefined)[] | null = null

  constructor(tree: Tree) {
    this.#tree = tree
  }

  /** The node as it will be; undefined when it will not exist. */
  get(path: string): NodeState | undefined {
    if (this.#changes.size > 0) {
      const change = this.#changes.get(path)
      if (change !== undefined) return change.exists ? change : undefined
    }
    return this.#tree.node(path)
  }

  /** True while a txn that changes the node is outstanding. */
  isPending(path: string): boolean {
    return this.#changes.has(path)
  }

  /** Outstanding changes, for tests and metrics. */
  get size(): number {
    return this.#order.length - this.#head
  }

  created(node: PendingNode): void {
    if (node.nodeKind === NodeKind.ephemeral) node.owned = 1
    this.changed(node)
  }

  /**
   * What the caller may change to the state of `path` after one more txn, given that before it. The same object where
   * it can be: most creates go to a parent whose last change is outstanding.
   */
  next(zxid: Zxid, path: string, state: NodeState): PendingNode {
    if (this.#undo === null && state instanceof PendingNode && state.owned === 0) {
      if (state.zxid !== zxid) this.#enqueue(zxid, state)
      state.zxid = zxid
      return state
    }
    const node = PendingNode.copyOf(zxid, path, state)
    this.changed(node)
    return node
  }

  #enqueue(zxid: Zxid, node: PendingNode): void {
    this.#order.push(node)
    this.#zxids.push(zxid)
  }

  changed(node: PendingNode): void {
    this.#undo?.push(this.#changes.get(node.path))
    this.#changes.set(node.path, node)
    this.#enqueue(node.zxid, node)
    if (node.owned !== 0) this.#account(node, 1)
  }

  deleted(zxid: Zxid, path: string, state: NodeState): void {
    const node = new PendingNode(zxid, path, state.nodeKind, state.owner, state.acl)
    node.exists = false
    if (node.nodeKind === NodeKind.ephemeral) node.owned = -1
    this.changed(node)
  }

  #account(node: PendingNode, sign: 1 | -1): void {
    let pending = this.#sessions.get(node.owner)
    if (pending === undefined) this.#sessions.set(node.owner, pending = new PendingSession())
    pending.add(node, sign)
    if (pending.changes === 0) this.#sessions.delete(node.owner)
  }

  /** Ephemerals of a session once everything outstanding is applied. */
  ephemeralsOf(session: SessionId): string[] {
    const paths = new Set(this.#tree.ephemeralsOf(session))
    for (const path of this.#sessions.get(session)?.created.keys() ?? []) paths.add(path)
    return [...paths].filter((path) => this.get(path)?.owner === session)
  }

  /** How many those are. */
  ephemeralCount(session: SessionId): number {
    return this.#tree.ephemeralsOf(session).size + (this.#sessions.get(session)?.delta ?? 0)
  }

  /** Bytes of their paths in the txn that closes the session. */
  ephemeralBytes(session: SessionId): number {
    return this.#tree.ephemeralBytes(session) + (this.#sessions.get(session)?.deltaBytes ?? 0)
  }

  /** Changes from here on can be undone. */
  begin(): void {
    this.#undo = []
  }

  /** Keeps or undoes the changes since `begin`. */
  end(keep: boolean): void {
    const undo = this.#undo
    this.#undo = null
    if (keep || undo === null) return
    for (let before = undo.length - 1; before >= 0; before--) {
      const node = this.#order.pop()!
      this.#zxids.pop()
      const replaced = undo[before]
      if (replaced === undefined) this.#changes.delete(node.path)
      else this.#changes.set(node.path, replaced)
      if (node.owned !== 0) this.#account(node, -1)
    }
  }

  /** The tree has applied everything up to `zxid`. */
  applied(zxid: Zxid): void {
    while (this.#head < this.#order.length && this.#zxids[this.#head]! <= zxid) {
      const isLast = this.#order[this.#head]!.zxid === this.#zxids[this.#head]
      const node = this.#order[this.#head++]!
      if (isLast && this.#changes.get(node.path) === node) this.#changes.delete(node.path)
      if (node.owned !== 0) this.#account(node, -1)
    }
    if (this.#head === this.#order.length) {
      if (this.#head > 0) {
        this.#order = []
        this.#zxids = []
      }
      this.#head = 0
    } else if (this.#head > 8_192) {
      this.#order = this.#order.slice(this.#head)
      this.#zxids = this.#zxids.slice(this.#head)
      this.#head = 0
    }
  }

  reset(): void {
    this.#changes.clear()
    this.#order = []
    this.#zxids = []
    this.#head = 0
    this.#sessions.clear()
    this.#undo = null
  }
}
