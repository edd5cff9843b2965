import type { Client } from '../../client/client.ts'
import type { NodeData } from '../../client/values.ts'
import type { WatchItem } from '../../client/watch-items.ts'
import type { Watcher } from '../../client/watcher.ts'
import { isZkError } from '../../core/errors.ts'
import type { ZkError } from '../../core/errors.ts'
import { childOf, nameOf, parentOf } from '../../core/tree/path.ts'
import { detached } from '../../recipes/node-table.ts'
import { retried } from '../../recipes/pause.ts'
import { UsageError } from '../usage.ts'
import { visit } from '../visit.ts'

/** A node that belongs to a picture. */
export interface Seen {
  readonly folder: string
  readonly name: string
  readonly node: NodeData
}

/** What is looked for. */
export interface Sought {
  /** Where: each with everything below it; one that is not there counts for nothing. */
  readonly roots: readonly string[]
  /** A node of this name is read. */
  wants(name: string): boolean
  /** A node that was read belongs to the picture. */
  keeps(seen: Seen): boolean
  /** Nothing is below a node of this name. */
  isLeaf(name: string): boolean
}

/** What a sight needs besides. */
export interface SightParts {
  /** More nodes are not visited. */
  readonly limit: number
  readonly signal: AbortSignal
  readonly onProgress: (text: string) => void
}

const READS_AT_ONCE = 1_000
const OWN = '/zookeeper'

/** Everything of one kind in a tree, found once or kept up to date. */
export class Sight {
  readonly #zk: Client
  readonly #sought: Sought
  readonly #parts: SightParts
  readonly #seen = new Map<string, Seen & { readonly round: number }>()
  /** Reads that go on, by their paths; an answer says nothing any more when a deletion was told after it came. */
  readonly #reads = new Map<string, Set<{ isOutdated: boolean }>>()
  /** Of the search that goes on or was the last: what an older one saw and a newer did not is gone. */
  #round = 0
  #isLooking = false
  #mustLook = false
  /** Nodes that could not be read for lack of permission, in the last search. */
  denied = 0
  /** The last search stopped at the limit. */
  isBounded = false
  visited = 0

  constructor(zk: Client, sought: Sought, parts: SightParts) {
    this.#zk = zk
    this.#sought = sought
    this.#parts = parts
  }

  /** What belongs to the picture, in the order of folders and names. */
  get all(): Seen[] {
    return [...this.#seen.values()].sort((a, b) => compare(a.folder, b.folder) || compare(a.name, b.name))
  }

  /** The path is at one of the roots, or below it. */
  covers(path: string): boolean {
    return this.#sought.roots.some((root) => path === root || path.startsWith(root === '/' ? root : `${root}/`))
  }

  /** Searches once. */
  async look(): Promise<void> {
    this.#round += 1
    this.denied = 0
    this.visited = 0
    this.isBounded = false
    for (const root of this.#sought.roots) await this.#lookBelow(root)
    for (const [path, { round }] of this.#seen) if (round < this.#round) this.#seen.delete(path)
  }

  /**
   * Searches, and from then on goes by what a watch tells: `onChange` is called after every change, and when the
   * connection comes or goes. Rejects when that is over: Aborted, SessionExpired; UsageError with a server that has no
   * such watches.
   */
  async follow(onChange: () => void): Promise<never> {
    const offState = this.#zk.on('state', onChange)
    const watchers: Watcher[] = []
    try {
      return await new Promise<never>((_, reject) => {
        const { signal } = this.#parts
        const onEnd = (error: ZkError | null): void => reject(explained(error))
        for (const root of this.#sought.roots) {
          watchers.push(this.#zk.watch(root, {
            recursive: true, children: false, signal, onEnd, onItem: (item) => this.#onItem(item, onChange),
          }))
        }
        Promise.all(watchers.map((watcher) => watcher.ready()))
          .then(() => this.#lookAgain(onChange)).catch((error: unknown) => reject(explained(error)))
      })
    } finally {
      offState()
      for (const watcher of watchers) watcher.close()
    }
  }

  /** One search at a time; what calls for one meanwhile is answered by the next. */
  async #lookAgain(onChange: () => void): Promise<void> {
    this.#mustLook = true
    if (this.#isLooking) return
    this.#isLooking = true
    try {
      while (this.#mustLook) {
        this.#mustLook = false
        await retried(this.#zk, this.#parts.signal, () => this.look())
      }
    } finally {
      this.#isLooking = false
    }
    onChange()
  }

  #onItem(item: WatchItem, onChange: () => void): void {
    const { path, type } = item
    // Whatever ends a search ends the watch, too, which tells of it.
    if (type === 'gap') void Promise.allSettled([this.#lookAgain(onChange)])
    else if (type === 'deleted') {
      for (const read of this.#reads.get(path) ?? []) read.isOutdated = true
      if (this.#seen.delete(path) && !this.#isLooking) onChange()
    } else if (!isOwn(path) && this.#sought.wants(nameOf(path))) {
      void Promise.allSettled([this.#read(path)]).then(() => { if (!this.#isLooking) onChange() })
    }
  }

  async #lookBelow(root: string): Promise<void> {
    const { limit, signal, onProgress } = this.#parts
    const reads = new Set<Promise<void>>()
    const leaveOut = (path: string): boolean => isOwn(path) || this.#sought.isLeaf(nameOf(path))
    try {
      if (this.#sought.wants(nameOf(root))) await this.#read(root)
      for await (const { path, names } of visit(this.#zk, root, {
        signal, leaveOut, onDenied: () => { this.denied += 1 },
      })) {
        for (const name of names) {
          const child = childOf(path, name)
          if (isOwn(child) || !this.#sought.wants(name)) continue
          const read = this.#read(child).finally(() => reads.delete(read))
          // What went wrong is told by those who wait below.
          void Promise.allSettled([read])
          reads.add(read)
          if (reads.size >= READS_AT_ONCE) await Promise.all(reads)
        }
        this.visited += 1
        onProgress(`${this.visited} nodes, ${this.#seen.size} found`)
        this.isBounded = this.visited >= limit
        if (this.isBounded) break
      }
    } catch (error) {
      if (!isZkError(error, 'NoNode')) throw error
    }
    await Promise.all(reads)
  }

  async #read(path: string): Promise<void> {
    const own = { isOutdated: false }
    const reads = this.#reads.get(path) ?? new Set()
    this.#reads.set(path, reads.add(own))
    try {
      const node = detached(await this.#zk.get(path, { signal: this.#parts.signal }))
      if (own.isOutdated) return
      const seen = { folder: parentOf(path), name: nameOf(path), node, round: this.#round }
      if (this.#sought.keeps(seen)) this.#seen.set(path, seen)
      else this.#seen.delete(path)
    } catch (error) {
      if (!isZkError(error, 'NoNode') && !isZkError(error, 'NoAuth')) throw error
      if (error.code === 'NoAuth') this.denied += 1
      this.#seen.delete(path)
    } finally {
      reads.delete(own)
      if (reads.size === 0) this.#reads.delete(path)
    }
  }
}

/** ZooKeeper's own part of the tree. */
function isOwn(path: string): boolean {
  return path === OWN || path.startsWith(`${OWN}/`)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function explained(error: unknown): Error {
  if (!isZkError(error, 'Unimplemented')) return error instanceof Error ? error : new Error('the watch is over')
  return new UsageError('--watch needs a server with persistent watches, which Apache ZooKeeper has from 3.6 on')
}
