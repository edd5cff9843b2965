import { formatZxid } from '../core/zxid.ts'
import type { Stat } from '../core/tree/stat.ts'
import type { EnsembleStatus } from '../peer/ensemble.ts'

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** A time as zkCli prints it: `Thu Jan 01 00:00:00 UTC 1970`. */
export function formatTime(ms: number): string {
  const at = new Date(ms)
  const two = (value: number): string => String(value).padStart(2, '0')
  const clock = [at.getUTCHours(), at.getUTCMinutes(), at.getUTCSeconds()].map(two).join(':')
  const day = `${DAYS[at.getUTCDay()]} ${MONTHS[at.getUTCMonth()]} ${two(at.getUTCDate())}`
  return `${day} ${clock} UTC ${at.getUTCFullYear()}`
}

/** A stat as zkCli prints it. */
export function formatStat(stat: Stat): string {
  return [
    `cZxid = ${formatZxid(stat.czxid)}`, `ctime = ${formatTime(stat.ctime)}`,
    `mZxid = ${formatZxid(stat.mzxid)}`, `mtime = ${formatTime(stat.mtime)}`,
    `pZxid = ${formatZxid(stat.pzxid)}`, `cversion = ${stat.cversion}`, `dataVersion = ${stat.version}`,
    `aclVersion = ${stat.aversion}`, `ephemeralOwner = ${stat.ephemeralOwner}`,
    `dataLength = ${stat.dataLength}`, `numChildren = ${stat.numChildren}`,
  ].join('\n')
}

/** Children as zkCli prints them. */
export function formatChildren(children: readonly string[]): string {
  return `[${[...children].sort().join(', ')}]`
}

/** One line per peer, the leader's own view of the others beside it. */
export function formatStatus(status: EnsembleStatus): string {
  const lead = status.peers.find(({ id }) => id === status.leader)?.status ?? null
  const lines = [`ensemble ${status.name}, leader ${status.leader === null ? 'none' : `peer ${status.leader}`}`]
  for (const { id, isRunning, status: peer, error } of status.peers) {
    if (!isRunning || peer === null) {
      lines.push(error === null ? `peer ${id}  stopped` : `peer ${id}  failed: ${error.message}`)
      continue
    }
    const behind = lead?.members.find((member) => member.id === id)?.behindTxns
    const lag = typeof behind === 'number' ? `, ${behind} behind` : ''
    const sessions = peer.sessions === 1 ? '1 session' : `${peer.sessions} sessions`
    lines.push(`peer ${id}  ${peer.role}${peer.serving ? '' : ' (not serving)'}  epoch ${peer.epoch}  zxid ` +
      `${formatZxid(peer.appliedZxid)}${lag}  ${peer.nodes} nodes  ${sessions}`)
  }
  return lines.join('\n')
}
