import type { Acl } from './request.ts'
import { NO_SESSION } from './stat.ts'
import type { SessionId, Stat } from './stat.ts'
import { NodeKind } from './txn.ts'
import type { NodeKindNumber } from './txn.ts'
import type { Zxid } from '../zxid.ts'
import { ChildNames } from './child-names.ts'

/** What the checks of a write need to know of a node: the tree's own nodes have it, and so have outstanding changes. */
export interface NodeState {
  readonly version: number
  readonly aversion: number
  /** Children ever created. */
  readonly creates: number
  readonly childCount: number
  readonly nodeKind: NodeKindNumber
  readonly owner: SessionId
  readonly acl: readonly Acl[]
}

/** Numbers of a node that do not fit a small integer live in pages, 8 bytes each, instead of 24 on the heap. */
const FIELDS = 5
const PAGE_NODES = 1_024
const CZXID = 0
const MZXID = 1
const PZXID = 2
const CTIME = 3
const MTIME = 4

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

/** One node of the tree. Its data is a view on a shared slab or bytes of its own; nobody ever writes to them again. */
export class Znode implements NodeState {
  readonly path: string
  slab: Uint8Array | null = null
  dataOffset = 0
  /** Bytes of data; -1 for null. */
  dataSize = -1
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
    return this.slab === null ? EMPTY : this.slab.subarray(this.dataOffset, this.dataOffset + this.dataSize)
  }

  stat(): Stat {
    const { page, at } = this
    return {
      czxid: page[at + CZXID] as Zxid, mzxid: page[at + MZXID] as Zxid, ctime: page[at + CTIME]!, mtime: page[at + MTIME]!,
      version: this.version, cversion: (2 * this.creates - this.childCount) | 0, aversion: this.aversion,
      ephemeralOwner: this.nodeKind === NodeKind.ephemeral ? this.owner : NO_SESSION,
      dataLength: this.dataSize < 0 ? 0 : this.dataSize, numChildren: this.childCount, pzxid: page[at + PZXID] as Zxid,
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

const EMPTY = new Uint8Array(0)

/** A 32-bit hash of a text, for digests. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash | 0
}

const SLAB_BYTES = 16_384
/** Larger data gets bytes of its own. */
const SLAB_ITEM_BYTES = 1_024
/** Data that changes often shares small slabs: eight sets cost one allocation, and one survivor keeps no more than this. */
const BRIEF_SLAB_BYTES = 1_024
const BRIEF_ITEM_BYTES = 128

/**
 * Where data lives. A small Uint8Array of its own costs some 200 bytes beside its content and much garbage collection, so
 * the first data of a persistent node shares a large slab; data that will probably change or go (later versions,
 * ephemerals) shares small ones, lest a slab full of the dead is kept by one that lives.
 */
export class DataSlabs {
  #slab = new Uint8Array(0)
  #used = 0
  #brief = new Uint8Array(0)
  #briefUsed = 0
  /** Bytes of data of all nodes. */
  bytes = 0

  store(node: Znode, data: Uint8Array | null, lasting: boolean): void {
    if (node.dataSize > 0) this.bytes -= node.dataSize
    node.dataOffset = 0
    if (data === null || data.length === 0) {
      node.slab = null
      node.dataSize = data === null ? -1 : 0
      return
    }
    const { length } = data
    this.bytes += length
    node.dataSize = length
    if (length > (lasting ? SLAB_ITEM_BYTES : BRIEF_ITEM_BYTES)) {
      // A fresh array always: what came in may be a view on a received frame, which it would keep alive.
      node.slab = new Uint8Array(data)
      return
    }
    if (!lasting) {
      this.#storeBrief(node, data)
      return
    }
    if (this.#used + length > this.#slab.length) {
      this.#slab = new Uint8Array(SLAB_BYTES)
      this.#used = 0
    }
    this.#slab.set(data, this.#used)
    node.slab = this.#slab
    node.dataOffset = this.#used
    this.#used += length
  }

  #storeBrief(node: Znode, data: Uint8Array): void {
    if (this.#briefUsed + data.length > this.#brief.length) {
      this.#brief = new Uint8Array(BRIEF_SLAB_BYTES)
      this.#briefUsed = 0
    }
    this.#brief.set(data, this.#briefUsed)
    node.slab = this.#brief
    node.dataOffset = this.#briefUsed
    this.#briefUsed += data.length
  }

  drop(node: Znode): void {
    if (node.dataSize > 0) this.bytes -= node.dataSize
  }
}
