import type { Replica } from '../core/replica.ts'
import type { Limits } from '../core/limits.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { Logger } from '../ports/logger.ts'
import type { Link, Listener, Transport } from '../ports/transport.ts'
import { JuteReader } from '../wire/jute/reader.ts'
import { JuteWriter } from '../wire/jute/writer.ts'
import type { Host } from './host.ts'
import { listeningTransport } from './members.ts'
import type { Metrics } from './metrics.ts'
import { RemoteClient } from './remote-client.ts'
import type { RemoteParts } from './remote-parts.ts'
import { Stranger } from './stranger.ts'
import type { NextTurn } from './system-clock.ts'
import { ConnectionStats } from './words/server-stats.ts'
import type { ServerStats } from './words/server-stats.ts'
import type { FourLetterWord } from './words/words.ts'

/** Where ZooKeeper clients connect, and how many may. */
export interface ClientPortOptions {
  /** `tcp://127.0.0.1:2181`, `ws://127.0.0.1:8181`; port 0 picks one. */
  readonly listen: readonly string[]
  /** Connections of one remote address; 60, and 0 for no bound (ZooKeeper: maxClientCnxns). */
  readonly perAddress?: number
  /** Connections of all; 0, the default, for no bound (ZooKeeper: maxCnxns). */
  readonly connections?: number
  /** Four-letter words that are answered, `*` for all; `srvr` always is (ZooKeeper: 4lw.commands.whitelist). */
  readonly words?: readonly string[]
}

/** What a client port is made of. */
export interface ClientPortParts {
  readonly options: Required<ClientPortOptions>
  readonly transports: readonly Transport[]
  readonly host: Host
  readonly replica: Replica
  readonly metrics: Metrics
  readonly stats: ServerStats
  readonly limits: Limits
  readonly clock: Clock
  readonly nextTurn: NextTurn
  readonly logger: Logger
  readonly superDigest: string | undefined
  /** The answer to a four-letter word; `argument` are the 8 bytes that follow one of them. */
  answer(word: FourLetterWord, argument: Uint8Array): string
}

/** A connection must have a session by then. */
const SESSION_WITHIN_MS = 10_000
const SWEEP_MS = 1_000
/** So many session timeouts after its last word a connection is taken for dead; the session itself is the leader's. */
const SILENT_TIMEOUTS = 2

/** Where the clients of a peer connect: listeners, connections and their bounds. */
export class ClientPort {
  readonly #parts: ClientPortParts
  readonly #remote: RemoteParts
  readonly #links = new Set<Stranger>()
  readonly #clients = new Set<RemoteClient>()
  readonly #perHost = new Map<string, number>()
  #touched: RemoteClient[] = []
  #isFlushDue = false
  #listeners: Listener[] = []
  #sweep: Timer | null = null
  #isClosed = false
  /** Connections that were refused because there were too many. */
  rejected = 0

  constructor(parts: ClientPortParts) {
    this.#parts = parts
    const { host, replica, metrics, clock, logger, superDigest, limits } = parts
    this.#remote = {
      host, replica, metrics, clock, logger, superDigest,
      frameBytes: limits.requestBytes, queueBytes: limits.clientQueueBytes,
      reader: new JuteReader(), writer: new JuteWriter(),
      touched: (client) => this.#touch(client),
      left: (client) => void this.#clients.delete(client),
    }
  }

  /** The open connections that came to be clients. */
  get clients(): ReadonlySet<RemoteClient> {
    return this.#clients
  }

  /** All open connections, those that have not said who they are among them. */
  strangers(): ReadonlySet<Stranger> {
    return this.#links
  }

  /** When a connection is cut, in ms of the clock, unless something is heard of it before. */
  expiresAtMs({ client, openedAtMs }: Stranger): number {
    return client?.hasSession === true
      ? client.lastHeardMs + SILENT_TIMEOUTS * client.timeoutMs : openedAtMs + SESSION_WITHIN_MS
  }

  /** Where it listens, with real ports. */
  addresses(): string[] {
    return this.#listeners.map(({ address }) => address)
  }

  /** Errors: AddressInUse, AddressInvalid; nothing listens then. */
  async start(): Promise<void> {
    try {
      for (const address of this.#parts.options.listen) {
        const transport = listeningTransport(this.#parts.transports, address)
        const listener = await transport.listen(address, (link) => this.#accept(link))
        this.#listeners.push(listener)
        if (this.#isClosed) await listener.close()
      }
    } catch (error) {
      await this.close()
      throw error
    }
    if (!this.#isClosed) this.#arm()
  }

  #accept(link: Link): void {
    const remote = parseRemote(link.remote)
    const { perAddress, connections, words } = this.#parts.options
    const count = this.#perHost.get(remote.host) ?? 0
    if (this.#isClosed || (perAddress > 0 && count >= perAddress) ||
      (connections > 0 && this.#links.size >= connections)) {
      this.rejected += 1
      this.#parts.logger.debug('a client too many', { remote: link.remote })
      link.attach({ onData: ignore, onDrain: ignore, onClose: ignore })
      link.abort()
      return
    }
    this.#perHost.set(remote.host, count + 1)
    const { clock } = this.#parts
    const host = remote.host.includes(':') ? `[${remote.host}]` : remote.host
    const stranger = new Stranger(link, {
      remote: `${host}:${remote.port}`, nowMs: clock.now(), words,
      stats: new ConnectionStats(this.#parts.stats, clock.wall()),
      answer: (word, argument) => this.#answer(word, argument),
      client: () => {
        const client = new RemoteClient(link, remote, stranger.stats, this.#remote)
        this.#clients.add(client)
        return client
      },
      onClosed: () => {
        this.#links.delete(stranger)
        const left = (this.#perHost.get(remote.host) ?? 1) - 1
        if (left === 0) this.#perHost.delete(remote.host)
        else this.#perHost.set(remote.host, left)
      },
    })
    this.#links.add(stranger)
  }

  /** Nothing, when something that a word asks for cannot be had. */
  #answer(word: FourLetterWord, argument: Uint8Array): string {
    try {
      return this.#parts.answer(word, argument)
    } catch (error) {
      this.#parts.logger.warn('a four-letter word has no answer', { word, error })
      return ''
    }
  }

  /**
   * All connections that were heard of in one turn of the event loop are answered behind it, one after the other: with
   * many of them, each send would otherwise wake a client that goes back to sleep before the next one (1,000
   * connections with one read each: a quarter less CPU time per read).
   */
  #touch(client: RemoteClient): void {
    this.#touched.push(client)
    if (this.#isFlushDue) return
    this.#isFlushDue = true
    this.#parts.nextTurn(() => {
      this.#isFlushDue = false
      this.#parts.host.due()
      this.flush()
    })
  }

  /** A turn is over: what it wrote for clients leaves. */
  flush(): void {
    const touched = this.#touched
    if (touched.length === 0) return
    this.#touched = []
    for (const client of touched) {
      try {
        client.turnOver()
      } catch (error) {
        this.#parts.logger.error('a client could not be told', { remote: client.host, error })
      }
    }
  }

  #arm(): void {
    this.#sweep = this.#parts.clock.setTimer(SWEEP_MS, () => {
      const nowMs = this.#parts.clock.now()
      for (const stranger of this.#links) if (nowMs > this.expiresAtMs(stranger)) stranger.abort()
      this.#arm()
    }, true)
  }

  /** Stops listening and ends all connections. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#sweep?.cancel()
    for (const stranger of this.#links) stranger.close()
    await Promise.all(this.#listeners.map((listener) => listener.close()))
  }
}

function ignore(): void {
  // Of a connection that is refused nothing is heard.
}

/** Host and port of `tcp://10.0.0.7:51234`; an IPv4 address in IPv6 dress is what it is. */
function parseRemote(remote: string): { readonly host: string, readonly port: number } {
  const match = /^[a-z]+:\/\/\[?(.*?)\]?:(\d+)$/.exec(remote)
  const host = (match?.[1] ?? remote).replace(/^::ffff:(?=\d+\.)/i, '')
  return { host, port: Number(match?.[2] ?? 0) }
}
