import type { CallOptions } from '../client/multi.ts'
import { checkCall } from '../client/multi.ts'
import { offAbort, onAbort } from '../client/on-abort.ts'
import { checkLogger, checkOptions, checkSignal } from '../client/options.ts'
import { checkPath } from '../client/requests.ts'
import type { CreateOptions } from '../client/requests.ts'
import { isZkError, ZkError } from '../core/errors.ts'
import { checkHealth, Health } from './health.ts'
import type { HealthCheck, HealthOptions } from './health.ts'
import { INSTANCE_OPTIONS, instanceOf, readInstance } from './instance.ts'
import type { Instance, InstanceOptions } from './instance.ts'
import { Listeners } from './listeners.ts'
import type { RecipeLogger } from './listeners.ts'
import { aborted, below, signalOf, unlessAborted } from './pause.ts'
import { bytesOf, presence, presenceSoon } from './presence.ts'
import type { Presence } from './presence.ts'
import { checkSource, clientOf, sessionOf } from './sessions.ts'
import type { SessionSource } from './sessions.ts'
import { Turns } from './turns.ts'
import { uniqueId } from './unique-id.ts'

/** What is registered, and how. */
export interface RegisterOptions<P = unknown> extends InstanceOptions<P> {
  /** Of the service. */
  readonly name: string
  /** Of the instance, the same for as long as it is the same to others; one of its own when left out. */
  readonly id?: string
  /** Asked again and again; while the program is not well, nobody is sent to it. */
  readonly health?: HealthCheck | HealthOptions
  readonly acl?: NonNullable<CreateOptions['acl']>
  /** Gives up registering with Aborted; later on it closes the registration, without draining. */
  readonly signal?: AbortSignal
  /** Hears of listeners that throw. */
  readonly logger?: RecipeLogger
}

/**
 * - `up`: others find it, as far as is known here.
 * - `absent`: it should be there, but there is no session, or somebody else stands in its place.
 * - `unhealthy`: it stepped out, until its health check succeeds.
 * - `draining`: it stepped out for good, and lets its work end.
 * - `closed`: final.
 */
export type RegistrationState = 'up' | 'absent' | 'unhealthy' | 'draining' | 'closed'

/** What the listeners of a registration get. */
export interface RegistrationEvents {
  readonly state: readonly [state: RegistrationState]
  /** A health check threw or took too long, or the ensemble refused what it takes to come back; it is tried again. */
  readonly failed: readonly [error: unknown]
  /** Nothing follows. Null: closed as asked. */
  readonly end: readonly [error: ZkError | null]
}

/** How a registration is drained. */
export interface DrainOptions extends CallOptions {
  /** For how long it lets the work go on; for ever when left out. */
  readonly waitMs?: number
}

const OPTIONS: readonly string[] = [...INSTANCE_OPTIONS, 'name', 'id', 'health', 'acl', 'signal', 'logger']

/** One instance of a service, announced for as long as it is open and well. */
export class Registration<P = unknown> {
  /** Of the node, when it is there. */
  readonly path: string
  readonly #source: SessionSource
  readonly #listeners: Listeners<RegistrationEvents>
  readonly #options: RegisterOptions<P>
  readonly #health: Health | null
  readonly #closing = new AbortController()
  readonly #turns = new Turns()
  readonly #work = new Set<Promise<unknown>>()
  #said: InstanceOptions<P>
  #instance: Instance<P>
  #presence: Presence | null = null
  #leaving: Promise<void> = Promise.resolve()
  #isAdjusting = false
  #mustAdjust = false
  #isBegun = false
  #isDraining = false
  #told: RegistrationState | null = null
  #closed: Promise<void> | null = null

  /** @internal `register` makes them. */
  constructor(source: SessionSource, basePath: string, options: RegisterOptions<P>) {
    const { name, id = newId(source), health, logger } = options
    this.#source = source
    this.#options = options
    this.path = checkPath(below(below(checkPath(basePath), name), id))
    const clock = clientOf(source).clock
    this.#said = saidOf(options)
    this.#instance = instanceOf({ name, id, registrationTimeUTC: clock.wall(), unknown: {} }, this.#said)
    bytesOf(this.#instance.toJSON())
    this.#listeners = new Listeners<RegistrationEvents>(['state', 'failed', 'end'], logger)
    this.#health = health === undefined ? null : new Health(clock, checkHealth(health), {
      onChange: () => this.#adjust(),
      onFailure: (error) => this.#listeners.emit('failed', error),
    })
  }

  /** What is announced, or will be when it is there again. */
  get instance(): Instance<P> {
    return this.#instance
  }

  get state(): RegistrationState {
    if (this.#closing.signal.aborted) return 'closed'
    if (this.#isDraining) return 'draining'
    if (this.#health?.isHealthy === false) return 'unhealthy'
    return this.#presence?.isPresent === true ? 'up' : 'absent'
  }

  /** What the last health check found; true when there is none. */
  get isHealthy(): boolean {
    return this.#health?.isHealthy ?? true
  }

  /** Calls back at every such event until the returned function is called. */
  on<Name extends keyof RegistrationEvents>(
    event: Name, listener: (...given: RegistrationEvents[Name]) => void,
  ): () => void {
    return this.#listeners.on(event, listener)
  }

  /**
   * Changes what is announced; what is not named stays, and so does what others added to the node that this package
   * does not know. Resolves when the node holds it, at once while it stepped out. Errors: those of a presence's `set`,
   * and all stays as it was then; TypeError.
   */
  async update(changes: Partial<InstanceOptions<P>>, options?: CallOptions): Promise<void> {
    checkCall(options)
    checkOptions(changes ?? null, INSTANCE_OPTIONS, 'the changes')
    const signal = options?.signal
    await this.#turns.take(async () => {
      if (this.#closing.signal.aborted) throw new ZkError('Closed', undefined, { path: this.path })
      const said = { ...this.#said, ...changes }
      const { name, id, registrationTimeUTC } = this.#instance
      const unknown = await this.#unknown(signal)
      const instance = instanceOf({ name, id, registrationTimeUTC, unknown }, said)
      // While it stepped out nobody else would say so.
      bytesOf(instance.toJSON())
      const former = [this.#instance, this.#said] as const
      // It holds from here on: should the node be made again meanwhile, then with this.
      this.#instance = instance
      this.#said = said
      try {
        await this.#presence?.set(instance.toJSON(), signalOf(signal))
      } catch (error) {
        if (!isZkError(error) || !error.mayHaveHappened) [this.#instance, this.#said] = former
        throw error
      }
    }, signal)
  }

  /** Fields that others put into the node. */
  async #unknown(signal: AbortSignal | undefined): Promise<Readonly<Record<string, unknown>>> {
    const known = this.#instance.unknown
    const path = this.#presence?.path ?? null
    if (path === null) return known
    try {
      const zk = await sessionOf(this.#source, signal)
      return readInstance(path, await zk.get(path, signalOf(signal))).unknown
    } catch (error) {
      if (signal?.aborted === true) throw error
      // The node went, or holds what is no instance: there is nothing to keep but what is known.
      return known
    }
  }

  /** Counts a piece of work until it has settled: `drain` waits for it. Gives it back: look at it, as it may fail. */
  track<T>(work: Promise<T>): Promise<T> {
    const settled = Promise.allSettled([work]).then(() => void this.#work.delete(settled))
    this.#work.add(settled)
    return work
  }

  /** Pieces of work that are tracked and have not settled. */
  get running(): number {
    return this.#work.size
  }

  /**
   * Steps out, so that nobody finds it any more; then lets the tracked work end, also what comes in meanwhile from
   * those who found it before; then closes. Resolves with true when all the work ended, with false when `waitMs` were
   * over. Errors: Aborted; it is closed then, too.
   */
  async drain(options: DrainOptions = {}): Promise<boolean> {
    checkCall(options, ['signal', 'waitMs'])
    const { signal, waitMs } = options
    if (waitMs !== undefined && !(Number.isInteger(waitMs) && waitMs >= 0)) {
      throw new TypeError('waitMs must be an integer that is not negative')
    }
    this.#isDraining = true
    this.#health?.stop()
    this.#adjust()
    this.#tell()
    try {
      return await this.#untilDone(signal, waitMs)
    } finally {
      await this.close()
    }
  }

  #untilDone(signal: AbortSignal | undefined, waitMs: number | undefined): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        timer?.cancel()
        offAbort(signal, abort)
        this.#closing.signal.removeEventListener('abort', end)
      }
      const abort = (): void => {
        settle()
        reject(aborted(signal))
      }
      const end = (): void => {
        settle()
        resolve(this.#work.size === 0)
      }
      const clock = clientOf(this.#source).clock
      const timer = waitMs === undefined ? null : clock.setTimer(waitMs, end)
      if (signal?.aborted === true) return abort()
      onAbort(signal, abort)
      this.#closing.signal.addEventListener('abort', end, { once: true })
      void this.#idle().then(end)
    })
  }

  /** It stepped out, and no work is left. */
  async #idle(): Promise<void> {
    await this.#leaving
    while (this.#work.size > 0) await Promise.all(this.#work)
  }

  /** Steps out at once, whatever is still running. Resolves as a presence's `close`. Idempotent, never rejects. */
  close(): Promise<void> {
    return this.#closed ??= this.#end(null)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  // --- stepping in and out -----------------------------------------------------------------------------------------

  /** @internal Errors: those of `presence`. */
  async begin(): Promise<void> {
    const { signal } = this.#options
    try {
      if (signal?.aborted === true) throw aborted(signal)
      const close = (): void => void this.close()
      onAbort(signal, close)
      this.#closing.signal.addEventListener('abort', () => offAbort(signal, close), { once: true })
      const isHealthy = this.#health === null || await unlessAborted(this.#health.begin(), this.#closing.signal)
      if (isHealthy && !this.#closing.signal.aborted) {
        this.#follow(await presence(this.#source, this.path, this.#instance.toJSON(), this.#presenceOptions(true)))
      }
    } catch (error) {
      await this.close()
      throw signal?.aborted === true ? aborted(signal) : error
    }
    if (this.#closing.signal.aborted) throw aborted(signal)
    this.#isBegun = true
    this.#adjust()
    this.#tell()
  }

  /** Whoever has this id at the beginning is followed by this program, as by Curator's; later on none is driven out. */
  #presenceOptions(replace: boolean): Parameters<typeof presenceSoon>[3] {
    const { acl, logger } = this.#options
    return {
      replace, signal: this.#closing.signal, ...(acl === undefined ? {} : { acl }),
      ...(logger === undefined ? {} : { logger }),
    }
  }

  #follow(kept: Presence): void {
    this.#presence = kept
    kept.on('present', () => this.#tell())
    kept.on('absent', () => this.#tell())
    kept.on('failed', (error) => this.#listeners.emit('failed', error))
    kept.on('end', (error) => {
      if (error !== null) this.#closed ??= this.#end(error)
    })
    // It may have ended before anybody listened; when it was closed, this is, too.
    if (kept.isOver) kept.present().catch((error: ZkError) => void (this.#closed ??= this.#end(error)))
  }

  /** One change at a time: the node of before is gone when the next one comes. */
  #adjust(): void {
    this.#mustAdjust = true
    if (this.#isAdjusting || !this.#isBegun) return
    this.#isAdjusting = true
    this.#leaving = this.#adjustOn()
  }

  async #adjustOn(): Promise<void> {
    while (this.#mustAdjust) {
      this.#mustAdjust = false
      const isWanted = this.isHealthy && !this.#isDraining && !this.#closing.signal.aborted
      const kept = this.#presence
      if (isWanted && kept === null) {
        this.#follow(presenceSoon(this.#source, this.path, this.#instance.toJSON(), this.#presenceOptions(false)))
      } else if (!isWanted && kept !== null) {
        this.#presence = null
        this.#tell()
        await kept.close()
      }
      this.#tell()
    }
    this.#isAdjusting = false
  }

  #tell(): void {
    const { state } = this
    if (state === this.#told || !this.#isBegun) return
    this.#told = state
    this.#listeners.emit('state', state)
  }

  async #end(error: ZkError | null): Promise<void> {
    this.#closing.abort()
    this.#health?.stop()
    this.#tell()
    await this.#leaving
    await this.#presence?.close()
    this.#listeners.emit('end', error)
    this.#listeners.clear()
  }
}

function saidOf<P>(options: RegisterOptions<P>): InstanceOptions<P> {
  return Object.fromEntries(Object.entries(options)
    .filter(([name]) => INSTANCE_OPTIONS.includes(name))) as unknown as InstanceOptions<P>
}

/** In the form of a UUID, as Curator's are. */
function newId(source: SessionSource): string {
  return uniqueId(clientOf(source)).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/**
 * Announces this program as an instance of a service: an ephemeral node `<basePath>/<name>/<id>`, kept as a `presence`,
 * so that it comes back after somebody deleted it, and, when `source` is what `sessionsFrom` gave, in the next session.
 * With a client it ends with that session. Resolves when it is there, or when the first health check has failed: then
 * it comes when one succeeds.
 *
 * `health` is called again and again, never twice at a time; a check that gives anything but true, throws or takes too
 * long has failed. The node is deleted while the program is not well: every reader understands that, whereas
 * `enabled: false` is seen by few of Curator's. `drain` steps out and lets the work end that `track` was told of.
 *
 * Promises: those of `presence`. One program per id: the one that registers last has it, as in Curator, and the one
 * before does not fight for it (`absent`). Does not promise that nobody calls any more when it has stepped out: others
 * hear of it a moment later.
 *
 * Layout: Curator's x-discovery, JSON as its JsonInstanceSerializer writes it, serviceType DYNAMIC; `weight` and `tags`
 * stand in the payload. Missing parents are made as containers. Errors: those of `presence`; TypeError.
 */
export async function register<P = unknown>(
  source: SessionSource, basePath: string, options: RegisterOptions<P>,
): Promise<Registration<P>> {
  checkSource(source)
  checkOptions(options ?? null, OPTIONS)
  const { name, id, signal, logger, health } = options
  for (const [what, value] of Object.entries({ name, id: id ?? 'id' })) {
    if (typeof value !== 'string' || value === '' || value.includes('/')) {
      throw new TypeError(`${what} must be a text that is not empty and has no slash`)
    }
  }
  checkSignal(signal)
  checkLogger(logger)
  if (health !== undefined) checkHealth(health)
  const registration = new Registration<P>(source, basePath, options)
  await registration.begin()
  return registration
}
