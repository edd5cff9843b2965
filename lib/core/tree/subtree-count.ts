import { FREE, Int } from './node-pages.ts'
import type { NodePages } from './node-pages.ts'
import { Znode } from './znode.ts'

/** What is in a subtree, its top included. */
export interface SubtreeCount {
  readonly count: number
  readonly bytes: number
}

/** More than one in so many of all nodes are found faster by looking at all of them. */
const SCAN_SHARE = 16
/** What is always walked. */
const WALKED = 10_000

/**
 * Counts a subtree in one go, so that every replica comes to the same. From child to child each node is far from the
 * last one in memory; in the order of the ids they are neighbours: 65 instead of 90 ms for a million.
 */
export function countSubtree(
  pages: NodePages, top: number, walked: number = Math.max(WALKED, pages.end / SCAN_SHARE),
): SubtreeCount {
  return walk(pages, top, walked) ?? scan(pages, top)
}

/** The version first: only one node has -1, and all others are spared the rest. */
function bytesOf(pages: NodePages, id: number): number {
  if (pages.int(id, Int.version) === -1) return new Znode(pages, id).dataBytes
  return Math.max(0, pages.int(id, Int.dataSize))
}

/** Null when there are more than so many. */
function walk(pages: NodePages, top: number, most: number): SubtreeCount | null {
  let [count, bytes] = [0, 0]
  const open = [top]
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (count === most) return null
    count++
    bytes += bytesOf(pages, id)
    for (let child = pages.int(id, Int.first); child !== 0; child = pages.int(child, Int.next)) open.push(child)
    if (open.length > most) return null
  }
  return { count, bytes }
}

function scan(pages: NodePages, top: number): SubtreeCount {
  let [count, bytes] = [1, bytesOf(pages, top)]
  const path = pages.path(top)
  const prefix = path === '/' ? path : `${path}/`
  for (let id = 1; id < pages.end; id++) {
    if (pages.int(id, Int.kind) === FREE || id === top) continue
    if (!pages.paths.startsWith(pages.int(id, Int.path), prefix)) continue
    count++
    bytes += bytesOf(pages, id)
  }
  return { count, bytes }
}
