import { TURN_EVENTS } from '../limits.ts'
import { EventType } from './request.ts'
import type { Acl, EventTypeNumber, WatchEvent } from './request.ts'
import { PathLengths } from './path-lengths.ts'
import type { ConnId } from '../effects.ts'
import type { Zxid } from '../zxid.ts'

/** How a connection watches a path; several may be set at once. */
export const WatchMode = { standard: 1, persistent: 2, recursive: 4 } as const

/** Every mode at once. */
export const ANY_MODE: number = WatchMode.standard | WatchMode.persistent | WatchMode.recursive

type Table = Map<string, Map<ConnId, number>>

/** Paths on which one connection has anything, and what they come to. */
interface Watched {
  readonly paths: Set<string>
  cost: number
}

/** What a path counts for: one, and its text by what that takes. */
function costOf({ length }: string): number {
  return 1 + (length >>> 8)
}

/**
 * Who watches what on this peer: two tables by path, data and children, each connection with a set of modes
 * (ZooKeeper: WatchManager, DataTree). Volatile: watches live as long as their connection.
 */
export class Watches {
  readonly #emit: (conn: ConnId, event: WatchEvent) => void
  readonly #mayRead: (conn: ConnId, acl: readonly Acl[]) => boolean
  /** Limits.connectionWatches. */
  readonly #connectionCost: number
  readonly #data: Table = new Map()
  readonly #child: Table = new Map()
  /** So that the end of a connection costs what it had. */
  readonly #byConnection = new Map<ConnId, Watched>()
  /** Recursive registrations: while there are none, ancestors are not looked at. */
  #recursive = 0
  readonly #recursiveLengths = new PathLengths()
  /** Events of changes that this turn may have yet. */
  #eventsLeft = TURN_EVENTS

  constructor(
    emit: (conn: ConnId, event: WatchEvent) => void, mayRead: (conn: ConnId, acl: readonly Acl[]) => boolean,
    connectionCost: number = Infinity,
  ) {
    this.#connectionCost = connectionCost
    this.#emit = emit
    this.#mayRead = mayRead
  }

  /** True while nobody watches anything. */
  get idle(): boolean {
    return this.#byConnection.size === 0
  }

  /** This turn has told of so much that the next change is for another one. */
  get isSpent(): boolean {
    return this.#eventsLeft <= 0
  }

  /** A turn begins. */
  begin(): void {
    this.#eventsLeft = TURN_EVENTS
  }

  /** Registrations, connections and paths, for metrics. */
  get counts(): { readonly watches: number, readonly connections: number, readonly paths: number } {
    let watches = 0
    for (const table of [this.#data, this.#child]) for (const conns of table.values()) watches += conns.size
    const paths = new Set([...this.#data.keys(), ...this.#child.keys()]).size
    return { watches, connections: this.#byConnection.size, paths }
  }

  /** Connections by the path whose data they watch, in any mode; children are another table. */
  * dataWatchers(): Generator<{ readonly path: string, readonly conns: Iterable<ConnId> }, undefined> {
    for (const [path, conns] of this.#data) yield { path, conns: conns.keys() }
    return undefined
  }

  /** Whether a connection may watch this path too; to be asked before it is added. */
  mayAdd(path: string, conn: ConnId): boolean {
    const own = this.#byConnection.get(conn)
    return (own?.cost ?? 0) + costOf(path) <= this.#connectionCost || own?.paths.has(path) === true
  }

  /** The same of many, which may have paths in common. */
  mayAddAll(conn: ConnId, ...lists: readonly (readonly string[])[]): boolean {
    const own = this.#byConnection.get(conn)
    const room = this.#connectionCost - (own?.cost ?? 0)
    let cost = 0
    for (const list of lists) for (const path of list) cost += costOf(path)
    if (cost <= room) return true
    const fresh = new Set<string>()
    cost = 0
    for (const list of lists) {
      for (const path of list) {
        if (own?.paths.has(path) === true || fresh.has(path)) continue
        fresh.add(path)
        cost += costOf(path)
        if (cost > room) return false
      }
    }
    return true
  }

  addData(path: string, conn: ConnId, mode: number): void {
    this.#add(this.#data, path, conn, mode)
  }

  addChild(path: string, conn: ConnId, mode: number): void {
    this.#add(this.#child, path, conn, mode)
  }

  #add(table: Table, path: string, conn: ConnId, mode: number): void {
    let conns = table.get(path)
    if (conns === undefined) table.set(path, conns = new Map())
    const before = conns.get(conn) ?? 0
    conns.set(conn, before | mode)
    if ((mode & ~before & WatchMode.recursive) !== 0) {
      this.#recursive++
      this.#recursiveLengths.add(path)
    }
    const own = this.#byConnection.get(conn)
    if (own === undefined) this.#byConnection.set(conn, { paths: new Set([path]), cost: costOf(path) })
    else if (!own.paths.has(path)) {
      own.paths.add(path)
      own.cost += costOf(path)
    }
  }

  /** Takes modes away; true when any of them was set. */
  #remove(table: Table, path: string, conn: ConnId, modes: number): boolean {
    const conns = table.get(path)
    const before = conns?.get(conn) ?? 0
    if (conns === undefined || (before & modes) === 0) return false
    const left = before & ~modes
    if ((before & modes & WatchMode.recursive) !== 0) {
      this.#recursive--
      this.#recursiveLengths.delete(path)
    }
    if (left !== 0) {
      conns.set(conn, left)
      return true
    }
    conns.delete(conn)
    if (conns.size === 0) table.delete(path)
    const other = table === this.#data ? this.#child : this.#data
    if (other.get(path)?.has(conn) !== true) {
      const own = this.#byConnection.get(conn)
      if (own?.paths.delete(path) === true) own.cost -= costOf(path)
      if (own?.paths.size === 0) this.#byConnection.delete(conn)
    }
    return true
  }

  removeConnection(conn: ConnId): void {
    for (const path of this.#byConnection.get(conn)?.paths ?? []) {
      this.#remove(this.#data, path, conn, ANY_MODE)
      this.#remove(this.#child, path, conn, ANY_MODE)
    }
  }

  /** removeWatches: type 1 children, 2 data, 3 any, 4 persistent, 5 recursive. False when nothing matched. */
  remove(path: string, conn: ConnId, type: number): boolean {
    const data = this.#remove(this.#data, path, conn, dataModes(type))
    const child = this.#remove(this.#child, path, conn, type === 4 ? WatchMode.persistent : childModes(type))
    return data || child
  }

  /** checkWatches: does anything match? */
  has(path: string, conn: ConnId, type: number): boolean {
    return ((this.#data.get(path)?.get(conn) ?? 0) & dataModes(type)) !== 0 ||
      ((this.#child.get(path)?.get(conn) ?? 0) & childModes(type)) !== 0
  }

  // --- what fires --------------------------------------------------------------------------------------------------

  created(path: string, zxid: Zxid, acl: readonly Acl[], parent: string, parentAcl: readonly Acl[]): void {
    this.#fireData(path, EventType.created, zxid, acl)
    this.#fireChild(parent, EventType.childrenChanged, zxid, parentAcl, null)
  }

  deleted(path: string, zxid: Zxid, acl: readonly Acl[], parent: string, parentAcl: readonly Acl[]): void {
    const told = this.#fireData(path, EventType.deleted, zxid, acl)
    this.#fireChild(path, EventType.deleted, zxid, acl, told)
    this.#fireChild(parent, EventType.childrenChanged, zxid, parentAcl, null)
  }

  dataChanged(path: string, zxid: Zxid, acl: readonly Acl[]): void {
    this.#fireData(path, EventType.dataChanged, zxid, acl)
  }

  /** Standard watches are consumed even when the event is withheld; one event per connection and lookup. */
  #fireData(path: string, type: EventTypeNumber, zxid: Zxid, acl: readonly Acl[]): Set<ConnId> | null {
    let told: Set<ConnId> | null = null
    const tell = (conn: ConnId): void => {
      told ??= new Set()
      if (told.has(conn)) return
      told.add(conn)
      this.#fire(conn, { type, path, zxid }, acl)
    }
    for (const conn of this.#data.get(path)?.keys() ?? []) {
      this.#remove(this.#data, path, conn, WatchMode.standard)
      tell(conn)
    }
    if (this.#recursive === 0) return told
    for (let above = path; above !== '/';) {
      above = this.#recursiveLengths.above(above)
      for (const [conn, modes] of this.#data.get(above) ?? []) if ((modes & WatchMode.recursive) !== 0) tell(conn)
    }
    return told
  }

  #fireChild(path: string, type: EventTypeNumber, zxid: Zxid, acl: readonly Acl[], except: Set<ConnId> | null): void {
    for (const conn of this.#child.get(path)?.keys() ?? []) {
      this.#remove(this.#child, path, conn, WatchMode.standard)
      if (except?.has(conn) !== true) this.#fire(conn, { type, path, zxid }, acl)
    }
  }

  #fire(conn: ConnId, event: WatchEvent, acl: readonly Acl[]): void {
    this.#eventsLeft--
    this.#deliver(conn, event, acl)
  }

  #deliver(conn: ConnId, event: WatchEvent, acl: readonly Acl[]): void {
    if (this.#mayRead(conn, acl)) this.#emit(conn, event)
  }

  /** An event made up while watches are armed again: no zxid. `acl` is the node's, empty when there is none. */
  catchUp(conn: ConnId, type: EventTypeNumber, path: string, acl: readonly Acl[]): void {
    this.#deliver(conn, { type, path, zxid: -1 }, acl)
  }
}

function dataModes(type: number): number {
  switch (type) {
    case 2: return WatchMode.standard
    case 3: return ANY_MODE
    case 4: return WatchMode.persistent
    case 5: return WatchMode.recursive
    default: return 0
  }
}

function childModes(type: number): number {
  return type === 1 ? WatchMode.standard : type === 3 ? ANY_MODE : 0
}
