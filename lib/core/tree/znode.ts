import type { Slab } from './slab.ts'
import { finish, hashText, mix } from './hash.ts'
import { INTS, Int, WIDES, Wide } from './node-pages.ts'
import type { NodePage, NodePages } from './node-pages.ts'
import { CONFIG_PATH } from './path.ts'
import type { Acl } from './request.ts'
import { NO_SESSION } from './stat.ts'
import type { SessionId, Stat } from './stat.ts'
import { NodeKind } from './txn.ts'
import type { NodeKindNumber } from './txn.ts'
import type { Zxid } from '../zxid.ts'

/** What the checks of a write need to know of a node: the tree's own nodes have it, and so have outstanding changes. */
export interface NodeState {
  readonly version: number
  readonly aversion: number
  /** Children ever created. */
  readonly creates: number
  readonly childCount: number
  /** Of its data, as quotas count them; 0 for none. */
  readonly dataBytes: number
  readonly nodeKind: NodeKindNumber
  readonly owner: SessionId
  readonly acl: readonly Acl[]
}

/**
 * One node of the tree, looked at: all that it knows is in the pages, and several may look at the same node. It is of
 * use until the node goes. The node's data is a piece of a slab; nobody ever writes to it again.
 */
export class Znode implements NodeState {
  readonly id: number
  readonly pages: NodePages
  readonly page: NodePage
  /** Where its integers begin in the columns of its page, and its wide numbers. */
  readonly at: number
  readonly wideAt: number

  constructor(pages: NodePages, id: number) {
    this.pages = pages
    this.id = id
    this.page = pages.page(id)
    const slot = pages.slot(id)
    this.at = slot * INTS
    this.wideAt = slot * WIDES
  }

  /** A new node, without data and alone. */
  static create(
    pages: NodePages, path: string, acl: readonly Acl[], nodeKind: NodeKindNumber, owner: SessionId, ttlMs: number,
  ): Znode {
    const id = pages.claim(path)
    const node = new Znode(pages, id)
    if (owner !== NO_SESSION || ttlMs !== 0) pages.setLife(id, { owner, ttlMs })
    const { ints } = node.page
    const at = node.at
    ints[at + Int.dataSize] = -1
    ints[at + Int.pathHash] = hashText(path)
    ints[at + Int.kind] = nodeKind
    ints[at + Int.acl] = pages.acls.acquire(acl)
    return node
  }

  /** Gives back all that it took except its data. */
  release(): void {
    this.pages.acls.release(this.page.ints[this.at + Int.acl]!)
    this.pages.release(this.id)
  }

  get path(): string { return this.pages.path(this.id) }
  get pathHash(): number { return this.page.ints[this.at + Int.pathHash]! }
  get nodeKind(): NodeKindNumber { return this.page.ints[this.at + Int.kind] as NodeKindNumber }
  get owner(): SessionId { return this.pages.life(this.id)?.owner ?? NO_SESSION }
  get ttlMs(): number { return this.pages.life(this.id)?.ttlMs ?? 0 }

  get version(): number { return this.page.ints[this.at + Int.version]! }
  set version(version: number) { this.page.ints[this.at + Int.version] = version }
  get aversion(): number { return this.page.ints[this.at + Int.aversion]! }
  set aversion(version: number) { this.page.ints[this.at + Int.aversion] = version }
  get creates(): number { return this.page.ints[this.at + Int.creates]! }
  set creates(count: number) { this.page.ints[this.at + Int.creates] = count }
  get childCount(): number { return this.page.ints[this.at + Int.children]! }
  /** Generation of the tree at the last change: tells open views whether they must keep a copy, also of what went. */
  get generation(): number { return this.page.ints[this.at + Int.generation]! }
  set generation(generation: number) { this.page.ints[this.at + Int.generation] = generation }

  get slab(): Slab | null { return this.pages.slabs.at(this.page.ints[this.at + Int.slab]!) }
  set slab(slab: Slab | null) { this.page.ints[this.at + Int.slab] = slab === null ? 0 : slab.number }
  /** Where the data begins in the slab. */
  get dataOffset(): number { return this.page.ints[this.at + Int.dataOffset]! }
  set dataOffset(offset: number) { this.page.ints[this.at + Int.dataOffset] = offset }
  /** Bytes of data; -1 for null. */
  get dataSize(): number { return this.page.ints[this.at + Int.dataSize]! }
  set dataSize(size: number) { this.page.ints[this.at + Int.dataSize] = size }
  get dataHash(): number { return this.page.ints[this.at + Int.dataHash]! }
  set dataHash(hash: number) { this.page.ints[this.at + Int.dataHash] = hash }

  /**
   * True for the configuration until a txn writes it: its text is each replica's own, of whatever length, and must not
   * come into anything that replicas have in common: digests, snapshots, what is used of a quota.
   */
  get isLocal(): boolean {
    return this.version === -1 && this.path === CONFIG_PATH
  }

  get dataBytes(): number {
    return this.isLocal ? 0 : Math.max(0, this.dataSize)
  }

  get acl(): readonly Acl[] { return this.pages.acls.at(this.page.ints[this.at + Int.acl]!) }

  set acl(acl: readonly Acl[]) {
    const { acls } = this.pages
    const old = this.page.ints[this.at + Int.acl]!
    this.page.ints[this.at + Int.acl] = acls.acquire(acl)
    acls.release(old)
  }

  /** A hash of its access-control list. */
  get aclHash(): number { return this.pages.acls.hashOf(this.page.ints[this.at + Int.acl]!) }

  get czxid(): Zxid { return this.page.wide[this.wideAt + Wide.czxid] as Zxid }
  set czxid(zxid: Zxid) { this.page.wide[this.wideAt + Wide.czxid] = zxid }
  get mzxid(): Zxid { return this.page.wide[this.wideAt + Wide.mzxid] as Zxid }
  set mzxid(zxid: Zxid) { this.page.wide[this.wideAt + Wide.mzxid] = zxid }
  get pzxid(): Zxid { return this.page.wide[this.wideAt + Wide.pzxid] as Zxid }
  set pzxid(zxid: Zxid) { this.page.wide[this.wideAt + Wide.pzxid] = zxid }
  get ctime(): number { return this.page.wide[this.wideAt + Wide.ctime]! }
  set ctime(timeMs: number) { this.page.wide[this.wideAt + Wide.ctime] = timeMs }
  get mtime(): number { return this.page.wide[this.wideAt + Wide.mtime]! }
  set mtime(timeMs: number) { this.page.wide[this.wideAt + Wide.mtime] = timeMs }

  /** The data without a copy: valid for as long as somebody holds it, and never to be written to. */
  data(): Uint8Array | null {
    const { dataSize, slab } = this
    if (dataSize < 0) return null
    return slab === null ? EMPTY : slab.view(this.dataOffset, dataSize)
  }

  stat(): Stat {
    const { ints, wide } = this.page
    const at = this.at
    const from = this.wideAt
    const childCount = ints[at + Int.children]!
    return {
      czxid: wide[from + Wide.czxid] as Zxid, mzxid: wide[from + Wide.mzxid] as Zxid,
      ctime: wide[from + Wide.ctime]!, mtime: wide[from + Wide.mtime]!,
      version: ints[at + Int.version]!, cversion: (2 * ints[at + Int.creates]! - childCount) | 0,
      aversion: ints[at + Int.aversion]!,
      ephemeralOwner: this.nodeKind === NodeKind.ephemeral ? this.owner : NO_SESSION,
      dataLength: Math.max(0, ints[at + Int.dataSize]!), numChildren: childCount,
      pzxid: wide[from + Wide.pzxid] as Zxid,
    }
  }

  /**
   * Adds it to a digest of two numbers, or takes it out: exclusive or is its own inverse. Straight from the columns: a
   * getter of a wide number allocates it unless it is inlined, and here they are too many for that.
   */
  fold(digest: Int32Array, withData: boolean): void {
    const { ints, wide } = this.page
    const at = this.at
    const from = this.wideAt
    const kind = ints[at + Int.kind]!
    const pathHash = ints[at + Int.pathHash]!
    let a = mixWide(pathHash, wide[from + Wide.mzxid]!)
    a = mix(mix(a, ints[at + Int.version]!), ints[at + Int.aversion]!)
    if (withData) a = mix(mix(a, ints[at + Int.dataSize]!), ints[at + Int.dataHash]!)
    a = mix(a, this.aclHash)
    let b = mixWide(mixWide(~pathHash, wide[from + Wide.pzxid]!), wide[from + Wide.czxid]!)
    b = mix(b, ints[at + Int.creates]!)
    b = mixWide(mixWide(b, wide[from + Wide.ctime]!), wide[from + Wide.mtime]!)
    if (kind !== NodeKind.persistent) b = mix(mixWide(mix(b, kind), this.ttlMs), hashText(this.owner))
    digest[0]! ^= finish(a)
    digest[1]! ^= finish(b)
  }

  /**
   * The children, in the order of their creation: each has the next one and the one before, and before the first is the
   * last. A set of their names would take three times the memory, and stall where it grows.
   */
  * children(): Generator<Znode, undefined> {
    const { pages } = this
    for (let id = this.page.ints[this.at + Int.first]!; id !== 0; id = pages.int(id, Int.next)) {
      yield new Znode(pages, id)
    }
    return undefined
  }

  childNames(): string[] {
    const names: string[] = []
    const from = this.nameStart
    const { pages } = this
    for (let id = this.page.ints[this.at + Int.first]!; id !== 0; id = pages.int(id, Int.next)) {
      names.push(pages.paths.text(pages.int(id, Int.path), from))
    }
    return names
  }

  /** Where the names of children begin in their paths. */
  get nameStart(): number {
    const length = this.pages.paths.length(this.page.ints[this.at + Int.path]!)
    return length === 1 ? 1 : length + 1
  }

  addChild(child: Znode): void {
    const { pages } = this
    const first = this.page.ints[this.at + Int.first]!
    if (first === 0) {
      this.page.ints[this.at + Int.first] = child.id
      pages.setInt(child.id, Int.previous, child.id)
    } else {
      const last = pages.int(first, Int.previous)
      pages.setInt(child.id, Int.previous, last)
      pages.setInt(last, Int.next, child.id)
      pages.setInt(first, Int.previous, child.id)
    }
    this.page.ints[this.at + Int.children]!++
  }

  /** A node that is a child of this one. */
  removeChild(child: Znode): void {
    const { pages } = this
    const first = this.page.ints[this.at + Int.first]!
    const next = pages.int(child.id, Int.next)
    const previous = pages.int(child.id, Int.previous)
    if (child.id === first) this.page.ints[this.at + Int.first] = next
    else pages.setInt(previous, Int.next, next)
    if (next !== 0) pages.setInt(next, Int.previous, previous)
    else if (child.id !== first) pages.setInt(first, Int.previous, previous)
    pages.setInt(child.id, Int.next, 0)
    pages.setInt(child.id, Int.previous, 0)
    this.page.ints[this.at + Int.children]!--
  }
}

function mixWide(hash: number, value: number): number {
  return mix(mix(hash, value | 0), (value / 2 ** 32) | 0)
}

const EMPTY: Readonly<Uint8Array> = new Uint8Array(0)
