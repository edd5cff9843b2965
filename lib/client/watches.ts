import { isZkError, ZkError } from '../core/errors.ts'
import { parentOf } from '../core/tree/path.ts'
import { EventType } from '../core/tree/request.ts'
import type { Request, SetWatchesRequest, WatchEvent } from '../core/tree/request.ts'
import type { Zxid } from '../core/zxid.ts'
import type { Logger } from '../ports/logger.ts'
import type { Pick } from './call-queue.ts'
import { pickNothing } from './outcomes.ts'
import type { CallOptions } from './multi.ts'
import { offAbort, onAbort } from './on-abort.ts'
import type { Session } from './session.ts'
import { changeName } from './watch-items.ts'
import type { WatchChange } from './watch-items.ts'
import { Watcher } from './watcher.ts'
import type { WatchOptions } from './watcher.ts'

/** Called once, at the next change. */
export interface OneShot {
  readonly onChange: (change: WatchChange) => void
  /** The session ended first; null when it was closed as asked. */
  readonly onEnd?: (error: ZkError | null) => void
  /** The server does not watch any more, and what was read may have changed. */
  readonly onRefused: (error: ZkError) => void
}

/** The kinds of watches that can be removed; `data` are those that `get` and `exists` leave. */
export type WatchKind = 'children' | 'data' | 'persistent' | 'recursive'

/** How watches are removed. */
export interface RemoveWatchesOptions extends CallOptions {
  /** They go even when there is no connection to tell the ensemble; it is not asked for them again then. */
  readonly local?: boolean
}

/** Which of the three lists of one-shot watches a read leaves its watch in. */
export type OneShotList = 'data' | 'exist' | 'child'

/** The watchers of one path and kind: they share one watch of the server. */
interface Registration {
  readonly path: string
  readonly recursive: boolean
  readonly watchers: Set<Watcher>
  /** The server confirmed it on this connection. */
  isActive: boolean
}

/** ZooKeeper's client splits its setWatches there, so that none exceeds the server's limit. */
const BATCH_CHARACTERS = 128 * 1024
const KINDS: readonly WatchKind[] = ['children', 'data', 'persistent', 'recursive']
/** Numbers of the kinds on the wire. */
const REMOVE_TYPES: Readonly<Record<WatchKind | 'any', number>> = {
  children: 1, data: 2, any: 3, persistent: 4, recursive: 5,
}

/** All watches of one client: what the server was asked for, who is told, and what comes back after a reconnect. */
export class Watches {
  readonly #session: Session
  readonly #logger: Logger
  readonly #oneShots: Readonly<Record<OneShotList, Map<string, Set<OneShot>>>> = {
    data: new Map(), exist: new Map(), child: new Map(),
  }
  /** Reads under way that leave a watch, by their paths. */
  readonly #arming = new Map<string, number>()
  readonly #persistent = new Map<string, Registration>()
  readonly #recursive = new Map<string, Registration>()
  readonly #listeners = new Set<(change: WatchChange) => void>()
  /** Zxid of the last state known before the connection was lost; null while nothing is re-armed. */
  #rearmedFrom: Zxid | null = null
  #missed = false
  /** Registrations that were active before the connection was lost. */
  #rearmed: readonly Registration[] = []

  constructor(session: Session, logger: Logger) {
    this.#session = session
    this.#logger = logger
  }

  // --- one-shot ----------------------------------------------------------------------------------------------------

  /** A read that leaves a watch: under `exist` when there is no node yet. */
  read(
    request: Request & { readonly path: string }, pick: Pick, signal: AbortSignal | undefined, list: OneShotList,
    shot: OneShot, resolve: (value: unknown) => void, reject: (error: Error) => void,
  ): void {
    const { path } = request
    this.#arm(path, 1)
    this.#session.submit<unknown>(request, pick as never, signal, (value) => {
      this.#arm(path, -1)
      // While the reply is delivered, so that no event comes in between.
      this.#addOneShot(value === null ? 'exist' : list, path, shot)
      resolve(value)
    }, (error) => {
      this.#arm(path, -1)
      reject(error)
    })
  }

  #arm(path: string, change: 1 | -1): void {
    const count = (this.#arming.get(path) ?? 0) + change
    if (count === 0) this.#arming.delete(path)
    else this.#arming.set(path, count)
  }

  #addOneShot(list: OneShotList, path: string, shot: OneShot): void {
    const map = this.#oneShots[list]
    const shots = map.get(path)
    if (shots === undefined) map.set(path, new Set([shot]))
    else shots.add(shot)
  }

  /** Its event is not wanted any more; the server's entry stays and fires for nobody. */
  dropOneShot(path: string, shot: OneShot): void {
    for (const map of Object.values(this.#oneShots)) {
      const shots = map.get(path)
      if (shots?.delete(shot) === true && shots.size === 0) map.delete(path)
    }
  }

  #takeOneShots(event: WatchEvent): OneShot[] {
    const { data, exist, child } = this.#oneShots
    const lists = event.type === EventType.childrenChanged ? [child]
      : event.type === EventType.deleted ? [data, exist, child] : [data, exist]
    const taken: OneShot[] = []
    for (const list of lists) {
      const shots = list.get(event.path)
      if (shots === undefined) continue
      taken.push(...shots)
      list.delete(event.path)
    }
    return taken
  }

  // --- persistent --------------------------------------------------------------------------------------------------

  watch(path: string, options: WatchOptions): Watcher {
    const watcher = new Watcher(path, options, {
      session: this.#session, logger: this.#logger, leave: (one) => this.#leave(one),
    })
    if (options.signal?.aborted === true) {
      watcher.fail(new ZkError('Aborted', undefined, { path, cause: options.signal.reason }))
      return watcher
    }
    const map = watcher.recursive ? this.#recursive : this.#persistent
    const known = map.get(path)
    if (known !== undefined) {
      known.watchers.add(watcher)
      if (known.isActive) watcher.start()
      return watcher
    }
    const registration: Registration = {
      path, recursive: watcher.recursive, watchers: new Set([watcher]), isActive: false,
    }
    map.set(path, registration)
    this.#register(map, registration)
    return watcher
  }

  #register(map: Map<string, Registration>, registration: Registration): void {
    const { path, recursive, watchers } = registration
    this.#session.submit({ op: 106, path, mode: recursive ? 1 : 0 }, pickNothing, undefined, () => {
      registration.isActive = true
      for (const watcher of Array.from(watchers)) watcher.start()
    }, (error) => {
      if (map.get(path) === registration) map.delete(path)
      for (const watcher of Array.from(watchers)) watcher.fail(error as ZkError)
    })
  }

  /**
   * The last one to leave takes the server's watch with him. A newcomer at the same path gets a registration of his
   * own, whose request comes after this one on the same connection: so the two cannot pass each other.
   */
  #leave(watcher: Watcher): void {
    const map = watcher.recursive ? this.#recursive : this.#persistent
    const registration = map.get(watcher.path)
    if (registration?.watchers.delete(watcher) !== true || registration.watchers.size > 0) return
    map.delete(watcher.path)
    const ignore = (): void => {
      // NoWatcher after a reconnect, or the session is over: either way the server watches no more.
    }
    this.#unwatch(watcher.path, watcher.recursive ? 'recursive' : 'persistent', [], ignore, ignore)
  }

  // --- removing ----------------------------------------------------------------------------------------------------

  /** Forgets the watches of a kind at a path, here and at the server; gives the kinds that there were. */
  remove(path: string, kind: WatchKind | 'any', options: RemoveWatchesOptions): Promise<WatchKind[]> {
    return new Promise((resolve, reject) => {
      if (!Object.hasOwn(REMOVE_TYPES, kind)) throw new TypeError(`'${String(kind)}' is no kind of watches`)
      const kinds = this.#kindsAt(path).filter((one) => kind === 'any' || kind === one)
      if (kinds.length === 0) throw new ZkError('NoWatcher', undefined, { path })
      const { signal } = options
      const abort = (): void => {
        reject(new ZkError('Aborted', undefined, { path, cause: signal?.reason, mayHaveHappened: true }))
      }
      // What was left by reads that were under way goes, too.
      const drop = (gone: readonly WatchKind[]): void => {
        for (const one of gone) this.#drop(path, one)
        resolve(KINDS.filter((one) => kinds.includes(one) || gone.includes(one)))
      }
      if (options.local === true && this.#session.state !== 'connected') {
        drop(kinds)
        return
      }
      if (signal?.aborted === true) throw new ZkError('Aborted', undefined, { path, cause: signal.reason })
      onAbort(signal, abort)
      this.#unwatch(path, kind, kinds, () => {
        offAbort(signal, abort)
        drop(this.#kindsAt(path, true).filter((one) => kind === 'any' || kind === one))
      }, (error) => {
        offAbort(signal, abort)
        reject(error)
      })
    })
  }

  /**
   * Servers before 3.9 know no persistent kinds here: they are asked to remove all when that means the same, which is
   * when nothing but `known` is filed at the path, nor will be by a read that was sent before.
   */
  #unwatch(
    path: string, kind: WatchKind | 'any', known: readonly WatchKind[], done: () => void,
    refused: (error: Error) => void,
  ): void {
    const ask = (type: number, onError: (error: Error) => void): void => {
      this.#session.submit({ op: 18, path, type }, pickNothing, undefined, done, onError)
    }
    ask(REMOVE_TYPES[kind], (error) => {
      const isUnknown = (kind === 'persistent' || kind === 'recursive') && isZkError(error, 'MarshallingError')
      const isAlone = !this.#arming.has(path) && this.#kindsAt(path).every((other) => known.includes(other))
      if (isUnknown && isAlone) ask(REMOVE_TYPES.any, refused)
      else refused(error)
    })
  }

  /** With `isConfirmed` without those that the server was asked for and has not confirmed yet. */
  #kindsAt(path: string, isConfirmed = false): WatchKind[] {
    const { data, exist, child } = this.#oneShots
    const isThere = (registration: Registration | undefined): boolean =>
      registration !== undefined && (registration.isActive || !isConfirmed)
    const there = {
      children: child.has(path), data: data.has(path) || exist.has(path),
      persistent: isThere(this.#persistent.get(path)), recursive: isThere(this.#recursive.get(path)),
    }
    return KINDS.filter((kind) => there[kind])
  }

  #drop(path: string, kind: WatchKind): void {
    if (kind === 'persistent' || kind === 'recursive') {
      const map = kind === 'persistent' ? this.#persistent : this.#recursive
      const registration = map.get(path)
      map.delete(path)
      for (const watcher of Array.from(registration?.watchers ?? [])) watcher.fail(null)
      return
    }
    const { data, exist, child } = this.#oneShots
    for (const list of kind === 'children' ? [child] : [data, exist]) {
      const shots = list.get(path)
      list.delete(path)
      for (const shot of shots ?? []) shot.onEnd?.(null)
    }
  }

  // --- events ------------------------------------------------------------------------------------------------------

  /** Calls back at every event of the server until the returned function is called. */
  listen(listener: (change: WatchChange) => void): () => void {
    // Each call counts for itself, also when the function is the same.
    const own = (change: WatchChange): void => listener(change)
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }

  onEvent(event: WatchEvent): void {
    const { type, path, zxid } = event
    const change: WatchChange = { type: changeName(type), path, zxid }
    for (const listener of Array.from(this.#listeners)) this.#tell(path, listener, change)
    const shots = this.#takeOneShots(event)
    // What the server makes up while watches are re-armed concerns one-shot watches; for the others a gap will tell.
    if (this.#rearmedFrom !== null) this.#missed = true
    else this.#offer(change)
    for (const shot of shots) this.#tell(path, shot.onChange, change)
  }

  #tell<T>(path: string, callback: (given: T) => void, given: T): void {
    try {
      callback(given)
    } catch (error) {
      this.#logger.error('the callback of a watch threw', { path, error })
    }
  }

  #offer(change: WatchChange): void {
    const exact = this.#persistent.get(change.path)
    if (exact !== undefined) for (const watcher of Array.from(exact.watchers)) watcher.offer(change)
    if (this.#recursive.size === 0 || change.type === 'children') return
    for (let path = change.path; ; path = parentOf(path)) {
      const above = this.#recursive.get(path)
      if (above !== undefined) for (const watcher of Array.from(above.watchers)) watcher.offer(change)
      if (path === '/') return
    }
  }

  // --- reconnecting ------------------------------------------------------------------------------------------------

  /** What a new connection must be told, in pieces that no server finds too large. */
  rearm(repliedZxid: Zxid): SetWatchesRequest[] {
    // When the last connection died while it was being re-armed, what it missed is still to be made up.
    const relativeZxid = this.#rearmedFrom ?? repliedZxid
    const active = [...this.#persistent.values(), ...this.#recursive.values()].filter(({ isActive }) => isActive)
    const { data, exist, child } = this.#oneShots
    const batches: SetWatchesRequest[] = []
    let lists = emptyLists()
    let characters = 0
    const flush = (): void => {
      if (characters === 0) return
      const hasPersistent = lists.persistent.length + lists.recursive.length > 0
      batches.push({ op: hasPersistent ? 105 : 101, relativeZxid, ...lists })
      lists = emptyLists()
      characters = 0
    }
    const add = (list: keyof typeof lists, path: string): void => {
      lists[list].push(path)
      characters += path.length
      if (characters >= BATCH_CHARACTERS) flush()
    }
    for (const path of data.keys()) add('data', path)
    for (const path of exist.keys()) add('exist', path)
    for (const path of child.keys()) add('child', path)
    for (const { path, recursive } of active) add(recursive ? 'recursive' : 'persistent', path)
    flush()
    this.#rearmed = active
    this.#missed &&= this.#rearmedFrom !== null
    this.#rearmedFrom = batches.length > 0 ? relativeZxid : null
    return batches
  }

  onRearmed(request: SetWatchesRequest, isLast: boolean, zxid: Zxid, error: ZkError | null): void {
    if (error !== null) this.#refused(request, error)
    if (!isLast) return
    const isSame = this.#rearmedFrom !== null && zxid <= this.#rearmedFrom && !this.#missed
    this.#rearmedFrom = null
    if (isSame) return
    for (const { watchers } of this.#rearmed) for (const watcher of Array.from(watchers)) watcher.miss('reconnect')
  }

  #refused(request: SetWatchesRequest, error: ZkError): void {
    this.#logger.warn('the server refused to re-arm watches', { code: error.code })
    const lists = [[this.#persistent, request.persistent], [this.#recursive, request.recursive]] as const
    for (const [map, paths] of lists) {
      for (const path of paths) {
        const registration = map.get(path)
        map.delete(path)
        for (const watcher of Array.from(registration?.watchers ?? [])) watcher.fail(error)
      }
    }
    for (const [list, map] of Object.entries(this.#oneShots)) {
      for (const path of request[list as OneShotList]) {
        const shots = map.get(path)
        map.delete(path)
        for (const shot of shots ?? []) this.#tell(path, shot.onRefused, error)
      }
    }
  }

  /** The session is over. */
  end(error: ZkError | null): void {
    for (const map of [this.#persistent, this.#recursive]) {
      const registrations = [...map.values()]
      map.clear()
      for (const { watchers } of registrations) for (const watcher of Array.from(watchers)) watcher.fail(error)
    }
    for (const map of Object.values(this.#oneShots)) {
      const shots = [...map.values()].flatMap((set) => [...set])
      map.clear()
      for (const shot of shots) shot.onEnd?.(error)
    }
  }
}

function emptyLists(): Record<'data' | 'exist' | 'child' | 'persistent' | 'recursive', string[]> {
  return { data: [], exist: [], child: [], persistent: [], recursive: [] }
}
