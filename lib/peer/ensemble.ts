import type { Channel, ChannelEvents, Endpoint, Hello } from '../client/channel.ts'
import { Client } from '../client/client.ts'
import { CONNECT_OPTIONS } from '../client/connect-options.ts'
import type { ConnectOptions } from '../client/connect-options.ts'
import { ZkError } from '../core/errors.ts'
import { checkOptions } from '../client/options.ts'
import type { Clock } from '../ports/clock.ts'
import type { Storage } from '../ports/storage.ts'
import type { Transport } from '../ports/transport.ts'
import type { MemberOption, PeerOptions } from './options.ts'
import { Peer } from './peer.ts'
import type { PeerStatus } from './peer.ts'
import { systemClock } from './system-clock.ts'

/** What all peers of an ensemble in one process have in common. */
export type SharedOptions = Pick<
  PeerOptions,
  'secret' | 'timing' | 'limits' | 'logger' | 'clock' | 'superDigest' | 'skipAcl' | 'ttl' | 'enforceQuota' | 'signal' |
  'unref'
>

/** What an ensemble in one process is made of. */
export interface EnsembleParts extends SharedOptions {
  readonly name: string
  /** Voters; their ids are 1 to `size`. */
  readonly size: number
  /** Further peers that do not vote; their ids follow. */
  readonly observers: number
  readonly transports: readonly Transport[]
  /** Where peer `id` can be dialled. */
  readonly address: (id: number) => string
  /** Asked at every start of peer `id`: what it kept must be in there again. */
  readonly storage: (id: number) => Storage
  /** Where ZooKeeper clients connect to peer `id`; nowhere when left out. */
  readonly clients?: (id: number) => NonNullable<PeerOptions['clients']>
}

/** How to open a session with an ensemble in this process. */
export interface EnsembleConnectOptions extends ConnectOptions {
  /** The peer to begin with, instead of the leader. */
  readonly peer?: number
}

/** The peers, running or not. */
export interface EnsembleStatus {
  readonly name: string
  readonly leader: number | null
  readonly peers: readonly EnsemblePeerStatus[]
}

/** The place of one peer. */
export interface EnsemblePeerStatus {
  readonly id: number
  readonly isRunning: boolean
  /** Null unless it runs. */
  readonly status: PeerStatus | null
  /** What ended it; null when it runs or was stopped. */
  readonly error: ZkError | null
}

const LARGEST_SIZE = 99

/** Peers of one ensemble, all in this process. */
export class Ensemble {
  readonly name: string
  readonly #parts: EnsembleParts
  readonly #clock: Clock
  readonly #members: Readonly<Record<number, MemberOption>>
  readonly #slots: readonly Slot[]
  #isOver = false
  #ending: Promise<void> | null = null

  /** Resolves when all peers serve. Errors: those of Peer.start. Nothing stays open then. */
  static async start(parts: EnsembleParts): Promise<Ensemble> {
    const ensemble = new this(parts)
    try {
      const started = await Promise.allSettled(ensemble.#slots.map(({ id }) => ensemble.startPeer(id)))
      for (const result of started) if (result.status === 'rejected') throw result.reason as Error
      const signal = parts.signal === undefined ? {} : { signal: parts.signal }
      await Promise.all(ensemble.peers.map((peer) => peer.ready(signal)))
    } catch (error) {
      await ensemble.stop()
      throw error
    }
    return ensemble
  }

  private constructor(parts: EnsembleParts) {
    const { size, observers, name } = parts
    checkCount('size', size, 1)
    checkCount('observers', observers, 0)
    this.name = name
    this.#parts = parts
    this.#clock = parts.clock ?? systemClock()
    const members: Record<number, MemberOption> = {}
    for (let id = 1; id <= size + observers; id++) {
      members[id] = { addresses: parts.address(id), role: id <= size ? 'voter' : 'observer' }
    }
    this.#members = members
    this.#slots = Object.keys(members).map((id) => new Slot(Number(id), this.#clock, () => this.#isOver))
  }

  /** The peers that run, by id. */
  get peers(): readonly Peer[] {
    return this.#slots.flatMap(({ peer }) => (peer === null ? [] : [peer]))
  }

  /** A peer that runs. */
  peer(id: number): Peer | undefined {
    return this.#slot(id).peer ?? undefined
  }

  /** The id of the leader; null while there is none. */
  leader(): number | null {
    let leader: number | null = null
    let epoch = -1
    for (const peer of this.peers) {
      const status = peer.status()
      if (status.role === 'leading' && status.serving && status.epoch > epoch) {
        leader = peer.id
        epoch = status.epoch
      }
    }
    return leader
  }

  status(): EnsembleStatus {
    const peers = this.#slots.map(({ id, peer, error }) =>
      ({ id, isRunning: peer !== null, status: peer?.status() ?? null, error }))
    return { name: this.name, leader: this.leader(), peers }
  }

  /** Opens a session; it moves to another peer when its own stops. Errors: those of Client.connect. */
  async connect(options: EnsembleConnectOptions = {}): Promise<Client> {
    checkOptions(options ?? null, [...CONNECT_OPTIONS, 'peer'])
    const { peer, ...rest } = options
    const { logger, unref } = this.#parts
    if (peer !== undefined) this.#slot(peer)
    const first = peer ?? this.leader()
    const endpoints = this.#slots.toSorted((one, other) => Number(other.id === first) - Number(one.id === first))
    return Client.connect({ endpoints, clock: this.#clock }, {
      ...(logger === undefined ? {} : { logger }), ...(unref === undefined ? {} : { unref }), ...rest,
    })
  }

  /**
   * Starts a peer that was stopped, on what its storage holds. No effect on one that runs; one that is being stopped is
   * stopped first. Errors: those of Peer.start, Closed.
   */
  async startPeer(id: number): Promise<Peer> {
    const slot = this.#slot(id)
    return slot.inTurn(async () => {
      if (this.#isOver) throw new ZkError('Closed', 'the ensemble is stopped')
      if (slot.peer !== null) return slot.peer
      const { name, transports, storage, clients, ...rest } = this.#parts
      // No permission to found: all peers are here, so each hears whether all storages are empty (or one was wiped).
      const peer = await Peer.start({
        ...shared(rest), id, ensemble: { name, members: this.#members }, transports, storage: storage(id),
        clock: this.#clock, ...(clients === undefined ? {} : { clients: clients(id) }),
      })
      slot.adopt(peer)
      return peer
    })
  }

  /** Stops a peer, also one that is being started; its sessions move to the others. */
  async stopPeer(id: number): Promise<void> {
    const slot = this.#slot(id)
    return slot.inTurn(async () => {
      await slot.peer?.stop()
      slot.peer = null
      slot.error = null
    })
  }

  /** Stops all peers, within 5 s. Idempotent, never rejects. */
  stop(): Promise<void> {
    this.#isOver = true
    this.#ending ??= Promise.allSettled(this.#slots.map(({ id }) => this.stopPeer(id))).then(() => undefined)
    return this.#ending
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #slot(id: number): Slot {
    const slot = this.#slots[id - 1]
    if (slot === undefined) throw new TypeError(`the ensemble has no peer ${String(id)}`)
    return slot
  }
}

/** The place of one peer, whether it runs or not: what sessions connect to. */
class Slot implements Endpoint {
  readonly id: number
  readonly name: string
  readonly #clock: Clock
  readonly #isOver: () => boolean
  peer: Peer | null = null
  error: ZkError | null = null
  /** Settled when the last start or stop so far is done; never rejects. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(id: number, clock: Clock, isOver: () => boolean) {
    this.id = id
    this.name = `peer ${id}`
    this.#clock = clock
    this.#isOver = isOver
  }

  get gone(): boolean {
    return this.#isOver()
  }

  get ready(): boolean {
    return this.peer?.endpoint.ready ?? false
  }

  /** Starts and stops come one after the other, in the order they were asked for: one storage serves one peer. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work)
    // It is told to who asked for it; what comes next goes on.
    this.#last = done.catch((error: unknown) => error)
    return done
  }

  /** A peer that ends by itself leaves its place; the next one starts when its storage is closed. */
  adopt(peer: Peer): void {
    this.peer = peer
    this.error = null
    peer.on('fatal', (error) => {
      if (this.peer !== peer) return
      this.peer = null
      this.error = error
      void this.inTurn(() => peer.stop())
    })
  }

  open(hello: Hello, events: ChannelEvents): Channel {
    if (this.peer !== null) return this.peer.endpoint.open(hello, events)
    const timer = this.#clock.setTimer(0, () => events.onClose('PeerStopped'))
    return {
      request: () => undefined,
      authenticate: () => Promise.reject(new ZkError('ConnectionLoss')),
      close: () => timer.cancel(),
    }
  }
}

function shared(options: SharedOptions): SharedOptions {
  const { secret, timing, limits, logger, superDigest, skipAcl, ttl, enforceQuota, signal, unref } = options
  return Object.fromEntries(
    Object.entries({ secret, timing, limits, logger, superDigest, skipAcl, ttl, enforceQuota, signal, unref })
      .filter(([, value]) => value !== undefined)) as SharedOptions
}

function checkCount(name: string, value: number, least: number): void {
  if (!Number.isInteger(value) || value < least || value > LARGEST_SIZE) {
    throw new TypeError(`${name} must be an integer from ${least} to ${LARGEST_SIZE}, not ${String(value)}`)
  }
}
