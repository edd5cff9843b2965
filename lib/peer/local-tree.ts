import type { SessionId, Stat } from '../core/tree/stat.ts'
import type { Tree } from '../core/tree/tree.ts'
import { RecentNodes } from './recent-nodes.ts'
import type { Znode } from '../core/tree/znode.ts'
import type { Zxid } from '../core/zxid.ts'

/** A node as a local read finds it. */
export interface LocalNode {
  readonly data: Uint8Array | null
  readonly stat: Stat
}

/**
 * What this peer has applied, as plain synchronous calls: for trusted code in the same process, without access control
 * and without promising more than this peer's own progress. Undefined where there is no such node; TypeError for a path
 * that is no string.
 */
export class LocalTree {
  readonly #tree: () => Tree
  #recent: RecentNodes | null = null

  constructor(tree: () => Tree) {
    this.#tree = tree
  }

  /** To be called once a tree may have been replaced: who reads no more must not hold the one of before. */
  static forget(tree: LocalTree): void {
    tree.#recent = null
  }

  /** The last txn that is visible here. */
  get zxid(): Zxid {
    return this.#tree().zxid
  }

  get nodeCount(): number {
    return this.#tree().nodeCount
  }

  /** Data and Stat. With `copy: false` the bytes are the tree's own: writing to them corrupts this peer. */
  get(path: string, options?: { readonly copy?: boolean }): LocalNode | undefined {
    const node = this.#find(path)
    if (node === undefined) return undefined
    const data = node.data()
    return { data: data === null || options?.copy === false ? data : new Uint8Array(data), stat: node.stat() }
  }

  stat(path: string): Stat | undefined {
    return this.#find(path)?.stat()
  }

  /** Names of the children, in no order. */
  children(path: string): string[] | undefined {
    return this.#tree().children(text(path))
  }

  has(path: string): boolean {
    return this.#tree().has(text(path))
  }

  #find(path: string): Znode | undefined {
    const tree = this.#tree()
    let recent = this.#recent
    if (recent?.tree !== tree) this.#recent = recent = new RecentNodes(tree)
    return recent.find(text(path))
  }

  /** True for a session that was opened and is not closed. */
  hasSession(id: SessionId): boolean {
    return this.#tree().sessions.has(id)
  }
}

function text(path: string): string {
  if (typeof path !== 'string') throw new TypeError(`a path must be a string, not ${typeof path}`)
  return path
}
