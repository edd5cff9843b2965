/** Tells local states apart: two replicas with the same print go on in the same way. */
import type { Replica } from '../../lib/core/replica.ts'
import type { Zxid } from '../../lib/core/zxid.ts'

/** Fields that do not bear on what happens, or are printed through others. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'config', 'configs', 'voters', 'now', 'elections', 'random', 'hidden$announced', 'hidden$context', 'hidden$owner',
  'hidden$effects', 'hidden$codec', 'hidden$config', 'hidden$options',
])

interface Printing {
  readonly out: string[]
  readonly seen: Map<object, number>
  readonly nowMs: number
  readonly durableTicket: number
}

/** Moments are printed against now, tickets against what is durable: neither begins at zero for any other reason. */
function printNumber(key: string, value: number, { out, nowMs, durableTicket }: Printing): void {
  if (!Number.isFinite(value)) out.push('inf')
  else if (key.endsWith('Ms')) out.push(String(value - nowMs))
  else if (key.endsWith('icket')) out.push(value <= durableTicket ? 'done' : `+${value - durableTicket}`)
  else out.push(String(value))
}

function printObject(value: object, printing: Printing): void {
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
    for (const [key, one] of value) {
      print('key', key, printing)
      print('value', one, printing)
    }
  } else if (value instanceof Set || Array.isArray(value)) {
    for (const one of value as Iterable<unknown>) print('item', one, printing)
  } else {
    for (const key of Object.keys(value)) {
      if (LEFT_OUT.has(key)) continue
      out.push(key)
      print(key, (value as Record<string, unknown>)[key], printing)
    }
  }
  out.push(';')
}

function print(key: string, value: unknown, printing: Printing): void {
  if (typeof value === 'number') printNumber(key, value, printing)
  else if (typeof value === 'object' && value !== null) printObject(value, printing)
  else if (typeof value !== 'function') printing.out.push(String(value))
}

/** The whole state of a replica, as text. */
export function printOf(replica: Replica): string {
  const printing: Printing = {
    out: [], seen: new Map(), nowMs: replica.now.ms, durableTicket: replica.journal.durableTicket,
  }
  print('replica', replica, printing)
  return printing.out.join(' ')
}
