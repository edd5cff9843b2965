import type { SessionId } from '../../core/tree/stat.ts'
import type { ConnectionStats, MessageSizes, ServerStats } from './server-stats.ts'

/** How a server takes part, as ZooKeeper names it. */
export type ServerRole = 'standalone' | 'leader' | 'follower' | 'observer'

/** One connection of the client port, with or without a session. */
export interface ConnectionLine {
  /** `127.0.0.1:43210`, `[::1]:43210`. */
  readonly remote: string
  /** Null until a session is opened or resumed. */
  readonly session: SessionId | null
  /** As negotiated; of no meaning without a session. */
  readonly timeoutMs: number
  readonly stats: ConnectionStats
  /** Requests that are not answered yet. */
  readonly queued: number
  /** 1 reading, 4 waiting to write, 5 both; 0 for the connection that asks. */
  readonly interest: number
  /** Wall time at which the server closes it for silence; null when it has no such timer. */
  readonly expiresMs: number | null
}

/** A session of the ensemble. */
export interface SessionLine {
  readonly session: SessionId
  readonly timeoutMs: number
  /** Wall time of its expiry; null on those who do not lead, who do not know it. */
  readonly expiresMs: number | null
}

/** Who watches the data of one path: the table behind exists and getData, never the one behind getChildren. */
export interface WatchedPath {
  readonly path: string
  readonly sessions: readonly SessionId[]
}

/** The ephemerals of one session. */
export interface OwnedNodes {
  readonly session: SessionId
  readonly paths: Iterable<string>
}

/** Bytes on disk. */
export interface FolderSizes {
  readonly dataBytes: number
  readonly logBytes: number
}

/** What `conf` shows; ZooKeeper's names in words. */
export interface PortConfiguration {
  readonly clientPort: number
  /** -1: none. */
  readonly secureClientPort: number
  readonly dataFolder: string
  readonly logFolder: string
  readonly tickMs: number
  /** Connections of one remote address; 0: no bound. */
  readonly perAddress: number
  readonly sessionMinMs: number
  readonly sessionMaxMs: number
  /** Connections that wait to be accepted; -1: the platform's. */
  readonly backlog: number
  /** 0 for a server on its own. */
  readonly serverId: number
  /** Null for a server on its own. */
  readonly ensemble: EnsembleConfiguration | null
}

/** What `conf` shows of an ensemble. */
export interface EnsembleConfiguration {
  readonly initTicks: number
  readonly syncTicks: number
  /** `3888`, or several with a bar between them. */
  readonly electionPort: string
  readonly quorumPort: string
  readonly isObserver: boolean
  /** The text of /zookeeper/config. */
  readonly membership: string
}

/** What the leader alone knows, for `mntr` and `srvr`. */
export interface LeaderView {
  readonly learners: number
  readonly syncedFollowers: number
  readonly syncedObservers: number
  /** sync requests that wait for a quorum. */
  readonly pendingSyncs: number
  readonly uptimeMs: number
  /** Encoded txns that were proposed. */
  readonly proposals: MessageSizes
}

/** A recorded digest of the tree. */
export interface DigestLine {
  readonly zxid: number
  readonly digest: bigint
}

/**
 * Everything that the four-letter words tell of a server. Values are of the moment; iterables are read at once. Only
 * what works without service may be asked for while `serving` is false: the version, the environment, the trace mask.
 */
export interface ServerView {
  /** Version of this package. */
  readonly packageVersion: string
  /** When this package was made. */
  readonly builtWallMs: number
  /** Clients are served: there is a quorum. */
  readonly serving: boolean
  readonly role: ServerRole
  /** Serves reads without a quorum. */
  readonly readOnly: boolean
  readonly stats: ServerStats
  /** Last applied txn. */
  readonly zxid: number
  /** Nodes of the tree; the root counts once. */
  readonly nodes: number
  /** Characters of all paths and bytes of all data. */
  readonly approximateDataBytes: number
  /** Requests that wait for their answer. */
  readonly outstanding: number
  readonly uptimeMs: number
  /** Registrations of both watch tables. */
  readonly watches: number
  /** Voters; 0 for a server on its own. */
  readonly quorumSize: number
  /** Member whom an observer learns from; null for all others. */
  readonly observedPeer: number | null
  /** Null for those who do not lead an ensemble. */
  readonly leader: LeaderView | null
  connections(): readonly ConnectionLine[]
  sessions(): Iterable<SessionLine>
  readonly sessionCount: number
  ephemerals(): Iterable<OwnedNodes>
  readonly ephemeralCount: number
  dataWatches(): Iterable<WatchedPath>
  configuration(): PortConfiguration
  folderSizes(): FolderSizes | Promise<FolderSizes>
  /** Names and values in order, after the version: `host.name`, `os.name`, `user.dir`, ... */
  environment(): Iterable<readonly [name: string, value: string]>
  /** Oldest first; empty when none are recorded. */
  digests(): Iterable<DigestLine>
  /** More numbers for `mntr`, by their names without `zk_`; letters, digits and underscores only. */
  metrics(): Readonly<Record<string, number>>
  /** Kept for those who set it; it traces nothing. */
  traceMask: bigint
}
