import type { Acl } from './request.ts'
import { NO_SESSION } from './stat.ts'
import type { SessionId, Stat } from './stat.ts'
import { NodeKind } from './txn.ts'
import type { NodeKindNumber } from './txn.ts'
import type { Zxid } from '../zxid.ts'
import { ChildNames } from './child-names.ts'
import type { Slab } from './data-slabs.ts'
import { hashText } from './hash.ts'

/** What the checks of a write need to know of a node: the tree's own nodes have it, and so have outstanding changes. */
export interface NodeState {
  readonly version: number
  readonly aversion: number
  /** Children ever created. */
  readonly creates: number
  readonly childCount: number
  /** Of its data; 0 for none. */
  readonly dataBytes: number
  readonly nodeKind: NodeKindNumber
  readonly owner: SessionId
  readonly acl: readonly Acl[]
}

/** Numbers of a node that do not fit a small integer live in pages, 8 bytes each, instead of 24 on the heap. */
const FIELDS = 5
const PAGE_NODES = 1_024
/** Place of the zxid of the creation, from the node's `at`. */
export const CZXID = 0
/** Place of the zxid of the last change of data. */
export const MZXID = 1
/** Place of the zxid of the last change of the children. */
export const PZXID = 2
/** Place of the time of the creation. */
export const CTIME = 3
/** Place of the time of the last change of data. */
export const MTIME = 4

/** Hands out room for the wide numbers of nodes. */
export class NumberPages {
  #page: Float64Array = new Float64Array(0)
  #next = 0
  readonly #free: { readonly page: Float64Array, readonly at: number }[] = []

  claim(node: Znode): void {
    const free = this.#free.pop()
    if (free !== undefined) {
      node.page = free.page
      node.at = free.at
      return
    }
    if (this.#next === this.#page.length) {
      this.#page = new Float64Array(FIELDS * PAGE_NODES)
      this.#next = 0
    }
    node.page = this.#page
    node.at = this.#next
    this.#next += FIELDS
  }

  release(node: Znode): void {
    this.#free.push({ page: node.page, at: node.at })
  }
}

const NO_PAGE = new Float64Array(FIELDS)

/** One node of the tree. Its data is a piece of a slab; nobody ever writes to it again. */
export class Znode implements NodeState {
  readonly path: string
  slab: Slab | null = null
  dataOffset = 0
  /** Bytes of data; -1 for null. */
  dataSize = -1
  dataHash = 0
  acl: readonly Acl[]
  readonly nodeKind: NodeKindNumber
  readonly owner: SessionId
  readonly ttlMs: number
  version = 0
  aversion = 0
  creates = 0
  children: ChildNames | null = null
  page: Float64Array = NO_PAGE
  at = 0
  /** Generation of the tree at the last change: tells open views whether they must keep a copy. */
  generation = 0
  readonly pathHash: number

  constructor(path: string, acl: readonly Acl[], nodeKind: NodeKindNumber, owner: SessionId, ttlMs: number) {
    this.path = path
    this.acl = acl
    this.nodeKind = nodeKind
    this.owner = owner
    this.ttlMs = ttlMs
    this.pathHash = hashText(path)
  }

  get childCount(): number {
    return this.children === null ? 0 : this.children.size
  }

  get dataBytes(): number {
    return this.dataSize < 0 ? 0 : this.dataSize
  }

  get czxid(): Zxid { return this.page[this.at + CZXID] as Zxid }
  set czxid(zxid: Zxid) { this.page[this.at + CZXID] = zxid }
  get mzxid(): Zxid { return this.page[this.at + MZXID] as Zxid }
  set mzxid(zxid: Zxid) { this.page[this.at + MZXID] = zxid }
  get pzxid(): Zxid { return this.page[this.at + PZXID] as Zxid }
  set pzxid(zxid: Zxid) { this.page[this.at + PZXID] = zxid }
  get ctime(): number { return this.page[this.at + CTIME]! }
  set ctime(timeMs: number) { this.page[this.at + CTIME] = timeMs }
  get mtime(): number { return this.page[this.at + MTIME]! }
  set mtime(timeMs: number) { this.page[this.at + MTIME] = timeMs }

  /** The data without a copy: valid for as long as somebody holds it, and never to be written to. */
  data(): Uint8Array | null {
    if (this.dataSize < 0) return null
    return this.slab === null ? EMPTY : this.slab.bytes.subarray(this.dataOffset, this.dataOffset + this.dataSize)
  }

  stat(): Stat {
    const { page, at } = this
    return {
      czxid: page[at + CZXID] as Zxid, mzxid: page[at + MZXID] as Zxid,
      ctime: page[at + CTIME]!, mtime: page[at + MTIME]!,
      version: this.version, cversion: (2 * this.creates - this.childCount) | 0, aversion: this.aversion,
      ephemeralOwner: this.nodeKind === NodeKind.ephemeral ? this.owner : NO_SESSION,
      dataLength: this.dataBytes, numChildren: this.childCount, pzxid: page[at + PZXID] as Zxid,
    }
  }

  addChild(name: string): void {
    this.children ??= new ChildNames()
    this.children.add(name)
  }

  removeChild(name: string): void {
    this.children?.delete(name)
    if (this.children?.size === 0) this.children = null
  }
}

const EMPTY: Readonly<Uint8Array> = new Uint8Array(0)
