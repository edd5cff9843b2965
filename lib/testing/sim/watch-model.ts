import { Perm } from '../../core/tree/request.ts'
import type { Identity, SetWatchesRequest, WatchEvent, WatchesRequest } from '../../core/tree/request.ts'
import type { Zxid } from '../../core/zxid.ts'
import { allows } from './access.ts'
import type { NodeState, PathStates } from './path-states.ts'
import type { Lookup } from './reference.ts'
import { Violation } from './violation.ts'

/** What a connection left to watch: as the server keeps it, and as the client would arm it again. */
export interface WatchSets {
  /** Standard data watches; the value says which list of setWatches they belong to. */
  readonly data: Map<string, 'data' | 'exist'>
  readonly child: Set<string>
  readonly persistent: Set<string>
  readonly recursive: Set<string>
}

/** A set of watches with nothing in it. */
export function noWatches(): WatchSets {
  return { data: new Map(), child: new Set(), persistent: new Set(), recursive: new Set() }
}

/** Adds what `from` has; a path that both watch keeps the list it had last. */
export function addWatches(to: WatchSets, from: WatchSets): void {
  for (const [path, list] of from.data) to.data.set(path, list)
  for (const kind of ['child', 'persistent', 'recursive'] as const) for (const path of from[kind]) to[kind].add(path)
}

/** How many there are. */
export function countWatches({ data, child, persistent, recursive }: WatchSets): number {
  return data.size + child.size + persistent.size + recursive.size
}

/**
 * The server's watches of one connection a second time. It follows the delivered sequence and knows which event must
 * come next: one that is missing, early, late or out of place is a violation (C13, C14).
 */
export class WatchModel {
  readonly sets: WatchSets = noWatches()
  readonly #lookups: readonly Lookup[]
  readonly #who: string
  readonly #identities: readonly Identity[]
  /** The next lookup that was not looked at. */
  #next = 0
  #seen: Zxid
  /** The lookup before the next one led to an event. */
  #told = false

  constructor(lookups: readonly Lookup[], seen: Zxid, who: string, identities: readonly Identity[] = []) {
    this.#identities = identities
    this.#lookups = lookups
    this.#seen = seen
    this.#who = who
  }

  get #isEmpty(): boolean {
    return countWatches(this.sets) === 0
  }

  /** A reply shows the state at `zxid`: the events of everything up to it must have come. */
  reached(zxid: Zxid): void {
    if (zxid > this.#seen) this.#seen = zxid
    if (this.#isEmpty) return
    for (let next = this.#lookups[this.#next]; next !== undefined; next = this.#lookups[this.#next]) {
      if (next.zxid > zxid) break
      if (this.#fires(next)) {
        throw new Violation('C13', `${this.#who}: a reply at ${zxid} before event ${describe(next)}`)
      }
    }
  }

  /** An event came: it must be the next one due. */
  event(event: WatchEvent): void {
    for (let next = this.#lookups[this.#next]; next !== undefined; next = this.#lookups[this.#next]) {
      if (this.#isEmpty || next.zxid > event.zxid) break
      if (!this.#fires(next)) continue
      if (next.type === event.type && next.path === event.path && next.zxid === event.zxid) {
        this.#seen = event.zxid as Zxid
        return
      }
      throw new Violation('C14', `${this.#who}: event ${describe(event)} where ${describe(next)} was due`)
    }
    throw new Violation('C14', `${this.#who}: event ${describe(event)}, which was not watched`)
  }

  /** Steps over a lookup: true when it must lead to an event. */
  #fires(lookup: Lookup): boolean {
    this.#next++
    const { path, table } = lookup
    const { data, child, persistent, recursive } = this.sets
    const alreadyTold = this.#told && lookup.unlessTold
    const standard = table === 'data' ? data.delete(path) : child.delete(path)
    this.#told = (standard || persistent.has(path) || (table === 'data' && isUnder(recursive, path))) && !alreadyTold
    // A watch is used up by what may not be read.
    return this.#told && allows(lookup.acl, Perm.read, this.#identities)
  }

  /** From here on the watches of a reply hold; call right after `reached`. */
  arm(change: (sets: WatchSets) => void): void {
    if (this.#isEmpty) this.#skip()
    change(this.sets)
  }

  /** While nothing was watched nobody looked: go to the first lookup after what was seen. */
  #skip(): void {
    let low = this.#next
    let high = this.#lookups.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#lookups[middle]!.zxid <= this.#seen) low = middle + 1
      else high = middle
    }
    this.#next = low
    this.#told = false
  }

  /** What removeWatches comes to; true when something was there. */
  remove({ path, type }: WatchesRequest): boolean {
    const { data, child, persistent, recursive } = this.sets
    const gone = [
      (type === 2 || type === 3) && data.delete(path), (type === 1 || type === 3) && child.delete(path),
      (type === 4 || type === 3) && persistent.delete(path), (type === 5 || type === 3) && recursive.delete(path),
    ]
    return gone.includes(true)
  }

  /** setWatches was answered at `zxid`: what had to fire at once, in order; the rest is armed. */
  rearm(request: SetWatchesRequest, states: PathStates, zxid: Zxid): WatchEvent[] {
    const due: WatchEvent[] = []
    const fire = (type: WatchEvent['type'], path: string, node: NodeState | null): void => {
      if (node === null || allows(node.acl, Perm.read, this.#identities)) due.push({ type, path, zxid: -1 })
    }
    this.arm((sets) => {
      for (const path of request.data) {
        const node = states.at(path, zxid)
        if (node === null) fire(2, path, node)
        else if (node.mzxid > request.relativeZxid) fire(3, path, node)
        else sets.data.set(path, 'data')
      }
      for (const path of request.exist) {
        const node = states.at(path, zxid)
        if (node !== null) fire(1, path, node)
        else sets.data.set(path, 'exist')
      }
      for (const path of request.child) {
        const node = states.at(path, zxid)
        if (node === null) fire(2, path, node)
        else if (node.pzxid > request.relativeZxid) fire(4, path, node)
        else sets.child.add(path)
      }
      for (const path of request.persistent) sets.persistent.add(path)
      for (const path of request.recursive) sets.recursive.add(path)
    })
    return due
  }
}

function isUnder(roots: ReadonlySet<string>, path: string): boolean {
  if (roots.size === 0) return false
  for (let above = path; ; ) {
    if (roots.has(above)) return true
    if (above === '/') return false
    const slash = above.lastIndexOf('/')
    above = slash <= 0 ? '/' : above.slice(0, slash)
  }
}

function describe(event: { readonly type: number, readonly path: string, readonly zxid: number }): string {
  return `${event.type} of ${event.zxid} on ${event.path}`
}
