import { assert, unreachable } from '../assert.ts'
import type { ErrorCode } from '../errors.ts'
import { Words } from '../words.ts'
import { ZXID_ZERO } from '../zxid.ts'
import type { Zxid } from '../zxid.ts'
import { DataSlabs } from './data-slabs.ts'
import { finish, hashBytes, hashText, mix } from './hash.ts'
import { NodeIndex } from './node-index.ts'
import { OwnedPaths } from './owned-paths.ts'
import { BUILT_IN, CONFIG_PATH, parentOf } from './path.ts'
import type { Quota } from './quota-text.ts'
import { countedAt, limitsPath, Quotas, readQuota, statsPath, writeQuota } from './quotas.ts'
import { OPEN_ACL, Perm } from './request.ts'
import type { Acl, OpResult, Outcome } from './request.ts'
import { NO_SESSION, sessionIdOf } from './stat.ts'
import type { SessionId, Stat } from './stat.ts'
import { NodeKind } from './txn.ts'
import type { CreateTxn, MultiPart, MultiTxn, Txn } from './txn.ts'
import { ReapList } from './reap-list.ts'
import { countSubtree } from './subtree-count.ts'
import { FrozenView } from './view.ts'
import type { StoredSession, TreeView } from './view.ts'
import { NodePages } from './node-pages.ts'
import { Znode } from './znode.ts'
import type { Watches } from './watches.ts'

export type { TreeView } from './view.ts'

/** A session as every replica knows it. */
export interface SessionRecord {
  readonly timeoutMs: number
  /** 16 bytes; whoever shows them may resume the session. */
  readonly password: Uint8Array
}

const READ_ACL: readonly Acl[] = [{ perms: Perm.read, scheme: 'world', id: 'anyone' }]

/** The digest of the state right after a txn. */
export interface RecordedDigest {
  readonly zxid: Zxid
  readonly hash1: number
  readonly hash2: number
}

/** A digest is kept of every state whose zxid this divides, and so many of them. */
const DIGEST_EVERY = 128
const DIGESTS_KEPT = 1_024

/** Everything a tree is loaded from; used by the loader alone. */
export interface TreeParts {
  readonly index: NodeIndex
  readonly pages: NodePages
  readonly slabs: DataSlabs
}

/** Those of a tree without nodes. */
export function treeParts(): TreeParts {
  const pages = new NodePages()
  return { pages, index: new NodeIndex(pages), slabs: new DataSlabs() }
}

/**
 * The replicated state at one zxid: nodes, sessions and the ensemble's identity, changed by txns alone and in their
 * order. What a txn states (versions, names, paths) is checked on the way in: a wrong one is a broken invariant.
 */
export class Tree {
  readonly #parts: TreeParts
  readonly #sessions = new Map<SessionId, StoredSession>()
  readonly #ephemerals = new Map<SessionId, OwnedPaths>()
  /** Containers and TTL nodes: what the leader may reap. */
  readonly #reapable: ReapList
  readonly #quotas = new Quotas()
  #views: FrozenView[] = []
  #generation = 1
  #pathUnits = 0
  readonly #digests: RecordedDigest[] = []
  #zxid: Zxid = ZXID_ZERO
  #ensembleId = ''
  #members = ''
  /** What the last txn that was a create or a change of data made or changed. */
  changed: Znode | null = null
  /** Its two numbers. */
  readonly #digest = new Int32Array(2)
  readonly #words = new Words()

  constructor(parts: TreeParts = treeParts()) {
    this.#parts = parts
    this.#reapable = new ReapList(parts.pages)
  }

  /** The tree before the first txn. */
  static empty(): Tree {
    const tree = new Tree()
    for (const path of BUILT_IN) tree.#addBuiltIn(path)
    return tree
  }

  #addBuiltIn(path: string): void {
    const acl = path === CONFIG_PATH ? READ_ACL : OPEN_ACL
    const node = Znode.create(this.#parts.pages, path, acl, NodeKind.persistent, NO_SESSION, 0)
    for (const field of ['czxid', 'mzxid', 'pzxid'] as const) node[field] = ZXID_ZERO
    node.ctime = 0
    node.mtime = 0
    this.#parts.slabs.store(node, new Uint8Array(0))
    if (path === CONFIG_PATH) node.version = node.aversion = -1
    if (path !== '/') this.#parts.index.get(parentOf(path))!.addChild(node)
    this.adopt(node, path)
  }

  get zxid(): Zxid { return this.#zxid }
  get ensembleId(): string { return this.#ensembleId }
  get members(): string { return this.#members }
  get sessions(): ReadonlyMap<SessionId, SessionRecord> { return this.#sessions }
  get nodeCount(): number { return this.#parts.index.size }
  get dataBytes(): number { return this.#parts.slabs.bytes }
  /** UTF-16 units of the paths of all nodes. */
  get pathUnits(): number { return this.#pathUnits }
  get reapable(): ReapList { return this.#reapable }

  /** Order-independent sum over nodes and sessions: equal states have equal digests. */
  digest(): { hash1: number, hash2: number } {
    return { hash1: this.#digest[0]! >>> 0, hash2: this.#digest[1]! >>> 0 }
  }

  /** Digests of states that went by, oldest first: peers that went through the same zxid can be compared. */
  get digests(): readonly RecordedDigest[] { return this.#digests }

  #recordDigest(): void {
    if (this.#digests.length === DIGESTS_KEPT) this.#digests.shift()
    this.#digests.push({ zxid: this.#zxid, ...this.digest() })
  }

  // --- reads -------------------------------------------------------------------------------------------------------

  /** The node itself, for reading. */
  node(path: string): Znode | undefined {
    return this.#parts.index.get(path)
  }

  /** The same by the bytes of its path; undefined also where only `node` tells (`NodeIndex.getAscii`). */
  nodeByAscii(bytes: Uint8Array, at: number, length: number): Znode | undefined {
    return this.#parts.index.getAscii(bytes, at, length)
  }

  has(path: string): boolean {
    return this.#parts.index.find(path) !== 0
  }

  /** Data and Stat; with `copy` false the bytes are the tree's own and must not be written to. */
  get(path: string, copy = true): { data: Uint8Array | null, stat: Stat } | undefined {
    const node = this.#parts.index.get(path)
    if (node === undefined) return undefined
    const data = node.data()
    return { data: copy && data !== null ? new Uint8Array(data) : data, stat: node.stat() }
  }

  stat(path: string): Stat | undefined {
    return this.#parts.index.get(path)?.stat()
  }

  children(path: string): string[] | undefined {
    return this.#parts.index.get(path)?.childNames()
  }

  ephemeralsOf(session: SessionId): ReadonlySet<string> {
    return this.#ephemerals.get(session)?.paths ?? NONE
  }

  /** Sessions that own ephemerals, with their paths. */
  * owners(): Generator<readonly [SessionId, ReadonlySet<string>], undefined> {
    for (const [session, { paths }] of this.#ephemerals) yield [session, paths]
    return undefined
  }

  /** Bytes of their paths in the txn that closes the session. */
  ephemeralBytes(session: SessionId): number {
    return this.#ephemerals.get(session)?.bytes ?? 0
  }

  /** The quota of the subtree that a path is in, and what is used of it; null when there is none. */
  quotaOf(path: string): { readonly owner: string, readonly limits: Quota, readonly used: Quota } | null {
    const owner = this.#quotas.ownerOf(path)
    if (owner === null) return null
    const [limits, used] = [limitsPath(owner), statsPath(owner)].map((at) => this.#parts.index.get(at))
    if (limits === undefined || used === undefined) return null
    return { owner, limits: readQuota(limits.data()), used: readQuota(used.data()) }
  }

  // --- changes -----------------------------------------------------------------------------------------------------

  /**
   * Applies one committed txn; zxids rise. With `wantResult` answers what the asking client is told: stats are as of
   * right after each operation. Events go to `watches` while the change is made.
   */
  apply(zxid: Zxid, txn: Txn, watches: Watches | null, wantResult: boolean): Outcome | null {
    assert(zxid > this.#zxid, 'txns are applied in order')
    const { body } = txn
    let outcome: Outcome | null = null
    switch (body.kind) {
      case 'create': case 'delete': case 'setData': {
        this.changed = this.#change(zxid, txn.time, body, watches)
        if (wantResult) outcome = { code: 'Ok', result: resultOf(body, this.changed) }
        break
      }
      case 'setAcl': this.#setAcl(body.path, body.acl, body.version); break
      case 'multi': outcome = this.#multi(zxid, txn.time, body, watches, wantResult); break
      case 'createSession': this.#openSession(sessionIdOf(zxid), body.timeoutMs, body.password); break
      case 'closeSession': this.#closeSession(zxid, txn.session, body.paths, watches); break
      case 'found':
        this.#ensembleId = body.ensembleId
        this.#members = body.members
        break
      case 'error': outcome = { code: body.code, result: null }; break
      case 'multiError': outcome = multiError(body.codes); break
      default: unreachable(body)
    }
    this.#zxid = zxid
    if (zxid % DIGEST_EVERY === 0) this.#recordDigest()
    if (!wantResult) return null
    if (outcome !== null) return outcome
    if (body.kind === 'setAcl') return { code: 'Ok', result: { op: 7, stat: this.stat(body.path)! } }
    return { code: 'Ok', result: { op: -11 } }
  }

  /** The node that a create made or a set changed: the answer tells of it, and is not to look it up again. */
  #change(zxid: Zxid, timeMs: number, body: MultiPart, watches: Watches | null): Znode | null {
    switch (body.kind) {
      case 'create': return this.#create(zxid, timeMs, body, watches)
      case 'delete': this.#delete(zxid, body.path, watches); return null
      case 'setData': return this.#setData(zxid, timeMs, body.path, body.data, body.version, watches)
      case 'check': return null
      default: return unreachable(body)
    }
  }

  #multi(zxid: Zxid, timeMs: number, body: MultiTxn, watches: Watches | null, wantResult: boolean): Outcome | null {
    const results: OpResult[] = []
    for (const part of body.parts) {
      const changed = this.#change(zxid, timeMs, part, watches)
      if (wantResult) results.push(resultOf(part, changed))
    }
    return wantResult ? { code: 'Ok', result: { op: 14, results } } : null
  }

  #create(zxid: Zxid, timeMs: number, body: CreateTxn, watches: Watches | null): Znode {
    const { path, nodeKind, owner } = body
    const { index, pages, slabs } = this.#parts
    const parentPath = parentOf(path)
    const parent = index.get(parentPath)
    assert(parent !== undefined, 'the parent of a created node exists')
    assert(parent.nodeKind !== NodeKind.ephemeral, 'an ephemeral has no children')
    assert(body.parentCreates === ((parent.creates + 1) | 0), 'the create counter of the parent rises by one')
    assert(nodeKind !== NodeKind.ephemeral || this.#sessions.has(owner), 'the owner of an ephemeral is an open session')
    const node = Znode.create(pages, path, body.acl, nodeKind, owner, body.ttlMs)
    node.czxid = node.mzxid = node.pzxid = zxid
    node.ctime = node.mtime = timeMs
    slabs.store(node, body.data)
    this.#beginChange(parent)
    parent.addChild(node)
    parent.creates = body.parentCreates
    parent.pzxid = zxid
    this.#endChange(parent)
    node.generation = this.#generation
    this.adopt(node, path)
    const counted = countedAt(path)
    if (counted !== null) this.#countAll(counted, node)
    this.#count(path, 1, node.dataBytes)
    if (watches !== null && !watches.idle) watches.created(path, zxid, node.acl, parentPath, parent.acl)
    return node
  }

  /** Enters a complete node into the tables; used by the loader too. */
  adopt(node: Znode, path: string): void {
    assert(this.#parts.index.add(node, path), 'a created node is new')
    this.#quotas.add(path)
    this.#pathUnits += path.length
    if (node.nodeKind === NodeKind.ephemeral) {
      let owned = this.#ephemerals.get(node.owner)
      if (owned === undefined) this.#ephemerals.set(node.owner, owned = new OwnedPaths())
      owned.add(path)
    } else if (node.nodeKind !== NodeKind.persistent) {
      this.#reapable.add(node)
    }
    this.#fold(node)
  }

  #delete(zxid: Zxid, path: string, watches: Watches | null): void {
    const { index, slabs } = this.#parts
    const node = index.get(path)
    assert(node !== undefined && node.childCount === 0, 'a deleted node exists and has no children')
    const parentPath = parentOf(path)
    const parent = index.get(parentPath)
    assert(parent !== undefined, 'the parent of a deleted node exists')
    this.#beginChange(parent)
    this.#beginChange(node)
    parent.removeChild(node)
    parent.pzxid = zxid
    this.#endChange(parent)
    index.delete(node)
    this.#quotas.delete(path)
    this.#pathUnits -= path.length
    if (node.nodeKind === NodeKind.ephemeral) {
      const owned = this.#ephemerals.get(node.owner)
      owned?.delete(path)
      if (owned?.paths.size === 0) this.#ephemerals.delete(node.owner)
    } else if (node.nodeKind !== NodeKind.persistent) {
      this.#reapable.delete(node)
    }
    const { dataBytes, acl } = node
    slabs.drop(node)
    node.release()
    this.#count(path, -1, -dataBytes)
    if (watches !== null && !watches.idle) watches.deleted(path, zxid, acl, parentPath, parent.acl)
  }

  #setData(
    zxid: Zxid, timeMs: number, path: string, data: Uint8Array | null, version: number, watches: Watches | null,
  ): Znode {
    const node = this.#parts.index.get(path)
    assert(node !== undefined, 'a changed node exists')
    assert(version === nextVersion(node.version), 'versions rise by one')
    const { dataBytes } = node
    this.#beginChange(node)
    this.#parts.slabs.store(node, data)
    node.version = version
    node.mzxid = zxid
    node.mtime = timeMs
    this.#endChange(node)
    this.#count(path, 0, node.dataBytes - dataBytes)
    if (watches !== null && !watches.idle) watches.dataChanged(path, zxid, node.acl)
    return node
  }

  #setAcl(path: string, acl: readonly Acl[], version: number): void {
    const node = this.#parts.index.get(path)
    assert(node !== undefined, 'a changed node exists')
    assert(version === nextVersion(node.aversion), 'versions rise by one')
    this.#beginChange(node)
    node.acl = acl
    node.aversion = version
    this.#endChange(node)
  }

  // --- quotas ------------------------------------------------------------------------------------------------------

  /**
   * Tells what is used of the quota that a changed node is under. It is part of the state as every other data, so all
   * replicas, snapshots and digests have it; but like ZooKeeper's it has no version, no zxid and no watch event.
   */
  #count(path: string, nodes: number, bytes: number): void {
    const owner = this.#quotas.ownerOf(path)
    const stats = owner === null ? undefined : this.#parts.index.get(statsPath(owner))
    if (stats === undefined) return
    const used = readQuota(stats.data())
    this.#tell(stats, { ...used, count: used.count + nodes, bytes: used.bytes + bytes })
  }

  /** Counts a whole subtree, when it begins to be told what is used of it. */
  #countAll(root: string, stats: Znode): void {
    const { index, pages } = this.#parts
    const top = index.find(root)
    const { count, bytes } = top === 0 ? { count: 0, bytes: 0 } : countSubtree(pages, top)
    this.#tell(stats, { count, bytes })
  }

  #tell(stats: Znode, used: Quota): void {
    this.#beginChange(stats)
    this.#parts.slabs.store(stats, writeQuota(used))
    this.#endChange(stats)
  }

  // --- sessions ----------------------------------------------------------------------------------------------------

  /** Opens a session; used by the loader too. */
  #openSession(session: SessionId, timeoutMs: number, password: Uint8Array): void {
    assert(!this.#sessions.has(session), 'a session is opened once')
    this.restoreSession(session, timeoutMs, password)
  }

  restoreSession(session: SessionId, timeoutMs: number, password: Uint8Array): void {
    const record = { timeoutMs, password: new Uint8Array(password), generation: this.#generation }
    this.#sessions.set(session, record)
    this.#foldSession(session, record)
  }

  #closeSession(zxid: Zxid, session: SessionId, paths: readonly string[], watches: Watches | null): void {
    const record = this.#sessions.get(session)
    assert(record !== undefined, 'a closed session was open')
    for (const path of paths) {
      assert(this.#parts.index.get(path)?.owner === session, 'a closing txn deletes what its session owns')
      this.#delete(zxid, path, watches)
    }
    assert(!this.#ephemerals.has(session), 'a closing txn lists all ephemerals of its session')
    for (const view of this.#views) view.keepSession(session, record)
    this.#sessions.delete(session)
    this.#foldSession(session, record)
  }

  /**
   * The text of /zookeeper/config. It is this replica's own, outside the txns, the digest, quotas and snapshots, and
   * shows for as long as the version is -1, that is until a txn writes the node.
   */
  setConfig(text: Readonly<Uint8Array>): void {
    const node = this.#parts.index.get(CONFIG_PATH)
    assert(node !== undefined, '/zookeeper/config exists')
    if (node.isLocal) this.#parts.slabs.store(node, text)
  }

  /** What the snapshot's head row says. */
  restoreHead(zxid: Zxid, ensembleId: string, members: string): void {
    this.#zxid = zxid
    this.#ensembleId = ensembleId
    this.#members = members
  }

  // --- views and digest --------------------------------------------------------------------------------------------

  /** The exact state of now, readable while txns go on; a known bug (`isFuzzy`) gives each node as it is by then. */
  freeze(isFuzzy = false): TreeView {
    const view = new FrozenView({
      zxid: this.#zxid, generation: isFuzzy ? Infinity : this.#generation, pages: this.#parts.pages,
      sessions: this.#sessions, ensembleId: this.#ensembleId, members: this.#members,
      onClose: (closed) => { this.#views = this.#views.filter((one) => one !== closed) },
    })
    this.#generation++
    if (!isFuzzy) this.#views.push(view)
    return view
  }

  #beginChange(node: Znode): void {
    for (const view of this.#views) view.keep(node)
    node.generation = this.#generation
    this.#fold(node)
  }

  #endChange(node: Znode): void {
    this.#fold(node)
  }

  #fold(node: Znode): void {
    node.fold(this.#digest, !node.isLocal)
  }

  #foldSession(session: SessionId, { timeoutMs, password }: SessionRecord): void {
    const hash = mix(mix(hashText(session), timeoutMs), hashBytes(password, this.#words))
    this.#digest[0]! ^= finish(hash)
    this.#digest[1]! ^= finish(~hash)
  }
}

const NONE: ReadonlySet<string> = new Set()

/** The version after `version`: wraps as int32 and skips -1, which means "any". */
export function nextVersion(version: number): number {
  const next = (version + 1) | 0
  return next === -1 ? 0 : next
}

function resultOf(body: MultiPart, changed: Znode | null): Exclude<OpResult, { op: -1 }> {
  switch (body.kind) {
    case 'create':
      if (body.op === 1) return { op: 1, path: body.path }
      return { op: body.op, path: body.path, stat: changed!.stat() }
    case 'delete': return { op: 2 }
    case 'setData': return { op: 5, stat: changed!.stat() }
    case 'check': return { op: 13 }
    default: return unreachable(body)
  }
}

function multiError(codes: readonly ErrorCode[]): Outcome {
  return { code: 'Ok', result: { op: 14, results: codes.map((code) => ({ op: -1 as const, code })) } }
}
