import { formatZxid } from '../core/zxid.ts'
import type { Stat } from '../core/tree/stat.ts'
import type { EnsembleStatus } from '../peer/ensemble.ts'

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const HEX_RULE = '-'.repeat(49)
const HEX_ROW_BYTES = 16

/** A time as zkCli prints it, in the zone of this machine: `Thu Jan 01 00:00:00 UTC 1970`. */
export function formatTime(ms: number): string {
  const at = new Date(ms)
  const two = (value: number): string => String(value).padStart(2, '0')
  const clock = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':')
  const parts = new Intl.DateTimeFormat('en-US', { timeZoneName: 'short' }).formatToParts(at)
  const zone = parts.find(({ type }) => type === 'timeZoneName')?.value ?? 'UTC'
  return `${DAYS[at.getDay()]} ${MONTHS[at.getMonth()]} ${two(at.getDate())} ${clock} ${zone} ${at.getFullYear()}`
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

/** Names in brackets, as zkCli prints lists. */
export function formatList(names: readonly string[]): string {
  return `[${names.join(', ')}]`
}

/** Bytes in rows of sixteen, with what can be printed beside them; nothing for no bytes. */
export function formatHex(bytes: Uint8Array): string {
  if (bytes.length === 0) return ''
  const lines = [
    `         +${HEX_RULE}+`, '         |  0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f |',
    `+--------+${HEX_RULE}+----------------+`,
  ]
  for (let at = 0; at < bytes.length; at += HEX_ROW_BYTES) {
    const row = [...bytes.subarray(at, at + HEX_ROW_BYTES)]
    const hex = row.map((byte) => ` ${byte.toString(16).padStart(2, '0')}`).join('')
    const text = row.map((byte) => (byte > 0x1f && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('')
    lines.push(`|${at.toString(16).padStart(8, '0')}|${hex.padEnd(48)} |${text.padEnd(HEX_ROW_BYTES)}|`)
  }
  return [...lines, `+--------+${HEX_RULE}+----------------+`].join('\n')
}

/** Data for JSON: as text when it is valid UTF-8, else in Base64; null when there is none. */
export function jsonData(bytes: Uint8Array | null): { readonly data: string | null } | { readonly base64: string } {
  if (bytes === null) return { data: null }
  try {
    return { data: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) }
  } catch {
    // Not UTF-8.
    return { base64: Buffer.from(bytes).toString('base64') }
  }
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
