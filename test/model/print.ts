/** Tells local states apart: two replicas with the same print go on in the same way. */
import type { Replica } from '../../lib/core/replica.ts'
import type { Zxid } from '../../lib/core/zxid.ts'
import type { Association } from '../../lib/core/zab/association.ts'

/** Fields that do not bear on what happens, or are printed through others. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'config', 'configs', 'voters', 'now', 'elections', 'random', 'hidden$announced', 'hidden$context', 'hidden$owner',
  'hidden$effects', 'hidden$codec', 'hidden$config', 'hidden$options', 'hidden$mutant',
  // Printed as `joinCounts`.
  'hidden$joins',
])

/**
 * Fields that cannot matter in the model, each with its reason. No storage is ever empty after the history that all
 * begins with, so nobody asks the founding rule; nothing is snapshotted; frames count bytes, of which there are too few
 * for any limit.
 */
const IDLE: ReadonlySet<string> = new Set([
  'founding', 'hidden$snapshotter', 'hidden$frames', 'hidden$unackedBytes', 'hidden$lastTickMs', 'hidden$tickMs',
])

/** Fields of an established leader that are asked before only. */
const BEFORE_ACTIVE: ReadonlySet<string> = new Set([
  'hidden$electedEpoch', 'hidden$electedZxid', 'hidden$historyEnd', 'hidden$startedMs', 'hidden$acceptedTicket',
  'hidden$currentTicket',
])

/** Maps that are asked by key, or whose values are sent to one peer each: their order is of no account. */
const UNORDERED: ReadonlySet<string> = new Set([
  'hidden$links', 'hidden$peers', 'hidden$learners', 'hidden$votes', 'hidden$promised', 'hidden$forgetful',
])

interface Printing {
  readonly out: string[]
  readonly seen: Map<object, number>
  readonly nowMs: number
  readonly durableTicket: number
  /** Says all that is there, also what cannot matter. */
  readonly isFull: boolean
}

/** Moments are printed against now, tickets against what is durable: neither begins at zero for any other reason. */
function printNumber(key: string, value: number, { out, nowMs, durableTicket }: Printing): void {
  if (!Number.isFinite(value)) out.push('inf')
  else if (key.endsWith('Ms')) out.push(String(value - nowMs))
  else if (key.endsWith('icket')) out.push(value <= durableTicket ? 'done' : `+${value - durableTicket}`)
  else out.push(String(value))
}

/** Fields of the leader's side of a learner that its stage has left behind. */
function isBehind(key: string, { stage, newLeaderAcked }: Association): boolean {
  switch (key) {
    case 'acceptedEpoch': return stage !== 'info'
    case 'log': return stage !== 'acked'
    case 'health': case 'epochCounted': return stage === 'syncing' || stage === 'live'
    case 'piecesSent': case 'piecesAcked': return newLeaderAcked
    default: return false
  }
}

/** True for a field that nobody asks any more. */
function isDead(key: string, value: object): boolean {
  if (IDLE.has(key)) return true
  const fields = value as Readonly<Record<string, unknown>>
  if ('newLeaderAcked' in value && 'stage' in value) return isBehind(key, value as Association)
  if (BEFORE_ACTIVE.has(key)) return fields['active'] === true
  // What a peer that does not look says of its leader's log is never compared (election.ts: votes by leader alone).
  if (key === 'hidden$vote') return fields['election'] !== null
  if (key === 'hidden$pieces') return fields['stage'] === 'synced' || fields['stage'] === 'upToDate'
  return key === 'hidden$syncedThrough'
}

function printObject(key: string, value: object, printing: Printing): void {
  const { out, seen } = printing
  const known = seen.get(value)
  if (known !== undefined) {
    out.push(`^${known}`)
    return
  }
  seen.set(value, seen.size)
  // A bundler may put a line before the name of a class that names itself.
  const name = value.constructor.name.replace(/^_/, '')
  if (value instanceof Uint8Array) out.push(Buffer.from(value).toString('latin1'))
  else if (name === 'Tree') {
    const tree = value as Replica['tree']
    const { hash1, hash2 } = tree.digest()
    out.push(`tree ${tree.zxid} ${hash1} ${hash2} ${tree.sessions.size}`)
  } else if (name === 'Log') {
    const log = value as Replica['journal']['log']
    out.push(`log ${log.floor}`)
    for (const entry of log.slice(log.floor, Number.MAX_SAFE_INTEGER as Zxid, Infinity)) {
      out.push(`${entry.zxid}.${entry.hash1}.${entry.hash2}`)
    }
  } else if (value instanceof Map) {
    const entries = [...value as Map<unknown, unknown>]
    if (UNORDERED.has(key) && !printing.isFull) entries.sort(([a], [b]) => Number(a) - Number(b))
    for (const [at, one] of entries) {
      print('key', at, printing)
      print('value', one, printing)
    }
  } else if (value instanceof Set || Array.isArray(value)) {
    for (const one of value as Iterable<unknown>) print('item', one, printing)
  } else printFields(key, value, printing)
  out.push(';')
}

function printFields(key: string, value: object, printing: Printing): void {
  const { out, isFull } = printing
  for (const field of Object.keys(value)) {
    if (LEFT_OUT.has(field) || (!isFull && isDead(field, value))) continue
    if (!isFull && key === 'hidden$vote' && field === 'zxid') continue
    out.push(field)
    print(field, (value as Record<string, unknown>)[field], printing)
  }
}

function print(key: string, value: unknown, printing: Printing): void {
  if (typeof value === 'number') printNumber(key, value, printing)
  else if (typeof value === 'object' && value !== null) printObject(key, value, printing)
  else if (typeof value !== 'function') printing.out.push(String(value))
}

/** The whole state of a replica, as text; when it is not `isFull`, without what cannot matter any more. */
export function printOf(replica: Replica, isFull: boolean): string {
  const printing: Printing = {
    out: [], seen: new Map(), nowMs: replica.now.ms, durableTicket: replica.journal.durableTicket, isFull,
  }
  print('replica', replica, printing)
  return printing.out.join(' ')
}
