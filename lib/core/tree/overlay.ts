import type { Acl } from './request.ts'
import type { SessionId } from './stat.ts'
import type { Tree } from './tree.ts'
import type { NodeState } from './znode.ts'
import type { NodeKindNumber } from './txn.ts'
import type { Zxid } from '../zxid.ts'

/** A node as it will be once the outstanding txns are applied. */
export class PendingNode implements NodeState {
  version = 0
  aversion = 0
  creates = 0
  childCount = 0
  readonly nodeKind: NodeKindNumber
  readonly owner: SessionId
  acl: readonly Acl[]

  constructor(nodeKind: NodeKindNumber, owner: SessionId, acl: readonly Acl[]) {
    this.nodeKind = nodeKind
    this.owner = owner
    this.acl = acl
  }

  static copyOf(state: NodeState): PendingNode {
    const copy = new PendingNode(state.nodeKind, state.owner, state.acl)
    copy.version = state.version
    copy.aversion = state.aversion
    copy.creates = state.creates
    copy.childCount = state.childCount
    return copy
  }
}

interface Change {
  readonly zxid: Zxid
  /** Null: deleted. */
  readonly state: PendingNode | null
}

/**
 * The tree with the outstanding txns on top (ZooKeeper: ChangeRecords): what requests are checked against. States are never
 * changed in place, so that a failed multi is undone exactly (ZOOKEEPER-1624).
 */
export class Overlay {
  readonly #tree: Tree
  readonly #changes = new Map<string, Change>()
  /** Paths in the order of their changes, so that what is applied is forgotten without a search. */
  #order: { readonly zxid: Zxid, readonly path: string }[] = []
  #head = 0
  /** Outstanding creations of ephemerals by owner. */
  readonly #ephemerals = new Map<SessionId, Set<string>>()
  /** While a multi is prepared: what each change replaced. */
  #undo: { readonly path: string, readonly before: Change | undefined }[] | null = null

  constructor(tree: Tree) {
    this.#tree = tree
  }

  /** The node as it will be; undefined when it will not exist. */
  get(path: string): NodeState | undefined {
    if (this.#changes.size > 0) {
      const change = this.#changes.get(path)
      if (change !== undefined) return change.state ?? undefined
    }
    return this.#tree.node(path)
  }

  set(zxid: Zxid, path: string, state: PendingNode | null): void {
    this.#undo?.push({ path, before: this.#changes.get(path) })
    this.#changes.set(path, { zxid, state })
    this.#order.push({ zxid, path })
    if (state !== null && state.nodeKind === 1) {
      const owned = this.#ephemerals.get(state.owner)
      if (owned === undefined) this.#ephemerals.set(state.owner, new Set([path]))
      else owned.add(path)
    }
  }

  /** Ephemerals of a session once everything outstanding is applied. */
  ephemeralsOf(session: SessionId): string[] {
    const paths = new Set(this.#tree.ephemeralsOf(session))
    for (const path of this.#ephemerals.get(session) ?? []) paths.add(path)
    return [...paths].filter((path) => this.get(path)?.owner === session)
  }

  /** At most this many; cheap. */
  ephemeralsAtMost(session: SessionId): number {
    return this.#tree.ephemeralsOf(session).size + (this.#ephemerals.get(session)?.size ?? 0)
  }

  /** Changes from here on can be undone. */
  begin(): void {
    this.#undo = []
  }

  /** Keeps or undoes the changes since `begin`. */
  end(keep: boolean): void {
    const undo = this.#undo ?? []
    this.#undo = null
    if (keep) return
    for (const { path, before } of undo.reverse()) {
      if (before === undefined) this.#changes.delete(path)
      else this.#changes.set(path, before)
    }
  }

  /** The tree has applied everything up to `zxid`. */
  applied(zxid: Zxid): void {
    while (this.#head < this.#order.length && this.#order[this.#head]!.zxid <= zxid) {
      const { path } = this.#order[this.#head++]!
      const change = this.#changes.get(path)
      if (change !== undefined && change.zxid <= zxid) {
        this.#changes.delete(path)
      }
      if (this.#ephemerals.size > 0) this.#settleEphemeral(path)
    }
    if (this.#head === this.#order.length) {
      if (this.#head > 0) this.#order = []
      this.#head = 0
      this.#ephemerals.clear()
    } else if (this.#head > 8_192) {
      this.#order = this.#order.slice(this.#head)
      this.#head = 0
    }
  }

  #settleEphemeral(path: string): void {
    if (this.#changes.has(path)) return
    for (const [session, paths] of this.#ephemerals) {
      if (paths.delete(path) && paths.size === 0) this.#ephemerals.delete(session)
    }
  }

  reset(): void {
    this.#changes.clear()
    this.#order = []
    this.#head = 0
    this.#ephemerals.clear()
  }
}
