import type { Replica } from '../core/replica.ts'
import type { SessionId } from '../core/tree/stat.ts'
import { RELEASED_MS, VERSION } from '../core/version.ts'
import type { Clock } from '../ports/clock.ts'
import type { ClientPort } from './client-port.ts'
import type { Metrics } from './metrics.ts'
import { configText } from './options.ts'
import type { PeerSettings } from './options.ts'
import type { RemoteClient } from './remote-client.ts'
import { environment } from './words/environment.ts'
import { fileDescriptors } from './words/file-descriptors.ts'
import type { ServerStats } from './words/server-stats.ts'
import type {
  ConnectionLine, DigestLine, FolderSizes, LeaderView, OwnedNodes, PortConfiguration, ServerRole, ServerView,
  SessionLine, WatchedPath,
} from './words/view.ts'

/** What a view of a peer sees through. */
export interface PeerViewParts {
  readonly replica: Replica
  readonly settings: PeerSettings
  readonly metrics: Metrics
  readonly stats: ServerStats
  readonly port: ClientPort
  /** Counts that the peer adds for `mntr`. */
  extra(): Readonly<Record<string, number>>
}

const READING = 1
const WRITING = 4
/** Connections are looked at for silence that often: those that are due by then are listed together. */
const EXPIRY_STEP_MS = 1_000
const DEFAULT_TRACE_MASK = 306n

/** A peer as the four-letter words describe it. */
export class PeerView implements ServerView {
  readonly packageVersion: string = VERSION
  readonly builtWallMs: number = RELEASED_MS
  readonly readOnly = false
  readonly stats: ServerStats
  traceMask: bigint = DEFAULT_TRACE_MASK
  readonly #parts: PeerViewParts
  readonly #clock: Clock
  readonly #startedMs: number

  constructor(parts: PeerViewParts) {
    this.#parts = parts
    this.#clock = parts.settings.clock
    this.#startedMs = this.#clock.now()
    this.stats = parts.stats
  }

  get serving(): boolean { return this.#parts.replica.serving && !this.#parts.replica.stopped }
  get zxid(): number { return this.#parts.replica.tree.zxid }
  get nodes(): number { return this.#parts.replica.tree.nodeCount }
  get uptimeMs(): number { return this.#clock.now() - this.#startedMs }
  get watches(): number { return this.#parts.replica.clients.watches.counts.watches }
  get sessionCount(): number { return this.#parts.replica.tree.sessions.size }

  get role(): ServerRole {
    const { replica } = this.#parts
    if (replica.config.members.length === 1) return 'standalone'
    if (replica.role === 'leading') return 'leader'
    return replica.role === 'observing' ? 'observer' : 'follower'
  }

  get approximateDataBytes(): number {
    const { tree } = this.#parts.replica
    return tree.dataBytes + tree.pathUnits
  }

  get outstanding(): number {
    let count = 0
    for (const client of this.#parts.port.clients) count += client.inFlight
    return count
  }

  get quorumSize(): number {
    const { members } = this.#parts.replica.config
    return members.length === 1 ? 0 : members.filter(({ role }) => role === 'voter').length
  }

  get observedPeer(): number | null {
    const { replica } = this.#parts
    return replica.role === 'observing' ? replica.learner?.leader ?? null : null
  }

  get leader(): LeaderView | null {
    const { replica, metrics } = this.#parts
    if (replica.leader === null || this.role === 'standalone') return null
    const learners = replica.status().members.filter(({ id, connected, ackedZxid }) =>
      id !== replica.config.peerId && connected && ackedZxid !== null)
    return {
      learners: learners.length,
      syncedFollowers: learners.filter(({ role }) => role === 'voter').length,
      syncedObservers: learners.filter(({ role }) => role === 'observer').length,
      pendingSyncs: replica.leader.pendingSyncs, uptimeMs: replica.leader.uptimeMs, proposals: metrics.txns,
    }
  }

  connections(): readonly ConnectionLine[] {
    const { port } = this.#parts
    const offsetMs = this.#clock.wall() - this.#clock.now()
    return Array.from(port.strangers(), (stranger): ConnectionLine => {
      const { remote, client, stats } = stranger
      return {
        remote, stats, session: client?.hasSession === true ? client.session : null, timeoutMs: client?.timeoutMs ?? 0,
        queued: client?.inFlight ?? 0, interest: client === null ? 0 : interestOf(client),
        expiresMs: offsetMs + Math.ceil(port.expiresAtMs(stranger) / EXPIRY_STEP_MS) * EXPIRY_STEP_MS,
      }
    })
  }

  * sessions(): Generator<SessionLine, undefined> {
    const { replica } = this.#parts
    const { tree } = replica
    const { intake } = replica.route
    const nowMs = this.#clock.now()
    const wallMs = this.#clock.wall()
    if (intake !== null) {
      for (const { session, atMs } of intake.sessions.expiries()) {
        const timeoutMs = tree.sessions.get(session)?.timeoutMs ?? 0
        yield { session, timeoutMs, expiresMs: wallMs + atMs - nowMs }
      }
      return undefined
    }
    for (const [session, { timeoutMs }] of tree.sessions) yield { session, timeoutMs, expiresMs: null }
    return undefined
  }

  * ephemerals(): Generator<OwnedNodes, undefined> {
    for (const [session, paths] of this.#parts.replica.tree.owners()) yield { session, paths }
    return undefined
  }

  get ephemeralCount(): number {
    let count = 0
    for (const [, paths] of this.#parts.replica.tree.owners()) count += paths.size
    return count
  }

  * dataWatches(): Generator<WatchedPath, undefined> {
    const { clients } = this.#parts.replica
    for (const { path, conns } of clients.watches.dataWatchers()) {
      const sessions = Array.from(conns, (conn) => clients.sessionOf(conn))
      yield { path, sessions: sessions.filter((session): session is SessionId => session !== null) }
    }
    return undefined
  }

  configuration(): PortConfiguration {
    const { settings, port } = this.#parts
    const { timing, members, storage, id } = settings
    const folder = storage.location ?? ''
    const self = members.find((member) => member.id === id)
    const peerPort = portOf(self?.addresses[0])
    return {
      clientPort: Number(portOf(port.addresses()[0])), secureClientPort: -1, dataFolder: folder, logFolder: folder,
      tickMs: timing.tickMs, perAddress: settings.clients?.perAddress ?? 0,
      sessionMinMs: timing.sessionMinMs, sessionMaxMs: timing.sessionMaxMs, backlog: -1,
      serverId: members.length === 1 ? 0 : id,
      ensemble: members.length === 1 ? null : {
        initTicks: Math.round(timing.initMs / timing.tickMs), syncTicks: Math.round(timing.syncMs / timing.tickMs),
        electionPort: peerPort, quorumPort: peerPort, isObserver: self?.role === 'observer',
        membership: configText(members),
      },
    }
  }

  folderSizes(): FolderSizes {
    const bytes = this.#parts.settings.storage.size?.() ?? 0
    return { dataBytes: bytes, logBytes: bytes }
  }

  environment(): Iterable<readonly [name: string, value: string]> {
    return environment()
  }

  * digests(): Generator<DigestLine, undefined> {
    for (const { zxid, hash1, hash2 } of this.#parts.replica.tree.digests) {
      yield { zxid, digest: BigInt.asIntN(64, (BigInt(hash1) << 32n) | BigInt(hash2)) }
    }
    return undefined
  }

  metrics(): Readonly<Record<string, number>> {
    const { metrics, port } = this.#parts
    return {
      auth_failed_count: metrics.authFailures, connection_rejected: port.rejected,
      connection_request_count: metrics.connects, looking_count: metrics.elections, diff_count: metrics.syncsDiff,
      snap_count: metrics.syncsSnap, ...fileDescriptors(), ...this.#parts.extra(),
    }
  }
}

function interestOf(client: RemoteClient): number {
  return (client.isReading ? READING : 0) | (client.queuedBytes > 0 ? WRITING : 0)
}

function portOf(address: string | undefined): string {
  return /:(\d+)\/?$/.exec(address ?? '')?.[1] ?? '0'
}
