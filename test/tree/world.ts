import { Preparer } from '../../lib/core/tree/prepare.ts'
import type { SoftQuota } from '../../lib/core/tree/quotas.ts'
import type { TreeOptions } from '../../lib/core/tree/prepare.ts'
import { read } from '../../lib/core/tree/reads.ts'
import { permits } from '../../lib/core/tree/acl.ts'
import { Mode, OPEN_ACL } from '../../lib/core/tree/request.ts'
import type {
  Acl, CreateRequest, DeleteRequest, Identity, Outcome, Request, Requester, SetAclRequest, SetDataRequest, WatchEvent,
  WriteRequest,
} from '../../lib/core/tree/request.ts'
import { TreeLoader } from '../../lib/core/tree/loader.ts'
import { NO_SESSION, sessionIdOf } from '../../lib/core/tree/stat.ts'
import type { SessionId, Stat } from '../../lib/core/tree/stat.ts'
import { Tree } from '../../lib/core/tree/tree.ts'
import type { TreeView } from '../../lib/core/tree/view.ts'
import type { PlacedTxn, SnapshotRow, TxnBody } from '../../lib/core/tree/txn.ts'
import { Watches } from '../../lib/core/tree/watches.ts'
import { makeZxid } from '../../lib/core/zxid.ts'
import type { Zxid } from '../../lib/core/zxid.ts'

export const OPTIONS: TreeOptions = {
  skipAcl: false, ttlEnabled: true, enforceQuota: false, sessionEphemerals: 100, sessionEphemeralBytes: 100_000,
  multiOperations: 100, containerNeverUsedMs: 0,
}

export const SUPER: readonly Identity[] = [{ scheme: 'super', id: 'root' }]

/** One tree with its leader's preparer and its peer's watches; a txn may be applied at once or stay outstanding. */
export class World {
  readonly tree: Tree
  readonly preparer: Preparer
  readonly watches: Watches
  readonly options: TreeOptions
  /** Every event of every connection, as `conn type path`. */
  readonly events: string[] = []
  readonly rawEvents: { conn: number, event: WatchEvent }[] = []
  readonly outstanding: PlacedTxn[] = []
  readonly softQuotas: SoftQuota[] = []
  /** Hears every txn before it is applied. */
  onApply: (placed: PlacedTxn) => void = () => undefined
  /** Identities of the connections that are not anonymous. */
  readonly identities = new Map<number, readonly Identity[]>()
  /** The leader's clock: one more with each txn unless it is set. */
  timeMs = 1_000
  #counter: number
  readonly #epoch: number

  constructor(options: Partial<TreeOptions> = {}, tree: Tree = Tree.empty(), epoch = 1) {
    this.tree = tree
    this.options = { ...OPTIONS, ...options }
    this.preparer = new Preparer(tree, this.options, (exceeded) => void this.softQuotas.push(exceeded))
    this.#epoch = epoch
    this.#counter = 0
    this.watches = new Watches(
      (conn, event) => {
        this.rawEvents.push({ conn, event })
        this.events.push(`${conn} ${NAMES[event.type]} ${event.path}`)
      },
      (conn, acl) => permits(acl, 1, this.identities.get(conn) ?? [], this.options.skipAcl))
  }

  /** The zxid of the last txn made here. */
  get last(): Zxid {
    return makeZxid(this.#epoch, this.#counter)
  }

  /** Places a txn behind those that are outstanding. */
  place(make: (zxid: Zxid) => TxnBody, session: SessionId = NO_SESSION): PlacedTxn {
    const zxid = makeZxid(this.#epoch, ++this.#counter)
    this.timeMs++
    const placed = { zxid, txn: { session, cxid: 0, origin: 1, tag: 0, time: this.timeMs, body: make(zxid) } }
    this.outstanding.push(placed)
    return placed
  }

  /** Applies the oldest outstanding txn. */
  applyOne(): Outcome {
    const placed = this.outstanding.shift()
    if (placed === undefined) throw new Error('nothing is outstanding')
    this.onApply(placed)
    const outcome = this.tree.apply(placed.zxid, placed.txn, this.watches, true)
    this.preparer.applied(placed.zxid)
    if (outcome === null) throw new Error('no outcome')
    return outcome
  }

  applyAll(): Outcome {
    let last: Outcome | null = null
    while (this.outstanding.length > 0) last = this.applyOne()
    if (last === null) throw new Error('nothing was outstanding')
    return last
  }

  /** Prepares a request; its txn stays outstanding. */
  propose(request: WriteRequest, requester: Requester = anonymous()): TxnBody {
    return this.place((zxid) => this.preparer.prepare(zxid, request, requester), requester.session).txn.body
  }

  /** Prepares and applies. */
  write(request: WriteRequest, requester: Requester = anonymous()): Outcome {
    this.propose(request, requester)
    return this.applyAll()
  }

  /** As `write`, and fails on anything but success. */
  ok(request: WriteRequest, requester: Requester = anonymous()): Outcome {
    const outcome = this.write(request, requester)
    if (outcome.code !== 'Ok') throw new Error(`${JSON.stringify(request)} came to ${outcome.code}`)
    return outcome
  }

  proposeOpen(timeoutMs = 1_000): SessionId {
    const { zxid } = this.place((at) => this.preparer.createSession(at, timeoutMs, new Uint8Array(16).fill(7)))
    return sessionIdOf(zxid)
  }

  open(timeoutMs = 1_000): SessionId {
    const session = this.proposeOpen(timeoutMs)
    this.applyAll()
    return session
  }

  proposeClose(session: SessionId): readonly string[] {
    const { txn } = this.place((zxid) => this.preparer.closeSession(zxid, session), session)
    return txn.body.kind === 'closeSession' ? txn.body.paths : []
  }

  close(session: SessionId): void {
    this.proposeClose(session)
    this.applyAll()
  }

  read(request: Request, conn = 1, requester?: Requester): Outcome {
    const who = requester ?? { session: NO_SESSION, identities: this.identities.get(conn) ?? [] }
    return read(this.tree, request, who, conn, this.watches, this.options)
  }

  stat(path: string): Stat {
    const stat = this.tree.stat(path)
    if (stat === undefined) throw new Error(`no node ${path}`)
    return stat
  }

  /** The events since the last call. */
  seen(): string[] {
    return this.events.splice(0)
  }
}

const NAMES = { 1: 'created', 2: 'deleted', 3: 'data', 4: 'children' } as const

export function anonymous(session: SessionId = NO_SESSION): Requester {
  return { session, identities: [] }
}

export function as(identities: readonly Identity[], session: SessionId = NO_SESSION): Requester {
  return { session, identities }
}

export const ROOT: Requester = as(SUPER)

export function create(path: string, more: Partial<CreateRequest> = {}): CreateRequest {
  return { op: 1, path, data: null, acl: OPEN_ACL, flags: Mode.persistent, ttlMs: -1, ...more }
}

export function ephemeral(path: string): CreateRequest {
  return create(path, { flags: Mode.ephemeral })
}

export function container(path: string): CreateRequest {
  return create(path, { op: 19, flags: Mode.container })
}

export function ttl(path: string, ttlMs: number): CreateRequest {
  return create(path, { op: 21, flags: Mode.persistentTtl, ttlMs })
}

export function remove(path: string, version = -1): DeleteRequest {
  return { op: 2, path, version }
}

export function set(path: string, data: string | null = null, version = -1): SetDataRequest {
  return { op: 5, path, data: data === null ? null : bytes(data), version }
}

export function setAcl(path: string, acl: readonly Acl[] | null, version = -1): SetAclRequest {
  return { op: 7, path, acl, version }
}

export function world(perms: number): readonly Acl[] {
  return [{ perms, scheme: 'world', id: 'anyone' }]
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export function text(data: Uint8Array | null | undefined): string | null {
  return data === null || data === undefined ? null : new TextDecoder().decode(data)
}

/** All rows of a view, in chunks of `chunkBytes`. */
export function drain(view: TreeView, chunkBytes = 1_000_000): SnapshotRow[] {
  const rows: SnapshotRow[] = []
  for (let chunk = view.next(chunkBytes); chunk !== null; chunk = view.next(chunkBytes)) rows.push(...chunk)
  return rows
}

export function load(rows: readonly SnapshotRow[]): Tree {
  const loader = new TreeLoader()
  loader.push(rows)
  return loader.finish()
}

/** Rows of the tree as it is. */
export function rowsOf(tree: Tree): SnapshotRow[] {
  const view = tree.freeze()
  const rows = drain(view)
  view.close()
  return rows
}

/** Everything a tree says, as text: for comparisons that do not rely on digests. */
export function describe(tree: Tree): string {
  const lines: string[] = [`${tree.zxid} ${tree.ensembleId} ${tree.members}`]
  for (const [id, session] of [...tree.sessions].sort(([a], [b]) => a < b ? -1 : 1)) {
    const owned = [...tree.ephemeralsOf(id)].sort().join()
    lines.push(`${id} ${session.timeoutMs} ${session.password.join()} ${owned}`)
  }
  const open = ['/']
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const node = tree.node(path)
    if (node === undefined) throw new Error(`a child that is no node: ${path}`)
    const children = tree.children(path)!.sort()
    const data = path === '/zookeeper/config' && node.version === -1 ? '-' : node.data()?.join()
    lines.push(JSON.stringify([path, data, node.acl, node.nodeKind, node.owner, node.ttlMs, node.creates, node.stat(),
      children]).replace(/"dataLength":\d+/, path === '/zookeeper/config' ? '' : '$&'))
    for (const name of children) open.push(path === '/' ? `/${name}` : `${path}/${name}`)
  }
  if (lines.length !== 1 + tree.sessions.size + tree.nodeCount) throw new Error('nodes that hang in no parent')
  return lines.join('\n')
}

/** Places of a node row's fields. */
export const FIELD = {
  path: 1, data: 2, acl: 3, nodeKind: 4, owner: 5, ttlMs: 6, czxid: 7, mzxid: 8, pzxid: 9, ctime: 10, mtime: 11,
  version: 12,
  aversion: 13, creates: 14,
} as const

/** The same tree with fields of one node changed: states that would take two thousand million txns. */
export function edited(tree: Tree, path: string, fields: Partial<Record<keyof typeof FIELD, unknown>>): Tree {
  return load(rowsOf(tree).map((row) => {
    if (row[0] !== 2 || row[FIELD.path] !== path) return row
    const copy = [...row]
    for (const [name, value] of Object.entries(fields)) copy[FIELD[name as keyof typeof FIELD]] = value
    return copy
  }))
}

/** How often something calls this method, whatever of. */
export function callsOf(prototype: object, method: string, act: () => void): number {
  let calls = 0
  const own = Reflect.get(prototype, method) as (...args: unknown[]) => unknown
  Reflect.set(prototype, method, function (this: unknown, ...args: unknown[]): unknown {
    calls++
    return Reflect.apply(own, this, args)
  })
  try {
    act()
  } finally {
    Reflect.set(prototype, method, own)
  }
  return calls
}
