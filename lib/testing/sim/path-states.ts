import { OPEN_ACL, Perm } from '../../core/tree/request.ts'
import type { Acl } from '../../core/tree/request.ts'
import { NO_SESSION } from '../../core/tree/stat.ts'
import type { SessionId } from '../../core/tree/stat.ts'
import { NodeKind } from '../../core/tree/txn.ts'
import type { NodeKindNumber } from '../../core/tree/txn.ts'
import { ZXID_ZERO } from '../../core/zxid.ts'
import type { Zxid } from '../../core/zxid.ts'

/** A node at one zxid; never changed in place. */
export interface NodeState {
  readonly kind: NodeKindNumber
  readonly owner: SessionId
  readonly data: Uint8Array | null
  readonly version: number
  readonly aversion: number
  readonly acl: readonly Acl[]
  /** Children ever created. */
  readonly creates: number
  readonly children: number
  readonly czxid: Zxid
  readonly mzxid: Zxid
  readonly pzxid: Zxid
  readonly ctime: number
  readonly mtime: number
  readonly ttlMs: number
}

interface Entry {
  readonly zxid: Zxid
  /** Null: it did not exist from here on. */
  readonly node: NodeState | null
}

/** Every state that every path ever had, so that a read at any zxid can be checked. */
export class PathStates {
  readonly #entries = new Map<string, Entry[]>()
  /** Paths in the order of their changes since `begin`. */
  #changed: string[] | null = null
  /** Paths of the last undoing. */
  undone: readonly string[] = []

  constructor() {
    const builtIn = [['/', 1], ['/zookeeper', 2], ['/zookeeper/quota', 0], ['/zookeeper/config', 0]] as const
    for (const [path, children] of builtIn) {
      const isConfig = path === '/zookeeper/config'
      const version = isConfig ? -1 : 0
      const acl = isConfig ? [{ perms: Perm.read, scheme: 'world', id: 'anyone' }] : OPEN_ACL
      this.put(ZXID_ZERO, path, {
        kind: NodeKind.persistent, owner: NO_SESSION, data: new Uint8Array(0), version, aversion: version, acl,
        creates: 0, children, czxid: ZXID_ZERO, mzxid: ZXID_ZERO, pzxid: ZXID_ZERO, ctime: 0, mtime: 0, ttlMs: 0,
      })
    }
  }

  now(path: string): NodeState | null {
    const entries = this.#entries.get(path)
    return entries === undefined ? null : entries[entries.length - 1]?.node ?? null
  }

  put(zxid: Zxid, path: string, node: NodeState | null): void {
    const entries = this.#entries.get(path)
    if (entries === undefined) this.#entries.set(path, [{ zxid, node }])
    else entries.push({ zxid, node })
    this.#changed?.push(path)
  }

  /** From here on changes can be undone. */
  begin(): void {
    this.#changed = []
  }

  /** Keeps or undoes the changes since `begin`. */
  end(keep: boolean): void {
    const changed = this.#changed ?? []
    this.#changed = null
    this.undone = keep ? [] : changed
    for (const path of this.undone) this.#entries.get(path)!.pop()
  }

  /** The path as of `zxid`; several changes of one txn count as its last. */
  at(path: string, zxid: Zxid): NodeState | null {
    const entries = this.#entries.get(path)
    if (entries === undefined) return null
    const last = entries[entries.length - 1]
    if (last === undefined || last.zxid <= zxid) return last?.node ?? null
    let low = 0
    let high = entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (entries[middle]!.zxid <= zxid) low = middle + 1
      else high = middle
    }
    return entries[low - 1]?.node ?? null
  }
}
