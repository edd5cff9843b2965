import type { Effect, Input } from '../../core/effects.ts'
import { formatZxid } from '../../core/zxid.ts'
import type { Message } from '../../core/zab/messages.ts'

/** One event of a run; `peer` null concerns all of them. */
export interface LaneEvent {
  readonly atMs: number
  readonly peer: number | null
  readonly kind: 'fault' | 'role' | 'message' | 'disk' | 'note'
  readonly text: string
}

/** More than a person reads; the newest are kept. */
const EVENTS_MAX = 50_000
const LANE_WIDTH = 34

/** What a message says, in a few words. */
export function messageText(message: Message): string {
  switch (message.kind) {
    case 'notify': {
      const { vote: { leader, peerEpoch, zxid }, state, round } = message
      return `notify ${state} round ${round} for ${leader} (${peerEpoch}, ${formatZxid(zxid)})`
    }
    case 'followerInfo': return `followerInfo promised ${message.acceptedEpoch} ${message.health}`
    case 'leaderInfo': case 'newLeader': return `${message.kind} ${message.epoch}`
    case 'ackEpoch': return `ackEpoch ${message.epoch} of ${message.currentEpoch} at ${formatZxid(message.lastZxid)}`
    case 'diff': return `diff from ${formatZxid(message.fromZxid)}`
    case 'trunc': return `trunc to ${formatZxid(message.toZxid)}`
    case 'snap': return `snap at ${formatZxid(message.zxid)}`
    case 'proposal': case 'inform': {
      const [first, last] = [message.entries[0], message.entries[message.entries.length - 1]]
      const end = last === undefined || last === first ? '' : ` .. ${formatZxid(last.zxid)}`
      return `${message.kind} ${first === undefined ? 'of nothing' : formatZxid(first.zxid)}${end}`
    }
    case 'ack': return `ack ${formatZxid(message.zxid)}${message.newLeader ? ' of newLeader' : ''}`
    case 'commit': return `commit ${formatZxid(message.zxid)}`
    case 'upToDate': return `upToDate at ${formatZxid(message.commit)}`
    case 'refuse': return `refuse: ${message.reason}`
    case 'forward': return `forward ${message.requests.length}`
    default: return message.kind
  }
}

/** A run for people: one line per event, one lane per peer. */
export class Lanes {
  readonly #peers: readonly number[]
  #events: LaneEvent[] = []

  constructor(peers: readonly number[]) {
    this.#peers = peers
  }

  get events(): readonly LaneEvent[] {
    return this.#events
  }

  add(event: LaneEvent): void {
    this.#events.push(event)
    if (this.#events.length > EVENTS_MAX * 2) this.#events = this.#events.slice(-EVENTS_MAX)
  }

  /** An input of a peer; `from` is the other end of its link, 0 when that is not known. */
  input(atMs: number, peer: number, input: Input, from: number): void {
    if (input.kind === 'receive') {
      this.add({ atMs, peer, kind: 'message', text: `${from} > ${messageText(input.message)}` })
    } else if (input.kind === 'linkUp') this.add({ atMs, peer, kind: 'note', text: `link to ${input.peer} is up` })
    else if (input.kind === 'linkDown') this.add({ atMs, peer, kind: 'note', text: `link to ${from} is down` })
    else if (input.kind === 'persisted') this.add({ atMs, peer, kind: 'disk', text: `${input.ticket} is on disk` })
  }

  effect(atMs: number, peer: number, effect: Effect): void {
    if (effect.kind === 'role') {
      const role = `${effect.role}${effect.serving ? ', serving' : ''}, epoch ${effect.epoch}`
      this.add({ atMs, peer, kind: 'role', text: `${role}: ${effect.reason}` })
    } else if (effect.kind === 'log') this.add({ atMs, peer, kind: 'note', text: effect.text })
    else if (effect.kind === 'fatal') this.add({ atMs, peer, kind: 'fault', text: `fatal: ${effect.reason}` })
    else if (effect.kind === 'persist') {
      const { batch: { truncateAfter, entries, meta, install } } = effect
      const parts = [
        truncateAfter === undefined ? '' : `truncate to ${formatZxid(truncateAfter)}`,
        entries === undefined ? '' : `${entries.length} txns to ${formatZxid(entries[entries.length - 1]!.zxid)}`,
        meta === undefined ? '' : `promised ${meta.acceptedEpoch} of ${meta.currentEpoch}`,
        install === undefined ? '' : `snapshot at ${formatZxid(install.zxid)}`,
      ].filter((part) => part !== '')
      this.add({ atMs, peer, kind: 'disk', text: `writes ${effect.ticket}: ${parts.join(', ')}` })
    }
  }

  /** The newest `count` events as text. */
  lines(count: number): string[] {
    const head = ['ms'.padStart(12), ...this.#peers.map((peer) => `peer ${peer}`.padEnd(LANE_WIDTH))].join('  ')
    const lines = this.#events.slice(-count).map(({ atMs, peer, text }) => {
      const indent = peer === null ? '' : ' '.repeat((LANE_WIDTH + 2) * this.#peers.indexOf(peer))
      return `${atMs.toFixed(2).padStart(12)}  ${indent}${text}`
    })
    return [head, ...lines]
  }

  /** The newest events as one page without anything from elsewhere. */
  html(title: string): string {
    const events = this.#events.slice(-EVENTS_MAX)
    const rows = events.map(({ atMs, peer, kind, text }) => {
      const cells = peer === null ? `<td class="${kind}" colspan="${this.#peers.length}">${escaped(text)}</td>`
        : this.#peers.map((one) => one === peer ? `<td class="${kind}">${escaped(text)}</td>` : '<td></td>').join('')
      return `<tr><th>${atMs.toFixed(2)}</th>${cells}</tr>`
    })
    const head = this.#peers.map((peer) => `<th>peer ${peer}</th>`).join('')
    return '<!doctype html><html lang="en"><head><meta charset="utf-8">' +
      `<title>${escaped(title)}</title><style>${STYLE}</style></head><body><h1>${escaped(title)}</h1>` +
      `<table><thead><tr><th>ms</th>${head}</tr></thead><tbody>` +
      `${rows.join('\n')}</tbody></table></body></html>\n`
  }
}

const STYLE = `
body { font: 12px/1.4 system-ui, sans-serif; margin: 1rem } h1 { font-size: 1rem }
table { border-collapse: collapse; width: 100%; table-layout: fixed }
thead th { position: sticky; top: 0; background: #fff; border-bottom: 1px solid #888; text-align: left }
th { font-weight: normal; color: #666; text-align: right; padding-right: .5rem } th:first-child { width: 6rem }
td { border-left: 1px solid #ddd; padding: 0 .4rem; vertical-align: top; overflow-wrap: anywhere }
.fault { background: #c0392b; color: #fff } .role { background: #d6eaf8; font-weight: 600 } .disk { color: #7d6608 }
.note { color: #555 } td.note[colspan], td.fault[colspan] { text-align: center }
`

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
