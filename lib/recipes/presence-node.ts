import type { Client } from '../client/client.ts'
import { offAbort, onAbort } from '../client/on-abort.ts'
import type { Created } from '../client/outcomes.ts'
import type { CreateOptions } from '../client/requests.ts'
import type { Watcher } from '../client/watcher.ts'
import { isZkError, ZkError } from '../core/errors.ts'
import { isLost, isOver, untilConnected } from './connection.ts'
import { Listeners } from './listeners.ts'
import type { RecipeLogger } from './listeners.ts'
import { aborted, backOff, pause, retried } from './pause.ts'
import { createProtected } from './protected-node.ts'
import { clientOf, sessionOf } from './sessions.ts'
import type { SessionSource } from './sessions.ts'

/** What the listeners of a presence get. */
export interface PresenceEvents {
  /** The node is there, again or in another session. */
  readonly present: readonly [path: string]
  /** It is not there, or may not be: somebody deleted it, or the session is over or may be. */
  readonly absent: readonly []
  /** The ensemble refused what it takes; it is tried again. */
  readonly failed: readonly [error: ZkError]
  /** It is kept no more. Null: closed as asked. */
  readonly end: readonly [error: ZkError | null]
}

/** What is kept, and where. */
export interface PresenceParts {
  readonly source: SessionSource
  /** The node's path, or all of it but the number. */
  readonly path: string
  readonly isSequential: boolean
  readonly acl: CreateOptions['acl'] | undefined
  readonly logger: RecipeLogger | undefined
}

type Bytes = Uint8Array | null
type Stat = Created['stat']

interface Writer {
  readonly from: number
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

const SHORTEST_MS = 100
const LONGEST_MS = 10_000

/**
 * The loop that keeps one node: it looks, does what is missing, and sleeps until something wakes it: an event of the
 * watch on the node, a change of the session's state, new data. There is one look at a time.
 */
export class PresenceNode {
  readonly listeners: Listeners<PresenceEvents>
  /** From here on what the ensemble refuses is tried again; before, it is the error of `presence`. */
  isBegun = false
  /** What ended it; null: nothing did, or it was closed. */
  error: ZkError | null = null
  readonly #parts: PresenceParts
  readonly #closing = new AbortController()
  /** Which node was made last: another presence of the same session may have the one that is there. */
  #czxid: Stat['czxid'] | null = null
  /** Sessions in which an answer was lost: whatever they have at the path may have been made here. */
  readonly #unsure = new Set<Stat['ephemeralOwner']>()
  readonly #writers = new Set<Writer>()
  /** Paths of nodes of former sessions that may still be there. */
  readonly #left = new Set<string>()
  #mayReplace: boolean
  #zk: Client | null = null
  #path: string | null = null
  #isTold = false
  #isOver = false
  /** The newest data, its number, and the number of what the node holds. */
  #data: Bytes
  #newest = 0
  #written = -1
  /** The last data that the ensemble took, and its number. */
  #taken: { readonly data: Bytes, readonly number: number } | null = null
  #watcher: Watcher | null = null
  #mustLook = false
  #onWake: () => void = () => undefined
  #keeping: Promise<void> = Promise.resolve()
  #closed: Promise<void> | null = null

  constructor(parts: PresenceParts, data: Bytes, replace: boolean) {
    this.#parts = parts
    this.#data = data
    this.#mayReplace = replace
    this.listeners = new Listeners<PresenceEvents>(['present', 'absent', 'failed', 'end'], parts.logger)
  }

  get path(): string | null {
    return this.#path
  }

  get isPresent(): boolean {
    return this.#path !== null && this.#isTold && this.#zk !== null && this.#zk.status().aliveForMs > 0
  }

  get isOver(): boolean {
    return this.#isOver
  }

  begin(): void {
    this.#keeping = this.#keep()
  }

  set(data: Bytes, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) throw aborted(signal)
      if (this.#isOver) throw this.error ?? new ZkError('Closed')
      this.#data = data
      this.#newest += 1
      const settle = (): void => {
        this.#writers.delete(writer)
        offAbort(signal, abort)
      }
      const abort = (): void => writer.reject(aborted(signal, true))
      const writer: Writer = {
        from: this.#newest,
        resolve: () => {
          settle()
          resolve()
        },
        reject: (error) => {
          settle()
          reject(error)
        },
      }
      this.#writers.add(writer)
      onAbort(signal, abort)
      this.#wake()
    })
  }

  close(): Promise<void> {
    return this.#closed ??= this.#leave()
  }

  // --- the loop ----------------------------------------------------------------------------------------------------

  async #keep(): Promise<void> {
    const { signal } = this.#closing
    try {
      while (!signal.aborted) {
        const zk = await sessionOf(this.#parts.source, signal)
        this.#zk = zk
        await this.#stay(zk)
      }
    } catch (error) {
      this.#end(signal.aborted ? null : error)
    }
  }

  /** Until the session is over, or the presence is closed. */
  async #stay(zk: Client): Promise<void> {
    const { signal } = this.#closing
    const off = zk.on('state', ({ state }) => {
      if (state === 'lost' || isOver(zk)) this.#tell(false)
      this.#wake()
    })
    // At a path of its own the node of the former session is replaced; this one it would stand beside.
    if (this.#parts.isSequential && this.#path !== null) this.#left.add(this.#path)
    this.#path = null
    this.#written = -1
    let failures = 0
    try {
      while (!isOver(zk) && !signal.aborted) {
        this.#mustLook = false
        try {
          await this.#look(zk)
          failures = 0
          await this.#woken()
        } catch (error) {
          if (isOver(zk) || signal.aborted) return
          await this.#afterFailure(zk, error, failures)
          failures += 1
        }
      }
    } finally {
      off()
      this.#watcher?.close()
      this.#watcher = null
      this.#tell(false)
    }
  }

  async #afterFailure(zk: Client, error: unknown, failures: number): Promise<void> {
    const { signal } = this.#closing
    try {
      if (isLost(error)) {
        await backOff(zk, failures, signal)
        await untilConnected(zk, signal)
        return
      }
      if (!this.isBegun || !isZkError(error)) throw error
      this.listeners.emit('failed', error)
      const longestMs = Math.min(SHORTEST_MS * 2 ** Math.min(failures, 16), LONGEST_MS)
      await pause(zk, Math.ceil(longestMs * (1 + zk.random()) / 2), signal)
    } catch (thrown) {
      if (!isOver(zk) && !signal.aborted) throw thrown
    }
  }

  #wake(): void {
    this.#mustLook = true
    this.#onWake()
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      const { signal } = this.#closing
      if (this.#mustLook || signal.aborted) return resolve()
      this.#onWake = resolve
    })
  }

  // --- one look ----------------------------------------------------------------------------------------------------

  /** Returns when the node is there with the newest data, or somebody else's is in its place. */
  async #look(zk: Client): Promise<void> {
    for (;;) {
      if (this.#path === null && !await this.#make(zk)) return this.#tell(false)
      const path = this.#path
      if (path === null) continue
      await this.#watch(zk, path)
      const stat = await zk.exists(path)
      if (this.#closing.signal.aborted) return
      if (stat === null || !this.#isOwn(zk, stat)) {
        this.#path = null
        this.#tell(false)
        continue
      }
      if (this.#written !== this.#newest && !await this.#write(zk, path, stat)) continue
      if (this.#closing.signal.aborted) return
      this.#mayReplace = false
      this.#settle()
      if (zk.state === 'connected') this.#tell(true)
      await this.#clear(zk)
      return
    }
  }

  async #watch(zk: Client, path: string): Promise<void> {
    if (this.#watcher?.path !== path) {
      this.#watcher?.close()
      const watcher = zk.watch(path, {
        children: false, onItem: () => this.#wake(),
        onEnd: () => {
          if (this.#watcher !== watcher) return
          this.#watcher = null
          this.#wake()
        },
      })
      this.#watcher = watcher
    }
    await this.#watcher.ready()
  }

  /** False: another one's node is there, and it is watched. */
  async #make(zk: Client): Promise<boolean> {
    const number = this.#newest
    const data = this.#data
    try {
      this.#made(await this.#answer(zk, this.#create(zk, data)), data, number)
      return true
    } catch (error) {
      if (isZkError(error, 'NodeExists')) return this.#comeAfter(zk)
      if (isLost(error) || isOver(zk) || !this.#refuse(number, error)) throw error
      return this.#make(zk)
    }
  }

  #made({ path, stat }: Created, data: Bytes, number: number): void {
    this.#path = path
    this.#czxid = stat.czxid
    this.#written = number
    this.#taken = { data, number }
  }

  /** Of what makes the node: when it is lost, nobody knows whether the node is there. */
  async #answer<T>(zk: Client, making: Promise<T>): Promise<T> {
    try {
      return await making
    } catch (error) {
      const session = zk.session?.id
      if (session !== undefined && isZkError(error) && error.mayHaveHappened) this.#unsure.add(session)
      throw error
    }
  }

  #isMine({ czxid, ephemeralOwner }: Stat): boolean {
    return this.#parts.isSequential || czxid === this.#czxid || this.#unsure.has(ephemeralOwner)
  }

  #isOwn(zk: Client, stat: Stat): boolean {
    return stat.ephemeralOwner === zk.session?.id && this.#isMine(stat)
  }

  #create(zk: Client, data: Bytes): Promise<Created> {
    const { path, isSequential, acl } = this.#parts
    const withAcl = acl === undefined ? {} : { acl }
    if (!isSequential) {
      return zk.createWithStat(path, data, { mode: 'ephemeral', parents: 'container', ...withAcl })
    }
    const end = path.lastIndexOf('/')
    return createProtected(zk, {
      dir: path.slice(0, end) || '/', mark: path.slice(end + 1), data, signal: this.#closing.signal, ...withAcl,
    })
  }

  /** There is a node at the path: ours, as an answer was lost; or an earlier one's; or somebody else's. */
  async #comeAfter(zk: Client): Promise<boolean> {
    const { path } = this.#parts
    await this.#watch(zk, path)
    const stat = await zk.exists(path)
    if (stat === null) {
      this.#wake()
      return false
    }
    if (this.#isOwn(zk, stat)) {
      this.#path = path
      this.#czxid = stat.czxid
      this.#written = -1
      return true
    }
    if (!this.#mayReplace && !this.#isMine(stat)) return false
    return this.#replace(zk, stat)
  }

  /**
   * At once, so that nobody comes between; false when it is to be looked at again. The new node has another version
   * than the one before: whoever had that one and does not know yet can neither change nor delete the new one.
   */
  async #replace(zk: Client, { version }: Stat): Promise<boolean> {
    const { path, acl } = this.#parts
    const number = this.#newest
    const data = this.#data
    const options = { mode: 'ephemeral', ...(acl === undefined ? {} : { acl }) } as const
    const multi = zk.multi().delete(path, { version }).create(path, null, options)
    // The data stands in the request once, as it may be as large as a request.
    if (version === 1) multi.set(path, null)
    multi.set(path, data)
    try {
      const results: readonly unknown[] = await this.#answer(zk, multi.commit())
      // The stat of a create in a multi is not to be had from every server (ZOOKEEPER-4026).
      this.#made({ path, stat: results.at(-1) as Stat }, data, number)
      return true
    } catch (error) {
      if (!isZkError(error, 'NoNode') && !isZkError(error, 'BadVersion')) throw error
      this.#wake()
      return false
    }
  }

  /** False: the node is not what it was, or the data was refused and what it should hold has changed. */
  async #write(zk: Client, path: string, { version }: Stat): Promise<boolean> {
    const number = this.#newest
    const data = this.#data
    try {
      await zk.set(path, data, { version })
      this.#written = number
      this.#taken = { data, number }
      return number === this.#newest
    } catch (error) {
      if (isZkError(error, 'BadVersion')) return false
      if (isZkError(error, 'NoNode')) this.#path = null
      else if (isLost(error) || isOver(zk) || !this.#refuse(number, error)) throw error
      if (this.#path === null) this.#tell(false)
      return false
    }
  }

  /** The data was refused: whoever set it hears of it, and the last good data stays. False when there is none. */
  #refuse(number: number, error: unknown): boolean {
    const taken = this.#taken
    if (taken === null || taken.number === number) return false
    for (const writer of Array.from(this.#writers)) {
      if (writer.from <= number) writer.reject(error instanceof Error ? error : new ZkError('SystemError'))
    }
    if (this.#newest !== number) return true
    if (this.#written === taken.number) this.#written = number
    this.#data = taken.data
    this.#taken = { data: taken.data, number }
    return true
  }

  #settle(): void {
    for (const writer of Array.from(this.#writers)) if (writer.from <= this.#written) writer.resolve()
  }

  #tell(isPresent: boolean): void {
    if (isPresent === this.#isTold) return
    this.#isTold = isPresent
    if (isPresent) this.isBegun = true
    if (isPresent && this.#path !== null) this.listeners.emit('present', this.#path)
    else this.listeners.emit('absent')
  }

  // --- the end -----------------------------------------------------------------------------------------------------

  #end(error: unknown): void {
    if (this.#isOver) return
    this.#isOver = true
    this.error = error === null || isZkError(error) ? error : new ZkError('SystemError', undefined, { cause: error })
    this.#tell(false)
    for (const writer of Array.from(this.#writers)) writer.reject(this.error ?? new ZkError('Closed'))
    this.listeners.emit('end', this.error)
    this.listeners.clear()
  }

  async #leave(): Promise<void> {
    this.#closing.abort()
    this.#onWake()
    this.#end(null)
    const gone = this.#keeping.then(() => this.#remove())
    const { source } = this.#parts
    await unlessUnknown(clientOf(source), gone)
  }

  /**
   * What was left behind, or may have been. A session may be over here before the ensemble has ended it: then the next
   * one deletes what is left of it.
   */
  async #remove(): Promise<void> {
    const path = this.#path ?? (this.#parts.isSequential ? null : this.#parts.path)
    if (path !== null) this.#left.add(path)
    let zk = this.#zk
    try {
      while (zk !== null && !await this.#clear(zk)) zk = await sessionOf(this.#parts.source, undefined)
    } catch (error) {
      // There will be no session any more.
      if (!isZkError(error)) throw error
    }
  }

  /** False: the session is over, and something may be left. */
  async #clear(zk: Client): Promise<boolean> {
    for (const path of Array.from(this.#left)) {
      if (!await this.#removeIn(zk, path)) return false
      this.#left.delete(path)
    }
    return true
  }

  async #removeIn(zk: Client, path: string): Promise<boolean> {
    for (;;) {
      try {
        return await retried(zk, undefined, async () => {
          // After the sync no create can happen any more whose answer was lost.
          const [, stat] = await Promise.all([zk.sync(path), zk.exists(path)])
          if (stat !== null && this.#isMine(stat)) await zk.delete(path, { version: stat.version })
          return true
        })
      } catch (error) {
        if (isOver(zk)) return false
        if (!isZkError(error)) throw error
        // What may not be deleted goes when the ensemble ends its session.
        if (error.code !== 'BadVersion') return true
      }
    }
  }
}

/** Resolves when it is gone, or the session is over, or may be. */
function unlessUnknown(zk: Client, gone: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      off()
      resolve()
    }
    const look = (): void => {
      if (isOver(zk) || zk.state === 'lost') settle()
    }
    const off = zk.on('state', look)
    look()
    void gone.then(settle)
  })
}
