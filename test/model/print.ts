/** Tells local states apart: two replicas with the same print go on in the same way. */
import type { Replica } from '../../lib/core/replica.ts'
import type { Zxid } from '../../lib/core/zxid.ts'
import type { Chain } from '../../lib/core/zab/chain.ts'
import type { Role, Vote } from '../../lib/core/zab/messages.ts'
import type { Association } from '../../lib/core/zab/association.ts'
import type { LogEntry } from '../../lib/ports/storage.ts'
import type { Scribe } from './shapes.ts'

/** Fields that do not bear on what happens, or are printed through others. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'config', 'configs', 'voters', 'now', 'roles', 'random', 'hidden$context', 'hidden$owner',
  'hidden$effects', 'hidden$codec', 'hidden$config', 'hidden$options', 'hidden$mutant',
  // What it logged last.
  'hidden$isShort',
  // Memory to reckon in, written before it is read.
  'hidden$words',
  // Printed as `joinCounts`.
  'joins', 'joinCounts',
])

/**
 * Fields that cannot matter in the model, each with its reason. No storage is ever empty after the history that all
 * begins with, so nobody asks the founding rule; nothing is snapshotted; frames count bytes, of which there are too few
 * for any limit. Time passes for an established leader only when it has been silent for longer than anybody bears: it
 * loses all learners, whatever they owe, and leaves the sessions to the next one.
 */
const IDLE: ReadonlySet<string> = new Set([
  'founding', 'hidden$snapshotter', 'owesSinceMs', 'hidden$reapAtMs', 'hidden$tellFromMs', 'hidden$expireFromMs',
  'hidden$heldUpMs', 'hidden$earlierMs', 'hidden$judgedMs', 'hidden$toldMs', 'hidden$batchBytes',
  'hidden$frames', 'hidden$unackedBytes', 'hidden$lastTickMs', 'hidden$tickMs', 'hidden$lag', 'hidden$turn',
  'answeredTurn', 'answeredBytes', 'blockedMs',
])

/** Fields of an established leader that are asked before only. */
const BEFORE_ACTIVE: ReadonlySet<string> = new Set([
  'hidden$electedEpoch', 'hidden$electedZxid', 'hidden$historyEnd', 'hidden$startedMs', 'ownDisk',
])

/** Maps that are asked by key, or whose values are sent to one peer each: their order is of no account. */
const UNORDERED: ReadonlySet<string> = new Set([
  'hidden$links', 'hidden$peers', 'hidden$learners', 'hidden$votes', 'hidden$refusals',
  'hidden$healths', 'hidden$narrow', 'hidden$forgetful',
])

/** Other times are moments. */
const DURATIONS: ReadonlySet<string> = new Set(['resendMs', 'hidden$resendMs', 'timeoutMs'])

interface Printing {
  readonly out: string[]
  readonly seen: Map<object, number>
  readonly nowMs: number
  readonly durableTicket: number
  /** Says all that is there, also what cannot matter. */
  readonly isFull: boolean
  /** Writes epochs and what is made of them, when they are to be renamed; null: as they are. */
  readonly scribe: Scribe | null
}

type Kind = 'moment' | 'ticket' | 'epoch' | 'number'

const KINDS = new Map<string, Kind>()

/** What the number in a field is, by the name of the field. */
function kindOf(key: string): Kind {
  const known = KINDS.get(key)
  if (known !== undefined) return known
  const kind = DURATIONS.has(key) ? 'number' : key.endsWith('Ms') ? 'moment' : key.endsWith('icket') ? 'ticket'
    : /epoch$/i.test(key) ? 'epoch' : 'number'
  KINDS.set(key, kind)
  return kind
}

/** Moments are printed against now, tickets against what is durable: neither begins at zero for any other reason. */
function printNumber(key: string, value: number, { out, nowMs, durableTicket, scribe }: Printing): void {
  const kind = kindOf(key)
  if (!Number.isFinite(value)) out.push('inf')
  else if (kind === 'moment') out.push(String(value - nowMs))
  else if (kind === 'ticket') out.push(value <= durableTicket ? 'done' : `+${value - durableTicket}`)
  else out.push(scribe === null ? String(value) : scribe.number(kind === 'epoch', value))
}

/** Fields of the leader's side of a learner that its stage has left behind. */
function isBehind(key: string, { stage, newLeaderAcked }: Association): boolean {
  switch (key) {
    case 'acceptedEpoch': return stage !== 'info'
    case 'log': return stage !== 'acked'
    case 'health': case 'epochCounted': return stage === 'syncing' || stage === 'live'
    case 'piecesSent': case 'piecesAcked': return newLeaderAcked || stage === 'live'
    case 'syncEnd': return stage === 'live'
    default: return false
  }
}

/** True for a field that nobody asks any more. */
function isDead(key: string, value: object): boolean {
  if (IDLE.has(key)) return true
  const fields = value as Readonly<Record<string, unknown>>
  if ('newLeaderAcked' in value && 'stage' in value) return isBehind(key, value as Association)
  if (key === 'sessions') return 'hidden$preparer' in value
  if (BEFORE_ACTIVE.has(key)) return fields['active'] === true
  // What a peer that does not look says of its leader's log is never compared (election.ts: votes by leader alone).
  if (key === 'hidden$vote') return fields['election'] !== null
  if (key === 'hidden$pieces') return fields['stage'] === 'synced' || fields['stage'] === 'upToDate'
  // A pong that nobody asked for confirms nothing.
  if (key === 'hidden$pingSeq') return 'join' in fields
  // The learner's chain is where it reckons with the entry at hand.
  return key === 'hidden$syncedThrough' || (key === 'hidden$chain' && 'join' in fields)
}

interface OpenElection {
  readonly round: number
  readonly proposal: Vote
  readonly hidden$own: Vote
  readonly hidden$votes: ReadonlyMap<number, Vote>
  readonly hidden$settled: ReadonlyMap<number, { readonly vote: Vote, readonly state: Role, readonly round: number }>
  readonly hidden$resendAtMs: number
  readonly hidden$resendMs: number
  readonly hidden$decideAtMs: number
  readonly hidden$retryAtMs: number
  readonly hidden$saidWide: boolean
  readonly decision: { readonly vote: Vote, readonly round: number, readonly isFound: boolean } | null
}

function byPeer<T>(map: ReadonlyMap<number, T>): [number, T][] {
  return [...map].sort(([one], [other]) => one - other)
}

/**
 * An election as far as election.ts asks. Votes of this round are asked for whom they name; claims of peers that follow
 * or lead for that, for the epoch and round, and for whether they lead. In what order they came nothing asks.
 */
function printElection(election: OpenElection, printing: Printing): void {
  const { out } = printing
  const { round, proposal, hidden$own: own, decision } = election
  print('round', round, printing)
  for (const vote of [proposal, own]) {
    print('leader', vote.leader, printing)
    print('zxid', vote.zxid, printing)
    print('peerEpoch', vote.peerEpoch, printing)
  }
  for (const [peer, { leader }] of byPeer(election.hidden$votes)) out.push(`${peer} for ${leader}`)
  for (const [peer, claim] of byPeer(election.hidden$settled)) {
    out.push(`${peer} under ${claim.vote.leader} ${claim.state === 'leading'}`)
    print('peerEpoch', claim.vote.peerEpoch, printing)
    print('round', claim.round, printing)
  }
  print('resendAtMs', election.hidden$resendAtMs, printing)
  print('resendMs', election.hidden$resendMs, printing)
  print('decideAtMs', election.hidden$decideAtMs, printing)
  print('retryAtMs', election.hidden$retryAtMs, printing)
  out.push(String(election.hidden$saidWide))
  if (decision === null) return
  print('decision', decision.vote.leader, printing)
  print('peerEpoch', decision.vote.peerEpoch, printing)
  print('round', decision.round, printing)
  out.push(String(decision.isFound))
}

const NAMES = new Map<unknown, string>()

/** What a value is. A bundler may put a line before the name of a class that names itself. */
function nameOf({ constructor }: object): string {
  const known = NAMES.get(constructor)
  if (known !== undefined) return known
  const name = constructor.name.replace(/^_/, '')
  NAMES.set(constructor, name)
  return name
}

function printObject(key: string, value: object, printing: Printing): void {
  const { out, seen, scribe } = printing
  const known = seen.get(value)
  if (known !== undefined) {
    out.push(`^${known}`)
    return
  }
  seen.set(value, seen.size)
  const name = nameOf(value)
  if (value instanceof Uint8Array) out.push(Buffer.from(value).toString('latin1'))
  else if (name === 'Tree') {
    const tree = value as Replica['tree']
    if (scribe !== null) {
      out.push(`tree ${scribe.applied()}`)
      return
    }
    const { hash1, hash2 } = tree.digest()
    out.push(`tree ${tree.zxid} ${hash1} ${hash2} ${tree.sessions.size}`)
  } else if (name === 'Log') {
    const log = value as Replica['journal']['log']
    out.push(`log ${log.floor}`)
    for (const entry of log.slice(log.floor, Number.MAX_SAFE_INTEGER as Zxid, Infinity)) {
      out.push(scribe === null ? `${entry.zxid}.${entry.hash1}.${entry.hash2}` : scribe.chain(entry))
    }
  } else if (name === 'Election' && !printing.isFull) printElection(value as unknown as OpenElection, printing)
  else if (scribe !== null && 'prevZxid' in value) out.push(scribe.chain(value as LogEntry))
  else if (value instanceof Map) {
    const entries = [...value as Map<unknown, unknown>]
    if (UNORDERED.has(key) && !printing.isFull) entries.sort(([a], [b]) => Number(a) - Number(b))
    for (const [at, one] of entries) {
      print('key', at, printing)
      print('value', one, printing)
    }
  } else if (key === 'hidden$gated' && !printing.isFull) {
    // What waits for the same write goes out in one step, to each peer in its order.
    const gated = [...value as readonly { readonly ticket: number, readonly link: number }[]]
    const isOrdered = gated.every(({ ticket }, at) => at === 0 || ticket >= gated[at - 1]!.ticket)
    if (isOrdered) gated.sort((one, other) => one.ticket - other.ticket || one.link - other.link)
    for (const one of gated) print('item', one, printing)
  } else if (value instanceof Set || Array.isArray(value)) {
    for (const one of value as Iterable<unknown>) print('item', one, printing)
  } else printFields(key, value, printing)
  out.push(';')
}

function printFields(key: string, value: object, printing: Printing): void {
  const { out, isFull, scribe } = printing
  for (const field of Object.keys(value)) {
    // What a message says for people to read decides nothing.
    if (scribe !== null && (field === 'hash2' || field === 'reason')) continue
    if (scribe !== null && field === 'hash1') {
      out.push(scribe.chain(value as Chain))
      continue
    }
    // Of a notification it is what tells its reader which join is over.
    const isLeftOut = LEFT_OUT.has(field) && (field !== 'joins' || !('kind' in value) || value.kind !== 'notify')
    if (isLeftOut || (!isFull && isDead(field, value))) continue
    if (!isFull && key === 'hidden$vote' && field === 'zxid') continue
    out.push(field)
    print(field, (value as Record<string, unknown>)[field], printing)
  }
}

function print(key: string, value: unknown, printing: Printing): void {
  if (typeof value === 'number') printNumber(key, value, printing)
  else if (typeof value === 'object' && value !== null) printObject(key, value, printing)
  else if (typeof value === 'function') return
  else if (typeof value === 'string' && printing.scribe !== null) printing.out.push(printing.scribe.text(value))
  else printing.out.push(String(value))
}

/**
 * The whole state of a replica, as text; when it is not `isFull`, without what cannot matter any more, and with a
 * scribe, with its epochs named as that one names them.
 */
export function printOf(replica: Replica, isFull: boolean, scribe: Scribe | null = null): string {
  const printing: Printing = {
    out: [], seen: new Map(), nowMs: replica.now.ms, durableTicket: replica.journal.durableTicket, isFull,
    scribe,
  }
  print('replica', replica, printing)
  // A link that nobody has joined over yet may have a count of 0 or none.
  const { joinCounts } = replica as { joinCounts?: readonly (number | undefined)[] }
  for (const peer of replica.voters) printing.out.push(String(joinCounts?.[peer] ?? 0))
  return printing.out.join(' ')
}

/** A message, a batch of writes or a disk, with its epochs named by a scribe. */
export function printPlain(value: object, scribe: Scribe): string {
  const printing: Printing = { out: [], seen: new Map(), nowMs: 0, durableTicket: 0, isFull: false, scribe }
  print('plain', value, printing)
  return printing.out.join(' ')
}
