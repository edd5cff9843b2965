import { ZkError } from '../core/errors.ts'
import type { Acl, Identity, Outcome, Request } from '../core/tree/request.ts'
import type { Stat } from '../core/tree/stat.ts'
import type { Zxid } from '../core/zxid.ts'
import type { Clock } from '../ports/clock.ts'
import type { Logger } from '../ports/logger.ts'
import { SILENT } from '../ports/logger.ts'
import type { Pick } from './call-queue.ts'
import { makeChance } from './chance.ts'
import type { Endpoint } from './channel.ts'
import { checkConnect, connectError } from './connect-options.ts'
import type { ConnectOptions } from './connect-options.ts'
import type { Moment } from './moment.ts'
import { CALL_OPTIONS, Multi, MultiRead, checkCall } from './multi.ts'
import type { CallOptions } from './multi.ts'
import { offAbort, onAbort } from './on-abort.ts'
import type { AclOf, Children, Created } from './outcomes.ts'
import {
  pickAcl, pickChildren, pickCreated, pickExists, pickIdentities, pickNames, pickNode, pickNothing, pickPath,
  pickPaths, pickStat, pickTotal,
} from './outcomes.ts'
import {
  CREATE_OPTIONS, VERSION_OPTIONS, checkAcl, checkPath, createRequest, deleteRequest, reconfigRequest, setRequest,
  versionOf,
} from './requests.ts'
import type { CreateOptions, Reconfiguration, VersionOptions } from './requests.ts'
import { Session } from './session.ts'
import type { SessionKey, SessionState, StateChange } from './session-state.ts'
import { asking, createWithParents, deleteSubtree } from './subtree.ts'
import type { Data, NodeData } from './values.ts'
import { Watches } from './watches.ts'
import type { OneShot, OneShotList, RemoveWatchesOptions, WatchKind } from './watches.ts'
import type { WatchChange } from './watch-items.ts'
import type { Watcher, WatchOptions } from './watcher.ts'

/** Where a client connects and by which clock it lives. */
export interface ClientParts {
  /** Tried in this order. */
  readonly endpoints: readonly Endpoint[]
  readonly clock: Clock
  /**
   * From 0 to 1, never 1, of 32 bits at least: all chance of the client and of what is built upon it, also names that
   * nobody else may have. The platform's when left out, and pauses before it connects again as long as they may be.
   */
  readonly random?: () => number
}

/**
 * A read that may leave a watch: called once, at the next change of what was read, unless the signal aborts first; and
 * with the zxid -1 when a server refuses to go on watching after a reconnect, as it may have changed then.
 */
export interface ReadOptions extends CallOptions {
  readonly watch?: (change: WatchChange) => void
}

/** How a node and its missing parents are created. */
export interface CreateCallOptions extends CreateOptions, CallOptions {
  /** Creates missing parents, with the same access-control list: as persistent nodes, or as containers. */
  readonly parents?: boolean | 'persistent' | 'container'
}

/** How a node is deleted. */
export interface DeleteCallOptions extends VersionOptions, CallOptions {
  /** Deletes all below it first; the version is that of the node itself. Not atomic. */
  readonly recursive?: boolean
}

/** The session as the ensemble knows it. */
export interface SessionInfo extends SessionKey {
  /** As negotiated. */
  readonly timeoutMs: number
}

/** What a client knows of itself. */
export interface ClientStatus {
  readonly state: SessionState
  readonly session: SessionInfo | null
  /** How long the session is surely alive without a connection: Infinity while connected, 0 when it is not sure. */
  readonly aliveForMs: number
  /** Connected to a server that only reads. */
  readonly readOnly: boolean
  readonly pendingCalls: number
  /** The newest state that was read or written here. */
  readonly zxid: Zxid
}

const READ = [...CALL_OPTIONS, 'watch']
const CREATE = [...CALL_OPTIONS, ...CREATE_OPTIONS, 'parents']
const WRITE = [...CALL_OPTIONS, ...VERSION_OPTIONS]
const DELETE = [...WRITE, 'recursive']
const REMOVE_WATCHES = [...CALL_OPTIONS, 'local']
const ONCE = [...CALL_OPTIONS, 'children']
const PARENTS: readonly unknown[] = [undefined, false, true, 'persistent', 'container']
const SESSION_TIMEOUT_MS = 10_000
const PENDING_CALLS = 500_000

/**
 * A session as its user sees it. Calls are carried out in the order in which they are made; a call that was waiting
 * when the connection went is sent again, unless it is a write that was sent already: then it rejects with
 * ConnectionLoss, and `mayHaveHappened` says that nobody knows. A read is sent again up to four times.
 */
export class Client {
  /** The clock by which this client lives: whoever builds upon it takes its time and timers from here. */
  readonly clock: Clock
  /** A number from 0 to 1, never 1: whoever builds upon this client takes what he leaves to chance from here. */
  readonly random: () => number
  readonly #session: Session
  readonly #watches: Watches
  readonly #logger: Logger
  readonly #listeners = new Set<(change: StateChange) => void>()
  readonly #closing = new AbortController()

  /**
   * Resolves when the session is open. Errors: Aborted, PeerStopped, SessionExpired (of a session taken up), TypeError.
   */
  static connect(parts: ClientParts, options: ConnectOptions = {}): Promise<Client> {
    return new Promise((resolve, reject) => {
      checkConnect(options)
      const { signal } = options
      if (signal?.aborted) throw new ZkError('Aborted', undefined, { cause: signal.reason })
      // Not by its name, here and in other classes: a bundler renames those that name themselves.
      const client = new this(parts, options)
      const abort = (): void => {
        client.#session.abandon('Aborted')
      }
      const { connectTimeoutMs } = options
      const limit = connectTimeoutMs === undefined ? null : parts.clock.setTimer(connectTimeoutMs, () => {
        client.#session.abandon('OperationTimeout')
      }, options.unref)
      const settled = client.on('state', ({ state }) => {
        offAbort(signal, abort)
        limit?.cancel()
        settled()
        if (state === 'connected') resolve(client)
        else reject(connectError(client.#session, signal))
      })
      onAbort(signal, abort)
      client.#session.start()
    })
  }

  private constructor(parts: ClientParts, options: ConnectOptions) {
    const { sessionTimeoutMs: timeoutMs = SESSION_TIMEOUT_MS, pendingCalls = PENDING_CALLS, session } = options
    const { connectTimeoutMs = 1 } = options
    for (const [name, value] of Object.entries({ sessionTimeoutMs: timeoutMs, pendingCalls, connectTimeoutMs })) {
      if (!Number.isInteger(value) || value < 1) throw new TypeError(`${name} must be a positive integer`)
    }
    this.clock = parts.clock
    this.random = parts.random ?? makeChance()
    this.#logger = options.logger ?? SILENT
    this.#session = new Session({
      ...parts, logger: this.#logger, timeoutMs, pendingCalls,
      resume: session === undefined ? null : { id: session.id, password: session.password },
      unref: options.unref ?? false,
    }, {
      onState: (change) => this.#onState(change),
      onEvent: (event) => this.#watches.onEvent(event),
      rearm: (zxid) => this.#watches.rearm(zxid),
      onRearmed: (request, isLast, zxid, error) => this.#watches.onRearmed(request, isLast, zxid, error),
      onEnd: (error) => this.#watches.end(error),
    })
    this.#watches = new Watches(this.#session, this.#logger)
  }

  // --- the session -------------------------------------------------------------------------------------------------

  get state(): SessionState {
    return this.#session.state
  }

  /** Id, password and timeout: what it takes to resume the session elsewhere. Null before there is one. */
  get session(): SessionInfo | null {
    const { key, timeoutMs } = this.#session
    return key === null ? null : { id: key.id, password: key.password.slice(), timeoutMs }
  }

  status(): ClientStatus {
    const { state, aliveForMs, readOnly, pendingCalls, zxid } = this.#session
    return { state, session: this.session, aliveForMs, readOnly, pendingCalls, zxid }
  }

  /**
   * A write of this session was sent at `sent` and committed: the newest moment of which that proves that the leader
   * counted the session as alive, so that nobody else ends it within its timeout from then on. On Apache ZooKeeper it
   * lies up to seven twelfths of the timeout before `sent`. Null without a connection that writes.
   */
  touchedBefore(sent: Moment): Moment | null {
    return this.#session.touchedBefore(sent)
  }

  /** Calls back at every change of the state until the returned function is called. */
  on(event: 'state', listener: (change: StateChange) => void): () => void
  /** Calls back once for every event of a watch that the ensemble sends, whoever left the watch. */
  on(event: 'event', listener: (change: WatchChange) => void): () => void
  on(event: 'state' | 'event', listener: (change: never) => void): () => void {
    if (typeof listener !== 'function') throw new TypeError('the listener must be a function')
    if (event === 'event') return this.#watches.listen(listener as (change: WatchChange) => void)
    if (event !== 'state') throw new TypeError(`no such event: ${String(event)}`)
    const known = listener as (change: StateChange) => void
    this.#listeners.add(known)
    return () => void this.#listeners.delete(known)
  }

  /**
   * Closes the session after the calls made so far; its ephemeral nodes are gone then. Ends within 5 s, whatever the
   * ensemble does, and never rejects. Idempotent.
   */
  close(): Promise<void> {
    this.#closing.abort(new ZkError('Closed'))
    return this.#session.close()
  }

  /** Aborts as soon as `close` is called, before anything of it is sent: what hangs on the session ends before it. */
  get closing(): AbortSignal {
    return this.#closing.signal
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Adds an identity that later calls carry, on every connection of this session: scheme `digest`, `user:password`. */
  addAuth(scheme: string, auth: string | Uint8Array, options?: CallOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      checkCall(options)
      if (typeof scheme !== 'string') throw new TypeError('scheme must be a string')
      const isText = typeof auth === 'string'
      if (!isText && !(auth instanceof Uint8Array)) throw new TypeError('auth must be a string or bytes')
      const signal = options?.signal
      const abort = (): void => reject(new ZkError('Aborted', undefined, { cause: signal?.reason }))
      if (signal?.aborted === true) return abort()
      onAbort(signal, abort)
      const bytes = isText ? new TextEncoder().encode(auth) : new Uint8Array(auth)
      this.#session.authenticate(scheme, bytes).then(() => resolve(), reject)
        .finally(() => offAbort(signal, abort))
    })
  }

  /** The identities that the server takes this session for. */
  whoAmI(options?: CallOptions): Promise<Identity[]> {
    return this.#call(options, () => ({ op: 107 }), pickIdentities)
  }

  // --- reads -------------------------------------------------------------------------------------------------------

  /** The data and stat of a node. */
  async get(path: string, options?: ReadOptions): Promise<NodeData> {
    if (isPlainRead(options)) {
      const request: Request = { op: 4, path, watch: false }
      const outcome = this.#session.readNow(request)
      if (outcome !== null && outcome.code === 'Ok') return pickNode(outcome, request) as NodeData
    }
    return this.#read(4, path, options, 'data', pickNode) as Promise<NodeData>
  }

  /** The stat of a node, or null when there is none. The watch then waits for its creation. */
  async exists(path: string, options?: ReadOptions): Promise<Stat | null> {
    if (isPlainRead(options)) {
      const request: Request = { op: 3, path, watch: false }
      const outcome = this.#session.readNow(request)
      if (outcome !== null && outcome.code === 'Ok') return pickStat(outcome, request) as Stat
      if (outcome !== null && outcome.code === 'NoNode' && checkPath(path) === path) return null
    }
    return this.#read(3, path, options, 'data', pickExists) as Promise<Stat | null>
  }

  /** The names of the children, in no particular order. */
  async children(path: string, options?: ReadOptions): Promise<string[]> {
    if (isPlainRead(options)) {
      const request: Request = { op: 8, path, watch: false }
      const outcome = this.#session.readNow(request)
      if (outcome !== null && outcome.code === 'Ok') return pickNames(outcome, request) as string[]
    }
    return this.#read(8, path, options, 'child', pickNames) as Promise<string[]>
  }

  childrenWithStat(path: string, options?: ReadOptions): Promise<Children> {
    return this.#read(12, path, options, 'child', pickChildren) as Promise<Children>
  }

  getAcl(path: string, options?: CallOptions): Promise<AclOf> {
    return this.#call(options, () => ({ op: 6, path: checkPath(path) }), pickAcl)
  }

  /** How many nodes there are below a node, at every depth. */
  countChildren(path: string, options?: CallOptions): Promise<number> {
    return this.#call(options, () => ({ op: 104, path: checkPath(path) }), pickTotal)
  }

  /** The ephemeral nodes of this session whose path begins with the prefix. */
  ephemerals(prefix = '/', options?: CallOptions): Promise<string[]> {
    return this.#call(options, () => ({ op: 103, path: checkPrefix(prefix) }), pickPaths)
  }

  /** Several reads in one request. */
  multiRead(): MultiRead {
    return new MultiRead(this.#session)
  }

  /** After it, reads of this session see everything that was written before it anywhere, and acknowledged. */
  sync(path = '/', options?: CallOptions): Promise<void> {
    return this.#call(options, () => ({ op: 9, path: checkPath(path) }), pickNothing)
  }

  // --- writes ------------------------------------------------------------------------------------------------------

  /** Creates a node and gives its final path. */
  create(path: string, data?: Data, options?: CreateCallOptions): Promise<string> {
    return this.#create(path, data, options, false, pickPath)
  }

  /** Creates a node and gives its final path and stat. */
  createWithStat(path: string, data?: Data, options?: CreateCallOptions): Promise<Created> {
    return this.#create(path, data, options, true, pickCreated)
  }

  /** Replaces the data of a node. */
  set(path: string, data: Data, options?: VersionOptions & CallOptions): Promise<Stat> {
    // Without `#call` and its function that builds the request: 5 % of pipelined sets in this process.
    return new Promise((resolve, reject) => {
      checkCall(options, WRITE)
      const session = this.#session
      session.submit(setRequest(path, data, options, session.copies), pickStat, options?.signal, resolve, reject)
    })
  }

  /** Deletes a node, which must have no children unless `recursive` says that they go too. */
  delete(path: string, options?: DeleteCallOptions): Promise<void> {
    if (options?.recursive !== true) return this.#call(options, () => deleteRequest(path, options), pickNothing, DELETE)
    return Promise.resolve().then(() => {
      checkCall(options, DELETE)
      const { version } = deleteRequest(path, options)
      return deleteSubtree(asking(this.#session, options.signal), path, version)
    })
  }

  /** Replaces the access-control list; the version is the stat's `aversion`. */
  setAcl(path: string, acl: readonly Acl[], options?: VersionOptions & CallOptions): Promise<Stat> {
    const request = (): Request =>
      ({ op: 7, path: checkPath(path), acl: checkAcl(acl), version: versionOf(options) })
    return this.#call(options, request, pickStat, WRITE)
  }

  /** Several changes that happen together or not at all. */
  multi(): Multi {
    return new Multi(this.#session)
  }

  /**
   * Changes the members of the ensemble and gives its new configuration. Errors: ReconfigDisabled, unless the servers
   * allow it; BadVersion, NewConfigNoQuorum, ReconfigInProgress.
   */
  reconfig(change: Reconfiguration, options?: CallOptions): Promise<NodeData> {
    return this.#call(options, () => reconfigRequest(change), pickNode)
  }

  // --- watches -----------------------------------------------------------------------------------------------------

  /**
   * Every change at a path, or at it and below; for as long as the session lives. Apache servers before 3.9 keep only
   * one kind of watch for a connection and a path (ZOOKEEPER-4466): there, another kind at the same path, one-shots
   * among them, ends this one silently unless it is set by another client.
   */
  watch(path: string, options: WatchOptions = {}): Watcher {
    return this.#watches.watch(checkPath(path), options)
  }

  /** The next change of a node (or of the list of its children). */
  once(path: string, options: CallOptions & { readonly children?: boolean } = {}): Promise<WatchChange> {
    return new Promise((resolve, reject) => {
      checkCall(options, ONCE)
      const { signal } = options
      const shot: OneShot = {
        onChange: (change) => {
          offAbort(signal, abort)
          resolve(change)
        },
        onEnd: (error) => {
          offAbort(signal, abort)
          reject(error ?? new ZkError('Closed', undefined, { path }))
        },
        onRefused: (error) => shot.onEnd?.(error),
      }
      const abort = (): void => {
        this.#watches.dropOneShot(path, shot)
        reject(new ZkError('Aborted', undefined, { path, cause: signal?.reason }))
      }
      const isChildren = options.children === true
      const request = { op: isChildren ? 8 : 3, path: checkPath(path), watch: true } as const
      const armed = (): void => onAbort(signal, abort)
      const [pick, list]: [Pick, OneShotList] = isChildren ? [pickNames, 'child'] : [pickExists, 'data']
      this.#watches.read(request, pick, signal, list, shot, armed, reject)
    })
  }

  /**
   * Forgets the watches that this client left at a path, and gives the kinds there were. A `once` or a watcher that
   * waits there ends as if it had been closed. With `local` they go even when the ensemble does not answer. Errors:
   * NoWatcher when there is none; Aborted, which does not take it back.
   */
  removeWatches(
    path: string, kind: WatchKind | 'any' = 'any', options: RemoveWatchesOptions = {},
  ): Promise<WatchKind[]> {
    return new Promise((resolve, reject) => {
      checkCall(options, REMOVE_WATCHES)
      this.#watches.remove(checkPath(path), kind, options).then(resolve, reject)
    })
  }

  // --- inside ------------------------------------------------------------------------------------------------------

  /** Whatever `build` throws rejects the promise. */
  #call<T>(
    options: CallOptions | undefined, build: () => Request, pick: (outcome: Outcome, request: Request) => T | ZkError,
    known: readonly string[] = CALL_OPTIONS,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      checkCall(options, known)
      this.#session.submit(build(), pick, options?.signal, resolve, reject)
    })
  }

  #read(
    op: 3 | 4 | 8 | 12, path: string, options: ReadOptions | undefined, list: OneShotList, pick: Pick,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      checkPath(path)
      checkCall(options, READ)
      const watch = options?.watch
      if (watch !== undefined && typeof watch !== 'function') throw new TypeError('watch must be a function')
      const signal = options?.signal
      if (watch === undefined) {
        this.#session.submit({ op, path, watch: false }, pick, signal, resolve, reject)
      } else {
        const drop = (): void => this.#watches.dropOneShot(path, shot)
        const shot: OneShot = {
          onChange: (change) => {
            offAbort(signal, drop)
            watch(change)
          },
          onEnd: () => offAbort(signal, drop),
          onRefused: () => shot.onChange({ type: list === 'child' ? 'children' : 'changed', path, zxid: -1 }),
        }
        const armed = (value: unknown): void => {
          onAbort(signal, drop)
          resolve(value)
        }
        this.#watches.read({ op, path, watch: true }, pick, signal, list, shot, armed, reject)
      }
    })
  }

  #create<T>(
    path: string, data: Data, options: CreateCallOptions | undefined, stat: boolean,
    pick: (outcome: Outcome, request: Request) => T | ZkError,
  ): Promise<T> {
    const parents = options?.parents
    if (parents === undefined || parents === false) {
      return this.#call(options, () => createRequest(path, data, options, stat, this.#session.copies), pick, CREATE)
    }
    return new Promise((resolve, reject) => {
      checkCall(options, CREATE)
      if (!PARENTS.includes(parents)) throw new TypeError(`parents: '${parents}' is no kind of node`)
      const request = createRequest(path, data, options, stat, this.#session.copies)
      const kind = parents === 'container' ? parents : 'persistent'
      createWithParents<T>(asking(this.#session, options?.signal), request, kind, pick).then(resolve, reject)
    })
  }

  #onState(change: StateChange): void {
    for (const listener of Array.from(this.#listeners)) {
      try {
        listener(change)
      } catch (error) {
        this.#logger.error('a listener threw', { event: 'state', error })
      }
    }
  }
}

/** True for reads that may be answered on the spot. */
function isPlainRead(options: ReadOptions | undefined): boolean {
  if (options === undefined) return true
  checkCall(options, READ)
  return options.watch === undefined && options.signal?.aborted !== true
}

function checkPrefix(prefix: unknown): string {
  if (typeof prefix !== 'string') throw new TypeError(`a prefix must be a string, not ${typeof prefix}`)
  return prefix
}
