import type { CallOptions } from '../client/multi.ts'
import { checkCall } from '../client/multi.ts'
import { offAbort, onAbort } from '../client/on-abort.ts'
import { checkLogger, checkOptions, checkSignal, checkTypes } from '../client/options.ts'
import { SURELY_TAKEN_BYTES } from '../client/request-size.ts'
import { checkPath } from '../client/requests.ts'
import type { CreateOptions } from '../client/requests.ts'
import type { Data } from '../client/values.ts'
import { toBytes } from '../client/values.ts'
import { ZkError } from '../core/errors.ts'
import type { Listeners, RecipeLogger } from './listeners.ts'
import { aborted } from './pause.ts'
import { PresenceNode } from './presence-node.ts'
import type { PresenceEvents } from './presence-node.ts'
import { checkSource } from './sessions.ts'
import type { SessionSource } from './sessions.ts'

export type { PresenceEvents } from './presence-node.ts'

/** How a node is kept. */
export interface PresenceOptions {
  /**
   * `ephemeral` keeps a node at the very path; it is the default. `ephemeralSequential` keeps one whose name is an id
   * of its own, the last part of the path and a number, and has another number each time it is made.
   */
  readonly mode?: 'ephemeral' | 'ephemeralSequential'
  /** Takes the place of a node that is there at the beginning, instead of waiting until that one goes. */
  readonly replace?: boolean
  /** Of the node and of parents that are missing. */
  readonly acl?: NonNullable<CreateOptions['acl']>
  /** Gives up beginning with Aborted; later on it closes the presence. */
  readonly signal?: AbortSignal
  /** Hears of listeners that throw. */
  readonly logger?: RecipeLogger
}

const OPTIONS: readonly string[] = ['mode', 'replace', 'acl', 'signal', 'logger']

/** An ephemeral node that is kept. */
export class Presence {
  readonly #node: PresenceNode
  readonly #listeners: Listeners<PresenceEvents>
  #offSignal: () => void = () => undefined

  /** @internal `presence` makes them. */
  constructor(node: PresenceNode) {
    this.#node = node
    this.#listeners = node.listeners
    node.begin()
  }

  /** Path of the node; null while it is not there. */
  get path(): string | null {
    return this.isPresent ? this.#node.path : null
  }

  /**
   * The node is there as far as is known here: it was there when it was last looked at, nothing was heard of its end,
   * and the session is surely alive.
   */
  get isPresent(): boolean {
    return this.#node.isPresent
  }

  /** It is not kept any more: it was closed, or its one session is over. */
  get isOver(): boolean {
    return this.#node.isOver
  }

  /** Calls back at every such event until the returned function is called. */
  on<Name extends keyof PresenceEvents>(event: Name, listener: (...given: PresenceEvents[Name]) => void): () => void {
    return this.#listeners.on(event, listener)
  }

  /** Resolves with the path when the node is there. Errors: Aborted; whatever ends the presence. */
  present(options?: CallOptions): Promise<string> {
    checkCall(options)
    const signal = options?.signal
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        for (const off of offs) off()
        offAbort(signal, abort)
      }
      const abort = (): void => {
        settle()
        reject(aborted(signal))
      }
      const end = (error: ZkError | null): void => {
        settle()
        reject(error ?? new ZkError('Closed'))
      }
      const offs = [this.on('end', end), this.on('present', (path) => {
        settle()
        resolve(path)
      })]
      const { path } = this
      if (signal?.aborted === true) return abort()
      if (this.isOver) return end(this.#node.error)
      if (path !== null) {
        settle()
        return resolve(path)
      }
      onAbort(signal, abort)
    })
  }

  /**
   * Changes the data, for now and for every time the node is made again. Resolves when the node holds it, or what was
   * set later; it waits while the node is not there. Errors: those of the client's `set`, and the node keeps its former
   * data then; BadArguments for more than 1,000,000 bytes; Aborted, which does not take the data back; whatever ends
   * the presence; TypeError.
   */
  async set(data: Data, options?: CallOptions): Promise<void> {
    checkCall(options)
    if (data === undefined) throw new TypeError('data is missing; null stores none')
    return this.#node.set(bytesOf(data), options?.signal)
  }

  /**
   * Deletes the node and keeps it no more. Resolves when it is gone or sure to go: the session is over, or nothing is
   * known of it any more (`lost`), and the node goes with it, or is deleted when there is a connection or another
   * session of the source. Idempotent, never rejects.
   */
  close(): Promise<void> {
    this.#offSignal()
    return this.#node.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** @internal From here on the signal closes it, and what is refused is tried again. */
  begun(signal: AbortSignal | undefined): void {
    this.#node.isBegun = true
    if (signal === undefined || this.isOver) return
    const close = (): void => void this.close()
    if (signal.aborted) return close()
    onAbort(signal, close)
    this.#offSignal = () => offAbort(signal, close)
    this.on('end', this.#offSignal)
  }
}

/** The data of a node that is kept, as it will be stored. Errors: BadArguments when it is too much; TypeError. */
export function bytesOf(data: Data): Uint8Array | null {
  const bytes = toBytes(data)
  if (bytes === null || bytes.length <= SURELY_TAKEN_BYTES) return bytes
  throw new ZkError('BadArguments', `${bytes.length} bytes of data, where ${SURELY_TAKEN_BYTES} is the most`)
}

/**
 * Keeps an ephemeral node at `path`: it is made again when somebody deletes it, and, when `source` is what
 * `sessionsFrom` gave, in the next session when one is over. With a client it lasts as long as that session. Resolves
 * when the node is there; that may take long when somebody else has one at this path, as it waits until that one goes,
 * unless `replace` is set. A node that an earlier session of this presence left is replaced at once.
 *
 * Promises: while it is open and has a connection, the node is there, or will be: deletions are heard of and undone,
 * whatever was lost of what was heard or answered. It is made once per session, again only when deleted; `close`
 * leaves nothing behind. `isPresent` turns false when the client's state says that the session may be over: events
 * `absent` and `present` tell of it. What the ensemble refuses while it is kept (`failed`) is tried again, later each
 * time, up to every ten seconds or so.
 *
 * Does not promise: that others see the node at once, or exactly while `isPresent` is true: their reads are as old as
 * reads are, and a node whose program died stays until its session times out. It is no lock: use `acquire` for that. A
 * change of its data by others is left alone until the next `set`. Of two presences at one path one waits, also in one
 * session; but after an answer was lost there, each takes the other's node for its own: have one per path and session.
 *
 * Errors: those of `create`; BadArguments (see `set`); Aborted; SessionExpired and Closed when there is no session any
 * more; TypeError.
 * Layout: Curator's PersistentNode; with `ephemeralSequential` the name begins with an id of its own. Missing parents
 * are made as containers. Servers: ours, and Apache ZooKeeper from 3.6 on.
 */
export async function presence(
  source: SessionSource, path: string, data: Data = null, options: PresenceOptions = {},
): Promise<Presence> {
  const { signal } = options
  const kept = keep(source, path, data, options)
  try {
    await kept.present(signal === undefined ? {} : { signal })
  } catch (error) {
    void kept.close()
    throw error
  }
  kept.begun(signal)
  return kept
}

/** The same, but given at once, before the node is there; what is refused is told by `failed` from the beginning. */
export function presenceSoon(source: SessionSource, path: string, data: Data, options: PresenceOptions): Presence {
  const kept = keep(source, path, data, options)
  kept.begun(options.signal)
  return kept
}

function keep(source: SessionSource, path: string, data: Data, options: PresenceOptions): Presence {
  checkSource(source)
  checkOptions(options, OPTIONS)
  const { mode = 'ephemeral', replace = false, acl, signal, logger } = options
  checkSignal(signal)
  checkLogger(logger)
  checkTypes(options, { replace: 'boolean' })
  if (mode !== 'ephemeral' && mode !== 'ephemeralSequential') {
    throw new TypeError(`mode must be ephemeral or ephemeralSequential, not ${String(mode)}`)
  }
  const isSequential = mode === 'ephemeralSequential'
  checkPath(isSequential && typeof path === 'string' ? `${path}1` : path)
  if (path === '/') throw new TypeError('the root is always there')
  return new Presence(new PresenceNode({ source, path, isSequential, acl, logger }, bytesOf(data), replace))
}
