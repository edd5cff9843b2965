import { shortConnections } from './clients.ts'
import { hexText, meanText, wholeText } from './text.ts'
import type { FolderSizes, PortConfiguration, ServerView } from './view.ts'

/**
 * The ZooKeeper whose features a client may count on: tools read its digits, and kazoo decides by them what it may ask.
 * The rest of the version holds no blank and the date is written month first, because tools that parse the line demand
 * both.
 */
const ZOOKEEPER_VERSION = '3.9.3'

/** `3.9.3-vivarium-0.1.0, built on 11/23/2026 16:19 UTC`. */
export function versionText(view: ServerView): string {
  const [year = '', month = '', day = '', time = ''] = new Date(view.builtWallMs).toISOString().split(/[-T]/)
  const built = `${month}/${day}/${year} ${time.slice(0, 5)} UTC`
  return `${ZOOKEEPER_VERSION}-vivarium-${view.packageVersion}, built on ${built}`
}

/** `leader`, `follower`, `observer`, `standalone`, or `read-only`. */
export function modeText(view: ServerView): string {
  return view.readOnly ? 'read-only' : view.role
}

/** Answers srvr, and stat, which lists the connections as well. */
export function serverText(view: ServerView, withClients: boolean): string {
  const { stats: { latency, receivedPackets, sentPackets }, leader } = view
  const connections = view.connections()
  const lines = [`Zookeeper version: ${versionText(view)}`]
  if (view.readOnly) lines.push('READ-ONLY mode; serving only read-only clients')
  if (withClients) lines.push('Clients:', ...shortConnections(connections), '')
  lines.push(
    `Latency min/avg/max: ${wholeText(latency.minMs)}/${meanText(latency.meanMs)}/${wholeText(latency.maxMs)}`,
    `Received: ${receivedPackets}`, `Sent: ${sentPackets}`, `Connections: ${connections.length}`,
    `Outstanding: ${view.outstanding}`, `Zxid: ${hexText(view.zxid)}`, `Mode: ${modeText(view)}`,
    `Node count: ${nodeCount(view)}`)
  if (leader !== null) {
    const { lastBytes, minBytes, maxBytes } = leader.proposals
    lines.push(`Proposal sizes last/min/max: ${lastBytes}/${minBytes}/${maxBytes}`)
  }
  return ended(lines)
}

/** ZooKeeper counts the root twice, under `/` and under the empty path. */
export function nodeCount(view: ServerView): number {
  return view.nodes + 1
}

/** Answers envi. */
export function environmentText(view: ServerView): string {
  const lines = ['Environment:', `zookeeper.version=${versionText(view)}`]
  for (const [name, value] of view.environment()) lines.push(`${name}=${value.replace(/[\r\n]+/g, ' ')}`)
  return ended(lines)
}

/** Answers dirs. */
export function foldersText(view: ServerView): string {
  const { dataBytes, logBytes } = view.folderSizes()
  return `datadir_size: ${dataBytes}\nlogdir_size: ${logBytes}\n`
}

/** Answers conf; the text of an ensemble ends without a line break. */
export function configurationText(view: ServerView): string {
  return settings(view.configuration(), view.folderSizes())
}

function settings(configuration: PortConfiguration, sizes: FolderSizes): string {
  const { ensemble } = configuration
  const lines = [
    `clientPort=${configuration.clientPort}`, `secureClientPort=${configuration.secureClientPort}`,
    `dataDir=${configuration.dataFolder}`, `dataDirSize=${sizes.dataBytes}`,
    `dataLogDir=${configuration.logFolder}`, `dataLogSize=${sizes.logBytes}`,
    `tickTime=${configuration.tickMs}`, `maxClientCnxns=${configuration.perAddress}`,
    `minSessionTimeout=${configuration.sessionMinMs}`, `maxSessionTimeout=${configuration.sessionMaxMs}`,
    `clientPortListenBacklog=${configuration.backlog}`, `serverId=${configuration.serverId}`,
  ]
  if (ensemble === null) return ended(lines)
  lines.push(
    `initLimit=${ensemble.initTicks}`, `syncLimit=${ensemble.syncTicks}`, 'electionAlg=3',
    `electionPort=${ensemble.electionPort}`, `quorumPort=${ensemble.quorumPort}`,
    `peerType=${ensemble.isObserver ? 1 : 0}`, 'membership: ')
  return ended(lines) + ensemble.membership
}

/** Answers hash. */
export function digestsText(view: ServerView): string {
  return ended(Array.from(view.digests(), ({ zxid, digest }) => `${zxid.toString(16)}: ${digest}`))
}

/** Every line with its end. */
export function ended(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('')
}
