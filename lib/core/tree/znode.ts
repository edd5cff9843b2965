import type { Acl } from './request.ts'
import { NO_SESSION } from './stat.ts'
import type { SessionId, Stat } from './stat.ts'
import { NodeKind } from './txn.ts'
import type { NodeKindNumber } from './txn.ts'
import type { Zxid } from '../zxid.ts'
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

/**
 * Numbers of a node live in pages, where each takes what it needs: 8 bytes if it is wide, else 4. On the heap it would
 * take 24 or 8. Both kinds have one place per node, that of the integers being twice as far.
 */
const FIELDS = 5
/** As large as slabs, and for the same reason. */
const PAGE_NODES = 8_192
const FIRST_PAGE_NODES = 1_024
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

/** Places of the integers, from twice the node's `at`. */
const VERSION = 0
const AVERSION = 1
const CREATES = 2
const CHILDREN = 3
const DATA_OFFSET = 4
const DATA_SIZE = 5
const DATA_HASH = 6
const PATH_HASH = 7
const KIND = 8

/** The numbers of many nodes. */
class NumberPage {
  readonly wide: Float64Array
  readonly ints: Int32Array

  constructor(nodes: number) {
    this.wide = new Float64Array(FIELDS * nodes)
    this.ints = new Int32Array(2 * FIELDS * nodes)
  }
}

/** Hands out room for the numbers of nodes. */
export class NumberPages {
  #page = new NumberPage(0)
  #next = 0
  readonly #free: { readonly page: NumberPage, readonly at: number }[] = []

  /** Gives a new node its place, all zeros. */
  claim(node: Znode): void {
    const free = this.#free.pop()
    if (free !== undefined) {
      node.page = free.page
      node.at = free.at
      free.page.wide.fill(0, free.at, free.at + FIELDS)
      free.page.ints.fill(0, 2 * free.at, 2 * (free.at + FIELDS))
      return
    }
    if (this.#next === this.#page.wide.length) {
      this.#page = new NumberPage(this.#next === 0 ? FIRST_PAGE_NODES : PAGE_NODES)
      this.#next = 0
    }
    node.page = this.#page
    node.at = this.#next
    this.#next += FIELDS
  }

  /** The node goes: none of its numbers may be asked for any more. */
  release(node: Znode): void {
    this.#free.push({ page: node.page, at: node.at })
    node.page = NO_PAGE
    node.at = 0
  }
}

const NO_PAGE = new NumberPage(1)

/** What most nodes have in common: nobody owns them, and their time is not measured. */
interface Life {
  readonly owner: SessionId
  readonly ttlMs: number
}

const LASTING: Life = { owner: NO_SESSION, ttlMs: 0 }

/** One node of the tree. Its data is a piece of a slab; nobody ever writes to it again. */
export class Znode implements NodeState {
  readonly path: string
  acl: readonly Acl[]
  readonly #life: Life
  slab: Slab | null = null
  page: NumberPage = NO_PAGE
  at = 0
  /** Generation of the tree at the last change: tells open views whether they must keep a copy, also of what went. */
  generation = 0
  /**
   * The children in the order of their creation, each with the next one and the one before; before the first is the
   * last. A set of their names would take three times the memory, and stall where it grows.
   */
  #first: Znode | null = null
  #next: Znode | null = null
  #previous: Znode | null = null

  constructor(
    pages: NumberPages, path: string, acl: readonly Acl[], nodeKind: NodeKindNumber, owner: SessionId, ttlMs: number,
  ) {
    this.path = path
    this.acl = acl
    this.#life = owner === NO_SESSION && ttlMs === 0 ? LASTING : { owner, ttlMs }
    pages.claim(this)
    const { ints } = this.page
    const at = 2 * this.at
    ints[at + DATA_SIZE] = -1
    ints[at + PATH_HASH] = hashText(path)
    ints[at + KIND] = nodeKind
  }

  get owner(): SessionId { return this.#life.owner }
  get ttlMs(): number { return this.#life.ttlMs }
  get nodeKind(): NodeKindNumber { return this.page.ints[2 * this.at + KIND] as NodeKindNumber }
  get pathHash(): number { return this.page.ints[2 * this.at + PATH_HASH]! }
  get version(): number { return this.page.ints[2 * this.at + VERSION]! }
  set version(version: number) { this.page.ints[2 * this.at + VERSION] = version }
  get aversion(): number { return this.page.ints[2 * this.at + AVERSION]! }
  set aversion(version: number) { this.page.ints[2 * this.at + AVERSION] = version }
  get creates(): number { return this.page.ints[2 * this.at + CREATES]! }
  set creates(count: number) { this.page.ints[2 * this.at + CREATES] = count }
  get childCount(): number { return this.page.ints[2 * this.at + CHILDREN]! }
  /** Where the data begins in the slab. */
  get dataOffset(): number { return this.page.ints[2 * this.at + DATA_OFFSET]! }
  set dataOffset(offset: number) { this.page.ints[2 * this.at + DATA_OFFSET] = offset }
  /** Bytes of data; -1 for null. */
  get dataSize(): number { return this.page.ints[2 * this.at + DATA_SIZE]! }
  set dataSize(size: number) { this.page.ints[2 * this.at + DATA_SIZE] = size }
  get dataHash(): number { return this.page.ints[2 * this.at + DATA_HASH]! }
  set dataHash(hash: number) { this.page.ints[2 * this.at + DATA_HASH] = hash }

  get dataBytes(): number {
    return this.dataSize < 0 ? 0 : this.dataSize
  }

  get czxid(): Zxid { return this.page.wide[this.at + CZXID] as Zxid }
  set czxid(zxid: Zxid) { this.page.wide[this.at + CZXID] = zxid }
  get mzxid(): Zxid { return this.page.wide[this.at + MZXID] as Zxid }
  set mzxid(zxid: Zxid) { this.page.wide[this.at + MZXID] = zxid }
  get pzxid(): Zxid { return this.page.wide[this.at + PZXID] as Zxid }
  set pzxid(zxid: Zxid) { this.page.wide[this.at + PZXID] = zxid }
  get ctime(): number { return this.page.wide[this.at + CTIME]! }
  set ctime(timeMs: number) { this.page.wide[this.at + CTIME] = timeMs }
  get mtime(): number { return this.page.wide[this.at + MTIME]! }
  set mtime(timeMs: number) { this.page.wide[this.at + MTIME] = timeMs }

  /** The data without a copy: valid for as long as somebody holds it, and never to be written to. */
  data(): Uint8Array | null {
    if (this.dataSize < 0) return null
    return this.slab === null ? EMPTY : this.slab.bytes.subarray(this.dataOffset, this.dataOffset + this.dataSize)
  }

  stat(): Stat {
    const { at } = this
    const { wide } = this.page
    return {
      czxid: wide[at + CZXID] as Zxid, mzxid: wide[at + MZXID] as Zxid,
      ctime: wide[at + CTIME]!, mtime: wide[at + MTIME]!,
      version: this.version, cversion: (2 * this.creates - this.childCount) | 0, aversion: this.aversion,
      ephemeralOwner: this.nodeKind === NodeKind.ephemeral ? this.owner : NO_SESSION,
      dataLength: this.dataBytes, numChildren: this.childCount, pzxid: wide[at + PZXID] as Zxid,
    }
  }

  /** The children, in the order of their creation. */
  * children(): Generator<Znode, undefined> {
    for (let child = this.#first; child !== null; child = child.#next) yield child
    return undefined
  }

  childNames(): string[] {
    const names: string[] = []
    const from = this.nameStart
    for (let child = this.#first; child !== null; child = child.#next) names.push(child.path.slice(from))
    return names
  }

  /** Where the names of children begin in their paths. */
  get nameStart(): number {
    return this.path.length === 1 ? 1 : this.path.length + 1
  }

  addChild(child: Znode): void {
    const first = this.#first
    if (first === null) {
      this.#first = child
      child.#previous = child
    } else {
      child.#previous = first.#previous
      first.#previous!.#next = child
      first.#previous = child
    }
    this.page.ints[2 * this.at + CHILDREN]!++
  }

  /** A node that is a child of this one. */
  removeChild(child: Znode): void {
    const first = this.#first!
    const next = child.#next
    if (child === first) this.#first = next
    else child.#previous!.#next = next
    if (next !== null) next.#previous = child.#previous
    else if (child !== first) first.#previous = child.#previous
    child.#next = null
    child.#previous = null
    this.page.ints[2 * this.at + CHILDREN]!--
  }
}

const EMPTY: Readonly<Uint8Array> = new Uint8Array(0)
