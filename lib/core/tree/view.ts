import { bytesOfPath } from './owned-paths.ts'
import { OPEN_ACL } from './request.ts'
import type { SessionId } from './stat.ts'
import type { SnapshotRow } from './txn.ts'
import type { Zxid } from '../zxid.ts'
import { FREE, Int } from './node-pages.ts'
import type { NodePages } from './node-pages.ts'
import { Znode } from './znode.ts'

/** The exact state of a tree at one zxid, read piece by piece while the tree goes on. */
export interface TreeView {
  readonly zxid: Zxid
  /**
   * Rows of `maxBytes` and one more at most, or only of `calmBytes` where no kept row waits; null when all were given.
   */
  next(maxBytes: number, calmBytes?: number): readonly SnapshotRow[] | null
  close(): void
}

/** A session as the tree keeps it: with the generation in which it was opened. */
export interface StoredSession {
  readonly timeoutMs: number
  readonly password: Uint8Array
  readonly generation: number
}

/** First element of a row: what the row is. */
export const Row = { head: 0, session: 1, node: 2 } as const

/** A node as a row; its data is a view on bytes that nobody changes. */
export function nodeRow(node: Znode): SnapshotRow {
  const acl = node.acl === OPEN_ACL ? null : node.acl.map(({ perms, scheme, id }) => [perms, scheme, id])
  const data = node.isLocal ? NO_BYTES : node.data()
  return [
    Row.node, node.path, data, acl, node.nodeKind, node.owner, node.ttlMs, node.czxid, node.mzxid, node.pzxid,
    node.ctime, node.mtime, node.version, node.aversion, node.creates,
  ]
}

function sessionRow(session: SessionId, { timeoutMs, password }: StoredSession): SnapshotRow {
  return [Row.session, session, timeoutMs, password]
}

/** What a row takes besides its texts and its data, and an entry of its list besides its. */
const ROW_BYTES = 100
const ENTRY_BYTES = 6
const NO_BYTES: Readonly<Uint8Array> = new Uint8Array(0)

/** About how many bytes a row takes. Nodes share their lists, rows do not: each has all of its own. */
function bytesOf(row: SnapshotRow): number {
  const path = row[1]
  const data = row[2]
  const acl = row[3]
  let bytes = ROW_BYTES
  if (typeof path === 'string') bytes += bytesOfPath(path)
  if (data instanceof Uint8Array) bytes += data.length
  if (!Array.isArray(acl)) return bytes
  for (const [, scheme, id] of acl as [number, string, string][]) {
    bytes += ENTRY_BYTES + bytesOfPath(scheme) + bytesOfPath(id)
  }
  return bytes
}

/**
 * Copy on write by generation: the tree hands over the row of a node just before its first change after the freeze,
 * unless it was given out already. Nodes are given out in the order of their ids.
 */
export class FrozenView implements TreeView {
  readonly zxid: Zxid
  /** Nodes of a later generation were changed after the freeze. */
  readonly generation: number
  readonly #pages: NodePages
  /** Ids that were given at the freeze are below. */
  readonly #end: number
  readonly #kept: SnapshotRow[] = []
  readonly #keptSessions: SnapshotRow[] = []
  readonly #onClose: (view: FrozenView) => void
  #head: SnapshotRow | null
  /** Null once all were given. */
  #sessions: Iterator<[SessionId, StoredSession]> | null
  /** Ids below were given out. */
  #next = 1

  constructor(options: {
    readonly zxid: Zxid, readonly generation: number, readonly pages: NodePages, readonly ensembleId: string,
    readonly members: string, readonly sessions: ReadonlyMap<SessionId, StoredSession>,
    readonly onClose: (view: FrozenView) => void,
  }) {
    this.zxid = options.zxid
    this.generation = options.generation
    this.#pages = options.pages
    this.#end = options.pages.end
    this.#head = [Row.head, options.zxid, options.ensembleId, options.members]
    this.#sessions = options.sessions.entries()
    this.#onClose = options.onClose
  }

  /** The node is about to change or to go. */
  keep(node: Znode): void {
    if (node.id >= this.#next && node.generation <= this.generation) this.#kept.push(nodeRow(node))
  }

  /** The session is about to close. */
  keepSession(session: SessionId, record: StoredSession): void {
    if (record.generation <= this.generation && this.#sessions !== null) {
      this.#keptSessions.push(sessionRow(session, record))
    }
  }

  next(maxBytes: number, calmBytes: number = maxBytes): readonly SnapshotRow[] | null {
    const rows: SnapshotRow[] = []
    let bytes = 0
    while (bytes < (this.#kept.length > 0 ? maxBytes : calmBytes) || rows.length === 0) {
      const row = this.#row()
      if (row === null) break
      rows.push(row)
      bytes += bytesOf(row)
    }
    return rows.length === 0 ? null : rows
  }

  #row(): SnapshotRow | null {
    const head = this.#head ?? this.#sessionRow()
    this.#head = null
    if (head !== null) return head
    // Those that were kept go first: hundreds of thousands of them, living until the end, made the collector pause.
    const kept = this.#kept.pop()
    if (kept !== undefined) return kept
    while (this.#next < this.#end) {
      const id = this.#next++
      if (this.#pages.int(id, Int.kind) !== FREE && this.#pages.int(id, Int.generation) <= this.generation) {
        return nodeRow(new Znode(this.#pages, id))
      }
    }
    return null
  }

  #sessionRow(): SnapshotRow | null {
    for (let step = this.#sessions?.next(); step !== undefined && step.done !== true; step = this.#sessions?.next()) {
      const [session, record] = step.value
      if (record.generation <= this.generation) return sessionRow(session, record)
    }
    this.#sessions = null
    return this.#keptSessions.pop() ?? null
  }

  close(): void {
    this.#kept.length = 0
    this.#head = null
    this.#sessions = null
    this.#keptSessions.length = 0
    this.#next = this.#end
    this.#onClose(this)
  }
}
