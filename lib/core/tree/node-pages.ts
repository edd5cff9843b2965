import { AclTable } from './acl.ts'
import { PathStore } from './path-store.ts'
import { SlabTable } from './slab.ts'
import type { SessionId } from './stat.ts'

/** How many numbers of a node need 8 bytes. */
export const WIDES = 5
/** How many need 4. */
export const INTS = 16

/** Places of the wide ones. */
export const Wide = {
  /** The zxids of the creation, of the last change of the data and of that of the children. */
  czxid: 0, mzxid: 1, pzxid: 2,
  /** The times of the creation and of the last change of the data. */
  ctime: 3, mtime: 4,
} as const

/** Places of the integers. */
export const Int = {
  version: 0, aversion: 1, creates: 2, children: 3, dataOffset: 4, dataSize: 5, dataHash: 6, pathHash: 7,
  /** What kind it is; -1 in a place that is free. */
  kind: 8,
  /** Numbers of its slab and of its list of permissions. */
  slab: 9, acl: 10, generation: 11,
  /** Ids of its first child, and of the next and the previous one of its siblings; 0 for none. */
  first: 12, next: 13, previous: 14,
  /** Where its path stands. */
  path: 15,
} as const

/** The kind of a place that no node has. */
export const FREE = -1

/** Pages come from the system in a piece of their own, and what is allocated beside them leaves no holes. */
const PAGE_BITS = 13
const PAGE_NODES = 2 ** PAGE_BITS
const SLOT = PAGE_NODES - 1
/** The first page grows: most trees of a simulation, and of a small ensemble, never fill it. */
const FIRST_NODES = 64

/** What few nodes have: an owner, or a time to live. */
export interface Life {
  readonly owner: SessionId
  readonly ttlMs: number
}

/** What is known of many nodes, in columns: a node by itself is no object, and nothing for the garbage collector. */
export class NodePage {
  wide: Float64Array
  ints: Int32Array
  /** By place; null as long as none has any. */
  lives: (Life | undefined)[] | null = null

  constructor(nodes: number) {
    this.wide = new Float64Array(WIDES * nodes)
    this.ints = new Int32Array(INTS * nodes)
  }

  /** Room for twice as many. */
  grow(): void {
    const { wide, ints } = this
    this.wide = new Float64Array(2 * wide.length)
    this.ints = new Int32Array(2 * ints.length)
    this.wide.set(wide)
    this.ints.set(ints)
  }
}

/**
 * Room for nodes. Each has an id, which says where its numbers are, and which another one gets when it has gone. With
 * an object, a string and a Map's entry for each, half a million nodes had 200 bytes of heap each, and to collect
 * garbage among them was a fourth of the cost of a create.
 */
export class NodePages {
  readonly #pages: NodePage[] = []
  readonly acls: AclTable = new AclTable()
  readonly slabs: SlabTable = new SlabTable()
  readonly paths: PathStore = new PathStore()
  /** The first of the free places; the others follow by `next`. */
  #free = 0
  /** All ids are below; 0 is none. */
  end = 1

  page(id: number): NodePage {
    return this.#pages[id >> PAGE_BITS]!
  }

  slot(id: number): number {
    return id & SLOT
  }

  path(id: number): string {
    return this.paths.text(this.int(id, Int.path))
  }

  hasPath(id: number, path: string): boolean {
    return this.paths.equals(this.int(id, Int.path), path)
  }

  /** The same for a path of ASCII alone, which is these bytes. */
  hasAsciiPath(id: number, bytes: Uint8Array, at: number, length: number): boolean {
    return this.paths.equalsAscii(this.int(id, Int.path), bytes, at, length)
  }

  /** One number of a node. */
  int(id: number, at: number): number {
    return this.#pages[id >> PAGE_BITS]!.ints[(id & SLOT) * INTS + at]!
  }

  setInt(id: number, at: number, value: number): void {
    this.#pages[id >> PAGE_BITS]!.ints[(id & SLOT) * INTS + at] = value
  }

  /** A place for a new node, with all zeros but its path. */
  claim(path: string): number {
    let id = this.#free
    if (id !== 0) {
      this.#free = this.int(id, Int.next)
      const { wide, ints } = this.page(id)
      const slot = id & SLOT
      wide.fill(0, slot * WIDES, (slot + 1) * WIDES)
      ints.fill(0, slot * INTS, (slot + 1) * INTS)
    } else {
      id = this.end++
      const at = id >> PAGE_BITS
      if (at === this.#pages.length) this.#pages.push(new NodePage(at === 0 ? FIRST_NODES : PAGE_NODES))
      else if (at === 0 && (id + 1) * INTS > this.#pages[0]!.ints.length) this.#pages[0]!.grow()
    }
    this.setInt(id, Int.path, this.paths.add(path))
    return id
  }

  /** The node goes: none of its numbers may be asked for any more. */
  release(id: number): void {
    const page = this.page(id)
    const slot = id & SLOT
    this.paths.delete(page.ints[slot * INTS + Int.path]!)
    if (page.lives !== null) page.lives[slot] = undefined
    page.ints[slot * INTS + Int.kind] = FREE
    page.ints[slot * INTS + Int.next] = this.#free
    this.#free = id
  }

  life(id: number): Life | undefined {
    return this.page(id).lives?.[id & SLOT]
  }

  setLife(id: number, life: Life): void {
    const page = this.page(id)
    if (page.lives === null) {
      // Array.from takes 50 times as long: 0.4 ms for a page.
      page.lives = []
      page.lives.length = PAGE_NODES
      page.lives.fill(undefined)
    }
    page.lives[id & SLOT] = life
  }
}
