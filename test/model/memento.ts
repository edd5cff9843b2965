/**
 * The contents of a replica, to be put back into the same objects: closures go on to refer to them. Trees are large and
 * change by applied txns alone, so they are not copied: the one to put back is asked for by what was applied to it.
 */
import type { Replica } from '../../lib/core/replica.ts'
import type { Tree } from '../../lib/core/tree/tree.ts'

/** Not looked into: never changed, or of no account. */
const SKIPPED: ReadonlySet<string> = new Set(['config', 'configs', 'voters', 'random', 'elections', 'hidden$codec'])

/** In place of the tree. */
const TREE: unique symbol = Symbol('tree')

/** A part of the packed entries of a log: the arrays are longer than what is used of them. */
interface Segment {
  count: number
  used: number
  before: number
  readonly bytes: Uint8Array
  readonly zxids: Float64Array
  readonly hashes1: Uint32Array
  readonly hashes2: Uint32Array
  readonly ends: Uint32Array
}

function isSegment(value: object): value is Segment {
  return 'hashes1' in value && 'zxids' in value && 'ends' in value
}

function copyOf({ count, used, before, bytes, zxids, hashes1, hashes2, ends }: Segment): Segment {
  return {
    count, used, before, bytes: bytes.slice(0, used), zxids: zxids.slice(0, count), hashes1: hashes1.slice(0, count),
    hashes2: hashes2.slice(0, count), ends: ends.slice(0, count),
  }
}

function putBack(segment: Segment, copy: Segment): void {
  segment.count = copy.count
  segment.used = copy.used
  segment.before = copy.before
  segment.bytes.set(copy.bytes)
  segment.zxids.set(copy.zxids)
  segment.hashes1.set(copy.hashes1)
  segment.hashes2.set(copy.hashes2)
  segment.ends.set(copy.ends)
}

type Fields = Record<string, unknown>

export class Memento {
  readonly replica: Replica
  /** What was applied to its tree. */
  readonly applied: string
  readonly #objects: object[] = []
  readonly #keys: (readonly string[] | null)[] = []
  readonly #contents: unknown[] = []

  constructor(replica: Replica, applied: string) {
    this.replica = replica
    this.applied = applied
    const seen = new Set<object>([replica.tree])
    const queue: object[] = []
    const visit = (value: unknown): void => {
      if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || seen.has(value)) return
      seen.add(value)
      queue.push(value)
    }
    visit(replica)
    for (let object = queue.pop(); object !== undefined; object = queue.pop()) this.#note(object, replica.tree, visit)
  }

  #note(object: object, tree: Tree, visit: (value: unknown) => void): void {
    let keys: readonly string[] | null = null
    let contents: unknown
    if (Array.isArray(object)) {
      const items = object as unknown[]
      contents = items.slice()
      for (const one of items) visit(one)
    } else if (object instanceof Map) {
      const entries = [...object as Map<unknown, unknown>]
      contents = entries
      for (const [, one] of entries) visit(one)
    } else if (object instanceof Set) {
      const items = [...object as Set<unknown>]
      contents = items
      for (const one of items) visit(one)
    } else if (isSegment(object)) contents = copyOf(object)
    else {
      keys = Object.keys(object)
      contents = keys.map((key) => {
        const value = (object as Fields)[key]
        if (value === tree) return TREE
        if (!SKIPPED.has(key)) visit(value)
        return value
      })
    }
    this.#objects.push(object)
    this.#keys.push(keys)
    this.#contents.push(contents)
  }

  /** Everything as it was, around a tree with the same txns applied. */
  restore(tree: Tree): Replica {
    for (const [at, object] of this.#objects.entries()) {
      const contents = this.#contents[at]
      const keys = this.#keys[at]!
      if (keys !== null) restoreFields(object as Fields, keys, contents as unknown[], tree)
      else if (Array.isArray(object)) {
        const items = contents as unknown[]
        if (object.length !== items.length) object.length = items.length
        for (let index = 0; index < items.length; index++) {
          if (object[index] !== items[index]) object[index] = items[index]
        }
      } else if (object instanceof Map) {
        object.clear()
        for (const [key, one] of contents as [unknown, unknown][]) object.set(key, one)
      } else if (object instanceof Set) {
        object.clear()
        for (const one of contents as unknown[]) object.add(one)
      } else putBack(object as Segment, contents as Segment)
    }
    return this.replica
  }
}

function restoreFields(object: Fields, keys: readonly string[], contents: readonly unknown[], tree: Tree): void {
  for (let at = 0; at < keys.length; at++) {
    const value = contents[at]
    const key = keys[at]!
    const now = value === TREE ? tree : value
    // Most are as they were, and some never change: those must not be written.
    if (object[key] !== now) object[key] = now
  }
  const found = Object.keys(object)
  if (found.length === keys.length) return
  for (const key of found) if (!keys.includes(key)) delete object[key]
}
