import type { SessionId } from '../../core/tree/stat.ts'
import { dateText, hexText, wholeText } from './text.ts'
import type { ConnectionLine, ServerView } from './view.ts'

const NO_SESSION = '0x0'

/** The connections as stat shows them. */
export function shortConnections(connections: readonly ConnectionLine[]): string[] {
  return connections.map((connection) => `${begin(connection)})`)
}

function begin({ remote, interest, queued, stats }: ConnectionLine): string {
  const { receivedPackets, sentPackets } = stats
  return ` /${remote}[${interest.toString(16)}](queued=${queued},recved=${receivedPackets},sent=${sentPackets}`
}

/** Answers cons. */
export function connectionsText(view: ServerView): string {
  return `${view.connections().map((connection) => `${longConnection(connection)}\n`).join('')}\n`
}

function longConnection(connection: ConnectionLine): string {
  const { session, timeoutMs, stats } = connection
  if (session === null) return `${begin(connection)})`
  const { latency } = stats
  const lastXid = stats.lastXid >= 0 ? `,lcxid=${hexText(stats.lastXid)}` : ''
  return `${begin(connection)},sid=${session},lop=${stats.lastOperation},est=${wholeText(stats.establishedWallMs)}` +
    `,to=${timeoutMs}${lastXid},lzxid=${hexText(stats.lastZxid)},lresp=${wholeText(stats.lastReplyMs)}` +
    `,llat=${wholeText(stats.lastLatencyMs)},minlat=${wholeText(latency.minMs)},avglat=${wholeText(latency.meanMs)}` +
    `,maxlat=${wholeText(latency.maxMs)})`
}

/** Answers dump: sessions, their ephemerals, and the connections that have a timer of their own. */
export function dumpText(view: ServerView): string {
  const lines = ['SessionTracker dump:', ...sessionLines(view), 'ephemeral nodes dump:']
  const owned: string[] = []
  let owners = 0
  for (const { session, paths } of view.ephemerals()) {
    owners += 1
    owned.push(`${session}:`)
    for (const path of paths) owned.push(`\t${path}`)
  }
  lines.push(`Sessions with Ephemerals (${owners}):`, ...owned, 'Connections dump:')
  const timed = byExpiry(view.connections())
  if (timed.size > 0) {
    lines.push(...expiryLines('Connections Sets', timed,
      ({ remote, session }) => `ip: /${remote} sessionId: ${session ?? NO_SESSION}`))
  }
  return lines.map((line) => `${line}\n`).join('')
}

/** Who leads knows when sessions expire, the others know only which there are. */
function sessionLines(view: ServerView): string[] {
  const sessions = [...view.sessions()]
  if (view.role === 'standalone' || view.role === 'leader') {
    return expiryLines('Session Sets', byExpiry(sessions), ({ session }) => session)
  }
  return [`Global Sessions(${sessions.length}):`, ...sessions.map((each) => `${each.session}\t${each.timeoutMs}ms`)]
}

/** Those with a timer, by its end, soonest first. */
function byExpiry<T extends { readonly expiresMs: number | null }>(all: Iterable<T>): Map<number, T[]> {
  const buckets = new Map<number, T[]>()
  for (const each of all) {
    if (each.expiresMs === null) continue
    const bucket = buckets.get(each.expiresMs)
    if (bucket === undefined) buckets.set(each.expiresMs, [each])
    else bucket.push(each)
  }
  return new Map([...buckets].sort(([a], [b]) => a - b))
}

function expiryLines<T>(
  title: string, buckets: ReadonlyMap<number, readonly T[]>, text: (each: T) => string,
): string[] {
  let count = 0
  const lines: string[] = []
  for (const [expiresMs, bucket] of buckets) {
    count += bucket.length
    lines.push(`${bucket.length} expire at ${dateText(expiresMs)}:`, ...bucket.map((each) => `\t${text(each)}`))
  }
  return [`${title} (${buckets.size})/(${count}):`, ...lines]
}

/** Answers wchs. */
export function watchSummary(view: ServerView): string {
  const sessions = new Set<SessionId>()
  let paths = 0
  let watches = 0
  for (const watched of view.dataWatches()) {
    paths += 1
    watches += watched.sessions.length
    for (const session of watched.sessions) sessions.add(session)
  }
  return `${sessions.size} connections watching ${paths} paths\nTotal watches:${watches}\n`
}

/** Answers wchp. */
export function watchesByPath(view: ServerView): string {
  const lines: string[] = []
  for (const { path, sessions } of view.dataWatches()) lines.push(path, ...sessions.map((session) => `\t${session}`))
  return lines.map((line) => `${line}\n`).join('') + '\n'
}

/** Answers wchc. */
export function watchesBySession(view: ServerView): string {
  const bySession = new Map<SessionId, string[]>()
  for (const { path, sessions } of view.dataWatches()) {
    for (const session of sessions) {
      const paths = bySession.get(session)
      if (paths === undefined) bySession.set(session, [path])
      else paths.push(path)
    }
  }
  let text = ''
  for (const [session, paths] of bySession) text += `${session}\n${paths.map((path) => `\t${path}\n`).join('')}`
  return `${text}\n`
}
