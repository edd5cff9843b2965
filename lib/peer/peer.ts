import type { Endpoint } from '../client/channel.ts'
import { Client } from '../client/client.ts'
import type { ConnectOptions } from '../client/connect-options.ts'
import type { RoleEffect } from '../core/effects.ts'
import { isZkError, ZkError } from '../core/errors.ts'
import { Replica } from '../core/replica.ts'
import type { ReplicaStatus } from '../core/status.ts'
import type { StorageFeatures } from '../ports/storage.ts'
import { makeTxnCodec } from '../wire/txn.ts'
import { LocalEndpoint } from './channel.ts'
import { ClientPort } from './client-port.ts'
import { Host } from './host.ts'
import { LocalTree } from './local-tree.ts'
import type { LinkStatus } from './mesh.ts'
import { Mesh } from './mesh.ts'
import { LoopDelay, Metrics } from './metrics.ts'
import type { PeerOptions, PeerSettings } from './options.ts'
import { configText, readOptions } from './options.ts'
import type { Refusal } from './pair.ts'
import { PeerView } from './peer-view.ts'
import { recover } from './recover.ts'
import { makeNextTurn } from './system-clock.ts'
import type { NextTurn } from './system-clock.ts'
import { ServerStats } from './words/server-stats.ts'
import { answerWord } from './words/words.ts'

/** Stopping waits so long for the disk and the network, then gives up on them. */
const STOP_MS = 5_000

/** What a peer tells its owner, by name. */
export interface PeerEventMap {
  /** The role or its readiness changed. */
  role: Omit<RoleEffect, 'kind'>
  /** Clients are served from now on, or no more. */
  serving: boolean
  /** The peer stopped by itself, for good: its storage failed, or an invariant broke. */
  fatal: ZkError
  /** Another peer and this one do not belong together; told once per cause. */
  refused: Refusal
}

/** Everything a peer knows of itself. */
export interface PeerStatus extends ReplicaStatus {
  readonly state: 'running' | 'failed' | 'stopped'
  /** Where it listens, with real ports. */
  readonly addresses: readonly string[]
  /** Where ZooKeeper clients connect, with real ports. */
  readonly clientAddresses: readonly string[]
  readonly links: readonly LinkStatus[]
  /** How late timers run in this process: the recent mean, and the largest of the last 10 s. */
  readonly loopDelay: { readonly meanMs: number, readonly maxMs: number }
  readonly storage: StorageFeatures
  readonly lastError: ZkError | null
}

type Listeners = { [K in keyof PeerEventMap]: Set<(value: PeerEventMap[K]) => void> }

/** One server of an ensemble, inside this process. */
export class Peer {
  readonly id: number
  /** Where in-process clients connect. */
  readonly endpoint: Endpoint
  /** Local reads, without access control, as plain synchronous calls. */
  readonly tree: LocalTree
  readonly #settings: PeerSettings
  readonly #replica: Replica
  readonly #mesh: Mesh
  readonly #host: Host
  readonly #clientPort: ClientPort | null
  readonly #metrics = new Metrics()
  readonly #loopDelay: LoopDelay
  readonly #listeners: Listeners = { role: new Set(), serving: new Set(), fatal: new Set(), refused: new Set() }
  #addresses: readonly string[] = []
  #wasServing = false
  #lastError: ZkError | null = null
  #lastRefusal: Refusal | null = null
  #state: PeerStatus['state'] = 'running'
  #ending: Promise<void> | null = null

  /**
   * Resolves when the storage is recovered and the addresses are bound; a quorum comes later (`ready`). Errors:
   * TypeError, AddressInvalid, AddressInUse, those of Storage.open, ForeignEnsemble, MembershipMismatch, Aborted;
   * nothing stays open then.
   */
  static async start(options: PeerOptions): Promise<Peer> {
    const settings = readOptions(options)
    const { signal } = options
    throwIfAborted(signal)
    const { storage, clock, logger } = settings
    const codec = makeTxnCodec()
    const recovered = await recover(storage, codec, clock, logger, signal)
    let peer: Peer
    try {
      throwIfAborted(signal)
      const replica = new Replica({
        peerId: settings.id,
        ensembleName: settings.ensembleName,
        members: settings.members.map(({ id, role }) => ({ id, role })),
        bootstrap: settings.bootstrap,
        timing: settings.timing,
        limits: settings.limits,
        tree: {
          skipAcl: settings.skipAcl, ttlEnabled: settings.ttl, enforceQuota: settings.enforceQuota,
          containerNeverUsedMs: 0,
          sessionEphemerals: settings.limits.sessionEphemerals,
          sessionEphemeralBytes: settings.limits.sessionEphemeralBytes,
          multiOperations: settings.limits.multiOperations,
        },
        seed: drawSeed(settings.random),
        newEnsembleId: randomHex(),
        codec,
        configData: new TextEncoder().encode(configText(settings.members)),
      }, recovered, { ms: clock.now(), wallMs: clock.wall() })
      peer = new this(settings, replica)
    } catch (error) {
      await storage.close()
      throw error
    }
    await peer.#open(signal)
    return peer
  }

  private constructor(settings: PeerSettings, replica: Replica) {
    const { id, clock, logger, storage, unref, superDigest } = settings
    const nextTurn: NextTurn = clock.nextTurn === undefined ? makeNextTurn() : (callback) => clock.nextTurn?.(callback)
    this.id = id
    this.#settings = settings
    this.#replica = replica
    this.#loopDelay = new LoopDelay(clock)
    this.#mesh = new Mesh({
      self: id, ensembleName: settings.ensembleName, ensembleId: () => replica.ensembleId, members: settings.members,
      transports: settings.transports, listen: settings.listen, secret: settings.secret, limits: settings.limits,
      incarnation: drawSeed(settings.random), clock, logger, unref,
    }, {
      onLinkUp: (link, peer) => this.#host.push({ kind: 'linkUp', link, peer }),
      onLinkDown: (link) => this.#host.push({ kind: 'linkDown', link }),
      onMessages: (link, messages) => {
        this.#metrics.messagesIn += messages.length
        for (const message of messages) this.#host.push({ kind: 'receive', link, message })
      },
      onRefused: (refusal) => {
        this.#lastRefusal = refusal
        this.#emit('refused', refusal)
      },
    })
    this.#host = new Host({
      replica, storage, clock, logger, unref, nextTurn, metrics: this.#metrics,
      send: (link, messages) => this.#mesh.send(link, messages),
      drop: (link, code, reason) => this.#mesh.drop(link, code, reason),
      onTurnEnd: () => this.#clientPort?.flush(),
      onRole: (effect) => this.#onRole(effect),
      onFatal: (error) => this.#onFatal(error),
    })
    this.#clientPort = settings.clients === null ? null : this.#makeClientPort(settings.clients, nextTurn)
    this.tree = new LocalTree(() => replica.tree)
    this.endpoint = new LocalEndpoint({
      peerId: id, host: this.#host, replica, metrics: this.#metrics, nextTurn, superDigest, clock,
      requestBytes: settings.limits.requestBytes,
      touchDelayMs: 2 * settings.timing.syncMs,
    })
  }

  #makeClientPort(options: NonNullable<PeerSettings['clients']>, nextTurn: NextTurn): ClientPort {
    const { transports, limits, clock, logger, superDigest } = this.#settings
    const replica = this.#replica
    const metrics = this.#metrics
    const stats = new ServerStats()
    const port = new ClientPort({
      options, transports, host: this.#host, replica, metrics, stats, limits, clock, nextTurn, logger, superDigest,
      answer: (word, argument) => answerWord(word, view, options.words, argument),
    })
    const view = new PeerView({
      replica, settings: this.#settings, metrics, stats, port,
      extra: () => ({ fsync_max_ms: metrics.persistMsMax, loop_delay_max_ms: this.#loopDelay.maxMs }),
    })
    return port
  }

  /** Calls back at every such event until the returned function is called. */
  on<K extends keyof PeerEventMap>(event: K, listener: (value: PeerEventMap[K]) => void): () => void {
    const listeners = this.#listeners[event]
    listeners.add(listener)
    return () => void listeners.delete(listener)
  }

  /** Resolves when clients are served. Errors: Aborted (cause: the last refusal), PeerStopped, the fatal one. */
  ready(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const { signal } = options
    return new Promise((resolve, reject) => {
      const undo: (() => void)[] = []
      const settle = (error?: ZkError): void => {
        for (const each of undo) each()
        if (error) reject(error)
        else resolve()
      }
      const abort = (): void => {
        const refusal = this.#lastRefusal
        const cause: unknown = refusal ? new ZkError(refusal.code, refusal.reason) : signal?.reason
        settle(new ZkError('Aborted', 'the wait for the ensemble was aborted', { cause }))
      }
      if (this.#state !== 'running') return settle(this.#lastError ?? new ZkError('PeerStopped'))
      if (this.#wasServing) return settle()
      if (signal?.aborted) return abort()
      signal?.addEventListener('abort', abort, { once: true })
      undo.push(
        () => signal?.removeEventListener('abort', abort),
        this.on('serving', (isServing) => isServing && settle()),
        this.on('fatal', (error) => settle(error)),
        this.#onStop(() => settle(new ZkError('PeerStopped'))),
      )
    })
  }

  /**
   * Opens a session in this process, without a socket. It survives the loss of every leader, and ends with PeerStopped
   * when this peer stops. Errors: those of Client.connect.
   */
  connect(options: ConnectOptions = {}): Promise<Client> {
    const { clock, logger, unref } = this.#settings
    return Client.connect({ endpoints: [this.endpoint], clock }, { logger, unref, ...options })
  }

  status(): PeerStatus {
    return {
      ...this.#replica.status(),
      state: this.#state,
      addresses: this.#addresses,
      clientAddresses: this.#clientPort?.addresses() ?? [],
      links: this.#mesh.links(),
      loopDelay: { meanMs: this.#loopDelay.meanMs, maxMs: this.#loopDelay.maxMs },
      storage: this.#settings.storage.features,
      lastError: this.#lastError,
    }
  }

  /** Counts since the start, as one flat record of numbers; durations carry their unit. */
  metrics(): Record<string, number> {
    return {
      ...this.#metrics.record(), ...this.#mesh.traffic(),
      loopDelayMeanMs: this.#loopDelay.meanMs, loopDelayMaxMs: this.#loopDelay.maxMs,
    }
  }

  /** Stops within 5 s: resigns, closes clients and links, finishes writes in flight. Idempotent, never rejects. */
  stop(): Promise<void> {
    if (this.#state === 'running') {
      this.#state = 'stopped'
      this.#ending = this.#close()
      for (const listener of Array.from(this.#stopListeners)) listener()
    }
    return this.#ending ?? Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  readonly #stopListeners = new Set<() => void>()

  #onStop(listener: () => void): () => void {
    this.#stopListeners.add(listener)
    return () => void this.#stopListeners.delete(listener)
  }

  async #open(signal: AbortSignal | undefined): Promise<void> {
    const abort = (): void => {
      void this.#mesh.close()
      void this.#clientPort?.close()
    }
    signal?.addEventListener('abort', abort, { once: true })
    try {
      await this.#mesh.start()
      await this.#clientPort?.start()
      throwIfAborted(signal)
      // It took part since its links came up, and nobody could hear of its end.
      if (this.#lastError !== null) throw this.#lastError
    } catch (error) {
      await this.stop()
      throw signal?.aborted ? new ZkError('Aborted', 'the start was aborted', { cause: error }) : error
    } finally {
      signal?.removeEventListener('abort', abort)
    }
    this.#addresses = this.#mesh.addresses()
    this.#loopDelay.start()
    this.#host.start()
  }

  #onRole(effect: RoleEffect): void {
    const { role, serving, epoch, leader, reason } = effect
    // A leader's snapshot may have come meanwhile, by which the whole tree is another one.
    LocalTree.forget(this.tree)
    this.#emit('role', { role, serving, epoch, leader, reason })
    if (serving === this.#wasServing) return
    this.#wasServing = serving
    this.#emit('serving', serving)
  }

  #onFatal(error: ZkError): void {
    this.#lastError = error
    this.#wasServing = false
    this.#settings.logger.error('the peer stopped', { code: error.code, reason: error.message, cause: error.cause })
    if (this.#state === 'running') {
      this.#state = 'failed'
      this.#ending = this.#close()
    }
    this.#emit('fatal', error)
  }

  /** Everything that is open, each within its time. */
  async #close(): Promise<void> {
    const { clock, storage, logger } = this.#settings
    this.#loopDelay.stop()
    this.#wasServing = false
    let isLate = false
    await new Promise<void>((resolve) => {
      const limit = clock.setTimer(STOP_MS, () => {
        isLate = true
        resolve()
      })
      const work = async (): Promise<void> => {
        // Its last words are sent when this returns. A write that takes long, or never ends, must not keep ports open.
        const written = this.#host.stop()
        await Promise.all([this.#mesh.close(), this.#clientPort?.close(), written])
        await storage.close()
      }
      work().catch((error: unknown) => {
        if (!isZkError(error, 'StorageFailed')) logger.warn('the storage did not close', { error })
      }).finally(() => {
        limit.cancel()
        resolve()
      })
    })
    if (isLate) logger.warn('the peer stopped without waiting for its storage any longer', { afterMs: STOP_MS })
  }

  /** A listener that throws is its owner's affair; the peer goes on. */
  #emit<K extends keyof PeerEventMap>(event: K, value: PeerEventMap[K]): void {
    for (const listener of Array.from(this.#listeners[event])) {
      try {
        listener(value)
      } catch (error) {
        this.#settings.logger.error('a listener threw', { event, error })
      }
    }
  }
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new ZkError('Aborted', 'the start was aborted', { cause: signal.reason })
}

/** An integer of 52 bits. */
function drawSeed(random: (() => number) | undefined): number {
  const [high = 0, low = 0] = random === undefined ? crypto.getRandomValues(new Uint32Array(2))
    : [Math.floor(random() * 2 ** 32), Math.floor(random() * 2 ** 32)]
  return (high % 2 ** 20) * 2 ** 32 + low
}

function randomHex(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
