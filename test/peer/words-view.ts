import { ConnectionStats, ServerStats, MessageSizes, OPEN_SESSION } from '../../lib/peer/words/server-stats.ts'
import type { SessionId } from '../../lib/core/tree/stat.ts'
import type { ConnectionLine, PortConfiguration, ServerView, WatchedPath } from '../../lib/peer/words/view.ts'

export const A = '0x100026cc8fe0000' as SessionId
export const B = '0x100026cc8fe0001' as SessionId
/** 23 November 2026, 16:19:00 UTC. */
export const NOON_MS: number = Date.UTC(2026, 10, 23, 16, 19)
export const VERSION = '3.9.3-vivarium-0.1.0, built on 11/23/2026 16:19 UTC'

/** Sixteen requests: 0/1.0625/4. */
export const LATENCIES: readonly number[] = [4, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0]

/** A connection that does nothing but ask for a word. */
export function asking(remote: string): ConnectionLine {
  const stats = new ConnectionStats(new ServerStats(), NOON_MS)
  stats.received()
  return { remote, session: null, timeoutMs: 0, stats, queued: 0, interest: 0, expiresMs: null }
}

/** A connection with a session that has opened it and sent `ops` since, each answered at once. */
export function served(
  remote: string, session: SessionId, timeoutMs: number, ops: readonly (readonly [op: number, latencyMs: number])[],
  last: { readonly zxid: number, readonly atMs: number, readonly establishedMs: number },
): ConnectionLine {
  const stats = new ConnectionStats(new ServerStats(), last.establishedMs)
  stats.received()
  stats.replied(OPEN_SESSION, 0, 1, 0, last.atMs)
  ops.forEach(([op, latencyMs], index) => {
    stats.received()
    stats.replied(op, index + 1, last.zxid, latencyMs, last.atMs)
  })
  return { remote, session, timeoutMs, stats, queued: 0, interest: 1, expiresMs: null }
}

/** A server on its own, with three connections, as one of ZooKeeper was at the moment the expected texts were taken. */
export class FakeView implements ServerView {
  packageVersion = '0.1.0'
  builtWallMs: number = NOON_MS
  serving = true
  role: ServerView['role'] = 'standalone'
  readOnly = false
  readonly stats: ServerStats = new ServerStats()
  zxid = 8
  nodes = 9
  approximateDataBytes = 93
  outstanding = 0
  uptimeMs = 38_376.9
  watches = 4
  quorumSize = 0
  observedPeer: number | null = null
  leader: ServerView['leader'] = null
  sessionCount = 2
  ephemeralCount = 4
  traceMask = 306n
  lines: ConnectionLine[] = []
  sessionLines: { session: SessionId, timeoutMs: number, expiresMs: number | null }[] = [
    { session: A, timeoutMs: 10_000, expiresMs: NOON_MS + 19_000 },
    { session: B, timeoutMs: 15_000, expiresMs: NOON_MS + 23_000 },
  ]
  watched: WatchedPath[] = [{ path: '/a', sessions: [A, B] }, { path: '/b', sessions: [A] }]
  digestLines: { zxid: number, digest: bigint }[] = []
  extra: Record<string, number> = {}
  settings: PortConfiguration = {
    clientPort: 23_301, secureClientPort: -1, dataFolder: '/data/d1/version-2', logFolder: '/log/d1/version-2',
    tickMs: 2_000, perAddress: 0, sessionMinMs: 4_000, sessionMaxMs: 40_000, backlog: -1, serverId: 0, ensemble: null,
  }

  constructor() {
    for (const [index, latencyMs] of LATENCIES.entries()) this.stats.replied(index < 8 ? 1 : 4, latencyMs)
    this.stats.receivedPackets = 20
    this.stats.sentPackets = 21
    for (const bytes of [16, 93, 22]) this.stats.responses.add(bytes)
  }

  connections(): readonly ConnectionLine[] {
    return this.lines
  }

  sessions(): ReturnType<ServerView['sessions']> {
    return this.sessionLines
  }

  ephemerals(): ReturnType<ServerView['ephemerals']> {
    return [
      { session: A, paths: new Set(['/a/e0', '/a/s0000000001']) },
      { session: B, paths: ['/a/s0000000003', '/a/e1'] },
    ]
  }

  dataWatches(): Iterable<WatchedPath> {
    return this.watched
  }

  configuration(): PortConfiguration {
    return this.settings
  }

  folderSizes(): ReturnType<ServerView['folderSizes']> {
    return { dataBytes: 67_109_337, logBytes: 67_109_338 }
  }

  environment(): ReturnType<ServerView['environment']> {
    return [['host.name', 'localhost'], ['os.name', 'Linux'], ['user.dir', '/two\nlines']]
  }

  digests(): ReturnType<ServerView['digests']> {
    return this.digestLines
  }

  metrics(): Readonly<Record<string, number>> {
    return this.extra
  }

  /** Makes it the leader of three voters and an observer. */
  lead(): void {
    const proposals = new MessageSizes()
    for (const bytes of [48, 100, 63]) proposals.add(bytes)
    this.role = 'leader'
    this.quorumSize = 3
    this.leader = {
      learners: 3, syncedFollowers: 2, syncedObservers: 1, pendingSyncs: 0, uptimeMs: 37_268.2, proposals,
    }
  }
}
